"""The closed gradient of a rectified hidden layer: against differences of the closed loss, and against samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from theory import Loss, MixtureModel, Softmax, SquaredError
from theory.curves.class_mean_field import class_gradient
from theory.curves.mean_field import gaussian_nodes
from theory.curves.relu_closure import ReluNetwork, closed_gradient, hidden_units
from theory.data.component_covariances import ComponentCovariances
from theory.validation import FloatArray

CLASSES, DIMENSION, WIDTH = 3, 5, 4
NAMES = ("hidden", "output", "hidden_bias", "output_bias")


def mixture(seed: int = 0, components: int = 5) -> MixtureModel:
    """Five Gaussians of three classes, each with a covariance of its own."""
    generator = np.random.default_rng(seed)
    means = generator.normal(size=(components, DIMENSION))
    rows = generator.normal(size=(components, DIMENSION, DIMENSION)) / np.sqrt(np.arange(1, DIMENSION + 1))
    shares = generator.dirichlet(np.full(components, 20.0))
    covariances = ComponentCovariances.from_dense(np.swapaxes(rows, 1, 2) @ rows / DIMENSION)
    return MixtureModel.from_components(shares, np.arange(components) % CLASSES, means, covariances)


def network(outputs: int, seed: int = 1, scale: float = 0.5) -> ReluNetwork:
    generator = np.random.default_rng(seed)
    shapes = ((1, WIDTH, DIMENSION), (1, outputs, WIDTH), (1, WIDTH), (1, outputs))
    return ReluNetwork(*(scale * generator.normal(size=shape) for shape in shapes))


def squared_error(model: MixtureModel, one: ReluNetwork) -> float:
    """Half of the mean squared distance to the targets: a function of first and second moments, so closed exactly."""
    own = hidden_units(model, one.hidden, one.hidden_bias).moments
    mean = own.mean[0] @ one.output[0].T + one.output_bias[0]
    spread = np.einsum("oh,chk,ok->c", one.output[0], own.covariance[0], one.output[0])
    targets = SquaredError().targets(model.model.frequencies)[model.labels]
    return float(model.frequencies @ (np.square(mean - targets).sum(axis=1) + spread) / 2)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_gradient_of_the_closed_loss(name: str) -> None:
    """Central differences of squared error, entry by entry, to their error of about 1e-9."""
    model, start = mixture(), network(CLASSES)
    found = getattr(closed_gradient(model, SquaredError(), start, gaussian_nodes(CLASSES, 64)).descent, name)
    value = getattr(start, name)
    differences = np.empty_like(value)
    for place in np.ndindex(value.shape):
        shifted = []
        for sign in (1, -1):
            moved = value.copy()
            moved[place] += sign * 1e-5
            shifted.append(squared_error(model, replace(start, **{name: moved})))
        differences[place] = (shifted[0] - shifted[1]) / 2e-5
    np.testing.assert_allclose(found, -differences, atol=1e-8)


def _sampled(model: MixtureModel, loss: Loss, one: ReluNetwork, count: int) -> dict[str, FloatArray]:
    """The negative gradient of a network on samples, antithetic within each component."""
    generator = np.random.default_rng(2)
    targets = loss.targets(model.model.frequencies)[model.labels]
    total = {name: np.zeros(getattr(one, name).shape[1:]) for name in NAMES}
    for component, share in enumerate(model.frequencies):
        half = generator.multivariate_normal(np.zeros(DIMENSION), model.covariances.matrix(component), size=count)
        inputs = model.means[component] + np.concatenate([half, -half])
        units = inputs @ one.hidden[0].T + one.hidden_bias[0]
        error = targets[component] - loss.predictions(np.maximum(units, 0) @ one.output[0].T + one.output_bias[0])
        passed = (error @ one.output[0]) * (units > 0)
        total["hidden"] += share * passed.T @ inputs / len(inputs)
        total["output"] += share * error.T @ np.maximum(units, 0) / len(inputs)
        total["hidden_bias"] += share * passed.mean(axis=0)
        total["output_bias"] += share * error.mean(axis=0)
    return total


@pytest.mark.parametrize("name", NAMES)
def test_with_squared_error_it_is_the_gradient_of_the_network_itself(name: str) -> None:
    """No approximation: the squared error depends on second moments alone. 1 % is what 100,000 samples resolve."""
    model, start = mixture(), network(CLASSES)
    found = getattr(closed_gradient(model, SquaredError(), start, gaussian_nodes(CLASSES, 64)).descent, name)[0]
    sampled = _sampled(model, SquaredError(), start, 100_000)[name]
    assert np.linalg.norm(found - sampled) < 0.01 * np.linalg.norm(sampled)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("scale", "accepted"), [(0.2, 0.01), (0.5, 0.06)])
def test_with_softmax_what_is_lost_is_small_while_outputs_are(name: str, scale: float, accepted: float) -> None:
    """Outputs of four units are far from Gaussian: a few per cent at order 1, below 1 % at small ones."""
    model, start = mixture(), network(CLASSES, scale=scale)
    found = getattr(closed_gradient(model, Softmax(), start, gaussian_nodes(CLASSES, 1024)).descent, name)[0]
    sampled = _sampled(model, Softmax(), start, 100_000)[name]
    assert np.linalg.norm(found - sampled) < accepted * np.linalg.norm(sampled)


def test_units_that_are_always_on_are_a_linear_layer() -> None:
    """With thresholds far below, the gradient by W1 is W2^T G of the mean field of the product."""
    model = mixture()
    start = replace(network(CLASSES), hidden_bias=np.full((1, WIDTH), 60.0), output_bias=np.zeros((1, CLASSES)))
    start = replace(start, output_bias=-60.0 * start.output.sum(axis=2))
    nodes = gaussian_nodes(CLASSES, 256)
    found = closed_gradient(model, Softmax(), start, nodes).descent
    expected, _ = class_gradient(model, Softmax(), start.output @ start.hidden, nodes)
    np.testing.assert_allclose(found.hidden, np.swapaxes(start.output, 1, 2) @ expected, atol=1e-10)


def test_replicas_do_not_see_each_other() -> None:
    model = mixture()
    one, other = network(CLASSES, seed=3), network(CLASSES, seed=4)
    both = ReluNetwork(*(np.concatenate([getattr(one, name), getattr(other, name)]) for name in NAMES))
    nodes = gaussian_nodes(CLASSES, 64)
    together = closed_gradient(model, Softmax(), both, nodes).descent
    alone = closed_gradient(model, Softmax(), other, nodes).descent
    for name in NAMES:
        np.testing.assert_allclose(getattr(together, name)[1:], getattr(alone, name), rtol=1e-12, atol=1e-14)
