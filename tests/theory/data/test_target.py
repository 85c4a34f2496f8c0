from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import data_models, seeds, spectra, targets
from theory import DataModel, InputError, Moments, Target
from theory.validation import FloatArray


def _samples(seed: int, count: int = 60, dimension: int = 5) -> tuple[FloatArray, FloatArray]:
    """Inputs with unequal variances and a mean, and labels of three classes."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    inputs = generator.standard_normal((count, dimension)) * np.arange(1, dimension + 1) + labels[:, None] + 7
    return inputs, labels


@given(seeds)
def test_what_inputs_explain_is_what_least_squares_finds_on_samples(seed: int) -> None:
    inputs, labels = _samples(seed)
    model = DataModel.from_moments(Moments.from_samples(inputs, labels, 3))
    values = np.random.default_rng(seed + 1).standard_normal((60, 2)) + inputs[:, :1]
    target = Target.from_samples(model, inputs, values)
    centred, wanted = inputs - inputs.mean(axis=0), values - values.mean(axis=0)
    fit, *_ = np.linalg.lstsq(centred, wanted, rcond=None)
    assert target.variance == pytest.approx(np.square(wanted).sum() / 60)
    assert target.explained_by_inputs == pytest.approx(np.square(centred @ fit).sum() / 60, rel=1e-9)


def test_the_classes_trained_on_are_the_same_from_the_model_from_moments_and_as_one_hot_rows() -> None:
    inputs, labels = _samples(0)
    moments = Moments.from_samples(inputs, labels, 3)
    model = DataModel.from_moments(moments)
    own = Target.source_classes(model)
    for found in (
        Target.from_moments(model, moments),
        Target.from_labels(model, inputs, labels, 3),
        Target.from_samples(model, inputs, np.eye(3)[labels]),
    ):
        assert found.variance == pytest.approx(own.variance)
        assert found.covariance.shape == (5,)  # the model's own inputs are seen to be so
        np.testing.assert_allclose(found.cross_covariance, own.cross_covariance, atol=1e-12)


def test_other_inputs_keep_their_own_covariance() -> None:
    inputs, labels = _samples(0)
    model = DataModel.from_moments(Moments.from_samples(inputs, labels, 3))
    others = inputs[labels > 0]
    found = Target.from_labels(model, others, labels[labels > 0] - 1, 2)
    expected = model.basis.T @ np.cov(others.T, bias=True) @ model.basis
    np.testing.assert_allclose(found.covariance, expected, atol=1e-9)


@given(spectra())
def test_reconstruction_is_the_inputs_themselves(eigenvalues: FloatArray) -> None:
    target = Target.reconstruction(eigenvalues)
    assert target.explained_by_inputs == pytest.approx(target.variance)
    np.testing.assert_array_equal(target.explained_by(np.eye(eigenvalues.size)), eigenvalues)
    dense = Target(eigenvalues, np.diag(eigenvalues), target.variance)
    np.testing.assert_allclose(dense.explained_by(np.eye(eigenvalues.size)), eigenvalues)


@given(spectra(largest=20).flatmap(targets), seeds)
def test_products_with_the_root_are_those_with_its_matrix(target: Target, seed: int) -> None:
    rows = np.random.default_rng(seed).standard_normal((3, target.dimension))
    root = target.unit_root if target.unit_root.ndim == 2 else np.diag(target.unit_root)
    signal = target.signal if target.signal.ndim == 2 else np.diag(target.signal)
    np.testing.assert_allclose(target.through_root(rows), rows @ root, atol=1e-12)
    inner = rows @ root
    np.testing.assert_allclose(target.back_through_root(inner), inner @ root.T, atol=1e-12)
    size = np.square(signal).sum()
    np.testing.assert_allclose(target.along_signal(inner), inner @ signal @ signal.T, atol=1e-9 * size)
    np.testing.assert_allclose(target.explained_gram(inner), inner @ signal @ (inner @ signal).T, atol=1e-9 * size)
    covariance = target.covariance if target.covariance.ndim == 2 else np.diag(target.covariance)
    # Directions below 1e-10 of the largest eigenvalue do not count.
    np.testing.assert_allclose(root @ root.T * target.scale, covariance, atol=1e-9 * target.scale)


@given(data_models(largest_dimension=20), st.floats(1.001, 10))
def test_no_predictor_explains_more_than_the_variance(model: DataModel, factor: float) -> None:
    own = Target.source_classes(model)
    assert own.explained_by_inputs <= own.variance * (1 + 1e-9)
    with pytest.raises(InputError, match="cross_covariance: a linear predictor would explain"):
        Target(own.covariance, own.cross_covariance, own.explained_by_inputs / factor)


@pytest.mark.parametrize(
    ("covariance", "crossed", "variance", "match"),
    [
        ([1.0, -1.0], [0.1, 0.1], 1.0, "smallest entry of covariance: -1"),
        ([[1.0, 2.0], [0.0, 1.0]], [0.1, 0.1], 1.0, "covariance: is not symmetric"),
        ([[1.0, 2.0], [2.0, 1.0]], [0.1, 0.1], 1.0, "covariance: has a negative eigenvalue"),
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [0.1, 0.1], 1.0, r"covariance: has shape \(2, 3\)"),
        ([1.0, 1.0], [0.1, 0.1, 0.1], 1.0, r"cross_covariance: has shape \(3,\); give 2 rows"),
        ([1.0, 1.0], [0.1, float("nan")], 1.0, "cross_covariance: holds 1 NaN"),
        ([1.0, 1.0], [0.1, 0.1], 0.0, "variance: 0.0 is not accepted"),
    ],
)
def test_moments_of_no_distribution_are_refused(
    covariance: FloatArray, crossed: FloatArray, variance: float, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        Target(covariance, crossed, variance)


def test_samples_that_do_not_fit_are_refused() -> None:
    inputs, labels = _samples(0)
    model = DataModel.from_moments(Moments.from_samples(inputs, labels, 3))
    with pytest.raises(InputError, match="inputs: has 4 coordinates; give 5"):
        Target.from_samples(model, inputs[:, :4], labels)
    with pytest.raises(InputError, match=r"values: has shape \(59,\); give one row for each of 60 inputs"):
        Target.from_samples(model, inputs, labels[:59])
    with pytest.raises(InputError, match="target: does not vary"):
        Target.from_samples(model, inputs, np.full(60, 1e6))
    with pytest.raises(InputError, match="target: does not vary"):
        Target.from_moments(model, Moments.from_samples(inputs, np.zeros(60, dtype=np.int64), 2))
