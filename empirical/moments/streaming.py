"""Moments of a stream of batches, in the memory of one batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import Moments, MomentsAccumulator
from theory.progress import Progress, silent
from theory.validation import IntArray, at_least

Inputs = NDArray[np.float32]

_BATCH = 8192


def batches_of(inputs: Inputs, labels: IntArray, size: int) -> Iterator[tuple[Inputs, IntArray]]:
    """Consecutive batches of inputs with their labels.

    Args:
        inputs: (n, d).
        labels: (n,).
        size: most rows per batch, at least 1.
    """
    at_least("size", size, 1)
    for start in range(0, labels.shape[0], size):
        yield inputs[start : start + size], labels[start : start + size]


def stream_moments(batches: Iterable[tuple[ArrayLike, ArrayLike]], classes: int) -> Moments:
    """Moments of all (inputs, labels) batches, accumulated in float64.

    Args:
        batches: pairs of inputs (n, d) and integer labels (n,); n may differ between batches.
        classes: number of classes K.

    Raises:
        InputError: no batch, NaN, infinity, mismatched shapes, labels out of range.
    """
    accumulator = MomentsAccumulator(classes)
    for inputs, labels in batches:
        accumulator.update(inputs, labels)
    return accumulator.result()


def moments_of(inputs: Inputs, labels: IntArray, classes: int, progress: Progress = silent) -> Moments:
    """Moments of all inputs, in batches that bound the memory of the float64 copies.

    Args:
        inputs: (n, d).
        labels: (n,) in 0 .. classes - 1.
        classes: K.
        progress: shows how many batches are done.

    Raises:
        InputError: as ``stream_moments``.
    """
    return stream_moments(progress(list(batches_of(inputs, labels, _BATCH))), classes)
