"""Means over pairs with intervals: pairs of one training share its weights and labels, so trainings are resampled."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from theory.validation import FloatArray

_RESAMPLES = 9999


@dataclass(frozen=True)
class PairMean:
    """A mean over pairs.

    Attributes:
        mean: over all pairs.
        interval: 95 % interval over trainings; None from fewer than two.
        worst: the largest value.
        pairs: number of them.
    """

    mean: float
    interval: tuple[float, float] | None
    worst: float
    pairs: int


def pair_mean(values: Sequence[float], trainings: Sequence[Hashable]) -> PairMean:
    """The mean over pairs, with the percentiles of a bootstrap over trainings.

    Percentiles are a little too narrow with few trainings.

    Args:
        values: of the pairs, at least one.
        trainings: what identifies the training of each pair.
    """
    given = np.asarray(values, dtype=np.float64)
    groups = list(dict.fromkeys(trainings))
    number = np.array([groups.index(one) for one in trainings])
    sums, counts = np.bincount(number, given), np.bincount(number)
    interval = None
    if len(groups) > 1:
        found = stats.bootstrap(
            (sums, counts),
            _mean_of_pairs,
            paired=True,
            vectorized=True,
            n_resamples=_RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval
        interval = (float(found.low), float(found.high))
    return PairMean(float(given.mean()), interval, float(given.max()), given.size)


def _mean_of_pairs(sums: FloatArray, counts: FloatArray, axis: int = -1) -> FloatArray:
    return np.asarray(sums.sum(axis=axis) / counts.sum(axis=axis))


def stated(interval: tuple[float, float] | None, number: str) -> str:
    """An interval as text; empty where there is none.

    Args:
        interval: its ends.
        number: format of both.
    """
    return "" if interval is None else " to ".join(number.format(end) for end in interval)
