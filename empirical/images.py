"""Labelled images in two splits, from the official data sets, trees of files or arrays, and their normalisation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.cifar_format import CIFAR10, CIFAR100, CifarLayout, cifar_folder, read_cifar
from empirical.folder_format import read_tree
from empirical.idx_format import FASHION_MNIST, MNIST, IdxLayout, idx_folder, read_idx
from empirical.npz_format import read_arrays
from theory import InputError
from theory.validation import FloatArray, IntArray, at_least, class_labels

#: Images whose squares are held at once.
_CHUNK = 4096

#: Numbers of channels of gray and colour images, with and without transparency.
_USUAL_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, eq=False)
class ImageSplit:
    """Images of one size with their labels.

    Attributes:
        images: (n, channels, height, width) unsigned bytes, n at least 1.
        labels: (n,) integers from 0 on.
    """

    images: NDArray[np.uint8]
    labels: IntArray

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.size == 0:
            raise InputError(
                f"images: have shape {self.images.shape}, type {self.images.dtype}; "
                "give uint8 (n, channels, height, width)"
            )
        count = self.images.shape[0]
        if self.labels.shape != (count,) or self.labels.dtype.kind not in "iu":
            raise InputError(
                f"labels: have shape {self.labels.shape}, type {self.labels.dtype}; give ({count},) integers"
            )


@dataclass(frozen=True, eq=False)
class ImageData:
    """A training and a test split of images with the same classes.

    Attributes:
        name: what it is called in tables and figures.
        train: the training split.
        test: the test split; its images have the shape of the training images.
        classes: number of classes, at least 2; each has an image in both splits.
        class_names: one a class.
    """

    name: str
    train: ImageSplit
    test: ImageSplit
    classes: int
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if at_least(f"{self.name}: classes", self.classes, 1) < 2:
            raise InputError(f"{self.name}: labels hold {self.classes} class only; give at least 2 classes")
        if len(self.class_names) != self.classes:
            raise InputError(f"{self.name}: class_names are {len(self.class_names)}; give {self.classes}")
        if self.train.images.shape[1:] != self.test.images.shape[1:]:
            raise InputError(
                f"{self.name}: test images have shape {self.test.images.shape[1:]} and training images "
                f"{self.train.images.shape[1:]}; give the same (channels, height, width)"
            )
        for which, split in (("train", self.train), ("test", self.test)):
            labels = class_labels(f"{self.name}: {which} labels", split.labels, split.labels.size, self.classes)
            present = np.bincount(labels, minlength=self.classes)
            if (present == 0).any():
                empty = int(np.argmin(present))
                raise InputError(
                    f"{self.name}: class {empty} of 0 to {self.classes - 1} is empty in the {which} split; "
                    "give at least one image a class"
                )

    @property
    def channels(self) -> int:
        """Channels of an image."""
        return int(self.train.images.shape[1])

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of an image, in pixels."""
        return int(self.train.images.shape[2]), int(self.train.images.shape[3])


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Gray values shifted and scaled, channel by channel; black is 0 and white is 1.

    Attributes:
        mean: (channels,) subtracted.
        deviation: (channels,) divided by, positive.
    """

    mean: FloatArray
    deviation: FloatArray

    def __post_init__(self) -> None:
        if self.mean.ndim != 1 or self.mean.shape != self.deviation.shape:
            raise InputError(
                f"mean: has shape {self.mean.shape} and deviation {self.deviation.shape}; give (channels,) each"
            )
        if not (np.isfinite(self.mean).all() and np.isfinite(self.deviation).all() and (self.deviation > 0).all()):
            raise InputError(
                f"deviation: is {self.deviation.tolist()} about the mean {self.mean.tolist()}; "
                "give finite means and positive deviations, from channels that vary"
            )

    @classmethod
    def of(cls, split: ImageSplit) -> Normalisation:
        """Mean and standard deviation of each channel over all pixels of a split; give the training split.

        Sums and sums of squares of bytes are integers, so that nothing is rounded before the last step.

        Raises:
            InputError: a channel whose pixels are all equal.
        """
        images = split.images
        channels = images.shape[1]
        count = images.size // channels
        total, squares = np.zeros(channels, np.int64), np.zeros(channels, np.int64)
        for start in range(0, images.shape[0], _CHUNK):
            chunk = images[start : start + _CHUNK]
            total += chunk.sum(axis=(0, 2, 3), dtype=np.int64)
            # 255^2 fits 16 bits.
            squares += np.square(chunk, dtype=np.uint16).sum(axis=(0, 2, 3), dtype=np.int64)
        # As Python's integers, since count * squares of CIFAR-10 does not fit 64 bits.
        spread = [count * int(square) - int(one) ** 2 for square, one in zip(squares, total, strict=True)]
        return cls(total / (255 * count), np.array([np.sqrt(float(one)) for one in spread]) / (255 * count))

    def apply(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(image / 255 - mean) / deviation, as (n, channels, height, width) float32.

        Raises:
            InputError: images of another type or number of channels.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] != self.mean.size:
            raise InputError(
                f"images: have shape {images.shape}, type {images.dtype}; "
                f"give uint8 (n, {self.mean.size}, height, width)"
            )
        values = images.astype(np.float32)
        values -= (255 * self.mean).astype(np.float32)[:, None, None]
        values /= (255 * self.deviation).astype(np.float32)[:, None, None]
        return values


def load_images(name_or_path: str, data_root: Path | None = None, download: bool = False) -> ImageData:
    """Images by name or path, as unsigned bytes.

    Args:
        name_or_path: one of
            cifar10: ROOT/cifar-10-batches-bin, the official binary files;
            cifar100: ROOT/cifar-100-binary, likewise, with the 100 fine classes;
            mnist, fashion-mnist: ROOT/MNIST/raw, ROOT/FashionMNIST/raw, the official idx files, plain or .gz;
            a folder train/CLASS/FILE beside test/CLASS/FILE (or val/CLASS/FILE), of image files of one size;
            an .npz file of uint8 train_images and test_images, (n, channels, height, width) or (n, height, width), and
            integer train_labels and test_labels (n,), from 0 on.
        data_root: ROOT, or the named folder itself; None takes the environment variable LEARNING_PHASES_DATA.
        download: fetch the official files where they are absent, and check them; for the four names.

    Raises:
        InputError: an unknown name, or data that do not load.
    """
    match name_or_path:
        case "cifar10":
            return _cifar(CIFAR10, data_root, download)
        case "cifar100":
            return _cifar(CIFAR100, data_root, download)
        case "mnist":
            return _idx(MNIST, data_root, download)
        case "fashion-mnist":
            return _idx(FASHION_MNIST, data_root, download)
    if not name_or_path.isprintable():
        raise InputError(f"data: {name_or_path!r} has characters that cannot be printed; rename the file or folder")
    path = Path(name_or_path)
    # os.path, as pathlib lets the error of a name that is too long through.
    if os.path.isdir(path):
        tree = read_tree(path)
        splits = ImageSplit(*tree.train), ImageSplit(*tree.test)
        return ImageData(path.resolve().name, *splits, len(tree.class_names), tree.class_names)
    if path.suffix == ".npz" and os.path.isfile(path):
        return _npz(path)
    raise InputError(
        f"data: {name_or_path!r} is unknown; give cifar10, cifar100, mnist, fashion-mnist, "
        "the path of a folder of images or of an .npz file"
    )


def only_classes(data: ImageData, classes: Sequence[int]) -> ImageData:
    """The images of some classes, renumbered 0, 1, ... in the order given; images keep their order.

    Args:
        data: the images.
        classes: at least two different classes of ``data``.

    Raises:
        InputError: fewer than two classes, one given twice, or none of the data's.
    """
    chosen = [at_least("classes", one, 0) for one in classes]
    if len(chosen) < 2 or len(set(chosen)) < len(chosen) or max(chosen) >= data.classes:
        raise InputError(
            f"classes: {chosen} is not accepted; give at least 2 different ones of 0 to {data.classes - 1}"
        )
    number = np.full(data.classes, -1, dtype=np.int64)
    number[chosen] = np.arange(len(chosen))
    return ImageData(
        f"{data.name} classes {', '.join(map(str, chosen))}",
        _renumbered(data.train, number),
        _renumbered(data.test, number),
        len(chosen),
        tuple(data.class_names[one] for one in chosen),
    )


def padded_to(data: ImageData, size: int) -> ImageData:
    """The images inside a black frame, ``size`` pixels high and wide; an odd pixel goes below and to the right.

    Raises:
        InputError: ``size`` below the height or width of the images.
    """
    at_least("size", size, max(data.size))
    before = [(size - one) // 2 for one in data.size]
    frame = [(0, 0), (0, 0), *((first, size - one - first) for first, one in zip(before, data.size, strict=True))]
    train, test = (ImageSplit(np.pad(split.images, frame), split.labels) for split in (data.train, data.test))
    return ImageData(data.name, train, test, data.classes, data.class_names)


def _renumbered(split: ImageSplit, number: IntArray) -> ImageSplit:
    labels = number[split.labels]
    return ImageSplit(split.images[labels >= 0], labels[labels >= 0])


def _cifar(layout: CifarLayout, data_root: Path | None, download: bool) -> ImageData:
    folder = cifar_folder(layout, (*layout.train, *layout.test), data_root, download)
    train, test = (ImageSplit(*read_cifar(layout, files, folder)) for files in (layout.train, layout.test))
    return ImageData(layout.name, train, test, len(layout.class_names), layout.class_names)


def _idx(layout: IdxLayout, data_root: Path | None, download: bool) -> ImageData:
    folder = idx_folder(layout, data_root, download)
    train, test = (ImageSplit(*read_idx(layout, split, folder)) for split in (layout.train, layout.test))
    return ImageData(layout.name, train, test, len(layout.class_names), layout.class_names)


def _npz(path: Path) -> ImageData:
    arrays = read_arrays(path, ("train_images", "train_labels", "test_images", "test_labels"))
    train, test = (_array_split(path, which, *pair) for which, pair in (("train", arrays[:2]), ("test", arrays[2:])))
    classes = int(train.labels.max()) + 1
    return ImageData(path.stem, train, test, classes, tuple(map(str, range(classes))))


def _array_split(path: Path, which: str, images: NDArray[Any], labels: NDArray[Any]) -> ImageSplit:
    accepted = "give uint8 (n, channels, height, width) or (n, height, width)"
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.size == 0:
        raise InputError(f"data: {which}_images in {path} have shape {images.shape}, type {images.dtype}; {accepted}")
    if images.ndim == 4 and images.shape[3] in _USUAL_CHANNELS and images.shape[1] not in _USUAL_CHANNELS:
        raise InputError(
            f"data: {which}_images in {path} have shape {images.shape}, with the channels last; {accepted}"
        )
    count = images.shape[0]
    if labels.dtype.kind not in "iu" or labels.shape != (count,) or labels.min() < 0:
        raise InputError(
            f"data: {which}_labels in {path} have shape {labels.shape}, type {labels.dtype}; "
            f"give ({count},) integers from 0 on"
        )
    # More classes than images leave one empty; told before their number decides how much is counted.
    if labels.max() >= count:
        raise InputError(f"data: {which}_labels in {path} reach {labels.max()} with {count} images; number from 0 on")
    return ImageSplit(images if images.ndim == 4 else images[:, None], labels.astype(np.int64))
