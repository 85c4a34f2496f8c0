"""Trees of image files, one folder per class: train/CLASS/FILE and test/CLASS/FILE (or val/CLASS/FILE)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.reading import check_regular_file, one_line, one_line_faults, shown
from theory import InputError
from theory.data.memory_limit import array_bytes, check_memory
from theory.validation import IntArray

#: What Pillow may decode; its rarer formats, some of which call other programs, are left out.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

#: Modes of Pillow with one channel of 8 bits, apart from transparency; all other modes accepted are read as RGB.
GRAY_MODES = frozenset({"1", "L", "LA", "La"})
COLOUR_MODES = frozenset({"RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "CMYK", "YCbCr"})

#: Most pixels of an image, 4,096 x 4,096: networks are trained on far smaller ones, and a small file can claim more.
LARGEST_IMAGE = 2**24

#: Pillow's names for pixels of 16 bits per channel that it would cut to 8; ``BGR;16`` is 16 bits for all channels.
_DEEP = re.compile(r"(?<!BGR);16[LBNS]")

#: The tag of EXIF's orientation, and those of its values that swap height and width.
_ORIENTATION, _SWAPPING = 0x0112, frozenset({5, 6, 7, 8})
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257


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

    The test split is the folder test, or val where there is no test. Images are turned as their EXIF orientation says.
    Palettes, CMYK and YCbCr are converted to RGB, without colour profiles; 1, 2 and 4 bits are scaled to 8;
    transparency is dropped, which leaves the colour beneath; of a file with several images, as of an animation, the
    first is taken; hidden files and folders are passed over.

    Raises:
        InputError: pillow is not installed, a split or a class folder is missing or empty, a file that is no image
            or is damaged, images with more than 8 bits per channel, of unequal size, too large or more than the memory
            holds.
    """
    try:
        from PIL import Image, ImageOps
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
    shape = (len(paths[0]) + len(paths[1]), len(mode), *size)
    check_memory(f"data: {shown(folder)} with images of {shape}", array_bytes(shape, 1), "give fewer or smaller images")
    labels = [np.repeat(np.arange(len(class_names)), [len(split[name]) for name in class_names]) for split in files]
    train_images, test_images = (_decoded(split, size, mode, Image, ImageOps) for split in paths)
    return ImageTree((train_images, labels[0]), (test_images, labels[1]), class_names)


def _visible(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"data: {folder} cannot be read ({one_line(error)})") from None
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
            raise InputError(f"data: class folder {folder} is empty; give at least one image per class")
    if len(files) < 2:
        raise InputError(f"data: {split} holds {len(files)} class folders; give at least 2 classes")
    return files


def _common_size_and_mode(paths: list[Path], pillow: ModuleType) -> tuple[tuple[int, int], str]:
    """(height, width) of every image as turned, and L where all are gray, RGB otherwise, from the files' headers."""
    mode, size, first = "L", (0, 0), paths[0]
    for path in paths:
        with _opened(path, pillow) as image:
            found_mode = image.mode
            # Before the orientation is read, which decodes a PNG and loses how it was coded.
            _check_depth(path, image)
            found = _turned_size(image)
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


def _turned_size(image: Any) -> tuple[int, int]:
    """(height, width) once an opened image is turned as its EXIF orientation says."""
    tags = getattr(image, "tag_v2", {})
    # Of a TIFF some versions of Pillow state the turned size, its tags the stored one.
    height, width = tags.get(_TIFF_HEIGHT, image.height), tags.get(_TIFF_WIDTH, image.width)
    return (width, height) if image.getexif().get(_ORIENTATION) in _SWAPPING else (height, width)


def _check_depth(path: Path, image: Any) -> None:
    """Refuse an image whose channels have more than 8 bits, or hold anything but gray or colour."""
    if image.mode not in GRAY_MODES | COLOUR_MODES:
        raise InputError(f"data: {path} has pixels of mode {image.mode}; give images of 8 bits per channel")
    # The last entry of a tile says how its block is coded: the layout of its bytes, and for PPM the largest value.
    for codec, _, _, coded in image.tile:
        parts = coded if isinstance(coded, tuple) else (coded,)
        largest = max((one for one in parts if isinstance(one, int)), default=0) if codec.startswith("ppm") else 0
        if largest > 255 or any(isinstance(one, str) and _DEEP.search(one) for one in parts):
            raise InputError(f"data: {path} has 16 bits per channel; give images of 8 bits per channel")


def _decoded(
    paths: list[Path], size: tuple[int, int], mode: str, pillow: ModuleType, operations: ModuleType
) -> NDArray[np.uint8]:
    """(n, channels, height, width)."""
    channels = len(mode)
    images = np.empty((len(paths), channels, *size), dtype=np.uint8)
    for target, path in zip(images, paths, strict=True):
        with _opened(path, pillow) as image:
            turned = operations.exif_transpose(image)
            # Pillow converts channels multiplied by transparency by way of those that are not.
            plain = turned.convert(turned.mode.upper()) if turned.mode in ("La", "RGBa") else turned
            pixels = np.asarray(plain.convert(mode))
            target[...] = pixels.reshape(*size, channels).transpose(2, 0, 1)
    return images


@contextmanager
def _opened(path: Path, pillow: ModuleType) -> Iterator[Any]:
    """Pillow's image; any failure while it is open is reported as a fault of the file."""
    check_regular_file("data", path, "a readable image")
    with one_line_faults("data", path, "a readable image", "remove or replace it"):
        # Among Pillow's warnings only the one of an image that may be meant to fill the memory is of use.
        warnings.simplefilter("error", pillow.DecompressionBombWarning)
        with pillow.open(path, formats=FORMATS) as image:
            if image.width * image.height > LARGEST_IMAGE:
                raise InputError(
                    f"data: {path} has {image.height} x {image.width} pixels; give images of at most {LARGEST_IMAGE} "
                    "pixels"
                )
            yield image
