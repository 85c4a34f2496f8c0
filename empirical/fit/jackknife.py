"""Standard errors by leaving out one part of the data at a time: the delete-a-shard jackknife.

An estimate is recomputed without each of m disjoint parts of equal size; the scatter of these m values
gives its standard error (Quenouille 1956; Tukey 1958; for groups Shao & Tu 1995, "The jackknife and
bootstrap", section 2.3). Parts are moments, so that leaving one out costs no pass over the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from theory import Moments
from theory.validation import FloatArray, InputError, finite_array, open_unit, real_array

#: Fewer parts than this give a standard error that is itself off by more than a quarter, 1 / sqrt(2 (m - 1)).
SMALLEST_PARTS = 10


@dataclass(frozen=True)
class Interval:
    """An estimate with its standard error and its confidence interval.

    Attributes:
        value: the estimate.
        standard_error: by the jackknife; NaN where a replicate has no estimate.
        low: lower end; NaN likewise.
        high: upper end; NaN likewise.
    """

    value: float
    standard_error: float
    low: float
    high: float

    def __contains__(self, number: float) -> bool:
        """Whether ``number`` lies in the interval."""
        return self.low <= number <= self.high


def without(whole: Moments, part: Moments) -> Moments:
    """Moments of the data of ``whole`` that are not in ``part``: the inverse of ``Moments.merge``.

    Raises:
        InputError: a part that is not smaller than the whole, class by class, or of another shape.
    """
    if whole.class_means.shape != part.class_means.shape:
        raise InputError(f"part: has (classes, dimension) {part.class_means.shape}; give {whole.class_means.shape}")
    counts = whole.class_counts - part.class_counts
    if counts.min() < 0 or counts.sum() == 0:
        raise InputError("part: holds inputs that the whole does not, or all of them; give one of the merged parts")
    share = part.count / whole.count
    mean = (whole.mean - share * part.mean) / (1 - share)
    shift = part.mean - mean
    covariance = whole.covariance - share * part.covariance
    covariance -= share * (1 - share) * np.outer(shift, shift)
    sums = whole.class_counts[:, None] * whole.class_means - part.class_counts[:, None] * part.class_means
    return Moments(mean, covariance / (1 - share), counts, sums / np.maximum(counts, 1)[:, None])


def jackknife_error(replicates: FloatArray) -> FloatArray:
    """(...) standard errors of an estimate from its values without each part, (m, ...).

    Raises:
        InputError: fewer than two replicates, or replicates that are no real numbers.
    """
    values = real_array("replicates", replicates)
    if values.ndim == 0 or values.shape[0] < 2:
        raise InputError("replicates: give at least two values of the estimate")
    deviations = values - values.mean(axis=0)
    return np.asarray(np.sqrt((len(values) - 1) / len(values) * np.square(deviations).sum(axis=0)), dtype=np.float64)


def jackknife_interval(value: float, replicates: Sequence[float] | FloatArray, level: float = 0.95) -> Interval:
    """The interval value +- t standard errors, t the quantile of Student's distribution of m - 1 degrees.

    Args:
        value: the estimate from all parts.
        replicates: (m,) the estimates without each part, m at least 2; NaN where there is none.
        level: probability with which the interval covers, strictly between 0 and 1.

    Raises:
        InputError: fewer than two replicates, ones that are no real numbers, or a level out of range.
    """
    values = real_array("replicates", replicates)
    error = float(jackknife_error(values))
    reach = float(student.ppf((1 + open_unit("level", level)) / 2, values.size - 1)) * error
    return Interval(float(value), error, float(value) - reach, float(value) + reach)


def check_parts(name: str, parts: Sequence[Moments]) -> None:
    """Refuse too few parts, or parts of unequal size.

    Raises:
        InputError: for either, with the argument's name.
    """
    if len(parts) < SMALLEST_PARTS:
        raise InputError(f"{name}: holds {len(parts)} parts; give at least {SMALLEST_PARTS} for a jackknife")
    counts = finite_array(name, [part.count for part in parts], 1)
    if counts.max() > 1.5 * counts.min():
        raise InputError(
            f"{name}: parts hold {counts.min():.0f} to {counts.max():.0f} inputs; give parts of about equal size"
        )
