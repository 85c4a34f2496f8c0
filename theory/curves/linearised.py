"""The training curve in closed form, with the loss linearised at W = 0 (exact for squared error).

With H the Jacobian of the output gradient at W = 0 (H = I for squared error, (I - 11^T/K)/K for
softmax, 1/4 for logistic), the flow is  dW/ds = M - H W Sigma.  For each eigenvalue h of H, with P
the projector onto its eigenspace, and each eigenvalue l of Sigma,

    P W(s) = P W0 exp(-h l s) + P M (1 - exp(-h l s)) / (h l),

and n steps of gradient descent replace exp(-h l s) by (1 - eta h l)^n. Where h = 0 (the class-mean
row of a softmax layer) nothing moves, as 1^T M = 0.

Outputs without a signal, that one and those beyond the rank of M, are separate rows here
(``theory.curves.signal_outputs``): they count as in exact arithmetic, however far they have decayed.

A curve gives what a linear probe of the outputs misses of a target, by default of the inputs themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.curves.curve import Curve
from theory.curves.losses import Loss, loss_argument
from theory.curves.reconstruction import explained_target_variance, explained_variance_from_gram, gram_separation
from theory.curves.signal_outputs import SignalOutputs, descent_logs, undamped
from theory.data.data_model import DataModel
from theory.data.target import Target
from theory.validation import FloatArray, InputError, IntArray, finite_array, step_counts, times_from_zero

#: Rows less separated than this have their R computed by a singular value decomposition: the Gram matrix would
#: leave an error above 1e-9.
_SMALLEST_SEPARATION = 1e-6
#: And rows shorter than the root of this, relative to the largest entry that they ever have.
_SMALLEST_SQUARE = 1e-200


@dataclass(frozen=True, eq=False)
class _Expansion:
    """W(t) = sum_q coefficients[q] * kernels[q, t], the kernels acting on columns.

    coefficients: (q, replica, outputs, d); kernels: (q, T, d).
    """

    coefficients: FloatArray
    kernels: FloatArray


def check_initial_weights(model: DataModel, loss: Loss, initial_weights: FloatArray) -> FloatArray:
    """``initial_weights`` as a finite (replica, outputs, d) array in the eigenbasis.

    Args:
        model: the data model.
        loss: the training loss, which sets the number of outputs.
        initial_weights: (replica, outputs, d) W(0).

    Raises:
        InputError: another shape, NaN or infinity.
    """
    loss_argument(loss)
    weights = finite_array("initial_weights", initial_weights, 3)
    expected = (loss.outputs(model.classes), model.dimension)
    if weights.shape[1:] != expected:
        raise InputError(f"initial_weights: has shape {weights.shape}; give (replica, {expected[0]}, {expected[1]})")
    return weights


def check_target(model: DataModel, target: Target | None) -> Target:
    """``target``, or the inputs of ``model`` for None; InputError where it is of another dimension."""
    if target is None:
        return Target.reconstruction(model.eigenvalues)
    if target.dimension != model.dimension:
        raise InputError(
            f"target: has {target.dimension} directions; give one in the model's eigenbasis of {model.dimension}"
        )
    return target


def flow_curve(
    model: DataModel, loss: Loss, initial_weights: FloatArray, times: FloatArray, target: Target | None = None
) -> Curve:
    """Curve of the linearised gradient flow.

    Args:
        model: the data model.
        loss: the training loss.
        initial_weights: (replica, outputs, d) W(0) in the eigenbasis of Sigma.
        times: (T,) strictly increasing times s >= 0.
        target: what is decoded from the outputs; the inputs (reconstruction) if left out.

    Raises:
        InputError: shapes that do not fit, NaN or infinity.
    """
    grid = times_from_zero("times", times)
    exponents = -grid[:, None] * _rates(model, loss)
    kernels = _Kernels(np.exp(exponents), -np.expm1(exponents), undamped(exponents))
    return _curve(model, loss, initial_weights, grid, kernels, target)


def gradient_descent_curve(
    model: DataModel,
    loss: Loss,
    initial_weights: FloatArray,
    steps: IntArray,
    step_size: float,
    target: Target | None = None,
) -> Curve:
    """Curve of linearised gradient descent at the given step counts; times are eta * steps.

    Args:
        model: the data model.
        loss: the training loss.
        initial_weights: (replica, outputs, d) W(0) in the eigenbasis of Sigma.
        steps: (T,) strictly increasing step counts from 0 on.
        step_size: eta, within the loss's stability limit.
        target: what is decoded from the outputs; the inputs (reconstruction) if left out.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a step size that is not stable.
    """
    counts = step_counts("steps", steps)
    loss_argument(loss).check_step_size(step_size, float(model.eigenvalues[0]))
    moved = step_size * _rates(model, loss)
    logs, signs = descent_logs(moved, counts[:, None].astype(np.float64))
    decay = signs * np.exp(logs)
    # 1 - decay by expm1 where a step moves little: a direct difference would cancel.
    gone = np.where(moved < 0.5, -np.expm1(logs), 1 - decay)
    times = np.asarray(step_size * counts, dtype=np.float64)
    return _curve(model, loss, initial_weights, times, _Kernels(decay, gone, signs * undamped(logs)), target)


@dataclass(frozen=True, eq=False)
class _Kernels:
    """The factors of each mode at each time, all (T, d).

    Attributes:
        decay: what is left of W(0), exp(-c l s) or (1 - eta c l)^n.
        gone: 1 - decay.
        undamped: the decay over the slowest of its time, for rows of which nothing else is left.
    """

    decay: FloatArray
    gone: FloatArray
    undamped: FloatArray


def _rates(model: DataModel, loss: Loss) -> FloatArray:
    """(d,) decay rates c l of the outputs that move."""
    return np.asarray(loss.initial_curvature(model.classes) * model.eigenvalues, dtype=np.float64)


def _curve(
    model: DataModel,
    loss: Loss,
    initial_weights: FloatArray,
    times: FloatArray,
    kernels: _Kernels,
    target: Target | None,
) -> Curve:
    """Curve from the kernels of the outputs that move."""
    weights = check_initial_weights(model, loss, initial_weights)
    decoded = check_target(model, target)
    return Curve(times, np.asarray(1 - _explained_shares(_expand(model, loss, weights, kernels), decoded)))


def _expand(model: DataModel, loss: Loss, weights: FloatArray, kernels: _Kernels) -> _Expansion:
    outputs = SignalOutputs.from_model(model, loss)
    rows = outputs.turned(weights)
    # What is learnt in units of what would be learnt in the end in the first mode.
    rates = _rates(model, loss)
    signal = np.broadcast_to(outputs.signal / rates[0], rows.shape)
    growth = kernels.gone / (rates / rates[0])
    learns = outputs.learns[:, None]
    still = np.asarray(outputs.curvatures == 0, dtype=np.bool_)[:, None]
    coefficients = np.stack([still * rows, learns * rows, ~(learns | still) * rows, signal])
    # R does not depend on the length of a row either.
    largest = np.abs(coefficients).max(axis=(0, 3), keepdims=True)
    coefficients = coefficients / np.where(largest > 0, largest, 1.0)
    every = np.stack([np.ones_like(growth), kernels.decay, kernels.undamped, growth])
    # The cost grows with the square of the number of terms; some are zero, as only the conserved row of softmax idles.
    present = coefficients.any(axis=(1, 2, 3))
    return _Expansion(coefficients[present], every[present])


def _explained_shares(expansion: _Expansion, target: Target) -> FloatArray:
    """(replica, T) R_T from the Gram matrices W Sigma W^T and W T T^T W^T of all times."""
    # R_T does not depend on the units of the inputs; in these no power of an eigenvalue overflows.
    covariance, crossed = target.unit_covariance, target.unit_cross_covariance
    if crossed.ndim == 1:
        gram, image = _diagonal_grams(expansion, np.stack([covariance, crossed**2]))
    else:
        image = _gram(_rows_times(expansion, crossed))
        if covariance.ndim == 1:
            (gram,) = _diagonal_grams(expansion, covariance[None])
        else:
            gram = _gram(_rows_times(expansion, target.unit_root))
    explained = explained_variance_from_gram(gram, image)
    # Rows whose squares underflow relative to their later size still count.
    lengths = np.diagonal(gram, axis1=-2, axis2=-1)
    filled = np.asarray(expansion.coefficients.any(axis=(0, 3)), dtype=np.bool_)
    short = (lengths < _SMALLEST_SQUARE) & filled[:, None, :]
    close = np.asarray((gram_separation(gram) < _SMALLEST_SEPARATION) | short.any(axis=-1), dtype=np.bool_)
    for replica in np.flatnonzero(close.any(axis=1)).tolist():
        chosen = close[replica]
        weights = np.einsum(
            "qkd,qtd->tkd", expansion.coefficients[:, replica], expansion.kernels[:, chosen], optimize=True
        )
        explained[replica, chosen] = explained_target_variance(weights, target) / target.variance
    return explained


def _diagonal_grams(expansion: _Expansion, forms: FloatArray) -> FloatArray:
    """(n, replica, T, outputs, outputs) W diag(f) W^T for each row f of the forms (n, d).

    Summed for all times by one matrix product per pair of terms (q, p). The forms weight the pairs of rows, of which
    there are fewer than times; the matrices are symmetric, so that the pairs on and above the diagonal suffice.
    """
    count, replicas, outputs, _ = expansion.coefficients.shape
    times = expansion.kernels.shape[1]
    rows, columns = np.triu_indices(outputs)
    upper = np.zeros((len(forms), replicas, times, rows.size))
    for q in range(count):
        for p in range(q, count):
            kernel = expansion.kernels[q] * expansion.kernels[p]
            for replica in range(replicas):
                left, right = expansion.coefficients[q, replica], expansion.coefficients[p, replica]
                pairs = left[rows] * right[columns]
                if p != q:
                    pairs += right[rows] * left[columns]
                upper[:, replica] += kernel @ np.swapaxes(forms[:, None, :] * pairs, -1, -2)
    grams = np.empty((len(forms), replicas, times, outputs, outputs))
    grams[..., rows, columns] = upper
    grams[..., columns, rows] = upper
    return grams


def _rows_times(expansion: _Expansion, matrix: FloatArray) -> FloatArray:
    """(replica, T, outputs, q) W(t) A for a matrix A (d, q)."""
    _, replicas, outputs, _ = expansion.coefficients.shape
    product = np.zeros((replicas, expansion.kernels.shape[1], outputs, matrix.shape[1]))
    for kernel, rows in zip(expansion.kernels, expansion.coefficients, strict=True):
        for replica in range(replicas):
            for output in range(outputs):
                product[replica, :, output] += kernel @ (rows[replica, output][:, None] * matrix)
    return product


def _gram(rows: FloatArray) -> FloatArray:
    """Products (..., K, K) of rows (..., K, q) with each other."""
    return np.asarray(rows @ np.swapaxes(rows, -1, -2), dtype=np.float64)
