"""Theorem T10 on trained chains of linear units: the turning point, and its exponents in sigma0 by depth."""

from __future__ import annotations

import numpy as np
import pytest

from simulation.experiments.chains import (
    balanced_chains,
    lowest_times,
    random_chains,
    slope_of_medians,
    trained_chains,
)
from theory import Curve, DataModel, SquaredError
from theory.curves.early_depth import EarlyDepth
from theory.validation import FloatArray, IntArray

MODEL = DataModel.power_law(30, 0.5, 2.0, 0.08)  # an effective rank of 23
SIGNAL = SquaredError().signal(MODEL.prototypes)[0]
SPEED = float(np.linalg.norm(SIGNAL))


def _predicted(depth: int, scale: float) -> float:
    """s* of a balanced chain by hand: how long da/ds = D a^(L - 1) takes from sigma0 to a*."""
    amplitude = EarlyDepth.from_model(MODEL, SquaredError()).turning_amplitude(scale, depth)
    assert amplitude is not None
    if depth == 1:
        return amplitude / SPEED
    if depth == 2:
        return float(np.log(amplitude / scale)) / SPEED
    return float((scale ** (2 - depth) - amplitude ** (2 - depth)) / ((depth - 2) * SPEED))


def _steps(last: int, points: int) -> IntArray:
    spaced = np.rint(np.geomspace(max(last / 200, 1), last, points)).astype(np.int64)
    return np.unique(np.concatenate([[0], spaced]))


@pytest.mark.parametrize(
    ("depth", "scale"),
    [(1, 1e-3), (2, 1e-3), (2, 1e-5), (3, 1e-2), pytest.param(3, 1e-3, marks=pytest.mark.slow)],
)
def test_a_balanced_chain_turns_at_the_formula(depth: int, scale: float) -> None:
    """Within 5 %: next orders in sigma0, and draws of the first layer, eight pairs of them (3 % of C each way)."""
    predicted = _predicted(depth, scale)
    step_size = min(0.5, predicted / 200)
    layers = balanced_chains(SIGNAL, depth, scale, 8, seed=0)
    curve = trained_chains(MODEL, layers, _steps(int(2 * predicted / step_size), 150), step_size)
    found = lowest_times(Curve(curve.times, curve.mean[None]))[0]
    assert found == pytest.approx(predicted, rel=0.05)
    if depth == 2:
        formula = EarlyDepth.from_model(MODEL, SquaredError()).two_layer_turning_point(scale, scale)
        assert formula == pytest.approx(predicted, rel=1e-12)


def _random_times(depth: int, scale: float, seed: int, span: float) -> FloatArray:
    """s* of 24 pairs of chains whose weights are all N(0, sigma0^2)."""
    predicted = _predicted(depth, scale)
    step_size = min(0.5 if depth > 2 else 0.2, predicted / 100)
    layers = random_chains(SIGNAL, depth, scale, 24, seed)
    return lowest_times(trained_chains(MODEL, layers, _steps(int(span * predicted / step_size), 100), step_size))


def test_one_layer_turns_at_the_power_two_thirds() -> None:
    scales = (1e-5, 1e-3, 1e-2)
    times = [np.log(_random_times(1, scale, seed, 5)) for seed, scale in enumerate(scales)]
    slope, low, high = slope_of_medians(np.log(scales), times)
    assert low < 2 / 3 < high
    assert high - low < 0.05
    assert slope == pytest.approx(2 / 3, abs=0.02)


def test_two_layers_turn_at_the_logarithm_over_twice_the_speed() -> None:
    """The slope of s* in log sigma0 is -1 / (2 D); of the law of one draw it would be -2 / (3 D)."""
    scales = (1e-8, 1e-5, 1e-2)
    times = [_random_times(2, scale, 20 + number, 3) for number, scale in enumerate(scales)]
    _, low, high = slope_of_medians(np.log(scales), times)
    assert low < -1 / (2 * SPEED) < high
    assert low > -2 / (3 * SPEED)


@pytest.mark.slow
def test_three_layers_turn_at_the_power_minus_one() -> None:
    scales = (1e-3, 3e-3, 1e-2)
    times = [np.log(_random_times(3, scale, 30 + number, 5)) for number, scale in enumerate(scales)]
    _, low, high = slope_of_medians(np.log(scales), times)
    assert low < -1 < high
    assert high < -2 / 3


def test_the_lowest_point_is_that_of_the_parabola_and_none_where_the_loss_falls_to_the_end() -> None:
    times = np.concatenate([[0.0], np.geomspace(0.1, 100, 40)])
    logs = np.log(np.maximum(times, 0.1))
    curve = Curve(times, np.stack([0.5 + 0.01 * (logs - np.log(3.3)) ** 2, 0.5 - 0.01 * logs]))
    found = lowest_times(curve)
    assert found[0] == pytest.approx(3.3, rel=1e-6)
    assert np.isinf(found[1])
