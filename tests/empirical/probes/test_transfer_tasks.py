from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from empirical.data.images import ImageData, ImageSplit, Normalisation
from empirical.probes.probe_tasks import colour_task
from empirical.probes.transfer_tasks import dominant_channels
from tests.strategies import seeds
from theory import InputError

# Raw bytes: nothing shifted, nothing scaled.
RAW = Normalisation(np.zeros(3), np.ones(3))


@given(seeds)
def test_the_dominant_channel_of_normalised_images_has_the_largest_mean(seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (20, 3, 4, 5), dtype=np.uint8)
    images[:, 0] //= 2  # red would win nowhere in raw bytes
    normalisation = Normalisation.from_images(ImageSplit(images, np.zeros(20, dtype=np.int64)))
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


def test_both_splits_of_the_colour_task_are_normalised_by_the_training_images() -> None:
    """Red is weak in the training images alone, so that in the test images nearly all are red."""
    generator = np.random.default_rng(0)
    train, test = generator.integers(0, 256, (2, 60, 3, 4, 5), dtype=np.uint8)
    train[:, 0] //= 2
    classes = np.arange(60) % 2
    task = colour_task(ImageData("c", ImageSplit(train, classes), ImageSplit(test, classes), 2, ("a", "b")))
    centre, scale = train.mean(axis=(0, 2, 3)), train.std(axis=(0, 2, 3))
    for split, images in ((task.train, train), (task.test, test)):
        expected = ((images.mean(axis=(2, 3)) - centre) / scale).argmax(axis=1)
        assert np.array_equal(split.labels, expected)
    assert np.mean(task.test.labels == 0) > 0.9


def test_swapped_channels_swap_the_labels() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 3, 2, 2), dtype=np.uint8)
    order = np.array([2, 0, 1])
    means = images.mean(axis=(2, 3))
    untied = np.array([len(set(row)) == 3 for row in means])
    assert untied.sum() > 30
    assert np.array_equal(
        order[dominant_channels(images[:, order], RAW)][untied], dominant_channels(images, RAW)[untied]
    )


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
