"""The formats of files of arrays, distinguished by their suffixes."""

from __future__ import annotations

from pathlib import Path

from empirical.data.array_file import ArrayFile
from empirical.data.hdf5_format import Hdf5File
from empirical.data.npy_format import ONLY_NAME, NpyFile
from empirical.data.npz_format import NpzFile
from empirical.data.parquet_format import ParquetFile
from empirical.data.reading import check_regular_file, shown
from empirical.data.tensor_file import TensorFile
from theory import InputError
from theory.validation import quoted

#: Suffixes of the files that are read.
ARRAY_SUFFIXES = (".npz", ".npy", ".pt", ".pth", ".safetensors", ".parquet", ".h5", ".hdf5")

_GIVEN = f"a file {', '.join(ARRAY_SUFFIXES[:-1])} or {ARRAY_SUFFIXES[-1]}"


def is_array_file(name: str) -> bool:
    """Whether a name has the suffix of a file of arrays."""
    return Path(name).suffix.lower() in ARRAY_SUFFIXES


def open_arrays(path: Path, labels: str) -> ArrayFile:
    """The reader of a file of arrays, by its suffix.

    Args:
        path: of the file.
        labels: name of the labels, which a table's inputs leave out.

    Raises:
        InputError: no regular file, or another suffix.
    """
    check_regular_file("data", path, _GIVEN)
    match path.suffix.lower():
        case ".npz":
            return NpzFile(path)
        case ".npy":
            return NpyFile(path)
        case ".pt" | ".pth" | ".safetensors":
            return TensorFile(path)
        case ".parquet":
            return ParquetFile(path, labels)
        case ".h5" | ".hdf5":
            return Hdf5File(path)
    raise InputError(f"data: {shown(path)} has the suffix {quoted(path.suffix)}; give {_GIVEN}")


def open_labels(path: Path, inputs: ArrayFile, labels: str) -> tuple[ArrayFile, str]:
    """The file that holds the labels of ``inputs``, and their name in it.

    That is the same file; of a .npy file, which holds one array, it is the .npy file at the path ``labels``, relative
    to the folder that the command runs in or to that of the inputs.

    Args:
        path: of the file of the inputs.
        inputs: that file, open.
        labels: name of the labels in it, or the path of their .npy file.

    Raises:
        InputError: no such .npy file.
    """
    if not isinstance(inputs, NpyFile):
        return inputs, labels
    beside = path.parent / labels
    own = Path(labels).expanduser() if not beside.exists() else beside
    if own.suffix.lower() != ".npy":
        raise InputError(
            f"data: {shown(path)} holds one array, the inputs; give the .npy file of their labels by --labels-key "
            f"FILE.npy, {quoted(labels)} is none"
        )
    check_regular_file("labels_key", own, "the .npy file of the labels")
    return NpyFile(own), ONLY_NAME
