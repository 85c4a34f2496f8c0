"""Arrays with names in a file, of any supported format: one reader per format behind one interface."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from empirical.data.reading import listed, printable, shown
from theory import InputError
from theory.data.memory_limit import check_memory
from theory.validation import quoted


@dataclass(frozen=True)
class ArrayHeader:
    """The header of an array: what its file states before the array is read.

    Attributes:
        shape: lengths of its axes.
        type_name: of its entries, for messages.
        item_bytes: bytes of an entry once it is read.
        fault: why it cannot be taken; None where it can.
    """

    shape: tuple[int, ...]
    type_name: str
    item_bytes: int
    fault: str | None = None

    @property
    def size_in_bytes(self) -> int:
        """Bytes of the whole array once it is read."""
        return math.prod(self.shape) * self.item_bytes


class ArrayFile(Protocol):
    """A file of arrays with names, opened by its reader."""

    @property
    def path(self) -> Path:
        """Path of the file."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays; InputError where the file is damaged."""

    def header(self, name: str) -> ArrayHeader:
        """The header of an array, without reading the array where the format allows it; InputError likewise."""

    def read(self, name: str) -> NDArray[Any]:
        """The values of an array, of numbers, truth values or text; InputError likewise."""


def one_name(option: str) -> str:
    """What a message asks for where an option takes the name of one array."""
    return f"give one of these names by {option}"


def two_names(option: str, kind: str) -> str:
    """What a message asks for where an option takes the names of two arrays, of the kind ``images`` or ``labels``."""
    return f"give two of these names by {option} TRAIN,TEST, of the training and of the test {kind}"


def header_of(file: ArrayFile, name: str, remedy: str) -> ArrayHeader:
    """The header of an array that the user names.

    Args:
        file: that holds it.
        name: of the array.
        remedy: the end of the message where there is no such array, from ``one_name`` or ``two_names``.

    Raises:
        InputError: there is no such array, it cannot be taken, or it would not fit in the memory.
    """
    known = file.names
    if name not in known:
        raise InputError(f"data: {shown(file.path)} holds no array {quoted(name)} but {listed(list(known))}; {remedy}")
    header = file.header(name)
    if header.fault is not None:
        raise InputError(f"data: {printable(repr(name))} in {shown(file.path)} {header.fault}")
    check_memory(
        f"data: {printable(repr(name))} in {shown(file.path)}, of shape {printable(str(header.shape))}",
        header.size_in_bytes,
        "give fewer samples or fewer features",
    )
    return header
