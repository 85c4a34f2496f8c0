"""What is read of pairs, and means with intervals.

Pairs of one training share its weights and labels, so that an interval comes from resampling trainings.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from empirical.studies.choose_study.pairs import PairResult
from theory.validation import FloatArray

_RESAMPLES = 9999


#: What is read of a pair; None where it does not apply.
Measure = Callable[[PairResult], float | None]


def frozen(rule: str) -> Measure:
    """The regret of a rule with a probe of frozen features."""
    return lambda pair: pair.regret(rule)


def tuned(rule: str) -> Measure:
    """The regret of a rule after fine-tuning."""
    return lambda pair: pair.tuned_regret(rule)


def excess(rule: str, other: str, measure: Callable[[str], Measure] = frozen) -> Measure:
    """What a rule loses more than another."""

    def difference(pair: PairResult) -> float | None:
        own, others = measure(rule)(pair), measure(other)(pair)
        return None if own is None or others is None else own - others

    return difference


def known_values(pairs: Sequence[PairResult], measure: Measure) -> list[tuple[float, tuple[str, str, int]]]:
    """Values of a measure where it applies, each with what identifies its training."""
    found = ((measure(one), (one.source, one.network, one.seed)) for one in pairs)
    return [(value, training) for value, training in found if value is not None]


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
