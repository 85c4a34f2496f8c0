"""The training curve of Gaussian classes without linearisation: the mean field.

With z | k ~ N(W mu_k, W Sigma_W W^T) and p the loss's predictions, Stein's lemma gives the negative
population gradient  residual mu - hessian W Sigma_W  (see theory.losses). Since
Sigma = Sigma_W + sum_k pi_k mu_k mu_k^T it is  drive mu - hessian W Sigma  with
drive = residual + hessian (W mu^T) diag(pi): diagonal in the eigenbasis of Sigma once the outputs
are rotated to the eigenbasis of the hessian.

Gradient descent is followed in blocks of an odd number of steps. Within a block `drive` and `hessian`
are held at their values at the middle step (a predictor gives them), and the block's steps are then
taken exactly by their geometric sum: an error of second order in the block's length. Blocks grow in
proportion to the step count, as the dynamics slow down likewise; blocks of one step are gradient
descent itself.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from theory.curve import Curve
from theory.data_model import DataModel
from theory.linearised import check_initial_weights
from theory.losses import Loss
from theory.progress import Progress, silent
from theory.reconstruction import relative_loss
from theory.validation import FloatArray, InputError, IntArray, at_least, non_negative, step_counts


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
    frequencies, means = model.frequencies, model.means
    centres = weights @ means.T  # (replica, outputs, K)
    weighted = centres * frequencies
    within = (weights * model.eigenvalues) @ np.swapaxes(weights, -1, -2) - weighted @ np.swapaxes(centres, -1, -2)
    values, vectors = np.linalg.eigh(within)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    noise = nodes @ np.swapaxes(root, -1, -2)  # (replica, n, outputs)
    outputs = np.swapaxes(centres, -1, -2)[:, :, None, :] + noise[:, None]  # (replica, K, n, outputs)
    predictions = loss.predictions(outputs)
    residual = frequencies[:, None] * (loss.targets(frequencies) - predictions.mean(axis=2))
    hessian = np.einsum("k,rkij->rij", frequencies, loss.mean_jacobian(predictions))
    return np.swapaxes(residual, -1, -2) + hessian @ weighted, hessian


def _advance(
    model: DataModel,
    weights: FloatArray,
    drive: FloatArray,
    hessian: FloatArray,
    step_size: float,
    steps: int,
) -> FloatArray:
    """Weights after ``steps`` steps of gradient descent at constant drive and hessian."""
    values, vectors = np.linalg.eigh(hessian)
    rates = step_size * np.maximum(values, 0.0)[..., None] * model.eigenvalues  # (replica, outputs, d)
    decay = np.power(1 - rates, steps)
    moving = rates > 1e-12
    # The geometric sum of `steps` factors, times eta; its limit where nothing decays is eta * steps.
    summed = step_size * np.where(moving, (1 - decay) / np.where(moving, rates, 1.0), steps)
    back = np.swapaxes(vectors, -1, -2)
    return np.asarray(vectors @ (decay * (back @ weights) + summed * (back @ drive @ model.means)), dtype=np.float64)


def mean_field_curve(
    model: DataModel,
    loss: Loss,
    initial_weights: FloatArray,
    steps: IntArray,
    step_size: float,
    nodes: int = 512,
    growth: float = 0.1,
    progress: Progress = silent,
) -> Curve:
    """Curve of full-batch gradient descent on infinitely many samples of the Gaussian model.

    Args:
        model: the data model; its classes are taken to be Gaussian with a common covariance (A4).
        loss: the training loss.
        initial_weights: (replica, outputs, d) W(0) in the eigenbasis of Sigma.
        steps: (T,) strictly increasing step counts from 0 on.
        step_size: eta, within the loss's stability limit.
        nodes: quasi-Monte-Carlo nodes a class, a power of two.
        growth: length of a block as a share of the steps done; 0 takes every single step.
        progress: wraps the iteration over the recorded steps.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a step size that is not stable.
    """
    weights = check_initial_weights(model, loss, initial_weights)
    counts = step_counts("steps", steps)
    loss.check_step_size(step_size, float(model.eigenvalues[0]))
    share = non_negative("growth", growth)
    normal = gaussian_nodes(weights.shape[1], nodes)
    losses = np.empty((weights.shape[0], counts.shape[0]))
    done = 0
    for column, count in enumerate(progress(counts.tolist())):
        while done < count:
            block = min(max(1, int(share * done)), count - done)
            block -= 1 - block % 2
            statistics = output_statistics(model, loss, weights, normal)
            if block > 1:
                middle = _advance(model, weights, *statistics, step_size, (block - 1) // 2)
                statistics = output_statistics(model, loss, middle, normal)
            weights = _advance(model, weights, *statistics, step_size, block)
            done += block
        losses[:, column] = relative_loss(weights, model.eigenvalues)
    return Curve(np.asarray(step_size * counts, dtype=np.float64), losses)
