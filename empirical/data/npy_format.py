"""Arrays as NumPy writes them, in .npy files and as members of .npz archives; nothing in them is ever run.

The header says how many bytes follow. It is compared with the file's size before anything is allocated, so that a
header that promises more costs nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.array_file import ArrayHeader
from empirical.data.reading import one_line_faults, printable, shown
from theory import InputError

#: Name of the one array of a .npy file, which gives it none.
ONLY_NAME = "inputs"

_EXPECTED = "a readable .npy file of plain arrays"


@dataclass(frozen=True)
class NpyFile:
    """A .npy file: one array, called ``inputs``."""

    path: Path

    @property
    def names(self) -> tuple[str, ...]:
        """The one name."""
        return (ONLY_NAME,)

    def header(self, name: str) -> ArrayHeader:
        """The header of the array; InputError for a damaged file."""
        with one_line_faults("data", self.path, _EXPECTED), self.path.open("rb") as stream:
            return header_in(stream, self.path.stat().st_size, shown(self.path))

    def read(self, name: str) -> NDArray[Any]:
        """The values of the array; InputError for a damaged file."""
        with one_line_faults("data", self.path, _EXPECTED), self.path.open("rb") as stream:
            return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def header_in(stream: IO[bytes], size: int, place: str) -> ArrayHeader:
    """The header at the beginning of a stream.

    Args:
        stream: at the magic number; it is left behind the header.
        size: bytes from there to the end.
        place: of the array, for messages.

    Raises:
        InputError: fewer or more bytes than the header says.
        Exception: what NumPy raises for an invalid header.
    """
    start = stream.tell()
    major, _ = np.lib.format.read_magic(stream)
    if major not in (1, 2):
        # Version 3 is for names of fields in Unicode.
        return ArrayHeader((), "fields", 1, _FIELDS)
    read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if any(length < 0 for length in shape):
        raise ValueError(f"a length is negative: {shape}")
    fault = unfit_type(dtype)
    header = ArrayHeader(shape, str(dtype), dtype.itemsize, fault)
    held, claimed = size - (stream.tell() - start), math.prod(shape) * dtype.itemsize
    if fault is None and held != claimed:
        raise InputError(
            f"data: {place} holds {held} bytes after its header, which says shape {printable(str(shape))} of {dtype}, "
            f"{claimed} bytes; save it again"
        )
    return header


_FIELDS = "has named fields; save each of them as an array of its own"


def unfit_type(dtype: np.dtype[Any]) -> str | None:
    """The reason why entries of a type cannot be read; None for real numbers, truth values and text."""
    if dtype.hasobject:
        return "holds Python objects, which could run code and are never loaded; save plain numbers or text"
    if dtype.names is not None or dtype.subdtype is not None:
        return _FIELDS
    if dtype.kind == "c":
        return "holds complex numbers; give real ones, as with real and imaginary parts as features of their own"
    if dtype.kind not in "biufSU":
        return f"has type {dtype}; save plain numbers or text"
    return None
