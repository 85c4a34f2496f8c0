"""The mean field of Gaussian classes with a covariance of their own each.

With z | k ~ N(W mu_k, W Sigma_k W^T), p the loss's predictions and H_k = E_k[dp/dz], Stein's lemma gives the
negative population gradient

    residual mu - sum_k pi_k H_k W Sigma_k,    residual[o, k] = pi_k E_k[t_ko - p_o(z)].

The Sigma_k have no eigenbasis in common, so that the geometric sum over a block of steps of theory.curves.mean_field is
not at hand. Its diagonal part is: with v_i, h_i the eigenvectors and eigenvalues of sum_k pi_k H_k, the output i
in the direction j of the eigenbasis of Sigma decays at the rate

    a_ij = sum_k pi_k (v_i^T H_k v_i) (Sigma_k)_jj + h_i (sum_k pi_k mu_k mu_k^T)_jj,

which is h_i lambda_j where all classes share one covariance. The blocks of steps are those of
theory.curves.block_descent: the rates, and what of the gradient they leave over, are held at their values at the
block's middle, and the block's steps are then taken exactly. Which outputs count, and which are followed exactly, is
as in theory.curves.mean_field.

The square root of W Sigma_k W^T at the quadrature nodes is the symmetric one, which is continuous in W, so that the
quadrature error is too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from theory.curves.block_descent import Pull, follow, geometric_steps
from theory.curves.curve import Curve
from theory.curves.linearised import check_initial_weights
from theory.curves.losses import Loss
from theory.curves.mean_field import curve_of_path, gaussian_nodes
from theory.curves.signal_outputs import ApartOutputs
from theory.data.class_covariances import ClassConditionalModel
from theory.progress import Progress, silent
from theory.validation import FloatArray, IntArray, non_negative, step_counts


def class_gradient(
    conditional: ClassConditionalModel, loss: Loss, weights: FloatArray, nodes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Negative population gradient, and the mean Jacobian of the predictions within each class.

    Args:
        conditional: the data model with class covariances.
        loss: the training loss.
        weights: (replica, outputs, d) in the eigenbasis of Sigma.
        nodes: (n, outputs) standard normal nodes.

    Returns:
        descent: (replica, outputs, d) and hessians: (replica, K, outputs, outputs).
    """
    model = conditional.model
    frequencies = model.frequencies
    replicas, outputs, dimension = weights.shape
    # Every Sigma_k is read once for all replicas: at d = 3,072 they do not fit a cache.
    spread = weights.reshape(-1, dimension) @ conditional.within  # (K, replica * outputs, d)
    spread = np.moveaxis(spread.reshape(-1, replicas, outputs, dimension), 0, 1)  # W Sigma_k: (replica, K, outputs, d)
    root = _symmetric_root(spread @ np.swapaxes(weights, -1, -2)[:, None])
    centres = np.swapaxes(weights @ model.means.T, -1, -2)  # (replica, K, outputs)
    predictions = loss.predictions(centres[:, :, None, :] + nodes @ root)
    residual = frequencies[:, None] * (loss.targets(frequencies) - predictions.mean(axis=2))
    hessians = loss.mean_jacobian(predictions)
    # sum_k as one matrix product, over classes and outputs together.
    side_by_side = np.swapaxes(frequencies[:, None, None] * hessians, 1, 2).reshape(replicas, outputs, -1)
    pulled_back = side_by_side @ spread.reshape(replicas, -1, dimension)
    descent = np.swapaxes(residual, -1, -2) @ model.means - pulled_back
    return np.asarray(descent, dtype=np.float64), hessians


def _symmetric_root(covariance: FloatArray) -> FloatArray:
    """Symmetric square root of covariances (..., outputs, outputs); negative eigenvalues are rounding and count 0."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    return np.asarray(root @ np.swapaxes(vectors, -1, -2), dtype=np.float64)


def _decay_rates(conditional: ClassConditionalModel, hessians: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvectors (replica, outputs, outputs) of the mean Hessian and the rates a (replica, outputs, d)."""
    model = conditional.model
    weighted = model.frequencies[:, None, None] * hessians
    values, vectors = np.linalg.eigh(weighted.sum(axis=1))
    curvatures = np.einsum("rio,rkij,rjo->rok", vectors, weighted, vectors, optimize=True)
    variances = np.diagonal(conditional.within, axis1=-2, axis2=-1)  # (K, d)
    between = model.eigenvalues - model.frequencies @ variances
    return vectors, np.maximum(curvatures @ variances + values[..., None] * between, 0.0)


@dataclass(frozen=True, eq=False)
class _OwnCovariances:
    """The mean field of Gaussian classes with covariances of their own, for ``theory.curves.block_descent``.

    The force of a pull is what the decay at the rates a leaves of the gradient, at the weights where it was taken.
    """

    conditional: ClassConditionalModel
    loss: Loss
    step_size: float
    nodes: FloatArray

    def pull(self, weights: FloatArray) -> Pull:
        descent, hessians = class_gradient(self.conditional, self.loss, weights, self.nodes)
        vectors, rates = _decay_rates(self.conditional, hessians)
        return Pull(descent + vectors @ (rates * (np.swapaxes(vectors, -1, -2) @ weights)), hessians)

    def advance(self, weights: FloatArray, pull: Pull, steps: int) -> FloatArray:
        vectors, rates = _decay_rates(self.conditional, pull.hessians)
        force = np.swapaxes(vectors, -1, -2) @ pull.force
        return geometric_steps(weights, vectors, self.step_size * rates, force, self.step_size, steps)


def class_mean_field_path(
    conditional: ClassConditionalModel,
    loss: Loss,
    initial_weights: FloatArray,
    steps: IntArray,
    step_size: float,
    nodes: int = 512,
    growth: float = 0.1,
    progress: Progress = silent,
) -> Iterator[FloatArray]:
    """Weights of full-batch gradient descent on infinitely many samples of Gaussian classes.

    Args:
        conditional: the data model with class covariances; its classes are taken to be Gaussian.
        loss: the training loss.
        initial_weights: (replica, outputs, d) W(0) in the eigenbasis of Sigma.
        steps: (T,) strictly increasing step counts from 0 on.
        step_size: eta, within the loss's stability limit.
        nodes: quasi-Monte-Carlo nodes a class, a power of two.
        growth: largest block of steps as a share of those done; 0 takes every single step.
        progress: wraps the iteration over the recorded steps.

    Returns:
        The (replica, outputs, d) weights at each of ``steps``, computed as they are asked for.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a step size that is not stable.
    """
    weights = check_initial_weights(conditional.model, loss, initial_weights)
    counts = step_counts("steps", steps)
    loss.check_step_size(step_size, float(conditional.model.eigenvalues[0]))
    share = non_negative("growth", growth)
    normal = gaussian_nodes(weights.shape[1], nodes)
    field = _OwnCovariances(conditional, loss, step_size, normal)
    apart = ApartOutputs.from_model(conditional.model, loss, weights, step_size)
    # A generator of its own, so that bad input is refused here and not at the first weights.
    return follow(field, weights, progress(counts.tolist()), share, apart, conditional.model.eigenvalues)


def class_mean_field_curve(
    conditional: ClassConditionalModel,
    loss: Loss,
    initial_weights: FloatArray,
    steps: IntArray,
    step_size: float,
    nodes: int = 512,
    growth: float = 0.1,
    progress: Progress = silent,
) -> Curve:
    """Curve along ``class_mean_field_path``; arguments and errors are described there."""
    path = class_mean_field_path(conditional, loss, initial_weights, steps, step_size, nodes, growth, progress)
    return curve_of_path(conditional.model, loss, initial_weights, path, steps, step_size)
