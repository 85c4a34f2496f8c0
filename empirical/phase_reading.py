"""Phases of a reconstruction loss measured at a few log-spaced steps of a deep training.

Deep training is measured at few steps and for few seeds, so that a boundary is read between grid points: the turning
point at the vertex of a parabola in log steps through the smallest loss and its neighbours, the end of the
near-constant phase where half of the fall is reached on straight lines in log steps. A fall or rise counts when it
exceeds both the resolution and two standard errors over seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from theory import InputError
from theory.boundaries import RESOLUTION
from theory.validation import FloatArray, finite_array, positive, step_counts

#: A change below this many standard errors over seeds is none.
_STANDARD_ERRORS = 2.0


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error over seeds; NaN where a single seed gives none.

    Attributes:
        value: NaN where there is no such thing.
        error: standard error, in the same units.
    """

    value: float
    error: float


@dataclass(frozen=True)
class PhaseReading:
    """What the curve of one layer shows.

    Attributes:
        fall: loss at step 0 minus the smallest loss, in units of L / tr Sigma.
        rise: last loss minus the smallest one.
        falls: whether the fall counts.
        rises: whether the rise counts.
        half_fall: step at which half of the fall is reached: the end of the near-constant phase.
        turning_point: step of the smallest loss, between grid points.
        grid_ratio: ratio of the grid's steps on both sides of the turning point: what lies within is interpolated.
    """

    fall: Estimate
    rise: Estimate
    falls: bool
    rises: bool
    half_fall: Estimate
    turning_point: Estimate
    grid_ratio: float

    @property
    def turned(self) -> bool:
        """Whether there is a turning point: a fall that counts, and after it a rise that counts."""
        return self.falls and self.rises


def read_phases(steps: ArrayLike, losses: ArrayLike, resolution: float = RESOLUTION) -> PhaseReading:
    """The phases of one layer's curve.

    Args:
        steps: (T,) strictly increasing step counts, from 0 on, T at least 2; with two nothing turns.
        losses: (seed, T) L / tr Sigma.
        resolution: smallest change that counts, in the same units.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, values out of range.
    """
    counts = step_counts("steps", np.asarray(steps))
    curves = finite_array("losses", losses, 2)
    if counts.size < 2 or counts[0] != 0 or curves.shape[1] != counts.size:
        raise InputError(f"steps: {counts.size} for losses {curves.shape}; give at least 2, from 0 on, one a column")
    smallest = positive("resolution", resolution)
    mean = curves.mean(axis=0)
    lowest = int(np.argmin(mean))
    fall = mean_over_seeds(curves[:, 0] - curves[:, lowest])
    rise = mean_over_seeds(curves[:, -1] - curves[:, lowest])
    falls, rises = (_counts(change, smallest) for change in (fall, rise))
    times = np.log(np.maximum(counts, 0.5))  # step 0 in the place of one half
    turning = half = Estimate(np.nan, np.nan)
    ratio = np.nan
    if falls and rises:
        turning = _step_of(np.array([turning_time(times, one) for one in curves]), turning_time(times, mean))
        ratio = float(np.exp(times[min(lowest + 1, counts.size - 1)] - times[max(lowest - 1, 0)]))
    if falls:
        half = _step_of(np.array([half_fall_time(times, one) for one in curves]), half_fall_time(times, mean))
    return PhaseReading(fall, rise, falls, rises, half, turning, ratio)


def turning_time(times: FloatArray, losses: FloatArray) -> float:
    """Time of the smallest of ``losses`` (T,), by the parabola through it and its neighbours; at an end, the end."""
    lowest = int(np.argmin(losses))
    if lowest in (0, times.size - 1):
        return float(times[lowest])
    near = slice(lowest - 1, lowest + 2)
    first, middle, last = times[near]
    left = (losses[lowest] - losses[lowest - 1]) / (middle - first)
    right = (losses[lowest + 1] - losses[lowest]) / (last - middle)
    # The parabola's slope is left at the middle of the left interval and right at that of the right one, and linear.
    begin, end = (first + middle) / 2, (middle + last) / 2
    return float(begin - left * (end - begin) / (right - left)) if right > left else float(middle)


def half_fall_time(times: FloatArray, losses: FloatArray) -> float:
    """First time at which half of the fall of ``losses`` (T,) from its start to its smallest value is reached."""
    level = (losses[0] + losses.min()) / 2
    reached = int(np.argmax(losses <= level))
    if reached == 0:
        return float(times[0])
    before, after = losses[reached - 1], losses[reached]
    share = (before - level) / (before - after)
    return float(times[reached - 1] + share * (times[reached] - times[reached - 1]))


def mean_over_seeds(values: FloatArray) -> Estimate:
    """Mean of (seed,) values with its standard error; that of a single seed is NaN."""
    error = values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else np.nan
    return Estimate(float(values.mean()), float(error))


def _counts(change: Estimate, smallest: float) -> bool:
    return change.value > smallest and not change.value <= _STANDARD_ERRORS * change.error


def _step_of(times: FloatArray, of_mean: float) -> Estimate:
    """The step at the mean curve's time, with the standard error over the seeds' own times, taken to steps."""
    step = float(np.exp(of_mean))
    return Estimate(step, step * mean_over_seeds(times).error)
