"""MNIST and Fashion-MNIST in their official idx files, plain or packed by gzip.

Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits; H. Xiao, K. Rasul, R. Vollgraf,
Fashion-MNIST, arXiv:1708.07747. An idx file is two zero bytes, the type of an entry (8: unsigned byte), the number of
axes, the length of each axis as four bytes, the most significant first, and the entries, the last axis fastest.
"""

from __future__ import annotations

import gzip
import io
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from empirical.data.data_root import data_folder
from empirical.data.downloads import RemoteFile, fetch
from empirical.data.reading import one_line
from theory import InputError
from theory.data.memory_limit import check_memory
from theory.validation import IntArray

_UNSIGNED_BYTE = 8
_CHUNK = 2**20


@dataclass(frozen=True)
class IdxSplit:
    """The packed files of one split."""

    images: RemoteFile
    labels: RemoteFile


@dataclass(frozen=True)
class IdxLayout:
    """The files of a data set in the idx format.

    Attributes:
        name: of the data set in tables and figures.
        folder: the folder of the files under the data root, as torchvision lays them out.
        train: the training split.
        test: the test split.
        class_names: of the classes, in the order of their numbers.
    """

    name: str
    folder: str
    train: IdxSplit
    test: IdxSplit
    class_names: tuple[str, ...]


def _split(mirrors: tuple[str, ...], prefix: str, images_md5: str, labels_md5: str) -> IdxSplit:
    images, labels = f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz"
    return IdxSplit(
        RemoteFile(tuple(mirror + images for mirror in mirrors), images_md5),
        RemoteFile(tuple(mirror + labels for mirror in mirrors), labels_md5),
    )


_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_FASHION_MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
)

MNIST = IdxLayout(
    name="MNIST",
    folder="MNIST/raw",
    train=_split(_MNIST_MIRRORS, "train", "f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432"),
    test=_split(_MNIST_MIRRORS, "t10k", "9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c"),
    class_names=tuple("0123456789"),
)

FASHION_MNIST = IdxLayout(
    name="Fashion-MNIST",
    folder="FashionMNIST/raw",
    train=_split(_FASHION_MIRRORS, "train", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe"),
    test=_split(_FASHION_MIRRORS, "t10k", "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310"),
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
)


def idx_folder(layout: IdxLayout, data_root: str | Path | None, download: bool) -> Path:
    """The folder that holds all four files of a data set, plain or packed; what is missing is fetched on request.

    Args:
        layout: MNIST or FASHION_MNIST.
        data_root: folder that holds (or is) the layout's; None takes LEARNING_PHASES_DATA.
        download: fetch the absent files, packed, and check them.

    Raises:
        InputError: no data root, no such folder, a file missing, or a download that fails.
    """
    folder = data_folder(data_root, layout.folder)
    if not folder.is_dir() and not download:
        raise InputError(f"data_root: {folder} does not exist; give the folder that holds it, or --download")
    for remote in (layout.train.images, layout.train.labels, layout.test.images, layout.test.labels):
        if _present(folder, remote) is None:
            if not download:
                raise InputError(
                    f"data_root: {folder / remote.name} is missing; give a complete {layout.folder} folder"
                )
            fetch(remote, folder)
    return folder


def read_idx(layout: IdxLayout, split: IdxSplit, folder: Path) -> tuple[NDArray[np.uint8], IntArray]:
    """Images (n, 1, height, width) and labels (n,) of a split whose files are in ``folder``.

    Args:
        layout: of the data set.
        split: names of its files.
        folder: that holds them.

    Raises:
        InputError: a file that is damaged or no idx file of the right kind, other numbers of images and of labels,
            a label out of range.
    """
    image_file, images = _entries(folder, split.images, 3)
    label_file, labels = _entries(folder, split.labels, 1)
    if labels.size != images.shape[0]:
        raise InputError(
            f"data_root: {label_file} holds {labels.size} labels and {image_file} {images.shape[0]} images; "
            "give files of the same split"
        )
    classes = len(layout.class_names)
    if labels.max() >= classes:
        raise InputError(f"data_root: {label_file} holds the label {labels.max()}; labels are 0 to {classes - 1}")
    return images[:, None], labels.astype(np.int64)


def _present(folder: Path, remote: RemoteFile) -> Path | None:
    """The file where it is, plain first; None where it is absent."""
    packed = folder / remote.name
    return next((path for path in (packed.with_suffix(""), packed) if path.is_file()), None)


def _entries(folder: Path, remote: RemoteFile, axes: int) -> tuple[Path, NDArray[np.uint8]]:
    """The file that was read and its array of ``axes`` axes."""
    path = _present(folder, remote)
    if path is None:
        raise InputError(f"data_root: {folder / remote.name} is missing; fetch it again")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            return path, _array(path, stream, axes)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"data_root: {path} cannot be read ({one_line(error)}); fetch it again") from None


def _array(path: Path, stream: gzip.GzipFile | io.BufferedReader, axes: int) -> NDArray[np.uint8]:
    magic = bytes((0, 0, _UNSIGNED_BYTE, axes))
    header = stream.read(4 + 4 * axes)
    if header[:4] != magic:
        raise InputError(
            f"data_root: {path} starts with the bytes {header[:4].hex() or 'none'} instead of {magic.hex()}; "
            f"give an idx file of unsigned bytes with {axes} axes"
        )
    shape = tuple(int.from_bytes(header[at : at + 4], "big") for at in range(4, 4 + 4 * axes, 4))
    expected = math.prod(shape)
    if len(header) < 4 + 4 * axes or expected == 0:
        raise InputError(f"data_root: {path} is empty (shape {shape}); fetch it again")
    if path.suffix == ".gz":  # which may hold a thousand times its size
        check_memory(f"data_root: {path} of shape {shape}", expected, "fetch it again")
    # In chunks, as a damaged header may promise more than the file holds; one byte more shows that a file is too long.
    content = bytearray()
    while len(content) <= expected and (chunk := stream.read(min(_CHUNK, expected + 1 - len(content)))):
        content += chunk
    if len(content) != expected:
        found = "more" if len(content) > expected else len(content)
        raise InputError(f"data_root: {path} has {found} bytes after its header instead of {expected}; fetch it again")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)
