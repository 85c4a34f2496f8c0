"""Measures how heavy the tails of classes are, beyond what moments say.

Within-class projections, standardised class by class, are compared with Student's t by the ratio of two order
statistics, the 0.99 and the 0.5 quantile of their absolute values, which grows as the tail index nu falls. Unlike a
Hill estimate it is consistent for t itself and knows a Gaussian (nu infinite); unlike a match of the kurtosis it
needs no moment beyond the variance. What has a symmetric error, and an interval, is 1 / nu: it is zero for a
Gaussian, below zero for lighter tails, and goes through zero without a jump, where nu leaps from large to infinite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm
from scipy.stats import t as student

from empirical.fit.jackknife import Interval, jackknife_interval
from theory import InputError
from theory.validation import FloatArray, IntArray, check_class_counts, finite_array

#: The two order statistics, as quantiles of the absolute value.
TAIL_QUANTILE, CENTRE_QUANTILE = 0.99, 0.5

#: The smallest tail index that is reported: variances must exist.
SMALLEST_TAIL_INDEX = 2.05

#: A class of fewer samples is standardised by the variance pooled over all such classes: its own, from so few, bounds
#: what it standardises (n samples by (n - 1) / sqrt(n)), and would take the tails away.
SMALLEST_CLASS = 30

#: Inverse tail indices below this are those of a Gaussian as far as the quantiles of t can be computed.
_SMALLEST_INVERSE = 1e-4


@dataclass(frozen=True)
class TailIndex:
    """Tail index nu of Student's t with its 95 % interval; infinite for a Gaussian.

    Attributes:
        value: nu, above 2.
        low: lower end.
        high: upper end; infinite where a Gaussian is not excluded.
        inverse: 1 / nu, on which the interval is computed; its ends may be below zero, for tails lighter than
            Gaussian.
    """

    value: float
    low: float
    high: float
    inverse: Interval


def tail_index(projections: FloatArray, labels: IntArray, parts: Sequence[IntArray]) -> TailIndex:
    """Tail index of samples within their classes.

    Args:
        projections: (n, P) coordinates of the samples along P directions that do not depend on them.
        labels: (n,) classes 0 .. K - 1, each with at least two samples.
        parts: disjoint sets of sample numbers; leaving out one at a time gives the interval.

    Raises:
        InputError: a class with fewer than two samples, or samples that do not vary along a direction within
            classes.
    """
    sizes = np.abs(_standardised(finite_array("projections", projections, 2), labels))
    replicates = np.array([_inverse_index(_log_ratio(np.delete(sizes, part, axis=0))) for part in parts])
    inverse = jackknife_interval(_inverse_index(_log_ratio(sizes)), replicates)
    return TailIndex(_index(inverse.value), _index(inverse.high), _index(inverse.low), inverse)


def _standardised(projections: FloatArray, labels: IntArray) -> FloatArray:
    """Projections less their class's mean, in units of its standard deviation."""
    check_class_counts(labels, int(labels.max()) + 1, 2, "as the variance within a class needs them")
    one_hot = (labels[:, None] == np.arange(labels.max() + 1)).astype(np.float64)
    counts = one_hot.sum(axis=0)
    # A sample of n deviates from its own class's mean by sqrt((n - 1) / n) of what it does from the expectation.
    factors = np.sqrt(counts / (counts - 1))
    centred = (projections - ((one_hot.T @ projections) / counts[:, None])[labels]) * factors[labels][:, None]
    squares = one_hot.T @ centred**2
    variances = squares / counts[:, None]
    small = counts < SMALLEST_CLASS
    if small.any():
        variances[small] = squares[small].sum(axis=0) / counts[small].sum()
    if variances.min() <= 0:
        number = int(variances.min(axis=1).argmin())
        raise InputError(f"inputs: class {number} does not vary along a direction; give classes that vary in all")
    return np.asarray(centred / np.sqrt(variances)[labels], dtype=np.float64)


def _log_ratio(sizes: FloatArray) -> float:
    """Mean over directions of the log ratio of the two quantiles of |z| (n, P)."""
    centre, tail = np.quantile(sizes, (CENTRE_QUANTILE, TAIL_QUANTILE), axis=0)
    return float(np.mean(np.log(tail / centre)))


def _expected_log_ratio(inverse: float) -> float:
    """The log ratio of Student's t with the tail index 1 / ``inverse``; below zero continued as a straight line."""
    upper, lower = (1 + TAIL_QUANTILE) / 2, (1 + CENTRE_QUANTILE) / 2
    if inverse > _SMALLEST_INVERSE:
        law = student(1 / inverse)
        return float(np.log(law.ppf(upper) / law.ppf(lower)))
    high, low = norm.ppf(upper), norm.ppf(lower)
    # A quantile z of a Gaussian is z + (z^3 + z) / (4 nu) for t (Cornish & Fisher 1938).
    return float(np.log(high / low) + inverse * (high**2 - low**2) / 4)


def _inverse_index(log_ratio: float) -> float:
    """1 / nu with this log ratio, at most 1 / SMALLEST_TAIL_INDEX; negative for tails lighter than Gaussian."""
    largest = 1 / SMALLEST_TAIL_INDEX
    if log_ratio >= _expected_log_ratio(largest):
        return largest
    level, slope = _expected_log_ratio(0.0), _expected_log_ratio(-1.0)
    if log_ratio <= _expected_log_ratio(_SMALLEST_INVERSE):
        return (log_ratio - level) / (level - slope)
    return float(
        brentq(lambda inverse: _expected_log_ratio(inverse) - log_ratio, _SMALLEST_INVERSE, largest, xtol=1e-10)
    )


def _index(inverse: float) -> float:
    """The tail index; infinite from a Gaussian on, at least SMALLEST_TAIL_INDEX."""
    return max(1 / inverse, SMALLEST_TAIL_INDEX) if inverse > _SMALLEST_INVERSE else float("inf")
