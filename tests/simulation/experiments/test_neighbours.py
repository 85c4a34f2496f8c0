"""Results of others that follow from the same dynamics, as far as their abstracts and captions state them.

What is reproduced and what is not is in the documentation's page on limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy.special import expit, ndtr
from sklearn.svm import SVC

from simulation import FullBatch, train
from simulation.training.batches import Batch, SingleSource
from simulation.training.sampling import FreshSamples, GaussianSampler
from theory import DataModel, Logistic, Softmax, mean_field_path
from theory.validation import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class ErrorShare:
    """A probe: the share of given samples whose class is not that of the largest output."""

    inputs: FloatArray
    labels: IntArray

    def missed(self, weights: FloatArray, resolution: float) -> FloatArray:
        """(replica,) share of errors of ``weights`` (replica, outputs, d)."""
        found = np.argmax(self.inputs @ weights.transpose(0, 2, 1), axis=2)
        return np.asarray(np.mean(found != self.labels, axis=1))


def _anisotropic_classes(exponent: float, dimension: int = 100, classes: int = 4) -> DataModel:
    """Gaussian classes with within-class eigenvalues (rho / d)^exponent, rho = 1 ... d, and random means."""
    within = (np.arange(1, dimension + 1) / dimension) ** exponent
    means = 2 * np.random.default_rng(0).standard_normal((classes, dimension)) / np.sqrt(dimension)
    means -= means.mean(axis=0)
    model = DataModel.from_covariance(
        np.diag(within) + means.T @ means / classes, means / classes, np.full(classes, 1 / classes)
    )
    return replace(model, basis=None)


@pytest.mark.parametrize("exponent", [1.1, 1.5])
def test_one_pass_over_anisotropic_classes_follows_the_mean_field(exponent: float) -> None:
    """Eigenvalues (rho / d)^1.1 and ^1.5 as in arXiv 2510.14074: the share of errors along one pass, within .01.

    Their exact equations have the noise of the steps as well; the mean field has none, and is the limit of many new
    samples a step: 1,024 here.
    """
    model = _anisotropic_classes(exponent)
    inputs, labels = GaussianSampler(model, 7, torch.float64, torch.device("cpu")).draw(10_000)
    probe = ErrorShare(inputs.numpy(), labels.numpy())
    steps, step_size = np.array([0, 1, 2, 4, 8, 16, 32, 64]), 0.4
    start = 1e-3 * np.random.default_rng(1).standard_normal((2, 4, model.dimension))
    source = FreshSamples(model, 1024, 2, 3, torch.float64)
    trained = train(source, model, Softmax(), start, steps, step_size, dtype=torch.float64, probes=[probe])
    measured = trained.missed[0].mean(axis=0)
    path = mean_field_path(model, Softmax(), start[:1], steps, step_size)
    derived = np.array([probe.missed(weights, 0.0)[0] for weights in path])
    np.testing.assert_allclose(measured[1:], derived[1:], atol=0.01)
    assert derived[1] > 2 * derived[-1]


class TeacherBatches(SingleSource):
    """New standard normal inputs at each step, with the class of a teacher's largest output."""

    def __init__(self, teacher: torch.Tensor, size: int, replicas: int, seed: int) -> None:
        classes, dimension = teacher.shape
        super().__init__(dimension, replicas, size, 2**20, teacher.dtype, torch.full((classes,), 1 / classes).double())
        self._teacher, self._generator = teacher, torch.Generator().manual_seed(seed)

    def batches(self, step: int) -> Iterator[Batch]:
        """``size`` new inputs for each replica."""
        inputs = self._teacher.new_empty(self.groups, self.size, self.dimension).normal_(generator=self._generator)
        yield Batch(inputs, (inputs @ self._teacher.T).argmax(dim=2))


def test_the_late_error_of_online_softmax_falls_with_the_third_root_of_time() -> None:
    """As arXiv 2605.22341 has it: labels without noise, so that weights grow and fewer and fewer samples pull.

    With r the length of the weights, a share 1/r of the samples is within 1/r of a boundary and pulls by about 1:
    dr/dt ~ r^-2, r ~ t^(1/3). Across, the noise of steps is in balance with the pull at a length that does not grow,
    and errors go as its ratio to r.
    """
    teacher = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0][:3]
    model = DataModel(np.ones(6), np.zeros((3, 6)), np.full(3, 1 / 3))
    inputs = np.random.default_rng(2).standard_normal((20_000, 6))
    probe = ErrorShare(inputs, np.argmax(inputs @ teacher.numpy().T, axis=1))
    steps = np.array([0, *np.rint(np.geomspace(100, 10_000, 13)).astype(int)])
    source = TeacherBatches(teacher, 1, 16, seed=5)
    start = np.zeros((16, 3, 6))
    trained = train(source, model, Softmax(), start, steps, 2.0, dtype=torch.float64, probes=[probe])
    logs = np.log(trained.missed[0][:, 1:].mean(axis=0))
    slope = np.polyfit(np.log(steps[1:]), logs, 1)[0]
    assert slope == pytest.approx(-1 / 3, abs=0.05)


@dataclass(frozen=True, eq=False)
class LogisticRisk:
    """A probe: the population's cross-entropy of a logistic model x ~ N(0, Sigma), P(1 | x) = sigmoid(w* x)."""

    eigenvalues: FloatArray
    truth: FloatArray

    def missed(self, weights: FloatArray, resolution: float) -> FloatArray:
        """(replica,) risk of ``weights`` (replica, 1, d)."""
        return np.array([self._risk(one[0]) for one in weights])

    def _risk(self, row: FloatArray) -> float:
        """Of the two outputs, Gaussian with these covariances, by quadrature."""
        rows = np.stack([self.truth, row])
        covariance = (rows * self.eigenvalues) @ rows.T
        nodes, shares = np.polynomial.hermite_e.hermegauss(60)
        one, other = np.meshgrid(nodes, nodes)
        root = np.linalg.cholesky(covariance + 1e-12 * np.trace(covariance) * np.eye(2))
        true, own = root[0, 0] * one, root[1, 0] * one + root[1, 1] * other
        wanted = expit(true)
        values = wanted * np.logaddexp(0, -own) + (1 - wanted) * np.logaddexp(0, own)
        return float(shares @ values @ shares / shares.sum() ** 2)

    def error(self, row: FloatArray) -> float:
        """The probability that the sign of ``row`` (d,) x is not the label's."""
        rows = np.stack([self.truth, row])
        (true, crossed), (_, own) = (rows * self.eigenvalues) @ rows.T
        nodes, shares = np.polynomial.hermite_e.hermegauss(60)
        left = np.sqrt(max(own - crossed**2 / true, 0.0))
        positive = ndtr(crossed / np.sqrt(true) * nodes / max(left, 1e-12))
        wanted = expit(np.sqrt(true) * nodes)
        return float(shares @ (wanted * (1 - positive) + (1 - wanted) * positive) / shares.sum())


@pytest.mark.slow
def test_early_stopped_logistic_regression_has_the_lower_risk() -> None:
    """As in arXiv 2502.13283: d = 2,000, n = 1,000, lambda = i^-2, signal on the first 100 directions.

    Descent goes on to the direction of the largest margin (Soudry et al. 2018), with weights that grow for ever. The
    risk is lowest on the way, and its excess over that of the truth has doubled at the last step here; the error of
    the limit is above that of the weights of the lowest risk.
    """
    count, dimension = 1_000, 2_000
    eigenvalues = np.arange(1, dimension + 1.0) ** -2
    truth = np.where(np.arange(dimension) < 100, 1.0, 0.0)
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((count, dimension)) * np.sqrt(eigenvalues)
    labels = (generator.random(count) < expit(inputs @ truth)).astype(np.int64)
    model = DataModel(eigenvalues, np.zeros((2, dimension)), np.full(2, 0.5))
    steps = np.array([0, *(2 ** np.arange(12))])
    source = FullBatch(torch.from_numpy(inputs.astype(np.float32)), torch.from_numpy(labels))
    risk = LogisticRisk(eigenvalues, truth)
    trained = train(source, model, Logistic(), np.zeros((1, 1, dimension)), steps, 4.0, probes=[risk])
    excess = trained.missed[0, 0] - risk.missed(truth[None, None], 0.0)[0]
    lowest = int(np.argmin(excess))
    assert 0 < excess[lowest] < 0.1 * excess[0]
    assert np.all(np.diff(excess[lowest:]) > 0)
    assert excess[-1] > 1.8 * excess[lowest]
    stopped = train(source, model, Logistic(), np.zeros((1, 1, dimension)), steps[: lowest + 1], 4.0).weights[0, 0]
    margin = SVC(kernel="linear", C=1e8).fit(inputs, labels)
    assert margin.score(inputs, labels) == 1
    limit = margin.coef_[0]
    assert risk.error(limit) > 1.2 * risk.error(stopped)
    assert risk.error(stopped) < 1.1 * risk.error(truth)
