"""Rank correlations of gains with alignments, against orders whose chance can be counted by hand."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from empirical.studies.transfer.alignment_relation import alignment_relations
from empirical.studies.transfer.comparison import Effect, TransferRow
from empirical.studies.transfer.report import TransferReport
from empirical.tracker.phase_reading import Estimate

NOTHING = Estimate(0.0, 0.0)


def row(task: str, alignment: float, gain: float) -> TransferRow:
    """One training's row; only task, alignment and gain matter here."""
    value = Estimate(gain, 0.01)
    accuracies = (NOTHING, NOTHING, NOTHING, NOTHING, value, NOTHING)
    steps = (8, 8), 8, 64
    return TransferRow(
        0, "vgg8", "images", None, "block5", task, alignment, *steps, *accuracies, 0.02, Effect.UNDECIDED
    )


def test_gains_in_the_order_of_alignment_are_as_rare_as_counted() -> None:
    """Of the 120 orders of five, one is the given one and one its reverse."""
    rows = [row("colour", place / 10, place**3) for place in range(5)]
    (found,) = alignment_relations(rows)
    assert (found.task, found.trainings) == ("colour", 5)
    assert found.rank_correlation == pytest.approx(1)
    assert found.p_value == pytest.approx(2 / 120)
    assert TransferReport(tuple(rows), (found,)).lines()[-1].endswith("correlate by +1.00, p = 0.02")


def test_tasks_are_kept_apart_and_the_correlation_is_spearmans() -> None:
    generator = np.random.default_rng(3)
    alignments = [0.1, 0.2, 0.2 + 1e-15, 0.5, 0.7]  # two trainings of one alignment, but for rounding
    gains = generator.normal(size=(2, 5))
    rows = [
        row(task, *pair) for task, own in zip("ab", gains, strict=True) for pair in zip(alignments, own, strict=True)
    ]
    found = alignment_relations(rows)
    assert [one.task for one in found] == ["a", "b"]
    for one, own in zip(found, gains, strict=True):
        assert one.rank_correlation == pytest.approx(stats.spearmanr([0.1, 0.2, 0.2, 0.5, 0.7], own).statistic)
        size = abs(one.rank_correlation)
        orders = [abs(stats.spearmanr([0.1, 0.2, 0.2, 0.5, 0.7], order).statistic) for order in permutations(own)]
        assert one.p_value == pytest.approx(np.mean(np.array(orders) > size - 1e-9))


@pytest.mark.parametrize(
    "rows",
    [
        [row("colour", 0.1 * place, place) for place in range(4)],
        [row("colour", 0.4, place) for place in range(5)],
        [row("colour", 0.1 * place, 0.03) for place in range(5)],
    ],
    ids=["four trainings", "one alignment", "one gain"],
)
def test_a_relation_that_cannot_be_estimated_is_left_out(rows: list[TransferRow]) -> None:
    assert alignment_relations(rows) == []
