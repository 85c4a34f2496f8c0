"""One rule for labels in files: what is accepted, what is refused, and how classes are numbered.

Accepted is one label per input, in an array (n,), (n, 1) or (1, n): integers, whole floats, truth values, text; or
one row per input that is 1 in the column of its class and 0 elsewhere (one-hot). Classes are the different labels in
ascending order, numbered from 0 on. Where the labels are not these numbers already, a note says which is which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empirical.data.reading import printable
from theory import InputError
from theory.validation import IntArray

#: Most classes that a note names.
_NAMED = 10

_ACCEPTED = "give one integer or name of a class for each input, or one-hot rows"


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes of labels that were read.

    Attributes:
        values: (K,) the different labels in ascending order, integers or text; a class's number is its place.
    """

    values: NDArray[Any]

    @classmethod
    def from_labels(cls, name: str, labels: NDArray[Any]) -> Classes:
        """The classes of plain labels (n,), as ``plain_labels`` returns them.

        Raises:
            InputError: one class only; or more than two, and more than one for two inputs, so that labels are not
                classes.
        """
        values = np.unique(labels)
        if values.size < 2:
            raise InputError(f"{name}: labels hold 1 class only; give at least 2 classes")
        if values.size > 2 and 2 * values.size > labels.size:
            raise InputError(
                f"{name}: take {values.size} values on {labels.size} inputs; give labels of classes, with two inputs "
                "or more per class on average"
            )
        return cls(values)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their numbers."""
        return tuple(map(str, self.values.tolist()))

    @property
    def notes(self) -> tuple[str, ...]:
        """Which label has which number, in one line; nothing where labels are their numbers."""
        if self.values.dtype.kind != "U" and np.array_equal(self.values, np.arange(self.values.size)):
            return ()
        pairs = [f"{printable(repr(value))} is class {at}" for at, value in enumerate(self.values[:_NAMED].tolist())]
        more = [f"and so on to class {self.values.size - 1}"] if self.values.size > _NAMED else []
        return (f"labels are numbered in ascending order: {', '.join([*pairs, *more])}",)

    def numbers(self, name: str, labels: NDArray[Any]) -> IntArray:
        """The numbers (n,) of the classes of plain labels.

        Raises:
            InputError: a label that is none of the classes.
        """
        if (labels.dtype.kind == "U") != (self.values.dtype.kind == "U"):
            raise InputError(f"{name}: have type {labels.dtype}; the other labels have type {self.values.dtype}")
        places = np.minimum(np.searchsorted(self.values, labels), self.values.size - 1)
        foreign = self.values[places] != labels
        if foreign.any():
            unknown = printable(repr(labels[foreign][0].item()))
            raise InputError(
                f"{name}: holds the label {unknown}, which the training labels lack; give the same classes"
            )
        return places.astype(np.int64)


def check_label_shape(name: str, shape: Sequence[int], count: int) -> None:
    """Refuse a shape that cannot be labels of ``count`` inputs, before the labels are read.

    Args:
        name: of the labels, for the error.
        shape: that the file declares.
        count: number of inputs n.

    Raises:
        InputError: not (n,), (n, 1), (1, n) or one-hot (n, K).
    """
    single = tuple(shape) in {(count,), (count, 1), (1, count)}
    if not single and not (len(shape) == 2 and shape[0] == count and 2 <= shape[1] <= count):
        raise InputError(f"{name}: have shape {printable(str(tuple(shape)))} for {count} inputs; {_ACCEPTED}")


def plain_labels(name: str, values: NDArray[Any], count: int) -> NDArray[Any]:
    """Labels (n,) as int64, uint64 or text, by the rule at the head of this module.

    Args:
        name: of the labels, for messages.
        values: as the file holds them.
        count: inputs n.

    Raises:
        InputError: another shape, NaN, numbers that are not whole, rows that are not one-hot, or other types.
    """
    check_label_shape(name, values.shape, count)
    if values.dtype.kind == "S":
        try:
            values = np.strings.decode(values, "utf-8")
        except UnicodeDecodeError:
            raise InputError(f"{name}: hold text that is not UTF-8; give UTF-8, or integers") from None
    if values.dtype.kind not in "biufU":
        raise InputError(f"{name}: have type {values.dtype}; {_ACCEPTED}")
    if values.size != count:
        return _hot_columns(name, values)
    flat = values.reshape(count)
    if flat.dtype.kind == "f":
        return _whole(name, flat)
    return flat if flat.dtype.kind == "U" else flat.astype(np.uint64 if flat.dtype == np.uint64 else np.int64)


def _hot_columns(name: str, rows: NDArray[Any]) -> IntArray:
    """The column that is 1 in each row of zeros."""
    if rows.dtype.kind == "U":
        raise InputError(f"{name}: have shape {rows.shape} and type {rows.dtype}; {_ACCEPTED}")
    ones = rows == 1
    wrong = ~((ones.sum(axis=1) == 1) & ((rows == 0).sum(axis=1) == rows.shape[1] - 1))
    if wrong.any():
        raise InputError(
            f"{name}: have shape {rows.shape}, but row {int(np.argmax(wrong))} is not one-hot, 1 in the column of its "
            f"class and 0 elsewhere; {_ACCEPTED}"
        )
    return np.asarray(ones.argmax(axis=1), dtype=np.int64)


def _whole(name: str, numbers: NDArray[Any]) -> IntArray:
    """Floats as int64."""
    with np.errstate(over="ignore"):  # of longer floats, which are refused as infinite
        exact = numbers.astype(np.float64)
    # Above 2^53 neighbouring integers are one float.
    fits = np.isfinite(exact) & (np.abs(exact) <= 2.0**53)
    fits[fits] = exact[fits] == np.floor(exact[fits])
    if not fits.all():
        at = int(np.argmin(fits))
        raise InputError(
            f"{name}: hold {printable(str(exact[at]))} at place {at}, which is not a whole number; {_ACCEPTED}"
        )
    return exact.astype(np.int64)
