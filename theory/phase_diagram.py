"""Theorem T7: the regions of (initialisation scale, alignment) and the borders between them.

The annealed curve of one output depends on sigma0 through two sums only,

    R(s) = (sigma0^2 a2(s) + b2(s)) / (sigma0^2 a1(s) + b1(s)),
    a_j = sum l^j exp(-2 c l s),   b_j = sum l^j delta^2 phi_s(l)^2,

so one pass over the modes serves all scales. With the largest fall of the loss after any earlier level,
the rise before it and the rise after it, a curve has three phases (fall and later rise above the
resolution, no rise before), rise-dip-rise (all three) or a monotone rise (no fall); without a rise after
the fall it is falling at the end. Borders between these regions are found by root finding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from theory.annealed import OneOutput
from theory.boundaries import RESOLUTION, Regime
from theory.validation import FloatArray, InputError, finite_array, positive


@dataclass(frozen=True, eq=False)
class ScaleFamily:
    """The annealed curves of one network at every initial scale.

    Attributes:
        network: spectrum, signal and curvature.
        times: (T,) log-spaced, from far inside phase I to the saturation of the last mode.
        initial: (2, T) the sums a_1 and a_2.
        learnt: (2, T) the sums b_1 and b_2.
    """

    network: OneOutput
    times: FloatArray
    initial: FloatArray
    learnt: FloatArray

    @classmethod
    def of(cls, network: OneOutput, points: int = 400) -> ScaleFamily:
        """Sum over the modes of ``network`` at ``points`` times."""
        rates = network.curvature * network.eigenvalues
        times = np.geomspace(1e-6 / rates[0], 40 / rates[-1], points)
        decay, learnt = network.modes(times)
        powers = np.stack([network.eigenvalues, network.eigenvalues**2], axis=1)
        return cls(network, times, (decay**2 @ powers).T, (learnt**2 @ powers).T)

    def relative_losses(self, scaled: FloatArray) -> FloatArray:
        """(X, 1 + T) loss at time 0 and at ``times``, for scaled initialisations (X,).

        Args:
            scaled: lambda_1 s1, the initial scale in units of sqrt(sum l delta^2 / sum l) / lambda_1.
        """
        per_unit = self.network.phase_one_end(1.0) * self.network.eigenvalues[0]
        squares = (finite_array("scaled", scaled, 1) / per_unit)[:, None, None] ** 2
        sums = squares * self.initial + self.learnt
        explained = sums[:, 1] / sums[:, 0]
        start = np.full((explained.shape[0], 1), self.network.initial_level)
        return np.asarray(1 - np.concatenate([start, explained], axis=1) / self.network.eigenvalues.sum())


def largest_fall(losses: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The largest fall of curves (X, T), the rise before it and the largest rise after it, each (X,)."""
    highest = np.maximum.accumulate(losses, axis=1)
    falls = highest - losses
    bottom = np.argmax(falls, axis=1)[:, None]
    fall = np.take_along_axis(falls, bottom, axis=1)[:, 0]
    before = np.take_along_axis(highest, bottom, axis=1)[:, 0] - losses[:, 0]
    later = np.where(np.arange(losses.shape[1]) >= bottom, losses, -np.inf).max(axis=1)
    after = later - np.take_along_axis(losses, bottom, axis=1)[:, 0]
    return fall, before, after


def regimes_at(family: ScaleFamily, scaled: FloatArray, resolution: float = RESOLUTION) -> list[Regime]:
    """The regime of the annealed curve at each scaled initialisation (X,)."""
    smallest = positive("resolution", resolution)
    found = []
    for fall, before, after in zip(*largest_fall(family.relative_losses(scaled)), strict=True):
        if fall <= smallest:
            found.append(Regime.MONOTONE_RISE if after + before > smallest else Regime.CONSTANT)
        elif after <= smallest:
            found.append(Regime.STILL_FALLING)
        else:
            found.append(Regime.RISE_DIP_RISE if before > smallest else Regime.THREE_PHASES)
    return found


def rise_border(family: ScaleFamily, resolution: float = RESOLUTION) -> float:
    """Scaled initialisation from which on a first rise comes before the fall: three phases end.

    NaN where there is no such border, or the fall or the rise after it is below the resolution there.
    """
    border = _smallest_crossing(family, lambda losses: largest_fall(losses)[1] - resolution)
    if np.isnan(border):
        return border
    fall, _, after = largest_fall(family.relative_losses(np.array([border])))
    return border if fall[0] > resolution and after[0] > resolution else float("nan")


def dip_border(family: ScaleFamily, resolution: float = RESOLUTION) -> float:
    """Scaled initialisation at which the fall shrinks to the resolution and a monotone rise begins; NaN without one."""
    return _smallest_crossing(family, lambda losses: resolution - largest_fall(losses)[0])


def end_border(family: ScaleFamily, resolution: float = RESOLUTION) -> float:
    """Scaled initialisation from which on no rise follows the fall; NaN without one, or without a fall there."""
    border = _smallest_crossing(family, lambda losses: resolution - largest_fall(losses)[2])
    if np.isnan(border):
        return border
    fall = largest_fall(family.relative_losses(np.array([border])))[0]
    return border if fall[0] > resolution else float("nan")


def late_fall_border(family: ScaleFamily, resolution: float = RESOLUTION) -> float:
    """Scaled initialisation from which on a monotone rise ends in a fall: large W(0) decays below what is learnt.

    NaN where the fall never shrinks to the resolution, or does not come back.
    """
    dip = dip_border(family, resolution)
    if np.isnan(dip):
        # Misaligned signals start with a monotone rise.
        dip = _SCALES[0]
    return _smallest_crossing(family, lambda losses: largest_fall(losses)[0] - resolution, above=dip * (1 + 1e-6))


def rise_border_asymptote(family: ScaleFamily, resolution: float = RESOLUTION) -> float:
    """``rise_border`` for a small resolution, from the formula of theorem T7; NaN where not aligned."""
    network = family.network
    init_scale = network.rise_border_formula(resolution)
    return float("nan") if init_scale is None else network.phase_one_end(init_scale) * float(network.eigenvalues[0])


def fall_alignment(eigenvalues: FloatArray, resolution: float = RESOLUTION) -> float:
    """Alignment above which the loss falls by more than the resolution for ever smaller sigma0.

    The fall is then R2 - R0 (theorem T2), hence R2 / R0 = 1 + rho tr Sigma / R0: where ``dip_border`` begins.
    """
    initial_level = np.sum(eigenvalues**2) / eigenvalues.sum()
    return float(1 + positive("resolution", resolution) * eigenvalues.sum() / initial_level)


def late_fall(network: OneOutput) -> float:
    """Fall of L / tr Sigma at the end of training for ever larger sigma0: from R = lambda_d to the solution's R.

    The solution is delta / lambda, with R = sum delta^2 / sum (delta^2 / lambda) (theorem T7). Where this is the
    resolution lies the border between a monotone rise and a rise that ends in a fall, for sigma0 so large,
    exp(l_d / (l_(d-1) - l_d)) and more, that the last mode of W(0) outlives the others.
    """
    squares = network.signal**2
    solution = squares.sum() / np.sum(squares / network.eigenvalues)
    return float((solution - network.eigenvalues[-1]) / network.eigenvalues.sum())


def late_fall_alignment(eigenvalues: FloatArray, resolution: float = RESOLUTION) -> float:
    """Alignment R2 / R0 of the signal delta^2 = l^gamma at which ``late_fall`` is the resolution; NaN without one."""

    def excess(gamma: float) -> float:
        return late_fall(_power_signal(eigenvalues, gamma, 1.0)) - resolution

    if excess(_EXPONENTS[0]) >= 0 or excess(_EXPONENTS[1]) <= 0:
        return float("nan")
    return _power_signal(eigenvalues, float(brentq(excess, *_EXPONENTS, xtol=1e-12)), 1.0).alignment


#: Scaled initialisations between which borders are sought.
_SCALES = (1e-4, 1e3)


def _smallest_crossing(
    family: ScaleFamily, excess: Callable[[FloatArray], FloatArray], above: float = _SCALES[0]
) -> float:
    """The smallest scaled initialisation between ``above`` and 1e3 at which ``excess`` becomes positive."""
    grid = np.geomspace(above, _SCALES[1], 281)
    positives = excess(family.relative_losses(grid)) > 0
    first = int(np.argmax(positives))
    if not positives.any() or first == 0:
        return float("nan")
    low, high = np.log(grid[first - 1 : first + 1])
    root = brentq(lambda log: float(excess(family.relative_losses(np.exp([log])))[0]), low, high, xtol=1e-9)
    return float(np.exp(root))


#: Exponents gamma of signals delta^2 = l^gamma, from far misaligned to far aligned.
_EXPONENTS = (-20.0, 20.0)


def _power_signal(eigenvalues: FloatArray, gamma: float, curvature: float) -> OneOutput:
    return OneOutput(eigenvalues, (eigenvalues / eigenvalues[0]) ** (gamma / 2), curvature)


def alignment_range(eigenvalues: FloatArray) -> tuple[float, float]:
    """Smallest and largest R2 / R0 of signals delta^2 = l^gamma on a spectrum (d,)."""
    low, high = (_power_signal(eigenvalues, gamma, 1.0) for gamma in _EXPONENTS)
    return low.alignment, high.alignment


def network_with_alignment(eigenvalues: FloatArray, alignment: float, curvature: float = 1.0) -> OneOutput:
    """A network on ``eigenvalues`` (d,) whose signal delta^2 = l^gamma has R2 / R0 = ``alignment``.

    Raises:
        InputError: an alignment outside ``alignment_range``.
    """
    spectrum = finite_array("eigenvalues", eigenvalues, 1)
    lowest, highest = alignment_range(spectrum)
    if not lowest < alignment < highest:
        accepted = f"{lowest:.3g} to {highest:.3g} on this spectrum"
        raise InputError(f"alignment: {alignment:g} is not accepted; give {accepted}")

    def excess(gamma: float) -> float:
        return _power_signal(spectrum, gamma, curvature).alignment - alignment

    return _power_signal(spectrum, float(brentq(excess, *_EXPONENTS, xtol=1e-12)), curvature)
