"""Tasks to which a representation may transfer: the dominant colour of an image, and classes kept from pre-training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from empirical.images import Normalisation
from theory import InputError
from theory.validation import IntArray, at_least, class_labels


def dominant_channels(images: NDArray[np.uint8], normalisation: Normalisation) -> IntArray:
    """The channel of the largest normalised mean over each image: 0 red, 1 green, 2 blue; the first of equal ones.

    Normalised, as in the published figures: of raw bytes red would be the answer for most images.

    Args:
        images: (n, 3, height, width) bytes.
        normalisation: of the channels, from the training split.

    Returns:
        (n,) labels 0 to 2.

    Raises:
        InputError: another type or shape.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] != 3 or images.size == 0:
        raise InputError(
            f"images: have shape {images.shape}, type {images.dtype}; give (n, 3, height, width) of raw uint8 pixels"
        )
    pixels = images.shape[2] * images.shape[3]
    sums = images.sum(axis=(2, 3), dtype=np.int64)
    return np.asarray(((sums / (255 * pixels) - normalisation.mean) / normalisation.deviation).argmax(axis=1))


@dataclass(frozen=True, eq=False)
class ClassTask:
    """The samples of some classes, renumbered.

    Attributes:
        rows: (m,) positions of the samples among all, ascending.
        labels: (m,) 0 .. len(classes) - 1.
        classes: the class that each label stands for.
    """

    rows: IntArray
    labels: IntArray
    classes: tuple[int, ...]


def class_task(labels: IntArray, classes: Sequence[int]) -> ClassTask:
    """The samples whose label is among ``classes``; label j of the task is classes[j].

    Args:
        labels: (n,) integers from 0 on.
        classes: at least two different labels.

    Raises:
        InputError: fewer than two classes, one twice, or one without samples.
    """
    chosen = tuple(at_least("classes", one, 0) for one in classes)
    if len(chosen) < 2 or len(set(chosen)) < len(chosen):
        raise InputError(f"classes: {list(chosen)} is not accepted; give at least two different classes")
    array = np.asarray(labels)
    largest = max(int(array.max(initial=0)), *chosen) if array.dtype.kind in "iu" else max(chosen)
    known = class_labels("labels", array, array.shape[0] if array.ndim else 1, largest + 1)
    present = np.bincount(known, minlength=largest + 1)
    absent = [one for one in chosen if present[one] == 0]
    if absent:
        raise InputError(f"classes: class {absent[0]} has no sample; give classes that labels hold")
    new_label = np.full(largest + 1, -1)
    new_label[list(chosen)] = np.arange(len(chosen))
    renumbered = new_label[known]
    rows = np.flatnonzero(renumbered >= 0)
    return ClassTask(rows, renumbered[rows], chosen)


def split_classes(classes: int, source: int, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A random choice of classes to pre-train on, and the rest to transfer to; both ascending.

    Args:
        classes: number of classes, at least 4.
        source: number of classes to pre-train on, at least 2 and at most classes - 2.
        seed: of the choice.

    Raises:
        InputError: numbers out of range.
    """
    at_least("classes", classes, 4)
    if at_least("source", source, 2) > classes - 2:
        raise InputError(f"source: {source} is not accepted; give at most {classes - 2}, so that two classes are left")
    order = np.random.default_rng(at_least("seed", seed, 0)).permutation(classes)
    return tuple(sorted(map(int, order[:source]))), tuple(sorted(map(int, order[source:])))
