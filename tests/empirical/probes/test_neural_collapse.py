from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empirical.probes.neural_collapse import neural_collapse
from tests.strategies import seeds
from theory import InputError, Moments
from theory.validation import FloatArray, IntArray


def _sample(seed: int, classes: int = 4, features: int = 9, count: int = 300) -> tuple[FloatArray, IntArray]:
    generator = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), generator.integers(0, classes, count - classes)])
    means = generator.standard_normal((classes, features))
    mixing = generator.standard_normal((features, features)) / 3
    return means[labels] + generator.standard_normal((count, features)) @ mixing + 5, labels


@given(seeds, st.integers(2, 6))
def test_measures_are_those_of_the_publications_formulas_on_the_samples(seed: int, classes: int) -> None:
    activations, labels = _sample(seed, classes)
    found = neural_collapse(Moments.from_samples(activations, labels, classes))
    means = np.stack([activations[labels == k].mean(axis=0) for k in range(classes)])
    shares = np.bincount(labels) / labels.size
    within = np.cov((activations - means[labels]).T, bias=True)
    centred = means - activations.mean(axis=0)
    between = (shares[:, None] * centred).T @ centred
    inverse = np.linalg.pinv(between, rcond=1e-9, hermitian=True)
    assert found.within_class == pytest.approx(np.trace(within @ inverse) / classes, rel=1e-6)
    assert found.variance_ratio == pytest.approx(np.trace(within) / np.trace(between), rel=1e-9)
    assert found.between_rank == classes - 1
    arms = means - means.mean(axis=0)
    norms = np.linalg.norm(arms, axis=1)
    pairs = [(a, b) for a in range(classes) for b in range(a)]
    cosines = np.array([arms[a] @ arms[b] / norms[a] / norms[b] for a, b in pairs])
    assert found.norm_variation == pytest.approx(norms.std() / norms.mean(), abs=1e-9)
    assert found.cosine_mean == pytest.approx(cosines.mean(), rel=1e-9)
    assert found.cosine_deviation == pytest.approx(cosines.std(), abs=1e-9)
    assert found.angle_distance == pytest.approx(np.abs(cosines + 1 / (classes - 1)).mean(), abs=1e-9)


def _simplex(counts: list[int], within: float) -> Moments:
    """A simplex of classes, turned and moved, with ``within`` of variance in each of eight directions."""
    classes = len(counts)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8))).Q
    means = 3 * (np.eye(classes) - 1 / classes) @ turn[:classes] + 2
    shares = np.array(counts) / sum(counts)
    mean = shares @ means
    between = (shares[:, None] * (means - mean)).T @ (means - mean)
    return Moments(mean, between + within * np.eye(8), np.array(counts), means)


@pytest.mark.parametrize("counts", [[50, 50, 50, 50], [10, 20, 30, 140]], ids=["balanced", "imbalanced"])
def test_a_collapsed_layer_is_zero_in_every_measure(counts: list[int]) -> None:
    collapsed = neural_collapse(_simplex(counts, within=0.0))
    assert collapsed.between_rank == 3
    assert collapsed.cosine_mean == pytest.approx(-1 / 3, abs=1e-12)
    for name in ("within_class", "variance_ratio", "norm_variation", "cosine_deviation", "angle_distance"):
        assert getattr(collapsed, name) == pytest.approx(0, abs=1e-12)


def test_within_class_variability_of_a_balanced_simplex_in_closed_form() -> None:
    """Sigma_B = (9/4) P of rank 3: NC1 = 3 within / (9/4) / 4, and the ratio of traces 8 within / (27/4)."""
    found = neural_collapse(_simplex([50] * 4, within=0.2))
    assert found.within_class == pytest.approx(3 * 0.2 / (9 / 4) / 4, rel=1e-12)
    assert found.variance_ratio == pytest.approx(8 * 0.2 / (27 / 4), rel=1e-12)


@given(seeds)
def test_turning_moving_and_scaling_a_layer_changes_nothing(seed: int) -> None:
    activations, labels = _sample(seed)
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((9, 9))).Q
    plain = Moments.from_samples(activations, labels, 4)
    moved = Moments.from_samples(10 * activations @ turn - 3, labels, 4)
    for name, value in dataclasses.asdict(neural_collapse(plain)).items():
        assert getattr(neural_collapse(moved), name) == pytest.approx(value, rel=1e-6, abs=1e-9)


def test_within_class_variability_is_the_same_under_any_map_where_the_means_span_all_directions() -> None:
    """tr(Sigma_W Sigma_B^+) is invariant under all invertible maps when Sigma_B has full rank."""
    activations, labels = _sample(3, classes=4, features=3)
    mixing = np.random.default_rng(4).standard_normal((3, 3))
    plain = neural_collapse(Moments.from_samples(activations, labels, 4))
    mixed = neural_collapse(Moments.from_samples(activations @ mixing, labels, 4))
    assert mixed.within_class == pytest.approx(plain.within_class, rel=1e-9)
    assert abs(mixed.variance_ratio / plain.variance_ratio - 1) > 0.01


def test_class_means_in_fewer_directions_state_their_rank() -> None:
    activations, labels = _sample(0, classes=6, features=2)
    assert neural_collapse(Moments.from_samples(activations, labels, 6)).between_rank == 2


@pytest.mark.parametrize(
    ("activations", "labels", "match"),
    [
        pytest.param([[1.0], [2.0]], [0, 2], "moments: class 1 has no sample", id="absent class"),
        pytest.param([[1.0], [1.0], [1.0]], [0, 1, 2], "moments: all class means are equal", id="constant"),
        pytest.param([[0.0], [0.0], [0.0]], [0, 1, 2], "moments: all class means are equal", id="dead"),
    ],
)
def test_moments_without_classes_to_compare_are_refused(
    activations: list[list[float]], labels: list[int], match: str
) -> None:
    moments = Moments.from_samples(activations, labels, 3)
    with pytest.raises(InputError, match=match):
        neural_collapse(moments)
