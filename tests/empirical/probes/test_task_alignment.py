"""The alignment of two tasks is a share, is whole for a task with itself and nothing for one it cannot see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from empirical.data.images import ImageSplit, Normalisation
from empirical.probes.probe_tasks import ProbeTask
from empirical.probes.task_alignment import moments_alignment, task_alignment
from theory import InputError, Moments


def task_moments(generator, dimension, classes, count=400, means=None):
    centres = generator.normal(size=(classes, dimension)) if means is None else means
    labels = np.arange(count) % classes
    scales = 1 / np.sqrt(np.arange(1, dimension + 1))
    return Moments.from_samples(centres[labels] + scales * generator.normal(size=(count, dimension)), labels, classes)


@given(st.integers(0, 2**20), st.integers(2, 8), st.integers(2, 5), st.integers(2, 5))
@settings(max_examples=50, deadline=None)
def test_it_is_a_share_and_whole_for_the_task_itself(seed, dimension, classes, others):
    generator = np.random.default_rng(seed)
    source, target = task_moments(generator, dimension, classes), task_moments(generator, dimension, others)
    share = moments_alignment(source, target)
    assert -1e-12 <= share <= 1 + 1e-12
    assert moments_alignment(source, source) == pytest.approx(1, abs=1e-9)
    # As many predictors as directions see all that there is.
    if classes - 1 >= dimension:
        assert share == pytest.approx(1, abs=1e-9)


@given(st.integers(0, 2**20))
@settings(max_examples=25, deadline=None)
def test_coordinates_do_not_matter(seed):
    generator = np.random.default_rng(seed)
    mix = np.eye(5) + 0.3 * generator.normal(size=(5, 5))
    source, target = task_moments(generator, 5, 3), task_moments(generator, 5, 3)

    def mixed(moments):
        return Moments(
            mix @ moments.mean, mix @ moments.covariance @ mix.T, moments.class_counts, moments.class_means @ mix.T
        )

    # Whitening takes as many digits as the condition number, about 1e3, of what is mixed.
    assert moments_alignment(mixed(source), mixed(target)) == pytest.approx(moments_alignment(source, target), abs=1e-8)


def test_it_is_the_share_of_the_labels_variance_that_least_squares_explains():
    """An independent route: regress the target's labels on the inputs, and on the source's fitted labels."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(5000, 6)) @ generator.normal(size=(6, 6))
    labels = [(inputs @ generator.normal(size=(6, 3)) + generator.normal(size=(5000, 3))).argmax(axis=1) for _ in "st"]
    centred = inputs - inputs.mean(axis=0)
    one_hot = [(own[:, None] == np.arange(3)) - (own[:, None] == np.arange(3)).mean(axis=0) for own in labels]

    def explained(regressors, wanted):
        return np.square(regressors @ np.linalg.lstsq(regressors, wanted, rcond=None)[0]).sum()

    predicted = centred @ np.linalg.lstsq(centred, one_hot[0], rcond=None)[0]
    expected = explained(predicted[:, :2], one_hot[1]) / explained(centred, one_hot[1])
    source, target = (Moments.from_samples(inputs, own, 3) for own in labels)
    assert 0.01 < expected < 0.99
    assert moments_alignment(source, target) == pytest.approx(expected, abs=1e-8)


def test_a_task_in_other_directions_is_not_seen():
    first, second = np.zeros((2, 4)), np.zeros((2, 4))
    first[:, 0], second[:, 3] = (-1, 1), (-1, 1)
    frequencies = np.array([500, 500])
    source, target = (
        Moments(np.zeros(4), np.eye(4) + np.outer(means[1], means[1]), frequencies, means) for means in (first, second)
    )
    assert moments_alignment(source, target) == pytest.approx(0, abs=1e-12)


def test_images_are_averaged_over_squares():
    """A task in the squares' means is seen by itself; one in a chequered pattern within squares has no signal there."""
    generator = np.random.default_rng(0)
    labels = np.arange(600) % 2
    noise = generator.integers(80, 120, (600, 3, 32, 32))
    bright, chequered = noise.copy(), noise.copy()
    bright[labels == 1, :, :16] += 60
    sign = np.where(np.indices((32, 32)).sum(axis=0) % 2, 40, -40)
    chequered[labels == 1] += sign
    splits = [ImageSplit(images.astype(np.uint8), labels) for images in (bright, chequered)]
    tasks = [ProbeTask("a task", split, split, 2) for split in splits]
    normalisation = Normalisation.from_images(splits[0])
    assert task_alignment(tasks[0], tasks[0], normalisation) == pytest.approx(1, abs=1e-9)
    # Of the training images alone.
    mislabelled = ImageSplit(splits[0].images, np.arange(600) // 300)
    other = ProbeTask("a task", splits[0], mislabelled, 2)
    assert task_alignment(tasks[0], other, normalisation) == pytest.approx(1, abs=1e-9)
    # Noise alone: of the chequered task's spurious signal in 192 directions one predictor sees about 1/192.
    assert task_alignment(tasks[0], tasks[1], normalisation) < 0.1


def test_bad_input_is_named():
    generator = np.random.default_rng(0)
    with pytest.raises(InputError, match="target: has dimension 3; give 4"):
        moments_alignment(task_moments(generator, 4, 2), task_moments(generator, 3, 2))
    equal = Moments(np.zeros(4), np.eye(4), np.array([5, 5]), np.zeros((2, 4)))
    with pytest.raises(InputError, match="target: has classes with equal means"):
        moments_alignment(task_moments(generator, 4, 2), equal)
