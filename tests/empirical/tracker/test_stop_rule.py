"""The stop rule on curves that are known, without a network."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empirical.tracker.stop_rule import StopRule
from theory import InputError

STEPS = [0, 16, 32, 64, 128, 256, 512, 1024]


def fed(losses, steps=STEPS, **settings):
    """A rule for one layer after a curve (T,) or (T, G)."""
    rule = StopRule(["layer4"], **settings)
    for step, loss in zip(steps, losses, strict=False):
        rule.update(step, {"layer4": np.atleast_1d(loss)})
    return rule


def parabola(vertex, steps=STEPS):
    """A loss whose smallest value is at ``vertex`` exactly, in log steps."""
    return 0.4 + 0.02 * (np.log(np.maximum(steps, 0.5)) - np.log(vertex)) ** 2


@given(st.floats(20, 200))
def test_the_turning_point_of_a_parabola_in_log_steps_is_found_exactly(vertex):
    rule = fed(parabola(vertex))
    reading = rule.reading("layer4")
    assert rule.turned
    assert reading.step == pytest.approx(vertex, rel=1e-9)  # three points determine a parabola: float error alone
    # On a grid of ratio 2 the nearest step is off by at most sqrt 2.
    assert abs(np.log(rule.recommendation / vertex)) <= np.log(2) / 2 + 1e-9
    assert rule.recommendation == reading.lowest_step == STEPS[int(np.argmin(parabola(vertex)))]


def test_the_error_is_that_of_a_step_between_the_neighbours_uniform_in_log_steps():
    reading = fed(parabola(128)).reading("layer4")
    assert reading.error == pytest.approx(128 * np.log(256 / 64) / np.sqrt(12))


def test_steps_that_noise_does_not_tell_from_the_smallest_widen_the_error():
    """Between 32 and 512 groups disagree on the differences, so that the nearest steps that tell are 16 and 512."""
    curve = np.array([0.9, 0.7, 0.503, 0.502, 0.5, 0.502, 0.6, 0.7])
    groups = np.tile(curve[:, None], (1, 8))
    groups[[2, 3, 5]] += 0.05 * np.array([1, -1] * 4)
    reading = fed(groups).reading("layer4")
    assert reading.turned
    assert reading.error == pytest.approx(reading.step * np.log(512 / 16) / np.sqrt(12))


def test_the_standard_error_of_three_groups_has_two_degrees_of_freedom():
    """Differences of .02 with a standard deviation of .019 over three groups: within two standard errors of .011."""
    curve = np.array([0.9, 0.8, 0.7, 0.52, 0.5, 0.52, 0.6, 0.7])
    groups = np.tile(curve[:, None], (1, 3))
    groups[[3, 5]] += 0.019 * np.array([1, 0, -1])
    reading = fed(groups).reading("layer4")
    assert reading.error == pytest.approx(reading.step * np.log(512 / 32) / np.sqrt(12))


def test_noise_that_all_steps_share_cancels_and_noise_that_they_do_not_hides_the_turning_point():
    curve = np.array([0.9, 0.7, 0.6, 0.5, 0.6, 0.7, 0.8, 0.9])
    generator = np.random.default_rng(0)
    shared = curve[:, None] + 5 * generator.standard_normal(20)
    assert fed(shared).turned
    # Standard errors of 5 sqrt(2 / 20) = 1.6 against a rise of 0.4.
    assert not fed(curve[:, None] + 5 * generator.standard_normal((8, 20))).turned


def test_pure_noise_seldom_passes_for_a_turning_point():
    """A false turn needs a fall beyond two standard errors and two rises in a row beyond them.

    Of 400 such curves 1.75 % had one; 5 % is four standard errors above that for 300.
    """
    generator = np.random.default_rng(1)
    turned = [fed(0.5 + 0.1 * generator.standard_normal((8, 25))).turned for _ in range(300)]
    assert np.mean(turned) < 0.05


def test_a_turn_is_declared_at_the_second_rise_in_a_row_and_recommends_the_latest_step_before():
    curve = [0.9, 0.7, 0.5, 0.52, 0.505, 0.52, 0.53]
    rules = [fed(curve[:count]) for count in range(1, len(curve) + 1)]
    assert [rule.turned for rule in rules] == [False] * 6 + [True]
    assert [rule.recommendation for rule in rules] == [0, 16, 32, 64, 128, 256, 32]
    assert "1 more measurement must confirm" in rules[3].reason
    assert "no more than its resolution (0.01) and noise" in rules[4].reason
    assert "and is at its smallest" in rules[2].reason
    assert "measured once" in rules[0].reason
    assert fed(curve[:4], confirmations=1).turned


def test_a_later_smaller_loss_takes_a_turn_back():
    curve = [0.9, 0.5, 0.6, 0.7, 0.4]
    assert fed(curve[:4]).recommendation == 16
    assert not fed(curve).turned
    assert fed(curve).recommendation == 128


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        (np.linspace(0.9, 0.3, 8), "has fallen by 0.600 since step 0 and is at its smallest"),
        (np.linspace(0.3, 0.9, 8), "has not fallen since step 0"),
        (np.full(8, 0.5), "has not fallen since step 0"),
        (0.5 + 0.005 * np.cos(np.arange(8)), "has not fallen since step 0"),
    ],
    ids=["falling", "rising", "constant", "below the resolution"],
)
def test_without_a_turning_point_the_latest_step_is_recommended_and_it_says_so(curve, said):
    rule = fed(curve)
    assert not rule.turned
    assert rule.recommendation == 1024
    assert rule.reason.startswith("no turning point seen by step 1,024: reconstruction loss of layer4")
    assert said in rule.reason


def test_the_reason_names_layer_step_error_and_sizes():
    steps = [0, 256, 512, 1024, 2048, 4096, 8192]
    rule = fed(parabola(1024, steps), steps)
    assert rule.reason == (
        "reconstruction loss of layer4 turned at step 1,024 +- 410: it fell by 1.163 to 0.400 of the inputs' variance "
        "at step 1,024 and was 0.086 higher at step 8,192"
    )
    assert "\n" not in rule.reason


def test_a_fall_after_a_first_rise_is_counted_from_the_crest():
    reading = fed([0.5, 0.6, 0.7, 0.6, 0.4, 0.3, 0.4, 0.55]).reading("layer4")
    assert reading.turned
    assert (reading.highest_step, reading.lowest_step) == (32, 256)
    assert (reading.fall, reading.rise) == pytest.approx((0.4, 0.25))


def test_the_last_layer_decides_and_all_are_reported():
    rule = StopRule(["first", "second"])
    for step, loss in zip(STEPS, parabola(64), strict=True):
        rule.update(step, {"first": [loss], "second": [0.5]})
    assert rule.reading("first").turned
    assert not rule.turned
    assert "second" in rule.reason
    assert np.array_equal(rule.curve("first"), parabola(64))


def test_a_rule_stored_as_json_and_loaded_goes_on_as_if_never_stopped():
    generator = np.random.default_rng(2)
    curve = parabola(64)[:, None] + 0.001 * generator.standard_normal((8, 10))
    whole, begun, resumed = fed(curve), fed(curve[:4]), StopRule(["layer4"])
    resumed.load_state_dict(json.loads(json.dumps(begun.state_dict(), sort_keys=True)))
    assert resumed.reason == begun.reason
    for step, row in zip(STEPS[4:], curve[4:], strict=True):
        resumed.update(step, {"layer4": row})
    assert resumed.state_dict() == whole.state_dict()
    assert resumed.reason == whole.reason
    assert resumed.reading("layer4") == whole.reading("layer4")


def test_before_any_measurement_nothing_is_recommended():
    rule = StopRule(["layer4"])
    assert rule.recommendation is None
    assert not rule.turned
    assert "nothing has been measured" in rule.reason
    with pytest.raises(InputError, match="losses: none"):
        rule.reading("layer4")


@pytest.mark.parametrize(
    ("step", "losses", "fault"),
    [
        (16, {"layer4": [0.5, 0.5]}, "step: 16 is not accepted; give an integer of at least 17"),
        (32, {"layer5": [0.5, 0.5]}, "losses: are of layer5; give layer4"),
        (32, {}, "losses: are of no layer"),
        (32, {"layer4": [0.5]}, "losses of layer4 at step 32: are 1; give 2"),
        (1024, {"layer4": [0.5, float("nan")]}, "losses of layer4 at step 1,024: holds 1 NaN"),
    ],
)
def test_bad_measurements_are_refused_and_leave_the_rule_as_it_was(step, losses, fault):
    rule = StopRule(["layer4"])
    rule.update(16, {"layer4": [0.5, 0.6]})
    before = rule.state_dict()
    with pytest.raises(InputError, match=fault):
        rule.update(step, losses)
    assert rule.state_dict() == before


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"steps": [0, 1], "losses": {"layer4": [[0.5]]}},
        {"steps": [0], "losses": {"layer4": [[0.5], [0.6]]}},
        {"steps": [0], "losses": {"other": [[0.5]]}},
        {"steps": [1, 0], "losses": {"layer4": [[0.5], [0.6]]}},
        {"steps": 3, "losses": None},
    ],
)
def test_bad_states_are_refused_and_leave_the_rule_as_it_was(state):
    rule = fed([0.5])
    with pytest.raises(InputError):
        rule.load_state_dict(state)
    assert rule.steps == (0,)


@pytest.mark.parametrize("layers", [[], ["a", "a"], "a"])
def test_bad_layers_are_refused(layers):
    with pytest.raises(InputError, match="layers"):
        StopRule(layers)
