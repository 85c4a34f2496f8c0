"""Departures move training away from the theory, and only as far as they depart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulation.robustness import AXES, OPTIMISERS, Setting, measure_robustness, optimiser_of, population_of, settings
from theory import InputError

SMALL = Setting(dimension=40, samples=4000, steps=400, replicas=4)


def test_where_the_assumptions_hold_training_follows_the_theory() -> None:
    found = measure_robustness(SMALL)
    # The moments of 4,000 samples stand for the population's: d / n = 1 % of them.
    assert found["deviation"] < 0.01
    ratio = found["turning_measured"] / found["turning_derived"]
    assert abs(np.log(ratio)) < 4 * found["turning_error"] + 0.05


@pytest.mark.parametrize(
    "departure",
    [{"tail_index": 2.5}, {"minority_share": 0.4, "init_scale": 0.002}, {"samples": 60}, {"optimiser": "Adam"}],
    ids=["heavy tails", "minority", "few samples", "Adam"],
)
def test_a_departure_moves_training_away(departure: dict[str, object]) -> None:
    kept, departed = measure_robustness(SMALL), measure_robustness(replace(SMALL, **departure))
    assert departed["deviation"] > 1.5 * kept["deviation"]


def test_momentum_runs_ahead_by_its_factor_once_its_memory_has_filled() -> None:
    """At small steps heavy-ball descent is gradient descent with the step size eta / (1 - m)."""
    assert optimiser_of("momentum 0.9")[1] == pytest.approx(10)
    slow = replace(SMALL, step_share=0.003, steps=3000, optimiser="momentum 0.5")
    assert measure_robustness(slow)["deviation"] < 0.01


def test_every_axis_begins_where_its_assumption_holds_best() -> None:
    chosen = settings(seed=0, replicas=2)
    assert len(chosen) == sum(len(axis.levels) for axis in AXES)
    for axis in AXES:
        own = [getattr(setting, axis.field) for one, setting in chosen if one is axis]
        assert own == list(axis.levels)
    defaults = Setting()
    at_default = {axis.field for axis in AXES if axis.levels[0] == getattr(defaults, axis.field)}
    assert at_default == {axis.field for axis in AXES} - {"classes"}


def test_imbalance_is_in_the_population() -> None:
    shares = population_of(replace(SMALL, imbalance=9.0)).frequencies
    assert shares[0] / shares[-1] == pytest.approx(9)
    np.testing.assert_allclose(shares[0] / shares[1], 3)


def test_an_unknown_optimiser_is_refused() -> None:
    with pytest.raises(InputError, match="optimiser: 'rmsprop' is unknown; give one of gradient descent"):
        optimiser_of("rmsprop")
    assert OPTIMISERS[0] == "gradient descent"
