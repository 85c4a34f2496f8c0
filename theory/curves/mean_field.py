"""The training curve of Gaussian classes without linearisation: the mean field.

With z | k ~ N(W mu_k, W Sigma_W W^T) and p the loss's predictions, Stein's lemma gives the negative
population gradient  residual mu - hessian W Sigma_W  (see theory.curves.losses). Since
Sigma = Sigma_W + sum_k pi_k mu_k mu_k^T it is  drive mu - hessian W Sigma  with
drive = residual + hessian (W mu^T) diag(pi): diagonal in the eigenbasis of Sigma once the outputs
are rotated to the eigenbasis of the hessian.

Gradient descent is followed in blocks of steps whose length an error estimate chooses
(``theory.curves.block_descent``). Outputs that training keeps apart are followed exactly and count by the rule of
``theory.curves.reconstruction``: the sum of a softmax layer's rows, which never moves, and with squared error those
without a signal (``theory.curves.signal_outputs``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from theory.curves.block_descent import Pull, follow, geometric_steps
from theory.curves.curve import Curve
from theory.curves.linearised import check_initial_weights, check_target
from theory.curves.losses import Loss
from theory.curves.reconstruction import unexplained_share
from theory.curves.signal_outputs import ApartOutputs
from theory.data.data_model import DataModel
from theory.data.target import Target
from theory.progress import Progress, silent
from theory.validation import FloatArray, InputError, IntArray, at_least, finite_array, non_negative, step_counts


@lru_cache(maxsize=8)
def gaussian_nodes(dimension: int, count: int) -> FloatArray:
    """(count, dimension) quasi-Monte-Carlo nodes of the standard normal distribution; count a power of two.

    The first half are scrambled Sobol points (fixed seed), the second half their mirror images, so
    that odd moments vanish exactly.
    """
    if at_least("count", count, 2) & (count - 1):
        raise InputError(f"count: {count} is not accepted; give a power of two, at which Sobol points are balanced")
    half = count // 2
    uniform = qmc.Sobol(dimension, scramble=True, rng=np.random.default_rng(0)).random(half)
    nodes = ndtri(uniform)
    return np.concatenate([nodes, -nodes])


def gaussian_outputs(centres: FloatArray, covariances: FloatArray, nodes: FloatArray) -> FloatArray:
    """Outputs of Gaussians at quadrature nodes: centre + covariance^(1/2) node.

    The root is the symmetric one, which is continuous in the covariance, and so is the error of the quadrature. Roots
    by eigenvectors change their sign and their order from one step of training to the next, by which the averages
    jump; the blocks of ``theory.curves.block_descent`` would be cut short for it.

    Args:
        centres: (..., outputs).
        covariances: (..., outputs, outputs), in a shape that broadcasts; negative eigenvalues are rounding and count 0.
        nodes: (n, outputs) standard normal nodes.

    Returns:
        (..., n, outputs), in memory with the nodes of an output side by side: sums over few outputs are slow otherwise.
    """
    values, vectors = np.linalg.eigh(covariances)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return np.asarray(np.swapaxes(centres[..., None] + root @ nodes.T, -1, -2), dtype=np.float64)


def class_outputs(model: DataModel, weights: FloatArray, nodes: FloatArray) -> FloatArray:
    """Outputs of the Gaussian classes at quadrature nodes.

    Args:
        model: the data model.
        weights: (replica, outputs, d) in the eigenbasis.
        nodes: (n, outputs) standard normal nodes.

    Returns:
        (replica, K, n, outputs) outputs, for every class of mean W mu_k and covariance W Sigma_W W^T.
    """
    centres = weights @ model.means.T  # (replica, outputs, K)
    within = (weights * model.eigenvalues) @ np.swapaxes(weights, -1, -2)
    within = within - (centres * model.frequencies) @ np.swapaxes(centres, -1, -2)
    return gaussian_outputs(np.swapaxes(centres, -1, -2), within[:, None], nodes)


def output_statistics(
    model: DataModel, loss: Loss, weights: FloatArray, nodes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Averages of the output gradient over the model's Gaussian classes.

    Args:
        model: the data model.
        loss: the training loss.
        weights: (replica, outputs, d) in the eigenbasis.
        nodes: (n, outputs) standard normal nodes.

    Returns:
        drive: (replica, outputs, K) and hessian: (replica, outputs, outputs), such that the
        negative gradient is drive mu - hessian W Sigma.
    """
    frequencies = model.frequencies
    predictions = loss.predictions(class_outputs(model, weights, nodes))
    residual = frequencies[:, None] * (loss.targets(frequencies) - predictions.mean(axis=2))
    hessian = np.einsum("k,rkij->rij", frequencies, loss.mean_jacobian(predictions))
    weighted = (weights @ model.means.T) * frequencies
    return np.swapaxes(residual, -1, -2) + hessian @ weighted, hessian


def wrong_class_probability(loss: Loss, outputs: FloatArray, targets: FloatArray) -> FloatArray:
    """Probability q that a sample is given to classes other than its own.

    This is the largest error |t - p| of an output: for softmax the error 1 - p at the sample's own
    class, as those of the others add up to it.

    Args:
        loss: softmax or logistic.
        outputs: (..., outputs) of the samples.
        targets: the loss's targets of their classes, in a shape that broadcasts to that of the outputs.

    Returns:
        (...) between 0 and 1.

    Raises:
        InputError: squared error, whose outputs are no probabilities.
    """
    errors = loss.class_errors(targets - loss.predictions(outputs))
    return np.asarray(np.abs(errors).max(axis=-1), dtype=np.float64)


def gradient_share(model: DataModel, loss: Loss, weights: FloatArray, nodes: FloatArray) -> FloatArray:
    """Share of the samples that carry the gradient, N_eff / n = (E q)^2 / E q^2, from majority to few.

    q is the probability that a sample is given to wrong classes; the expectations are Gaussian
    integrals over the model's classes. The share is 1 while all samples pull alike, as at W = 0, and
    small once all but a few are fitted.

    Args:
        model: the data model.
        loss: softmax or logistic.
        weights: (replica, outputs, d) in the eigenbasis.
        nodes: (n, outputs) standard normal nodes.

    Returns:
        (replica,) share, above 0 and at most 1.

    Raises:
        InputError: squared error, whose outputs are no probabilities.
    """
    targets = loss.targets(model.frequencies)[:, None, :]  # (K, 1, outputs)
    wrong = wrong_class_probability(loss, class_outputs(model, weights, nodes), targets)
    first = wrong.mean(axis=-1) @ model.frequencies
    second = np.square(wrong).mean(axis=-1) @ model.frequencies
    return np.asarray(first**2 / second, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class CommonCovarianceField:
    """The mean field of Gaussian classes with a common covariance, for ``theory.curves.block_descent``."""

    model: DataModel
    loss: Loss
    step_size: float
    nodes: FloatArray

    def pull(self, weights: FloatArray) -> Pull:
        """Force and Hessian at ``weights`` (replica, outputs, d)."""
        drive, hessian = output_statistics(self.model, self.loss, weights, self.nodes)
        return Pull(drive @ self.model.means, hessian)

    def advance(self, weights: FloatArray, pull: Pull, steps: int) -> FloatArray:
        """``weights`` after ``steps`` steps at a constant pull."""
        values, vectors = np.linalg.eigh(pull.hessians)
        rates = self.step_size * np.maximum(values, 0.0)[..., None] * self.model.eigenvalues  # (replica, outputs, d)
        force = np.swapaxes(vectors, -1, -2) @ pull.force
        return geometric_steps(weights, vectors, rates, force, self.step_size, steps)

    def descent(self, pull: Pull) -> Callable[[FloatArray], FloatArray]:
        """The negative gradient at a constant pull, a function of the weights."""
        return lambda weights: pull.force - pull.hessians @ (weights * self.model.eigenvalues)


def mean_field_path(
    model: DataModel,
    loss: Loss,
    initial_weights: FloatArray,
    steps: IntArray,
    step_size: float,
    nodes: int = 512,
    growth: float = 0.1,
    progress: Progress = silent,
) -> Iterator[FloatArray]:
    """Weights of full-batch gradient descent on infinitely many samples of the Gaussian model.

    Args:
        model: the data model; its classes are taken to be Gaussian with a common covariance (A4).
        loss: the training loss.
        initial_weights: (replica, outputs, d) W(0) in the eigenbasis of Sigma.
        steps: (T,) strictly increasing step counts from 0 on.
        step_size: eta, within the loss's stability limit.
        nodes: quasi-Monte-Carlo nodes a class, a power of two.
        growth: largest block of steps as a share of those done; 0 takes every single step.
        progress: shows how many of the recorded steps are done.

    Returns:
        The (replica, outputs, d) weights at each of ``steps``, computed as they are asked for.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a step size that is not stable.
    """
    weights = check_initial_weights(model, loss, initial_weights)
    counts = step_counts("steps", steps)
    loss.check_step_size(step_size, float(model.eigenvalues[0]))
    share = non_negative("growth", growth)
    normal = gaussian_nodes(weights.shape[1], nodes)
    field = CommonCovarianceField(model, loss, step_size, normal)
    apart = ApartOutputs.from_model(model, loss, weights, step_size)
    # A generator of its own, so that bad input is refused here and not at the first weights.
    return follow(field, weights, progress(counts.tolist()), share, apart, model.eigenvalues)


def mean_field_curve(
    model: DataModel,
    loss: Loss,
    initial_weights: FloatArray,
    steps: IntArray,
    step_size: float,
    nodes: int = 512,
    growth: float = 0.1,
    progress: Progress = silent,
    target: Target | None = None,
) -> Curve:
    """Curve along ``mean_field_path``, where arguments and errors are described.

    ``target`` is what is decoded from the outputs; the inputs (reconstruction) if left out.
    """
    path = mean_field_path(model, loss, initial_weights, steps, step_size, nodes, growth, progress)
    return curves_of_path(model, loss, initial_weights, path, steps, step_size, [target])[0]


def curves_of_path(
    model: DataModel,
    loss: Loss,
    initial_weights: FloatArray,
    path: Iterator[FloatArray],
    steps: IntArray,
    step_size: float,
    targets: Sequence[Target | None],
) -> list[Curve]:
    """Curves of the weights of a path, which is followed once; outputs that training keeps apart are rows of their own.

    Args:
        model: the data model that the path is of.
        loss: the training loss.
        initial_weights: (replica, outputs, d) W(0) in the eigenbasis of Sigma.
        path: weights at each of ``steps``, from a function such as ``mean_field_path`` with the arguments above.
        steps: (T,) strictly increasing step counts from 0 on.
        step_size: eta.
        targets: what is decoded from the outputs; None for the inputs (reconstruction).

    Returns:
        A curve for each target.

    Raises:
        InputError: shapes that do not fit, NaN or infinity.
    """
    apart = ApartOutputs.from_model(model, loss, finite_array("initial_weights", initial_weights, 3), step_size)
    counts = step_counts("steps", steps)
    decoded = [check_target(model, target) for target in targets]
    rows = (apart.rows(weights, count) for weights, count in zip(path, counts.tolist(), strict=True))
    losses = np.stack([[unexplained_share(one, target) for target in decoded] for one in rows], axis=-1)
    times = np.asarray(step_size * counts, dtype=np.float64)
    return [Curve(times, own) for own in losses]
