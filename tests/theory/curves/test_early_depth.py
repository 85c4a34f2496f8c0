"""The early law of hidden layers (theorem T10) against draws of W(0), and where it fails without its conditions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import sympy as sp

from theory import DataModel, InputError, Softmax, SquaredError, explained_variance, random_sketch_level
from theory.curves.deep_linear import deep_linear_curves
from theory.curves.early_depth import EarlyDepth, sketch_resolution
from theory.symbols.complexity import STEP_SIZE
from theory.symbols.depth_terms import RATIO, STEPS, STRENGTH, early_law
from theory.validation import FloatArray

SPECTRUM = np.arange(1, 61) ** -1.0


def _signal(outputs: int = 3, seed: int = 0) -> FloatArray:
    generator = np.random.default_rng(seed)
    return 0.3 * generator.standard_normal((outputs, 60)) * SPECTRUM


def _drawn(law: EarlyDepth, times: FloatArray, width: int, ratio: float, draws: int) -> FloatArray:
    """(draws, T) R of layers followed by a Runge-Kutta integration of dW1 = W2^T M, dW2 = M W1^T."""
    generator = np.random.default_rng(1)
    first = generator.standard_normal((draws, width, law.eigenvalues.size))
    second = ratio * generator.standard_normal((draws, law.signal.shape[0], width))

    def speed(one: FloatArray, two: FloatArray) -> tuple[FloatArray, FloatArray]:
        return np.swapaxes(two, 1, 2) @ law.signal, law.signal @ np.swapaxes(one, 1, 2)

    found, before = [], 0.0
    for time in times:
        count = 40
        step = (time - before) / count
        for _ in range(count if step > 0 else 0):
            moves = [speed(first, second)]
            for share in (0.5, 0.5, 1.0):
                moves.append(speed(first + share * step * moves[-1][0], second + share * step * moves[-1][1]))
            weights = np.array([1, 2, 2, 1]) * step / 6
            first = first + sum(weight * move[0] for weight, move in zip(weights, moves, strict=True))
            second = second + sum(weight * move[1] for weight, move in zip(weights, moves, strict=True))
        before = time
        found.append(explained_variance(first, law.eigenvalues))
    return np.stack(found, axis=1)


@pytest.mark.parametrize(("width", "ratio"), [(3, 1.0), (3, 3.0), (10, 1.0), (10, 0.2), (30, 1.0)])
def test_the_equivalent_is_the_mean_over_draws(width: int, ratio: float) -> None:
    """Within 4 % of R and five standard errors over 100 draws: the equivalent of few rows is above the mean."""
    law = EarlyDepth(SPECTRUM, _signal(), 1.0)
    times = np.array([0, 1, 2, 4]) / np.linalg.svd(law.signal, compute_uv=False)[0]
    drawn = _drawn(law, times, width, ratio, 100)
    expected = law.explained(times, width, ratio)
    error = drawn.std(axis=0, ddof=1) / 10
    assert np.all(np.abs(drawn.mean(axis=0) - expected) < 0.04 * expected + 5 * error)
    rise = drawn[:, -1] - drawn[:, 0]
    assert expected[-1] - expected[0] == pytest.approx(rise.mean(), abs=0.1 * abs(rise.mean()) + 5 * rise.std() / 10)


def test_at_time_zero_it_is_the_level_of_random_outputs() -> None:
    law = EarlyDepth(SPECTRUM, _signal(), 1.0)
    for width in (1, 7, 59):
        assert law.explained(np.zeros(1), width)[0] == pytest.approx(random_sketch_level(SPECTRUM, width), rel=1e-10)


def test_the_condition_for_a_phase_two_is_the_sign_of_the_slope() -> None:
    """On 200 random instances, of which both verdicts are a good share; the slope by differences at s -> 0."""
    generator = np.random.default_rng(0)
    verdicts = []
    for _ in range(200):
        dimension, outputs = int(generator.integers(4, 30)), int(generator.integers(1, 4))
        spectrum = np.sort(generator.gamma(0.7, size=dimension))[::-1] + 1e-3
        law = EarlyDepth(spectrum, generator.standard_normal((outputs, dimension)), 1.0)
        width = int(generator.integers(1, dimension))
        times = np.array([0, 1e-3]) / np.linalg.norm(law.signal)
        slope = float(np.diff(law.explained(times, width))[0])
        alignment = law.alignment_at(width)
        if abs(alignment.signal / alignment.random - 1) > 1e-3:
            assert (slope > 0) is alignment.holds
            verdicts.append(alignment.holds)
    assert 0.2 < np.mean(verdicts) < 0.8


def test_alignment_of_few_units_in_many_directions_is_that_of_t3() -> None:
    """One unit, kappa near tr Sigma: the means are R2 and R0 to the effective rank."""
    spectrum = np.arange(1, 3001) ** -0.25
    squares = np.arange(1, 3001) ** -1.0
    found = EarlyDepth(spectrum, np.sqrt(squares)[None], 1.0).alignment_at(1)
    assert found.signal == pytest.approx(np.average(spectrum, weights=spectrum * squares), rel=0.01)
    assert found.random == pytest.approx(np.average(spectrum, weights=spectrum), rel=0.01)


def test_width_decides_whether_there_is_a_phase_two() -> None:
    """A signal that is aligned for wide layers and not for one unit: eigenvalues 1, .3 and many small ones."""
    spectrum = np.array([1.0, 0.3, *([0.01] * 20)])
    law = EarlyDepth(spectrum, np.eye(22)[1:2], 1.0)
    assert not law.alignment_at(1).holds
    assert law.alignment_at(3).holds
    early = np.array([0.0, 0.2])
    for width, sign in ((1, -1), (3, 1)):
        drawn = _drawn(law, early, width, 1.0, 4000)
        change = drawn[:, 1] - drawn[:, 0]
        assert sign * change.mean() > 3 * change.std() / np.sqrt(4000)


def test_phase_one_does_not_depend_on_the_scale_but_on_the_ratio() -> None:
    """The time at which the annealed level of one unit has won a fraction, by its own definition."""
    model = DataModel.power_law(300, 0.5, 2.0, 0.1)
    law = EarlyDepth.from_model(model, SquaredError())
    squares = law.signal[0] ** 2 / np.sum(law.signal**2)
    for fraction in (0.2, 0.5, 0.9):
        for ratio in (0.3, 1.0, 5.0):
            time = law.phase_one_end(fraction, ratio)
            second = 1 + (law.growth(np.array([time]), ratio)[0, 0] - 1) * squares
            level = np.sum(model.eigenvalues**2 * second) / np.sum(model.eigenvalues * second)
            start = np.sum(model.eigenvalues**2) / np.sum(model.eigenvalues)
            end = np.average(model.eigenvalues, weights=model.eigenvalues * squares)
            assert (level - start) / (end - start) == pytest.approx(fraction, rel=1e-9)
    assert law.phase_one_end(0.5, 5.0) < law.phase_one_end(0.5, 1.0) / 2


@pytest.mark.parametrize(("depth", "power"), [(1, 1), (2, 0), (3, -1)])
def test_phase_one_of_a_hidden_layer_ends_at_the_power_two_less_depth(depth: int, power: int) -> None:
    """The loss from W(0) scaled by 1/10, at times scaled by 10^-power, is the same to what saturates: 1e-3 of it."""
    model = DataModel.power_law(20, 0.5, 2.0, 0.05)
    generator = np.random.default_rng(0)
    widths = (20, *([3] * (depth - 1)), 1)
    layers = [generator.standard_normal((2, rows, columns)) for columns, rows in pairwise(widths)]
    steps = np.array([0, 10, 20, 40])
    found = []
    for scale in (1e-3, 1e-4):
        step_size = 0.05 * scale**power
        own = tuple(scale * layer for layer in layers)
        found.append(deep_linear_curves(model, SquaredError(), own, steps, step_size, growth=0.0)[0].losses)
    assert np.abs(found[0] - found[1]).max() < 1e-3 * np.ptp(found[1])
    assert np.ptp(found[1]) > 1e-4


def test_the_growth_in_steps_is_that_of_the_recursion() -> None:
    """Gamma after n steps, with weights drawn and stepped: five standard errors over 20,000 draws."""
    generator = np.random.default_rng(0)
    first, second = generator.standard_normal(20_000), 0.5 * generator.standard_normal(20_000)
    for _ in range(12):
        first, second = first + 0.3 * 0.4 * second, second + 0.3 * 0.4 * first
    values = {STEP_SIZE: sp.Rational(3, 10), STRENGTH: sp.Rational(2, 5), RATIO: sp.Rational(1, 2), STEPS: 12}
    expected = float(early_law().growth_in_steps.subs(values))
    assert np.mean(first**2) == pytest.approx(expected, rel=5 * np.sqrt(2 / 20_000))


def test_kappa_solves_its_equation_over_many_orders_of_magnitude() -> None:
    values = np.geomspace(1e-12, 1e12, 50)[None]
    for rows in (1, 25, 49):
        kappa = sketch_resolution(values, rows)
        assert np.sum(values / (values + kappa[:, None])) == pytest.approx(rows, rel=1e-9)


def test_what_does_not_apply_is_refused() -> None:
    law = EarlyDepth(SPECTRUM, _signal(), 1.0)
    with pytest.raises(InputError, match="width: 60 is not accepted; give fewer than the 60 eigenvalues"):
        law.alignment_at(60)
    with pytest.raises(InputError, match="signal: has 3 outputs; give one"):
        law.turning_amplitude(1e-3, 2)
    with pytest.raises(InputError, match="signal: has shape"):
        EarlyDepth(SPECTRUM, np.ones((1, 59)), 1.0)
    with pytest.raises(InputError, match="signal: is all zero"):
        EarlyDepth(SPECTRUM, np.zeros((1, 60)), 1.0)
    misaligned = EarlyDepth(np.array([1.0, 0.5, 0.1]), np.array([[0.0, 0.1, 1.0]]), 1.0)
    assert misaligned.turning_amplitude(1e-3, 2) is None
    assert misaligned.two_layer_turning_point(1e-3, 1e-3) is None
    assert EarlyDepth.from_model(DataModel.power_law(9, 1.0, 2.0, 0.1), Softmax()).signal.shape == (1, 9)
