"""Theorems T2 and T5 for K outputs: the curve averaged over W(0), by a deterministic equivalent.

In the left singular basis of M the outputs are rows X_k = A_k + sigma0 Z_k D_k^(1/2) of the whitened
layer Sigma^(1/2) W^T: what row k has learnt, A_k = Sigma^(1/2) phi_s M_k, and what is left of W(0), with
D_k = Sigma exp(-2 h_k Sigma s) and h_k the curvature that the row feels (0 for the conserved mean row of
softmax). For many directions the expected projector onto their span is I - Q, where K numbers tau_k solve

    Q     = [I + diag(psi) + A^T diag(1/tau) A]^(-1),      psi = sigma0^2 sum_k T_kk D_k,
    T     = [diag(tau) + A (I + diag(psi))^(-1) A^T]^(-1),  tau_k = sigma0^2 tr(D_k Q),

and R = tr[Sigma (I - Q)]. These are the equations of Hachem, Loubaton & Najim 2007, "Deterministic
equivalents for certain functionals of large random matrices", for a noise with a variance profile, in
the limit of no regularisation. Without signal Q = (I + Sigma/kappa)^(-1): the level at initialisation.

Outputs without a signal count as in exact arithmetic, however far W(0) has decayed in them
(``theory.curves.signal_outputs``). It replaces the annealed average, which holds for one output: with several outputs
of unequal strength the weak ones are still random when the strong ones have turned, and no sum over modes describes
both. For sigma0 -> 0 `theory.curves.turning_law` expands it.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from theory.curves.curve import Curve
from theory.curves.initial_level import crossovers
from theory.curves.losses import Loss, loss_argument
from theory.curves.regimes import Absence, Boundary, lowest_valley
from theory.curves.signal_outputs import SignalOutputs
from theory.curves.sketch_equations import ACCURACY, unexplained_shares
from theory.data.data_model import DataModel
from theory.validation import FloatArray, InputError, positive, times_from_zero

#: Moves below this share of tr Sigma are within the error of the equations.
_SMALLEST_MOVE = 1e-7

#: Values of L / tr Sigma that differ by less are equal to the accuracy of the equations; where those equal to the
#: lowest one span this factor in time, the turning point is not resolved.
_FLAT, _UNCERTAIN = 4 * ACCURACY, 2.0

#: Range of the logarithm of a variance, within that of a float; and the smallest gap that decides which mode is first.
_WIDEST, _SMALLEST_GAP = 560.0, 35.0


def expected_curve(model: DataModel, loss: Loss, init_scale: float, times: FloatArray) -> Curve:
    """Mean over W(0) of the curve of the linearised flow; one replica, no draw.

    Its error is of the order of the inverse effective rank (tr Sigma)^2 / tr Sigma^2.

    Args:
        model: the data model.
        loss: the training loss.
        init_scale: sigma0, positive.
        times: (T,) strictly increasing, s >= 0.

    Raises:
        InputError: as many outputs as directions, a scale that is not positive, times that do not increase.
    """
    loss_argument(loss)
    grid = times_from_zero("times", times)
    scale = positive("init_scale", init_scale)
    outputs = loss.outputs(model.classes)
    if outputs >= model.dimension:
        raise InputError(f"model: has {model.dimension} directions for {outputs} outputs; give more directions")
    learnt, left = _rows(model, loss, scale, grid)
    explained = (1 - unexplained_shares(learnt, left, model.eigenvalues)) @ model.eigenvalues
    return Curve(grid, np.asarray(1 - explained / model.total_variance)[None, :])


def expected_turning_point(
    model: DataModel, loss: Loss, init_scale: float, resolution: float = _SMALLEST_MOVE
) -> Boundary:
    """Time s* at which the expected curve is lowest, having fallen there, and from which it rises again.

    Args:
        model: the data model.
        loss: the training loss.
        init_scale: sigma0, positive.
        resolution: smallest fall and rise that count, in units of L / tr Sigma; the smallest is the default.

    Returns:
        The time, or the reason why there is none. For initial weights so small that the curve is flat to its accuracy
        at its lowest point (NOT_RESOLVED), ``theory.TurningLaw`` gives the time of theorem T5.
    """
    smallest = max(positive("resolution", resolution), _SMALLEST_MOVE)
    first = float(crossovers(model, loss, init_scale)[0])
    if loss.outputs(model.classes) >= model.dimension:
        return Boundary(None, Absence.CONSTANT)  # as many outputs as directions explain all of the variance
    times = _times(first, loss.initial_curvature(model.classes) * model.eigenvalues)
    losses = expected_curve(model, loss, init_scale, times).losses[0]
    valley = lowest_valley(losses, smallest)
    if isinstance(valley, Absence):
        return Boundary(None, valley)
    # The start may be lower still, where the loss rises before it falls.
    fall_and_rise = slice(valley.start, valley.stop + 1)
    flat = times[fall_and_rise][losses[fall_and_rise] - losses[valley.lowest] <= _FLAT]
    if flat[-1] > _UNCERTAIN * flat[0]:
        return Boundary(None, Absence.NOT_RESOLVED)
    bracket = np.log(times[[max(valley.lowest - 1, 1), valley.lowest + 1]])

    def level(logarithm: float) -> float:
        return float(expected_curve(model, loss, init_scale, np.exp([logarithm])).losses[0, 0])

    found = minimize_scalar(level, bounds=tuple(bracket), method="bounded", options={"xatol": 1e-6})
    return Boundary(float(np.exp(found.x)))


def _times(first: float, rates: FloatArray) -> FloatArray:
    """0 and log-spaced times, from before the first crossover until nothing is left of W(0)."""
    start, middle = 1e-2 * min(first, 1 / rates.max()), 1e-2 / rates.max()
    # W(0) that is larger than what is learnt outlives it by the logarithm of their ratio.
    excess = max(0.0, float(np.log(first * rates.max())))
    end = (40 + excess) / rates.min()
    spacing = min(0.1, 0.4 / (1 + excess))
    # Before the first mode saturates the curve is a ratio of powers, and changes slowly in log time.
    early = np.geomspace(start, middle, 2 + int(np.log(middle / start) / 0.2))
    late = np.geomspace(middle, end, 2 + int(np.log(end / middle) / spacing))
    # There is no early part where W(0) outlives the first mode.
    return np.concatenate([[0.0], early[early < middle], late])


def _rows(model: DataModel, loss: Loss, scale: float, times: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The learnt row of each output, A, and its remaining variance, sigma0^2 D, both (T, K, d).

    Each row is scaled to a largest entry of one, as R does not depend on a row's length and W(0) decays
    below the smallest float.
    """
    outputs = SignalOutputs.from_model(model, loss)
    rates = outputs.curvatures[:, None] * model.eigenvalues
    exponents = -times[:, None, None] * rates
    growth = np.where(rates > 0, -np.expm1(exponents) / np.where(rates > 0, rates, 1.0), times[:, None, None])
    # In units in which the spectrum begins at one: only ratios count.
    spectrum = model.eigenvalues / model.eigenvalues[0]
    with np.errstate(divide="ignore"):
        noise = 2 * np.log(scale) + np.log(spectrum) + 2 * exponents
        learnt = np.log(growth) + np.log(np.abs(outputs.signal)) + np.log(spectrum) / 2
    noise[:, ~outputs.learns] = _gaps_bounded(noise[:, ~outputs.learns], noise.shape[1])
    largest = np.maximum(noise.max(axis=-1), 2 * learnt.max(axis=-1))[..., None]
    return np.sign(outputs.signal) * np.exp(learnt - largest / 2), np.exp(noise - largest)


def _gaps_bounded(noise: FloatArray, outputs: int) -> FloatArray:
    """Logarithms of variances (..., d), their gaps bounded so that the largest ones of all outputs fit into a float.

    Outputs without a signal can only reach the ``outputs`` largest, and modes that far apart are so exactly: only the
    order of variances counts that differ by more than the accuracy of a float.
    """
    order = np.argsort(-noise, axis=-1)
    ordered = np.take_along_axis(noise, order, axis=-1)
    steps = np.minimum(-np.diff(ordered, axis=-1), max(_WIDEST / (outputs + 1), _SMALLEST_GAP))
    bounded = np.empty_like(noise)
    np.put_along_axis(
        bounded,
        order,
        ordered[..., :1] - np.pad(np.cumsum(steps, axis=-1), [(0, 0)] * (noise.ndim - 1) + [(1, 0)]),
        axis=-1,
    )
    return bounded
