"""Theorem T7: the regions of (initialisation scale, alignment) and the borders between them.

The annealed curve of one output depends on sigma0 through two sums only,

    R(s) = (sigma0^2 a2(s) + b2(s)) / (sigma0^2 a1(s) + b1(s)),
    a_j = sum l^j exp(-2 c l s),   b_j = sum l^j delta^2 phi_s(l)^2,

so one pass over the modes serves all scales. A region is a regime of ``theory.curves.regimes``: the sequence of the
rises and falls of the loss that are larger than the resolution. A border is a scale at which the regime changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from theory.curves.annealed import OneOutput
from theory.curves.regimes import RESOLUTION, Regime, regime_of
from theory.validation import FloatArray, InputError, finite_array, positive


@dataclass(frozen=True, eq=False)
class ScaleFamily:
    """The annealed curves of one network at every initial scale.

    Attributes:
        network: spectrum, signal and curvature.
        times: (T,) log-spaced, from far inside phase I to the saturation of the last mode.
        initial: (2, T) the sums a_1 and a_2, in units of lambda_1 and for W(0) of size scaled = 1.
        learnt: (2, T) the sums b_1 and b_2 in the same units.
    """

    network: OneOutput
    times: FloatArray
    initial: FloatArray
    learnt: FloatArray

    @classmethod
    def from_network(cls, network: OneOutput, points: int = 600) -> ScaleFamily:
        """Sum over the modes of ``network`` at ``points`` times."""
        levels = network.eigenvalues / network.eigenvalues.max()
        signal = network.signal / np.abs(network.signal).max()
        rate = network.curvature * network.eigenvalues.max()
        # In units of 1 / (c lambda_1), and W in units of its solution for a mode of lambda_1 and max |delta|.
        own_times = np.geomspace(1e-8, 60 / levels.min(), points)
        exponents = own_times[:, None] * levels
        decay, learnt = np.exp(-exponents), signal * -np.expm1(-exponents) / levels
        per_unit = network.curvature * np.sqrt(levels @ signal**2 / levels.sum())
        powers = np.stack([levels, levels**2], axis=1)
        return cls(network, own_times / rate, per_unit**2 * (decay**2 @ powers).T, (learnt**2 @ powers).T)

    def relative_losses(self, scaled: FloatArray) -> FloatArray:
        """(X, 1 + T) loss at time 0 and at ``times``, for scaled initialisations (X,).

        Args:
            scaled: lambda_1 s1, the initial scale in units of sqrt(sum l delta^2 / sum l) / lambda_1.
        """
        squares = np.square(finite_array("scaled", scaled, 1))[:, None, None]
        sums = squares * self.initial + self.learnt
        explained = sums[:, 1] / sums[:, 0]
        levels = self.network.eigenvalues / self.network.eigenvalues.max()
        start = np.full((explained.shape[0], 1), levels @ levels / levels.sum())
        return np.asarray(1 - np.concatenate([start, explained], axis=1) / levels.sum())


def regimes_at(family: ScaleFamily, scaled: FloatArray, resolution: float = RESOLUTION) -> list[Regime]:
    """The regime of the annealed curve at each scaled initialisation (X,).

    Args:
        family: the annealed curves of one network.
        scaled: (X,) lambda_1 s1, positive.
        resolution: smallest move that counts, in units of L / tr Sigma.
    """
    smallest = positive("resolution", resolution)
    return [regime_of(losses, smallest) for losses in family.relative_losses(scaled)]


@dataclass(frozen=True)
class Border:
    """A scaled initialisation at which the regime changes, with those below and above it."""

    scaled: float
    below: Regime
    above: Regime


def borders(family: ScaleFamily, resolution: float = RESOLUTION) -> list[Border]:
    """All borders between scaled initialisations 1e-4 and 1e3 that are further apart than 6 %, ascending."""
    grid = np.geomspace(*_SCALES, 281)
    regimes = regimes_at(family, grid, resolution)
    found = []
    for number in range(1, grid.size):
        place, below = float(grid[number - 1]), regimes[number - 1]
        while below != regimes[number]:
            place = _end_of(family, resolution, below, place, float(grid[number]))
            above = regimes_at(family, np.array([place]), resolution)[0]
            found.append(Border(place, below, above))
            below = above
    return found


def rise_border(found: list[Border]) -> float:
    """The scale from which on a rise precedes the fall, which ends the three phases; NaN without such a border."""
    return _first(found, lambda one: one.below.falls and not one.below.begins_with_rise and _rises_first(one.above))


def dip_border(found: list[Border]) -> float:
    """The scale at which the last fall vanishes and a monotone rise begins; NaN without such a border."""
    return _first(found, lambda one: one.below.falls and not one.above.falls)


def end_border(found: list[Border]) -> float:
    """The scale at which the last move becomes a fall instead of a rise; NaN without such a border."""
    return _first(found, lambda one: one.below.falls and not one.below.ends_in_fall and one.above.ends_in_fall)


def late_fall_border(found: list[Border]) -> float:
    """The scale from which a fall follows the rise again, as large W(0) decays below what is learnt; NaN without it."""
    return _first(found, lambda one: not one.below.falls and one.above.falls)


def _first(found: list[Border], holds: Callable[[Border], bool]) -> float:
    return next((one.scaled for one in found if holds(one)), float("nan"))


def _rises_first(regime: Regime) -> bool:
    return regime.falls and regime.begins_with_rise


def _end_of(family: ScaleFamily, resolution: float, regime: Regime, low: float, high: float) -> float:
    """A scale between two, just above the one at which ``regime``, that of ``low``, ends."""
    below, above = np.log(low), np.log(high)
    while above - below > _ACCURACY:
        middle = (below + above) / 2
        if regimes_at(family, np.exp([middle]), resolution)[0] == regime:
            below = middle
        else:
            above = middle
    return float(np.exp(above))


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


#: Scaled initialisations between which borders are sought, and the accuracy of their logarithm.
_SCALES = (1e-4, 1e3)
_ACCURACY = 1e-9


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

    Args:
        eigenvalues: (d,) positive.
        alignment: R2 / R0, within ``alignment_range``.
        curvature: c > 0.

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
