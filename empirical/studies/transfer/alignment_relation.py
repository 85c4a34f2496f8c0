"""Correlates the gain of stopping early with the alignment of the tasks, over several trainings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from empirical.studies.transfer.comparison import TransferRow
from theory.validation import FloatArray

#: Trainings from which on a rank correlation can be distinguished from chance: of 120 pairings of five, two are as far
#: from zero as gains in the order of the alignment; of 24 pairings of four, more than a twentieth.
LEAST_TRAININGS = 5

# One task on the same images has one alignment, but for the order in which a CPU adds.
_DECIMALS = 9


@dataclass(frozen=True)
class AlignmentRelation:
    """One task after several trainings, on different classes or of different networks.

    Attributes:
        task: its name.
        trainings: number of them.
        rank_correlation: Spearman's, of the mean gain with the alignment.
        p_value: share of all pairings of gains with alignments whose correlation is at least as far from zero.
    """

    task: str
    trainings: int
    rank_correlation: float
    p_value: float


def alignment_relations(rows: Sequence[TransferRow], seed: int = 0) -> list[AlignmentRelation]:
    """For every task of at least LEAST_TRAININGS trainings, not all of one alignment or of one gain.

    Tasks are kept apart: two tasks differ in more than their alignment. All pairings are tried up to 8 trainings, and
    10,000 random ones, from ``seed``, beyond.
    """
    found = []
    for task in dict.fromkeys(row.task for row in rows):
        own = [row for row in rows if row.task == task]
        alignment = _ranks([row.alignment for row in own])
        gain = _ranks([row.gain.value for row in own])
        if len(own) >= LEAST_TRAININGS and np.ptp(alignment) > 0 and np.ptp(gain) > 0:
            found.append(_relation(task, alignment, gain, seed))
    return found


def _ranks(values: Sequence[float]) -> FloatArray:
    """Ranks from 1; equals share the mean of theirs, as do numbers that differ by rounding alone."""
    return np.asarray(stats.rankdata(np.round(values, _DECIMALS)), dtype=np.float64)


def _relation(task: str, alignment: FloatArray, gain: FloatArray, seed: int) -> AlignmentRelation:
    def correlation(paired: FloatArray) -> float:
        return float(np.corrcoef(paired, gain)[0, 1])

    # Of the size of the correlation: scipy's own two-sided test doubles the smaller tail.
    tested = stats.permutation_test(
        (alignment,),
        lambda paired: abs(correlation(paired)),
        permutation_type="pairings",
        alternative="greater",
        vectorized=False,
        n_resamples=50_000 if len(gain) <= 8 else 10_000,
        rng=np.random.default_rng(seed),
    )
    return AlignmentRelation(task, len(gain), correlation(alignment), float(tested.pvalue))
