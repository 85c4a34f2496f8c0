from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import (
    Absence,
    Curve,
    DataModel,
    InputError,
    OneOutput,
    Regime,
    SquaredError,
    boundaries_of,
    logarithmic_steps,
)
from theory.curves.boundaries import first_crossing, regime_of, turning_points
from theory.curves.regimes import Valley, lowest_valley, moves_of
from theory.validation import FloatArray


def _valley(logs: FloatArray, depth: float = 0.2) -> FloatArray:
    """A fall and a rise in log time with its minimum at log time 3."""
    return 0.5 - depth * np.exp(-((logs - 3) ** 2) / 4)


@pytest.mark.parametrize(
    ("losses", "regime"),
    [
        ([0.5, 0.3, 0.4], Regime.THREE_PHASES),
        ([0.5, 0.6, 0.3, 0.4], Regime.RISE_DIP_RISE),
        ([0.5, 0.6, 0.7], Regime.MONOTONE_RISE),
        ([0.5, 0.4, 0.3], Regime.STILL_FALLING),
        ([0.5, 0.6, 0.3], Regime.RISE_FALL),
        ([0.5, 0.501, 0.499], Regime.CONSTANT),
        ([0.5, 0.3, 0.4, 0.2], Regime.FALL_RISE_FALL),
        ([0.5, 0.3, 0.4, 0.3, 0.4], Regime.FALL_RISE_FALL_RISE),
        ([0.5, 0.6, 0.3, 0.4, 0.3, 0.4], Regime.from_name("rise-fall-rise-fall-rise")),
        ([0.5, 0.505, 0.3, 0.305, 0.299, 0.4], Regime.THREE_PHASES),
    ],
)
def test_a_regime_is_named_by_the_moves_beyond_the_resolution(losses: list[float], regime: Regime) -> None:
    assert regime_of(np.array(losses)) is regime


@given(st.integers(0, 10**6), st.floats(0.001, 0.004))
def test_ripples_below_the_resolution_do_not_change_the_regime(seed: int, size: float) -> None:
    losses = _valley(np.linspace(0, 6, 80)) + np.random.default_rng(seed).uniform(-size, size, 80)
    assert regime_of(losses) is Regime.THREE_PHASES


def test_boundaries_of_a_known_valley() -> None:
    logs = np.linspace(0, 6, 121)
    found = boundaries_of(np.exp(logs), _valley(logs))
    assert found.regime is Regime.THREE_PHASES
    assert found.turning_point == pytest.approx(np.exp(3), rel=1e-3)
    # Half of the fall from the first value to the minimum.
    start, floor = _valley(logs[:1])[0], 0.3
    half = 3 - 2 * np.sqrt(-np.log((0.5 - (start + floor) / 2) / 0.2))
    assert found.fraction_point == pytest.approx(np.exp(half), rel=1e-3)
    assert found.return_time == pytest.approx(np.exp(6), rel=1e-3)


def test_a_turning_point_between_grid_points_is_interpolated() -> None:
    network = OneOutput.from_model(DataModel.power_law(1000, 1.0, 2.0, 0.2), SquaredError())
    for scale in (1e-4, 1e-2, 1e-1):
        exact = network.turning_point(scale).time
        assert exact is not None
        grid = exact * np.geomspace(1e-2, 50, 75)  # 20 points a decade
        found = turning_points(grid, network.relative_loss(scale, grid), 1)
        # The cubic in a window of a factor of three either way is off by its next order: 1.5 % at most.
        assert found == pytest.approx(exact, rel=0.015)


def test_phase_one_ends_at_a_third_of_s1() -> None:
    """T2 gives the share tau of the fall at s1 sqrt(tau/(1 - tau)): a tenth at s1/3, for small sigma0."""
    network = OneOutput.from_model(DataModel.power_law(1000, 1.0, 2.0, 0.2), SquaredError())
    scale = 1e-5
    s1 = network.phase_one_end(scale)
    times = np.concatenate([[0.0], np.geomspace(1e-2 * s1, 10.0, 801)])
    found = boundaries_of(times, network.relative_loss(scale, times))
    # What the fall lacks at the turning point, (s1/s*)^2 of it and half as much that is lost by then, is 2.5e-4.
    assert found.near_constant_end == pytest.approx(s1 / 3, rel=1e-3)
    assert found.fraction_point == pytest.approx(s1, rel=1e-3)


def test_noise_of_single_points_averages_out() -> None:
    logs = np.linspace(0, 6, 151)
    noisy = _valley(logs) + 0.002 * np.random.default_rng(0).standard_normal((500, 151))
    found = np.log(turning_points(np.exp(logs), noisy, 1))
    # Curvature of the valley 0.1; 35 points in the window give 0.002 / 0.1 / sqrt(35) / 0.4 = 0.01 about.
    assert abs(found.mean() - 3) < 0.01
    assert found.std() < 0.1


@given(st.floats(0.01, 100))
def test_boundaries_scale_with_time(factor: float) -> None:
    logs = np.linspace(0, 6, 61)
    one = boundaries_of(np.exp(logs), _valley(logs))
    other = boundaries_of(factor * np.exp(logs), _valley(logs))
    assert one.turning_point is not None
    assert one.fraction_point is not None
    assert other.turning_point == pytest.approx(factor * one.turning_point, rel=1e-9)
    assert other.fraction_point == pytest.approx(factor * one.fraction_point, rel=1e-9)


def test_a_curve_without_a_turning_point_has_no_boundaries() -> None:
    found = boundaries_of(np.array([0.0, 1, 2, 3]), np.array([0.3, 0.4, 0.5, 0.6]))
    assert found.regime is Regime.MONOTONE_RISE
    assert found.turning_point is None
    assert found.fraction_point is None
    assert found.return_time is None


@pytest.mark.parametrize(
    ("losses", "turning", "half", "back"),
    [
        pytest.param([0.5, 0.3, 0.4, 0.2], Absence.NO_RISE, None, Absence.NO_RISE, id="lowest at the end"),
        pytest.param([0.5, 0.2, 0.4, 0.3, 0.6], 1, 0.5, 3 + 2 / 3, id="first of two valleys, and the first return"),
        pytest.param([0.5, 0.4, 0.6, 0.2, 0.3], 3, 2.5, Absence.NO_RETURN, id="second valley, after a higher crest"),
        pytest.param([0.5, 0.4, 0.45, 0.2, 0.6], 3, 2.4, 3.75, id="second valley, half of the whole fall"),
        pytest.param([0.3, 0.5, 0.4, 0.6, 0.35, 0.7], 4, 3.5, Absence.ABOVE_START, id="lowest dip above the start"),
        pytest.param([0.3, 0.4, 0.5, 0.6], Absence.NO_FALL, None, Absence.NO_FALL, id="only a rise"),
        pytest.param([0.5, 0.505, 0.5, 0.505], Absence.CONSTANT, None, Absence.CONSTANT, id="no move"),
    ],
)
def test_a_curve_turns_where_it_is_lowest(
    losses: list[float], turning: float | Absence, half: float | None, back: float | Absence
) -> None:
    """Times by hand; between grid points crossings are read in log time, the first one to a sixth of a step."""
    found = boundaries_of(np.arange(float(len(losses))), np.array(losses))
    at = turning if isinstance(turning, Absence) else pytest.approx(turning)
    assert (found.turning_point or found.turning_absence) == at
    assert (found.return_time is None) == isinstance(back, Absence)
    if isinstance(back, Absence):
        assert found.return_absence is back
    else:
        assert found.return_time == pytest.approx(back, abs=0.17)
        assert found.return_absence is None
    assert found.fraction_point == (None if half is None else pytest.approx(half, abs=0.17))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(1e-3, 0.3))
def test_the_turning_point_is_the_lowest_of_what_a_curve_has_fallen_to(losses: list[float], resolution: float) -> None:
    """Against the definition, written with maxima over all earlier and all later values."""
    curve = np.array(losses)
    fallen = np.maximum.accumulate(curve) - curve > resolution
    valley = lowest_valley(curve, resolution)
    if not fallen.any():
        assert valley in (Absence.NO_FALL, Absence.CONSTANT)
        return
    lowest = int(np.argmin(np.where(fallen, curve, np.inf)))
    rises = curve[lowest:].max() - curve[lowest] > resolution
    assert (valley is Absence.NO_RISE) == (not rises)
    if isinstance(valley, Valley):
        assert valley.lowest == lowest
        assert valley.start < valley.near[0] <= lowest <= valley.near[1] < valley.stop
        assert curve[valley.start] == curve[:lowest].max() or curve[:lowest].max() - curve[valley.start] <= resolution
        assert np.all(curve[valley.near[0] : valley.near[1] + 1] - curve[lowest] <= resolution)


def test_regimes_are_one_object_for_one_sequence_and_named_by_rule() -> None:
    for moves in ((), (1,), (-1, 1), (1, -1, 1), (1, -1, 1, -1), (-1, 1, -1, 1, -1)):
        regime = Regime.from_moves(moves)
        assert Regime.from_name(regime.value) is regime
        assert pickle.loads(pickle.dumps(regime)) is regime
        assert regime.begins_with_rise == (moves[:1] == (1,))
    assert Regime.RISE_FALL_RISE_FALL.value == "rise-fall-rise-fall"
    assert str(Regime.from_name("rise-fall-rise")) == "rise-dip-rise"
    with pytest.raises(InputError, match="moves: "):
        Regime.from_moves((1, 1))
    with pytest.raises(InputError, match="regime: 'up' is unknown"):
        Regime.from_name("up")


def test_one_resolution_for_all_points_is_that_of_each_pair() -> None:
    curve = np.random.default_rng(0).standard_normal(60).cumsum()
    found = [moves_of(curve, given) for given in (0.7, np.full(60, 0.7), np.full((60, 60), 0.7))]
    assert found[0] == found[1] == found[2]
    with pytest.raises(InputError, match="resolution: has shape"):
        moves_of(curve, np.full(3, 0.7))


def test_the_turning_point_lies_where_the_loss_is_lowest_to_the_resolution() -> None:
    """A valley much narrower than the window of the fit, which alone would be off by more than its width."""
    logs = np.linspace(0, 6, 601)
    losses = 0.5 - 0.3 * np.exp(-(((logs - 3) / 0.05) ** 2)) - 0.05 * (logs > 3) * np.minimum((logs - 3) / 0.5, 1.0)
    found = boundaries_of(np.exp(logs), losses)
    assert found.turning_point == pytest.approx(np.exp(3), rel=0.03)


def test_a_move_must_exceed_the_resolution_at_both_of_its_ends() -> None:
    losses = np.array([0.5, 0.53, 0.515])
    assert regime_of(losses, np.array([0.05, 0.05, 0.01])) is Regime.CONSTANT
    assert regime_of(losses, np.array([0.02, 0.02, 0.02])) is Regime.MONOTONE_RISE
    assert regime_of(losses, np.array([0.02, 0.01, 0.01])) is Regime.RISE_FALL


def test_a_dip_above_the_initial_level_has_no_return() -> None:
    found = boundaries_of(np.arange(5.0), np.array([0.3, 0.5, 0.4, 0.5, 0.6]))
    assert found.regime is Regime.RISE_DIP_RISE
    assert found.turning_point is not None
    assert found.return_time is None


def test_crossings_are_linear_in_the_logarithm_of_time() -> None:
    """Half of the way from 1 to 100 is 10; a third of it from 8 to 64 is 16."""
    assert first_crossing(np.array([1.0, 100.0]), np.array([1.0, -1.0]), 0) == pytest.approx(10)
    found = first_crossing(np.array([1.0, 8.0, 64.0]), np.array([[3.0, 1.0, -2.0], [5.0, 5.0, 0.0]]), 1)
    assert found == pytest.approx([16.0, 64.0])


def test_half_of_the_fall_is_from_its_crest_and_the_return_is_to_the_initial_level() -> None:
    """Up from .5 to .6, down to .2, up again: the half at .4, between 2 and 8, the return at .5, between 64 and 128."""
    times, losses = np.array([0.0, 2, 8, 64, 128]), np.array([0.5, 0.6, 0.2, 0.4, 0.6])
    found = boundaries_of(times, losses)
    assert found.regime is Regime.RISE_DIP_RISE
    assert found.fraction_point == pytest.approx(4)
    assert found.return_time == pytest.approx(64 * np.sqrt(2))
    # A tenth of the fall from the crest is at .56, a tenth of the way to 8 in log time.
    assert found.near_constant_end == pytest.approx(2 * 4**0.1)
    quarter = boundaries_of(times, losses, fraction=0.25)
    assert quarter.fraction_point == pytest.approx(2 * 4**0.25)


def test_a_move_as_large_as_the_resolution_does_not_count() -> None:
    for up in (1, -1):
        assert regime_of(0.5 + up * np.array([0.0, 0.25]), 0.25) is Regime.CONSTANT
        assert regime_of(0.5 + up * np.array([0.0, 0.25]), 0.2499) is Regime.from_moves([up])


def test_crossings_next_to_time_zero_are_linear_in_time() -> None:
    assert first_crossing(np.array([0.0, 1.0]), np.array([1.0, -1.0]), 0) == pytest.approx(0.5)
    assert np.isnan(first_crossing(np.array([0.0, 1.0]), np.array([1.0, 0.5]), 0))


def test_the_step_grid_takes_all_small_integers_and_stays_dense() -> None:
    steps = logarithmic_steps(4096)
    assert steps[0] == 0
    assert steps[-1] == 4096
    assert steps[1:29].tolist() == list(range(1, 29))
    assert np.diff(np.log10(steps[steps >= 9])).max() <= 1 / 20


@pytest.mark.parametrize(
    ("times", "losses", "match"),
    [
        pytest.param([0.0, 1.0], [0.5], "losses: has shape", id="lengths differ"),
        pytest.param([0.0, 1.0], [0.5, np.nan], "losses: holds 1 NaN", id="NaN"),
    ],
)
def test_bad_curves_are_refused(times: list[float], losses: list[float], match: str) -> None:
    with pytest.raises(InputError, match=match):
        boundaries_of(np.array(times), np.array(losses))


@pytest.mark.parametrize(
    ("times", "losses", "match"),
    [
        pytest.param([1.0, 0.0], [[0.5, 0.4]], "times: give strictly increasing", id="descending"),
        pytest.param([0.0, 1.0], [[0.5]], "losses: has shape", id="lengths differ"),
    ],
)
def test_bad_curve_objects_are_refused(times: list[float], losses: list[list[float]], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Curve(np.array(times), np.array(losses))


def test_a_turning_point_does_not_depend_on_the_grid_of_its_curve() -> None:
    """Whole steps, dense towards the later ones, against even spacing in log time: the same minimum."""
    found = []
    for turning in (60.0, 100.0, 400.0):
        for steps in (np.arange(1, 2000), logarithmic_steps(2000, 100)[1:]):
            times = steps.astype(np.float64)
            losses = (turning / times) ** 2 + 2 * times / turning
            found.append(turning_points(times, losses[None], 1)[0] / turning)
    # A cubic in log time is not the curve: its bias, a percent or two, is the same everywhere.
    assert np.ptp(found) < 0.004
    assert np.mean(found) == pytest.approx(1, abs=0.02)


def test_a_curve_of_one_point_turns_there() -> None:
    assert turning_points(np.array([0.0, 2.0]), np.array([[0.5, 0.4]]), 1).tolist() == [2.0]
