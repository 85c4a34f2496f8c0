"""Assumptions on samples: what noise may not pass for, and what a sample does resolve."""

from __future__ import annotations

import numpy as np
import pytest

from theory import DataModel, InputError, Moments, Softmax
from theory.assessment import Assessment, Verdict
from theory.assumptions import alignment, assess
from theory.sampled_assumptions import SampledAssumptions
from theory.stratified import stratified_parts
from theory.validation import FloatArray, IntArray


def _assessed(inputs: FloatArray, labels: IntArray, seed: int = 0) -> dict[str, Assessment]:
    model = DataModel.from_moments(Moments.from_samples(inputs, labels, int(labels.max()) + 1))
    samples = SampledAssumptions(model, model.to_eigenbasis(inputs - inputs.mean(axis=0)), labels, seed)
    step_size = 0.1 / float(model.eigenvalues[0])
    found = samples.of_moments(Softmax(), step_size, 0.01, stratified_parts(labels, 10, np.random.default_rng(seed)))
    return {one.name: one for one in found}


def _rows(count: int, dimension: int, seed: int) -> FloatArray:
    scales = np.arange(1, dimension + 1) ** -0.7
    return np.random.default_rng(seed).standard_normal((count, dimension)) * scales


@pytest.fixture(scope="module")
def noise() -> list[tuple[dict[str, Assessment], float]]:
    """Twenty-four samples with labels that mean nothing, assessed, with the plain R2 / R0 of their moments."""
    found = []
    for seed in range(24):
        inputs = _rows(200, 12, seed)
        labels = np.random.default_rng(seed + 1000).permutation(np.arange(200) % 3)
        plain = alignment(DataModel.from_moments(Moments.from_samples(inputs, labels, 3)), Softmax()).value
        found.append((_assessed(inputs, labels, seed), plain))
    return found


def test_labels_that_mean_nothing_are_not_said_to_be_aligned(noise: list[tuple[dict[str, Assessment], float]]) -> None:
    # The plain ratio says so for most of them, as noise has the directions of large variance.
    assert sum(plain > 1 for _, plain in noise) > 18
    held = sum(one["A3"].holds for one, _ in noise)
    # A direction is taken for resolved in 1 of 100 samples; three or more of 24 have a chance of .002.
    assert held <= 2


def test_what_rests_on_a_signal_is_open_where_there_is_none(noise: list[tuple[dict[str, Assessment], float]]) -> None:
    for one, _ in noise:
        if "0 of 2" in one["A3"].measure:
            assert one["A3"].verdict is Verdict.NOT_RESOLVED
            assert one["A7"].interval is not None
            assert one["A7"].interval[1] == np.inf
        # What the spectrum decides is resolved all the same.
        assert one["A5"].holds
        assert one["A6"].verdict is Verdict.FAILS


def test_intervals_cover_the_model_that_samples_were_drawn_from() -> None:
    """A3, A6, A7 and A8 of thirty samples of a known model against its exact values."""
    dimension, spread = 20, 0.4
    variances = np.arange(1, dimension + 1) ** -0.7
    centres = np.random.default_rng(0).standard_normal((3, dimension)) * spread * np.sqrt(variances)
    centres -= centres.mean(axis=0)
    within = np.diag(variances)
    covariance = within + centres.T @ centres / 3
    exact_model = DataModel.from_moments(Moments(np.zeros(dimension), covariance, np.array([1, 1, 1]), centres))
    covered = dict.fromkeys(("A3", "A6", "A7", "A8"), 0)
    exact = {one.name: one.value for one in assess(exact_model, Softmax(), 0.1, 0.01)}
    for seed in range(30):
        labels = np.arange(900) % 3
        inputs = np.random.default_rng(seed).standard_normal((900, dimension)) * np.sqrt(variances) + centres[labels]
        found = _assessed(inputs, labels, seed)
        for name in covered:
            interval = found[name].interval
            assert interval is not None
            covered[name] += interval[0] <= exact[name] <= interval[1]
    # 95 % of 30 less three standard deviations, 1.2 each.
    assert min(covered.values()) >= 25, covered


def test_a_clear_signal_is_resolved() -> None:
    labels = np.arange(600) % 2
    inputs = _rows(600, 12, 0)
    inputs[:, 0] += 2.0 * labels
    found = _assessed(inputs, labels)
    assert found["A3"].holds
    assert "1 of 1 directions" in found["A3"].measure
    inputs = _rows(600, 12, 0)
    inputs[:, -1] += 4.0 * labels * 12**-0.7
    assert _assessed(inputs, labels)["A3"].verdict is Verdict.FAILS


def test_classes_of_one_sample_and_bad_labels_are_named() -> None:
    model = DataModel.two_classes(np.array([2.0, 1.0]), np.array([0.1, 0.1]))
    with pytest.raises(InputError, match="class 1 has 1 members"):
        SampledAssumptions(model, np.eye(3, 2), np.array([0, 0, 1]))


def test_parts_are_disjoint_and_hold_every_class_alike() -> None:
    labels = np.repeat([0, 1, 2], [50, 23, 4])
    parts = stratified_parts(labels, 10, np.random.default_rng(3))
    assert sorted(np.concatenate(parts)) == list(range(77))
    for part in parts:
        assert part.size in (7, 8)
        assert np.bincount(labels[part], minlength=3)[2] <= 1
