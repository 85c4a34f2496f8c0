"""The derived curve of a rectified hidden layer: blocks, limits, and what is trained."""

from __future__ import annotations

import numpy as np
import pytest

from tests.theory.curves.test_relu_closure import CLASSES, DIMENSION, WIDTH, mixture, network, squared_error
from theory import InputError, Softmax, SquaredError, relative_loss
from theory.curves.mean_field import gaussian_nodes
from theory.curves.relu_closure import ReluNetwork, closed_gradient
from theory.curves.relu_layer import relu_curve, relu_path, relu_unexplained
from theory.curves.relu_parameters import BatchNormalised, Parameters, Parametrisation, WeightsAlone, WithBiases
from theory.data.component_target import InputsTarget, MomentsTarget
from theory.validation import FloatArray

STEPS = np.array([0, 1, 10, 40, 150])


def _parameters(parametrisation: Parametrisation, scale: float = 0.3) -> Parameters:
    start = network(CLASSES, scale=scale)
    match parametrisation:
        case WeightsAlone():
            return start.hidden, start.output
        case WithBiases():
            return start.hidden, start.output, start.hidden_bias, start.output_bias
    return start.hidden, start.output, np.full((1, WIDTH), 0.8), start.hidden_bias, start.output_bias


ALL = [WeightsAlone(), WithBiases(), BatchNormalised()]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("parametrisation", ALL, ids=lambda one: type(one).__name__)
def test_blocks_of_steps_agree_with_single_steps(parametrisation: Parametrisation, momentum: float) -> None:
    """Within the tolerance of the blocks, 3e-4 each, as far as the curve changes at all."""
    arguments = (mixture(), Softmax(), _parameters(parametrisation), STEPS, 0.05, parametrisation, momentum, 64)
    blocks, single = relu_curve(*arguments), relu_curve(*arguments, growth=0.0)
    assert np.ptp(single.losses) > 0.02
    assert np.abs(blocks.losses - single.losses).max() < 1e-3


def test_momentum_is_a_longer_step_once_the_weights_move_slowly() -> None:
    """Momentum 0.5 at step 0.01 and none at 0.02: the same curve to first order in the step, away from the start."""
    steps = np.array([0, 200, 600])
    start = _parameters(WeightsAlone())
    with_momentum = relu_curve(mixture(), Softmax(), start, steps, 0.01, momentum=0.5, nodes=64).losses
    longer = relu_curve(mixture(), Softmax(), start, steps, 0.02, nodes=64).losses
    without = relu_curve(mixture(), Softmax(), start, steps, 0.01, nodes=64).losses
    assert np.abs(with_momentum - longer).max() < 1e-3
    assert np.abs(with_momentum - without).max() > 5e-3


def test_units_that_are_always_on_explain_what_linear_ones_do() -> None:
    model = mixture()
    start = network(CLASSES)
    on = ReluNetwork(start.hidden, start.output, np.full((1, WIDTH), 80.0), start.output_bias)
    expected = relative_loss(start.hidden, model.model.eigenvalues)
    # The Gram matrix of units is the difference of moments of order 80^2.
    np.testing.assert_allclose(relu_unexplained(model, on, InputsTarget(model)), expected, atol=1e-9)


def test_rectified_units_explain_less_of_the_inputs_than_linear_ones() -> None:
    """What is not linear in x is noise to a linear decoder."""
    model, start = mixture(), network(CLASSES)
    flat = ReluNetwork(start.hidden, start.output, np.zeros((1, WIDTH)), start.output_bias)
    linear = relative_loss(start.hidden, model.model.eigenvalues)
    assert np.all(relu_unexplained(model, flat, InputsTarget(model)) > linear + 0.01)


@pytest.mark.parametrize("name", ["inputs", "classes"])
def test_what_units_explain_agrees_with_least_squares_on_samples(name: str) -> None:
    """To 0.5 %, which is what 60,000 samples resolve."""
    model, start = mixture(), network(CLASSES)
    generator = np.random.default_rng(0)
    labels = generator.choice(model.components, size=60_000, p=model.frequencies)
    inputs = model.means[labels].copy()
    for component in range(model.components):
        own = labels == component
        noise = generator.multivariate_normal(np.zeros(DIMENSION), model.covariances.matrix(component), own.sum())
        inputs[own] += noise
    target = InputsTarget(model) if name == "inputs" else MomentsTarget.source_classes(model)
    values = inputs if name == "inputs" else np.eye(CLASSES)[model.labels[labels]]
    units = np.maximum(inputs @ start.hidden[0].T + start.hidden_bias[0], 0)
    fitted = np.column_stack([units, np.ones(len(units))])
    left = values - fitted @ np.linalg.lstsq(fitted, values, rcond=None)[0]
    sampled = np.square(left).sum() / np.square(values - values.mean(axis=0)).sum()
    assert relu_unexplained(model, start, target)[0] == pytest.approx(sampled, abs=0.005)


def _batch_normalised_loss(parameters: Parameters, parametrisation: BatchNormalised) -> float:
    model = mixture()
    return squared_error(model, parametrisation.network(parameters, model.model.eigenvalues))


@pytest.mark.parametrize("number", range(5), ids=["hidden", "output", "gains", "shifts", "output_bias"])
def test_batch_normalised_units_move_down_the_gradient_of_their_own_parameters(number: int) -> None:
    """Central differences of the closed squared error by each parameter.

    To the error of Plackett's integral for the two units that correlate most; with 40 nodes they agree to 1e-8.
    """
    model, parametrisation = mixture(), BatchNormalised(epsilon=0.01)
    parameters = _parameters(parametrisation)
    effective = parametrisation.network(parameters, model.model.eigenvalues)
    descent = closed_gradient(model, SquaredError(), effective, gaussian_nodes(CLASSES, 64)).descent
    moves = parametrisation.moves(parameters, descent, model.model.eigenvalues)[number]
    differences = np.empty_like(moves)
    for place in np.ndindex(moves.shape):
        sides = []
        for sign in (1, -1):
            moved = [one.copy() for one in parameters]
            moved[number][place] += sign * 1e-5
            sides.append(_batch_normalised_loss(tuple(moved), parametrisation))
        differences[place] = (sides[0] - sides[1]) / 2e-5
    np.testing.assert_allclose(moves, -differences, atol=1e-6)


def test_batch_normalised_units_are_normalised_and_do_not_depend_on_the_length_of_their_weights() -> None:
    model, parametrisation = mixture(), BatchNormalised(epsilon=0.0)
    hidden, *rest = _parameters(parametrisation)
    one = parametrisation.network((hidden, *rest), model.model.eigenvalues)
    other = parametrisation.network((7 * hidden, *rest), model.model.eigenvalues)
    np.testing.assert_allclose(one.hidden, other.hidden, rtol=1e-13)
    np.testing.assert_allclose(np.square(one.hidden) @ model.model.eigenvalues, 0.8**2, rtol=1e-13)


def _bad(hidden: FloatArray, output: FloatArray) -> list[tuple[str, Parameters]]:
    return [
        ("parameters: 1", (hidden,)),
        ("hidden: has shape", (hidden[..., 1:], output)),
        ("output: has shape", (hidden, output[:, 1:])),
    ]


@pytest.mark.parametrize("number", range(3))
def test_parameters_that_do_not_fit_are_refused_before_any_step(number: int) -> None:
    start = network(CLASSES)
    message, parameters = _bad(start.hidden, start.output)[number]
    with pytest.raises(InputError, match=message):
        relu_path(mixture(), Softmax(), parameters, STEPS, 0.05)


def test_a_step_size_that_diverges_is_named() -> None:
    start = network(CLASSES)
    path = relu_path(mixture(), SquaredError(), (start.hidden, start.output), np.array([0, 200]), 50.0, nodes=64)
    with pytest.raises(InputError, match="step_size: at 50 gradient descent diverges"):
        list(path)
