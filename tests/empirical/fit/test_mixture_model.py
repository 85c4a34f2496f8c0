"""The data model of Gaussians fitted in the leading directions: its moments, and its curve."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from empirical.data.datasets import load
from empirical.fit.mixture_fit import MixtureFit, fit_mixture
from empirical.fit.mixture_model import mixture_model
from empirical.fit.mixture_summary import MixtureSummary
from simulation import FullBatch, initial_weights, train
from theory import (
    ClassConditionalModel,
    InputError,
    MixtureModel,
    Softmax,
    class_mean_field_curve,
    logarithmic_steps,
)
from theory.validation import FloatArray, IntArray


def _samples(count: int = 300) -> tuple[FloatArray, IntArray]:
    """Two classes of two parts each in 40 directions, of which 32 at most are leading."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 2
    centres = np.zeros((4, 40))
    centres[:, :2] = [[0, 0], [9, 0], [0, 9], [-9, 4]]
    noise = generator.standard_normal((count, 40)) @ np.diag(np.arange(1, 41) ** -0.25)
    return centres[2 * labels + generator.integers(0, 2, count)] + noise + 7, labels


@pytest.fixture(name="fit", scope="module")
def _fit() -> MixtureFit:
    return fit_mixture(*_samples(), 2, (2,))


@pytest.fixture(name="model", scope="module")
def _model(fit: MixtureFit) -> MixtureModel:
    return mixture_model(fit, *_samples())


def test_classes_keep_their_moments_exactly(model: MixtureModel) -> None:
    """Whatever the shrinkage and the regression: their frequencies, means and covariances in all directions."""
    classes = ClassConditionalModel.from_samples(*_samples(), 2)
    found = ClassConditionalModel.from_mixture(model)
    ours, theirs = found.model.basis, classes.model.basis
    assert ours is not None
    assert theirs is not None
    scale = classes.model.total_variance
    np.testing.assert_allclose(found.model.frequencies, classes.model.frequencies, atol=1e-12)
    np.testing.assert_allclose(found.model.means @ ours.T, classes.model.means @ theirs.T, atol=1e-9 * scale)
    np.testing.assert_allclose(ours @ found.within @ ours.T, theirs @ classes.within @ theirs.T, atol=1e-9 * scale)


def test_components_differ_in_the_leading_directions_and_follow_the_regression_elsewhere(
    fit: MixtureFit, model: MixtureModel
) -> None:
    """Two components of a class: their covariances differ by a matrix of rank q, and given u alike are they."""
    count = fit.directions.shape[1]
    first, second = (model.covariances.matrix(one) for one in np.flatnonzero(model.labels == 0))
    sizes = np.linalg.svd(first - second, compute_uv=False)
    assert sizes[count - 1] > 1e-4 * sizes[0]
    assert sizes[count:].max() < 1e-10 * sizes[0]
    assert model.model.basis is not None
    leading = model.model.basis.T @ fit.directions  # of the eigenbasis
    slopes = [np.linalg.solve(leading.T @ one @ leading, leading.T @ one) for one in (first, second)]
    np.testing.assert_allclose(slopes[0], slopes[1], atol=1e-8)


def test_the_parts_are_found_where_they_were_planted(model: MixtureModel) -> None:
    assert model.components_per_class.tolist() == [2, 2]
    apart = [np.linalg.norm(np.diff(model.means[model.labels == label], axis=0)) for label in range(2)]
    np.testing.assert_allclose(apart, [9, np.hypot(9, 5)], atol=0.6)


def test_one_gaussian_per_class_is_the_class_model() -> None:
    samples = _samples()
    single = mixture_model(fit_mixture(*samples, 2, (1,)), *samples)
    classes = ClassConditionalModel.from_samples(*samples, 2)
    weights = 0.01 * np.random.default_rng(0).standard_normal((1, 2, 40))
    steps = logarithmic_steps(200)
    curves = [
        class_mean_field_curve(one, Softmax(), one.model.to_eigenbasis(weights), steps, 0.02)
        for one in (single, classes)
    ]
    np.testing.assert_allclose(curves[0].losses, curves[1].losses, atol=1e-6)


def test_samples_that_do_not_fit_are_refused(fit: MixtureFit) -> None:
    inputs, labels = _samples()
    for change, match in (
        ((inputs[:, :39], labels), "inputs: has shape \\(300, 39\\); give 40 columns"),
        ((inputs, labels[:-1]), "labels: has shape"),
        ((inputs, 0 * labels), "labels: class 1 is empty"),
    ):
        with pytest.raises(InputError, match=match):
            mixture_model(fit, *change)


@pytest.mark.slow
def test_digits_follow_three_gaussians_per_class_late_in_training() -> None:
    """Full batches to step 4,096 at eta = 0.05 from sigma0 = 0.01, losses in units of tr Sigma.

    One Gaussian per class ends more than 0.003 too low, three are within two thirds of that. They are fitted in 29
    directions, with less than a third of the numbers that the digits have there.
    """
    data = load("digits")
    inputs = np.asarray(data.inputs - data.inputs.mean(axis=0), dtype=np.float64)
    fit = fit_mixture(inputs, data.labels, 10, (3,))
    summary = MixtureSummary.from_fit(fit)
    assert summary.gain > 20 * summary.gain_error
    assert summary.parameters < summary.data_numbers / 3
    single = ClassConditionalModel.from_samples(inputs, data.labels, 10)
    loss, steps, step_size = Softmax(), np.array([0, 16, 256, 1024, 4096]), 0.05
    weights = initial_weights(1, 10, 64, 0.01, seed=0)
    source = FullBatch(torch.from_numpy(inputs), torch.from_numpy(data.labels))
    trained = train(source, single.model, loss, weights, steps, step_size, dtype=torch.float64).curve.mean
    off = [
        np.abs(class_mean_field_curve(one, loss, one.model.to_eigenbasis(weights), steps, step_size).mean - trained)
        for one in (mixture_model(fit, inputs, data.labels), single)
    ]
    assert off[0].max() < 0.0025
    assert off[0][:-1].max() < 0.0006
    assert off[1].max() > max(0.003, 1.5 * off[0].max())
