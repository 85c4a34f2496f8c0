"""Moments of a stream of batches, in the memory of one batch."""

from __future__ import annotations

from collections.abc import Iterable

from numpy.typing import ArrayLike

from theory import Moments, MomentsAccumulator


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
