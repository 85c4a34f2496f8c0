from __future__ import annotations

import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empirical.data.images import ImageData, ImageSplit, Normalisation, load_images, only_classes, padded_to
from tests.strategies import seeds
from theory import InputError
from theory.validation import quoted


def _split(count: int, shape: tuple[int, int, int] = (3, 4, 5), classes: int = 5, seed: int = 0) -> ImageSplit:
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, *shape), dtype=np.uint8)
    return ImageSplit(images, generator.permutation(np.arange(count) % classes))


def _data(shape: tuple[int, int, int] = (3, 4, 5), classes: int = 5) -> ImageData:
    names = tuple(f"name {one}" for one in range(classes))
    return ImageData("some", _split(40, shape, classes), _split(20, shape, classes, 1), classes, names)


def test_data_know_their_channels_and_size() -> None:
    assert (_data().channels, _data().size) == (3, (4, 5))


@given(st.integers(1, 60), st.integers(1, 4), seeds)
def test_the_normalisation_is_the_mean_and_deviation_of_all_pixels(count: int, channels: int, seed: int) -> None:
    images = _split(count, (channels, 3, 4), 1, seed).images
    normalisation = Normalisation.from_images(ImageSplit(images, np.zeros(count, np.int64)))
    pixels = images.astype(np.float64) / 255
    # Float error of at most 720 sums of numbers below 1.
    np.testing.assert_allclose(normalisation.mean, pixels.mean(axis=(0, 2, 3)), rtol=1e-13)
    np.testing.assert_allclose(normalisation.deviation, pixels.std(axis=(0, 2, 3)), rtol=1e-12)
    # Values are below 10, each rounded a few times to float32's 6e-8.
    expected = (pixels - normalisation.mean[:, None, None]) / normalisation.deviation[:, None, None]
    np.testing.assert_allclose(normalisation.apply(images), expected, atol=3e-6)


def test_the_normalisation_covers_every_chunk_and_holds_no_copy_in_floats() -> None:
    split = _split(20_000, (3, 8, 8))
    split.images[-1] = 255
    tracemalloc.start()
    normalisation = Normalisation.from_images(split)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A float32 copy would be four times the images.
    assert peak < 2 * split.images.nbytes
    # Float error of 1.3 million terms, summed pairwise.
    np.testing.assert_allclose(normalisation.mean, (split.images / 255).mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(normalisation.deviation, (split.images / 255).std(axis=(0, 2, 3)), rtol=1e-12)


def test_a_spread_that_floats_would_lose_is_exact() -> None:
    """One pixel of 10^6 that differs by one gray value: deviation sqrt(p (1 - p)) / 255."""
    images = np.full((1000, 1, 10, 100), 254, np.uint8)
    images[3, 0, 4, 5] = 255
    deviation = Normalisation.from_images(ImageSplit(images, np.zeros(1000, np.int64))).deviation
    np.testing.assert_allclose(deviation, np.sqrt(1e-6 * (1 - 1e-6)) / 255, rtol=1e-15)


def test_negatives_are_normalised_to_the_opposite() -> None:
    split = _split(50)
    negative = ImageSplit(255 - split.images, split.labels)
    one = Normalisation.from_images(split).apply(split.images)
    np.testing.assert_allclose(Normalisation.from_images(negative).apply(negative.images), -one, atol=3e-6)


def test_the_test_split_is_normalised_with_the_training_split() -> None:
    data = _data()
    darker = ImageSplit(data.train.images // 2, data.train.labels)
    normalisation = Normalisation.from_images(data.train)
    assert normalisation.apply(darker.images).mean() < -0.5
    assert normalisation.apply(data.train.images).dtype == np.float32


@pytest.mark.parametrize(
    ("images", "match"),
    [
        pytest.param(np.zeros((2, 2, 4, 5), np.uint8), r"images: have shape \(2, 2, 4, 5\)", id="channels"),
        pytest.param(np.zeros((2, 3, 4, 5), np.float32), "type float32; give uint8", id="floats"),
        pytest.param(np.zeros((3, 4, 5), np.uint8), r"give uint8 \(n, 3, height, width\)", id="one image"),
    ],
)
def test_what_cannot_be_normalised_is_refused(images: np.ndarray, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Normalisation.from_images(_split(9)).apply(images)


def test_a_channel_without_variation_is_refused() -> None:
    images = _split(4).images.copy()
    images[:, 1] = 7
    with pytest.raises(InputError, match=r"deviation: is \[.*, 0.0, .*\] about the mean .* channels that vary"):
        Normalisation.from_images(ImageSplit(images, np.zeros(4, np.int64)))
    with pytest.raises(InputError, match=r"mean: has shape \(2,\) and deviation \(1,\)"):
        Normalisation(np.zeros(2), np.ones(1))


def test_chosen_classes_are_renumbered_in_the_order_given() -> None:
    data = _data()
    chosen = only_classes(data, [3, 0])
    assert (chosen.classes, chosen.class_names, chosen.name) == (2, ("name 3", "name 0"), "some classes 3, 0")
    for after, before in ((chosen.train, data.train), (chosen.test, data.test)):
        kept = np.isin(before.labels, [0, 3])
        np.testing.assert_array_equal(after.images, before.images[kept])
        np.testing.assert_array_equal(after.labels == 0, before.labels[kept] == 3)


def test_choosing_twice_is_choosing_the_chosen() -> None:
    twice, once = only_classes(only_classes(_data(), [4, 1, 2]), [2, 0]), only_classes(_data(), [2, 4])
    np.testing.assert_array_equal(twice.train.images, once.train.images)
    np.testing.assert_array_equal(twice.train.labels, once.train.labels)
    assert twice.class_names == once.class_names


@pytest.mark.parametrize("classes", [[], [1], [1, 1], [0, 5], [0, -1], [0, 1.5], [0, True]])
def test_classes_that_cannot_be_chosen_are_refused(classes: list[int]) -> None:
    with pytest.raises(InputError, match=r"^classes: "):
        only_classes(_data(), classes)


@pytest.mark.parametrize(("size", "top", "left"), [(5, 0, 0), (6, 1, 0), (9, 2, 2), (32, 14, 13)])
def test_padding_is_a_black_frame_about_the_same_pixels(size: int, top: int, left: int) -> None:
    data = _data((1, 4, 5))
    padded = padded_to(data, size)
    assert (padded.size, padded.channels, padded.class_names) == ((size, size), 1, data.class_names)
    for after, before in ((padded.train, data.train), (padded.test, data.test)):
        np.testing.assert_array_equal(after.images[:, :, top : top + 4, left : left + 5], before.images)
        assert after.images.sum(dtype=np.int64) == before.images.sum(dtype=np.int64)
        np.testing.assert_array_equal(after.labels, before.labels)


def test_images_larger_than_the_frame_are_refused() -> None:
    with pytest.raises(InputError, match="size: 4 is not accepted; give an integer of at least 5"):
        padded_to(_data(), 4)


def test_a_frame_about_long_images_that_does_not_fit_in_memory_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"data: 4 x 5 images framed to 10\d* x 10\d*: would need .* less long and narrow"
    ):
        padded_to(_data((1, 4, 5)), 10**9)


_GOOD = _split(6, classes=2)


@pytest.mark.parametrize(
    ("images", "labels", "match"),
    [
        pytest.param(_GOOD.images / 255, _GOOD.labels, "images: .* type float64; give uint8", id="floats"),
        pytest.param(_GOOD.images[0], _GOOD.labels, r"images: have shape \(3, 4, 5\)", id="three axes"),
        pytest.param(_GOOD.images[:0], _GOOD.labels[:0], r"images: have shape \(0, 3, 4, 5\)", id="none"),
        pytest.param(_GOOD.images, _GOOD.labels[:3], r"labels: have shape \(3,\).* give \(6,\) integers", id="fewer"),
        pytest.param(_GOOD.images, _GOOD.labels * 1.0, "labels: .* type float64", id="float labels"),
    ],
)
def test_bad_splits_are_refused(images: np.ndarray, labels: np.ndarray, match: str) -> None:
    with pytest.raises(InputError, match=match):
        ImageSplit(images, labels)


@pytest.mark.parametrize(
    ("test", "classes", "names", "match"),
    [
        pytest.param(_GOOD, 1, ("a",), "labels hold 1 class only; give at least 2", id="one class"),
        pytest.param(_GOOD, 2, ("a",), "class_names are 1; give 2", id="names"),
        pytest.param(_split(6, (3, 5, 4), 2), 2, ("a", "b"), r"test images have shape \(3, 5, 4\)", id="shapes differ"),
        pytest.param(_GOOD, 3, ("a", "b", "c"), "class 2 of 0 to 2 is empty in the train split", id="empty class"),
        pytest.param(_split(6, classes=1), 2, ("a", "b"), "class 1 of 0 to 1 is empty in the test", id="empty in test"),
        pytest.param(_split(6, classes=3), 2, ("a", "b"), "test labels: holds the label 2; give", id="label"),
    ],
)
def test_bad_data_are_refused(test: ImageSplit, classes: int, names: tuple[str, ...], match: str) -> None:
    with pytest.raises(InputError, match=match):
        ImageData("some", _GOOD, test, classes, names)


@pytest.mark.parametrize("name", ["", "cifar", "nowhere.npz", "no/such/folder", "long" * 5000])
def test_unknown_names_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError, match=f"data: {re.escape(quoted(name))} is unknown; give cifar10, cifar100, mnist, fashion-mnist"
    ):
        load_images(name)
    with pytest.raises(InputError, match="characters that cannot be printed"):
        load_images("a\nb")


@pytest.mark.cifar
def test_cifar10_as_published(cifar_root: Path) -> None:
    data = load_images("cifar10", cifar_root)
    assert (data.train.images.shape, data.test.images.shape) == ((50_000, 3, 32, 32), (10_000, 3, 32, 32))
    assert np.bincount(data.train.labels).tolist() == [5000] * 10
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
    normalisation = Normalisation.from_images(data.train)
    # The numbers in common use, of the official pixels; compressed copies are known to differ by up to .002.
    np.testing.assert_allclose(normalisation.mean, [0.4914, 0.4822, 0.4465], atol=2e-3)
    np.testing.assert_allclose(normalisation.deviation, [0.2470, 0.2435, 0.2616], atol=2e-3)
