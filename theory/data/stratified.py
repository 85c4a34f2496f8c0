"""Parts and subsets of labelled samples that hold every class."""

from __future__ import annotations

import numpy as np

from theory.validation import IntArray, at_least


def stratified_parts(labels: IntArray, parts: int, generator: np.random.Generator | None = None) -> list[IntArray]:
    """Split samples into disjoint parts with equal shares of each class, as arrays of sample indices.

    Sizes of parts, and the numbers of samples that they hold of a class, differ by at most one: samples are sorted by
    class and dealt out in turn. The last parts get fewer.

    Args:
        labels: (n,) integers.
        parts: m, at least 1.
        generator: of the order within classes and within parts; None keeps the order of the samples, for samples in
            random order.

    Returns:
        m arrays of sample numbers.
    """
    count = at_least("parts", parts, 1)
    order = np.arange(labels.size) if generator is None else generator.permutation(labels.size)
    by_class = order[np.argsort(labels[order], kind="stable")]
    dealt = [by_class[number::count] for number in range(count)]
    if generator is None:
        return [np.sort(own) for own in dealt]
    return [generator.permutation(own) for own in dealt]


def some_of_each_class(order: IntArray, labels: IntArray, count: int) -> IntArray:
    """The first ``count`` entries of ``order``, and the first two of each class.

    Args:
        order: sample indices in the order in which they are taken.
        labels: (n,) integers.
        count: number of entries from the start of ``order``.
    """
    ranked = labels[order]
    first = np.zeros(order.size, dtype=np.bool_)
    for label in np.unique(labels):
        first[np.flatnonzero(ranked == label)[:2]] = True
    first[:count] = True
    return order[first]
