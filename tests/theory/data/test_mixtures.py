"""Components that add up to a data model, and covariances in factor form, against dense algebra."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from tests.strategies import seeds
from theory import ClassConditionalModel, ComponentCovariances, DataModel, InputError, MixtureModel, Moments
from theory.validation import FloatArray, IntArray


def _covariances(seed: int, dimension: int = 6) -> ComponentCovariances:
    """Five components on two shared matrices, with factors of rank 0 to 4."""
    generator = np.random.default_rng(seed)
    roots = generator.standard_normal((2, dimension, dimension))
    ranks = (0, 1, 4, 2, 0)
    factors = tuple(generator.standard_normal((rank, dimension)) for rank in ranks)
    return ComponentCovariances(
        roots @ np.swapaxes(roots, 1, 2), np.array([0, 0, 1, 1, 0]), np.array([1, 0.3, 0.5, 0, 2]), factors
    )


def _dense(covariances: ComponentCovariances) -> FloatArray:
    return np.stack([covariances.matrix(component) for component in range(covariances.components)])


@given(seeds)
def test_factor_form_is_dense_algebra(seed: int) -> None:
    """Products, diagonals, weighted sums and rotations are those of shares_c A + F^T F written out."""
    covariances = _covariances(seed)
    plain = np.stack(
        [
            share * covariances.matrices[base] + factor.T @ factor
            for base, share, factor in zip(covariances.base, covariances.shares, covariances.factors, strict=True)
        ]
    )
    generator = np.random.default_rng(seed)
    rows, weights = generator.standard_normal((3, 6)), generator.random(5)
    basis = np.linalg.qr(generator.standard_normal((6, 4))).Q
    np.testing.assert_allclose(_dense(covariances), plain, rtol=0, atol=1e-12)
    np.testing.assert_allclose(covariances.times(rows), rows @ plain, rtol=0, atol=1e-11)
    np.testing.assert_allclose(covariances.variances, np.diagonal(plain, axis1=1, axis2=2), rtol=0, atol=1e-12)
    np.testing.assert_allclose(covariances.mean(weights), np.tensordot(weights, plain, 1), rtol=0, atol=1e-11)
    np.testing.assert_allclose(_dense(covariances.rotated(basis)), basis.T @ plain @ basis, rtol=0, atol=1e-11)
    dense = ComponentCovariances.from_dense(plain)
    np.testing.assert_array_equal(dense.times(rows), rows @ plain)


def test_covariances_count_the_numbers_that_determine_them() -> None:
    """By hand: two symmetric 6 x 6 matrices; factors of 6, 6+5+4+3 and 6+5 numbers up to rotation; three shares."""
    assert _covariances(0).parameters == 2 * 21 + 6 + 18 + 11 + 3
    assert ComponentCovariances.from_dense(np.stack([np.eye(3)] * 4)).parameters == 4 * 6
    # A factor of more rows than directions has no more numbers than a covariance.
    wide = ComponentCovariances(np.zeros((1, 3, 3)), np.zeros(1, int), np.zeros(1), (np.ones((50, 3)),))
    assert wide.parameters == 6 + 6


def _samples(seed: int) -> tuple[FloatArray, IntArray, IntArray]:
    """120 inputs of rank 5 in 7 coordinates far from the origin, of five components in three classes."""
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((120, 5)) @ generator.standard_normal((5, 7)) + 100
    components = generator.permutation(np.arange(120) % 5)
    return inputs, components, np.array([0, 1, 1, 0, 2])


def _mixture(seed: int) -> MixtureModel:
    inputs, components, labels = _samples(seed)
    parts = [inputs[components == one] for one in range(5)]
    factors = tuple((part - part.mean(axis=0)) / np.sqrt(len(part)) for part in parts)
    nothing = ComponentCovariances(np.zeros((1, 7, 7)), np.zeros(5, int), np.zeros(5), factors)
    frequencies = np.array([len(part) for part in parts]) / 120
    return MixtureModel.from_components(frequencies, labels, np.stack([part.mean(axis=0) for part in parts]), nothing)


@given(seeds)
def test_components_of_samples_add_up_to_their_moments(seed: int) -> None:
    inputs, components, labels = _samples(seed)
    mixture, moments = _mixture(seed), Moments.from_samples(inputs, labels[components], 3)
    model = mixture.model
    basis = model.basis
    assert basis is not None
    assert model.dimension == 5
    assert mixture.components_per_class.tolist() == [2, 2, 1]
    scale = moments.total_variance
    np.testing.assert_allclose((basis * model.eigenvalues) @ basis.T, moments.covariance, atol=1e-9 * scale)
    np.testing.assert_allclose(model.prototypes @ basis.T, moments.prototypes, atol=1e-9 * np.sqrt(scale))
    np.testing.assert_allclose(model.frequencies, moments.frequencies, atol=1e-12)
    for one in range(5):
        part = inputs[components == one]
        found = basis @ mixture.covariances.matrix(one) @ basis.T
        np.testing.assert_allclose(found, np.cov(part.T, bias=True), atol=1e-9 * scale)
        np.testing.assert_allclose(mixture.means[one] @ basis.T + moments.mean, part.mean(axis=0), atol=1e-9 * scale)


@given(seeds)
def test_classes_of_a_mixture_are_those_of_its_samples(seed: int) -> None:
    inputs, components, labels = _samples(seed)
    found = ClassConditionalModel.from_mixture(_mixture(seed))
    expected = ClassConditionalModel.from_samples(inputs, labels[components], 3)
    # Eigenvectors have a sign each.
    ours, theirs = found.model.basis, expected.model.basis
    assert ours is not None
    assert theirs is not None
    np.testing.assert_allclose(
        ours @ found.within @ ours.T, theirs @ expected.within @ theirs.T, atol=1e-9 * found.model.total_variance
    )


def test_a_class_model_is_a_mixture_of_one_component_per_class() -> None:
    inputs, components, labels = _samples(0)
    classes = ClassConditionalModel.from_samples(inputs, labels[components], 3)
    assert isinstance(classes, MixtureModel)
    assert classes.labels.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(classes.means, classes.model.means)
    # Frequencies that sum to 1, means and covariances in five directions.
    assert classes.parameters == 2 + 3 * 5 + 3 * 15


_MODEL = DataModel.two_classes(np.array([2.0, 1.0]), np.array([0.5, 0.0]))
_OK = MixtureModel(
    _MODEL,
    np.array([0, 1, 1]),
    np.array([0.5, 0.25, 0.25]),
    np.array([[-1.0, 0.0], [1.0, 0.5], [1.0, -0.5]]),
    ComponentCovariances.from_dense(np.array([np.eye(2), np.diag([1.0, 0.75]), np.diag([1.0, 0.75])])),
)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        pytest.param({"labels": np.array([0, 1])}, "labels: has shape", id="two labels"),
        pytest.param({"labels": np.array([0, 1, 2])}, "labels: holds the label 2", id="a class too many"),
        pytest.param({"labels": np.zeros(3, int)}, "class 0 add up to 1", id="a class without a component"),
        pytest.param({"frequencies": np.array([0.5, 0.5, 0.0])}, "give 3 positive shares", id="an empty component"),
        pytest.param({"frequencies": np.array([0.4, 0.3, 0.3])}, "class 0 add up to 0.4", id="other frequencies"),
        pytest.param({"means": np.zeros((3, 3))}, "means: has shape", id="three directions"),
        pytest.param({"means": np.array([[-1, 0], [1, 0.6], [1, -0.5]])}, "prototype of class 1 differs", id="means"),
        pytest.param({"covariances": ComponentCovariances.from_dense(np.stack([np.eye(2)] * 2))}, "give \\(3, 2, 2\\)"),
        pytest.param({"covariances": ComponentCovariances.from_dense(np.stack([np.eye(2)] * 3))}, "differ .* by 0.125"),
    ],
)
def test_components_that_do_not_add_up_are_refused(change: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        replace(_OK, **change)


_GOOD = ([0.5, 0.5], [0, 1], np.eye(2), ComponentCovariances.from_dense(np.stack([np.eye(2)] * 2)))


@pytest.mark.parametrize(
    ("place", "value", "match"),
    [
        (0, [0.5, 0.6], "frequencies: give 2 positive shares"),
        (1, [0, 2], "labels: give 2 integers 0 to K - 1"),
        (1, [0.0, 1.0], "labels: give 2 integers"),
        (2, np.eye(3), "frequencies: give 3"),
        (
            3,
            ComponentCovariances.from_dense(np.stack([np.eye(3)] * 2)),
            "covariances: are 2 in 3 directions; give 2 in 2",
        ),
    ],
)
def test_bad_components_are_refused(place: int, value: object, match: str) -> None:
    given = list(_GOOD)
    given[place] = value
    with pytest.raises(InputError, match=match):
        MixtureModel.from_components(*given)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((np.ones((1, 2, 3)), [0], [1.0]), "matrices: has shape \\(1, 2, 3\\)"),
        ((np.ones((1, 2, 2)), [1], [1.0]), "base: give one integer from 0 to 0"),
        ((np.ones((1, 2, 2)), [], []), "base: give one integer"),
        ((np.ones((1, 2, 2)), [0], [-1.0]), "shares: give 1 numbers of at least 0"),
        ((np.ones((1, 2, 2)), [0], [1.0], (np.ones((1, 2)),) * 2), "factors: has 2 entries; give 1"),
        ((np.ones((1, 2, 2)), [0], [1.0], (np.ones((1, 3)),)), "factors: has shape \\(1, 3\\)"),
        ((np.ones((1, 2, 2)), [0], [1.0], (np.full((1, 2), np.nan),)), "factors: holds 2 NaN"),
    ],
)
def test_covariances_that_do_not_fit_are_refused(arguments: tuple[object, ...], match: str) -> None:
    with pytest.raises(InputError, match=match):
        ComponentCovariances(*arguments)
