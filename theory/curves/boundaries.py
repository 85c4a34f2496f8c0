"""Boundaries of the three phases, read off a curve, derived or measured alike.

The course of a curve and its turning point are defined in ``theory.curves.regimes``; this module gives the times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.curves.regimes import RESOLUTION, Absence, Regime, Valley, lowest_valley, moves_of, regime_of
from theory.validation import FloatArray, InputError, finite_array, open_unit

__all__ = [
    "NEAR_CONSTANT",
    "RESOLUTION",
    "Boundaries",
    "Regime",
    "boundaries_of",
    "boundary_estimates",
    "fall_times",
    "first_crossing",
    "moves_of",
    "regime_of",
    "turning_points",
]

#: Share of its fall up to which a curve is near-constant: phase I, as figures shade it, ends where so much is done.
NEAR_CONSTANT = 0.1

#: Half-width, in log time, of the window in which a turning point is fitted.
_WINDOW = float(np.log(3))


@dataclass(frozen=True)
class Boundaries:
    """Regime and boundary times of one curve; None where the curve has no such boundary.

    Attributes:
        regime: the course of the curve.
        fraction_point: time at which a fraction of the fall to the turning point from the highest loss before it is
            done: half of the fall, unless said otherwise. That is s1 of theorem T2, the time scale of phase I.
        turning_point: time at which the curve is lowest, having fallen there, and from which it rises; the end of
            phase II.
        return_time: time at which the loss, rising after it, is back at its initial level.
        turning_absence: why there is no turning point.
        return_absence: why there is no return.
        near_constant_end: time at which the share NEAR_CONSTANT of the fall is done, up to which the curve is
            near-constant: the end of phase I in figures. In T2 that is at s1 / 3.
    """

    regime: Regime
    fraction_point: float | None
    turning_point: float | None
    return_time: float | None
    turning_absence: Absence | None = None
    return_absence: Absence | None = None
    near_constant_end: float | None = None

    def reason(self, name: str) -> str | None:
        """Why there is no boundary of this name (that of an attribute), in words; None where there is one."""
        absence = self.return_absence if name == "return_time" else self.turning_absence
        return None if absence is None else absence.value


def turning_points(times: FloatArray, losses: FloatArray, first: int) -> FloatArray:
    """Times of the minima of many curves: of a cubic in log time fitted around the smallest value.

    The cubic (a parabola would be biased, as falls and rises are not mirror images) is fitted by weighted
    least squares to all points within a factor of three in time, so that noise of single points
    averages out; with fewer than five such points the grid point is returned.

    Args:
        times: (T,) increasing.
        losses: (..., T).
        first: index from which the minimum is sought, at least 1 (time 0 has no logarithm).
    """
    if not 1 <= first < times.size:
        raise InputError(f"first: {first} is not accepted; give an index from 1 to {times.size - 1}")
    logs = np.log(times[first:])
    values = losses[..., first:]
    if logs.size == 1:
        return np.full(values.shape[:-1], times[first])
    lowest = logs[np.argmin(values, axis=-1)]
    # The lowest of noisy points is a poor centre; the fit around it is a better one.
    return np.asarray(np.exp(_fitted_minimum(logs, values, _fitted_minimum(logs, values, lowest))), dtype=np.float64)


def _fitted_minimum(logs: FloatArray, values: FloatArray, centre: FloatArray) -> FloatArray:
    """(...) minima of the cubics fitted to ``values`` (..., T) within the window around ``centre`` (...)."""
    offset = logs - centre[..., None]
    # Each point counts for its stretch of log time, and less towards the ends of the window: the fit is then that of
    # the curve and not of its grid, whose points are dense where steps are few.
    weight = np.gradient(logs) * np.maximum(1 - np.square(offset / _WINDOW), 0.0)
    powers = np.stack([(weight * offset**power).sum(axis=-1) for power in range(7)], axis=-1)  # (..., 7)
    normal = powers[..., np.add.outer(np.arange(4), np.arange(4))]
    right = np.stack([(weight * values * offset**power).sum(axis=-1) for power in range(4)], axis=-1)
    enough = np.count_nonzero(weight, axis=-1) >= 5
    solvable = np.where(enough[..., None, None], normal, np.eye(4))
    _, slope, bend, skew = np.moveaxis(np.linalg.solve(solvable, right[..., None])[..., 0], -1, 0)
    discriminant = bend**2 - 3 * slope * skew
    denominator = bend + np.sqrt(np.maximum(discriminant, 0.0))
    bowl = enough & (discriminant >= 0) & (denominator > 0)
    offset_of_minimum = np.where(bowl, -slope / np.where(bowl, denominator, 1.0), 0.0)
    inside = np.clip(offset_of_minimum, -_WINDOW, _WINDOW)
    return np.asarray(np.clip(centre + inside, logs[0], logs[-1]), dtype=np.float64)


def first_crossing(times: FloatArray, excess: FloatArray, first: int) -> FloatArray:
    """Times from index ``first`` on at which ``excess`` (..., T) first falls to zero or below.

    Interpolated linearly in log time (in time next to time 0); NaN where it never does.

    Args:
        times: (T,) increasing.
        excess: (..., T).
        first: index from which the crossing is sought.
    """
    values = excess[..., first:]
    grid = times[first:]
    below = values <= 0
    after = np.argmax(below, axis=-1)
    before = np.maximum(after - 1, 0)
    left = np.take_along_axis(values, before[..., None], axis=-1)[..., 0]
    right = np.take_along_axis(values, after[..., None], axis=-1)[..., 0]
    drop = left - right
    share = np.where(drop > 0, left / np.where(drop > 0, drop, 1.0), 0.0)
    start, end = grid[before], grid[after]
    geometric = np.where(start > 0, start, 1.0) * np.power(end / np.where(start > 0, start, 1.0), share)
    crossing = np.where(start > 0, geometric, share * end)
    return np.where(below.any(axis=-1), crossing, np.nan)


def boundaries_of(
    times: FloatArray, losses: FloatArray, fraction: float = 0.5, resolution: float | FloatArray = RESOLUTION
) -> Boundaries:
    """Regime and boundaries of one curve.

    Args:
        times: (T,) strictly increasing from 0 on.
        losses: (T,) L / tr Sigma.
        fraction: share of the fall at the fraction point, strictly between 0 and 1.
        resolution: smallest move that counts, in units of L / tr Sigma; one number or (T,).

    Raises:
        InputError: shapes that do not fit, NaN or infinity, values out of range.
    """
    grid = finite_array("times", times, 1)
    values = finite_array("losses", losses, 1)
    if grid.shape != values.shape:
        raise InputError(f"losses: has shape {values.shape}; give {grid.shape} as the times")
    share = open_unit("fraction", fraction)
    regime = regime_of(values, resolution)
    valley = lowest_valley(values, resolution)
    if isinstance(valley, Absence):
        return Boundaries(regime, None, None, None, valley, valley)
    estimates = boundary_estimates(grid, values[None, :], valley, share)[:, 0]
    flat = fall_times(grid, values[None, :], valley, NEAR_CONSTANT)
    fraction_point, turning_point, return_time, near_constant_end = (
        None if np.isnan(time) else float(time) for time in (*estimates, *flat)
    )
    back = None if return_time is not None else _why_no_return(values, valley)
    return Boundaries(regime, fraction_point, turning_point, return_time, None, back, near_constant_end)


def boundary_estimates(times: FloatArray, losses: FloatArray, valley: Valley, fraction: float) -> FloatArray:
    """(3, B) fraction points, turning points and return times of curves (B, T), NaN where none.

    Args:
        times: (T,) increasing.
        losses: (B, T).
        valley: where the fall begins, is lowest and the rise after it ends, the same for all curves.
        fraction: share of the fall at the fraction points.
    """
    inside = slice(0, valley.stop + 1)
    times_there, losses_there = times[inside], losses[:, inside]
    # Where the fitted cubic has its minimum the loss must not be above the lowest one by more than the resolution.
    left, right = times[[max(valley.near[0] - 1, valley.start, 1), valley.near[1] + 1]]
    turning = np.clip(turning_points(times_there, losses_there, max(valley.start, 1)), left, right)
    fraction_point = fall_times(times, losses, valley, fraction)
    lowest = valley.start + int(np.argmin(losses_there[:, valley.start :].mean(axis=0)))
    back = first_crossing(times, losses[:, :1] - losses, lowest)
    # A dip that stays above the initial level cannot return to it.
    back = np.where(losses[:, lowest] < losses[:, 0], back, np.nan)
    return np.stack([fraction_point, turning, back])


def fall_times(times: FloatArray, losses: FloatArray, valley: Valley, fraction: float) -> FloatArray:
    """(B,) times at which a fraction of the fall of each curve (B, T) is done.

    Args:
        times: (T,) increasing.
        losses: (B, T).
        valley: where the fall begins and is lowest, the same for all curves.
        fraction: share of the fall.
    """
    inside = slice(0, valley.stop + 1)
    crest, floor = losses[:, valley.start], losses[:, valley.start : valley.stop + 1].min(axis=1)
    level = crest + fraction * (floor - crest)
    return first_crossing(times[inside], losses[:, inside] - level[:, None], valley.start)


def _why_no_return(losses: FloatArray, valley: Valley) -> Absence:
    return Absence.NO_RETURN if losses[valley.lowest] < losses[0] else Absence.ABOVE_START
