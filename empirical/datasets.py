"""Labelled inputs: the digits of scikit-learn, CIFAR-10 in its official layout, any .npz file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from empirical.cifar_format import CIFAR10, cifar_folder, read_cifar
from empirical.data_root import DATA_ROOT_VARIABLE as DATA_ROOT_VARIABLE
from empirical.npz_format import read_arrays
from theory import InputError
from theory.validation import FloatArray, IntArray

CIFAR10_FOLDER = CIFAR10.folder


@dataclass(frozen=True, eq=False)
class DataSet:
    """Labelled inputs.

    Attributes:
        name: what it is called in tables and figures.
        inputs: (n, d) float32.
        labels: (n,) integers 0 .. classes - 1; no class is empty.
        classes: number of classes, at least 2.
    """

    name: str
    inputs: NDArray[np.float32]
    labels: IntArray
    classes: int

    def __post_init__(self) -> None:
        count = self.inputs.shape[0] if self.inputs.ndim == 2 else 0
        if self.inputs.ndim != 2 or count < 2 or self.labels.shape != (count,):
            raise InputError(
                f"{self.name}: inputs have shape {self.inputs.shape} and labels {self.labels.shape}; "
                "give (n, d) and (n,) with n of at least 2"
            )
        if not np.isfinite(self.inputs).all():
            bad = int(np.count_nonzero(~np.isfinite(self.inputs)))
            raise InputError(f"{self.name}: inputs hold {bad} NaN or infinite entries; give finite numbers")
        present = np.bincount(self.labels, minlength=self.classes)
        if self.classes < 2:
            raise InputError(f"{self.name}: labels hold {self.classes} class only; give at least 2 classes")
        if present.size > self.classes or (present == 0).any():
            missing = int(np.argmin(present))
            raise InputError(f"{self.name}: class {missing} of 0 to {present.size - 1} is empty; renumber the labels")


def unit_variance(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inputs divided by one number, so that the mean variance of a coordinate, tr Sigma / d, is 1.

    The spectrum keeps its shape; only the unit of the inputs, and with it of W(0), is fixed.
    """
    mean = inputs.mean(axis=0, dtype=np.float64)
    # In chunks, as a float64 copy of all inputs would be twice their size.
    chunks = np.array_split(inputs, max(1, inputs.shape[0] // 4096))
    variance = sum(float(np.square(chunk - mean).sum()) for chunk in chunks) / inputs.size
    if variance <= 0:
        raise InputError("inputs: are all equal; give inputs that vary")
    return np.asarray(inputs / np.float32(np.sqrt(variance)), dtype=np.float32)


def _standardised(inputs: FloatArray) -> NDArray[np.float32]:
    """Inputs centred in float64, so that an offset costs no digits, and scaled to tr Sigma / d = 1."""
    # Scaled twice, so that neither the mean in float64 nor the variance in float32 can overflow.
    bounded = inputs / max(np.abs(inputs).max(), np.finfo(np.float64).tiny)
    centred = bounded - bounded.mean(axis=0)
    return unit_variance((centred / max(np.abs(centred).max(), np.finfo(np.float64).tiny)).astype(np.float32))


def load_digits() -> DataSet:
    """The 1,797 digits of 8 x 8 pixels that scikit-learn ships, gray values in 0 to 1."""
    from sklearn.datasets import load_digits as sklearn_digits

    pixels, labels = sklearn_digits(return_X_y=True)
    return DataSet("digits", (pixels / 16).astype(np.float32), labels.astype(np.int64), 10)


def load_npz(path: Path) -> DataSet:
    """A .npz file with ``inputs`` (n, ...) and integer ``labels`` (n,), centred and scaled to tr Sigma / d = 1.

    Inputs with more than two axes are flattened to one row a sample. Pickled objects are refused.

    Raises:
        InputError: no such file, not an .npz file, arrays missing or of the wrong kind, NaN or
            infinity, fewer than two classes, an empty class.
    """
    if not path.is_file():
        raise InputError(f"data: {path} is not a file; give digits, cifar10 or an .npz file")
    inputs, labels = read_arrays(path, ("inputs", "labels"))
    if inputs.dtype.kind not in "fiu" or inputs.ndim < 2:
        raise InputError(f"data: inputs in {path} have shape {inputs.shape}, type {inputs.dtype}; give numbers (n, d)")
    if labels.dtype.kind not in "iu" or labels.ndim != 1 or labels.size == 0 or labels.min() < 0:
        raise InputError(f"data: labels in {path} have type {labels.dtype}; give integers from 0 on, one an input")
    if labels.max() >= inputs.shape[0]:
        raise InputError(f"data: labels in {path} reach {labels.max()} with {inputs.shape[0]} inputs; number from 0 on")
    flat = inputs.reshape(inputs.shape[0], -1).astype(np.float64)
    bad = int(np.count_nonzero(~np.isfinite(flat)))
    if bad:
        raise InputError(f"data: inputs in {path} hold {bad} NaN or infinite entries; give finite numbers")
    return DataSet(path.stem, _standardised(flat), labels.astype(np.int64), int(labels.max()) + 1)


def load_cifar10(data_root: Path | None, download: bool) -> DataSet:
    """The 50,000 training images of CIFAR-10 as raw pixels (d = 3,072), scaled to tr Sigma / d = 1.

    Args:
        data_root: folder that holds (or is) ``cifar-10-batches-bin``; None takes the environment
            variable LEARNING_PHASES_DATA.
        download: fetch the official archive into ``data_root`` where it is absent, and check it.

    Raises:
        InputError: no data root, a missing or truncated file, a label out of range.
    """
    folder = cifar_folder(CIFAR10, CIFAR10.train, data_root, download)
    images, labels = read_cifar(CIFAR10, CIFAR10.train, folder)
    pixels = images.reshape(images.shape[0], -1).astype(np.float32)
    pixels /= 255
    return DataSet(CIFAR10.name, unit_variance(pixels), labels, len(CIFAR10.class_names))


def load(name: str, data_root: Path | None = None, download: bool = False) -> DataSet:
    """The data set called ``digits`` or ``cifar10``, or the .npz file at the path ``name``.

    Raises:
        InputError: an unknown name, or data that do not load.
    """
    match name:
        case "digits":
            return load_digits()
        case "cifar10":
            return load_cifar10(data_root, download)
    if not name.isprintable():
        raise InputError(f"data: {name!r} has characters that cannot be printed; rename the file")
    if not name.endswith(".npz"):
        raise InputError(f"data: {name!r} is unknown; give digits, cifar10 or the path of an .npz file")
    return load_npz(Path(name))
