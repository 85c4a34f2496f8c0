"""Extreme scales: results do not depend on the units of the inputs, and lists are taken for arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from theory import (
    AnnealedTransfer,
    ClassConditionalModel,
    Curve,
    DataModel,
    EarlyDepth,
    LearntTransfer,
    Logistic,
    OneOutput,
    SampledOneOutput,
    Softmax,
    SquaredError,
    Target,
    TurningLaw,
    budgeted_curve,
    budgeted_reconstruction_loss,
    chebyshev_terms,
    crossovers,
    expected_curve,
    explained_variance,
    explained_variance_speed,
    flow_curve,
    gradient_descent_curve,
    mean_field_curve,
    random_outputs_curve,
    random_sketch_spread,
    reconstruction_loss,
    relative_loss,
)
from theory.curves.draw_law import DrawLaw
from theory.data.moments import Moments
from theory.data.sample_spectrum import SampleSpectrum
from theory.validation import InputError

_UNITS = st.floats(-150, 150).map(lambda exponent: 10.0**exponent)
_MODEL = DataModel.power_law_classes(12, 1.0, 1.0, 3, 0.5, 0)
_PAIR = DataModel.power_law(12, 1.0, 1.5, 0.02)


def _in_units(model: DataModel, unit: float) -> DataModel:
    """Inputs times sqrt(unit)."""
    return DataModel(unit * model.eigenvalues, np.sqrt(unit) * model.prototypes, model.frequencies)


@given(_UNITS)
@example(1e150)
@example(1e-150)
@settings(max_examples=6)
def test_curves_do_not_depend_on_the_units_of_the_inputs(unit: float) -> None:
    scaled, weights = _in_units(_MODEL, unit), np.random.default_rng(0).standard_normal((1, 3, 12))
    times, steps, root = np.array([0.0, 0.3, 3.0, 300.0]), np.array([0, 3, 60]), np.sqrt(unit)
    for loss in (Softmax(), SquaredError()):
        for found, expected in (
            (flow_curve(scaled, loss, weights / root, times / unit), flow_curve(_MODEL, loss, weights, times)),
            (
                gradient_descent_curve(scaled, loss, weights / root, steps, 0.1 / unit),
                gradient_descent_curve(_MODEL, loss, weights, steps, 0.1),
            ),
            (
                mean_field_curve(scaled, loss, weights / root, steps, 0.1 / unit, nodes=64),
                mean_field_curve(_MODEL, loss, weights, steps, 0.1, nodes=64),
            ),
            (expected_curve(scaled, loss, 0.1 / root, times / unit), expected_curve(_MODEL, loss, 0.1, times)),
        ):
            np.testing.assert_allclose(found.losses, expected.losses, atol=1e-7)


@given(_UNITS)
@example(1e150)
@example(1e-150)
@settings(max_examples=6)
def test_turning_points_and_levels_scale_with_the_units_of_the_inputs(unit: float) -> None:
    scaled, root, loss = _in_units(_MODEL, unit), np.sqrt(unit), SquaredError()
    np.testing.assert_allclose(crossovers(scaled, loss, 0.1 / root) * unit, crossovers(_MODEL, loss, 0.1), rtol=1e-9)
    law, expected = (TurningLaw.from_model(one, loss) for one in (scaled, _MODEL))
    assert law.turning_point(1e-6 / root) * unit == pytest.approx(expected.turning_point(1e-6), rel=1e-9)
    draws, expected_draws = (
        DrawLaw.from_network(OneOutput.from_model(one, loss)) for one in (_in_units(_PAIR, unit), _PAIR)
    )
    assert draws.mean_turning_point(1e-4 / root) * unit == pytest.approx(expected_draws.mean_turning_point(1e-4))
    single = np.random.default_rng(0).standard_normal((4, 12))
    np.testing.assert_allclose(
        draws.draw_turning_points(single, 1e-4 / root) * unit, expected_draws.draw_turning_points(single, 1e-4)
    )
    spread = random_sketch_spread(scaled.eigenvalues, 3)
    assert spread / unit == pytest.approx(random_sketch_spread(_MODEL.eigenvalues, 3), rel=1e-9)


@given(_UNITS)
@example(1e150)
@example(1e-150)
@settings(max_examples=6)
def test_laws_of_samples_scale_with_the_units_of_the_inputs(unit: float) -> None:
    root, loss = np.sqrt(unit), Logistic()
    found, expected = (SampledOneOutput.from_model(one, loss, 50) for one in (_in_units(_PAIR, unit), _PAIR))
    for name in ("effective_rank", "strength_scatter"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9)
    for name in ("initial_level", "signal_level", "fresh_initial_level", "fresh_signal_level"):
        assert getattr(found, name) / unit == pytest.approx(getattr(expected, name), rel=1e-9)
    for name in ("phase_one_end", "turning_point_formula", "fresh_phase_one_end", "fresh_turning_point_formula"):
        time = getattr(found, name)(1e-4 / root) * unit
        assert time == pytest.approx(getattr(expected, name)(1e-4), rel=1e-9)


@given(_UNITS)
@example(1e150)
@example(1e-150)
@settings(max_examples=6)
def test_the_early_law_of_depth_scales_with_the_units_of_the_inputs(unit: float) -> None:
    """With inputs times r and each of L layers over r^(1/L) the product is over r, and time r^(-2/L) of what it was."""
    root, loss = np.sqrt(unit), SquaredError()
    found, expected = (EarlyDepth.from_model(one, loss) for one in (_in_units(_PAIR, unit), _PAIR))
    times = np.array([0.0, 1.0, 5.0])
    assert found.phase_one_end(0.3, 0.7) * root == pytest.approx(expected.phase_one_end(0.3, 0.7), rel=1e-9)
    np.testing.assert_allclose(found.explained(times / root, 3) / unit, expected.explained(times, 3), rtol=1e-9)
    for depth in (1, 2, 3):
        layer = root ** (1 / depth)
        amplitude = found.turning_amplitude(1e-3 / layer, depth) * layer
        assert amplitude == pytest.approx(expected.turning_amplitude(1e-3, depth), rel=1e-9)
    time = found.two_layer_turning_point(1e-3 / np.sqrt(root), 1e-4 / np.sqrt(root)) * root
    assert time == pytest.approx(expected.two_layer_turning_point(1e-3, 1e-4), rel=1e-9)


@given(_UNITS, st.floats(-100, 100))
@example(1e150, 100.0)
@example(1e-150, -100.0)
@settings(max_examples=6)
def test_transfer_of_one_output_does_not_depend_on_units(unit: float, exponent: float) -> None:
    """Neither on those of the inputs nor on those of the target, here a real number in units of ``size``."""
    root, size, loss = np.sqrt(unit), 10.0**exponent, SquaredError()
    times, crossed = np.array([0.1, 1.0, 30.0]), np.linspace(0.3, 0.02, 12)[:, None] / 2
    scaled = _in_units(_PAIR, unit)
    found, expected = (
        AnnealedTransfer(OneOutput.from_model(one, loss), Target(one.eigenvalues, cross, variance))
        for one, cross, variance in ((scaled, root * size * crossed, size**2), (_PAIR, crossed, 1.0))
    )
    np.testing.assert_allclose(found.shares(1e-2 / root, times / unit), expected.shares(1e-2, times), rtol=1e-9)
    np.testing.assert_allclose(
        found.slopes(1e-2 / root, times / unit), expected.slopes(1e-2, times), rtol=1e-8, atol=1e-12
    )
    assert found.initial_slope / unit == pytest.approx(expected.initial_slope, rel=1e-9)
    for name in ("start", "signal_level", "limit"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9)


@pytest.mark.parametrize("wrong", [[-1.0, 1.0], [float("nan")], [], ["1"]])
def test_times_before_the_start_are_refused_by_all_that_take_times(wrong: list[object]) -> None:
    """exp(-c l s) of a negative time is a number, and so was R before training began."""
    network = OneOutput.from_model(_PAIR, SquaredError())
    transfer = AnnealedTransfer(network, Target.reconstruction(_PAIR.eigenvalues))
    weights = np.ones((1, 1, 12))
    calls = (
        network.modes,
        lambda times: network.explained_variance(0.1, times),
        lambda times: network.relative_loss(0.1, times),
        lambda times: network.second_moments(0.1, times),
        lambda times: budgeted_curve(network, 0.1, times, 0.0),
        lambda times: random_outputs_curve(network, 2, 0.1, times),
        lambda times: transfer.shares(0.1, times),
        lambda times: transfer.slopes(0.1, times),
        LearntTransfer.from_model(_PAIR, SquaredError()).shares,
        lambda times: EarlyDepth.from_model(_PAIR, SquaredError()).explained(times, 2),
        lambda times: flow_curve(_PAIR, SquaredError(), weights, times),
        lambda times: expected_curve(_PAIR, SquaredError(), 0.1, times),
    )
    for call in calls:
        with pytest.raises(InputError, match=r"^times: "):
            call(wrong)


@given(st.floats(-150, 150), st.floats(-150, 150))
@settings(max_examples=50)
def test_reconstruction_losses_do_not_depend_on_the_scale_of_weights_and_inputs(first: float, second: float) -> None:
    weights, eigenvalues = np.array([[1.0, 0.3, 0.2], [0.9, 0.3, -0.1]]), np.array([1.0, 0.5, 0.2])
    scaled, unit = 10.0**first * weights, 10.0**second
    expected = relative_loss(weights, eigenvalues)
    assert relative_loss(scaled, unit * eigenvalues) == pytest.approx(float(expected), rel=1e-9)
    # mu in units of the variance of the outputs, as far as that is a float.
    exponent = 2 * first + second - 1
    if abs(exponent) < 300:
        budget = 10.0**exponent
        found = budgeted_reconstruction_loss(scaled, unit * eigenvalues, budget) / unit
        assert found == pytest.approx(float(budgeted_reconstruction_loss(weights, eigenvalues, 0.1)), rel=1e-9)


def test_a_budgeted_loss_is_at_least_the_loss_whatever_the_budget() -> None:
    """Equal rows with a budget below the square of their rounding gave .007, and weights of 1e200 gave NaN."""
    weights, eigenvalues = np.array([[1, 0.3], [1, 0.3]]), np.array([1, 0.5])
    exact = float(reconstruction_loss(weights, eigenvalues))
    assert exact == pytest.approx(0.5215, abs=1e-4)
    for budget in (1e-300, 1e-34, 1e-16):
        assert budgeted_reconstruction_loss(weights, eigenvalues, budget) == pytest.approx(exact, rel=1e-9)
    for scale in (1e200, 1e300):
        assert budgeted_reconstruction_loss(scale * weights, eigenvalues, 1.0) == pytest.approx(exact, rel=1e-9)


def test_one_direction_and_one_eigenvalue_have_laws_without_a_turning_point() -> None:
    flat_model = DataModel.two_classes(np.ones(5), np.full(5, 0.1))
    for loss in (SquaredError(), Softmax()):
        law = TurningLaw.from_model(DataModel.two_classes([2.0], [0.3]), loss)
        assert law.turning_point(0.01) is None
        flat = TurningLaw.from_model(flat_model, loss)
        assert flat.turning_point(1e-6) is None
    draws = DrawLaw.from_network(OneOutput.from_model(flat_model, SquaredError()))
    assert draws.mean_turning_point(1e-6) is None
    with pytest.raises(InputError, match="network: its signal lies in directions of one eigenvalue"):
        draws.draw_turning_points(np.ones((2, 5)), 1e-6)


def test_lists_are_kept_as_arrays_by_every_dataclass_that_takes_arrays() -> None:
    model = DataModel([2.0, 1.0], [[-0.3, -0.1], [0.3, 0.1]], [0.5, 0.5], [[1.0, 0.0], [0.0, 1.0]])
    within = [[[0.64 + 1.0, -0.12], [-0.12, 0.96]]] * 2
    kept = (
        (model, ("eigenvalues", "prototypes", "frequencies", "basis")),
        (ClassConditionalModel(model, within), ("within",)),
        (Curve([0.0, 1.0], [[0.5, 0.4]]), ("times", "losses")),
        (OneOutput([2.0, 1.0], [0.3, 0.1], 1.0), ("eigenvalues", "signal")),
        (SampledOneOutput([2.0, 1.0], [0.3, 0.1], 1.0, 100), ("eigenvalues", "signal")),
        (Moments([0.0], [[1.0]], [1, 1], [[0.5], [-0.5]]), ("mean", "covariance", "class_counts", "class_means")),
        (SampleSpectrum([2.0, 1.0], 10), ("eigenvalues",)),
        (EarlyDepth([2.0, 1.0], [[0.3, 0.1]], 1.0), ("eigenvalues", "signal")),
        (Target([2.0, 1.0], [[0.3], [0.1]], 1.0), ("covariance", "cross_covariance")),
    )
    for instance, names in kept:
        for name in names:
            assert isinstance(getattr(instance, name), np.ndarray), (type(instance).__name__, name)
    assert model.means.shape == (2, 2)
    with pytest.raises(InputError, match="frequencies: not numeric"):
        DataModel([2.0, 1.0], [[-0.3, -0.1], [0.3, 0.1]], ["a", "b"])


def test_functions_take_lists_for_arrays() -> None:
    rows, eigenvalues = [[1, 0.3], [1, 0.3]], [1, 0.5]
    assert budgeted_reconstruction_loss(rows, eigenvalues, 1e-34) == pytest.approx(0.5215, abs=1e-4)
    network = OneOutput(eigenvalues, [0.3, 0.1], 1.0)
    calls = (
        lambda kind: explained_variance(kind(rows), kind(eigenvalues)),
        lambda kind: reconstruction_loss(kind(rows), kind(eigenvalues)),
        lambda kind: relative_loss(kind(rows), kind(eigenvalues)),
        lambda kind: explained_variance_speed(kind(rows[:1]), kind(eigenvalues), kind([0.1, 0.2])),
        lambda kind: chebyshev_terms(kind(rows[:1]), kind(eigenvalues), kind([0.1, 0.2])),
        lambda kind: network.modes(kind([0.0, 1.0])),
        lambda kind: DrawLaw.from_network(network).draw_turning_points(kind(rows), 0.1),
    )
    for call in calls:
        np.testing.assert_array_equal(call(list), call(np.array))


@pytest.mark.parametrize(
    ("rows", "eigenvalues", "fault"),
    [
        ([1.0, 0.3], [1.0, 0.5], "weights: has shape"),
        ([[1.0, 0.3, 0.2]], [1.0, 0.5], "weights: has shape .* give 2 columns"),
        ([[1.0, float("nan")]], [1.0, 0.5], "weights: holds 1 NaN"),
        ([[1.0, 0.3]], [1.0, -0.5], "eigenvalue: -0.5"),
        ([[1.0, 0.3]], [0.0, 0.0], "eigenvalue: 0.0"),
    ],
)
def test_weights_and_eigenvalues_that_do_not_fit_are_refused(rows: object, eigenvalues: object, fault: str) -> None:
    for function in (explained_variance, relative_loss):
        with pytest.raises(InputError, match=fault):
            function(rows, eigenvalues)
    with pytest.raises(InputError, match=fault):
        budgeted_reconstruction_loss(rows, eigenvalues, 1.0)
