from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import two_class_models
from theory import (
    Absence,
    DataModel,
    InputError,
    Logistic,
    OneOutput,
    Softmax,
    SquaredError,
    boundaries_of,
    boundary_formulas,
)
from theory.curves.phase_diagram import network_with_alignment
from theory.symbols.symbolic import (
    CURVATURE,
    EIGENVALUE,
    FRACTION,
    INITIAL_SCALE,
    SIGNAL,
    SIGNAL_SUMS,
    SPECTRUM_SUMS,
    TIME,
    sum_over_modes,
)

#: Turning points of the annealed curve for d = 1000, lambda_i = 1/i, delta_i^2 = 0.2/i^2.
PUBLISHED_TURNING_POINTS = {1e-5: 0.00433, 1e-4: 0.0202, 1e-3: 0.0934, 1e-2: 0.438, 1e-1: 2.13}


@pytest.fixture(scope="module")
def network() -> OneOutput:
    return OneOutput.from_model(DataModel.power_law(1000, 1.0, 2.0, 0.2), SquaredError())


def test_sums_over_modes_are_linear_and_count_powers() -> None:
    found = sum_over_modes(3 * EIGENVALUE**2 + TIME * EIGENVALUE * SIGNAL**2)
    assert sp.expand(found - (3 * SPECTRUM_SUMS[2] + TIME * SIGNAL_SUMS[1])) == 0


def test_scaling_orders_of_the_boundaries() -> None:
    f = boundary_formulas()
    doubled = {INITIAL_SCALE: 8 * INITIAL_SCALE}
    assert sp.simplify(f.phase_one_end.subs(doubled) / f.phase_one_end) == 8
    assert sp.simplify(f.turning_point.subs(doubled) / f.turning_point) == 4
    at_half = f.fraction_point.subs(FRACTION, sp.Rational(1, 2))
    assert sp.simplify(at_half - f.phase_one_end) == 0


@given(two_class_models(), st.floats(-4, 0), st.floats(-2, 2), st.sampled_from([SquaredError(), Logistic()]))
def test_numbers_are_those_of_the_symbols_at_fifty_digits(
    model: DataModel, scale_exponent: float, time_exponent: float, loss: SquaredError | Logistic
) -> None:
    network = OneOutput.from_model(model, loss)
    scale, time = 10.0**scale_exponent, 10.0**time_exponent / model.eigenvalues[0]
    f = boundary_formulas()
    second_moment = sp.lambdify((TIME, INITIAL_SCALE, EIGENVALUE, SIGNAL, CURVATURE), f.second_moment, "mpmath")
    with mpmath.workdps(50):
        numerator = denominator = mpmath.mpf(0)
        for eigenvalue, signal in zip(network.eigenvalues, network.signal, strict=True):
            square = second_moment(*map(mpmath.mpf, (time, scale, eigenvalue, signal, network.curvature)))
            numerator += mpmath.mpf(eigenvalue) ** 2 * square
            denominator += mpmath.mpf(eigenvalue) * square
        expected = float(numerator / denominator)
    found = network.explained_variance(scale, np.array([time]))[0]
    assert found == pytest.approx(expected, rel=1e-10)


@given(two_class_models(), st.floats(-4, 0), st.floats(0.01, 0.99))
def test_boundaries_are_those_of_the_formulas_written_out(model: DataModel, exponent: float, fraction: float) -> None:
    network = OneOutput.from_model(model, SquaredError())
    scale = 10.0**exponent
    l, delta = network.eigenvalues, network.signal  # noqa: E741
    r0 = np.sum(l**2) / np.sum(l)
    r2 = np.sum(l**2 * delta**2) / np.sum(l * delta**2)
    s1 = scale * np.sqrt(np.sum(l) / np.sum(l * delta**2))
    assert network.initial_level == pytest.approx(r0, rel=1e-10)
    assert network.signal_level == pytest.approx(r2, rel=1e-10)
    assert network.phase_one_end(scale) == pytest.approx(s1, rel=1e-10)
    assert network.fraction_point(scale, fraction) == pytest.approx(s1 * np.sqrt(fraction / (1 - fraction)), rel=1e-10)
    spread = np.average((l - r2) ** 2, weights=l * delta**2)
    formula = network.turning_point_formula(scale)
    if r2 > r0 and spread > 1e-6 * r2**2:  # else B1 B3 - B2^2 cancels
        turning = np.cbrt(2 * (r2 - r0) * s1**2 / spread)
        # The expansion R2 - 3/2 c Var s* must be above R0 there, by more or less than the rounding of the difference.
        margin = r2 - r0 - 1.5 * spread * turning
        if margin > 1e-9 * r2:
            assert formula == pytest.approx(turning, rel=1e-8)
        elif margin < -1e-9 * r2:
            assert formula is None
    if r2 <= r0:
        assert formula is None


@pytest.mark.parametrize(("scale", "published"), PUBLISHED_TURNING_POINTS.items())
def test_turning_points_of_the_power_law_are_the_published_ones(
    network: OneOutput, scale: float, published: float
) -> None:
    assert float(network.turning_point(scale)) == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize("scale", [1e-5, 1e-4, 1e-3])
def test_the_symbolic_turning_point_is_within_one_percent_for_small_scales(network: OneOutput, scale: float) -> None:
    assert network.turning_point_formula(scale) == pytest.approx(float(network.turning_point(scale)), rel=0.01)


def test_the_turning_point_grows_as_the_two_thirds_power_and_the_formula_errs_less_and_less(network: OneOutput) -> None:
    scales = np.array([1e-6, 1e-5, 1e-4])
    exact = np.array([float(network.turning_point(scale)) for scale in scales])
    slopes = np.diff(np.log(exact)) / np.diff(np.log(scales))
    np.testing.assert_allclose(slopes, 2 / 3, atol=2e-3)
    formula = np.array([network.turning_point_formula(scale) for scale in [1e-4, 1e-3, 1e-2]])
    numeric = np.array([float(network.turning_point(scale)) for scale in [1e-4, 1e-3, 1e-2]])
    assert np.all(np.diff(np.abs(formula / numeric - 1)) > 0)


def test_a_perturbed_formula_would_be_caught(network: OneOutput) -> None:
    """The exponent 2/3 and the constant 2 matter at the accuracy that is tested."""
    scale = 1e-4
    exact = network.turning_point(scale).time
    formula = network.turning_point_formula(scale)
    assert exact is not None
    assert formula is not None
    assert abs(formula * 2 ** (-1 / 3) / exact - 1) > 0.01
    assert abs(formula * scale**0.01 / exact - 1) > 0.01


def test_phase_one_is_half_over_at_its_end(network: OneOutput) -> None:
    scale = 1e-6
    half = network.explained_variance(scale, np.array([network.phase_one_end(scale)]))[0]
    middle = (network.initial_level + network.signal_level) / 2
    # The remainder is of order lambda_1 s1 = 6e-6, the share of a mode that has saturated.
    assert half == pytest.approx(middle, rel=1e-4)


def test_the_turning_point_is_where_a_fine_grid_has_its_maximum(network: OneOutput) -> None:
    for scale in (1e-4, 1e-2):
        turning = network.turning_point(scale).time
        assert turning is not None
        grid = turning * np.geomspace(0.9, 1.1, 2001)
        best = grid[np.argmax(network.explained_variance(scale, grid))]
        assert turning == pytest.approx(best, rel=2e-4)  # twice the spacing of the grid


def test_a_dip_above_the_initial_level_has_its_turning_point_too() -> None:
    """Rise-dip-rise at a large initial scale: the same one as is read off the curve."""
    model = DataModel.spiked([3.0, 1.5], bulk=1.0, dimension=60, signal=0.01, signal_in_spikes=0.1)
    network = OneOutput.from_model(model, SquaredError())
    turning = network.turning_point(0.01).time
    assert turning is not None
    assert network.return_time(0.01).absence is Absence.ABOVE_START
    grid = np.geomspace(1e-3, 30, 200)
    found = boundaries_of(grid, network.relative_loss(0.01, grid), resolution=1e-5)
    assert found.turning_point == pytest.approx(turning, rel=0.03)


@pytest.mark.parametrize("signal", [[0.0, 0.0], [np.nan, 1.0], [1.0]])
def test_a_network_without_a_usable_signal_is_refused(signal: list[float]) -> None:
    with pytest.raises(InputError, match="signal"):
        OneOutput(np.array([2.0, 1.0]), np.array(signal), 1.0)


def test_the_return_time_is_where_the_level_is_the_initial_one_again() -> None:
    """Signal mostly in a low-variance direction once saturated, in a high-variance one before."""
    model = DataModel.two_classes(np.array([1.0, 0.3, 0.01]), np.array([0.2, 0.05, 0.04]))
    network = OneOutput.from_model(model, SquaredError())
    time = network.return_time(1e-3).time
    turning = network.turning_point(1e-3).time
    assert time is not None
    assert turning is not None
    assert time > turning
    assert network.explained_variance(1e-3, np.array([time]))[0] == pytest.approx(network.initial_level, rel=1e-8)
    never = OneOutput.from_model(DataModel.power_law(20, 1.0, 4.0, 0.01), SquaredError()).return_time(1e-3)
    assert never.absence is Absence.NO_RETURN


def test_the_annealed_curve_is_the_mean_over_draws_where_many_modes_share_the_variance() -> None:
    """Annealing exchanges mean and ratio: an error of order one over the effective rank, here 1/300."""
    model = DataModel.two_classes(np.repeat([2.0, 1.0], 200), np.repeat([0.02, 0.01], 200))
    network = OneOutput.from_model(model, SquaredError())
    scale, time = 0.02, 1.0
    generator = np.random.default_rng(0)
    start = scale * generator.standard_normal((4000, 400))
    decay = np.exp(-time * network.eigenvalues)
    rows = start * decay + network.signal * (1 - decay) / network.eigenvalues
    measured = (rows**2 @ network.eigenvalues**2) / (rows**2 @ network.eigenvalues)
    error = measured.std() / np.sqrt(4000)
    found = network.explained_variance(scale, np.array([time]))[0]
    assert abs(measured.mean() - found) < 5 * error + found / 300


def test_networks_with_several_outputs_are_refused() -> None:
    with pytest.raises(InputError, match="softmax with 2 classes has 2 outputs"):
        OneOutput.from_model(DataModel.power_law(3, 1.0, 1.0, 0.01), Softmax())


@pytest.mark.parametrize(
    ("scale", "fraction", "match"),
    [(0.0, 0.5, "init_scale"), (np.nan, 0.5, "init_scale"), (1.0, 1.0, "fraction"), (1.0, "x", "fraction")],
)
def test_bad_arguments_are_refused(network: OneOutput, scale: float, fraction: float, match: str) -> None:
    with pytest.raises(InputError, match=match):
        network.fraction_point(scale, fraction)


def test_the_return_of_a_weakly_aligned_network_follows_its_formula() -> None:
    """The error of the second-order formula falls as the square of R2 - R0: fourfold for half the gap."""
    eigenvalues = np.arange(1, 65) ** -0.5
    errors = []
    for alignment in (1.08, 1.04, 1.02):
        network = network_with_alignment(eigenvalues, alignment)
        exact, formula = network.return_time(1e-9).time, network.return_time_formula()
        assert exact is not None
        assert formula is not None
        errors.append(abs(formula / exact - 1))
    assert errors[0] < 0.02
    ratios = np.array(errors[:-1]) / errors[1:]
    np.testing.assert_allclose(ratios, 4, rtol=0.15)
    assert network_with_alignment(eigenvalues, 0.9).return_time_formula() is None
