"""The scaling laws on small ensembles, and that they would notice another exponent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulation.comparison.statistics import Slope
from simulation.experiments.scaling import (
    FORGETTING_TOLERANCE,
    forgetting_exponent,
    forgetting_law,
    initial_scale_laws,
    step_size_law,
)
from simulation.experiments.scaling_law import Parameter, PowerLaw, Quantity, ScalingLaw
from simulation.experiments.scaling_sweep import (
    BOUNDARY_MODELS,
    EXPERIMENTS,
    FORGETTING_MODELS,
    ScalingMeasurement,
    measure_scaling,
    run_scaling_sweep,
    scaling_measurements,
)
from simulation.runs.run_folder import RunFolder
from simulation.runs.schedulers import LocalScheduler
from theory import Curve, InputError

LAW = PowerLaw(0.5, 1.5, 60)
MISALIGNED = PowerLaw(1.0, -1.0, 20)


def test_boundaries_scale_with_the_initial_weights_as_derived() -> None:
    first, second = initial_scale_laws(LAW, np.geomspace(3e-3, 3e-2, 3), pairs=16, seed=0, tests=2)
    assert (first.exponent, second.exponent) == (1.0, 2 / 3)
    # Over this range the slopes are not those of the limit, and 16 pairs are too few to see it.
    assert 0.002 < abs(first.derived - first.exponent) < 0.03
    assert 0.0005 < abs(second.derived - second.exponent) < 0.03
    assert first.holds
    assert second.holds
    # Two laws hold together at 95 % where each does at 97.5 %.
    assert (first.slope.level, first.joint.level) == pytest.approx((0.95, 0.975))
    # 16 pairs at three scales over a decade resolve the exponents to a tenth.
    for law in (first, second):
        assert law.joint.high - law.joint.low < 0.2
        assert not replace(law, derived=law.derived + 0.1).holds
        assert np.all(law.relative_errors < 0.1)
    assert not replace(second, derived=1.0).holds


def test_the_turning_point_comes_at_the_same_time_whatever_the_step_size() -> None:
    law = step_size_law(LAW, 1e-2, np.array([50.0, 100.0, 200.0]), pairs=16, seed=0, tests=1)
    assert law.exponent == -1.0
    # Steps of one curve at three sizes: only where the grid's points lie differs.
    assert law.derived == pytest.approx(-1.0, abs=1e-3)
    assert law.holds
    assert not replace(law, derived=-0.9).holds
    assert not replace(law, derived=-1.1).holds


def test_phase_three_forgets_at_the_slope_of_the_derived_curve() -> None:
    law = forgetting_law(PowerLaw(1.5, 0.5, 200), (5.0, 50.0), pairs=2, seed=0)
    assert law.holds
    assert law.exponent == -1.0
    assert not replace(law, derived=law.derived + 0.05).holds
    # W(0) does not count there.
    assert law.slope.high - law.slope.low < 1e-6


def test_slopes_and_errors_of_pairs_are_those_of_students_t(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four pairs that forget at exact powers of time, instead of trained ones."""
    law = PowerLaw(1.0, 2.0, 40)
    times = np.geomspace(2.0, 30.0, 6) / float(law.network().eigenvalues[0])
    slopes, amplitudes = -np.array([0.30, 0.35, 0.40, 0.47]), np.array([0.5, 0.4, 0.45, 0.6])
    explained = amplitudes[:, None] * (times / times[0]) ** slopes[:, None]
    monkeypatch.setattr("simulation.experiments.scaling._trained", lambda *_: [Curve(times, 1 - explained)])
    found = forgetting_law(law, (1.0, 35.0), pairs=4, seed=0)
    half_width = 3.182446 * np.sqrt(np.square(slopes + 0.38).sum() / 3 / 4)  # Student's 97.5 % point, 3 degrees
    ends = (found.slope.low, found.slope.value, found.slope.high)
    assert ends == pytest.approx((-0.38 - half_width, -0.38, -0.38 + half_width), rel=1e-6)
    deviations = amplitudes - amplitudes.mean()
    error = np.sqrt(np.square(deviations).sum() / 3 / 4) / amplitudes.mean()
    assert found.relative_errors[0] == pytest.approx(error, rel=1e-9)


@pytest.mark.parametrize(
    ("alpha", "beta", "exponent"),
    [(1.5, 0.5, -1.0), (1.0, 1.0, -1.0), (1.0, 1.4, -0.6), (1.5, 1.8, -7 / 15), (1.0, 2.0, 0.0), (1.0, 3.0, 0.0)],
)
def test_the_exponent_of_forgetting_is_that_of_theorem_t6(alpha: float, beta: float, exponent: float) -> None:
    """s^-1 for beta < 1, s^(-(1 + alpha - beta)/alpha) up to 1 + alpha, then a constant; logarithms do not count."""
    assert forgetting_exponent(PowerLaw(alpha, beta, 10)) == pytest.approx(exponent, abs=1e-14)


def test_a_wider_spectrum_forgets_more_nearly_at_the_exponent() -> None:
    """The window of a run of the sweep, d^(alpha/2) within a factor of 4, at three widths."""
    left = []
    for dimension in (30, 100, 300):
        law = PowerLaw(1.5, 1.8, dimension)
        middle = dimension ** (law.alpha / 2)
        found = forgetting_law(law, (middle / 4, 4 * middle), pairs=2, seed=0)
        left.append(abs(found.slope.value - found.exponent))
    assert left[0] > left[1] > left[2]
    assert left[2] < 0.1


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


@pytest.mark.slow
def test_the_whole_sweep_finds_every_exponent(tmp_path: Any) -> None:
    """What ``phases sweep scaling`` runs by default: minutes on two cores."""
    laws = run_scaling_sweep(scaling_measurements(64, seed=1), RunFolder(tmp_path), LocalScheduler(2))
    boundaries = [law for law in laws if law.quantity.parameter is not Parameter.TIME]
    assert len(boundaries) == 9
    assert {law.law for law in boundaries} == set(BOUNDARY_MODELS)
    assert sorted({law.exponent for law in boundaries}) == [-1.0, 2 / 3, 1.0]
    for law in boundaries:
        assert law.holds
        assert law.joint.contains(law.exponent)
        assert law.joint.high - law.joint.low < 0.03
        # In the range of the sweep the derived slope is the exponent, next to the error of a measured one.
        assert abs(law.derived - law.exponent) < 6e-4
    forgotten = [law for law in laws if law.quantity.parameter is Parameter.TIME]
    assert {law.law for law in forgotten} == set(FORGETTING_MODELS)
    for law in forgotten:
        assert law.holds
        assert abs(law.slope.value - law.derived) < FORGETTING_TOLERANCE


def _scaled(*scaled: float, law: PowerLaw = LAW, pairs: int = 2, seed: int = 0, tests: int = 1) -> list[ScalingLaw]:
    return initial_scale_laws(law, np.array(scaled), pairs, seed, tests)


def _stepped(*steps: float, law: PowerLaw = LAW, scaled: float = 1e-2, pairs: int = 2, seed: int = 0) -> ScalingLaw:
    return step_size_law(law, scaled, np.array(steps), pairs, seed, tests=1)


def _forgotten(*window: Any, pairs: int = 2, seed: int = 0) -> ScalingLaw:
    return forgetting_law(LAW, window, pairs, seed)


def _made(**other: Any) -> ScalingLaw:
    values, slope = np.array([1.0, 2.0]), Slope(1.0, 0.9, 1.1, 0.95)
    parts = {"values": values, "measured": values, "relative_errors": values, "tolerance": 0.0} | other
    return ScalingLaw(
        quantity=Quantity.PHASE_ONE_END, law=LAW, exponent=1.0, derived=1.0, slope=slope, joint=slope, **parts
    )


BAD_CALLS: list[tuple[Callable[[], Any], str]] = [
    (lambda: PowerLaw(0.0, 1.0, 10), "alpha: 0.0"),
    (lambda: PowerLaw(float("nan"), 1.0, 10), "alpha: nan"),
    (lambda: PowerLaw(1.0, float("inf"), 10), "beta: holds 1 NaN or infinite"),
    (lambda: PowerLaw(1.0, "steep", 10), "beta: not numeric"),  # type: ignore[arg-type]
    (lambda: PowerLaw(1.0, 1.0, 1), "dimension: 1"),
    (lambda: PowerLaw(1.0, 1.0, 10.0), "dimension: 10.0"),  # type: ignore[arg-type]
    (lambda: _made(measured=np.ones(3)), "measured: has shape"),
    (lambda: _made(relative_errors=np.array([1.0, np.nan])), "relative_errors: holds 1 NaN"),
    (lambda: _made(tolerance=-1.0), "tolerance: -1.0"),
    (lambda: ScalingMeasurement("speed", LAW, 2, 0, 1), "experiment: 'speed' is unknown"),
    (lambda: ScalingMeasurement("forgetting", (0.5, 1.5, 60), 2, 0, 1), "law: is a tuple"),  # type: ignore[arg-type]
    (lambda: ScalingMeasurement("forgetting", LAW, 1, 0, 1), "pairs: 1"),
    (lambda: ScalingMeasurement("forgetting", LAW, 2, -1, 1), "seed: -1"),
    (lambda: ScalingMeasurement("forgetting", LAW, 2, 0, 0), "tests: 0"),
    (lambda: scaling_measurements(1, 0), "pairs: 1"),
    (lambda: scaling_measurements(8, -1), "seed: -1"),
    (lambda: _scaled(), "scaled: is empty"),
    (lambda: _scaled(1e-2, 0.0), "scaled: 0.0"),
    (lambda: _scaled(1e-2), "scaled: .* has no slope"),
    (lambda: _scaled(1e-2, float("nan")), "scaled: holds 1 NaN"),
    (lambda: _scaled(1e-3, 1.0), "scaled: 1 is not accepted"),
    (lambda: _scaled(1e-3, 1e-2, law=MISALIGNED), "law: has no turning point"),
    (lambda: _scaled(1e-3, 1e-2, pairs=1), "pairs: 1"),
    (lambda: _scaled(1e-3, 1e-2, seed=-1), "seed: -1"),
    (lambda: _scaled(1e-3, 1e-2, tests=0), "tests: 0"),
    (lambda: _stepped(), "turning_steps: is empty"),
    (lambda: _stepped(50.0, -1.0), "turning_steps: -1.0"),
    (lambda: _stepped(50.0, 1e-3), "turning_steps: 0.001 takes eta lambda_1 above 1"),
    (lambda: _stepped(50.0, 50.0), "turning_steps: .* has no slope"),
    (lambda: _stepped(50.0, float("inf")), "turning_steps: holds 1 NaN or infinite"),
    (lambda: _stepped(50.0, 100.0, scaled=0.0), "scaled: 0.0"),
    (lambda: _stepped(50.0, 100.0, scaled=2.0), "scaled: 2 is not accepted"),
    (lambda: _stepped(50.0, 100.0, law=MISALIGNED), "law: has no turning point"),
    (lambda: _stepped(50.0, 100.0, pairs=1), "pairs: 1"),
    (lambda: _stepped(50.0, 100.0, seed=-1), "seed: -1"),
    (lambda: _forgotten(), "window: is empty"),
    (lambda: _forgotten(2.0), "window: .*two increasing times"),
    (lambda: _forgotten(3.0, 2.0), "window: .*two increasing times"),
    (lambda: _forgotten(0.1, 2.0), "window: .*two increasing times"),
    (lambda: _forgotten(2.0, 1e6), r"window: .*to lambda_1 / lambda_d = 7\.746"),
    (lambda: _forgotten(2.1, 2.2), "window: .*fewer than two steps"),
    (lambda: _forgotten("early", "late"), "window: not numeric"),
    (lambda: _forgotten(2.0, 5.0, pairs=1), "pairs: 1"),
    (lambda: _forgotten(2.0, 5.0, seed=-1), "seed: -1"),
]


@pytest.mark.parametrize(("call", "match"), BAD_CALLS, ids=[match for _, match in BAD_CALLS])
def test_bad_calls_are_refused_in_one_line_that_names_the_argument(call: Callable[[], Any], match: str) -> None:
    with pytest.raises(InputError, match=rf"^{match}") as caught:
        call()
    assert "\n" not in str(caught.value)
