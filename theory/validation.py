"""Checks of arguments: every error names the argument, what was wrong and what is accepted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

Kind = TypeVar("Kind")


#: Characters of a refused value that a message quotes.
QUOTED = 60


class InputError(ValueError):
    """Bad input, described in one line: argument, fault, what is accepted."""


def quoted(value: object) -> str:
    """A refused value as a message quotes it: as Python writes it, the first QUOTED characters of a longer one."""
    try:
        return cut(repr(value))
    except ValueError:  # an integer of more digits than Python converts
        return f"{type(value).__name__} that is too long to print"


def cut(text: str) -> str:
    """A text as a message quotes it without quotation marks: the first QUOTED characters of a longer one."""
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}..."


def instance_of(name: str, value: object, kind: type[Kind]) -> Kind:
    """``value``, which must be of a class of this package.

    Args:
        name: of the argument, for the error.
        value: what the user gave.
        kind: the class.

    Raises:
        InputError: it is of another one.
    """
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise InputError(f"{name}: {quoted(value)} is not accepted; give {article} {kind.__name__}")
    return value


def given_or_default(name: str, value: object, kind: type[Kind]) -> Kind:
    """``value`` as ``instance_of`` has it, or what ``kind`` is without arguments where it is None."""
    return kind() if value is None else instance_of(name, value, kind)


def whole_numbers(name: str, values: object, lower: int) -> tuple[int, ...]:
    """Integers of at least ``lower``, as a tuple.

    Args:
        name: of the argument, for the error.
        values: what the user gave.
        lower: smallest integer accepted.

    Raises:
        InputError: not several of them, or one that is no integer or smaller.
    """
    if not isinstance(values, Iterable):
        raise InputError(f"{name}: {quoted(values)} is not accepted; give a list of integers")
    return tuple(at_least(name, one, lower) for one in values)


def path_text(name: str, value: object, accepted: str = "a path") -> str:
    """A path, or a name that may stand for one, as text.

    Args:
        name: of the argument, for the error.
        value: what the user gave.
        accepted: what to give, for the error.

    Raises:
        InputError: neither text nor a path.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        raise InputError(f"{name}: {quoted(value)} is not accepted; give {accepted}")
    return str(text)


def path_argument(name: str, value: object) -> Path:
    """``value`` as a path, in which ~ is the home folder.

    Args:
        name: of the argument, for the error.
        value: what the user gave.

    Raises:
        InputError: neither text nor a path, empty, with a character that no path can have, or in a home folder that
            there is not.
    """
    text = path_text(name, value)
    if not text or "\0" in text:
        raise InputError(f"{name}: {quoted(text)} is not accepted; give a path")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise InputError(f"{name}: {quoted(text)} is in a home folder that there is not; give another path") from None


def finite_array(name: str, value: ArrayLike, *dimensions: int) -> FloatArray:
    """``value`` as a float64 array with one of the given numbers of axes and only finite entries.

    Args:
        name: of the argument, for the error.
        value: what the user gave.
        *dimensions: numbers of axes accepted; without them, any.

    Raises:
        InputError: not real numbers, another number of axes, empty, or NaN or infinity inside.
    """
    array = real_array(name, value)
    if dimensions and array.ndim not in dimensions:
        raise InputError(f"{name}: has shape {array.shape}; give an array with {' or '.join(map(_axes, dimensions))}")
    if array.size == 0:
        raise InputError(f"{name}: is empty (shape {array.shape}); give at least one entry")
    bad = int(np.size(array) - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise InputError(f"{name}: holds {bad} NaN or infinite entries; give finite numbers")
    return array


def real_array(name: str, value: ArrayLike) -> FloatArray:
    """``value`` as a float64 array of any shape, which may hold NaN and infinity.

    Args:
        name: of the argument, for the error.
        value: what the user gave.

    Raises:
        InputError: rows of different lengths, masked entries, a tensor that NumPy cannot read, or entries that are no
            real numbers: NumPy would read text and dates as numbers, and cut off imaginary parts.
    """
    array = plain_array(name, value)
    if array.dtype.kind not in "biufO":
        raise InputError(f"{name}: not numeric (type {array.dtype}); give an array of real numbers")
    try:
        with np.errstate(over="ignore"):  # a longer type's numbers become infinite, which is for the caller to judge
            return np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name}: not numeric; give an array of real numbers in the range of floats") from None


def plain_array(name: str, value: ArrayLike) -> NDArray[Any]:
    """``value`` as an array of its own type; InputError where it is no array or not all of it is there."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        raise InputError(f"{name}: not numeric; give an array of real numbers, with rows of one length") from None
    except RuntimeError:
        raise InputError(f"{name}: is a tensor that NumPy cannot read; give tensor.detach().cpu()") from None
    if np.ma.is_masked(value):
        raise InputError(f"{name}: has masked entries; give an array without")
    return array


def _axes(count: int) -> str:
    return "1 axis" if count == 1 else f"{count} axes"


def keep_arrays(instance: object, **arrays: FloatArray | IntArray) -> None:
    """Store the checked arrays in the fields of a frozen dataclass, whose user may have given lists."""
    for name, array in arrays.items():
        object.__setattr__(instance, name, array)


def positive_eigenvalues(value: ArrayLike) -> FloatArray:
    """``value`` as (d,) positive finite eigenvalues, in the order given; InputError otherwise."""
    spectrum = finite_array("eigenvalues", value, 1)
    positive("smallest eigenvalue", float(spectrum.min()))
    return spectrum


def matrix_with_columns(name: str, value: ArrayLike, columns: int) -> FloatArray:
    """``value`` as a finite float64 matrix with ``columns`` columns; InputError otherwise.

    Args:
        name: of the argument, for the error.
        value: what the user gave.
        columns: number of columns accepted.
    """
    array = finite_array(name, value, 2)
    if array.shape[1] != columns:
        raise InputError(f"{name}: has shape {array.shape}; give {columns} columns")
    return array


def class_labels(name: str, value: ArrayLike, count: int, classes: int) -> IntArray:
    """``value`` as ``count`` integer labels in 0 .. classes - 1.

    Args:
        name: of the argument, for the error.
        value: what the user gave.
        count: number of labels accepted.
        classes: K; labels are 0 .. K - 1.

    Raises:
        InputError: another shape, labels that are not integers, or a label out of range.
    """
    array = plain_array(name, value)
    if array.shape != (count,):
        raise InputError(f"{name}: has shape {array.shape}; give one label for each of {count} inputs")
    if array.dtype.kind not in "iu":
        raise InputError(f"{name}: has type {array.dtype}; give integers 0 to {classes - 1}")
    if count and (array.min() < 0 or array.max() >= classes):
        outside = array.min() if array.min() < 0 else array.max()
        raise InputError(f"{name}: holds the label {outside}; give integers 0 to {classes - 1}")
    return array.astype(np.int64)


def labels_from_zero(name: str, value: ArrayLike, count: int) -> IntArray:
    """``value`` as ``count`` integer labels from 0 on, of as many classes as the largest says; else InputError."""
    array = plain_array(name, value)
    largest = int(array.max(initial=0)) if array.dtype.kind in "iu" else 0
    return class_labels(name, array, count, largest + 1)


def check_class_counts(labels: IntArray, classes: int, smallest: int, reason: str) -> None:
    """InputError that names the smallest class where it has fewer than ``smallest`` samples.

    Args:
        labels: (n,) integers 0 .. classes - 1.
        classes: number of classes K.
        smallest: fewest samples of a class that are accepted.
        reason: what they are needed for, as the end of the message.
    """
    counts = np.bincount(labels, minlength=classes)
    fewest = int(np.argmin(counts))
    if counts[fewest] < smallest:
        number = int(counts[fewest])
        raise InputError(
            f"labels: class {fewest} has {number} sample{'' if number == 1 else 's'}; give at least {smallest} of each "
            f"class, {reason}"
        )


def positive(name: str, value: float) -> float:
    """``value`` as a positive finite float; InputError otherwise."""
    return _real(name, value, lambda number: number > 0, "a positive number")


def non_negative(name: str, value: float) -> float:
    """``value`` as a finite float that is at least zero; InputError otherwise."""
    return _real(name, value, lambda number: number >= 0, "a number that is at least 0")


def open_unit(name: str, value: float) -> float:
    """``value`` as a float strictly between 0 and 1; InputError otherwise."""
    return _real(name, value, lambda number: 0 < number < 1, "a number strictly between 0 and 1")


def _real(name: str, value: float, accepts: Callable[[float], bool], accepted: str) -> float:
    try:
        # A string would pass here and fail where it is used as a number; so would an array of one truth value.
        refused = isinstance(value, str | bytes | bytearray | bool) or np.asarray(value).dtype.kind == "b"
        number = float("nan") if refused else float(value)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"{name}: {quoted(value)} is not a number; give {accepted}") from None
    except OverflowError:
        raise InputError(f"{name}: an integer beyond the range of floats is not accepted; give {accepted}") from None
    if not np.isfinite(number) or not accepts(number):
        raise InputError(f"{name}: {quoted(value)} is not accepted; give {accepted}")
    return number


def at_least(name: str, value: int, smallest: int) -> int:
    """``value`` as an integer that is at least ``smallest``; InputError otherwise.

    Args:
        name: of the argument, for the error.
        value: what the user gave.
        smallest: smallest value accepted.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < smallest:
        raise InputError(f"{name}: {quoted(value)} is not accepted; give an integer of at least {smallest}")
    return int(value)


def times_from_zero(name: str, value: ArrayLike) -> FloatArray:
    """``value`` as (T,) finite times of at least 0, in any order; InputError otherwise."""
    return _none_negative(name, finite_array(name, value, 1))


def times_to_infinity(name: str, value: ArrayLike) -> FloatArray:
    """``value`` as (T,) times of at least 0, in any order, infinity included; InputError otherwise."""
    times = real_array(name, value)
    if times.ndim != 1 or times.size == 0 or np.any(np.isnan(times)):
        raise InputError(f"{name}: give a list of numbers, at least one, none of them NaN")
    return _none_negative(name, times)


def _none_negative(name: str, times: FloatArray) -> FloatArray:
    if times.min() < 0:
        raise InputError(f"{name}: holds {times.min():g}; give numbers from 0 on")
    return times


def step_counts(name: str, value: ArrayLike) -> IntArray:
    """``value`` as strictly increasing step counts, starting at 0 or later; InputError otherwise."""
    array = plain_array(name, value)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise InputError(f"{name}: give a non-empty list of integers")
    # Compared and not subtracted: differences of unsigned integers are never negative.
    if array[0] < 0 or np.any(array[1:] <= array[:-1]) or array[-1] > np.iinfo(np.int64).max:
        raise InputError(f"{name}: give strictly increasing integers from 0 on")
    return array.astype(np.int64)


def one_of(name: str, value: str, accepted: Sequence[str]) -> str:
    """``value`` if it is one of ``accepted``; InputError, listing them, otherwise.

    Args:
        name: of the argument, for the error.
        value: what the user gave.
        accepted: the accepted values.
    """
    if not isinstance(value, str) or value not in accepted:
        raise InputError(f"{name}: {quoted(value)} is unknown; give one of {', '.join(accepted)}")
    return value
