from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import data_models
from theory import (
    DataModel,
    InputError,
    Logistic,
    Loss,
    Softmax,
    SquaredError,
    gradient_descent_curve,
    logarithmic_steps,
    mean_field_curve,
    relative_loss,
)
from theory.curves.mean_field import (
    gaussian_nodes,
    gradient_share,
    mean_field_path,
    output_statistics,
    wrong_class_probability,
)
from theory.validation import FloatArray


def _two_classes() -> DataModel:
    return DataModel.power_law(20, 1.0, 1.0, 0.01)


def _start(model: DataModel, loss: Loss, scale: float, replicas: int = 3) -> FloatArray:
    shape = (replicas, loss.outputs(model.classes), model.dimension)
    return scale * np.random.default_rng(0).standard_normal(shape)


@given(data_models())
@settings(max_examples=20)
def test_squared_error_has_a_mean_field_equal_to_its_closed_form(model: DataModel) -> None:
    start = _start(model, SquaredError(), 0.1 / np.sqrt(model.eigenvalues[0]))
    # Up to 0.9^150 = 1e-7: a later mean row is lost in rounding, and with it a direction, in either form.
    steps, step_size = logarithmic_steps(150), 0.1 / model.eigenvalues[0]
    found = mean_field_curve(model, SquaredError(), start, steps, step_size)
    exact = gradient_descent_curve(model, SquaredError(), start, steps, step_size)
    np.testing.assert_allclose(found.losses, exact.losses, atol=1e-6)


@pytest.mark.parametrize("loss", [Softmax(), Logistic()], ids=lambda loss: loss.name)
def test_small_outputs_follow_the_linearisation(loss: Loss) -> None:
    """With signal and W(0) both scaled to zero outputs stay small and the mean field becomes linear."""
    steps = logarithmic_steps(200)
    deviations = []
    for factor in (1.0, 0.5, 0.25):
        model = _two_classes().with_signal_scaled(factor)
        start = _start(model, loss, 0.3 * factor)
        curve = mean_field_curve(model, loss, start, steps, 0.5)
        linear = gradient_descent_curve(model, loss, start, steps, 0.5)
        deviations.append(np.abs(curve.losses - linear.losses).max())
    # The leading correction is of second order in the outputs (the loss is even in z at first order).
    rate = np.log2(deviations[:-1]) - np.log2(deviations[1:])
    assert np.all(rate > 1.5)


@pytest.mark.parametrize("loss", [Softmax(), Logistic(), SquaredError()], ids=lambda loss: loss.name)
def test_the_population_gradient_is_that_of_many_samples(loss: Loss) -> None:
    """Within five standard errors of a Monte-Carlo gradient from 400,000 Gaussian samples."""
    generator = np.random.default_rng(1)
    if loss.name == "logistic":
        model = DataModel.two_classes(np.array([2.0, 1.0, 0.5]), np.array([0.4, 0.2, 0.1]))
    else:
        frequencies = np.array([0.5, 0.3, 0.2])
        prototypes = 0.2 * generator.standard_normal((3, 3))
        prototypes -= frequencies[:, None] * prototypes.sum(axis=0)
        model = DataModel(np.array([2.0, 1.0, 0.5]), prototypes, frequencies)
    weights = generator.standard_normal((1, loss.outputs(model.classes), 3))
    drive, hessian = output_statistics(model, loss, weights, gaussian_nodes(weights.shape[1], 1 << 14))
    expected = drive @ model.means - hessian @ (weights * model.eigenvalues)

    count = 400_000
    within = np.diag(model.eigenvalues) - (model.means.T * model.frequencies) @ model.means
    labels = generator.choice(model.classes, count, p=model.frequencies)
    inputs = model.means[labels] + generator.standard_normal((count, 3)) @ np.linalg.cholesky(within).T
    error = loss.targets(model.frequencies)[labels] - loss.predictions(inputs @ weights[0].T)
    terms = error[:, :, None] * inputs[:, None, :]
    standard_error = terms.std(axis=0) / np.sqrt(count)
    assert np.all(np.abs(terms.mean(axis=0) - expected[0]) <= 5 * standard_error)
    assert np.all(standard_error < 0.05 * np.abs(expected).max())  # else the check could not fail


def test_logistic_statistics_are_those_of_stein_and_gauss_hermite() -> None:
    """dw/ds = (a + b m) mu - b Sigma w with a = E sigmoid(-u), b = E sigmoid'(u), u ~ N(m, v)."""
    model = DataModel.two_classes(np.array([2.0, 1.0]), np.array([0.3, 0.2]))
    weights = np.array([[[0.7, -0.4]]])
    mu = model.means[1]
    m = float(weights[0, 0] @ mu)
    v = float(weights[0, 0] @ (np.diag(model.eigenvalues) - np.outer(mu, mu)) @ weights[0, 0])
    nodes, masses = np.polynomial.hermite_e.hermegauss(60)
    sigmoid = 1 / (1 + np.exp(-(m + np.sqrt(v) * nodes)))
    masses /= masses.sum()
    a, b = masses @ (1 - sigmoid), masses @ (sigmoid * (1 - sigmoid))
    expected = (a + b * m) * mu - b * model.eigenvalues * weights[0, 0]
    drive, hessian = output_statistics(model, Logistic(), weights, gaussian_nodes(1, 1 << 14))
    found = drive @ model.means - hessian @ (weights * model.eigenvalues)
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-6)


def test_softmax_with_two_opposite_rows_is_logistic_at_twice_the_speed() -> None:
    model = _two_classes()
    row = _start(model, Logistic(), 0.1)
    pair = np.concatenate([-row / 2, row / 2], axis=1)
    steps = logarithmic_steps(500)
    softmax = mean_field_curve(model, Softmax(), pair, steps, 0.1, nodes=4096)
    logistic = mean_field_curve(model, Logistic(), row, steps, 0.2, nodes=4096)
    # Both quadratures carry an error of about 1e-4 at 4,096 nodes.
    np.testing.assert_allclose(softmax.losses, logistic.losses, atol=1e-3)


def test_blocks_of_steps_agree_with_single_steps_and_gain_accuracy_at_second_order() -> None:
    model = _two_classes()
    loss = Logistic()
    start, steps = _start(model, loss, 0.05), np.array([0, 100, 3000])
    exact = mean_field_curve(model, loss, start, steps, 0.5, growth=0)
    errors = [
        np.abs(mean_field_curve(model, loss, start, steps, 0.5, growth=g).losses - exact.losses).max()
        for g in (0.2, 0.05)
    ]
    assert errors[1] < 1e-3
    assert errors[0] / errors[1] > 6  # second order would give 16, first order 4


@pytest.mark.parametrize("loss", [Softmax(), SquaredError()], ids=lambda loss: loss.name)
def test_scaling_the_inputs_moves_steps_as_the_theory_says(loss: Loss) -> None:
    model, steps = _two_classes(), logarithmic_steps(200)
    start = _start(model, loss, 0.1)
    scaled = DataModel(9 * model.eigenvalues, 3 * model.prototypes, model.frequencies)
    np.testing.assert_allclose(
        mean_field_curve(scaled, loss, start / 3, steps, 0.5 / 9).losses,
        mean_field_curve(model, loss, start, steps, 0.5).losses,
        atol=1e-8,
    )


@given(data_models(largest_dimension=20))
@settings(max_examples=8)
def test_the_mean_row_of_a_softmax_layer_is_conserved(model: DataModel) -> None:
    """Exactly, not only in the linearisation: the output gradient of every sample sums to 0."""
    start = _start(model, Softmax(), 0.5 / np.sqrt(model.eigenvalues[0]))
    *_, last = mean_field_path(model, Softmax(), start, np.array([0, 500]), 1 / model.eigenvalues[0], nodes=64)
    scale = np.abs(last).max()
    np.testing.assert_allclose(last.sum(axis=1), start.sum(axis=1), rtol=0, atol=1e-12 * scale)
    assert np.abs(last - start).max() > 1e-3 * scale


def test_the_order_of_the_classes_does_not_matter() -> None:
    generator = np.random.default_rng(0)
    frequencies, order = np.array([0.5, 0.3, 0.2]), np.array([2, 0, 1])
    prototypes = 0.1 * generator.standard_normal((3, 6))
    prototypes -= frequencies[:, None] * prototypes.sum(axis=0)
    model = DataModel(np.arange(6, 0, -1.0), prototypes, frequencies)
    permuted = DataModel(model.eigenvalues, prototypes[order], frequencies[order])
    start, steps = _start(model, Softmax(), 0.1), logarithmic_steps(300)
    curve = mean_field_curve(model, Softmax(), start, steps, 0.1, nodes=4096)
    other = mean_field_curve(permuted, Softmax(), start[:, order], steps, 0.1, nodes=4096)
    # Nodes are not symmetric in the outputs: the quadrature, good to about 1e-4, differs.
    np.testing.assert_allclose(other.losses, curve.losses, atol=1e-3)


def test_the_path_holds_the_weights_of_the_curve() -> None:
    model, loss, steps = _two_classes(), Softmax(), logarithmic_steps(200)
    start = _start(model, loss, 0.1)
    path = list(mean_field_path(model, loss, start, steps, 0.5))
    np.testing.assert_array_equal(path[0], start)
    curve = mean_field_curve(model, loss, start, steps, 0.5)
    losses = np.stack([relative_loss(one, model.eigenvalues) for one in path], 1)
    # The curve takes the conserved sum of the rows apart: another rounding.
    np.testing.assert_allclose(losses, curve.losses, rtol=0, atol=1e-12)


def test_a_bad_path_is_refused_before_its_first_weights() -> None:
    model = _two_classes()
    with pytest.raises(InputError, match="step_size: 100 gives"):
        mean_field_path(model, Softmax(), _start(model, Softmax(), 0.1), np.array([0, 1]), 100.0)


@given(data_models(), st.floats(-3, 1))
def test_all_samples_pull_alike_at_the_start_and_a_share_of_them_later(model: DataModel, exponent: float) -> None:
    nodes = gaussian_nodes(model.classes, 64)
    zero = np.zeros((1, model.classes, model.dimension))
    np.testing.assert_allclose(gradient_share(model, Softmax(), zero, nodes), 1, rtol=1e-14)
    weights = _start(model, Softmax(), 10.0**exponent / np.sqrt(model.total_variance))
    share = gradient_share(model, Softmax(), weights, nodes)
    assert np.all((share > 0) & (share < 1))


@pytest.mark.parametrize("loss", [Softmax(), Logistic()], ids=lambda loss: loss.name)
def test_training_goes_from_the_majority_to_a_few(loss: Loss) -> None:
    model = DataModel.power_law(20, 1.0, 1.0, 1.0)
    model = model.with_signal_scaled(float(np.sqrt(0.8 / model.class_shares[1][0])))
    nodes = gaussian_nodes(loss.outputs(2), 4096)
    path = mean_field_path(model, loss, _start(model, loss, 1e-3), logarithmic_steps(1000), 0.5)
    shares = np.stack([gradient_share(model, loss, weights, nodes) for weights in path])
    assert np.all(shares[0] > 0.999)
    assert np.all(np.diff(shares, axis=0) < 0)
    assert np.all(shares[-1] < 0.3)


def test_the_share_of_the_logistic_loss_is_that_of_gauss_hermite() -> None:
    model = DataModel(np.array([2.0, 1.0]), np.array([[-0.3, -0.2], [0.3, 0.2]]), np.array([0.3, 0.7]))
    weights = np.array([0.7, -0.4])
    centres = model.means @ weights
    variance = weights**2 @ model.eigenvalues - model.frequencies @ centres**2
    nodes, masses = np.polynomial.hermite_e.hermegauss(60)
    right = 1 / (1 + np.exp(-(centres[:, None] + np.sqrt(variance) * nodes)))
    wrong = np.stack([right[0], 1 - right[1]])
    first, second = (model.frequencies @ (moment @ masses) / masses.sum() for moment in (wrong, wrong**2))
    found = gradient_share(model, Logistic(), weights[None, None], gaussian_nodes(1, 1 << 14))
    assert found[0] == pytest.approx(first**2 / second, rel=1e-6)


def test_two_opposite_rows_of_softmax_have_the_share_of_the_logistic_loss() -> None:
    model = _two_classes()
    row = _start(model, Logistic(), 1.0)
    pair = np.concatenate([-row / 2, row / 2], axis=1)
    softmax = gradient_share(model, Softmax(), pair, gaussian_nodes(2, 1 << 14))
    logistic = gradient_share(model, Logistic(), row, gaussian_nodes(1, 1 << 14))
    np.testing.assert_allclose(softmax, logistic, atol=1e-4)  # quadrature in two dimensions


def test_the_wrong_class_probability_is_what_the_own_class_leaves() -> None:
    outputs = np.random.default_rng(0).standard_normal((5, 3))
    right = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    for label in range(3):
        found = wrong_class_probability(Softmax(), outputs, np.eye(3)[label])
        np.testing.assert_allclose(found, 1 - right[:, label], rtol=1e-14)
    positive = 1 / (1 + np.exp(-outputs[:, :1]))
    for label, expected in ((0.0, positive[:, 0]), (1.0, 1 - positive[:, 0])):
        found = wrong_class_probability(Logistic(), outputs[:, :1], np.array([label]))
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_the_share_of_squared_error_is_refused() -> None:
    model = _two_classes()
    with pytest.raises(InputError, match="squared error gives no probabilities"):
        gradient_share(model, SquaredError(), _start(model, SquaredError(), 0.1), gaussian_nodes(1, 64))


def test_a_number_of_nodes_that_is_not_a_power_of_two_is_refused() -> None:
    with pytest.raises(InputError, match="count: 100 is not accepted"):
        gaussian_nodes(3, 100)


def test_nodes_are_standard_normal_and_odd_moments_vanish() -> None:
    nodes = gaussian_nodes(3, 512)
    assert nodes.shape == (512, 3)
    np.testing.assert_allclose(nodes.mean(axis=0), 0, atol=1e-15)
    # 512 independent draws would leave 1/sqrt(512) = 0.06; quasi-Monte-Carlo leaves a tenth of it.
    np.testing.assert_allclose(nodes.T @ nodes / 512, np.eye(3), atol=0.02)


@given(st.integers(1, 4))
@settings(max_examples=4)
def test_replicas_do_not_influence_each_other(count: int) -> None:
    model, steps = _two_classes(), logarithmic_steps(50)
    start = _start(model, Softmax(), 0.1, replicas=4)
    together = mean_field_curve(model, Softmax(), start, steps, 0.5)
    alone = mean_field_curve(model, Softmax(), start[:count], steps, 0.5)
    np.testing.assert_allclose(together.losses[:count], alone.losses, atol=1e-9)


def _many_classes(classes: int = 6) -> DataModel:
    """Classes in 20 directions that hold half of their variance."""
    prototypes = np.random.default_rng(0).standard_normal((classes, 20)) / np.arange(1, 21)
    model = DataModel(1 / np.arange(1, 21), prototypes - prototypes.mean(axis=0), np.full(classes, 1 / classes))
    return model.with_signal_scaled(float(np.sqrt(0.5 / model.class_shares[1][0])))


def test_averages_do_not_jump_while_weights_move_steadily() -> None:
    """Nor does the error of few nodes: roots by eigenvectors flip signs, by which averages jumped by .003."""
    model, loss = _many_classes(), Softmax()
    start, end = _start(model, loss, 1.0, replicas=2)
    between = np.linspace(0, 1, 401)[:, None, None]
    drive, hessian = output_statistics(model, loss, start + between * (end - start), gaussian_nodes(6, 64))
    for average in (drive, hessian):
        moved = np.abs(np.diff(average, axis=0)).max(axis=(1, 2))
        # No step of the walk moves them by much more than its neighbours.
        assert np.all(moved[1:] < 1.5 * moved[:-1] + 1e-5)


def test_blocks_are_as_long_as_they_may_be_where_outputs_move_smoothly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quadrature that jumps, by less than its own error, cut blocks to a step or three: 2,062 averages, not 136."""
    model, loss, steps, calls = _many_classes(), Softmax(), logarithmic_steps(1024), []

    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        return output_statistics(*arguments)

    monkeypatch.setattr("theory.curves.mean_field.output_statistics", counted)
    mean_field_curve(model, loss, _start(model, loss, 0.01), steps, 1.0, nodes=64)
    # Two a block, one for each of the first thirty steps and for a step that an even number leaves over.
    assert len(calls) < 2 * steps.size


def test_a_block_takes_no_decomposition_of_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """The losses that its error compares come from Gram matrices, with the conserved row apart from the others."""
    model, loss, counts = _many_classes(), Softmax(), []
    for last in (64, 1024):
        calls: list[object] = []
        svd = np.linalg.svd
        with monkeypatch.context() as patched:
            patched.setattr(np.linalg, "svd", lambda *a, calls=calls, svd=svd, **k: [calls.append(a), svd(*a, **k)][1])
            mean_field_curve(model, loss, _start(model, loss, 0.01), logarithmic_steps(last), 1.0)
        counts.append(len(calls))
    assert counts[0] == counts[1] <= 2


def _rare_class(seed: int, share: float) -> DataModel:
    """Three classes in three directions, one of them with this frequency; classes hold nine tenths of the variance."""
    generator = np.random.default_rng(seed)
    frequencies = np.array([share, 0.3, 0.7 - share])
    eigenvalues = np.sort(generator.uniform(0.1, 1, 3))[::-1]
    prototypes = generator.standard_normal((3, 3)) * frequencies[:, None]
    prototypes -= frequencies[:, None] * prototypes.sum(axis=0)
    model = DataModel(eigenvalues / eigenvalues[0], prototypes, frequencies)
    return model.with_signal_scaled(float(np.sqrt(0.9 / model.class_shares[1][0])))


_LATE = np.array([17_500, 18_000, 18_500, 19_000, 19_500, 20_000])


def test_late_blocks_of_a_rare_class_do_not_oscillate() -> None:
    """Blocks of a tenth of the steps done, without an estimate of their error, gave .3584 .3602 .3595 .3598."""
    curve = mean_field_curve(_rare_class(2, 0.01), Softmax(), np.zeros((1, 3, 3)), _LATE, 0.5, nodes=64)
    # Every single step, with the same nodes; blocks err by 3e-4 each, and the errors of slow drifts decay.
    np.testing.assert_allclose(curve.losses[0], 0.3585, rtol=0, atol=5e-4)


@pytest.mark.slow
def test_the_late_curve_of_a_rare_class_is_that_of_single_steps() -> None:
    start = np.zeros((1, 3, 3))
    for seed, share in ((2, 0.01), (3, 0.02)):
        blocks, single = (
            mean_field_curve(_rare_class(seed, share), Softmax(), start, _LATE, 0.5, nodes=64, growth=growth)
            for growth in (0.1, 0.0)
        )
        np.testing.assert_allclose(blocks.losses, single.losses, rtol=0, atol=1e-3)
