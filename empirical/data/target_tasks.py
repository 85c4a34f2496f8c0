"""Targets of transfer on vectors: classes of a data set, or numbers that belong to its inputs, by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh

from empirical.data.array_file import header_of, one_name
from empirical.data.array_formats import is_array_file, open_arrays
from empirical.data.datasets import DataSet
from empirical.data.digit_numbers import DIGIT_NUMBERS, digit_number
from theory import InputError
from theory.validation import FloatArray, IntArray, finite_array, keep_arrays, quoted, whole_numbers

#: Classes that a text may name: more are a mistake.
_LARGEST_CLASS = 100_000

_RANGE = re.compile("([0-9]{1,9})(?:-([0-9]{1,9}))?")


@dataclass(frozen=True, eq=False)
class TargetTask:
    """A target that a linear probe predicts from inputs.

    Attributes:
        name: in tables.
        inputs: (n, D) in the coordinates of the source's inputs.
        values: (n, q) the target: numbers, or one-hot rows of classes.

    Raises:
        InputError: shapes that do not fit, NaN or infinity.
    """

    name: str
    inputs: FloatArray
    values: FloatArray

    def __post_init__(self) -> None:
        inputs = finite_array("inputs", self.inputs, 2)
        values = finite_array("values", self.values, 1, 2)
        if values.shape[0] != inputs.shape[0]:
            raise InputError(f"values: has shape {values.shape}; give one row for each of {inputs.shape[0]} inputs")
        keep_arrays(self, inputs=inputs, values=values.reshape(values.shape[0], -1))


def class_task(data: DataSet, name: str) -> TargetTask:
    """To tell the classes of a data set, as one-hot rows."""
    return TargetTask(name, data.inputs.astype(np.float64), np.eye(data.classes)[data.labels])


def regression_task(data: DataSet, values: ArrayLike, name: str) -> TargetTask:
    """The task of predicting real numbers from the inputs of a data set.

    Args:
        data: n inputs, whose labels are not used.
        values: (n,) or (n, q) numbers to predict.
        name: of the task.

    Raises:
        InputError: values that are no finite numbers, or not one row for each input.
    """
    return TargetTask(name, data.inputs.astype(np.float64), finite_array("values", values, 1, 2))


def chosen_classes(data: DataSet, classes: IntArray | Sequence[int], name: str | None = None) -> DataSet:
    """Some classes of a data set, renumbered in ascending order; inputs keep their unit.

    Args:
        data: all classes.
        classes: those to keep, at least two different ones.
        name: of the result; that of ``data`` with its classes if left out.

    Raises:
        InputError: fewer than two classes, one that is no integer, or one that the data lack.
    """
    kept = np.unique(whole_numbers("classes", classes, 0))
    if kept.size < 2:
        raise InputError(f"classes: {kept.size} is not enough; give at least 2 different ones")
    if kept[-1] >= data.classes:
        raise InputError(f"classes: {kept[-1]} is none of {data.name}; give numbers from 0 to {data.classes - 1}")
    rows = np.isin(data.labels, kept)
    labels = np.searchsorted(kept, data.labels[rows]).astype(np.int64)
    called = name if name is not None else f"{data.name}:{classes_text(kept)}"
    return DataSet(called, data.inputs[rows], labels, int(kept.size))


def parse_class_ranges(text: str) -> tuple[int, ...]:
    """``0-2,5`` as the classes 0, 1, 2 and 5.

    Raises:
        InputError: something else than whole numbers and ranges of them with commas between.
    """
    found: list[int] = []
    for part in text.split(","):
        matched = _RANGE.fullmatch(part.strip())
        low, high = (int(end) for end in (matched[1], matched[2] or matched[1])) if matched else (1, 0)
        if not low <= high < _LARGEST_CLASS:
            raise InputError(f"classes: {quoted(text)} is not accepted; give numbers and ranges, as in 0-4 or 0,2,5-9")
        found += range(low, high + 1)
    return tuple(sorted(set(found)))


def classes_text(classes: IntArray | tuple[int, ...]) -> str:
    """Classes as text, ``0-2,5``, that ``parse_class_ranges`` reads."""
    parts: list[list[int]] = []
    for one in sorted(int(each) for each in classes):
        if parts and one == parts[-1][-1] + 1:
            parts[-1].append(one)
        else:
            parts.append([one])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in parts)


def target_task(text: str, whole: DataSet, path: str | None = None) -> TargetTask:
    """The target that a text names.

    Args:
        text: ``NAME:5-9`` for classes of ``whole``, NAME being its name; for the digits also ``digits:ink`` and the
            other names of ``DIGIT_NUMBERS``; ``component:5`` for the fifth principal component of the inputs; or the
            name of an array of numbers, one row for each input, in the file of the data.
        whole: the data set with all its classes, part of which a network is trained on.
        path: file of the data; None where they come from no file.

    Raises:
        InputError: another name, classes or components that the data lack, no file or no such array in it, or an array
            of another length.
    """
    name, colon, rest = text.partition(":")
    if colon and name == "component":
        return _component(rest, whole, text)
    if colon:
        if name != whole.name:
            raise InputError(f"target: {quoted(text)} names other data; give {_accepted(whole)}")
        if whole.name == "digits" and rest in DIGIT_NUMBERS:
            return regression_task(whole, digit_number(rest, whole.inputs.astype(np.float64)), text)
        return class_task(chosen_classes(whole, parse_class_ranges(rest), text), text)
    if path is None or not is_array_file(path):
        raise InputError(f"target: {quoted(text)} is not accepted; give {_accepted(whole)}")
    file = open_arrays(Path(path).expanduser(), text)
    header_of(file, text, one_name("--target"))
    values = np.asarray(file.read(text))
    if values.dtype.kind not in "fiub" or values.ndim not in (1, 2) or values.shape[0] != whole.labels.size:
        raise InputError(
            f"target: {quoted(text)} has shape {values.shape}, type {values.dtype}; give numbers "
            f"({whole.labels.size},) or ({whole.labels.size}, q), a row for each input"
        )
    return regression_task(whole, values, text)


def _accepted(whole: DataSet) -> str:
    numbers = f", one of {', '.join(f'digits:{name}' for name in DIGIT_NUMBERS)}" if whole.name == "digits" else ""
    return f"{whole.name}:CLASSES, as in {whole.name}:5-9{numbers}, component:N, or with a file the name of an array"


def _component(number: str, whole: DataSet, text: str) -> TargetTask:
    """The coordinate of the inputs along one of their principal directions."""
    limit = min(whole.inputs.shape)
    if not (number.isascii() and number.isdigit() and len(number) < 10 and 1 <= int(number) <= limit):
        raise InputError(f"target: {quoted(text)} is not accepted; give component:N with N from 1 to {limit}")
    inputs = whole.inputs.astype(np.float64)
    centred = inputs - inputs.mean(axis=0)
    covariance = centred.T @ centred / len(centred)
    order = covariance.shape[0] - int(number)
    direction = eigh(covariance, subset_by_index=(order, order))[1][:, 0]
    return regression_task(whole, centred @ direction, text)
