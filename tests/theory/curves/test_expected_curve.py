"""The deterministic equivalent of the curve and the law of the turning point for K outputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import data_models
from theory import (
    Absence,
    DataModel,
    InputError,
    Logistic,
    Loss,
    OneOutput,
    Softmax,
    SquaredError,
    flow_curve,
    random_sketch_level,
    relative_loss,
)
from theory.curves.boundaries import turning_points
from theory.curves.expected_curve import expected_curve, expected_turning_point
from theory.curves.turning_law import TurningLaw
from theory.validation import FloatArray

TIMES = np.concatenate([[0.0], np.geomspace(1e-3, 1e4, 50)])


def several_classes(classes: int, dimension: int, alpha: float, unequal: bool, seed: int = 0) -> DataModel:
    """Aligned prototypes; where ``unequal`` their strengths spread over two orders of magnitude."""
    generator = np.random.default_rng(seed)
    eigenvalues = np.arange(1, dimension + 1) ** -alpha
    prototypes = generator.standard_normal((classes, dimension)) * eigenvalues**0.9
    if unequal:
        prototypes *= 10 ** (-2 * generator.uniform(size=(classes, 1)))
    model = DataModel(eigenvalues, prototypes - prototypes.mean(axis=0), np.full(classes, 1 / classes))
    return model.with_signal_scaled(float(np.sqrt(0.5 / model.class_shares[1][0])))


def effective_rank(model: DataModel) -> float:
    return float(model.eigenvalues.sum() ** 2 / np.sum(model.eigenvalues**2))


def drawn(model: DataModel, loss: Loss, scale: float, replicas: int, seed: int = 0) -> FloatArray:
    shape = (replicas, loss.outputs(model.classes), model.dimension)
    return scale * np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize(
    ("classes", "alpha", "unequal", "loss", "scale"),
    [
        (2, 0.7, False, Softmax(), 1e-2),
        (2, 0.7, False, SquaredError(), 1e-1),
        (3, 1.0, True, Softmax(), 1e-1),
        (3, 1.0, True, SquaredError(), 1e-3),
        (10, 0.7, True, Softmax(), 1e-3),
        (10, 0.7, True, SquaredError(), 1e-2),
    ],
)
def test_it_is_the_mean_over_draws(classes: int, alpha: float, unequal: bool, loss: Loss, scale: float) -> None:
    model = several_classes(classes, 300, alpha, unequal)
    curve = flow_curve(model, loss, drawn(model, loss, scale, 60), TIMES)
    deviation = np.abs(expected_curve(model, loss, scale, TIMES).losses[0] - curve.mean)
    error = curve.spread / np.sqrt(curve.replicas)
    # The equivalent holds up to a multiple of the inverse effective rank; 0.3 times it was the largest seen.
    assert np.all(deviation < 4 * error + 0.5 / effective_rank(model))
    wrong = expected_curve(model, loss, 3 * scale, TIMES).losses[0]
    assert np.max(np.abs(wrong - curve.mean) - 4 * error) > 0.5 / effective_rank(model)


@given(data_models(largest_dimension=40), st.floats(1e-4, 1.0))
@settings(max_examples=20)
def test_at_the_start_it_is_the_level_of_random_outputs(model: DataModel, scale: float) -> None:
    outputs = SquaredError().outputs(model.classes)
    if outputs >= model.dimension:
        with pytest.raises(InputError, match="model: has"):
            expected_curve(model, SquaredError(), scale, np.array([0.0]))
        return
    expected = 1 - random_sketch_level(model.eigenvalues, outputs) / model.total_variance
    found = expected_curve(model, SquaredError(), scale, np.array([0.0])).losses[0, 0]
    # tau is solved to 1e-11.
    assert found == pytest.approx(expected, abs=1e-8)


def test_in_the_end_only_what_is_learnt_remains() -> None:
    model = DataModel.power_law(50, 0.7, 1.0, 0.01)
    end = np.array([100 / model.eigenvalues[-1]])
    found = expected_curve(model, SquaredError(), 0.1, end).losses[0, 0]
    assert found == pytest.approx(float(relative_loss(model.prototypes[1:] / model.eigenvalues, model.eigenvalues)))


def test_with_one_output_it_nears_the_annealed_curve_as_the_effective_rank_grows() -> None:
    times = np.geomspace(1e-3, 10, 30)
    for dimension in (50, 500, 5000):
        model = DataModel.power_law(dimension, 0.3, 0.8, 0.01)
        network = OneOutput.from_model(model, SquaredError())
        explained = (1 - expected_curve(model, SquaredError(), 1e-2, times).losses[0]) * model.total_variance
        gap = np.max(np.abs(explained / network.explained_variance(1e-2, times) - 1))
        # 0.2, 0.6 and 1.2 times the inverse effective rank were seen: it grows with its logarithm.
        assert gap < 2 / effective_rank(model)


@given(data_models(largest_dimension=40), st.floats(0.1, 10.0))
@settings(max_examples=10)
def test_scaling_the_inputs_rescales_time(model: DataModel, factor: float) -> None:
    """Inputs times c leave L / tr Sigma as it is, at times smaller by c^2 and W(0) smaller by c."""
    if model.classes >= model.dimension:
        return
    scaled = DataModel(factor**2 * model.eigenvalues, factor * model.prototypes, model.frequencies)
    times = np.array([0.1, 1.0, 10.0]) / model.eigenvalues[0]
    original = expected_curve(model, Softmax(), 0.1, times).losses
    found = expected_curve(scaled, Softmax(), 0.1 / factor, times / factor**2).losses
    np.testing.assert_allclose(found, original, atol=1e-8)


@pytest.mark.parametrize("loss", [Softmax(), SquaredError()])
@pytest.mark.parametrize(("classes", "unequal"), [(3, True), (10, False)])
def test_it_turns_where_the_mean_over_draws_turns(classes: int, unequal: bool, loss: Loss) -> None:
    model = several_classes(classes, 300, 0.7, unequal)
    scale, replicas = 1e-2, 60
    times = np.geomspace(1e-1, 1e3, 200)
    curve = flow_curve(model, loss, drawn(model, loss, scale, replicas), times)
    means = np.random.default_rng(1).multinomial(replicas, np.full(replicas, 1 / replicas), 100) / replicas
    resampled = turning_points(times, means @ curve.losses, 1)
    expected = expected_turning_point(model, loss, scale).time
    assert expected is not None
    # The turning point of the equivalent is off by the inverse effective rank, here 1/60, times a few.
    measured = turning_points(times, curve.mean[None], 1)[0]
    assert abs(expected - measured) < 4 * resampled.std() + 0.05 * measured


@pytest.mark.parametrize("loss", [Softmax(), SquaredError()])
@pytest.mark.parametrize(("classes", "unequal"), [(2, False), (5, False), (10, True)])
def test_the_law_is_the_limit_of_small_initial_weights(classes: int, unequal: bool, loss: Loss) -> None:
    model = several_classes(classes, 400, 0.7, unequal)
    law = TurningLaw.from_model(model, loss)
    scales = (1e-8, 1e-6)
    formula, exact = (
        [turning(scale) for scale in scales]
        for turning in (law.turning_point, lambda scale: expected_turning_point(model, loss, scale).time)
    )
    for found, expected in zip(formula, exact, strict=True):
        assert found is not None
        assert expected is not None
        # Terms of the inverse effective rank, here 1/90 times up to 2, are left out of the law.
        assert found == pytest.approx(expected, rel=0.025)
    assert exact[0] is not None
    assert exact[1] is not None
    # The exponent, apart from the factor. The last crossover moves as sigma0, s* as its power 2/3.
    assert np.log(exact[1] / exact[0]) / np.log(scales[1] / scales[0]) == pytest.approx(2 / 3, abs=0.002)


def test_the_law_holds_between_the_last_crossover_and_the_first_saturation() -> None:
    """C = 4, v = 1: s* = 2 sigma0^(2/3). It is three crossovers for sigma0 = (2/3)^3 = .296, and .5 for .125."""
    law = TurningLaw(4.0, 1.0, 1.0, 100.0)
    assert law.turning_point(1e-3) == pytest.approx(0.02)
    assert law.turning_point(0.29) == pytest.approx(2 * 0.29 ** (2 / 3))
    assert law.turning_point(0.3) is None
    early = TurningLaw(4.0, 1.0, 1.0, 0.5)
    assert early.turning_point(0.12) is not None
    assert early.turning_point(0.13) is None
    assert TurningLaw(0.0, 1.0, 1.0, 100.0).turning_point(1e-3) is None
    assert TurningLaw(4.0, 0.0, 1.0, 100.0).turning_point(1e-3) is None


@pytest.mark.parametrize("loss", [Softmax(), SquaredError()])
def test_the_coefficients_of_the_law_with_projectors_written_out(loss: Loss) -> None:
    """C and v of the module's formulas, few directions, unequal outputs; what the idle output drifts by differences."""
    model = several_classes(3, 7, 0.5, True)
    law, sigma = TurningLaw.from_model(model, loss), np.diag(model.eigenvalues)
    whitened = model.prototypes * np.sqrt(model.eigenvalues)
    strengths, vectors = np.linalg.eigh(whitened.T @ whitened)
    basis, strengths = vectors[:, -2:], strengths[-2:]
    outside = np.eye(7) - basis @ basis.T
    left = outside @ sigma
    terms = [
        np.trace(left) * (one @ sigma @ one) + 2 * np.sum((left @ one) ** 2) - np.trace(left @ left) for one in basis.T
    ]
    assert law.remainder == pytest.approx(np.sum(terms / strengths), rel=1e-9)
    curvature = 1.0 if loss.name == "squared" else 1 / 3
    speed = curvature * np.sum((left @ basis) ** 2)
    if loss.name == "squared":

        def idle(time: float) -> float:
            faded = outside @ (sigma * np.exp(-2 * model.eigenvalues * time))
            return float(np.trace(left @ faded) / np.trace(faded))

        speed += (idle(-1e-4) - idle(1e-4)) / 2e-4
    # Central differences: 1e-8 of the third derivative, and rounding over 1e-4.
    assert law.drift == pytest.approx(speed, rel=1e-6)
    assert law.last_crossover == pytest.approx(np.sqrt(model.total_variance / strengths[0]), rel=1e-9)
    assert law.saturation == pytest.approx(1 / (curvature * model.eigenvalues[0]))


def test_the_law_of_one_output_is_theorem_five_up_to_the_inverse_effective_rank() -> None:
    model = DataModel.power_law(5000, 0.5, 1.5, 0.01)
    network = OneOutput.from_model(model, Logistic())
    found, expected = TurningLaw.from_model(model, Logistic()).turning_point(1e-6), network.turning_point_formula(1e-6)
    assert found is not None
    assert expected is not None
    assert found == pytest.approx(expected, rel=5 / effective_rank(model))


def test_weak_outputs_that_point_at_little_variance_have_no_law_and_still_a_turning_point() -> None:
    """The strong output turns the curve before the weak one, misaligned, is learnt; the law has no maximum then."""
    eigenvalues = np.arange(1, 301) ** -0.7
    strong, weak = eigenvalues**0.9, 1e-2 * eigenvalues**-0.5
    prototypes = np.stack([strong + weak, -strong + weak, -2 * weak])
    model = DataModel(eigenvalues, prototypes, np.full(3, 1 / 3))
    model = model.with_signal_scaled(float(np.sqrt(0.5 / model.class_shares[1][0])))
    law = TurningLaw.from_model(model, Softmax())
    assert law.remainder < 0
    assert law.turning_point(1e-3) is None
    times = np.geomspace(1e-2, 1e3, 300)
    curve = flow_curve(model, Softmax(), drawn(model, Softmax(), 1e-3, 200), times)
    expected = expected_turning_point(model, Softmax(), 1e-3).time
    assert expected is not None
    assert expected == pytest.approx(turning_points(times, curve.mean[None], 1)[0], rel=0.1)


def test_misaligned_classes_have_no_turning_point() -> None:
    model = DataModel.power_law(100, 0.5, -2.0, 1e-6)
    assert expected_turning_point(model, SquaredError(), 1e-4).absence is Absence.NO_FALL
    assert TurningLaw.from_model(model, SquaredError()).turning_point(1e-4) is None


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_bad_scales_are_refused(scale: float) -> None:
    model = DataModel.power_law(10, 1.0, 1.0, 0.01)
    for bad in (expected_turning_point, lambda *given: TurningLaw.from_model(*given[:2]).turning_point(given[2])):
        with pytest.raises(InputError, match="init_scale"):
            bad(model, SquaredError(), scale)


def test_classes_with_equal_means_are_refused() -> None:
    with pytest.raises(InputError, match="prototypes are all zero"):
        TurningLaw.from_model(DataModel(np.ones(3), np.zeros((2, 3)), np.full(2, 0.5)), SquaredError())


@pytest.mark.parametrize("condition", [1e2, 1e5, 1e8])
def test_an_output_without_a_signal_may_fade_to_a_single_mode(condition: float) -> None:
    """Squared error with three classes on steep spectra, long after the last mode has saturated."""
    eigenvalues = np.geomspace(1, 1 / condition, 40)
    prototypes = np.random.default_rng(0).standard_normal((3, 40)) * eigenvalues
    model = DataModel(eigenvalues, prototypes - prototypes.mean(axis=0), np.full(3, 1 / 3))
    model = model.with_signal_scaled(float(np.sqrt(0.5 / model.class_shares[1][0])))
    end = np.array([40 / eigenvalues[-1]])
    rows = np.concatenate([model.prototypes[:2] / eigenvalues, np.eye(40)[39:]])
    found = expected_curve(model, SquaredError(), 1e-2, end).losses[0, 0]
    assert found == pytest.approx(float(relative_loss(rows, eigenvalues)), abs=1e-4)
    expected_turning_point(model, SquaredError(), 1e-3)


def test_classes_with_equal_means_have_no_crossover() -> None:
    with pytest.raises(InputError, match="prototypes are all zero"):
        expected_turning_point(DataModel(np.ones(3), np.zeros((2, 3)), np.full(2, 0.5)), SquaredError(), 0.1)


def test_the_equations_are_solved_late_on_every_spectrum_with_an_output_that_fades() -> None:
    """A spectrum of condition 5^1 raised, as one output of three has no signal and fades to the last mode."""
    model = DataModel.power_law_classes(5, 1.0, 1.5, 3, 0.5, 0)
    assert expected_turning_point(model, SquaredError(), 0.01) is not None
    for seed in range(12):
        generator = np.random.default_rng(seed)
        classes = int(generator.integers(3, 7))
        dimension = int(generator.integers(classes + 1, 12))
        one = DataModel.power_law_classes(dimension, 1.5 * generator.random() + 0.3, 1.0, classes, 0.5, seed)
        end = np.array([1e3, 1e4]) / one.eigenvalues[-1]
        rows = np.concatenate([one.prototypes[:-1] / one.eigenvalues, np.eye(dimension)[-1:]])
        found = expected_curve(one, SquaredError(), 0.01, end).losses[0]
        # The fading output is along the last mode, but for exp(-2 s (lambda_(d-1) - lambda_d)).
        np.testing.assert_allclose(found, float(relative_loss(rows, one.eigenvalues)), atol=1e-5)


@pytest.mark.parametrize(("loss", "idle"), [(SquaredError(), 4), (Softmax(), 3)])
def test_several_outputs_that_fade_explain_as_many_slow_modes(loss: Loss, idle: int) -> None:
    """The signal is in four directions, and eight outputs learn them; the others span what W(0) is left in the longest.

    Their shares of the slowest modes are 1e-25 apart, which a matrix of products cannot hold beside what is learnt.
    """
    eigenvalues, learnt = np.arange(1, 11.0) ** -2.0, [0, 2, 6, 7]
    prototypes = np.zeros((8, 10))
    prototypes[:, learnt] = 0.1 * np.random.default_rng(0).standard_normal((8, 4)) * np.sqrt(eigenvalues[learnt])
    model = DataModel(eigenvalues, prototypes - prototypes.mean(axis=0), np.full(8, 1 / 8))
    # From 1500 on the variances of the slowest modes are so far apart that an iteration rests on one mode too few,
    # and later on they exceed the range of a float.
    times = np.array([1e3, 1.2e3, 1.5e3, 2e3, 1e4, 1e6, 1e8]) / loss.initial_curvature(8)
    slow = [9, 8, 5, 4][:idle]
    rest = np.delete(np.arange(10), [*learnt, *slow])
    # The mean output of softmax stays at W(0): one random row in what the others leave.
    still = random_sketch_level(eigenvalues[rest], 1) if isinstance(loss, Softmax) else 0.0
    expected = (eigenvalues[rest].sum() - still) / eigenvalues.sum()
    found = expected_curve(model, loss, 1e-3, times).losses[0]
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize(("classes", "idle"), [(4, 3), (6, 3), (6, 5), (10, 6)])
def test_faded_outputs_that_overlap_what_is_learnt_take_the_slowest_modes_left(classes: int, idle: int) -> None:
    generator, dimension = np.random.default_rng(classes), classes + 2
    eigenvalues = np.arange(1.0, dimension + 1) ** -1.0
    learns = generator.standard_normal((classes - idle, dimension)) * np.sqrt(eigenvalues)
    prototypes = 0.1 * generator.standard_normal((classes, classes - idle)) @ learns
    prototypes -= prototypes.mean(axis=0)
    model = DataModel(eigenvalues, prototypes, np.full(classes, 1 / classes))
    rows = np.concatenate([learns / eigenvalues, np.eye(dimension)[-idle:]])
    found = expected_curve(model, SquaredError(), 1e-3, np.array([1e3, 1e4, 1e6]) / eigenvalues[-1]).losses[0]
    # The slowest modes are at least exp(-150) apart; what is left is R's accuracy.
    np.testing.assert_allclose(found, float(relative_loss(rows, eigenvalues)), atol=1e-9)
