from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given

from empirical.images import ImageSplit, Normalisation
from empirical.transfer_tasks import class_task, dominant_channels, split_classes
from tests.strategies import seeds
from theory import InputError

# Raw bytes: nothing shifted, nothing scaled.
RAW = Normalisation(np.zeros(3), np.ones(3))


@given(seeds)
def test_the_dominant_channel_of_normalised_images_has_the_largest_mean(seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (20, 3, 4, 5), dtype=np.uint8)
    images[:, 0] //= 2  # red would win nowhere in raw bytes
    normalisation = Normalisation.of(ImageSplit(images, np.zeros(20, dtype=np.int64)))
    expected = normalisation.apply(images).mean(axis=(2, 3), dtype=np.float64).argmax(axis=1)
    found = dominant_channels(images, normalisation)
    assert np.array_equal(found, expected)
    assert (found == 0).any()


@given(seeds)
def test_the_dominant_channel_has_the_largest_mean(seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (20, 3, 4, 5), dtype=np.uint8)
    expected = [np.argmax([channel.astype(float).mean() for channel in image]) for image in images]
    assert dominant_channels(images, RAW).tolist() == expected


def test_one_step_of_one_pixel_decides_and_of_equal_channels_the_first_is_taken() -> None:
    images = np.full((4, 3, 64, 64), 255, dtype=np.uint8)
    images[0] = 0
    images[1, :2] = 254
    images[2, 0, 0, 0] = images[2, 2, 3, 3] = 254
    # Sums of 4,096 bytes do not fit a byte or 16 bits, and their exact difference is one.
    assert dominant_channels(images, RAW).tolist() == [0, 2, 1, 0]


def test_swapped_channels_swap_the_labels() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 3, 2, 2), dtype=np.uint8)
    order = np.array([2, 0, 1])
    means = images.mean(axis=(2, 3))
    untied = np.array([len(set(row)) == 3 for row in means])
    assert untied.sum() > 30
    assert np.array_equal(
        order[dominant_channels(images[:, order], RAW)][untied], dominant_channels(images, RAW)[untied]
    )


def test_classes_are_selected_and_renumbered_in_the_order_given() -> None:
    labels = np.array([0, 3, 1, 3, 2, 0, 1])
    task = class_task(labels, [3, 0])
    assert task.rows.tolist() == [0, 1, 3, 5]
    assert task.labels.tolist() == [1, 0, 0, 1]
    assert np.array_equal(np.array(task.classes)[task.labels], labels[task.rows])


@given(seeds)
def test_source_and_rest_share_no_class_and_cover_all_samples(seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.arange(60) % 6)
    source, rest = split_classes(6, 4, seed)
    assert (len(source), len(rest)) == (4, 2)
    assert sorted(source + rest) == list(range(6))
    rows = np.concatenate([class_task(labels, source).rows, class_task(labels, rest).rows])
    assert sorted(rows) == list(range(60))
    assert split_classes(6, 4, seed) == (source, rest)


def test_every_class_is_as_likely_to_be_kept() -> None:
    kept = np.zeros(10)
    for seed in range(2_000):
        kept[list(split_classes(10, 5, seed)[1])] += 1
    # Binomial with share 1/2: four standard errors of 22.
    assert np.abs(kept - 1_000).max() < 90


@pytest.mark.parametrize(
    "images",
    [
        pytest.param(np.zeros((2, 3, 4, 4), np.float32), id="floats"),
        pytest.param(np.zeros((2, 4, 4, 3), np.uint8), id="channels last"),
        pytest.param(np.zeros((2, 48), np.uint8), id="flat"),
        pytest.param(np.zeros((0, 3, 4, 4), np.uint8), id="none"),
    ],
)
def test_images_of_another_kind_are_refused(images: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"images: have shape .*; give \(n, 3, height, width\)"):
        dominant_channels(images, RAW)


@pytest.mark.parametrize(
    ("labels", "classes", "match"),
    [
        pytest.param([0, 1, 2], [1], "classes: .* give at least two different", id="one class"),
        pytest.param([0, 1, 2], [1, 1], "classes: .* give at least two different", id="a class twice"),
        pytest.param([0, 1, 2], [1, 5], "classes: class 5 has no sample", id="absent class"),
        pytest.param([0, 1, 2], [1, -1], "classes: -1", id="negative class"),
        pytest.param([0.0, 1.0], [0, 1], "labels: has type float64", id="labels that are not integers"),
        pytest.param([-1, 1, 0], [0, 1], "labels: holds the label -1", id="negative label"),
        pytest.param([[0, 1]], [0, 1], "labels: has shape", id="labels of two axes"),
    ],
)
def test_bad_selections_are_refused(labels: object, classes: Sequence[int], match: str) -> None:
    with pytest.raises(InputError, match=match):
        class_task(np.asarray(labels), classes)


def test_a_split_leaves_two_classes_on_either_side() -> None:
    for source, match in ((1, "source: 1"), (9, "source: 9 is not accepted; give at most 8")):
        with pytest.raises(InputError, match=match):
            split_classes(10, source, seed=0)
