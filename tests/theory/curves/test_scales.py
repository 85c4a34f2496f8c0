"""Extreme scales: results do not depend on the units of the inputs, and lists are taken for arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import (
    ClassConditionalModel,
    Curve,
    DataModel,
    OneOutput,
    SampledOneOutput,
    Softmax,
    SquaredError,
    TurningLaw,
    budgeted_reconstruction_loss,
    chebyshev_terms,
    crossovers,
    expected_curve,
    explained_variance,
    explained_variance_speed,
    flow_curve,
    gradient_descent_curve,
    mean_field_curve,
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
@settings(max_examples=8)
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
@settings(max_examples=8)
def test_turning_points_and_levels_scale_with_the_units_of_the_inputs(unit: float) -> None:
    scaled, root, loss = _in_units(_MODEL, unit), np.sqrt(unit), SquaredError()
    np.testing.assert_allclose(crossovers(scaled, loss, 0.1 / root) * unit, crossovers(_MODEL, loss, 0.1), rtol=1e-9)
    law, expected = (TurningLaw.from_model(one, loss) for one in (scaled, _MODEL))
    assert law.turning_point(1e-6 / root) * unit == pytest.approx(expected.turning_point(1e-6), rel=1e-9)
    draws, expected_draws = (
        DrawLaw.from_network(OneOutput.from_model(one, loss)) for one in (_in_units(_PAIR, unit), _PAIR)
    )
    assert draws.mean_turning_point(1e-4 / root) * unit == pytest.approx(expected_draws.mean_turning_point(1e-4))


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


def test_one_direction_has_a_law_without_a_turning_point() -> None:
    for loss in (SquaredError(), Softmax()):
        law = TurningLaw.from_model(DataModel.two_classes([2.0], [0.3]), loss)
        assert law.turning_point(0.01) is None
        flat = TurningLaw.from_model(DataModel.two_classes(np.ones(5), np.full(5, 0.1)), loss)
        assert flat.turning_point(1e-6) is None


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
