from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import row_spaces, spectra
from theory import InputError, OneOutput, explained_variance
from theory.curves.phase_three import (
    chebyshev_terms,
    explained_variance_speed,
    growth_rates,
    learnt_growth,
    learnt_growth_in_steps,
)
from theory.symbols.complexity import STEP_SIZE
from theory.symbols.symbolic import CURVATURE, EIGENVALUE, TIME
from theory.theorems.t4_forgetting import STEPS, growth_rate, learnt, learnt_in_steps
from theory.validation import FloatArray


@st.composite
def growing_rows(draw: st.DrawFn) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rows of W, the spectrum, and the rates of the flow at some time."""
    eigenvalues = draw(spectra())
    time = 10.0 ** draw(st.floats(-3, 2)) / eigenvalues[0]
    rows = draw(row_spaces(eigenvalues)) / np.sqrt(eigenvalues)
    return rows, eigenvalues, growth_rates(eigenvalues, time)


def _scale(eigenvalues: FloatArray, rates: FloatArray, outputs: int) -> float:
    """What no sum of ``outputs`` covariances of eigenvalues and rates exceeds, up to a factor of order one."""
    return float(outputs * eigenvalues[0] * np.abs(rates).max())


def _numerical_speed(rows: FloatArray, eigenvalues: FloatArray, rates: FloatArray) -> float:
    """Central difference of R along rows that grow mode by mode."""
    step = 1e-4 / np.abs(rates).max()
    ahead, behind = (explained_variance(rows * np.exp(sign * step * rates), eigenvalues) for sign in (1, -1))
    return float((ahead - behind) / (2 * step))


@given(growing_rows())
def test_the_terms_add_up_to_the_speed_and_the_speed_is_the_slope_of_explained_variance(
    instance: tuple[FloatArray, FloatArray, FloatArray],
) -> None:
    rows, eigenvalues, rates = instance
    scale = _scale(eigenvalues, rates, len(rows))
    speed = explained_variance_speed(*instance)
    assert abs(2 * chebyshev_terms(*instance).sum() - speed) <= 1e-13 * scale  # rounding of sums of d K terms
    # Rounding of R over the step, 1e-15 / 1e-4, and the third derivative times the square of the step, 1e-8.
    assert abs(_numerical_speed(*instance) - speed) <= 1e-7 * scale


def test_the_speed_is_a_sizeable_number_that_the_difference_would_not_miss() -> None:
    """One instance with K = 10 on which a speed wrong by 1e-6 of itself is seen."""
    eigenvalues = np.arange(1, 41) ** -1.0
    rows = np.random.default_rng(0).standard_normal((10, 40))
    rates = growth_rates(eigenvalues, 5.0)
    assert explained_variance_speed(rows, eigenvalues, rates) == pytest.approx(
        _numerical_speed(rows, eigenvalues, rates), rel=1e-6
    )


@given(growing_rows())
def test_every_term_is_negative_where_rates_fall_and_positive_where_they_rise(
    instance: tuple[FloatArray, FloatArray, FloatArray],
) -> None:
    rows, eigenvalues, rates = instance
    # Each covariance is exact to rounding of the products that it sums.
    slack = 1e-14 * _scale(eigenvalues, rates, 1)
    assert np.all(chebyshev_terms(rows, eigenvalues, rates) <= slack)
    assert np.all(chebyshev_terms(rows, eigenvalues, -rates) >= -slack)


def test_terms_vanish_where_nothing_can_be_lost() -> None:
    """On a flat spectrum, at equal rates, and with as many rows as dimensions."""
    generator = np.random.default_rng(1)
    rows, rates = generator.standard_normal((3, 6)), generator.standard_normal(6)
    spectrum = np.arange(6, 0, -1.0)
    np.testing.assert_allclose(chebyshev_terms(rows, np.full(6, 2.0), rates), 0, atol=1e-14)
    np.testing.assert_allclose(chebyshev_terms(rows, spectrum, np.full(6, 2.0)), 0, atol=1e-14)
    full = generator.standard_normal((6, 6))
    assert explained_variance_speed(full, spectrum, rates) == pytest.approx(0, abs=1e-13)


@given(growing_rows(), st.integers(0, 2**32 - 1))
def test_the_speed_depends_on_the_row_space_alone(
    instance: tuple[FloatArray, FloatArray, FloatArray], seed: int
) -> None:
    rows, eigenvalues, rates = instance
    outputs = len(rows)
    mixing = np.random.default_rng(seed).standard_normal((outputs, outputs)) + 3 * np.sqrt(outputs) * np.eye(outputs)
    found = explained_variance_speed(mixing @ rows, eigenvalues, rates)
    # Mixing has a condition number of about 10; rounding of the span grows by it.
    expected = explained_variance_speed(rows, eigenvalues, rates)
    assert abs(found - expected) <= 1e-12 * _scale(eigenvalues, rates, outputs)


def test_one_output_falls_as_the_annealed_curve_without_initial_weights() -> None:
    network = OneOutput(np.array([3.0, 1.0, 0.2]), np.array([0.3, 0.2, 0.5]), 0.25)
    time, step = 2.0, 1e-4
    _, learnt = network.modes(np.array([time - step, time, time + step]))
    levels = explained_variance(learnt[:, None, :], network.eigenvalues)
    rates = growth_rates(network.eigenvalues, time, network.curvature)
    speed = explained_variance_speed(learnt[1:2], network.eigenvalues, rates)
    assert speed == pytest.approx((levels[2] - levels[0]) / (2 * step), rel=1e-7)


@given(spectra(), st.floats(-6, 3), st.floats(1, 4))
def test_growth_of_the_flow_is_that_of_the_symbols_at_fifty_digits(
    eigenvalues: FloatArray, exponent: float, factor: float
) -> None:
    start = 10.0**exponent / eigenvalues[0]
    symbolic = sp.lambdify((EIGENVALUE, TIME), learnt(EIGENVALUE).subs(CURVATURE, 1), "mpmath")
    rate = sp.lambdify((EIGENVALUE, TIME), growth_rate(EIGENVALUE).subs(CURVATURE, 1), "mpmath")
    with mpmath.workdps(50):
        modes = [mpmath.mpf(value) for value in eigenvalues]
        grown = [
            float(symbolic(mode, mpmath.mpf(factor * start)) / symbolic(mode, mpmath.mpf(start))) for mode in modes
        ]
        rates = [float(rate(mode, mpmath.mpf(start))) for mode in modes]
    found = learnt_growth(eigenvalues, start, factor * start)
    np.testing.assert_allclose(found, grown, rtol=1e-14)
    assert np.all(np.diff(found) >= -1e-15 * found[1:])  # eigenvalues descend
    # The exponent lambda s is rounded, by 1e-16 of up to 1,000.
    np.testing.assert_allclose(growth_rates(eigenvalues, start), rates, rtol=1e-12)


@given(spectra(), st.integers(1, 1000), st.integers(0, 3000), st.floats(0.001, 1))
def test_growth_in_steps_is_that_of_the_symbols_at_fifty_digits(
    eigenvalues: FloatArray, start: int, more: int, step_share: float
) -> None:
    step_size = step_share / eigenvalues[0]
    symbolic = sp.lambdify(
        (EIGENVALUE, STEPS, STEP_SIZE), learnt_in_steps(EIGENVALUE, STEPS).subs(CURVATURE, 1), "mpmath"
    )
    with mpmath.workdps(50):
        modes = [mpmath.mpf(value) for value in eigenvalues]
        ends = [[symbolic(mode, count, mpmath.mpf(step_size)) for count in (start, start + more)] for mode in modes]
        expected = [float(late / early) for early, late in ends]
    # Rounding of eta lambda just below 1 is large beside 1 - eta lambda, but what is left to learn is then small.
    np.testing.assert_allclose(
        learnt_growth_in_steps(eigenvalues, start, start + more, step_size), expected, rtol=1e-13
    )


def _heavy_ball(rates: FloatArray, momentum: float, steps: int) -> FloatArray:
    """(steps, d) positions of modes that start at rest from 0 and are drawn to 1, at x = eta c lambda."""
    now = last = np.zeros(rates.size)
    path = []
    for _ in range(steps):
        now, last = now + rates * (1 - now) + momentum * (now - last), now
        path.append(now)
    return np.array(path)


@given(st.floats(0.01, 0.95), st.integers(0, 2**32 - 1))
def test_with_momentum_what_is_learnt_is_forgotten_while_no_mode_oscillates(momentum: float, seed: int) -> None:
    """Up to eta c lambda_1 = (1 - sqrt(beta))^2: growth falls with the eigenvalue, and R of three rows never rises."""
    eigenvalues = np.linspace(1, 0.02, 12)
    path = _heavy_ball((1 - np.sqrt(momentum)) ** 2 * eigenvalues, momentum, 150)
    growth = path[1:] / path[:-1]
    assert np.all(np.diff(growth, axis=1) >= -1e-13)  # rounding; eigenvalues descend
    rows = np.random.default_rng(seed).standard_normal((3, 12)) / eigenvalues
    explained = explained_variance(rows * path[:, None, :], eigenvalues)
    assert np.all(np.diff(explained) <= 1e-12)


@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_with_momentum_and_a_larger_step_explained_variance_can_rise(momentum: float) -> None:
    """Modes that oscillate come back: two of them, at eight times (1 - sqrt(beta))^2, within what is stable."""
    eigenvalues = np.array([1.0, 0.3])
    path = _heavy_ball(8 * (1 - np.sqrt(momentum)) ** 2 * eigenvalues, momentum, 300)
    explained = explained_variance(path[:, None, :] / eigenvalues, eigenvalues)
    assert np.max(explained[1:] / explained[:-1] - 1) > 1e-3


@given(spectra(), st.floats(-3, 2), st.floats(-3, 3))
def test_with_weight_decay_growth_falls_with_the_eigenvalue(eigenvalues: FloatArray, decay: float, time: float) -> None:
    """The flow with kappa beside each rate, of the size of the largest eigenvalue times any factor."""
    rates = eigenvalues + 10**decay * eigenvalues[0]
    start = 10**time / rates[0]
    assert np.all(np.diff(np.expm1(-2 * rates * start) / np.expm1(-rates * start)) >= -1e-15)


def test_bad_arguments_are_refused() -> None:
    spectrum, rows, rates = np.array([2.0, 1.0, 0.5]), np.eye(3)[:2], np.ones(3)
    with pytest.raises(InputError, match="rows: are not linearly independent"):
        chebyshev_terms(np.ones((2, 3)), spectrum, rates)
    with pytest.raises(InputError, match="rows: has shape"):
        explained_variance_speed(np.ones((1, 2)), spectrum, rates)
    with pytest.raises(InputError, match="rates: has shape"):
        explained_variance_speed(rows, spectrum, np.ones(2))
    with pytest.raises(InputError, match="smallest eigenvalue"):
        growth_rates(np.array([1.0, 0.0]), 1.0)
    with pytest.raises(InputError, match="stop: 1 is not accepted"):
        learnt_growth(spectrum, 2.0, 1.0)
    with pytest.raises(InputError, match="step_size: gives eta c lambda_1"):
        learnt_growth_in_steps(spectrum, 1, 2, 0.6)
    with pytest.raises(InputError, match="start: 0 is not accepted"):
        learnt_growth_in_steps(spectrum, 0, 2, 0.1)
