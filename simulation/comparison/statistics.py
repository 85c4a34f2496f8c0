"""Derived against measured over whole tables: tests with a stated error rate, and slopes of scaling laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from simulation.comparison.measurement import MeasuredBoundaries
from theory import InputError
from theory.validation import (
    FloatArray,
    IntArray,
    at_least,
    finite_array,
    open_unit,
    plain_array,
    positive,
    real_array,
)

BoolArray = NDArray[np.bool_]


def holm(p_values: ArrayLike, level: float) -> BoolArray:
    """Which hypotheses of a table to reject, by the step-down of Holm (1979).

    The chance that any true one is among them is at most ``level``, for any dependence between
    the tests. A NaN, where there is no test, counts as 1: it is not rejected, and it stays in the
    number of hypotheses, so that the error rate holds for any reason that values are missing.

    Args:
        p_values: table of any shape, between 0 and 1 or NaN.
        level: family-wise error rate, strictly between 0 and 1.

    Returns:
        Booleans of the same shape.

    Raises:
        InputError: values out of range.
    """
    table = real_array("p_values", p_values)
    rate = open_unit("level", level)
    if np.any((table < 0) | (table > 1)):
        raise InputError("p_values: holds a number outside 0 to 1; give probabilities, NaN where there is none")
    flat = np.where(np.isnan(table), 1.0, table).ravel()
    order = np.argsort(flat)
    passes = flat[order] <= rate / np.arange(flat.size, 0, -1)
    rejected = np.empty(flat.shape, dtype=np.bool_)
    rejected[order] = np.logical_and.accumulate(passes)
    return rejected.reshape(table.shape)


@dataclass(frozen=True, eq=False)
class EqualityTest:
    """A test of derived = measured over a table.

    Attributes:
        deviations: log(measured / derived); NaN where one side has no value.
        errors: standard errors of these.
        p_values: two-sided; NaN where there is no deviation or no error.
        rejected: entries that differ, by Holm's step-down.
        level: chance that any is rejected where all are equal.
    """

    deviations: FloatArray
    errors: FloatArray
    p_values: FloatArray
    rejected: BoolArray
    level: float


def equality_test(
    derived: ArrayLike, measured: ArrayLike, relative_errors: ArrayLike, replicas: ArrayLike, level: float = 0.05
) -> EqualityTest:
    """Test derived = measured over a table, with a stated error rate for the whole of it.

    log(measured / derived) over its standard error is compared with Student's t with replicas - 1 degrees of
    freedom. This is exact where the logarithm is a mean over replicas with Gaussian scatter.

    Args:
        derived: positive values, NaN where there is none.
        measured: the same shape, likewise.
        relative_errors: bootstrap errors of log(measured), as ``MeasuredBoundaries.relative_error`` states
            them; NaN where there is none, infinite where the data cannot tell.
        replicas: number of independent replicas that were resampled, one for all or one for each.
        level: family-wise error rate.

    Raises:
        InputError: shapes that do not fit or values out of range.
    """
    expected, found = (_positive_table(name, value) for name, value in (("derived", derived), ("measured", measured)))
    if expected.shape != found.shape:
        raise InputError(f"measured: has shape {found.shape}; give {expected.shape} as derived")
    counts = _replica_counts(_spread_over("replicas", replicas, expected.shape))
    stated = _spread_over("relative_errors", relative_errors, expected.shape).astype(np.float64)
    if np.any(stated < 0):
        raise InputError("relative_errors: holds a negative number; give standard errors, NaN where there is none")
    deviations = np.log(found / expected)
    errors = stated * _bootstrap_correction(counts)
    # A deviation of 0 is not evidence, even where the error is 0.
    ratio = np.divide(np.abs(deviations), errors, out=np.where(deviations == 0, 0.0, np.inf), where=errors > 0)
    ratio[np.isnan(deviations) | np.isnan(errors)] = np.nan
    p_values = np.asarray(2 * stats.t.sf(ratio, counts - 1), dtype=np.float64)
    return EqualityTest(deviations, errors, p_values, holm(p_values, level), level)


@dataclass(frozen=True)
class Slope:
    """A slope with its confidence interval.

    Attributes:
        value: the estimate.
        low: lower end.
        high: upper end.
        level: chance that such an interval holds the true slope.
    """

    value: float
    low: float
    high: float
    level: float

    def contains(self, slope: float) -> bool:
        """Whether ``slope`` is inside the interval."""
        return self.low <= slope <= self.high


def slope_with_interval(
    parameters: ArrayLike, found: Sequence[MeasuredBoundaries], name: str, replicas: int, level: float = 0.95
) -> Slope:
    """The exponent q of boundary ~ parameter^q: least squares of log boundary on log parameter.

    The replicas at different parameter values must be independent. The slope is then a weighted sum of independent
    logarithms, its variance that of their bootstrap variances, and Student's t with the degrees of freedom of Welch
    and Satterthwaite gives the interval. Percentiles of resampled slopes are too narrow with few replicas: with six,
    95 % intervals hold the slope 86 % of the time.

    Args:
        parameters: (m,) positive values, at least two of them different.
        found: boundaries measured at each.
        name: of the boundary, as in ``measurement.BOUNDARY_NAMES``.
        replicas: number of replicas behind each boundary, at least 2.
        level: of the interval.

    Raises:
        InputError: shapes that do not fit, values out of range, or a boundary without a time or an error.
    """
    values = finite_array("parameters", parameters, 1)
    positive("parameters", float(values.min()))
    if np.ptp(values) == 0 or len(found) != values.size:
        raise InputError(
            f"parameters: {values.size} values for {len(found)} boundaries; give one for each, not all the same"
        )
    times = [one.time(name) for one in found]
    stated = [one.relative_error(name) for one in found]
    known = zip(times, stated, strict=True)
    missing = [
        index for index, (time, error) in enumerate(known) if not time or error is None or not np.isfinite(error)
    ]
    if missing:
        raise InputError(
            f"found: at parameter {values[missing[0]]:g} the {name} has no value or no error; "
            "leave it out, or measure it with more replicas"
        )
    confidence = open_unit("level", level)
    count = int(_replica_counts(replicas))
    offsets = np.log(values) - np.log(values).mean()
    shares = offsets / np.sum(offsets**2)
    slope = float(shares @ np.log(np.array(times, dtype=np.float64)))
    variances = np.square(shares * np.array(stated, dtype=np.float64) * _bootstrap_correction(np.array(count)))
    if variances.sum() == 0:
        return Slope(slope, slope, slope, confidence)
    freedom = (count - 1) * variances.sum() ** 2 / np.sum(variances**2)
    half_width = float(np.sqrt(variances.sum()) * stats.t.isf((1 - confidence) / 2, freedom))
    return Slope(slope, slope - half_width, slope + half_width, confidence)


def _positive_table(name: str, value: ArrayLike) -> FloatArray:
    """``value`` as float64, each entry positive and finite, or NaN."""
    table = real_array(name, value)
    if np.any((table <= 0) | np.isinf(table)):
        raise InputError(f"{name}: holds a number that is not positive and finite; give NaN where there is no value")
    return table


def _spread_over(name: str, value: ArrayLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """``value``, one for all or one for each, as an array of ``shape``."""
    array = plain_array(name, value)
    if array.ndim and array.shape != shape:
        raise InputError(f"{name}: has shape {array.shape}; give one number, or {shape} as derived")
    return np.broadcast_to(array, shape)


def _replica_counts(replicas: ArrayLike) -> IntArray:
    """``replicas`` as integers, each at least 2."""
    counts = plain_array("replicas", replicas)
    for count in np.unique(counts).tolist():
        at_least("replicas", count, 2)
    return counts.astype(np.int64)


def _bootstrap_correction(replicas: IntArray) -> FloatArray:
    """What a bootstrap error of n replicas is low by: sqrt(n / (n - 1)), that of a variance without correction."""
    return np.asarray(np.sqrt(replicas / (replicas - 1)), dtype=np.float64)
