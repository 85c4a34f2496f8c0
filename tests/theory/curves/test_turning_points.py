"""Where curves are lowest, at every level of the theory, against a brute-force minimum of the same curve."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import two_class_models
from theory import (
    Absence,
    Boundary,
    DataModel,
    InputError,
    OneOutput,
    Softmax,
    SquaredError,
    TurningLaw,
    boundaries_of,
    expected_curve,
    expected_turning_point,
    flow_curve,
    logarithmic_steps,
    mean_field_curve,
)
from theory.curves.annealed_path import Extrema
from theory.curves.regimes import Regime, regime_of
from theory.validation import FloatArray


def one_output(model: DataModel) -> OneOutput:
    return OneOutput.from_model(model, SquaredError())


def brute_force(times: FloatArray, losses: FloatArray, resolution: float) -> float | None:
    """Time of the lowest loss below an earlier one by more than the resolution; None where no such rise follows."""
    fallen = np.maximum.accumulate(losses) - losses > resolution
    if not fallen.any():
        return None
    lowest = int(np.argmin(np.where(fallen, losses, np.inf)))
    return float(times[lowest]) if losses[lowest:].max() - losses[lowest] > resolution else None


def exact_loss(network: OneOutput, scale: float, time: float) -> mpmath.mpf:
    """1 - R / tr Sigma of the annealed curve at the working precision of mpmath."""
    numerator = denominator = mpmath.mpf(0)
    for eigenvalue, signal in zip(map(mpmath.mpf, network.eigenvalues), map(mpmath.mpf, network.signal), strict=True):
        left = mpmath.exp(-network.curvature * eigenvalue * time)
        square = (scale * left) ** 2 + (signal * (1 - left) / (network.curvature * eigenvalue)) ** 2
        numerator += eigenvalue**2 * square
        denominator += eigenvalue * square
    return 1 - numerator / denominator / mpmath.fsum(map(mpmath.mpf, network.eigenvalues))


@pytest.mark.parametrize(
    ("model", "lowest", "last"),
    [
        pytest.param(DataModel.power_law(200, 1.0, 4.0, 0.02), 1.714, 831.8, id="200 directions"),
        pytest.param(DataModel.power_law(20, 1.5, 6.0, 0.02), 1.554, 196.96, id="20 directions"),
    ],
)
def test_the_turning_point_is_the_lowest_point_and_not_the_last_minimum(
    model: DataModel, lowest: float, last: float
) -> None:
    """Both losses have a late minimum, 1e-8 to 1e-6 deep, which is real: at 50 digits it is there."""
    network = one_output(model)
    with mpmath.workdps(50):
        around = [exact_loss(network, mpmath.mpf("0.01"), mpmath.mpf(last) * f) for f in (0.9, 1, 1.1)]
        assert around[1] < min(around[0], around[2])
        near = [exact_loss(network, mpmath.mpf("0.01"), mpmath.mpf(lowest) * f) for f in (0.99, 1, 1.01)]
        assert near[1] < min(near[0], near[2]) < around[1]
    assert float(network.turning_point(0.01)) == pytest.approx(lowest, rel=1e-3)
    # The mean over W(0) differs from the annealed curve by the inverse effective rank: 1/7 and 1/3 here.
    assert float(expected_turning_point(model, SquaredError(), 0.01)) == pytest.approx(lowest, rel=0.05)


POWER_LAWS = [
    (dimension, alpha, beta, scale)
    for dimension in (2, 20, 200)
    for alpha in (0.5, 1.0, 1.5)
    for beta in (-1.0, 1.0, 2.0, 4.0, 6.0)
    for scale in (1e-4, 1e-2, 0.3)
]


def test_turning_points_of_power_laws_are_lowest_points() -> None:
    """The whole table at once, by the values on a fine grid; on a finer one they are equal to its spacing."""
    turns = 0
    for dimension, alpha, beta, scale in POWER_LAWS:
        network = one_output(DataModel.power_law(dimension, alpha, beta, 0.02))
        times = np.concatenate([[0.0], np.geomspace(1e-4 * scale, 60 / network.eigenvalues[-1], 1500)])
        expected = brute_force(times, network.relative_loss(scale, times), 1e-9)
        found = network.turning_point(scale, 1e-9)
        assert (found.time is None) == (expected is None), (dimension, alpha, beta, scale)
        if found.time is not None and expected is not None:
            lowest, grid = network.relative_loss(scale, np.array([found.time, expected]))
            assert lowest <= grid + 1e-14
            assert abs(np.log(found.time / expected)) < np.log(times[2] / times[1])
            turns += 1
    assert turns > 60


@given(two_class_models(), st.floats(-5, 2), st.sampled_from([1e-10, 1e-5, 1e-2]))
@settings(max_examples=40)
def test_of_random_networks_it_is_the_lowest_point(model: DataModel, exponent: float, resolution: float) -> None:
    network = one_output(model)
    scale = 10.0**exponent * float(np.abs(network.signal / network.eigenvalues).max())
    path = network.path(scale)
    grid = path.grid()
    times = np.concatenate([[0.0], np.geomspace(grid[0], grid[-1], 4000)])
    risen = path.risen(times)[0] / path._levels.sum()
    near = [brute_force(times, -risen, factor * resolution) for factor in (0.99, 1.01)]
    found = network.turning_point(scale, resolution)
    if None in near:
        assert found.time is None or near != [None, None]
        return
    assert found.time is not None
    # No value of the grid is below the lowest one, and that is not below the grid's but for its spacing.
    lowest = path.risen(np.array([found.time]))[0][0] / path._levels.sum()
    best = float(np.interp(near[0], times, risen))
    assert lowest >= best - 1e-13
    assert lowest - best < 1e-2 * max(resolution, float(np.ptp(risen)))


@pytest.mark.parametrize("level", [1e-100, 1e-12, 1.0, 1e12, 1e100])
@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_units_do_not_matter_however_large(level: float, size: float) -> None:
    """Eigenvalues times a and W(0) over a leave the curve as it is at times 1/a; a size of W(0) and delta, too."""
    eigenvalues, signal = np.array([3.0, 2.0, 1.0]), np.array([0.3, 0.2, 0.1])
    plain = OneOutput(eigenvalues, signal, 1.0)
    scaled = OneOutput(level * eigenvalues, size * signal, 1.0)
    scale = 1e-3 * size / level
    for name in ("turning_point", "return_time"):
        found, expected = getattr(scaled, name)(scale), getattr(plain, name)(1e-3)
        assert found.absence is expected.absence
        if expected.time is not None:
            assert level * found.time == pytest.approx(expected.time, rel=1e-9)
    for name in ("turning_point_formula", "phase_one_end"):
        assert level * getattr(scaled, name)(scale) == pytest.approx(getattr(plain, name)(1e-3), rel=1e-12)
    assert scaled.rise_border_formula(1e-3) * level == pytest.approx(plain.rise_border_formula(1e-3) * size, rel=1e-12)
    assert scaled.alignment == pytest.approx(plain.alignment, rel=1e-12)
    times = np.array([0.0, 0.1, 1.0, 10.0])
    np.testing.assert_allclose(
        scaled.relative_loss(scale, times / level), plain.relative_loss(1e-3, times), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("scale", [1e-270, 1e-170, 1e-100, 1e-30, 1e-12, 1e-6])
def test_very_small_initial_weights_turn_by_theorem_five(scale: float) -> None:
    """There R is flat to rounding over many decades; the sign of its derivative is not."""
    network = one_output(DataModel.power_law(30, 1.0, 2.0, 0.2))
    formula = network.turning_point_formula(scale)
    assert formula is not None
    # The next term of the series is of relative order lambda_1 s*.
    assert float(network.turning_point(scale)) == pytest.approx(formula, rel=1e-9 + 2 * formula)
    # Random prototypes in place of the annealed mean: the law's own terms differ by the inverse effective rank.
    if scale < 1e-20:
        return
    found = expected_turning_point(DataModel.power_law(30, 1.0, 2.0, 0.2), SquaredError(), scale)
    if scale >= 1e-6:
        assert float(found) == pytest.approx(formula, rel=0.3)
    else:
        assert found.absence is Absence.NOT_RESOLVED
        assert "TurningLaw" in str(found)
        law = TurningLaw.from_model(DataModel.power_law(30, 1.0, 2.0, 0.2), SquaredError())
        assert law.turning_point(scale) == pytest.approx(formula, rel=0.3)


@pytest.mark.parametrize("scale", [1e3, 1e12, 1e60])
def test_very_large_initial_weights_end_in_a_fall(scale: float) -> None:
    """Theorem T7: the loss rises until only the last mode of W(0) is left, and falls to that of the solution."""
    # What the last mode still lacks, e^-s lambda_d, outlasts the square of W(0) in it: a valley of 1e-9 at 1e3.
    found = one_output(DataModel.power_law(10, 1.0, 2.0, 0.2)).turning_point(scale, 1e-6)
    assert found == Boundary(None, Absence.NO_RISE)


@pytest.mark.parametrize(
    ("eigenvalues", "signal", "absence"),
    [
        pytest.param([2.0], [0.3], Absence.CONSTANT, id="one direction"),
        pytest.param([2.0] * 5, [0.3, -0.2, 0.1, 0.0, 0.0], Absence.CONSTANT, id="flat spectrum"),
        pytest.param([1.0, 0.5], [0.0, 0.3], Absence.NO_FALL, id="signal in the second of two"),
        pytest.param([1.0, 0.5], [0.3, 0.0], Absence.NO_RISE, id="signal in the first of two"),
        pytest.param([1.0, 1.0 - 1e-10, 0.5], [0.0, 0.0, 0.3], Absence.NO_FALL, id="signal in the last"),
    ],
)
def test_a_curve_that_does_not_turn_says_why(eigenvalues: list[float], signal: list[float], absence: Absence) -> None:
    network = OneOutput(np.array(eigenvalues), np.array(signal), 1.0)
    for scale in (1e-12, 1e-3, 1.0):
        found = network.turning_point(scale)
        assert found == Boundary(None, absence)
        assert network.return_time(scale).absence is absence
    assert not found
    assert str(found) == f"none: {absence.value}"
    with pytest.raises(InputError, match="boundary: has no time"):
        float(found)


def test_a_nearly_flat_spectrum_keeps_its_digits() -> None:
    """Deviations of 1e-10 from a flat spectrum: R moves by 1e-11, far less than digits of R itself would show."""
    model = DataModel.power_law(50, 1.0, 2.0, 0.002)
    slight = OneOutput(1 + 1e-10 * model.eigenvalues, model.prototypes[1], 1.0)
    path = slight.path(1e-3)
    risen, errors = path.risen(np.array([1.0]))
    with mpmath.workdps(40):
        start, later = (exact_loss(slight, mpmath.mpf(1e-3), time) for time in (0, 1))
        expected = float((start - later) * mpmath.fsum(map(mpmath.mpf, slight.eigenvalues)) / slight.eigenvalues.max())
    assert abs(risen[0] - path.risen(np.array([0.0]))[0][0] - expected) < 3 * errors[0] < 1e-9 * abs(expected)


@given(two_class_models(), st.floats(-6, 2), st.floats(-6, 2))
@settings(max_examples=15)
def test_the_stated_errors_bound_the_rounding(model: DataModel, exponent: float, late: float) -> None:
    network = OneOutput(
        model.eigenvalues[:8], np.where(model.prototypes[1][:8] == 0, 1e-3, model.prototypes[1][:8]), 1.0
    )
    scale, time = 10.0**exponent, 10.0**late / network.eigenvalues[0]
    path = network.path(scale)
    with mpmath.workdps(60):

        def explained(log: mpmath.mpf) -> mpmath.mpf:
            losses = exact_loss(network, mpmath.mpf(scale), mpmath.exp(log))
            return (1 - losses) * mpmath.fsum(map(mpmath.mpf, network.eigenvalues)) / network.eigenvalues[0]

        log = mpmath.log(mpmath.mpf(time))
        level, slope = explained(log), mpmath.diff(explained, log) / 2
    value, error = path.risen(np.array([time]))
    # R0 is a constant of its own, which cancels in all comparisons.
    assert abs(float(level - mpmath.mpf(path.initial_level)) - value[0]) <= error[0] + 1e-15 * abs(value[0])
    value, error = path.slope(np.array([time]))
    assert abs(float(slope) - value[0]) <= error[0] + 1e-25
    assert error[0] <= 1e-10 * max(1.0, abs(value[0]))


def test_a_move_within_the_rounding_errors_of_its_ends_is_none() -> None:
    """At a resolution of nothing: a rise of 3e-16 between values known to 1e-15, and to 1e-16."""
    times, losses = np.array([0.0, np.inf]), np.array([0.0, 3e-16])
    for error, regime in ((1e-15, Regime.CONSTANT), (1e-16, Regime.MONOTONE_RISE)):
        found = Extrema(times, losses, np.full(2, error))
        assert regime_of(found.losses, found.resolution(0.0)) is regime
    # The errors come on top of a stated resolution.
    assert regime_of(losses, Extrema(times, losses, np.full(2, 1e-16)).resolution(2e-16)) is Regime.CONSTANT


def test_scales_out_of_proportion_are_refused() -> None:
    for network, scale in (
        (OneOutput(np.array([1e-200, 1e-200]), np.array([1e200, 1.0]), 1.0), 1e-5),
        (OneOutput(np.array([1e200, 1e-200]), np.array([1.0, 1.0]), 1.0), 1.0),
        (one_output(DataModel.power_law(10, 1.0, 1.0, 0.2)), 1e-300),
        (OneOutput(np.array([1e-290, 1e-291]), np.array([1.0, 1.0]), 1.0), 1.0),
    ):
        with pytest.raises(InputError, match=r"init_scale: .* differ by more than floats can hold"):
            network.turning_point(scale)


@pytest.mark.parametrize("loss", [SquaredError(), Softmax()])
@pytest.mark.parametrize(
    ("dimension", "alpha", "beta", "classes"),
    [(2, 1.0, 2.0, 2), (24, 0.7, 1.5, 3), (30, 1.5, 5.0, 2), (8, 1.0, -1.0, 2), (8, 1.0, -1.0, 4)],
)
def test_several_outputs_turn_where_their_expected_curve_is_lowest(
    dimension: int, alpha: float, beta: float, classes: int, loss: SquaredError | Softmax
) -> None:
    model = DataModel.power_law_classes(dimension, alpha, beta, classes, 0.5, 0)
    scale, resolution = 0.02, 1e-4
    found = expected_turning_point(model, loss, scale, resolution)
    if loss.outputs(model.classes) >= model.dimension:
        assert found.absence is Absence.CONSTANT
        return
    rates = loss.initial_curvature(model.classes) * model.eigenvalues
    times = np.concatenate([[0.0], np.geomspace(1e-4 * scale / rates[0], 60 / rates[-1], 300)])
    losses = expected_curve(model, loss, scale, times).losses[0]
    near = [brute_force(times, losses, factor * resolution) for factor in (0.8, 1.25)]
    if None in near:
        assert found.time is None or near != [None, None]
        return
    assert found.time is not None
    lowest = expected_curve(model, loss, scale, np.array([found.time])).losses[0, 0]
    assert lowest <= np.interp(near[0], times, losses) + 1e-8


@pytest.mark.parametrize("scale", [0.3, 10.0, 1e3, pytest.param(1e12, marks=pytest.mark.slow)])
@pytest.mark.parametrize("loss", [SquaredError(), Softmax()])
def test_large_initial_weights_turn_where_the_expected_curve_is_lowest(
    loss: SquaredError | Softmax, scale: float
) -> None:
    """The loss rises first, to above its start, and W(0) outlives what is learnt in the first mode."""
    model = DataModel.power_law_classes(10, 0.8, 1.0, 3, 0.5, 0)
    found = expected_turning_point(model, loss, scale, 1e-4)
    rates = loss.initial_curvature(model.classes) * model.eigenvalues
    times = np.concatenate([[0.0], np.geomspace(0.01 / rates[0], (60 + np.log(scale)) / rates[-1], 600)])
    losses = expected_curve(model, loss, scale, times).losses[0]
    expected = brute_force(times, losses, 1e-4)
    assert (found.time is None) == (expected is None)
    if found.time is None:
        assert found.absence is Absence.NO_RISE
        return
    assert expected is not None
    lowest = expected_curve(model, loss, scale, np.array([found.time])).losses[0, 0]
    assert lowest <= np.interp(expected, times, losses) + 1e-8


def _levels(
    model: DataModel, weights: FloatArray, steps: FloatArray, step_size: float
) -> dict[str, Callable[[], FloatArray]]:
    return {
        "linearised": lambda: flow_curve(model, SquaredError(), weights, step_size * steps).mean,
        "mean field": lambda: mean_field_curve(model, SquaredError(), weights, steps, step_size).mean,
    }


@pytest.mark.parametrize("seed", range(3))
def test_curves_of_all_levels_turn_where_they_are_lowest(seed: int) -> None:
    """Read off log-spaced steps, as in training: to the fit of a cubic, 3 %, or where the loss is as low to 1e-3."""
    generator = np.random.default_rng(seed)
    model = DataModel.power_law(30, float(generator.uniform(0.5, 1.5)), float(generator.uniform(1, 4)), 0.02)
    weights = 10.0 ** generator.uniform(-3, -1) * generator.standard_normal((8, 1, 30))
    steps = logarithmic_steps(2_000)
    for name, curve in _levels(model, weights, steps, 0.2).items():
        losses = curve()
        expected = brute_force(0.2 * steps, losses, 0.01)
        found = boundaries_of(0.2 * steps, losses)
        assert (found.turning_point is None) == (expected is None), name
        assert (found.turning_absence is None) == (expected is not None)
        if expected is not None:
            assert np.interp(found.turning_point, 0.2 * steps, losses) < losses.min() + 1e-3
