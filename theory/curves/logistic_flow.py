"""Logistic loss on two Gaussian classes, exactly: what is learnt is a Laplace transform (theorem T4).

From W(0) = 0 the flow of the population loss stays along the signal row delta = pi_1 mu_1, mode by mode:
with centres c_k = w mu_k and b = E[p (1 - p)], Stein's lemma gives

    dw/ds = b (g delta - Sigma w),   b g = E_1[1 - p] + E_0[p] + b (w delta) (1/pi_0 + 1/pi_1).

On the clock B, dB = b ds, this is a linear filter of the drive g: w_i = delta_i f(lambda_i) with

    f(l) = integral of g(u) exp(-l u) du over the backward time u = B(s) - B from 0 to B(s).

A mode grows at the rate b (g(0) / f(l) - l), where g(0) is the present drive. The rate falls with the
eigenvalue, and R falls in time, where g(0) f1(l) <= f(l)^2 for all l, with f1(l) the integral of
u g(u) exp(-l u). Log-concavity of g would be enough, but g = 4 + w Sigma w to second order is log-convex at
first, and a mode that saturates by then can slightly violate the inequality. It is sufficient, not necessary.
With equally frequent classes g is twice a/b + m, for m = w mu_1, a = E[sigmoid(-z)] and z ~ N(m, v).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from theory.curves.losses import Logistic
from theory.data.data_model import DataModel
from theory.validation import FloatArray, InputError, finite_array

#: The trapezoidal rule on a normal density. For the sigmoid of an output of deviation v^(1/2), whose poles lie
#: at a distance pi, its error is of order exp(-2 pi^2 / (0.05 v^(1/2))): below 1e-8 up to a deviation of 20, at
#: which a Gauss-Hermite rule of 200 nodes was measured to be off by 2e-3.
_NODES = np.arange(-200, 201) * 0.05
_MASSES = np.exp(-(_NODES**2) / 2) / np.exp(-(_NODES**2) / 2).sum()
_TOLERANCE = 1e-11


@dataclass(frozen=True, eq=False)
class LogisticPath:
    """The exact flow from W(0) = 0.

    Attributes:
        times: (T,) s > 0.
        eigenvalues: (d,) of Sigma, descending.
        signal: (d,) the row delta.
        drive: (T,) g.
        clock: (T,) B, the integral of b.
        learnt: (T, d) f(lambda_i), the weights in units of delta_i.
        slope: (T, d) f1(lambda_i) = -df/dlambda.
    """

    times: FloatArray
    eigenvalues: FloatArray
    signal: FloatArray
    drive: FloatArray
    clock: FloatArray
    learnt: FloatArray
    slope: FloatArray

    @property
    def weights(self) -> FloatArray:
        """(T, 1, d) weights of the one output in the eigenbasis."""
        return np.asarray((self.learnt * self.signal)[:, None, :], dtype=np.float64)


def drive_and_curvature(model: DataModel, weights: FloatArray) -> tuple[float, float]:
    """The drive g and b at the weights (d,) of one output, as averages over the two Gaussian classes of ``model``."""
    centres = model.means @ weights
    variance = float(np.square(weights) @ model.eigenvalues - model.frequencies @ np.square(centres))
    outputs = centres[:, None] + np.sqrt(max(variance, 0.0)) * _NODES
    means = Logistic().predictions(outputs)
    right = means @ _MASSES
    curvature = float(model.frequencies @ ((means * (1 - means)) @ _MASSES))
    pulled = 1 - right[1] + right[0]
    return float(pulled / curvature + model.prototypes[1] @ weights * np.sum(1 / model.frequencies)), curvature


def logistic_path(model: DataModel, times: FloatArray) -> LogisticPath:
    """Integrate the flow from W(0) = 0, together with its Laplace transforms and clock.

    Args:
        model: two Gaussian classes with a common within-class covariance (A4), realisable.
        times: (T,) strictly increasing s > 0.

    Raises:
        InputError: not two classes, a signal too strong for the spectrum, bad times.
        ArithmeticError: the integrator failed.
    """
    grid = finite_array("times", times, 1)
    if grid[0] <= 0 or np.any(np.diff(grid) <= 0):
        raise InputError("times: give strictly increasing numbers above 0")
    Logistic().outputs(model.classes)
    if not model.is_realisable:
        raise InputError("model: its signal is too strong for its spectrum; scale it down (with_signal_scaled)")
    eigenvalues, signal = model.eigenvalues, model.prototypes[1]
    size = model.dimension

    def speed(time: float, state: FloatArray) -> FloatArray:
        del time
        learnt, slope = state[:size], state[size:-1]
        drive, curvature = drive_and_curvature(model, signal * learnt)
        moved = np.concatenate([drive - eigenvalues * learnt, learnt - eigenvalues * slope, [1.0]])
        return np.asarray(curvature * moved, dtype=np.float64)

    # f starts as g b s and f1 as half of (b s) f: absolute errors are measured relative to the first requested time.
    start = np.zeros(2 * size + 1)
    drive, curvature = drive_and_curvature(model, start[:size])
    first = curvature * min(grid[0], 1 / (curvature * eigenvalues[0]))
    scale = np.concatenate([np.full(size, drive * first), np.full(size, drive * first**2), [first]])
    found = solve_ivp(
        speed, (0.0, grid[-1]), start, method="LSODA", t_eval=grid, rtol=_TOLERANCE, atol=_TOLERANCE * scale
    )
    if not found.success:
        raise ArithmeticError(f"the logistic flow was not integrated: {found.message}")
    states = found.y.T
    learnt = states[:, :size]
    drives = np.array([drive_and_curvature(model, signal * row)[0] for row in learnt])
    return LogisticPath(grid, eigenvalues, signal, drives, states[:, -1], learnt, states[:, size:-1])


def laplace_margins(path: LogisticPath) -> FloatArray:
    """(T, d) margins 1 - g(0) f1(l) / f(l)^2 of the inequality under which R falls.

    Where all margins of a time are positive the growth rate falls with the eigenvalue there (along
    the spectrum, if it is fine enough) and R cannot rise. The limit at time 0 is 1/2.
    """
    return np.asarray(1 - path.drive[:, None] * path.slope / np.square(path.learnt), dtype=np.float64)


def log_concavity(path: LogisticPath) -> FloatArray:
    """(T - 2,) falls of the slope of log g, on the clock, from one interval of times to the next.

    The drive is log-concave over backward time where all of them are at least 0; theorem T4 then holds.
    """
    slopes = np.diff(np.log(path.drive)) / np.diff(path.clock)
    return np.asarray(-np.diff(slopes), dtype=np.float64)
