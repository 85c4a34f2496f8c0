"""Gaussian clones of labelled samples: the moments of each class are exact, and all else is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kurtosis

from simulation.training.exact_class_moments import sample_with_exact_class_moments
from tests.strategies import seeds
from theory import ClassConditionalModel, ComponentCovariances, InputError, MixtureModel
from theory.validation import FloatArray, IntArray


def _moments(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    return rows.mean(axis=0), np.cov(rows.T, bias=True)


def _samples(seed: int, dimension: int, sizes: list[int]) -> tuple[FloatArray, IntArray]:
    """Correlated samples of classes whose means are apart."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    mixing = generator.standard_normal((len(sizes), dimension, dimension))
    rows = np.einsum("nd,nde->ne", generator.standard_normal((labels.size, dimension)), mixing[labels])
    return rows + 2 * generator.standard_normal((len(sizes), dimension))[labels], labels


@given(seeds, st.integers(1, 6), st.lists(st.integers(3, 12), min_size=2, max_size=4))
@settings(max_examples=30)
def test_a_clone_of_samples_has_the_moments_of_their_classes(seed: int, dimension: int, sizes: list[int]) -> None:
    """Also where a class has fewer samples than directions: the clone lies in the directions of that class."""
    rows, labels = _samples(seed, dimension, sizes)
    model = ClassConditionalModel.from_samples(rows, labels, len(sizes))
    clone = model.model.from_eigenbasis(sample_with_exact_class_moments(model, labels, seed % 2**31))
    centred = rows - rows.mean(axis=0)
    # Rounding of an orthonormal factor; directions below 1e-10 of a class's largest variance are left out, 1e-5 of its
    # deviation.
    for label in range(len(sizes)):
        own, copied = _moments(centred[labels == label]), _moments(clone[labels == label])
        scale = np.sqrt(np.trace(np.atleast_2d(own[1])))
        np.testing.assert_allclose(copied[0], own[0], atol=1e-9 * (1 + scale + np.abs(own[0]).max()))
        np.testing.assert_allclose(copied[1], own[1], atol=1e-9 * scale**2)
    assert not np.allclose(clone, centred, atol=1e-3 * np.abs(centred).max())


def test_a_clone_of_a_class_of_two_gaussians_keeps_them_apart() -> None:
    """Its kurtosis is that of two points eight deviations apart, below -1; that of one Gaussian is 0."""
    covariances = ComponentCovariances(np.eye(3)[None], np.zeros(3, int), np.ones(3))
    means = [[4.0, 0, 0], [-4.0, 0, 0], [0, 5.0, 0]]
    mixture = MixtureModel.from_components([0.25, 0.25, 0.5], [0, 0, 1], means, covariances)
    labels = np.repeat([0, 1], 400)
    clone = mixture.model.from_eigenbasis(sample_with_exact_class_moments(mixture, labels, 0))[:400, 0]
    assert kurtosis(clone) < -1
    whole = ClassConditionalModel.from_mixture(mixture)
    single = whole.model.from_eigenbasis(sample_with_exact_class_moments(whole, labels, 0))[:400, 0]
    # Five standard errors sqrt(24 / n) of the kurtosis of a Gaussian sample.
    assert abs(kurtosis(single)) < 5 * np.sqrt(24 / 400)


def test_seeds_give_other_clones_and_the_same_one_the_same() -> None:
    rows, labels = _samples(0, 4, [10, 12])
    model = ClassConditionalModel.from_samples(rows, labels, 2)
    first, again, other = (sample_with_exact_class_moments(model, labels, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_a_class_with_no_more_samples_than_directions_is_refused() -> None:
    rows, labels = _samples(0, 4, [10, 12])
    model = ClassConditionalModel.from_samples(rows, labels, 2)
    with pytest.raises(InputError, match="labels: class 1 has 4 samples and varies in 4 directions; give at least 5"):
        sample_with_exact_class_moments(model, np.repeat([0, 1], [5, 4]), 0)
    with pytest.raises(InputError, match="labels: holds the label 2"):
        sample_with_exact_class_moments(model, np.array([0, 2]), 0)
