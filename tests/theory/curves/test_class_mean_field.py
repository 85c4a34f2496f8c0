from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings

from tests.strategies import data_models, seeds
from theory import (
    DataModel,
    InputError,
    Logistic,
    Loss,
    Moments,
    Softmax,
    SquaredError,
    gradient_descent_curve,
    logarithmic_steps,
    mean_field_curve,
    relative_loss,
)
from theory.curves.class_mean_field import class_gradient, class_mean_field_curve, class_mean_field_path
from theory.curves.mean_field import gaussian_nodes, output_statistics
from theory.data.class_covariances import ClassConditionalModel
from theory.validation import FloatArray, IntArray

LOSSES = [Softmax(), Logistic(), SquaredError()]
_NAMED = partial(pytest.mark.parametrize, "loss", LOSSES, ids=lambda loss: loss.name)


def _classes(classes: int, dimension: int = 8, seed: int = 0) -> ClassConditionalModel:
    """Unequal frequencies; covariances i^-1 times factors from 0.1 to 10, each in directions of its own."""
    generator = np.random.default_rng(seed)
    spectrum = np.arange(1, dimension + 1) ** -1.0
    covariances = []
    for _ in range(classes):
        basis = np.linalg.qr(generator.standard_normal((dimension, dimension))).Q
        variances = spectrum * 10.0 ** generator.uniform(-1, 1, dimension)
        covariances.append((basis * variances) @ basis.T)
    means = 0.5 * generator.standard_normal((classes, dimension))
    counts = generator.integers(5, 20, classes)
    return ClassConditionalModel.from_class_moments(counts, means, np.stack(covariances))


def _rare_and_wide() -> ClassConditionalModel:
    """A rare, wide class beside a tight one: output noise and Jacobians differ by more than a factor of ten."""
    generator = np.random.default_rng(1)
    spectrum = np.arange(1, 21) ** -1.0
    means = 0.3 * generator.standard_normal((2, 20))
    covariances = np.stack([np.diag(20 * generator.permutation(spectrum)), np.diag(0.05 * spectrum)])
    return ClassConditionalModel.from_class_moments(np.array([5, 95]), means, covariances)


def _sharing(model: DataModel) -> ClassConditionalModel:
    within = np.diag(model.eigenvalues) - model.means.T @ model.prototypes
    return ClassConditionalModel(model, np.broadcast_to(within, (model.classes, *within.shape)).copy())


def _start(model: DataModel, loss: Loss, scale: float, replicas: int = 2) -> FloatArray:
    shape = (replicas, loss.outputs(model.classes), model.dimension)
    return scale * np.random.default_rng(0).standard_normal(shape)


@_NAMED()
def test_the_population_gradient_is_that_of_many_samples(loss: Loss) -> None:
    """Within five standard errors of a Monte-Carlo gradient from 400,000 Gaussian samples."""
    conditional = _classes(2 if loss.name == "logistic" else 3, dimension=4)
    model, count = conditional.model, 400_000
    weights = _start(model, loss, 1.0, replicas=1)
    expected = class_gradient(conditional, loss, weights, gaussian_nodes(weights.shape[1], 1 << 14))[0]
    generator = np.random.default_rng(1)
    labels = generator.choice(model.classes, count, p=model.frequencies)
    noise = generator.standard_normal((count, model.dimension))
    roots = np.linalg.cholesky(conditional.within)
    inputs = model.means[labels] + np.einsum("nij,nj->ni", roots[labels], noise)
    error = loss.targets(model.frequencies)[labels] - loss.predictions(inputs @ weights[0].T)
    terms = error[:, :, None] * inputs[:, None, :]
    standard_error = terms.std(axis=0) / np.sqrt(count)
    assert np.all(np.abs(terms.mean(axis=0) - expected[0]) <= 5 * standard_error)
    # Else the check could not fail; one covariance for all classes does fail it.
    drive, hessian = output_statistics(model, loss, weights, gaussian_nodes(weights.shape[1], 1 << 14))
    common = drive @ model.means - hessian @ (weights * model.eigenvalues)
    if not isinstance(loss, SquaredError):
        assert np.any(np.abs(terms.mean(axis=0) - common[0]) > 5 * standard_error)


def test_the_logistic_gradient_is_that_of_stein_and_gauss_hermite() -> None:
    """Class by class  -pi_k (t_k - E p) mu_k + pi_k E[sigmoid'] Sigma_k w  with u ~ N(m_k, v_k)."""
    conditional = _classes(2, dimension=3)
    model = conditional.model
    row = np.array([0.7, -0.4, 0.2])
    points, masses = np.polynomial.hermite_e.hermegauss(80)
    masses /= masses.sum()
    expected = np.zeros(3)
    for label in range(2):
        deviation = np.sqrt(row @ conditional.within[label] @ row)
        right = 1 / (1 + np.exp(-(row @ model.means[label] + deviation * points)))
        slope = masses @ (right * (1 - right))
        pull = (label - masses @ right) * model.means[label] - slope * conditional.within[label] @ row
        expected += model.frequencies[label] * pull
    descent, _ = class_gradient(conditional, Logistic(), row[None, None], gaussian_nodes(1, 1 << 14))
    np.testing.assert_allclose(descent[0, 0], expected, atol=1e-6)  # quadrature at 16,384 nodes


@given(data_models(largest_dimension=20))
@settings(max_examples=20)
def test_equal_covariances_give_the_gradient_of_the_common_one(model: DataModel) -> None:
    """To float error, at the same nodes."""
    weights = _start(model, Softmax(), 0.5 / np.sqrt(model.total_variance), replicas=1)
    nodes = gaussian_nodes(model.classes, 64)
    drive, hessian = output_statistics(model, Softmax(), weights, nodes)
    common = drive @ model.means - hessian @ (weights * model.eigenvalues)
    descent, hessians = class_gradient(_sharing(model), Softmax(), weights, nodes)
    # Roots of eigenvalues that are zero but for rounding are good to sqrt(eps) = 1e-8.
    np.testing.assert_allclose(descent, common, rtol=0, atol=1e-6 * np.abs(common).max())
    np.testing.assert_allclose(np.einsum("k,rkij->rij", model.frequencies, hessians), hessian, atol=1e-6)


@given(data_models(largest_dimension=20))
@settings(max_examples=5)
def test_equal_covariances_give_the_curve_of_the_common_one(model: DataModel) -> None:
    """To float error with one output, where the nodes are the same; growing blocks included."""
    two = DataModel(model.eigenvalues, np.stack([-model.prototypes[0], model.prototypes[0]]), np.array([0.3, 0.7]))
    two = two.with_signal_scaled(float(np.sqrt(0.5 / two.class_shares[1][0])))
    start, steps = _start(two, Logistic(), 0.1 / np.sqrt(two.eigenvalues[0])), logarithmic_steps(200)
    for growth in (0.0, 0.1):
        arguments = (Logistic(), start, steps, float(1 / two.eigenvalues[0]), 64, growth)
        common, own = mean_field_curve(two, *arguments), class_mean_field_curve(_sharing(two), *arguments)
        np.testing.assert_allclose(own.losses, common.losses, atol=1e-7)


def test_equal_covariances_give_the_softmax_curve_of_the_common_one() -> None:
    model = _classes(3).model
    model = model.with_signal_scaled(float(np.sqrt(0.4 / model.class_shares[1][0])))
    arguments = (Softmax(), _start(model, Softmax(), 0.1), logarithmic_steps(200), 0.2, 64)
    common, own = mean_field_curve(model, *arguments), class_mean_field_curve(_sharing(model), *arguments)
    np.testing.assert_allclose(own.losses, common.losses, atol=1e-7)


@given(seeds)
@settings(max_examples=10)
def test_squared_error_does_not_see_class_covariances(seed: int) -> None:
    """Its Jacobian is the identity in every class, so that the closed form of the total covariance is exact."""
    conditional = _classes(3, seed=seed)
    model, loss = conditional.model, SquaredError()
    start, steps = _start(model, loss, 0.1), logarithmic_steps(150)
    step_size = 0.1 / model.eigenvalues[0]
    found = class_mean_field_curve(conditional, loss, start, steps, step_size, nodes=64)
    exact = gradient_descent_curve(model, loss, start, steps, step_size)
    # Up to 0.9^150 = 1e-7: a later mean row is lost in rounding, and with it a direction, in either form.
    np.testing.assert_allclose(found.losses, exact.losses, atol=1e-6)


def test_small_outputs_follow_the_linearisation() -> None:
    """With means and W(0) both scaled to zero outputs stay small, and then no class has a Jacobian of its own."""
    base, steps, deviations = _classes(3), logarithmic_steps(200), []
    for factor in (0.04, 0.02, 0.01):
        means = factor * base.model.means
        conditional = ClassConditionalModel.from_class_moments(np.array([2, 3, 5]), means, base.within)
        start = _start(conditional.model, Softmax(), factor)
        arguments = (Softmax(), start, steps, 0.5 / conditional.model.eigenvalues[0])
        linear = gradient_descent_curve(conditional.model, *arguments)
        curve = class_mean_field_curve(conditional, *arguments)
        deviations.append(np.abs(curve.losses - linear.losses).max())
    # The leading correction is of second order in the outputs, as in the common mean field.
    rate = np.log2(deviations[:-1]) - np.log2(deviations[1:])
    assert np.all(rate > 1.5)


@pytest.mark.parametrize("loss", [Softmax(), Logistic()], ids=lambda loss: loss.name)
def test_blocks_of_one_step_are_gradient_descent(loss: Loss) -> None:
    conditional = _classes(2)
    weights, step_size = _start(conditional.model, loss, 0.1), 0.5 / conditional.model.eigenvalues[0]
    *_, last = class_mean_field_path(conditional, loss, weights, np.array([0, 25]), step_size, 64, growth=0)
    nodes = gaussian_nodes(weights.shape[1], 64)
    for _ in range(25):
        weights = weights + step_size * class_gradient(conditional, loss, weights, nodes)[0]
    # Another order of the same sums: the rounding of 25 steps.
    np.testing.assert_allclose(last, weights, rtol=0, atol=1e-13 * np.abs(weights).max())


@pytest.mark.parametrize(
    ("conditional", "loss"),
    [
        pytest.param(_classes(3), Softmax(), id="softmax"),
        pytest.param(_rare_and_wide(), Logistic(), id="rare and wide, logistic"),
    ],
)
def test_longer_blocks_agree_with_single_steps_to_second_order(conditional: ClassConditionalModel, loss: Loss) -> None:
    start, steps = _start(conditional.model, loss, 0.01, replicas=1), np.array([0, 30, 100, 300, 1000])
    step_size = 0.02 * loss.stability_limit / conditional.model.eigenvalues[0]
    follow = partial(class_mean_field_curve, conditional, loss, start, steps, step_size, 128)
    exact, growths = follow(0.0).losses, np.array([0.05, 0.025, 0.0125])
    assert np.abs(follow(0.1).losses - exact).max() < 1e-3
    errors = [float(np.abs(follow(growth).losses - exact)[:, -1].max()) for growth in growths]
    # Log error regressed on log growth at a step at which outputs still move; whole steps shift the slope a little.
    assert 1.6 < np.polyfit(np.log(growths), np.log(errors), 1)[0] < 2.4


@given(seeds)
@settings(max_examples=10)
def test_the_mean_row_of_a_softmax_layer_is_conserved(seed: int) -> None:
    conditional = _classes(4, seed=seed)
    start = _start(conditional.model, Softmax(), 0.1)
    step_size = 1 / conditional.model.eigenvalues[0]
    *_, last = class_mean_field_path(conditional, Softmax(), start, np.array([0, 500]), step_size, nodes=64)
    scale = np.abs(last).max()
    np.testing.assert_allclose(last.sum(axis=1), start.sum(axis=1), rtol=0, atol=1e-12 * scale)
    assert np.abs(last - start).max() > 1e-3 * scale


def test_scaling_the_inputs_moves_steps_as_the_theory_says() -> None:
    conditional, steps = _classes(3), logarithmic_steps(200)
    model = conditional.model
    larger = DataModel(9 * model.eigenvalues, 3 * model.prototypes, model.frequencies)
    scaled = ClassConditionalModel(larger, 9 * conditional.within)
    start = _start(model, Softmax(), 0.1)
    np.testing.assert_allclose(
        class_mean_field_curve(scaled, Softmax(), start / 3, steps, 0.1 / 9).losses,
        class_mean_field_curve(conditional, Softmax(), start, steps, 0.1).losses,
        atol=1e-8,
    )


def test_the_order_of_the_classes_does_not_matter() -> None:
    conditional, order = _classes(3), np.array([2, 0, 1])
    model = conditional.model
    permuted = ClassConditionalModel(
        DataModel(model.eigenvalues, model.prototypes[order], model.frequencies[order]), conditional.within[order]
    )
    start, steps = _start(model, Softmax(), 0.1), logarithmic_steps(300)
    curve = class_mean_field_curve(conditional, Softmax(), start, steps, 0.1, nodes=4096)
    other = class_mean_field_curve(permuted, Softmax(), start[:, order], steps, 0.1, nodes=4096)
    # Nodes are not symmetric in the outputs: the quadrature, good to about 1e-4, differs.
    np.testing.assert_allclose(other.losses, curve.losses, atol=1e-3)


def test_replicas_do_not_influence_each_other_and_the_path_holds_the_weights_of_the_curve() -> None:
    conditional, steps = _classes(3), logarithmic_steps(50)
    start = _start(conditional.model, Softmax(), 0.1, replicas=3)
    together = class_mean_field_curve(conditional, Softmax(), start, steps, 0.1)
    alone = class_mean_field_curve(conditional, Softmax(), start[:1], steps, 0.1)
    np.testing.assert_allclose(together.losses[:1], alone.losses, atol=1e-9)
    path = list(class_mean_field_path(conditional, Softmax(), start, steps, 0.1))
    np.testing.assert_array_equal(path[0], start)
    losses = np.stack([relative_loss(one, conditional.model.eigenvalues) for one in path], 1)
    # The curve takes the conserved sum of the rows apart: another rounding.
    np.testing.assert_allclose(losses, together.losses, rtol=0, atol=1e-12)
    np.testing.assert_allclose(together.times, 0.1 * steps)


def _samples(seed: int) -> tuple[FloatArray, IntArray]:
    """60 inputs of three classes, rank 5 in 7 coordinates far from the origin."""
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((60, 5)) @ generator.standard_normal((5, 7)) + 100
    return inputs, np.arange(60) % 3


@given(seeds)
def test_a_model_of_samples_gives_back_their_covariances(seed: int) -> None:
    inputs, labels = _samples(seed)
    conditional = ClassConditionalModel.from_samples(inputs, labels, 3)
    moments = Moments.from_samples(inputs, labels, 3)
    basis = conditional.model.basis
    assert basis is not None
    assert conditional.model.dimension == 5
    np.testing.assert_allclose(conditional.model.prototypes @ basis.T, moments.prototypes, atol=1e-10)
    for label in range(3):
        expected = np.cov(inputs[labels == label].T, bias=True)
        found = basis @ conditional.within[label] @ basis.T
        np.testing.assert_allclose(found, expected, atol=1e-9 * moments.total_variance)


def test_a_class_of_one_input_has_no_covariance_and_is_accepted() -> None:
    inputs, labels = _samples(0)
    conditional = ClassConditionalModel.from_samples(inputs[:41], np.where(np.arange(41) < 40, labels[:41] % 2, 2), 3)
    np.testing.assert_array_equal(conditional.within[2], 0)


_MODEL = DataModel.two_classes(np.array([2.0, 1.0]), np.array([0.5, 0.0]))
_WITHIN = np.array([[[1.0, 0.3], [0.3, 1.0]], [[1.0, -0.3], [-0.3, 1.0]]])


def test_the_model_of_the_refusals_is_one() -> None:
    assert ClassConditionalModel(_MODEL, _WITHIN).within.shape == (2, 2, 2)
    # A negative eigenvalue that rounding explains is accepted.
    rounding = np.array([[[1.0, 1.0], [1.0, 1.0 - 1e-9]], [[1.0, -1.0], [-1.0, 1.0 + 1e-9]]])
    ClassConditionalModel(_MODEL, rounding)


@pytest.mark.parametrize(
    ("within", "match"),
    [
        pytest.param(_WITHIN[:1], "within: has shape \\(1, 2, 2\\); give \\(2, 2, 2\\)", id="one class"),
        pytest.param(_WITHIN[0], "within: has shape \\(2, 2\\); give an array with 3 axes", id="one matrix"),
        pytest.param(np.full((2, 2, 2), np.nan), "within: holds 8 NaN", id="NaN"),
        pytest.param(
            _WITHIN + np.array([[0, 1e-4], [0, 0]]),
            "within: the covariance of class 0 is not symmetric",
            id="asymmetry",
        ),
        pytest.param(
            np.array([[[1.0, 1.1], [1.1, 1.0]], [[1.0, -1.1], [-1.1, 1.0]]]),
            "within: the covariance of class 0 has a negative eigenvalue",
            id="indefinite",
        ),
        pytest.param(1.01 * _WITHIN, "differ from the model's total one by 0.01", id="another total"),
        pytest.param(_WITHIN[[0, 0]], "differ from the model's total one by 0.3", id="not in the eigenbasis"),
    ],
)
def test_covariances_that_no_classes_can_have_are_refused(within: FloatArray, match: str) -> None:
    with pytest.raises(InputError, match=match):
        ClassConditionalModel(_MODEL, within)


_OK = {"counts": np.array([2, 3]), "means": np.eye(2), "covariances": _WITHIN}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        pytest.param({"counts": np.array([2, 0])}, "counts: give 2 integers of at least 1", id="empty class"),
        pytest.param({"counts": np.array([0.5, 0.5])}, "counts: give 2 integers", id="frequencies"),
        pytest.param({"counts": np.array([1, 1, 1])}, "counts: give 2 integers", id="three counts"),
        pytest.param({"covariances": _WITHIN[:1]}, "covariances: has shape", id="one covariance"),
        pytest.param({"means": np.ones((2, 2)), "covariances": 0 * _WITHIN}, "all inputs are equal", id="all equal"),
    ],
)
def test_bad_class_moments_are_refused(change: dict[str, FloatArray], match: str) -> None:
    with pytest.raises(InputError, match=match):
        ClassConditionalModel.from_class_moments(**(_OK | change))


def test_an_empty_class_of_samples_is_named() -> None:
    inputs, labels = _samples(0)
    with pytest.raises(InputError, match="labels: class 3 is empty"):
        ClassConditionalModel.from_samples(inputs, labels, 4)


def test_a_bad_path_is_refused_before_its_first_weights() -> None:
    conditional = _classes(3)
    start = _start(conditional.model, Softmax(), 0.1)
    with pytest.raises(InputError, match="step_size: 100 gives"):
        class_mean_field_path(conditional, Softmax(), start, np.array([0, 1]), 100.0)
    with pytest.raises(InputError, match="initial_weights: has shape"):
        class_mean_field_path(conditional, Softmax(), start[:, :2], np.array([0, 1]), 0.1)
