from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

from empirical.probes.neighbour_information import (
    label_information,
    leading_directions,
    neighbour_information,
    uniform_ranks,
)
from tests.strategies import seeds
from theory import InputError
from theory.validation import FloatArray


def _gaussian_pair(correlation: float, count: int, seed: int, dimensions: int = 1) -> tuple[FloatArray, FloatArray]:
    generator = np.random.default_rng(seed)
    first, noise = generator.standard_normal((2, count, dimensions))
    return first, correlation * first + np.sqrt(1 - correlation**2) * noise


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_gaussian_information_in_closed_form(correlation: float, dimensions: int) -> None:
    """-1/2 log(1 - rho^2) for each pair of coordinates; within four standard errors over ten draws, and a bias."""
    expected = -0.5 * dimensions * np.log(1 - correlation**2)
    found = [neighbour_information(*_gaussian_pair(correlation, 1000, seed, dimensions)) for seed in range(10)]
    error = np.std(found, ddof=1) / np.sqrt(10)
    # The bias at n = 1,000 and k = 3: none seen in one dimension, up to 2 % of 1.66 in two.
    assert np.mean(found) == pytest.approx(expected, abs=4 * error + 0.02 * expected)
    assert error < 0.02


@pytest.mark.parametrize("separation", [0.0, 1.0, 3.0])
def test_label_information_of_two_gaussian_classes(separation: float) -> None:
    """Against the entropy of the mixture, integrated numerically."""
    grid = np.linspace(-12, 12, 20_001)
    parts = stats.norm.pdf(grid[:, None] - np.array([-1, 1]) * separation / 2)
    mixture = parts.mean(axis=1)
    expected = -np.trapezoid(mixture * np.log(mixture), grid) - stats.norm.entropy()
    found = []
    for seed in range(10):
        generator = np.random.default_rng(seed)
        labels = generator.integers(0, 2, 1000)
        values = generator.standard_normal((1000, 1)) + (labels[:, None] - 0.5) * separation
        found.append(label_information(values, labels))
    error = np.std(found, ddof=1) / np.sqrt(10)
    assert np.mean(found) == pytest.approx(expected, abs=4 * error)
    assert error < 0.02


@settings(max_examples=10)
@given(seeds)
def test_in_one_dimension_the_estimates_are_scikit_learns(seed: int) -> None:
    first, second = _gaussian_pair(0.7, 300, seed)
    # Scikit-learn scales by each variable's deviation, adds noise of 1e-10 and lets no estimate be negative.
    peer = mutual_info_regression(first, second[:, 0], n_neighbors=3, random_state=0)[0]
    assert max(neighbour_information(first, second), 0) == pytest.approx(peer, abs=1e-9)
    labels = np.random.default_rng(seed).integers(0, 3, 300)
    values = first + 0.8 * labels[:, None]
    peer = mutual_info_classif(values, labels, n_neighbors=3, random_state=0)[0]
    assert max(label_information(values, labels), 0) == pytest.approx(peer, abs=1e-9)


@given(seeds)
def test_units_turns_and_the_order_of_samples_change_nothing(seed: int) -> None:
    first, second = _gaussian_pair(0.8, 100, seed, dimensions=2)
    order = np.random.default_rng(seed).permutation(100)
    expected = neighbour_information(first, second)
    assert neighbour_information(second, first) == pytest.approx(expected, abs=1e-12)
    assert neighbour_information(first[order], second[order]) == pytest.approx(expected, abs=1e-12)
    assert neighbour_information(1e4 * first + 3, 1e-4 * second - 1) == pytest.approx(expected, abs=1e-9)
    labels = order % 3
    assert label_information(-1e3 * first, labels) == pytest.approx(label_information(first, labels), abs=1e-9)


def test_increasing_maps_change_little_and_nothing_after_ranking() -> None:
    first, second = _gaussian_pair(0.8, 1000, 0)
    expected = -0.5 * np.log(1 - 0.8**2)
    mapped = np.arctan(first), second**3 + second
    # The scatter of one estimate at n = 1,000 is 0.03.
    assert neighbour_information(*mapped) == pytest.approx(expected, abs=0.12)
    ranked = neighbour_information(uniform_ranks(first), uniform_ranks(second))
    assert neighbour_information(*(uniform_ranks(part) for part in mapped)) == ranked
    assert ranked == pytest.approx(expected, abs=0.12)
    labels = (second[:, 0] > 0).astype(int)
    assert label_information(uniform_ranks(np.exp(first)), labels) == label_information(uniform_ranks(first), labels)


def test_outputs_that_coincide_are_counted_as_an_atom() -> None:
    """A discrete variable with itself: its entropy, here log 4, up to the bias 3 / (2 n) of its samples."""
    codes = np.repeat(np.arange(4.0), 100)[:, None]
    assert neighbour_information(codes, codes) == pytest.approx(np.log(4), abs=0.01)
    assert label_information(codes, codes[:, 0].astype(int)) == pytest.approx(np.log(4), abs=0.01)
    assert neighbour_information(np.zeros((400, 2)), codes) == pytest.approx(0, abs=0.01)
    assert label_information(np.zeros((400, 2)), codes[:, 0].astype(int)) == pytest.approx(0, abs=0.01)


def test_a_rectified_output_tells_what_its_mixture_of_atom_and_density_tells() -> None:
    """T = max(Z, 0), Y the sign of Z with a fifth flipped: I = log 2 - H(1/5), all of it through T > 0."""
    found = []
    for seed in range(10):
        generator = np.random.default_rng(seed)
        signal = generator.standard_normal(1000)
        labels = (signal > 0) ^ (generator.random(1000) < 0.2)
        found.append(label_information(np.maximum(signal, 0)[:, None], labels.astype(int)))
    error = np.std(found, ddof=1) / np.sqrt(10)
    # Where the positive outputs begin, their neighbourhoods reach the atom: a bias of about k / n.
    assert np.mean(found) == pytest.approx(np.log(2) - stats.entropy([0.2, 0.8]), abs=4 * error + 0.005)


def test_in_many_dimensions_dependence_is_missed() -> None:
    """What the leading directions are for: 30 coordinates hide the one that depends, a projection finds it."""
    first, second = _gaussian_pair(0.95, 500, 0)
    noise = 0.5 * np.random.default_rng(1).standard_normal((500, 30))
    hidden = np.concatenate([first, noise], axis=1)
    expected = -0.5 * np.log(1 - 0.95**2)
    assert neighbour_information(hidden, second) < 0.4 * expected
    projected = leading_directions(hidden, 1)
    assert neighbour_information(projected.values, second) > 0.8 * expected


@pytest.mark.parametrize("shape", [(60, 8), (8, 60)], ids=["more samples", "more features"])
def test_leading_directions_are_the_principal_components(shape: tuple[int, int]) -> None:
    samples = np.random.default_rng(0).standard_normal(shape) * np.arange(1, shape[1] + 1) + 5
    found = leading_directions(samples, 3)
    left, singular, _ = np.linalg.svd(samples - samples.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(found.values), np.abs(left[:, :3] * singular[:3]), atol=1e-9 * singular[0])
    assert found.variance_share == pytest.approx(np.sum(singular[:3] ** 2) / np.sum(singular**2))


@pytest.mark.parametrize(
    ("values", "labels", "neighbours", "match"),
    [
        pytest.param([[np.nan], [1.0]], [0, 1], 1, "values: holds 1 NaN", id="NaN"),
        pytest.param([1.0, 2.0], [0, 1], 1, "values: has shape", id="one axis"),
        pytest.param([[1.0], [2.0]], [0], 1, "labels: has shape", id="labels"),
        pytest.param([[1.0], [2.0]], [0.0, 1.0], 1, "labels: has type", id="label not an integer"),
        pytest.param([[1.0], [2.0]], [0, 1], 1, "labels: no class has two samples", id="lone samples"),
        pytest.param([[1.0], [2.0]], [0, 0], 2, "neighbours: 2 is not accepted; give fewer than the 2", id="many"),
        pytest.param([[1.0], [2.0]], [0, 0], 0, "neighbours: 0", id="no neighbour"),
    ],
)
def test_bad_input_is_refused(values: object, labels: object, neighbours: int, match: str) -> None:
    given_values, given_labels = np.asarray(values), np.asarray(labels)
    with pytest.raises(InputError, match=match):
        label_information(given_values, given_labels, neighbours)


def test_bad_pairs_and_projections_are_refused() -> None:
    with pytest.raises(InputError, match="second: has 2 rows; give 3"):
        neighbour_information(np.ones((3, 1)), np.ones((2, 1)))
    with pytest.raises(InputError, match="first: holds 1 NaN"):
        neighbour_information(np.array([[np.inf], [0.0]]), np.ones((2, 1)))
    with pytest.raises(InputError, match="neighbours: 3"):
        neighbour_information(np.ones((3, 1)), np.ones((3, 1)))
    with pytest.raises(InputError, match="directions: 3 is not accepted; give at most 2"):
        leading_directions(np.eye(5)[:, :2], 3)
    with pytest.raises(InputError, match="samples: are all equal"):
        leading_directions(np.ones((3, 2)), 1)
    with pytest.raises(InputError, match="values: holds"):
        uniform_ranks(np.array([[np.nan]]))
