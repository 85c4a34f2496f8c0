"""Boundaries of the three phases, read off a curve, derived or measured alike.

The curve is first reduced to its moves: the alternating rises and falls larger than a stated
resolution. The moves name the regime; the last fall that a rise follows ends in the turning point.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from theory.validation import FloatArray, InputError, finite_array, open_unit, positive

#: Moves of L / tr Sigma smaller than this are not told apart from none: the accuracy to which
#: derived and trained curves agree.
RESOLUTION = 0.01

#: Half-width, in log time, of the window in which a turning point is fitted.
_WINDOW = float(np.log(3))


class Regime(Enum):
    """The course of a curve (theorem T7), and what else a curve can do in a finite time."""

    THREE_PHASES = "three phases"
    RISE_DIP_RISE = "rise-dip-rise"
    MONOTONE_RISE = "monotone rise"
    STILL_FALLING = "still falling"
    CONSTANT = "constant"
    OTHER = "other"


_REGIMES: dict[tuple[int, ...], Regime] = {
    (): Regime.CONSTANT,
    (-1,): Regime.STILL_FALLING,
    (-1, 1): Regime.THREE_PHASES,
    (1,): Regime.MONOTONE_RISE,
    (1, -1): Regime.STILL_FALLING,
    (1, -1, 1): Regime.RISE_DIP_RISE,
}


@dataclass(frozen=True)
class Boundaries:
    """Regime and boundary times of one curve; None where the curve has no such boundary.

    Attributes:
        regime: the course of the curve.
        fraction_point: time at which a fraction of the last fall (one half, unless said otherwise)
            is done; the end of phase I.
        turning_point: time of the minimum that ends the last fall; the end of phase II.
        return_time: time at which the loss, rising after it, is back at its initial level.
    """

    regime: Regime
    fraction_point: float | None
    turning_point: float | None
    return_time: float | None


@dataclass(frozen=True)
class Moves:
    """The rises and falls of a curve that are larger than a resolution.

    Attributes:
        indices: of the first value and of the extremum in which each move ends, ascending.
        directions: +1 for a rise, -1 for a fall, alternating; one fewer than ``indices``.
    """

    indices: tuple[int, ...]
    directions: tuple[int, ...]


def moves_of(losses: FloatArray, resolution: float | FloatArray) -> Moves:
    """The alternating rises and falls of a curve.

    Args:
        losses: (T,) values.
        resolution: smallest move that counts, positive; one number, or (T,) of which the larger at
            the two ends of a move applies.
    """
    values = finite_array("losses", losses, 1)
    smallest = np.broadcast_to(np.asarray(resolution, dtype=np.float64), values.shape)
    positive("resolution", float(smallest.min()))
    indices, directions = [0], [0]
    low = high = 0
    for index, value in enumerate(values):
        high = index if value > values[high] else high
        low = index if value < values[low] else low
        falls = values[high] - value > max(smallest[high], smallest[index])
        rises = value - values[low] > max(smallest[low], smallest[index])
        if directions[-1] >= 0 and falls:
            move, extremum = -1, high
        elif directions[-1] <= 0 and rises:
            move, extremum = 1, low
        else:
            continue
        if directions[-1]:
            indices.append(extremum)
        directions.append(move)
        low = high = index
    if directions[-1]:
        indices.append(low if directions[-1] < 0 else high)
    return Moves(tuple(indices), tuple(directions[1:]))


def regime_of(losses: FloatArray, resolution: float | FloatArray = RESOLUTION) -> Regime:
    """The regime of a curve (T,) of L / tr Sigma."""
    return _REGIMES.get(moves_of(losses, resolution).directions, Regime.OTHER)


@dataclass(frozen=True)
class Fall:
    """Indices at which a fall begins and at which the rise that follows it ends."""

    start: int
    stop: int


def last_fall(losses: FloatArray, resolution: float | FloatArray) -> Fall | None:
    """The last fall of a curve (T,) that is followed by a rise; None without one."""
    moves = moves_of(losses, resolution)
    for number in range(len(moves.directions) - 2, -1, -1):
        if moves.directions[number : number + 2] == (-1, 1):
            return Fall(moves.indices[number], moves.indices[number + 2])
    return None


def turning_points(times: FloatArray, losses: FloatArray, first: int) -> FloatArray:
    """Times of the minima of many curves: of a cubic in log time fitted around the smallest value.

    The cubic (a parabola would be biased, as falls and rises are not mirror images) is fitted by weighted
    least squares to all points within a factor of three in time, so that noise of single points
    averages out; with fewer than five such points the grid point stands.

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


def measure_boundaries(
    times: FloatArray, losses: FloatArray, fraction: float = 0.5, resolution: float | FloatArray = RESOLUTION
) -> Boundaries:
    """Regime and boundaries of one curve.

    Args:
        times: (T,) strictly increasing from 0 on.
        losses: (T,) L / tr Sigma.
        fraction: share of the last fall that marks the end of phase I, strictly between 0 and 1.
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
    fall = last_fall(values, resolution)
    if fall is None:
        return Boundaries(regime, None, None, None)
    estimates = boundary_estimates(grid, values[None, :], fall, share)[:, 0]
    fraction_point, turning_point, return_time = (None if np.isnan(time) else float(time) for time in estimates)
    return Boundaries(regime, fraction_point, turning_point, return_time)


def boundary_estimates(times: FloatArray, losses: FloatArray, fall: Fall, fraction: float) -> FloatArray:
    """(3, B) fraction points, turning points and return times of curves (B, T), NaN where none.

    Args:
        times: (T,) increasing.
        losses: (B, T).
        fall: where the fall begins and the rise after it ends, the same for all curves.
        fraction: share of the fall that marks the end of phase I.
    """
    valley = slice(0, fall.stop + 1)
    times_there, losses_there = times[valley], losses[:, valley]
    turning = turning_points(times_there, losses_there, max(fall.start, 1))
    floor = losses_there[:, fall.start :].min(axis=1)
    level = losses[:, fall.start] + fraction * (floor - losses[:, fall.start])
    fraction_point = first_crossing(times_there, losses_there - level[:, None], fall.start)
    lowest = fall.start + int(np.argmin(losses_there[:, fall.start :].mean(axis=0)))
    back = first_crossing(times, losses[:, :1] - losses, lowest)
    # A dip that stays above the initial level cannot return to it.
    back = np.where(losses[:, lowest] < losses[:, 0], back, np.nan)
    return np.stack([fraction_point, turning, back])
