"""Labelled images in two splits, from the official data sets, trees of files or arrays, and their normalisation."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from empirical.data.array_file import ArrayFile, header_of, two_names
from empirical.data.array_formats import ARRAY_SUFFIXES, is_array_file, open_arrays
from empirical.data.cifar_format import CIFAR10, CIFAR100, CifarLayout, cifar_folder, read_cifar
from empirical.data.folder_format import read_tree
from empirical.data.idx_format import FASHION_MNIST, MNIST, IdxLayout, idx_folder, read_idx
from empirical.data.labels import Classes, check_label_shape, plain_labels
from empirical.data.reading import shown
from theory import InputError
from theory.data.memory_limit import array_bytes, check_memory
from theory.validation import FloatArray, IntArray, at_least, class_labels, path_text, quoted

#: Images whose squares are held at once.
_CHUNK = 4096

#: Numbers of channels of gray and colour images, with and without transparency.
_USUAL_CHANNELS = (1, 3, 4)

_NAMED = ("cifar10", "cifar100", "mnist", "fashion-mnist")


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
        name: in tables and figures.
        train: the training split.
        test: the test split; its images have the shape of the training images.
        classes: number of classes, at least 2; each has an image in both splits.
        class_names: one per class.
        notes: what a user should know about how they were read, one line each.
    """

    name: str
    train: ImageSplit
    test: ImageSplit
    classes: int
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()

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
                    "give at least one image per class"
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
    def from_images(cls, split: ImageSplit) -> Normalisation:
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


def load_images(
    name_or_path: str | Path,
    data_root: str | Path | None = None,
    download: bool = False,
    inputs_key: str | None = None,
    labels_key: str | None = None,
) -> ImageData:
    """Images by name or path, as unsigned bytes.

    Args:
        name_or_path: one of
            cifar10: ROOT/cifar-10-batches-bin, the official binary files;
            cifar100: ROOT/cifar-100-binary, likewise, with the 100 fine or the 20 coarse classes;
            mnist, fashion-mnist: ROOT/MNIST/raw, ROOT/FashionMNIST/raw, the official idx files, plain or .gz;
            folders train/CLASS/FILE and test/CLASS/FILE (or val/CLASS/FILE), of image files of one size;
            a file .npz, .pt, .pth, .safetensors, .h5 or .hdf5 of uint8 images of two splits, (n, channels, height,
            width) or (n, height, width), and their labels, which are taken by the rule of ``empirical.data.labels``.
        data_root: ROOT, or the named folder itself; None takes the environment variable LEARNING_PHASES_DATA.
        download: fetch the official files where they are absent, and check them; for the four names.
        inputs_key: names of the training and of the test images in a file, with a comma between; None takes
            ``train_images,test_images``.
        labels_key: of their labels likewise; None takes ``train_labels,test_labels``. For cifar100 ``fine``, which
            None takes, or ``coarse``.

    Raises:
        InputError: an unknown name, a key that does nothing, data that do not load, or a data set of the four names
            most of whose test images are training images; a note says so of other data.
    """
    name = path_text("data", name_or_path, "a name or a path")
    data = _loaded(name, data_root, download, inputs_key, labels_key)
    share = repeated_share(data)
    if share <= 0.5 or np.ptp(data.test.images) == 0:
        return data
    fault = f"{data.name}: {share:.0%} of the test images are training images too"
    if name in _NAMED:
        raise InputError(f"{fault}; give the official files, each under its own name")
    return replace(data, notes=(*data.notes, f"{fault}, so that what is measured on them is not held out"))


#: What a job takes as its images: images in memory, the name of a data set, a path, or what loads them.
GivenImages = ImageData | str | Path | Callable[[], ImageData]


def given_images(data: GivenImages) -> ImageData:
    """The images that a job is given; names and paths are loaded by ``load_images``.

    Raises:
        InputError: an unknown name or images that do not load.
    """
    if isinstance(data, ImageData):
        return data
    if callable(data):
        return data()
    return load_images(path_text("data", data, "an ImageData, a name, a path or a function that loads one"))


def _loaded(
    name_or_path: str, data_root: str | Path | None, download: bool, inputs_key: str | None, labels_key: str | None
) -> ImageData:
    path = Path(os.path.expanduser(name_or_path))
    named = name_or_path in _NAMED
    # os.path, as pathlib lets the error of a name that is too long through.
    is_file = not named and not (name_or_path and os.path.isdir(path))
    for option, key in (("inputs_key", inputs_key), ("labels_key", labels_key)):
        if key is not None and not is_file and (name_or_path, option) != ("cifar100", "labels_key"):
            raise InputError(
                f"{option}: does nothing for {name_or_path}; give it with a file of arrays, or leave it out"
            )
    match name_or_path:
        case "cifar10":
            return _cifar(CIFAR10, data_root, download)
        case "cifar100":
            return _cifar(CIFAR100.with_labels(labels_key if labels_key is not None else "fine"), data_root, download)
        case "mnist":
            return _idx(MNIST, data_root, download)
        case "fashion-mnist":
            return _idx(FASHION_MNIST, data_root, download)
    if not name_or_path.isprintable():
        raise InputError(f"data: {quoted(name_or_path)} has characters that cannot be printed; rename it")
    if not is_file:
        tree = read_tree(path)
        splits = ImageSplit(*tree.train), ImageSplit(*tree.test)
        return ImageData(path.resolve().name, *splits, len(tree.class_names), tree.class_names)
    if is_array_file(name_or_path) and os.path.lexists(path):
        return _arrays(path, _pair("inputs_key", inputs_key, "images"), _pair("labels_key", labels_key, "labels"))
    raise InputError(
        f"data: {quoted(name_or_path)} is unknown; give {', '.join(_NAMED)}, the path of a folder of images or of "
        f"a file {', '.join(ARRAY_SUFFIXES)}"
    )


def repeated_share(data: ImageData) -> float:
    """The share of the different test images that are, byte for byte, training images too."""
    tested = {_digest(image) for image in data.test.images}
    return len(tested & {_digest(image) for image in data.train.images}) / len(tested)


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
        InputError: ``size`` below the height or width of the images, or more than memory holds.
    """
    at_least("size", size, max(data.size))
    if data.size == (size, size):
        return data
    counts = data.train.labels.size + data.test.labels.size
    framed = array_bytes((counts, data.channels, size, size), 1)
    shape = " x ".join(map(str, data.size))
    check_memory(f"data: {shape} images framed to {size} x {size}", framed, "give images that are less long and narrow")
    before = [(size - one) // 2 for one in data.size]
    frame = [(0, 0), (0, 0), *((first, size - one - first) for first, one in zip(before, data.size, strict=True))]
    train, test = (ImageSplit(np.pad(split.images, frame), split.labels) for split in (data.train, data.test))
    return ImageData(data.name, train, test, data.classes, data.class_names, data.notes)


def _renumbered(split: ImageSplit, number: IntArray) -> ImageSplit:
    labels = number[split.labels]
    return ImageSplit(split.images[labels >= 0], labels[labels >= 0])


def _cifar(layout: CifarLayout, data_root: str | Path | None, download: bool) -> ImageData:
    folder = cifar_folder(layout, (*layout.train, *layout.test), data_root, download)
    train, test = (ImageSplit(*read_cifar(layout, files, folder)) for files in (layout.train, layout.test))
    return ImageData(layout.name, train, test, len(layout.class_names), layout.class_names)


def _idx(layout: IdxLayout, data_root: str | Path | None, download: bool) -> ImageData:
    folder = idx_folder(layout, data_root, download)
    train, test = (ImageSplit(*read_idx(layout, split, folder)) for split in (layout.train, layout.test))
    if test.labels.size > train.labels.size:
        raise InputError(
            f"data_root: {folder} holds {test.labels.size} test images and {train.labels.size} training images; "
            "training and test files are swapped: fetch them again"
        )
    return ImageData(layout.name, train, test, len(layout.class_names), layout.class_names)


def _digest(image: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


def _pair(option: str, key: str | None, kind: str) -> tuple[str, str]:
    """The names of the arrays of the training and of the test split."""
    names = (f"train_{kind},test_{kind}" if key is None else key).split(",")
    if len(names) != 2 or not all(names):
        raise InputError(
            f"{option}: {quoted(key)} is not accepted; give two names with a comma between, training then test"
        )
    return names[0].strip(), names[1].strip()


def _arrays(path: Path, image_names: tuple[str, str], label_names: tuple[str, str]) -> ImageData:
    file = open_arrays(path, label_names[0])
    counts = [_check_image_header(file, image, label) for image, label in zip(image_names, label_names, strict=True)]
    (train, train_labels), (test, test_labels) = (
        (_images(file, image), plain_labels(_place(file, label), file.read(label), count))
        for image, label, count in zip(image_names, label_names, counts, strict=True)
    )
    classes = Classes.from_labels(_place(file, label_names[0]), train_labels)
    trained, tested = (
        ImageSplit(images, classes.numbers(_place(file, label), labels))
        for images, labels, label in ((train, train_labels, label_names[0]), (test, test_labels, label_names[1]))
    )
    return ImageData(path.stem, trained, tested, len(classes.names), classes.names, classes.notes)


def _place(file: ArrayFile, name: str) -> str:
    return f"data: {name} in {shown(file.path)}"


_IMAGES = "give uint8 (n, channels, height, width) or (n, height, width)"


def _check_image_header(file: ArrayFile, image: str, label: str) -> int:
    """The number of images of a split; shapes are checked before anything is read."""
    header = header_of(file, image, two_names("--inputs-key", "images"))
    if len(header.shape) not in (3, 4) or 0 in header.shape:
        raise InputError(f"{_place(file, image)} have shape {header.shape}, type {header.type_name}; {_IMAGES}")
    label_header = header_of(file, label, two_names("--labels-key", "labels"))
    check_label_shape(_place(file, label), label_header.shape, header.shape[0])
    return header.shape[0]


def _images(file: ArrayFile, name: str) -> NDArray[np.uint8]:
    images = file.read(name)
    if images.dtype != np.uint8:
        raise InputError(f"{_place(file, name)} have shape {images.shape}, type {images.dtype}; {_IMAGES}")
    if images.ndim == 4 and images.shape[3] in _USUAL_CHANNELS and images.shape[1] not in _USUAL_CHANNELS:
        raise InputError(f"{_place(file, name)} have shape {images.shape}, with the channels last; {_IMAGES}")
    return images if images.ndim == 4 else images[:, None]
