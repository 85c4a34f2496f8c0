"""Data sets of HDF5 files as arrays; those that take their values from other files are refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.array_file import ArrayHeader
from empirical.data.npy_format import unfit_type
from empirical.data.reading import one_line_faults
from theory import InputError


@dataclass(frozen=True)
class Hdf5File:
    """A file of data sets, each named by its path: ``inputs``, or ``group/inputs``."""

    path: Path

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its data sets, without those behind links to other files; InputError for a damaged file."""
        h5py = _library()
        found: list[str] = []
        with self._file() as file:
            file.visititems(lambda name, one: found.append(name) if isinstance(one, h5py.Dataset) else None)
        return tuple(found)

    def header(self, name: str) -> ArrayHeader:
        """The header of a data set; InputError for a damaged file."""
        h5py = _library()
        with self._file() as file:
            found = file[name]
            if found.is_virtual or found.external:
                return ArrayHeader((), "external", 1, "takes its values from other files; store them in this one")
            if found.shape is None:
                return ArrayHeader((), "empty", 1, "is empty; give an array of numbers or text")
            text = h5py.check_string_dtype(found.dtype) is not None
            fault = None if text else unfit_type(found.dtype)
            return ArrayHeader(tuple(found.shape), str(found.dtype), found.dtype.itemsize, fault)

    def read(self, name: str) -> NDArray[Any]:
        """The values of a data set; InputError for a damaged file."""
        h5py = _library()
        with self._file() as file:
            found = file[name]
            if h5py.check_string_dtype(found.dtype) is not None:
                return np.asarray(found.asstr()[...], dtype=str)
            return np.asarray(found[...])

    @contextmanager
    def _file(self) -> Iterator[Any]:
        with one_line_faults("data", self.path, "a readable HDF5 file"), _library().File(self.path, "r") as file:
            yield file


def _library() -> ModuleType:
    """h5py, which is optional; InputError where it is not installed."""
    try:
        import h5py
    except ImportError:
        raise InputError("data: a .h5 file needs h5py; install it with: pip install 'learning-phases[hdf5]'") from None
    found: ModuleType = h5py
    return found
