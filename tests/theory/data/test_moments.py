from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import seeds
from theory import InputError, Moments, MomentsAccumulator, merge_all


def _sample(seed: int, count: int, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, count)
    labels[:3] = [0, 1, 2]
    return generator.standard_normal((count, 4)) @ generator.standard_normal((4, 4)) + offset, labels


@given(seeds, st.lists(st.integers(1, 49), max_size=4, unique=True))
def test_moments_of_parts_merge_to_the_moments_of_the_whole(seed: int, cuts: list[int]) -> None:
    inputs, labels = _sample(seed, 50)
    whole = Moments.from_samples(inputs, labels, 3)
    edges = [0, *sorted(cuts), 50]
    parts = [Moments.from_samples(inputs[a:b], labels[a:b], 3) for a, b in pairwise(edges)]
    merged = merge_all(parts[::-1])
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(merged.covariance, whole.covariance, rtol=0, atol=1e-12 * whole.total_variance)
    np.testing.assert_allclose(merged.class_means, whole.class_means, rtol=0, atol=1e-12)
    assert merged.class_counts.tolist() == whole.class_counts.tolist()


@given(seeds)
def test_streamed_moments_equal_numpys(seed: int) -> None:
    inputs, labels = _sample(seed, 50)
    accumulator = MomentsAccumulator(3)
    for start in range(0, 50, 7):
        accumulator.update(inputs[start : start + 7], labels[start : start + 7])
    found = accumulator.result()
    np.testing.assert_allclose(found.covariance, np.cov(inputs.T, bias=True), rtol=0, atol=1e-12 * found.total_variance)
    np.testing.assert_allclose(found.class_means, [inputs[labels == k].mean(axis=0) for k in range(3)], atol=1e-12)
    np.testing.assert_allclose(found.prototypes.sum(axis=0), 0, atol=1e-12)


def test_a_large_common_offset_does_not_cancel_digits() -> None:
    inputs, labels = _sample(0, 200)
    plain = Moments.from_samples(inputs, labels, 3)
    moved = Moments.from_samples(inputs + 1e7, labels, 3)
    # Inputs near 1e7 are themselves rounded to 1e7 eps = 2e-9; squared naively they would lose 1e14 eps = 0.02.
    np.testing.assert_allclose(moved.covariance, plain.covariance, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("inputs", "labels", "match"),
    [
        pytest.param([[1.0, np.nan]], [0], "inputs: holds 1 NaN", id="NaN"),
        pytest.param([[1.0, np.inf]], [0], "inputs: holds 1 NaN or infinite", id="infinity"),
        pytest.param([1.0, 2.0], [0], "inputs: has shape", id="one axis"),
        pytest.param([["a", "b"]], [0], "inputs: not numeric", id="text"),
        pytest.param([[1.0, 2.0]], [0, 1], "labels: has shape", id="too many labels"),
        pytest.param([[1.0, 2.0]], [3], "labels: holds the label 3; give integers 0 to 2", id="label out of range"),
        pytest.param([[1.0, 2.0]], [-1], "labels: holds the label -1", id="negative label"),
        pytest.param([[1.0, 2.0]], [0.5], "labels: has type float64", id="label not an integer"),
        pytest.param(np.zeros((0, 2)), np.zeros(0, int), "inputs: is empty", id="no inputs"),
    ],
)
def test_bad_samples_are_refused(inputs: object, labels: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Moments.from_samples(inputs, labels, 3)  # type: ignore[arg-type]


def test_parts_that_do_not_fit_are_refused() -> None:
    two = Moments.from_samples(np.eye(3), [0, 1, 1], 2)
    three = Moments.from_samples(np.eye(3), [0, 1, 2], 3)
    with pytest.raises(InputError, match="other: has"):
        two.merge(three)
    with pytest.raises(InputError, match="parts: is empty"):
        merge_all([])
    with pytest.raises(InputError, match="batches: none was given"):
        MomentsAccumulator(2).result()
