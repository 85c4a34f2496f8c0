"""Two Gaussian components of a common variance, fitted to many samples of one variable at once.

Samples are counted in bins, and all are followed together by expectation maximisation. Bins are narrower than a tenth
of a standard deviation unless samples lie beyond six of them on either side; each is represented by its samples' mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from theory.validation import FloatArray, IntArray

#: Bins over the whole range of a sample.
BINS = 128

_STARTING_SHARES = (0.05, 0.1, 0.2, 0.35, 0.5)
_ITERATIONS = 400
_BETWEEN_CHECKS = 5
_ACCURACY = 1e-5
_SMALLEST_SHARE = 1e-9

# Optima are counted once where their means differ by less than this many deviations; the likeliest few are followed.
_SAME, _MOST_OPTIMA = 0.05, 3


@dataclass(frozen=True, eq=False)
class Mixtures:
    """R mixtures of two components.

    Attributes:
        shares: (R,) of the first component.
        means: (R, 2).
        deviations: (R,) of both components.
        gains: (R,) log-likelihood of the samples above that of one component.
        weights: (R,) number of samples.
    """

    shares: FloatArray
    means: FloatArray
    deviations: FloatArray
    gains: FloatArray
    weights: FloatArray

    @property
    def separations(self) -> FloatArray:
        """(R,) distance of the two means in standard deviations."""
        return np.asarray(np.abs(self.means[:, 0] - self.means[:, 1]) / self.deviations, dtype=np.float64)

    def chosen(self, numbers: IntArray) -> Mixtures:
        """The mixtures with these numbers."""
        return Mixtures(
            self.shares[numbers],
            self.means[numbers],
            self.deviations[numbers],
            self.gains[numbers],
            self.weights[numbers],
        )


def optima(values: FloatArray) -> Mixtures:
    """The mixtures of one sample (n,) to which the starts lead, the likeliest first, each once.

    Starts split off the lowest or the highest 5 to 50 %.
    """
    positions, counts = (one[0] for one in _binned_rows(values[None]))
    kept_bins = counts > 0
    shares, means = _starts(positions[kept_bins], counts[kept_bins])
    repeated_positions, repeated_counts = (np.tile(one, (shares.size, 1)) for one in (positions, counts))
    found = _expectation_maximisation(repeated_positions, repeated_counts, shares, means)
    kept: list[int] = []
    for number in np.argsort(-found.gains, kind="stable"):
        apart = [np.abs(found.means[number] - found.means[other]).max() for other in kept]
        if not apart or min(apart) > _SAME * found.deviations[number]:
            kept.append(int(number))
    return found.chosen(np.array(kept[:_MOST_OPTIMA]))


def fit_mixtures(values: FloatArray, starts: Mixtures) -> Mixtures:
    """For each of R samples (R, n) of one variable the likeliest mixture that any of the starts leads to."""
    rows, number = values.shape[0], starts.shares.size
    positions, weights = _binned_rows(values)
    found = _expectation_maximisation(
        np.repeat(positions, number, axis=0),
        np.repeat(weights, number, axis=0),
        np.tile(starts.shares, rows),
        np.tile(starts.means, (rows, 1)),
    )
    return found.chosen(np.argmax(found.gains.reshape(rows, number), axis=1) + number * np.arange(rows))


def _binned_rows(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means of and numbers of samples in bins of equal width over the range of each row (R, n), both (R, BINS)."""
    low = values.min(axis=1, keepdims=True)
    width = np.maximum(np.ptp(values, axis=1, keepdims=True) / BINS, np.finfo(np.float64).tiny)
    places = np.minimum(((values - low) / width).astype(np.int64), BINS - 1)
    flat = (places + BINS * np.arange(values.shape[0])[:, None]).ravel()
    size = BINS * values.shape[0]
    counts = np.bincount(flat, minlength=size)
    means = np.bincount(flat, weights=values.ravel(), minlength=size) / np.maximum(counts, 1)
    return means.reshape(-1, BINS), counts.reshape(-1, BINS).astype(np.float64)


def _starts(positions: FloatArray, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shares (S,) of the first component and means (S, 2)."""
    sizes, sums = np.cumsum(counts), np.cumsum(counts * positions)
    shares = np.unique([*_STARTING_SHARES, *(1 - share for share in _STARTING_SHARES)])
    # The last bin of the first component; the last one of all is left for the second.
    cuts = np.minimum(np.searchsorted(sizes, shares * sizes[-1]), positions.size - 2)
    means = np.stack([sums[cuts] / sizes[cuts], (sums[-1] - sums[cuts]) / (sizes[-1] - sizes[cuts])], axis=1)
    return sizes[cuts] / sizes[-1], means


def _expectation_maximisation(
    positions: FloatArray, weights: FloatArray, shares: FloatArray, means: FloatArray
) -> Mixtures:
    """Follow all starts until none gains more than _ACCURACY per sample in _BETWEEN_CHECKS iterations."""
    totals = weights.sum(axis=1)
    centres = np.sum(weights * positions, axis=1) / totals
    spreads = np.sum(weights * (positions - centres[:, None]) ** 2, axis=1) / totals
    smallest = 1e-6 * spreads
    between = shares * (1 - shares) * (means[:, 0] - means[:, 1]) ** 2
    variances = np.maximum(spreads - between, smallest)
    shares, means = shares.copy(), means.copy()
    single = -0.5 * totals * (1 + np.log(2 * np.pi * spreads))
    likelihoods = np.full(shares.size, -np.inf)
    active = np.arange(shares.size)
    for number in range(_ITERATIONS):
        own, places, all_own = weights[active], positions[active], totals[active]
        chance, logs = _chances(places, shares[active], means[active], variances[active])
        if number % _BETWEEN_CHECKS == 0 or number == _ITERATIONS - 1:
            found = np.sum(own * logs, axis=1) - 0.5 * all_own * np.log(2 * np.pi * variances[active])
            going = found - likelihoods[active] > _ACCURACY * all_own
            likelihoods[active] = found
            if not going.any():
                break
            active, own, places, all_own, chance = (one[going] for one in (active, own, places, all_own, chance))
        mass = own * chance
        first = np.maximum(mass.sum(axis=1), 1e-300)
        second = np.maximum(all_own - first, 1e-300)
        rest = own - mass
        moved = np.stack([np.sum(mass * places, axis=1) / first, np.sum(rest * places, axis=1) / second], axis=1)
        spread = (
            np.sum(mass * (places - moved[:, :1]) ** 2, axis=1) + np.sum(rest * (places - moved[:, 1:]) ** 2, axis=1)
        ) / all_own
        shares[active] = np.clip(first / all_own, _SMALLEST_SHARE, 1 - _SMALLEST_SHARE)
        means[active], variances[active] = moved, np.maximum(spread, smallest[active])
    return Mixtures(shares, means, np.sqrt(variances), likelihoods - single, totals)


def _chances(
    positions: FloatArray, shares: FloatArray, means: FloatArray, variances: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(R, B) probability of the first component at each position, and the log-likelihood but for its constant."""
    gap = means[:, 1] - means[:, 0]
    middle = means.mean(axis=1)
    prior = np.log(shares / (1 - shares))
    odds = prior[:, None] - (positions - middle[:, None]) * (gap / variances)[:, None]
    second = np.log1p(-shares)[:, None] - (positions - means[:, 1, None]) ** 2 / (2 * variances[:, None])
    return np.asarray(expit(odds)), np.asarray(second + np.logaddexp(0.0, odds))
