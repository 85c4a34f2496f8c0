from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from simulation import (
    FreshSamples,
    FullBatch,
    GaussianSampler,
    JoinedSources,
    Population,
    PopulationSampler,
    initial_weights,
    sample,
    train,
    with_frequencies,
)
from tests.strategies import data_models, seeds
from theory import DataModel, InputError, SquaredError, gradient_descent_curve, logarithmic_steps
from theory.validation import FloatArray


def _model() -> DataModel:
    """Three unequal classes that hold four fifths of the variance in their strongest direction."""
    frequencies = np.array([0.5, 0.3, 0.2])
    prototypes = np.random.default_rng(0).standard_normal((3, 4))
    prototypes -= frequencies[:, None] * prototypes.sum(axis=0)
    model = DataModel(np.array([4.0, 2.0, 1.0, 0.5]), prototypes, frequencies)
    return model.with_signal_scaled(float(np.sqrt(0.8 / model.class_shares[1][0])))


MODEL = _model()
DEPARTURES = [
    pytest.param(Population(MODEL), id="none"),
    # Above eight, so that products of two coordinates have a standard error that a sample can estimate.
    pytest.param(Population(MODEL, tail_index=10.0), id="heavy tails"),
    pytest.param(Population(MODEL, minority_share=0.3, minority_position=-0.5), id="minority"),
    pytest.param(Population(MODEL, minority_share=0.2), id="mirrored minority"),
    pytest.param(Population(MODEL, label_noise=0.3), id="label noise"),
    pytest.param(Population(with_frequencies(MODEL, [0.1, 0.2, 0.7])), id="imbalance"),
    pytest.param(Population(with_frequencies(MODEL, [0.1, 0.2, 0.7]), 10.0, 0.1, 3.0, 0.2), id="all"),
]


def _within(model: DataModel) -> FloatArray:
    """The common within-class covariance, in the coordinates of the model."""
    return np.diag(model.eigenvalues) - np.einsum("k,ki,kj->ij", model.frequencies, model.means, model.means)


@given(
    data_models(largest_dimension=8),
    st.floats(0, 0.99),
    st.floats(-3, 3),
    st.floats(0, 0.99),
    st.sampled_from([3, np.inf]),
)
def test_the_data_model_has_the_moments_of_the_mixture(
    model: DataModel, share: float, position: float, noise: float, index: float
) -> None:
    """Naively: a component for each class, each of its two parts, and each label, added up."""
    population = Population(model, index, share, position, noise)
    covariance = _within(model)
    prototypes, frequencies = np.zeros_like(model.prototypes), np.zeros(model.classes)
    for true in range(model.classes):
        for part, at in ((1 - share, model.means[true]), (share, position * model.means[true])):
            covariance = covariance + model.frequencies[true] * part * np.outer(at, at)
            for seen in range(model.classes):
                chance = 1 - noise if seen == true else noise / (model.classes - 1)
                prototypes[seen] += model.frequencies[true] * part * chance * at
                frequencies[seen] += model.frequencies[true] * part * chance
    found = population.data_model()
    basis = np.eye(model.dimension) if found.basis is None else found.basis
    scale = covariance.trace()
    # Rounding of sums of at most 200 terms, relative to the largest.
    np.testing.assert_allclose((basis * found.eigenvalues) @ basis.T, covariance, atol=1e-13 * scale)
    np.testing.assert_allclose(found.prototypes @ basis.T, prototypes, atol=1e-13 * np.sqrt(scale))
    np.testing.assert_allclose(found.frequencies, frequencies, atol=1e-14)
    np.testing.assert_allclose(population.class_given_label.sum(axis=1), 1, atol=1e-14)


@pytest.mark.parametrize("population", DEPARTURES)
def test_samples_have_the_moments_of_the_data_model(population: Population) -> None:
    """Each within five of its standard errors: one in a million for each of some 25 moments."""
    count = 100_000
    expected = population.data_model()
    drawn, labels = sample(population, count, 0, torch.float64)
    inputs = expected.to_eigenbasis(drawn.numpy())
    one_hot = (labels.numpy()[:, None] == np.arange(expected.classes)).astype(np.float64)

    def assert_mean(terms: FloatArray, value: FloatArray) -> None:
        error = terms.std(axis=0) / np.sqrt(count)
        assert np.all(np.abs(terms.mean(axis=0) - value) < 5 * error)

    assert_mean(inputs[:, :, None] * inputs[:, None, :], np.diag(expected.eigenvalues))
    assert_mean(one_hot[:, :, None] * inputs[:, None, :], expected.prototypes)
    assert_mean(one_hot, expected.frequencies)


@pytest.mark.parametrize("index", [2.5, 6.0])
def test_noise_is_a_multivariate_student_t(index: float) -> None:
    """Squared radii of whitened noise over d follow Fisher's F, times (nu - 2) / nu for the scaling.

    Coordinates with independent t distributions would not: their squares would average out.
    """
    model, count = MODEL.with_signal_scaled(1e-6), 20_000
    inputs, _ = sample(Population(model, index), count, 1, torch.float64)
    radii = np.mean(inputs.numpy() ** 2 / model.eigenvalues, axis=1)
    found = stats.kstest(radii * index / (index - 2), stats.f(model.dimension, index).cdf)
    assert found.pvalue > 0.01
    assert stats.kstest(radii, stats.f(model.dimension, index).cdf).pvalue < 1e-6


def test_a_large_tail_index_tends_to_the_gaussian() -> None:
    gaussian, _ = sample(MODEL, 1000, 2, torch.float64)
    nearly, _ = sample(Population(MODEL, 1e12), 1000, 2, torch.float64)
    # The relative spread of a chi-squared of nu degrees is sqrt(2 / nu), and the radius has half of it.
    np.testing.assert_allclose(nearly, gaussian, atol=20 * 1e-6)


def test_a_mirrored_minority_is_the_share_on_the_other_side() -> None:
    model = DataModel.two_classes(np.array([1.0]), np.array([0.49]))  # means five standard deviations from 0
    inputs, labels = sample(Population(model, minority_share=0.2), 50_000, 3, torch.float64)
    mirrored = (inputs[:, 0].numpy() > 0) != (labels.numpy() == 1)
    # Five standard errors; the tail of the others beyond five deviations is far below them.
    assert abs(mirrored.mean() - 0.2) < 5 * np.sqrt(0.2 * 0.8 / 50_000)


def test_inputs_drawn_for_given_labels_have_the_classes_that_such_labels_hide() -> None:
    population = Population(MODEL, label_noise=0.4)
    labels = torch.arange(3).repeat_interleave(40_000)
    inputs = PopulationSampler(population, 4, torch.float64).draw_for(labels).numpy()
    expected = population.data_model()
    for label in range(3):
        members = inputs[labels.numpy() == label]
        error = members.std(axis=0) / np.sqrt(len(members))
        assert np.all(np.abs(members.mean(axis=0) - expected.means[label]) < 5 * error)


@given(data_models(largest_dimension=12), seeds)
def test_a_population_without_departures_is_its_model(model: DataModel, seed: int) -> None:
    plain = Population(model)
    found = plain.data_model()
    for name in ("eigenvalues", "prototypes", "frequencies"):
        np.testing.assert_array_equal(getattr(found, name), getattr(model, name))
    expected, drawn = GaussianSampler(model, seed), PopulationSampler(plain, seed)
    for _ in range(2):
        for one, other in zip(expected.draw(50), drawn.draw(50), strict=True):
            assert torch.equal(one, other)
    labels = torch.arange(20) % model.classes
    assert torch.equal(expected.draw_for(labels), drawn.draw_for(labels))


def test_a_minority_where_the_others_are_is_none() -> None:
    same = Population(MODEL, minority_share=0.5, minority_position=1.0)
    np.testing.assert_array_equal(same.data_model().prototypes, MODEL.prototypes)
    assert torch.equal(sample(same, 100, 0)[0], sample(MODEL, 100, 0)[0])


def test_labels_replaced_as_often_as_all_classes_are_alike_carry_no_signal() -> None:
    drowned = Population(MODEL, label_noise=2 / 3).data_model()
    np.testing.assert_allclose(drowned.prototypes, 0, atol=1e-15)
    np.testing.assert_allclose(drowned.frequencies, 1 / 3, atol=1e-15)


def test_fresh_samples_and_finite_samples_take_populations_alike() -> None:
    population = Population(MODEL, 5.0, 0.1, -1.0, 0.2)
    fresh = FreshSamples(population, size=50, replicas=2, seed=7)
    inputs, labels = sample(population, 100, 7)
    (batch,) = fresh.batches(0)
    assert torch.equal(batch.inputs.flatten(0, 1), inputs)
    assert torch.equal(batch.labels.flatten(), labels)
    np.testing.assert_array_equal(fresh.frequencies, population.data_model().frequencies)


def test_networks_on_a_population_follow_the_theory_of_its_moments_and_not_of_its_model() -> None:
    """Squared error depends on moments only, so that its closed form holds for every departure.

    32 networks from one W(0), each on its own 10,000 samples; the bound is four standard errors of the
    mean over them and 30 / n, which is what finite samples add (measured at n = 1,000).
    """
    population = Population(with_frequencies(MODEL, [0.1, 0.2, 0.7]), 10.0, 0.3, 3.0, 0.2)
    model = population.data_model()
    sampler = PopulationSampler(population, 5, torch.float64)
    source = JoinedSources([FullBatch(*sampler.draw(10_000)) for _ in range(32)])
    start = np.tile(initial_weights(1, 3, 4, 0.05, 0), (32, 1, 1))
    steps, step_size = logarithmic_steps(100, 8), 0.5 / float(model.eigenvalues[0])
    trained = train(source, model, SquaredError(), start, steps, step_size, dtype=torch.float64).losses
    derived = gradient_descent_curve(model, SquaredError(), model.to_eigenbasis(start[:1]), steps, step_size)
    error = trained.std(axis=0, ddof=1) / np.sqrt(32)
    bound = 4 * error + 30 / 10_000
    assert np.all(np.abs(trained.mean(axis=0) - derived.mean) < bound)
    assert bound.max() < 0.02  # else the comparison would say little
    undeparted = gradient_descent_curve(population.model, SquaredError(), start[:1], steps, step_size)
    assert np.abs(undeparted.mean - derived.mean).max() > 4 * bound.max()


@given(data_models(largest_dimension=8), seeds)
def test_other_frequencies_keep_what_rotations_and_the_overall_mean_do_not_touch(model: DataModel, seed: int) -> None:
    shares = np.random.default_rng(seed).dirichlet(np.full(model.classes, 5.0)) * 0.9 + 0.1 / model.classes
    found = with_frequencies(model, shares)
    np.testing.assert_array_equal(found.frequencies, shares)
    np.testing.assert_allclose(shares @ found.means, 0, atol=1e-13 * np.sqrt(model.total_variance))
    scale = np.abs(model.means).max() ** 2 + model.eigenvalues[0]
    differences, own = (one.means[1:] - one.means[:1] for one in (model, found))
    for power in range(3):
        within, within_own = (np.linalg.matrix_power(_within(one), power) for one in (model, found))
        np.testing.assert_allclose(
            own @ within_own @ own.T, differences @ within @ differences.T, atol=1e-10 * scale ** (power + 1)
        )
    np.testing.assert_allclose(
        np.linalg.eigvalsh(_within(found)), np.linalg.eigvalsh(_within(model)), atol=1e-12 * scale
    )


def test_the_models_own_frequencies_give_its_own_moments() -> None:
    found = with_frequencies(MODEL, MODEL.frequencies)
    np.testing.assert_allclose(found.eigenvalues, MODEL.eigenvalues, rtol=1e-14)
    np.testing.assert_allclose(np.abs(found.prototypes), np.abs(MODEL.prototypes), atol=1e-14)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        pytest.param({"tail_index": 2.0}, "tail_index: 2.0 is not accepted", id="no variance"),
        pytest.param({"tail_index": float("nan")}, "tail_index: nan is not accepted", id="NaN"),
        pytest.param({"minority_share": 1.0}, "minority_share: 1.0 is not accepted", id="all are the minority"),
        pytest.param({"minority_share": -0.1}, "minority_share: -0.1 is not accepted", id="negative share"),
        pytest.param({"minority_position": np.inf}, "minority_position: inf is not accepted", id="infinitely far"),
        pytest.param({"minority_share": float("nan")}, "minority_share: nan is not accepted", id="NaN share"),
        pytest.param({"tail_index": "heavy"}, "tail_index: 'heavy' is not a number", id="a word"),
        pytest.param({"label_noise": None}, "label_noise: None is not a number", id="nothing"),
        pytest.param({"label_noise": float("nan")}, "label_noise: nan is not accepted", id="NaN noise"),
        pytest.param({"model": DataModel.power_law(1000, 1.0, 2.0, 0.2)}, "scale the signal by", id="strong signal"),
    ],
)
def test_bad_populations_are_refused(changes: dict[str, float], match: str) -> None:
    with pytest.raises(InputError, match=match):
        replace(Population(MODEL), **changes)


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.5, 0.5, 0.0], [0.5, 0.4, 0.2]])
def test_bad_frequencies_are_refused(shares: list[float]) -> None:
    with pytest.raises(InputError, match="frequencies: give 3 positive shares that sum to 1"):
        with_frequencies(MODEL, shares)
