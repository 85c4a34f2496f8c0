"""Departures move training away from the theory, and only as far as they depart."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulation.comparison.departure import Departure, departure
from simulation.experiments.large_steps import phase_three_rises
from simulation.experiments.robustness import (
    AXES,
    OPTIMISERS,
    Setting,
    measure_robustness,
    population_of,
    run_robustness_sweep,
    settings,
)
from simulation.runs.run_folder import RunFolder
from simulation.runs.schedulers import LocalScheduler
from theory import Curve, InputError, Regime
from theory.curves.curve import logarithmic_steps

SMALL = Setting(dimension=40, samples=4000, steps=300, draws=4)
SLOW = Setting(spectrum="spikes", classes=2, loss="squared", init_scale=0.1, samples=2000, steps=200, draws=4)


def _measured(setting: Setting) -> dict[str, Departure]:
    return {name: Departure.from_values(one) for name, one in measure_robustness(setting).items()}


@cache
def _descent(setting: Setting) -> Departure:
    return _measured(setting)["descent"]


def test_where_the_assumptions_hold_training_follows_the_theory() -> None:
    found = _descent(SMALL)
    # Some thirty steps are searched for the largest deviation: four errors, and d / n = 1 % of the fall for the
    # covariance of a sample.
    assert abs(found.deviation) < 4 * found.deviation_error + 0.01 * found.fall_derived
    assert found.regime_measured is found.regime_derived is Regime.THREE_PHASES
    for name in ("fraction_point", "turning_point"):
        boundary = found.boundaries[name]
        assert boundary.reason is None
        assert abs(np.log(boundary.measured / boundary.derived)) < 4 * boundary.error
    assert abs(found.fall_measured - found.fall_derived) < 4 * found.fall_error


@pytest.mark.parametrize(
    "change",
    [{"tail_index": 2.5}, {"optimiser": "Adam"}, {"optimiser": "momentum 0.9"}],
    ids=["heavy tails", "Adam", "momentum"],
)
def test_a_departure_moves_training_away(change: dict[str, Any]) -> None:
    kept, departed = _descent(SMALL), _descent(replace(SMALL, **change))
    # Beyond the largest of some thirty noisy steps, and beyond what was there before.
    assert abs(departed.deviation) > 4 * departed.deviation_error
    assert abs(departed.deviation) > 2 * abs(kept.deviation)


def test_networks_on_few_samples_turn_early() -> None:
    """The covariance of a sample spreads the eigenvalues, and prototypes carry noise of all directions."""
    turning = _descent(replace(SMALL, samples=60, draws=12)).turning_point
    assert np.log(turning.measured / turning.derived) < -4 * turning.error


def test_momentum_runs_ahead_by_its_factor_once_its_memory_has_filled() -> None:
    """At small steps heavy-ball descent is gradient descent with the step size eta / (1 - m)."""
    found = _descent(replace(SMALL, dimension=20, samples=2000, step_share=0.004, steps=1500, optimiser="momentum 0.5"))
    assert abs(found.deviation) < 4 * found.deviation_error + 0.01 * found.fall_derived


def test_in_the_eigenbasis_adam_has_no_phase_two() -> None:
    """Its first steps are the signs of the prototypes, which are as spread over directions as W(0).

    A row of equal squared entries has R2 = sum lambda^2 / sum lambda = R0: no alignment (T3). In generic coordinates a
    sign keeps sqrt(2 / pi) of its cosine with the prototype, and there is a phase II.
    """
    eigenbasis, generic = (_descent(replace(SMALL, optimiser=name)) for name in ("Adam in the eigenbasis", "Adam"))
    assert eigenbasis.fall_derived == generic.fall_derived > 0.04
    assert eigenbasis.fall_measured < 0.1 * eigenbasis.fall_derived
    assert eigenbasis.turning_point.reason is not None
    assert generic.regime_measured is Regime.THREE_PHASES


def test_large_steps_leave_the_flow_and_not_the_descent() -> None:
    """The closed form of descent holds at every stable step; the flow is its limit at small ones."""
    found = {share: _measured(replace(SLOW, step_share=share)) for share in (0.1, 1.0, 1.9)}
    for one in found.values():
        descent = one["descent"]
        # A largest deviation, and d / n = 5 % of the fall for the sample's covariance.
        assert abs(descent.deviation) < 4 * descent.deviation_error + 0.05 * descent.fall_derived
    departures = [abs(one["flow"].deviation) for one in found.values()]
    assert departures[0] < 0.2 * departures[1] < 0.2 * departures[2]
    # The turning point is many steps away even at the largest step.
    assert found[1.0]["descent"].turning_point.measured > 9


def test_phase_three_is_monotone_up_to_one_and_fails_beyond() -> None:
    """T4 needs A5: the rises of two directions with eigenvalues 2 and 1 and equal signal, by hand.

    At eta lambda_1 = 1.5 the learnt factors 1, 1 + q, 1 + q + q^2 of the modes (q = -1/2 and 1/4) give
    R = sum lambda^2 phi^2 / sum lambda phi^2 of the second and third step.
    """
    rises = {rise.step_share: rise for rise in phase_three_rises()}
    assert all(rise.derived == rise.trained == 0 for share, rise in rises.items() if share <= 1)
    second, third = ((4 * a**2 + b**2) / (2 * a**2 + b**2) for a, b in ((0.5, 1.25), (0.75, 1.3125)))
    assert rises[1.5].derived == pytest.approx(third / second - 1, rel=1e-12)
    for rise in rises.values():
        assert rise.trained == pytest.approx(rise.derived, rel=1e-9)
    large = [rise.derived for share, rise in sorted(rises.items()) if share >= 1.3]
    assert large[0] > 0
    assert np.all(np.diff(large) > 0)


def test_boundaries_outside_the_recorded_steps_have_a_reason_and_no_number() -> None:
    steps = logarithmic_steps(100).astype(np.float64)
    noise = 1e-4 * np.random.default_rng(0).standard_normal((4, steps.size))
    early = np.where(steps == 0, 0.9, 0.5 + 0.1 * np.log(np.maximum(steps, 1)))
    falling = 0.9 - 0.4 * steps / 100
    turning = 0.6 + 0.05 * np.log(np.maximum(steps, 0.1) / 20) ** 2
    curves = [Curve(steps, values + noise) for values in (early, falling, turning)]
    found = [departure(curve, curve).boundaries for curve in curves]
    assert found[0]["turning_point"].reason == "derived: within the first step; trained: within the first step"
    assert "lowest at the end, no rise follows (still falling)" in found[1]["turning_point"].reason
    for boundaries in found[:2]:
        assert np.isnan([getattr(boundaries["turning_point"], name) for name in ("derived", "measured", "error")]).all()
    assert found[2]["turning_point"].reason is None
    assert found[2]["turning_point"].derived == pytest.approx(20, rel=0.01)  # a parabola in log time
    assert "not back at the initial level by the end" in found[2]["return_time"].reason


def test_curves_of_other_draws_are_refused() -> None:
    curve = Curve(np.arange(4.0), np.full((2, 4), 0.5))
    with pytest.raises(InputError, match="derived: has other draws or steps"):
        departure(Curve(curve.times + 1, curve.losses), curve)
    with pytest.raises(InputError, match="trained: has one draw"):
        departure(curve.replica(0), curve.replica(0))


def test_every_axis_begins_where_its_assumption_holds_best() -> None:
    chosen = settings(draws=2, seed=0)
    assert len(chosen) == sum(len(axis.levels) for axis in AXES)
    for axis in AXES:
        own = [getattr(setting, axis.name) for one, setting in chosen if one is axis]
        assert own == list(axis.levels)
    at_default = {axis.name for axis in AXES if axis.levels[0] == getattr(axis.base, axis.name)}
    assert at_default == {axis.name for axis in AXES} - {"classes", "step_share"}
    draws = {setting.samples: setting.draws for axis, setting in chosen if axis.name == "samples"}
    assert draws[8000] == 2
    assert draws[100] == 16


def test_named_axes_are_relaxed_alone_and_as_among_all() -> None:
    some = settings(2, 0, ["optimiser", "tail_index"])
    assert some == [one for one in settings(2, 0) if one[0].name in ("tail_index", "optimiser")]
    assert {axis.name for axis, _ in some} == {"tail_index", "optimiser"}
    with pytest.raises(InputError, match="axis: 'tails' is unknown"):
        settings(2, 0, ["tails"])


def test_imbalance_is_in_the_population() -> None:
    shares = population_of(replace(SMALL, imbalance=9.0)).frequencies
    assert shares[0] / shares[-1] == pytest.approx(9)
    np.testing.assert_allclose(shares[0] / shares[1], 3)


def test_a_level_that_fails_is_recorded_beside_the_others(tmp_path: Path) -> None:
    small = replace(SLOW, samples=200, steps=20, draws=2)
    chosen = [(AXES[4], small), (AXES[4], replace(small, step_share=2.5))]
    found = run_robustness_sweep(chosen, RunFolder(tmp_path), LocalScheduler(1))
    good, bad = found.points
    assert good.descent is not None
    assert good.failure is bad.descent is None
    assert "not stable" in str(bad.failure)
    assert found.failures == (bad,)
    again = run_robustness_sweep(chosen[:1], RunFolder(tmp_path), LocalScheduler(1))
    np.testing.assert_equal(again.points[0].descent.as_values(), good.descent.as_values())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        pytest.param({"spectrum": "flat"}, "spectrum: 'flat' is unknown; give one of power law, spikes", id="spectrum"),
        pytest.param({"dimension": 4}, "dimension: 4 is not accepted", id="dimension"),
        pytest.param({"classes": 1}, "classes: 1 is not accepted", id="classes"),
        pytest.param({"spectrum": "spikes"}, "classes: 3 is not accepted for spikes; give 2", id="spikes of three"),
        pytest.param({"loss": "hinge"}, "loss: 'hinge' is unknown", id="loss"),
        pytest.param({"loss": "logistic"}, "loss: logistic takes two classes", id="logistic of three"),
        pytest.param({"samples": 1}, "samples: 1 is not accepted", id="samples"),
        pytest.param({"batch_size": -1}, "batch_size: -1 is not accepted", id="batch size"),
        pytest.param({"step_share": 0.0}, "step_share: 0.0 is not accepted", id="step share"),
        pytest.param({"init_scale": np.nan}, "init_scale: nan is not accepted", id="init scale"),
        pytest.param({"tail_index": 2.0}, "tail_index: 2.0 is not accepted", id="tail index"),
        pytest.param({"minority_share": 1.0}, "minority_share: 1.0 is not accepted", id="minority share"),
        pytest.param({"label_noise": -0.1}, "label_noise: -0.1 is not accepted", id="label noise"),
        pytest.param({"imbalance": 0.5}, "imbalance: 0.5 is not accepted", id="imbalance"),
        pytest.param({"optimiser": "rmsprop"}, "optimiser: 'rmsprop' is unknown; give one of gradient", id="optimiser"),
        pytest.param({"steps": 1}, "steps: 1 is not accepted", id="steps"),
        pytest.param({"draws": 1}, "draws: 1 is not accepted", id="draws"),
        pytest.param({"seed": -1}, "seed: -1 is not accepted", id="seed"),
    ],
)
def test_bad_settings_are_refused(change: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        replace(Setting(), **change)


def test_every_optimiser_is_an_axis_level() -> None:
    assert next(axis for axis in AXES if axis.name == "optimiser").levels == OPTIMISERS
