from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empirical.fit.jackknife import check_parts, jackknife_interval, without
from tests.strategies import seeds
from theory import InputError, Moments, merge_all
from theory.data.jackknife import jackknife_error


def _parts(seed: int, count: int, size: int = 30, classes: int = 3) -> list[Moments]:
    generator = np.random.default_rng(seed)
    return [
        Moments.from_samples(generator.standard_normal((size, 4)) + 5, generator.integers(0, classes, size), classes)
        for _ in range(count)
    ]


@given(seeds, st.integers(2, 8))
def test_leaving_a_part_out_is_merging_the_others(seed: int, count: int) -> None:
    parts = _parts(seed, count)
    left = without(merge_all(parts), parts[0])
    others = merge_all(parts[1:])
    # Numbers of order 25 (squared offsets) in float64, over a few additions.
    np.testing.assert_allclose(left.covariance, others.covariance, atol=1e-12)
    np.testing.assert_allclose(left.mean, others.mean, atol=1e-12)
    np.testing.assert_allclose(left.class_means, others.class_means, atol=1e-12)
    np.testing.assert_array_equal(left.class_counts, others.class_counts)


@given(seeds, st.integers(2, 30))
def test_the_error_of_a_mean_is_the_classical_one(seed: int, count: int) -> None:
    """For a mean the jackknife is s / sqrt(m), exactly."""
    values = np.random.default_rng(seed).standard_normal((count, 2))
    replicates = (values.sum(axis=0) - values) / (count - 1)
    # Float error of sums of order m.
    np.testing.assert_allclose(jackknife_error(replicates), values.std(axis=0, ddof=1) / np.sqrt(count), rtol=1e-9)


def test_intervals_of_a_gaussian_mean_cover_at_their_level() -> None:
    generator = np.random.default_rng(0)
    values = generator.standard_normal((2000, 10))
    replicates = (values.sum(axis=1, keepdims=True) - values) / 9
    intervals = [jackknife_interval(value, own) for value, own in zip(values.mean(axis=1), replicates, strict=True)]
    covered = np.mean([0.0 in one for one in intervals])
    # Exact for Gaussian values (Student); four standard errors of 2,000 draws at 95 % are 0.0195.
    assert abs(covered - 0.95) < 0.0195


def test_a_missing_replicate_leaves_no_interval() -> None:
    interval = jackknife_interval(1.0, [1.0, float("nan"), 1.1])
    assert np.isnan(interval.standard_error)
    assert 1.0 not in interval


def test_bad_parts_are_refused() -> None:
    parts = _parts(0, 10)
    check_parts("shards", parts)
    with pytest.raises(InputError, match="shards: holds 9 parts; give at least 10"):
        check_parts("shards", parts[:9])
    with pytest.raises(InputError, match="about equal size"):
        check_parts("shards", [*parts[:9], *_parts(1, 1, size=90)])
    with pytest.raises(InputError, match="part: holds inputs that the whole does not"):
        without(parts[0], parts[0])
    with pytest.raises(InputError, match="part: has"):
        without(parts[0], _parts(0, 1, classes=2)[0])
    with pytest.raises(InputError, match="replicates"):
        jackknife_error(np.array([1.0]))
