"""Phases of a coarse curve: exact on a parabola, invariances, uncertainty over seeds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empirical.networks.network_training import checkpoint_steps
from empirical.tracker.phase_reading import (
    fall_time,
    mean_over_seeds,
    read_phases,
    smallest_moves,
    turning_time,
)
from theory import InputError

STEPS = checkpoint_steps(8192)


def parabola(turning_step, scale=0.01):
    """Loss with its minimum at ``turning_step``, quadratic in log steps."""
    times = np.log(np.maximum(STEPS, 0.5))
    return 0.3 + scale * (times - np.log(turning_step)) ** 2


@given(st.floats(8.0, 2000.0), st.floats(0.005, 1.0))
def test_the_turning_point_of_a_parabola_in_log_steps_is_found_between_grid_points(turning_step, scale):
    reading = read_phases(STEPS, parabola(turning_step, scale)[None])
    assert reading.turned
    np.testing.assert_allclose(reading.turning_point.value, turning_step, rtol=1e-6)
    assert np.isnan(reading.turning_point.error)
    # Steps of powers of two: the neighbours of the smallest loss are a factor of four apart.
    np.testing.assert_allclose(reading.grid_ratio, 4)


@given(st.floats(8.0, 2000.0), st.floats(-1.0, 1.0))
def test_a_constant_added_to_the_loss_changes_no_phase(turning_step, constant):
    first, second = (read_phases(STEPS, parabola(turning_step)[None] + shift) for shift in (0.0, constant))
    np.testing.assert_allclose(first.turning_point.value, second.turning_point.value, rtol=1e-6)
    np.testing.assert_allclose(first.half_fall.value, second.half_fall.value, rtol=1e-6)


def test_half_of_a_straight_fall_is_in_its_middle():
    times = np.arange(5.0)
    assert fall_time(times, np.array([1.0, 1.0, 0.8, 0.6, 0.9]), 0.5) == pytest.approx(2.0)


def test_a_fall_is_counted_from_the_start_and_not_from_a_later_rise():
    times = np.arange(6.0)
    # Half of the way from .8 at the start to .4, which is passed between 3 and 4; from the crest it would be earlier.
    assert fall_time(times, np.array([0.8, 0.9, 1.2, 0.7, 0.5, 0.4]), 0.5) == pytest.approx(3.5, rel=1e-12)


def test_phase_one_ends_at_a_tenth_of_the_fall():
    """From .5 at steps 0, 1 and 2 to .3 at 8: a tenth, .48, is a fifth of the way in log steps from 2 to 4."""
    losses = np.array([[0.5, 0.5, 0.5, 0.4, 0.3, 0.5]])
    reading = read_phases([0, 1, 2, 4, 8, 16], losses)
    np.testing.assert_allclose(reading.near_constant_end.value, 2 * 2**0.2, rtol=1e-12)
    np.testing.assert_allclose(reading.half_fall.value, 4, rtol=1e-12)


def test_an_uneven_grid_does_not_bias_the_vertex():
    times = np.array([0.0, 1.0, 1.5, 4.0, 5.0])
    np.testing.assert_allclose(turning_time(times, (times - 1.7) ** 2), 1.7, rtol=1e-12)


@pytest.mark.parametrize(
    ("losses", "falls", "rises"),
    [
        (np.full(STEPS.size, 0.5), False, False),
        (np.linspace(0.5, 0.2, STEPS.size), True, False),
        (np.linspace(0.2, 0.5, STEPS.size), False, True),
        (np.full(STEPS.size, 0.5) + 0.004 * np.sin(STEPS), False, False),
    ],
)
def test_without_a_fall_and_a_rise_there_is_no_turning_point(losses, falls, rises):
    reading = read_phases(STEPS, losses[None])
    assert (reading.falls, reading.rises, reading.turned) == (falls, rises, False)
    assert np.isnan(reading.turning_point.value)


def test_a_rise_within_two_standard_errors_over_seeds_does_not_count():
    falling = np.linspace(0.5, 0.2, STEPS.size)
    rises = np.zeros((3, STEPS.size))
    rises[:, -1] = (0.1, 0.0, -0.03)  # mean .023, standard error .039
    assert not read_phases(STEPS, falling + rises).rises
    rises[:, -1] = (0.11, 0.09, 0.10)  # mean .1, standard error .006; the fall's last step is .02
    assert read_phases(STEPS, falling + rises).rises


def test_the_error_of_the_turning_point_covers_it_as_often_as_it_should():
    generator = np.random.default_rng(0)
    true, spread, inside = 300.0, 0.3, 0
    for _ in range(400):
        curves = np.array([parabola(true * np.exp(spread * one)) for one in generator.standard_normal(5)])
        point = read_phases(STEPS, curves).turning_point
        inside += abs(np.log(point.value / true)) <= 2.776 * point.error / point.value  # Student's t, 4 degrees
    # 95 %, within three binomial standard errors of .011.
    assert abs(inside / 400 - 0.95) < 0.033


@pytest.mark.parametrize(
    ("steps", "losses", "message"),
    [
        ([0], [[1.0]], "steps: 1"),
        ([1, 2, 4], [[1.0, 1.0, 1.0]], "steps"),
        ([0, 1, 2], [[1.0, 1.0]], "steps: 3"),
        ([0, 1, 2], [[1.0, np.nan, 1.0]], "losses"),
        ([0, 2, 1], [[1.0, 1.0, 1.0]], "steps"),
    ],
)
def test_bad_curves_are_named(steps, losses, message):
    with pytest.raises(InputError, match=message):
        read_phases(steps, losses)


def test_the_smallest_move_that_counts_is_the_resolution_or_two_standard_errors_of_the_change():
    """Changes of .1, .2 and .3 have a standard deviation of .1 and a standard error of .1 / sqrt(3)."""
    curves = np.array([[0.5, 0.4, 0.5], [0.5, 0.3, 0.5], [0.5, 0.2, 0.5]])
    moves = smallest_moves(curves, 0.01)
    np.testing.assert_allclose(moves, 0.01 + (0.2 / np.sqrt(3) - 0.01) * np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    np.testing.assert_array_equal(smallest_moves(curves[:1], 0.01), np.full((3, 3), 0.01))


def test_the_standard_error_of_a_mean_is_that_of_the_sample():
    found = mean_over_seeds(np.array([1.0, 2.0, 3.0]))
    assert (found.value, found.error) == pytest.approx((2.0, 1 / np.sqrt(3)))
