"""The shape of classes beyond their moments: heavy tails and a minority away from its class's mean.

Tail index: within-class projections, standardised class by class, are compared with Student's t by the ratio
of two order statistics, the 0.99 and the 0.5 quantile of their absolute values, which grows as the tail index nu
falls. Unlike a Hill estimate it is consistent for t itself and tells a Gaussian (nu infinite); unlike
a match of the kurtosis it needs no moment beyond the variance.

Minority: two Gaussian components of a common variance are fitted to the projections of a class on its own
prototype, by expectation maximisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm
from scipy.stats import t as student

from empirical.jackknife import Interval, jackknife_interval
from theory import InputError
from theory.validation import FloatArray, IntArray, at_least, finite_array

#: The two order statistics, as quantiles of the absolute value.
TAIL_QUANTILE, CENTRE_QUANTILE = 0.99, 0.5

#: The smallest tail index that is told: variances must exist.
SMALLEST_TAIL_INDEX = 2.05

#: Two components count as two where their means are farther apart than this many standard deviations. Equal
#: shares closer than 2 have one hump; the rest keeps a class that is merely skewed from passing for two.
SMALLEST_SEPARATION = 2.5

_STARTING_SHARES = (0.05, 0.1, 0.2, 0.35, 0.5)
_ITERATIONS = 1000
_ACCURACY = 1e-8


@dataclass(frozen=True)
class TailIndex:
    """Tail index nu of Student's t with its confidence interval; infinite for a Gaussian.

    Attributes:
        value: nu, above 2.
        low: lower end.
        high: upper end; infinite where a Gaussian is not excluded.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Minority:
    """The smaller of two components of one class along its prototype.

    Attributes:
        share: of the class, 0 to 1/2; 0 where one component describes the class as well.
        position: its mean as a multiple of the larger component's; NaN without a minority.
        separation: distance of the two means in standard deviations of a component; NaN likewise.
    """

    share: float
    position: float
    separation: float


#: A class that one component describes.
NO_MINORITY = Minority(0.0, float("nan"), float("nan"))


def tail_index(projections: FloatArray, labels: IntArray, parts: Sequence[IntArray]) -> TailIndex:
    """Tail index of samples within their classes.

    Args:
        projections: (n, P) coordinates of the samples along P directions that do not depend on them.
        labels: (n,) classes 0 .. K - 1, each with at least three samples.
        parts: disjoint sets of sample numbers; leaving out one at a time gives the interval.

    Raises:
        InputError: a class with fewer than three samples, or that does not vary along a direction.
    """
    sizes = np.abs(_standardised(finite_array("projections", projections, 2), labels))
    replicates = np.array([_log_ratio(np.delete(sizes, part, axis=0)) for part in parts])
    interval = jackknife_interval(_log_ratio(sizes), replicates)
    return TailIndex(*(_index_of(ratio) for ratio in (interval.value, interval.high, interval.low)))


def minorities(positions: Sequence[FloatArray]) -> tuple[Minority, ...]:
    """The minority of each class.

    Args:
        positions: for each class (n_k,) coordinates along its prototype relative to the overall mean, where the
            class mean is positive; at least three that are not all equal.
    """
    return tuple(find_minority(one) for one in positions)


def find_minority(positions: FloatArray) -> Minority:
    """The minority of one class; see ``minorities``.

    Two components are accepted by the criterion of Schwarz (1978), and where their means are at least
    SMALLEST_SEPARATION standard deviations apart.

    Raises:
        InputError: fewer than three positions, or none that differ.
    """
    values = finite_array("positions", positions, 1)
    at_least("number of positions", values.size, 3)
    if np.ptp(values) == 0:
        raise InputError("positions: are all equal; give positions that vary")
    return _minority(values, _expectation_maximisation(values, _starts(values)))


def _minority(values: FloatArray, mixture: _Mixture) -> Minority:
    single = -0.5 * values.size * (1 + np.log(2 * np.pi * np.var(values)))
    # Two parameters more: a share and a mean.
    better = 2 * (mixture.likelihood - single) > 2 * np.log(values.size)
    if not better or mixture.separation < SMALLEST_SEPARATION:
        return NO_MINORITY
    small, large = (0, 1) if mixture.share < 0.5 else (1, 0)
    means = (mixture.first, mixture.second)
    return Minority(min(mixture.share, 1 - mixture.share), means[small] / means[large], mixture.separation)


def minority_interval(positions: Sequence[FloatArray], parts: Sequence[Sequence[IntArray]]) -> Interval:
    """Share of all samples that belong to a minority, with its jackknife interval.

    What is repeated without a part is the fit of those classes that have a minority, from where it ended.

    Args:
        positions: for each class (n_k,) as ``find_minority`` takes them.
        parts: for each part and each class the numbers of the samples, within the class, that it holds.
    """
    counts = np.array(
        [[one.size, *(one.size - own[number].size for own in parts)] for number, one in enumerate(positions)]
    )
    shares = np.stack(
        [_shares_without(one, [own[number] for own in parts]) for number, one in enumerate(positions)]
    )  # (K, 1 + m)
    means = (shares * counts).sum(axis=0) / counts.sum(axis=0)
    return jackknife_interval(float(means[0]), means[1:])


def _shares_without(values: FloatArray, parts: Sequence[IntArray]) -> FloatArray:
    """(1 + m,) minority shares of a class: of all its samples, then without each part."""
    whole = _expectation_maximisation(values, _starts(values))
    found = _minority(values, whole)
    if found.share == 0:
        return np.zeros(1 + len(parts))
    again = [_expectation_maximisation(np.delete(values, part), _restart(whole)) for part in parts]
    # The same component as in the whole, so that a share near one half does not change sides.
    shares = [one.share if whole.share < 0.5 else 1 - one.share for one in again]
    return np.array([found.share, *shares])


def _standardised(projections: FloatArray, labels: IntArray) -> FloatArray:
    """Projections less their class's mean, in units of its standard deviation."""
    one_hot = (labels[:, None] == np.arange(labels.max() + 1)).astype(np.float64)
    counts = one_hot.sum(axis=0)
    if counts.min() < 3:
        raise InputError(f"labels: class {int(np.argmin(counts))} has {int(counts.min())} members; give at least 3")
    centred = projections - ((one_hot.T @ projections) / counts[:, None])[labels]
    variances = (one_hot.T @ centred**2) / (counts[:, None] - 1)
    if variances.min() <= 0:
        raise InputError("projections: a class does not vary along a direction; give directions in which all do")
    return np.asarray(centred / np.sqrt(variances)[labels], dtype=np.float64)


def _log_ratio(sizes: FloatArray) -> float:
    """Mean over directions of the log ratio of the two quantiles of |z| (n, P)."""
    centre, tail = np.quantile(sizes, (CENTRE_QUANTILE, TAIL_QUANTILE), axis=0)
    return float(np.mean(np.log(tail / centre)))


def _expected_log_ratio(index: float) -> float:
    """The log ratio of Student's t with this tail index."""
    upper, lower = (1 + TAIL_QUANTILE) / 2, (1 + CENTRE_QUANTILE) / 2
    law = norm if np.isinf(index) else student(index)
    return float(np.log(law.ppf(upper) / law.ppf(lower)))


def _index_of(log_ratio: float) -> float:
    """The tail index with this log ratio; infinite at and below a Gaussian's, at least SMALLEST_TAIL_INDEX."""
    largest_inverse = 1 / SMALLEST_TAIL_INDEX
    if log_ratio <= _expected_log_ratio(np.inf):
        return float("inf")
    if log_ratio >= _expected_log_ratio(SMALLEST_TAIL_INDEX):
        return SMALLEST_TAIL_INDEX

    def excess(inverse: float) -> float:
        return _expected_log_ratio(1 / inverse if inverse > 1e-4 else np.inf) - log_ratio

    inverse = float(brentq(excess, 0.0, largest_inverse, xtol=1e-10))
    return 1 / inverse if inverse > 1e-4 else float("inf")


@dataclass(frozen=True)
class _Mixture:
    """Two components: share and mean of the first, mean of the second, deviation of both, log-likelihood."""

    share: float
    first: float
    second: float
    deviation: float
    likelihood: float

    @property
    def separation(self) -> float:
        return abs(self.first - self.second) / self.deviation


@dataclass(frozen=True, eq=False)
class _Starts:
    """Mixtures to begin with: shares (S,) of the first component, means (S, 2), variances (S,)."""

    shares: FloatArray
    means: FloatArray
    variances: FloatArray


def _restart(mixture: _Mixture) -> _Starts:
    means = np.array([[mixture.first, mixture.second]])
    return _Starts(np.array([mixture.share]), means, np.array([mixture.deviation**2]))


def _starts(values: FloatArray) -> _Starts:
    """The lowest or the highest few split off from the rest."""
    ordered = np.sort(values)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    shares = np.unique([*_STARTING_SHARES, *(1 - share for share in _STARTING_SHARES)])
    cuts = np.clip(np.rint(shares * values.size).astype(np.int64), 1, values.size - 1)
    means = np.stack([sums[cuts] / cuts, (sums[-1] - sums[cuts]) / (values.size - cuts)], axis=1)
    share = cuts / values.size
    between = share * (1 - share) * (means[:, 0] - means[:, 1]) ** 2
    return _Starts(share, means, np.maximum(np.var(values) - between, 1e-6 * np.var(values)))


def _expectation_maximisation(values: FloatArray, starts: _Starts) -> _Mixture:
    """The likeliest mixture that the starts lead to; all are followed at once."""
    shares, means, variances = starts.shares, starts.means, starts.variances
    likelihood = np.full(shares.size, -np.inf)
    smallest = 1e-6 * np.var(values)
    for _ in range(_ITERATIONS):
        distance = (values - means[:, :, None]) ** 2  # (S, 2, n)
        logs = np.log(np.stack([shares, 1 - shares], axis=1))[:, :, None] - distance / (2 * variances[:, None, None])
        peak = logs.max(axis=1)
        total = peak + np.log(np.exp(logs - peak[:, None]).sum(axis=1))
        previous, likelihood = likelihood, total.sum(axis=1) - 0.5 * values.size * np.log(2 * np.pi * variances)
        if np.all(likelihood - previous < _ACCURACY * values.size):
            break
        weight = np.exp(logs - total[:, None])
        mass = np.maximum(weight.sum(axis=2), 1e-300)
        shares = np.clip(mass[:, 0] / values.size, 1e-9, 1 - 1e-9)
        means = (weight @ values) / mass
        spread = np.sum(weight * (values - means[:, :, None]) ** 2, axis=(1, 2)) / values.size
        variances = np.maximum(spread, smallest)
    best = int(np.argmax(likelihood))
    first, second = means[best]
    return _Mixture(
        float(shares[best]), float(first), float(second), float(np.sqrt(variances[best])), float(likelihood[best])
    )
