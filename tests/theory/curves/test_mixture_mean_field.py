"""The mean field of several Gaussians per class: what must not change it, and its end of one Gaussian per sample."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from theory import (
    ClassConditionalModel,
    ComponentCovariances,
    Logistic,
    Loss,
    MixtureModel,
    Softmax,
    SquaredError,
    class_mean_field_curve,
    class_mean_field_path,
    gradient_descent_curve,
    logarithmic_steps,
)
from theory.curves.class_mean_field import class_gradient
from theory.curves.mean_field import gaussian_nodes
from theory.validation import FloatArray, IntArray

_LOSSES = [Softmax(), Logistic(), SquaredError()]
_NAMED = partial(pytest.mark.parametrize, "loss", _LOSSES, ids=lambda loss: loss.name)


def _mixture(classes: int, seed: int = 0, dimension: int = 8) -> MixtureModel:
    """Two components of each class, apart in mean and in size, on one shared matrix and with factors of rank 2."""
    generator = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), np.arange(classes)])
    spectrum = np.arange(1, dimension + 1) ** -1.0
    factors = tuple(np.sqrt(spectrum) * generator.standard_normal((2, dimension)) for _ in labels)
    shared = ComponentCovariances(
        np.diag(spectrum)[None], np.zeros(labels.size, int), 4.0 ** generator.uniform(-1, 1, labels.size), factors
    )
    means = generator.standard_normal((labels.size, dimension)) * np.sqrt(spectrum)
    return MixtureModel.from_components(generator.dirichlet(np.full(labels.size, 8.0)), labels, means, shared)


def _start(mixture: MixtureModel, loss: Loss, scale: float, replicas: int = 2) -> FloatArray:
    shape = (replicas, loss.outputs(mixture.model.classes), mixture.dimension)
    return scale * np.random.default_rng(0).standard_normal(shape)


def _as_it_is(mixture: MixtureModel, rows: IntArray, shares: FloatArray) -> MixtureModel:
    """The components ``rows`` of a mixture, times shares of their frequencies, with dense covariances."""
    matrices = np.stack([mixture.covariances.matrix(int(row)) for row in rows])
    return MixtureModel(
        mixture.model,
        mixture.labels[rows],
        shares * mixture.frequencies[rows],
        mixture.means[rows],
        ComponentCovariances.from_dense(matrices),
    )


@_NAMED()
def test_the_population_gradient_is_that_of_many_samples(loss: Loss) -> None:
    """Within five standard errors of 400,000 samples; the class covariances' own is not (but for squared error)."""
    mixture, count = _mixture(2 if loss.name == "logistic" else 3, seed=4, dimension=4), 400_000
    model, generator = mixture.model, np.random.default_rng(1)
    weights = _start(mixture, loss, 2.0, replicas=1)
    nodes = gaussian_nodes(weights.shape[1], 1 << 14)
    expected = class_gradient(mixture, loss, weights, nodes)[0][0]
    components = generator.choice(mixture.components, count, p=mixture.frequencies)
    roots = np.linalg.cholesky(np.stack([mixture.covariances.matrix(one) for one in range(mixture.components)]))
    noise = generator.standard_normal((count, model.dimension))
    inputs = mixture.means[components] + np.einsum("nij,nj->ni", roots[components], noise)
    targets = loss.targets(model.frequencies)[mixture.labels[components]]
    terms = (targets - loss.predictions(inputs @ weights[0].T))[:, :, None] * inputs[:, None, :]
    accepted = 5 * terms.std(axis=0) / np.sqrt(count)
    assert np.all(np.abs(terms.mean(axis=0) - expected) <= accepted)
    single = class_gradient(ClassConditionalModel.from_mixture(mixture), loss, weights, nodes)[0][0]
    assert bool(np.any(np.abs(terms.mean(axis=0) - single) > accepted)) is not isinstance(loss, SquaredError)


@_NAMED()
def test_two_identical_halves_of_a_component_are_the_component(loss: Loss) -> None:
    mixture = _mixture(2)
    rows, shares = np.array([3, 0, 1, 2, 3, 1]), np.array([0.3, 1.0, 0.5, 1.0, 0.7, 0.5])
    halved = _as_it_is(mixture, rows, shares)
    start, steps = _start(mixture, loss, 0.1), logarithmic_steps(200)
    arguments = (loss, start, steps, 0.5 / mixture.model.eigenvalues[0], 64)
    whole = class_mean_field_curve(mixture, *arguments).losses
    # Sums in another order, along 200 steps; factors against dense covariances.
    np.testing.assert_allclose(class_mean_field_curve(halved, *arguments).losses, whole, rtol=0, atol=1e-9)


def test_one_component_per_class_is_the_class_model_whatever_its_form() -> None:
    """Covariances in factor form and dense, given as a mixture and as a class model."""
    generator, spectrum = np.random.default_rng(3), np.arange(1, 7) ** -1.0
    factors = tuple(np.sqrt(spectrum) * generator.standard_normal((rank, 6)) for rank in (1, 3, 9))
    shared = ComponentCovariances(np.diag(spectrum)[None], np.zeros(3, int), np.array([0.5, 1, 2]), factors)
    means = generator.standard_normal((3, 6)) * np.sqrt(spectrum)
    mixture = MixtureModel.from_components([0.2, 0.3, 0.5], [0, 1, 2], means, shared)
    dense = np.stack([shared.matrix(label) for label in range(3)])
    classes = ClassConditionalModel.from_class_moments(np.array([2, 3, 5]), means, dense)
    arguments = (Softmax(), _start(mixture, Softmax(), 0.1), logarithmic_steps(300), 0.3, 64)
    found = class_mean_field_curve(mixture, *arguments).losses
    np.testing.assert_allclose(found, class_mean_field_curve(classes, *arguments).losses, rtol=0, atol=1e-9)


def test_with_as_many_components_as_samples_the_model_is_the_data() -> None:
    """Components without covariance, one per sample: gradient descent on the samples, step by step."""
    generator, loss, step_size = np.random.default_rng(0), Softmax(), 0.2
    labels = np.arange(30) % 3
    inputs = generator.standard_normal((30, 5)) + generator.standard_normal((3, 5))[labels]
    points = ComponentCovariances(np.zeros((1, 5, 5)), np.zeros(30, int), np.zeros(30))
    mixture = MixtureModel.from_components(np.full(30, 1 / 30), labels, inputs, points)
    weights = _start(mixture, loss, 0.1)
    *_, last = class_mean_field_path(mixture, loss, weights, np.array([0, 100]), step_size, 2, growth=0)
    rows = mixture.means
    for _ in range(100):
        error = np.eye(3)[labels] - loss.predictions(rows @ np.swapaxes(weights, 1, 2))
        weights = weights + step_size * np.swapaxes(error, 1, 2) @ rows / 30
    # The roots of covariances that are zero but for rounding are good to sqrt(eps) = 1e-8.
    np.testing.assert_allclose(last, weights, rtol=0, atol=1e-7)
    # Its parameters, frequencies and means, are as many as the inputs' own numbers, and a covariance of zeros.
    assert mixture.parameters == 29 + 30 * 5 + 15


def test_squared_error_sees_the_moments_of_the_whole_alone() -> None:
    mixture, loss = _mixture(3), SquaredError()
    start, steps = _start(mixture, loss, 0.1), logarithmic_steps(150)
    arguments = (loss, start, steps, 0.1 / mixture.model.eigenvalues[0])
    found = class_mean_field_curve(mixture, *arguments, 64).losses
    np.testing.assert_allclose(found, gradient_descent_curve(mixture.model, *arguments).losses, rtol=0, atol=1e-6)


@pytest.mark.parametrize("loss", [Softmax(), Logistic()], ids=lambda loss: loss.name)
def test_longer_blocks_agree_with_single_steps(loss: Loss) -> None:
    mixture = _mixture(2, seed=5)
    start, steps = _start(mixture, loss, 0.01, replicas=1), np.array([0, 30, 100, 300, 1000])
    step_size = 0.02 * loss.stability_limit / mixture.model.eigenvalues[0]
    follow = partial(class_mean_field_curve, mixture, loss, start, steps, step_size, 128)
    # The tolerance of the blocks' own estimate is 3e-4.
    assert np.abs(follow(0.1).losses - follow(0.0).losses).max() < 1e-3
