"""The mean field of Gaussian classes with a covariance of their own each, and of classes of several Gaussians.

With z | c ~ N(W mu_c, W Sigma_c W^T) in component c of class k(c), p the loss's predictions and H_c = E_c[dp/dz],
Stein's lemma gives the negative population gradient

    residual mu - sum_c pi_c H_c W Sigma_c,    residual[o, c] = pi_c E_c[t_k(c)o - p_o(z)].

The Sigma_c have no eigenbasis in common, so that the geometric sum over a block of steps of theory.curves.mean_field is
not at hand. Its diagonal part is: with v_i, h_i the eigenvectors and eigenvalues of sum_c pi_c H_c, the output i
in the direction j of the eigenbasis of Sigma decays at the rate

    a_ij = sum_c pi_c (v_i^T H_c v_i) (Sigma_c)_jj + h_i (sum_c pi_c mu_c mu_c^T)_jj,

which is h_i lambda_j where all components share one covariance. The blocks of steps are those of
theory.curves.block_descent: the rates, and what of the gradient they leave over, are held at their values at the
block's middle, and the block's steps are then taken exactly. Which outputs count, and which are followed exactly, is
as in theory.curves.mean_field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from theory.curves.block_descent import Pull, follow, geometric_steps
from theory.curves.curve import Curve
from theory.curves.linearised import check_initial_weights
from theory.curves.losses import Loss
from theory.curves.mean_field import curves_of_path, gaussian_nodes, gaussian_outputs
from theory.curves.signal_outputs import ApartOutputs
from theory.data.mixtures import MixtureModel
from theory.data.target import Target
from theory.progress import Progress, silent
from theory.validation import FloatArray, IntArray, non_negative, step_counts


def class_gradient(
    mixture: MixtureModel, loss: Loss, weights: FloatArray, nodes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Negative population gradient, and the mean Jacobian of the predictions within each component.

    Args:
        mixture: C Gaussian components; ``ClassConditionalModel`` has one per class.
        loss: the training loss.
        weights: (replica, outputs, d) in the eigenbasis of Sigma.
        nodes: (n, outputs) standard normal nodes.

    Returns:
        descent: (replica, outputs, d) and hessians: (replica, C, outputs, outputs).
    """
    frequencies = mixture.frequencies
    replicas, outputs, dimension = weights.shape
    spread = mixture.covariances.times(weights.reshape(-1, dimension))  # (C, replica * outputs, d)
    spread = np.moveaxis(spread.reshape(-1, replicas, outputs, dimension), 0, 1)  # W Sigma_c: (replica, C, outputs, d)
    centres = np.swapaxes(weights @ mixture.means.T, -1, -2)  # (replica, C, outputs)
    covariances = spread @ np.swapaxes(weights, -1, -2)[:, None]
    predictions = loss.predictions(gaussian_outputs(centres, covariances, nodes))
    targets = loss.targets(mixture.model.frequencies)[mixture.labels]  # (C, outputs)
    residual = frequencies[:, None] * (targets - predictions.mean(axis=2))
    hessians = loss.mean_jacobian(predictions)
    # sum_c as one matrix product, over components and outputs together.
    side_by_side = np.swapaxes(frequencies[:, None, None] * hessians, 1, 2).reshape(replicas, outputs, -1)
    pulled_back = side_by_side @ spread.reshape(replicas, -1, dimension)
    descent = np.swapaxes(residual, -1, -2) @ mixture.means - pulled_back
    return np.asarray(descent, dtype=np.float64), hessians


def _decay_rates(mixture: MixtureModel, hessians: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvectors (replica, outputs, outputs) of the mean Hessian and the rates a (replica, outputs, d)."""
    weighted = mixture.frequencies[:, None, None] * hessians
    values, vectors = np.linalg.eigh(weighted.sum(axis=1))
    curvatures = np.einsum("rio,rcij,rjo->roc", vectors, weighted, vectors, optimize=True)
    variances = mixture.covariances.variances  # (C, d)
    between = mixture.model.eigenvalues - mixture.frequencies @ variances
    return vectors, np.maximum(curvatures @ variances + values[..., None] * between, 0.0)


@dataclass(frozen=True, eq=False)
class OwnCovariancesField:
    """The mean field of Gaussian components with covariances of their own, for ``theory.curves.block_descent``.

    The force of a pull is what the decay at the rates a leaves of the gradient, at the weights where it was taken.
    """

    mixture: MixtureModel
    loss: Loss
    step_size: float
    nodes: FloatArray

    def pull(self, weights: FloatArray) -> Pull:
        """Force and Hessian at ``weights`` (replica, outputs, d)."""
        descent, hessians = class_gradient(self.mixture, self.loss, weights, self.nodes)
        vectors, rates = _decay_rates(self.mixture, hessians)
        return Pull(descent + vectors @ (rates * (np.swapaxes(vectors, -1, -2) @ weights)), hessians)

    def advance(self, weights: FloatArray, pull: Pull, steps: int) -> FloatArray:
        """``weights`` after ``steps`` steps at a constant pull."""
        vectors, rates = _decay_rates(self.mixture, pull.hessians)
        force = np.swapaxes(vectors, -1, -2) @ pull.force
        return geometric_steps(weights, vectors, self.step_size * rates, force, self.step_size, steps)

    def descent(self, pull: Pull) -> Callable[[FloatArray], FloatArray]:
        """The negative gradient at a constant pull, a function of the weights."""
        vectors, rates = _decay_rates(self.mixture, pull.hessians)
        back = np.swapaxes(vectors, -1, -2)
        return lambda weights: pull.force - vectors @ (rates * (back @ weights))


def class_mean_field_path(
    mixture: MixtureModel,
    loss: Loss,
    initial_weights: FloatArray,
    steps: IntArray,
    step_size: float,
    nodes: int = 512,
    growth: float = 0.1,
    progress: Progress = silent,
) -> Iterator[FloatArray]:
    """Weights of full-batch gradient descent on infinitely many samples of a mixture of Gaussians.

    Args:
        mixture: the data model with Gaussian components; ``ClassConditionalModel`` has one per class.
        loss: the training loss.
        initial_weights: (replica, outputs, d) W(0) in the eigenbasis of Sigma.
        steps: (T,) strictly increasing step counts from 0 on.
        step_size: eta, within the loss's stability limit.
        nodes: quasi-Monte-Carlo nodes per component, a power of two.
        growth: largest block of steps as a share of those done; 0 takes every single step.
        progress: shows how many of the recorded steps are done.

    Returns:
        The (replica, outputs, d) weights at each of ``steps``, computed as they are asked for.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a step size that is not stable.
    """
    weights = check_initial_weights(mixture.model, loss, initial_weights)
    counts = step_counts("steps", steps)
    loss.check_step_size(step_size, float(mixture.model.eigenvalues[0]))
    share = non_negative("growth", growth)
    normal = gaussian_nodes(weights.shape[1], nodes)
    field = OwnCovariancesField(mixture, loss, step_size, normal)
    apart = ApartOutputs.from_model(mixture.model, loss, weights, step_size)
    # A generator of its own, so that bad input is refused here and not at the first weights.
    return follow(field, weights, progress(counts.tolist()), share, apart, mixture.model.eigenvalues)


def class_mean_field_curve(
    mixture: MixtureModel,
    loss: Loss,
    initial_weights: FloatArray,
    steps: IntArray,
    step_size: float,
    nodes: int = 512,
    growth: float = 0.1,
    progress: Progress = silent,
    target: Target | None = None,
) -> Curve:
    """Curve along ``class_mean_field_path``, where arguments and errors are described.

    ``target`` is what is decoded from the outputs; the inputs (reconstruction) if left out.
    """
    path = class_mean_field_path(mixture, loss, initial_weights, steps, step_size, nodes, growth, progress)
    return curves_of_path(mixture.model, loss, initial_weights, path, steps, step_size, [target])[0]
