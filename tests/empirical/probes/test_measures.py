"""A measure comes back from its name, whatever it is called."""

from __future__ import annotations

import pytest

from empirical.probes.measures import BUDGETS, Measure, MeasureKind
from theory import InputError

MEASURES = [
    *(Measure(kind) for kind in MeasureKind if kind not in (MeasureKind.PROBE_ACCURACY, MeasureKind.BUDGETED_LOSS)),
    *(Measure.budgeted(budget) for budget in BUDGETS),
    # A task may be called anything, also as a measure is.
    *(Measure.probe(task) for task in ("class", "", "probe accuracy: x", "reconstruction loss at budget 1", "a: b")),
]


@pytest.mark.parametrize("measure", MEASURES, ids=lambda one: one.name)
def test_a_measure_is_read_back_from_its_name(measure: Measure) -> None:
    assert Measure.from_name(measure.name) == measure


def test_no_two_measures_share_a_name() -> None:
    assert len({one.name for one in MEASURES}) == len(MEASURES)


def test_names_of_earlier_versions_are_known() -> None:
    found = Measure.from_name("squared error a pixel of a trained linear decoder")
    assert found.kind is MeasureKind.LINEAR_DECODER_ERROR


@pytest.mark.parametrize("name", ["beauty", "", "reconstruction loss at budget", "reconstruction loss at budget x"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="is unknown"):
        Measure.from_name(name)
