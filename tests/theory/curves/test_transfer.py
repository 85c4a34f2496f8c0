"""What outputs explain of a target, at every level of the theory, against least squares and plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import data_models, seeds, spectra, targets, weights
from theory import (
    ClassConditionalModel,
    DataModel,
    InputError,
    Logistic,
    Loss,
    OneOutput,
    Softmax,
    SquaredError,
    Target,
    class_mean_field_curve,
    explained_target_variance,
    explained_variance,
    flow_curve,
    gradient_descent_curve,
    mean_field_curve,
    mean_field_path,
    unexplained_share,
)
from theory.curves.initial_level import random_sketch_level, random_target_share
from theory.curves.mean_field import curves_of_path
from theory.validation import FloatArray


def _matrices(target: Target) -> tuple[FloatArray, FloatArray]:
    """Covariance and cross-covariance as matrices."""
    covariance, crossed = target.covariance, target.cross_covariance
    return (
        np.diag(covariance) if covariance.ndim == 1 else covariance,
        np.diag(crossed) if crossed.ndim == 1 else crossed,
    )


def _naive(rows: FloatArray, target: Target) -> float:
    """R_T = tr[(W Sigma W^T)^+ W T T^T W^T] / tr Var(y) as it is written."""
    covariance, crossed = _matrices(target)
    lengths = np.sqrt(np.einsum("ki,ij,kj->k", rows, covariance, rows))
    unit = rows / lengths[:, None]
    image = unit @ crossed
    return float(np.trace(np.linalg.pinv(unit @ covariance @ unit.T, rcond=1e-12) @ image @ image.T) / target.variance)


@st.composite
def layers(draw: st.DrawFn) -> tuple[Target, FloatArray]:
    """A target and rows of a layer, fewer than directions."""
    eigenvalues = draw(spectra(smallest=3, largest=25))
    target = draw(targets(eigenvalues))
    outputs = draw(st.integers(1, min(5, eigenvalues.size - 1)))
    return target, draw(weights(outputs, eigenvalues.size, 1))[0]


@given(layers())
def test_it_is_the_formula_as_it_is_written(layer: tuple[Target, FloatArray]) -> None:
    target, rows = layer
    assert 1 - unexplained_share(rows, target) == pytest.approx(_naive(rows, target), abs=1e-6)


@given(layers())
def test_it_is_what_least_squares_finds(layer: tuple[Target, FloatArray]) -> None:
    """On 2 p samples that have exactly the target's moments, a probe is fitted to the outputs."""
    target, rows = layer
    signal = target.signal if target.signal.ndim == 2 else np.diag(target.signal)
    independent = np.eye(signal.shape[0])
    inputs, values = (
        independent @ (target.unit_root if target.unit_root.ndim == 2 else np.diag(target.unit_root)).T,
        (independent @ signal),
    )
    outputs = inputs @ (rows / np.abs(rows).max()).T
    outputs /= np.linalg.norm(outputs, axis=0)
    probe, *_ = np.linalg.lstsq(outputs, values, rcond=1e-12)
    expected = np.square(outputs @ probe).sum()
    size = np.square(signal).sum()
    assert explained_target_variance(rows, target) == pytest.approx(expected, abs=1e-6 * size)


@given(layers(), seeds)
def test_it_depends_on_the_row_space_alone_and_grows_with_it(layer: tuple[Target, FloatArray], seed: int) -> None:
    target, rows = layer
    generator = np.random.default_rng(seed)
    size = len(rows)
    mixing = generator.standard_normal((size, size)) + 3 * np.sqrt(size) * np.eye(size)
    explained = explained_target_variance(rows, target)
    scale = target.explained_by_inputs
    assert explained_target_variance(mixing @ rows, target) == pytest.approx(float(explained), abs=1e-6 * scale)
    more = np.concatenate([rows, np.abs(rows).max() * generator.standard_normal((1, rows.shape[1]))])
    assert explained <= explained_target_variance(more, target) + 1e-9 * scale
    assert -1e-12 * scale <= explained <= scale * (1 + 1e-9)


@given(spectra(smallest=3), seeds)
def test_reconstruction_is_the_target_of_the_inputs(eigenvalues: FloatArray, seed: int) -> None:
    rows = np.random.default_rng(seed).standard_normal((4, 2, eigenvalues.size))
    inputs = Target.reconstruction(eigenvalues)
    np.testing.assert_array_equal(explained_target_variance(rows, inputs), explained_variance(rows, eigenvalues))
    dense = Target(eigenvalues, np.diag(eigenvalues), inputs.variance)
    np.testing.assert_allclose(explained_target_variance(rows, dense), explained_variance(rows, eigenvalues), rtol=1e-7)
    turned = Target(np.diag(eigenvalues), np.diag(eigenvalues), inputs.variance)
    np.testing.assert_allclose(
        explained_target_variance(rows, turned), explained_variance(rows, eigenvalues), rtol=1e-5
    )


@st.composite
def targets_of_models(draw: st.DrawFn, largest_dimension: int = 15) -> tuple[DataModel, Target]:
    model = draw(data_models(largest_dimension=largest_dimension).filter(lambda one: one.dimension > one.classes))
    return model, draw(targets(model.eigenvalues))


@given(targets_of_models(), st.sampled_from([Softmax(), SquaredError()]), seeds)
@settings(max_examples=40)
def test_the_linearised_curve_is_that_of_descent_step_by_step(
    case: tuple[DataModel, Target], loss: Loss, seed: int
) -> None:
    model, target = case
    step_size = 0.5 / model.eigenvalues[0]
    start = 0.1 * np.random.default_rng(seed).standard_normal((2, loss.outputs(model.classes), model.dimension))
    jacobian, signal = loss.initial_jacobian(model.classes), loss.signal(model.prototypes)
    rows, expected = start.copy(), []
    for step in range(5):
        if step in (0, 1, 4):
            expected.append([unexplained_share(one, target) for one in rows])
        rows = rows + step_size * (signal - jacobian @ rows * model.eigenvalues)
    found = gradient_descent_curve(model, loss, start, np.array([0, 1, 4]), step_size, target)
    np.testing.assert_allclose(found.losses.T, expected, atol=1e-6)


@given(targets_of_models(), seeds)
@settings(max_examples=20)
def test_the_flow_is_the_limit_of_small_steps(case: tuple[DataModel, Target], seed: int) -> None:
    model, target = case
    start = 0.1 * np.random.default_rng(seed).standard_normal((1, model.classes, model.dimension))
    times = np.array([0.0, 0.5, 5.0]) / model.eigenvalues[0]
    flow = flow_curve(model, Softmax(), start, times, target)
    steps = np.array([0, 500, 5000])
    descent = gradient_descent_curve(model, Softmax(), start, steps, 1e-3 / model.eigenvalues[0], target)
    # The steps' error is half of eta c lambda_1, 1e-3 / K, times the rate at which R_T moves in log time.
    np.testing.assert_allclose(flow.losses, descent.losses, atol=2e-3)


def _shared(model: DataModel) -> ClassConditionalModel:
    within = np.diag(model.eigenvalues) - model.means.T @ model.prototypes
    return ClassConditionalModel(model, np.repeat(within[None], model.classes, axis=0))


def test_every_level_takes_a_target_and_is_exact_for_squared_error() -> None:
    """Squared error is linear: the three levels are one curve."""
    model = DataModel.power_law_classes(12, 1.0, 1.5, 3, 0.5, 0)
    generator = np.random.default_rng(0)
    target = Target(model.eigenvalues, generator.standard_normal((12, 2)) * model.eigenvalues[:, None], 20.0)
    start, steps = 0.05 * generator.standard_normal((2, 3, 12)), np.array([0, 1, 5, 50, 500])
    expected = gradient_descent_curve(model, SquaredError(), start, steps, 0.4, target).losses
    for found in (
        mean_field_curve(model, SquaredError(), start, steps, 0.4, target=target),
        class_mean_field_curve(_shared(model), SquaredError(), start, steps, 0.4, nodes=64, target=target),
    ):
        np.testing.assert_allclose(found.losses, expected, atol=1e-9)


def test_several_targets_are_measured_along_one_path() -> None:
    model = DataModel.power_law_classes(12, 1.0, 1.5, 3, 0.5, 0)
    start, steps = 0.05 * np.random.default_rng(0).standard_normal((2, 3, 12)), np.array([0, 3, 30])
    own = Target.source_classes(model)
    path = mean_field_path(model, Softmax(), start, steps, 0.4)
    found = curves_of_path(model, Softmax(), start, path, steps, 0.4, [None, own])
    for curve, target in zip(found, (None, own), strict=True):
        expected = mean_field_curve(model, Softmax(), start, steps, 0.4, target=target)
        np.testing.assert_array_equal(curve.losses, expected.losses)


@pytest.mark.parametrize("growth", [0.1, 0.02])
def test_blocks_of_steps_are_short_enough_for_targets_too(growth: float) -> None:
    """Their length is chosen by the reconstruction loss; single steps are exact."""
    model = DataModel.power_law_classes(12, 1.0, 1.0, 3, 0.7, 1)
    generator = np.random.default_rng(1)
    start, steps = 0.05 * generator.standard_normal((2, 3, 12)), np.array([0, 10, 100, 1000])
    for crossed in (model.prototypes.T, np.eye(12)[:, -3:] * model.eigenvalues[-3:].min()):
        target = Target(model.eigenvalues, crossed, 1.0)
        exact = mean_field_curve(model, Softmax(), start, steps, 0.4, growth=0.0, target=target)
        found = mean_field_curve(model, Softmax(), start, steps, 0.4, growth=growth, target=target)
        # Blocks are chosen for errors of 3e-4 each.
        np.testing.assert_allclose(found.losses, exact.losses, atol=2e-3)


@given(spectra(smallest=8, largest=40), st.integers(1, 5))
def test_the_random_level_of_the_inputs_is_that_of_reconstruction(eigenvalues: FloatArray, outputs: int) -> None:
    found = random_target_share(Target.reconstruction(eigenvalues), outputs)
    assert found == pytest.approx(random_sketch_level(eigenvalues, outputs) / eigenvalues.sum(), rel=1e-6)


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_random_level_is_the_mean_over_draws(outputs: int) -> None:
    """An effective rank of 30; 2,000 draws leave .005 of the mean."""
    eigenvalues = np.arange(1, 101) ** -0.5
    generator = np.random.default_rng(0)
    target = Target(eigenvalues, eigenvalues[:, None] * generator.standard_normal((100, 2)), 60.0)
    rows = generator.standard_normal((2000, outputs, 100))
    drawn = 1 - unexplained_share(rows, target)
    expected = random_target_share(target, outputs)
    assert expected == pytest.approx(drawn.mean(), rel=0.05)
    # For one output, and many directions, it is |t|^2 / tr Sigma.
    if outputs == 1:
        annealed = np.square(target.cross_covariance).sum() / eigenvalues.sum() / target.variance
        assert expected == pytest.approx(annealed, rel=0.05)


def test_a_target_of_another_dimension_is_refused() -> None:
    model, target = DataModel.power_law(5, 1.0, 1.0, 0.01), Target.reconstruction([2.0, 1.0])
    with pytest.raises(InputError, match="target: has 2 directions; give one in the model's eigenbasis of 5"):
        gradient_descent_curve(model, SquaredError(), np.zeros((1, 1, 5)), np.array([0]), 0.1, target)
    with pytest.raises(InputError, match="weights: has shape"):
        unexplained_share(np.ones((1, 5)), target)


def test_a_network_and_its_losses_share_the_rank_rule_of_reconstruction() -> None:
    """A row of rounding beside another explains nothing of a target, as of the inputs."""
    target = Target([1.0, 1.0], [[0.0], [1.0]], 1.0)
    rows = np.array([[1.0, 0.0], [1.0, 1e-14]])
    assert unexplained_share(rows, target) == pytest.approx(1.0)
    assert unexplained_share(np.array([[1.0, 0.0], [0.0, 1e-14]]), target) == pytest.approx(0.0)
    assert OneOutput.from_model(DataModel.two_classes([1.0, 1.0], [1.0, 0.0]), Logistic()).signal_level == 1.0
