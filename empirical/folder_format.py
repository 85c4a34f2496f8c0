"""Trees of image files, one folder a class: train/CLASS/FILE beside test/CLASS/FILE (or val/CLASS/FILE)."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory import InputError
from theory.validation import IntArray

#: What Pillow may decode; its rarer formats, some of which call other programs, are left out.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

#: Modes of Pillow with one channel of 8 bits, beside transparency; all other modes accepted are read as RGB.
GRAY_MODES = frozenset({"1", "L", "LA", "La"})
COLOUR_MODES = frozenset({"RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "CMYK", "YCbCr"})

#: What Pillow raises for damaged or foreign files, beside its own errors.
_DAMAGED = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, struct.error, zlib.error)


@dataclass(frozen=True, eq=False)
class ImageTree:
    """The content of a tree.

    Attributes:
        train: images (n, channels, height, width) and labels (n,) of the training split.
        test: the same of the test split.
        class_names: the names of the class folders, sorted; a class's number is its place among them.
    """

    train: tuple[NDArray[np.uint8], IntArray]
    test: tuple[NDArray[np.uint8], IntArray]
    class_names: tuple[str, ...]


def read_tree(folder: Path) -> ImageTree:
    """All images of a tree; one channel where all of them are gray, R, G and B otherwise.

    The test split is the folder test, or val where there is no test. Transparency is dropped; of a file with several
    images the first is taken; hidden files and folders are passed over.

    Raises:
        InputError: pillow is not installed, a split or a class folder is missing or empty, a file that is no image
            or is damaged, images with other than 8 bits a channel, or of unequal size.
    """
    try:
        from PIL import Image
    except ImportError:
        raise InputError(
            "data: a tree of images needs pillow; install it with: pip install 'learning-phases[images]'"
        ) from None
    train, test = folder / "train", next((folder / name for name in ("test", "val") if (folder / name).is_dir()), None)
    if not train.is_dir() or test is None:
        absent = "train" if not train.is_dir() else "test or val"
        raise InputError(f"data: {folder} holds no folder {absent}; give a tree train/CLASS/FILE and test/CLASS/FILE")
    files = [_files_by_class(split) for split in (train, test)]
    class_names = tuple(files[0])
    if tuple(files[1]) != class_names:
        name = min(set(files[0]) ^ set(files[1]))
        having, lacking = (train, test) if name in files[0] else (test, train)
        raise InputError(f"data: {lacking} lacks the class folder {name!r} of {having}; give both the same classes")
    paths = [[path for name in class_names for path in split[name]] for split in files]
    size, mode = _common_size_and_mode([*paths[0], *paths[1]], Image)
    labels = [np.repeat(np.arange(len(class_names)), [len(split[name]) for name in class_names]) for split in files]
    train_images, test_images = (_decoded(split, size, mode, Image) for split in paths)
    return ImageTree((train_images, labels[0]), (test_images, labels[1]), class_names)


def _visible(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"data: {folder} cannot be read ({error})") from None
    for path in found:
        if not path.name.isprintable():
            raise InputError(f"data: {path.name!r} in {folder} has characters that cannot be printed; rename it")
    return found


def _files_by_class(split: Path) -> dict[str, list[Path]]:
    files = {}
    for folder in _visible(split):
        if not folder.is_dir():
            raise InputError(f"data: {folder} is not a class folder; give {split.name}/CLASS/FILE")
        files[folder.name] = _visible(folder)
        if not files[folder.name]:
            raise InputError(f"data: class folder {folder} is empty; give at least one image a class")
    if len(files) < 2:
        raise InputError(f"data: {split} holds {len(files)} class folders; give at least 2 classes")
    return files


def _common_size_and_mode(paths: list[Path], pillow: ModuleType) -> tuple[tuple[int, int], str]:
    """(height, width) of every image, and L where all are gray, RGB otherwise, from the headers of the files."""
    mode, size, first = "L", (0, 0), paths[0]
    for path in paths:
        with _opened(path, pillow) as image:
            found, found_mode = (image.height, image.width), image.mode
        if found_mode not in GRAY_MODES | COLOUR_MODES:
            raise InputError(f"data: {path} has pixels of mode {found_mode}; give images of 8 bits a channel")
        if path == first:
            size = found
        if found != size:
            raise InputError(
                f"data: {path} is {found[0]} x {found[1]} (height x width) and {first} {size[0]} x {size[1]}; "
                "give images of one size"
            )
        if found_mode not in GRAY_MODES:
            mode = "RGB"
    return size, mode


def _decoded(paths: list[Path], size: tuple[int, int], mode: str, pillow: ModuleType) -> NDArray[np.uint8]:
    """(n, channels, height, width)."""
    channels = len(mode)
    images = np.empty((len(paths), channels, *size), dtype=np.uint8)
    for target, path in zip(images, paths, strict=True):
        with _opened(path, pillow) as image:
            pixels = np.asarray(image.convert(mode))
        target[...] = pixels.reshape(*size, channels).transpose(2, 0, 1)
    return images


@contextmanager
def _opened(path: Path, pillow: ModuleType) -> Iterator[Any]:
    """Pillow's image; whatever fails while it is open is told as a fault of the file."""
    try:
        with warnings.catch_warnings():
            # Warnings tell of damaged metadata or dropped transparency, neither of which changes the pixels, but for
            # the one of an image so large that it may be meant to fill the memory.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            with pillow.open(path, formats=FORMATS) as image:
                yield image
    except (*_DAMAGED, pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
        fault = " ".join(str(error).split())
        raise InputError(f"data: {path} is not a readable image ({fault}); remove or replace it") from None
