"""The scaling laws on small ensembles, and that they would notice another exponent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulation.results import RunFolder
from simulation.scaling import PowerLaw, forgetting_law, initial_scale_laws, step_size_law
from simulation.scaling_sweep import (
    EXPERIMENTS,
    ScalingMeasurement,
    measure_scaling,
    run_scaling_sweep,
    scaling_measurements,
)
from simulation.schedulers import LocalScheduler
from theory import InputError

LAW = PowerLaw(0.5, 1.5, 60)


def test_boundaries_scale_with_the_initial_weights_as_derived() -> None:
    first, second = initial_scale_laws(LAW, np.geomspace(3e-3, 3e-2, 3), pairs=16, seed=0, tests=2)
    assert (first.predicted, second.predicted) == (1.0, 2 / 3)
    assert first.holds
    assert second.holds
    # 16 pairs at three scales over a decade tell the exponents apart, and from any other by a tenth.
    for law in (first, second):
        assert law.joint.high - law.joint.low < 0.2
        assert not replace(law, predicted=law.predicted + 0.1).holds
        assert np.all(law.relative_errors < 0.1)
    assert not replace(second, predicted=1.0).holds


def test_the_turning_point_comes_at_the_same_time_whatever_the_step_size() -> None:
    law = step_size_law(LAW, 1e-2, np.array([50.0, 100.0, 200.0]), pairs=16, seed=0, tests=1)
    assert law.holds
    assert not replace(law, predicted=-0.9).holds
    assert not replace(law, predicted=-1.1).holds


def test_phase_three_forgets_at_the_slope_of_the_derived_curve() -> None:
    law = forgetting_law(PowerLaw(1.5, 0.5, 200), (5.0, 50.0), pairs=2, seed=0)
    assert law.holds
    assert not replace(law, predicted=law.predicted + 0.05).holds
    # W(0) does not count there.
    assert law.slope.high - law.slope.low < 1e-6


def test_a_sweep_returns_the_laws_and_finds_them_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = RunFolder(tmp_path_factory.mktemp("scaling"))
    measurements = [ScalingMeasurement("forgetting", PowerLaw(1.5, 0.5, 40), 2, 0, 1)]
    (law,) = run_scaling_sweep(measurements, folder, LocalScheduler(1))
    (again,) = run_scaling_sweep(measurements, folder, LocalScheduler(1))
    assert law.law == again.law == measurements[0].law
    assert law.slope == again.slope
    np.testing.assert_array_equal(law.measured, again.measured)
    direct = measure_scaling(measurements[0])["laws"][0]
    np.testing.assert_array_equal(direct["measured"], law.measured)


def test_every_law_is_measured_with_a_seed_of_its_own() -> None:
    measurements = scaling_measurements(8, seed=3)
    assert {one.experiment for one in measurements} == set(EXPERIMENTS)
    assert len({one.seed for one in measurements}) == len(measurements)
    # Three laws of boundaries on three models are tested together.
    assert {one.tests for one in measurements} == {9}


@pytest.mark.parametrize(("pairs", "seed"), [(1, 0), (8, -1)])
def test_bad_plans_are_refused(pairs: int, seed: int) -> None:
    with pytest.raises(InputError, match=r"pairs|seed"):
        scaling_measurements(pairs, seed)
