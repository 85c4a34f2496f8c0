"""The training curve in closed form, with the loss linearised at W = 0 (exact for squared error).

With H the Jacobian of the output gradient at W = 0 (H = I for squared error, (I - 11^T/K)/K for
softmax, 1/4 for logistic), the flow is  dW/ds = M - H W Sigma.  For each eigenvalue h of H, with P
the projector onto its eigenspace, and each eigenvalue l of Sigma,

    P W(s) = P W0 exp(-h l s) + P M (1 - exp(-h l s)) / (h l),

and n steps of gradient descent replace exp(-h l s) by (1 - eta h l)^n. Where h = 0 (the class-mean
row of a softmax layer) nothing moves, as 1^T M = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.curve import Curve
from theory.data_model import DataModel
from theory.losses import Loss
from theory.reconstruction import explained_variance, explained_variance_from_gram, gram_separation
from theory.validation import FloatArray, InputError, IntArray, finite_array, step_counts

#: Rows less separated than this have their R computed by a singular value decomposition: the Gram matrix would
#: leave an error above 1e-9.
_SMALLEST_SEPARATION = 1e-6


@dataclass(frozen=True, eq=False)
class _Expansion:
    """W(t) = sum_q coefficients[q] * kernels[q, t], the kernels acting on columns.

    coefficients: (q, replica, outputs, d); kernels: (q, T, d).
    """

    coefficients: FloatArray
    kernels: FloatArray


def check_initial_weights(model: DataModel, loss: Loss, initial_weights: FloatArray) -> FloatArray:
    """``initial_weights`` as a finite (replica, outputs, d) array in the eigenbasis.

    Raises:
        InputError: another shape, NaN or infinity.
    """
    weights = finite_array("initial_weights", initial_weights, 3)
    expected = (loss.outputs(model.classes), model.dimension)
    if weights.shape[1:] != expected:
        raise InputError(f"initial_weights: has shape {weights.shape}; give (replica, {expected[0]}, {expected[1]})")
    return weights


def flow_curve(model: DataModel, loss: Loss, initial_weights: FloatArray, times: FloatArray) -> Curve:
    """Curve of the linearised gradient flow.

    Args:
        model: the data model.
        loss: the training loss.
        initial_weights: (replica, outputs, d) W(0) in the eigenbasis of Sigma.
        times: (T,) strictly increasing times s >= 0.

    Raises:
        InputError: shapes that do not fit, NaN or infinity.
    """
    grid = finite_array("times", times, 1)
    rates = _rates(model, loss)
    exponents = -grid[None, :, None] * rates[:, None, :]
    return _curve(model, loss, initial_weights, grid, np.exp(exponents), -np.expm1(exponents))


def gradient_descent_curve(
    model: DataModel, loss: Loss, initial_weights: FloatArray, steps: IntArray, step_size: float
) -> Curve:
    """Curve of linearised gradient descent at the given step counts; times are eta * steps.

    Args:
        model: the data model.
        loss: the training loss.
        initial_weights: (replica, outputs, d) W(0) in the eigenbasis of Sigma.
        steps: (T,) strictly increasing step counts from 0 on.
        step_size: eta, within the loss's stability limit.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a step size that is not stable.
    """
    counts = step_counts("steps", steps)
    loss.check_step_size(step_size, float(model.eigenvalues[0]))
    moved = step_size * _rates(model, loss)
    decay = np.power(1 - moved[:, None, :], counts[None, :, None])
    # 1 - decay by expm1 where a step moves little: a direct difference would cancel.
    small = moved[:, None, :] < 0.5
    logs = np.log1p(-np.where(small, moved[:, None, :], 0.0))
    gone = np.where(small, -np.expm1(counts[None, :, None] * logs), 1 - decay)
    times = np.asarray(step_size * counts, dtype=np.float64)
    return _curve(model, loss, initial_weights, times, decay, gone)


def _rates(model: DataModel, loss: Loss) -> FloatArray:
    """(h, d) decay rates h l for each nonzero eigenvalue h of the initial Jacobian."""
    values, _ = _jacobian_eigenspaces(loss, model.classes)
    return values[values > 0][:, None] * model.eigenvalues


def _jacobian_eigenspaces(loss: Loss, classes: int) -> tuple[FloatArray, FloatArray]:
    """Distinct eigenvalues (h,) of H, ascending, and the projectors (h, outputs, outputs)."""
    values, vectors = np.linalg.eigh(loss.initial_jacobian(classes))
    values = np.where(values > 1e-12 * values[-1], values, 0.0)
    groups = np.cumsum(np.diff(values, prepend=values[0]) > 1e-9 * values[-1])
    distinct = np.array([values[groups == group].mean() for group in range(groups[-1] + 1)])
    projectors = np.stack(
        [vectors[:, groups == group] @ vectors[:, groups == group].T for group in range(groups[-1] + 1)]
    )
    return distinct, projectors


def _curve(
    model: DataModel,
    loss: Loss,
    initial_weights: FloatArray,
    times: FloatArray,
    decay: FloatArray,
    gone: FloatArray,
) -> Curve:
    """Curve from the decays (h, T, d) of the moving eigenspaces and ``gone`` = 1 - decay."""
    weights = check_initial_weights(model, loss, initial_weights)
    expansion = _expand(model, loss, weights, decay, gone)
    explained = _explained_variance(expansion, model.eigenvalues)
    return Curve(times, np.asarray(1 - explained / model.total_variance, dtype=np.float64))


def _expand(model: DataModel, loss: Loss, weights: FloatArray, decay: FloatArray, gone: FloatArray) -> _Expansion:
    values, projectors = _jacobian_eigenspaces(loss, model.classes)
    row_signal = loss.signal(model.prototypes)
    signal = np.broadcast_to(row_signal, weights.shape)
    # R does not depend on a rotation of the outputs. In the left singular basis of M, outputs that
    # learn something are apart from those that keep or lose W(0), such as the mean row, and neither
    # drowns in the rounding error of the other.
    left, singular, _ = np.linalg.svd(row_signal, full_matrices=row_signal.shape[0] > row_signal.shape[1])
    rotated = left.T @ projectors
    # Outputs beyond the rank of M learn nothing: exactly nothing, or rounding would count as a row.
    learns = np.zeros(row_signal.shape[0])
    learns[: singular.size] = singular > max(row_signal.shape) * np.finfo(np.float64).eps * singular[0]
    moving = np.flatnonzero(values > 0)
    still = [rotation @ weights for rotation in rotated[values == 0]]
    started = [learns[:, None] * (rotated[index] @ weights) for index in moving]
    idle = [(1 - learns)[:, None] * (rotated[index] @ weights) for index in moving]
    learnt = [learns[:, None] * (rotated[index] @ signal) for index in moving]
    growth = gone / (values[moving][:, None, None] * model.eigenvalues)
    ones = np.ones((len(still), *decay.shape[1:]))
    coefficients = np.stack(still + started + idle + learnt)
    kernels = np.concatenate([ones, decay, _undamped(decay), growth])
    # The cost grows with the square of the number of terms; some are zero, as softmax idles in the still row alone.
    present = coefficients.any(axis=(1, 2, 3))
    return _Expansion(coefficients[present], kernels[present])


def _undamped(decay: FloatArray) -> FloatArray:
    """Decays (h, T, d) over the slowest of each time: an output that learns nothing keeps its length, as R allows.

    Once even the slowest is no number any more, it alone is left, of the smallest eigenvalue.
    """
    largest = np.abs(decay).max(axis=-1, keepdims=True)
    alive = largest > np.finfo(np.float64).tiny
    last = np.arange(decay.shape[-1]) == decay.shape[-1] - 1
    return np.where(alive, decay / np.where(alive, largest, 1.0), last)


def _explained_variance(expansion: _Expansion, eigenvalues: FloatArray) -> FloatArray:
    """(replica, T) R from Gram matrices summed for all times by one matrix product a pair (q, p).

    Sigma and Sigma^2 weight the pairs of rows, of which there are fewer than times; the Gram matrices
    are symmetric, so that the pairs on and above the diagonal suffice.
    """
    count, replicas, outputs, _ = expansion.coefficients.shape
    times = expansion.kernels.shape[1]
    rows, columns = np.triu_indices(outputs)
    powers = np.stack([eigenvalues, eigenvalues**2])[:, None, :]  # (2, 1, d)
    upper = np.zeros((2, replicas, times, rows.size))
    for q in range(count):
        for p in range(q, count):
            kernel = expansion.kernels[q] * expansion.kernels[p]
            for replica in range(replicas):
                left, right = expansion.coefficients[q, replica], expansion.coefficients[p, replica]
                pairs = left[rows] * right[columns]
                if p != q:
                    pairs += right[rows] * left[columns]
                upper[:, replica] += kernel @ np.swapaxes(powers * pairs, -1, -2)
    grams = np.empty((2, replicas, times, outputs, outputs))
    grams[..., rows, columns] = upper
    grams[..., columns, rows] = upper
    explained = explained_variance_from_gram(grams[0], grams[1])
    close = gram_separation(grams[0]) < _SMALLEST_SEPARATION
    for replica in np.flatnonzero(close.any(axis=1)).tolist():
        chosen = close[replica]
        weights = np.einsum(
            "qkd,qtd->tkd", expansion.coefficients[:, replica], expansion.kernels[:, chosen], optimize=True
        )
        explained[replica, chosen] = explained_variance(weights, eigenvalues)
    return explained
