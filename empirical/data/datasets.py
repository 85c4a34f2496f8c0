"""Labelled inputs: the digits of scikit-learn, CIFAR-10 in its official layout, any file of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.array_file import header_of, one_name
from empirical.data.array_formats import ARRAY_SUFFIXES, is_array_file, open_arrays, open_labels
from empirical.data.cifar_format import CIFAR10, cifar_folder, read_cifar
from empirical.data.data_root import DATA_ROOT_VARIABLE as DATA_ROOT_VARIABLE
from empirical.data.labels import Classes, check_label_shape, plain_labels
from empirical.data.leading_directions import leading_coordinates
from empirical.data.reading import printable, shown
from theory import InputError
from theory.data.memory_limit import array_bytes, check_memory
from theory.validation import FloatArray, IntArray, path_argument, path_text, quoted

CIFAR10_FOLDER = CIFAR10.folder

_NAMED = ("digits", "cifar10")

#: Entries that are held in float64 at once, in addition to the inputs.
_CHUNK = 2**20

#: Matrices (d, d) in float64 held at once where a covariance is decomposed: itself, a copy that LAPACK overwrites, the
#: eigenvectors and LAPACK's workspace.
_MATRICES = 4


@dataclass(frozen=True, eq=False)
class DataSet:
    """Labelled inputs.

    Attributes:
        name: in tables and figures.
        inputs: (n, d) float32.
        labels: (n,) integers 0 .. classes - 1; no class is empty.
        classes: number of classes, at least 2.
        notes: what a user should know about how they were read, one line each.
    """

    name: str
    inputs: NDArray[np.float32]
    labels: IntArray
    classes: int
    notes: tuple[str, ...] = ()

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


def _standardised(inputs: NDArray[Any], place: str) -> NDArray[np.float32]:
    """Rows centred in float64, so that an offset costs no digits, and scaled to tr Sigma / d = 1.

    In chunks, so that no second copy in float64 is made. Scaled twice, so that neither the mean in float64 nor the
    variance in float32 can overflow, and from the first row on, so that a constant feature is 0 to the last digit.
    """
    bad = sum(int(np.count_nonzero(~np.isfinite(chunk))) for _, chunk in _rows(inputs))
    if bad:
        raise InputError(f"{place} hold {bad} NaN or infinite entries; give finite numbers")
    unit = max(float(np.finfo(np.float64).tiny), *(float(np.abs(chunk).max()) for _, chunk in _rows(inputs)))
    first = next(chunk[0] / unit for _, chunk in _rows(inputs))
    shift = sum((chunk / unit - first).sum(axis=0) for _, chunk in _rows(inputs)) / inputs.shape[0]
    spread = max(float(np.abs(chunk / unit - first - shift).max()) for _, chunk in _rows(inputs))
    if spread == 0:
        raise InputError(f"{place} are all equal; give inputs that vary")
    result = np.empty((inputs.shape[0], first.size), dtype=np.float32)
    for rows, chunk in _rows(inputs):
        result[rows] = (chunk / unit - first - shift) / spread
    return unit_variance(result)


def _rows(inputs: NDArray[Any]) -> Iterator[tuple[slice, FloatArray]]:
    """Slices of the samples with their rows (m, d) in float64; longer floats that exceed it become infinite."""
    width = inputs.size // inputs.shape[0]
    length = max(1, _CHUNK // width)
    for start in range(0, inputs.shape[0], length):
        rows = slice(start, start + length)
        with np.errstate(over="ignore"):
            yield rows, inputs[rows].astype(np.float64).reshape(-1, width)


def leading_directions(data: DataSet, directions: int) -> DataSet:
    """The data in the coordinates of their leading principal directions (``leading_coordinates``).

    The leading eigenvalues of the covariance and the class means along these directions stay as they are, but for one
    factor: the mean variance of a coordinate stays the same, and so does the unit of W(0). The directions fit these
    samples: with few of them, other samples vary less along the directions.

    Args:
        data: n labelled inputs of d coordinates.
        directions: how many, from 1 to the smaller of n - 1 and d.

    Returns:
        Centred inputs, with a note on the share of the variance that is kept.

    Raises:
        InputError: another number of directions, inputs that are all equal, or too many for the memory.
    """
    coordinates, share = leading_coordinates(data.inputs, directions)
    dimension = data.inputs.shape[1]
    unit = np.sqrt(directions / (share * dimension))
    kept = "1 leading direction" if directions == 1 else f"{directions} leading directions"
    note = f"{kept} of {dimension} features {'keeps' if directions == 1 else 'keep'} {share:.1%} of the variance"
    return replace(data, inputs=(unit * coordinates).astype(np.float32), notes=(*data.notes, note))


def load_digits() -> DataSet:
    """The 1,797 digits of 8 x 8 pixels that scikit-learn ships, gray values in 0 to 1."""
    from sklearn.datasets import load_digits as sklearn_digits

    pixels, labels = sklearn_digits(return_X_y=True)
    return DataSet("digits", (pixels / 16).astype(np.float32), labels.astype(np.int64), 10)


def load_file(
    path: str | Path, inputs_key: str | None = None, labels_key: str | None = None, directions: int | None = None
) -> DataSet:
    """A file of inputs (n, ...) and labels, centred and scaled to tr Sigma / d = 1; nothing in it is ever run.

    Inputs with more than two axes are flattened to one row per sample. Labels are taken by the rule of
    ``empirical.data.labels``; where classes are renumbered, the notes say how. Sizes are checked before contents are
    read.

    Args:
        path: a file of one of these kinds, which its suffix states.
            .npz: arrays with names, as np.savez writes them;
            .npy: the inputs alone, their labels in another .npy file;
            .pt, .pth, .safetensors: a dictionary of tensors;
            .parquet: a table, whose inputs are one column of lists of numbers, or all columns but the labels;
            .h5, .hdf5: data sets, named by their paths in the file.
        inputs_key: name of the inputs; None takes ``inputs``.
        labels_key: name of the labels, and for .npy the path of their file; None takes ``labels``, and
            ``labels.npy`` next to the inputs.
        directions: reduce the inputs to as many leading directions, as in ``leading_directions``; None keeps them.

    Raises:
        InputError: no such file, another suffix, a damaged file, names that it lacks, arrays of the wrong kind, NaN or
            infinity, fewer than two classes, more than the memory holds, now or for the covariance.
    """
    source = path_argument("path", path)
    is_npy = source.suffix.lower() == ".npy"
    if is_npy and inputs_key is not None:
        raise InputError(f"inputs_key: does nothing for {shown(source)}, which holds one array; leave it out")
    given = labels_key if labels_key is not None else "labels.npy" if is_npy else "labels"
    file = open_arrays(source, given)
    label_file, label_name = open_labels(source, file, given)
    place = f"data: inputs in {shown(source)}"
    header = header_of(file, inputs_key if inputs_key is not None else "inputs", one_name("--inputs-key"))
    if len(header.shape) < 2 or 0 in header.shape:
        raise InputError(
            f"{place} have shape {printable(str(header.shape))}, type {header.type_name}; give numbers (n, d), n and d "
            "at least 1"
        )
    count, dimension = header.shape[0], math.prod(header.shape[1:])
    label_place = f"data: labels in {shown(label_file.path)}"
    labels_header = header_of(label_file, label_name, one_name("--labels-key"))
    check_label_shape(label_place, labels_header.shape, count)
    _check_working_memory(place, count, dimension, header.size_in_bytes, directions)
    inputs = file.read(inputs_key if inputs_key is not None else "inputs")
    if inputs.dtype.kind not in "fiub":
        raise InputError(f"{place} have shape {inputs.shape}, type {inputs.dtype}; give numbers (n, d)")
    labels = plain_labels(label_place, label_file.read(label_name), count)
    classes = Classes.from_labels(label_place, labels)
    standardised = _standardised(inputs, place)
    numbers = classes.numbers(label_place, labels)
    data = DataSet(source.stem, standardised, numbers, classes.values.size, classes.notes)
    return data if directions is None else leading_directions(data, directions)


def _check_working_memory(place: str, count: int, dimension: int, size_in_bytes: int, directions: int | None) -> None:
    """Refuse inputs that cannot be worked on: their float32 copies, then the covariance and its decomposition.

    The covariance is that of the directions kept; a number of them that the inputs do not have is refused later.

    Raises:
        InputError: with the number of bytes.
    """
    check_memory(
        f"{place}, {count} x {dimension}", size_in_bytes + 2 * array_bytes((count, dimension), 4), "give fewer"
    )
    width = dimension if directions is None else min(dimension, directions)
    matrix = array_bytes((width, width))
    what = f"{place} have {dimension} features, " + ("whose" if directions is None else f"{width} directions, whose")
    remedy = (
        f"keep their leading directions (--directions N, at most {min(count - 1, dimension)}), give smaller images, or "
        "features of a network's layer (phases fit --network, at most --pooled-features of them)"
    )
    check_memory(f"{what} covariance", matrix, remedy)
    check_memory(f"{what} covariance and its eigenvectors", _MATRICES * matrix, remedy)


def load_cifar10(data_root: str | Path | None, download: bool) -> DataSet:
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


def load(
    name: str | Path,
    data_root: str | Path | None = None,
    download: bool = False,
    inputs_key: str | None = None,
    labels_key: str | None = None,
    directions: int | None = None,
) -> DataSet:
    """The data set called ``digits`` or ``cifar10``, or the file at the path ``name``; see ``load_file``.

    Args:
        name: "digits", "cifar10" or the path of a file of arrays.
        data_root: folder of CIFAR-10, as in ``load_cifar10``.
        download: fetch CIFAR-10 where it is absent.
        inputs_key: name of the inputs in a file of arrays; None for the default.
        labels_key: name of the labels likewise, or for a .npy file their own file.
        directions: reduce the inputs to as many leading directions, as in ``leading_directions``; None keeps them.

    Raises:
        InputError: an unknown name, a key for a data set that is no file, or data that do not load.
    """
    wanted = path_text("data", name, "a name or a path")
    if wanted in _NAMED:
        for option, key in (("inputs_key", inputs_key), ("labels_key", labels_key)):
            if key is not None:
                raise InputError(f"{option}: does nothing for {wanted}; give it with a file of arrays, or leave it out")
        data = load_digits() if wanted == "digits" else load_cifar10(data_root, download)
        return data if directions is None else leading_directions(data, directions)
    if not wanted.isprintable():
        raise InputError(f"data: {quoted(wanted)} has characters that cannot be printed; rename the file")
    if not is_array_file(wanted):
        raise InputError(
            f"data: {quoted(wanted)} is unknown; give digits, cifar10 or the path of a file {', '.join(ARRAY_SUFFIXES)}"
        )
    return load_file(wanted, inputs_key, labels_key, directions)


#: What a job takes as its data: inputs in memory, the name of a data set, the path of a file, or what loads them.
GivenData = DataSet | str | Path | Callable[[], DataSet]


def given_data(data: GivenData) -> DataSet:
    """The data set that a job is given; names and paths are loaded by ``load``.

    Raises:
        InputError: an unknown name or data that do not load.
    """
    if isinstance(data, DataSet):
        return data
    if callable(data):
        return data()
    return load(path_text("data", data, "a DataSet, a name, a path or a function that loads one"))


def unit_data(data: GivenData) -> DataSet:
    """The same, with inputs of unit variance on average, tr Sigma / d = 1; a ``DataSet`` keeps its own unit.

    Raises:
        InputError: an unknown name or data that do not load.
    """
    loaded = given_data(data)
    return loaded if isinstance(data, DataSet) else replace(loaded, inputs=unit_variance(loaded.inputs))
