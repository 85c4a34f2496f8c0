"""Phases of a reconstruction loss measured at a few log-spaced steps of a deep training.

What turns, and where, is defined in ``theory.curves.regimes``, as for all curves; a fall or rise counts when it
exceeds both the resolution and two standard errors over seeds. Deep training is measured at few steps and for few
seeds, so that a boundary is read between grid points: the turning point at the vertex of a parabola in log steps
through the smallest loss and its neighbours, the end of phase I (a tenth of the fall) and half of the fall on straight
lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from theory import InputError
from theory.curves.boundaries import NEAR_CONSTANT
from theory.curves.regimes import RESOLUTION, Absence, lowest_descent
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
    """The phases that the curve of one layer shows.

    Attributes:
        fall: from the highest earlier loss, at step 0 or after a first rise, to the smallest loss that the curve falls
            to, in units of L / tr Sigma.
        rise: from that loss to the end of the rise that follows, or to the last loss without one.
        falls: whether the fall counts: a drop between two of its steps exceeds the resolution and two standard errors.
        rises: whether the rise counts, in the same way.
        near_constant_end: step at which a tenth of the fall is done, up to which the loss is near-constant: phase I.
        half_fall: step at which half of the fall is done.
        turning_point: step of the smallest loss, between grid points.
        grid_ratio: ratio of the grid's steps on both sides of the turning point: what lies within is interpolated.
    """

    fall: Estimate
    rise: Estimate
    falls: bool
    rises: bool
    near_constant_end: Estimate
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
    counts = step_counts("steps", steps)
    curves = finite_array("losses", losses, 2)
    if counts.size < 2 or counts[0] != 0 or curves.shape[1] != counts.size:
        raise InputError(f"steps: {counts.size} for losses {curves.shape}; give at least 2, from 0 on, one per column")
    smallest = positive("resolution", resolution)
    mean = curves.mean(axis=0)
    found = lowest_descent(mean, smallest_moves(curves, smallest))
    if isinstance(found, Absence):
        # No fall counts: what there is, from the start to the smallest loss, and from there to the end.
        start, lowest, stop = 0, int(np.argmin(mean)), None
    else:
        start, lowest, stop = found.start, found.lowest, found.stop
    end = counts.size - 1 if stop is None else stop
    fall = mean_over_seeds(curves[:, start] - curves[:, lowest])
    rise = mean_over_seeds(curves[:, end] - curves[:, lowest])
    falls, rises = not isinstance(found, Absence), stop is not None or _counts(rise, smallest)
    times = np.log(np.maximum(counts, 0.5))  # step 0 counts as one half
    turning = flat = half = Estimate(np.nan, np.nan)
    ratio = np.nan
    if stop is not None:
        near = slice(start, stop + 1)
        own = np.array([turning_time(times[near], one[near]) for one in curves])
        turning = _step_of(own, turning_time(times[near], mean[near]))
        ratio = float(np.exp(times[min(lowest + 1, counts.size - 1)] - times[max(lowest - 1, 0)]))
    if falls:
        flat, half = (_fall_step(times[start:], curves[:, start:], share) for share in (NEAR_CONSTANT, 0.5))
    return PhaseReading(fall, rise, falls, rises, flat, half, turning, ratio)


def phases_at(steps: ArrayLike, losses: ArrayLike, resolution: float = RESOLUTION) -> tuple[str, ...]:
    """The phase of each measured step of one curve, of which the beginning need not be known.

    Args:
        steps: (T,) strictly increasing step counts.
        losses: (T,) L / tr Sigma.
        resolution: smallest change that counts.

    Returns:
        "I" up to a tenth of the fall, "II" up to the smallest loss, "III" after it where a rise follows that counts;
        without a fall that counts, "I" everywhere, or "rise" where the loss has risen.
    """
    counts = step_counts("steps", steps)
    curve = finite_array("losses", losses, 1)
    if curve.shape != counts.shape:
        raise InputError(f"losses: {curve.size} for {counts.size} steps; give one for each")
    found = lowest_descent(curve, positive("resolution", resolution))
    if isinstance(found, Absence):
        return tuple("rise" if loss > curve[0] + resolution else "I" for loss in curve)
    times = np.log(np.maximum(counts, 0.5))
    begins = fall_time(times[found.start :], curve[found.start :], NEAR_CONSTANT)
    ends = times[found.lowest] if found.stop is not None else np.inf
    return tuple("III" if time > ends else "II" if time > begins else "I" for time in times)


def _fall_step(times: FloatArray, curves: FloatArray, share: float) -> Estimate:
    """The step at which a share of the fall of curves (seed, T) is done."""
    own = np.array([fall_time(times, one, share) for one in curves])
    return _step_of(own, fall_time(times, curves.mean(axis=0), share))


def smallest_moves(curves: FloatArray, resolution: float) -> FloatArray:
    """(T, T) the smallest change between two steps that counts: the resolution or two standard errors of the change.

    Args:
        curves: (R, T) of repetitions, as seeds or groups of samples; a single one says nothing about noise.
        resolution: smallest change that counts without noise.
    """
    repetitions = curves.shape[0]
    if repetitions == 1:
        return np.full((curves.shape[1],) * 2, resolution)
    changes = curves[:, :, None] - curves[:, None, :]
    errors = changes.std(axis=0, ddof=1) / np.sqrt(repetitions)
    return np.asarray(np.maximum(resolution, _STANDARD_ERRORS * errors), dtype=np.float64)


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


def fall_time(times: FloatArray, losses: FloatArray, share: float) -> float:
    """First time at which a share of the fall of ``losses`` (T,) is done, from the first one to the smallest."""
    level = losses[0] + share * (losses.min() - losses[0])
    reached = int(np.argmax(losses <= level))
    if reached == 0:
        return float(times[0])
    before, after = losses[reached - 1], losses[reached]
    along = (before - level) / (before - after)
    return float(times[reached - 1] + along * (times[reached] - times[reached - 1]))


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
