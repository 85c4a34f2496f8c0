from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import InputError
from theory.data.stratified import joint_labels, stratified_parts, stratified_sample
from theory.validation import check_class_counts


@given(st.lists(st.integers(0, 6), min_size=1, max_size=200), st.integers(1, 12), st.integers(0, 5))
def test_parts_hold_each_sample_once_and_each_class_alike(labels: list[int], count: int, seed: int) -> None:
    known = np.array(labels)
    parts = stratified_parts(known, count, np.random.default_rng(seed))
    assert sorted(np.concatenate(parts)) == list(range(known.size))
    sizes = np.array([own.size for own in parts])
    assert np.ptp(sizes) <= 1
    held = np.array([np.bincount(known[own], minlength=7) for own in parts])
    assert np.ptp(held, axis=0).max() <= 1
    assert all(np.array_equal(np.sort(own), own) for own in stratified_parts(known, count))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=200), st.integers(1, 220), st.integers(0, 5))
def test_a_sample_has_the_shares_of_all_and_no_class_is_lost(labels: list[int], size: int, seed: int) -> None:
    known = np.array(labels)
    chosen = stratified_sample(known, size, seed)
    assert chosen.size == np.unique(chosen).size == min(size, known.size)
    assert np.all(np.diff(chosen) > 0)
    counts, drawn = np.bincount(known, minlength=7), np.bincount(known[chosen], minlength=7)
    assert np.all(drawn <= counts)
    present = counts > 0
    if size >= present.sum():
        assert np.all(drawn[present] >= 1)
    # Within one sample, but for the classes that owe their only sample to that they exist, which others pay for.
    owed = np.maximum(1 - counts[present] * size / known.size, 0).sum()
    assert np.abs(drawn - counts * chosen.size / known.size).max() <= 1 + owed


def test_seeds_draw_other_samples_and_the_same_seed_the_same() -> None:
    labels = np.arange(100) % 3
    draws = [stratified_sample(labels, 30, seed) for seed in (0, 0, 1)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    first, other = (stratified_parts(labels, 2, np.random.default_rng(seed))[0] for seed in (0, 1))
    assert set(first) != set(other)


def test_more_than_one_of_a_rare_class_can_be_asked_for() -> None:
    labels = np.repeat([0, 1, 2], [1000, 2, 1])
    for fewest, expected in ((1, [8, 1, 1]), (2, [7, 2, 1])):
        assert np.bincount(labels[stratified_sample(labels, 10, fewest=fewest)]).tolist() == expected
    assert stratified_sample(labels, 2, fewest=2).size == 2


def test_what_rounding_leaves_goes_to_the_largest_remainder() -> None:
    """Of 9 samples, shares of 5.4, 2.25 and 1.35."""
    labels = np.repeat([0, 1, 2], [60, 25, 15])
    assert np.bincount(labels[stratified_sample(labels, 9)]).tolist() == [6, 2, 1]


def test_several_labels_are_stratified_together() -> None:
    own, other = np.arange(40) % 2, np.arange(40) // 20
    joint = joint_labels([own, other])
    assert np.unique(joint).size == 4
    chosen = stratified_sample(joint, 8)
    assert np.array_equal(np.bincount(2 * own[chosen] + other[chosen]), [2, 2, 2, 2])


def test_the_smallest_class_is_named() -> None:
    labels = np.array([0, 0, 1, 2, 2])
    with pytest.raises(InputError, match="class 1 has 1 sample; give at least 2 of each class, as"):
        check_class_counts(labels, 3, 2, "as a split needs them")
    check_class_counts(labels, 3, 1, "as a split needs them")
