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


def stratified_sample(labels: IntArray, size: int, seed: int = 0, fewest: int = 1) -> IntArray:
    """The numbers, ascending, of ``size`` samples in which classes have the shares that they have in all.

    Shares are kept to within one sample, and of each class at least ``fewest`` are drawn where ``size`` and
    the class allow it.

    Args:
        labels: (n,) integers.
        size: at least 1; from n on, all samples are returned.
        seed: of the draw.
        fewest: samples of a class that are wanted, whatever its share.
    """
    wanted = at_least("size", size, 1)
    if wanted >= labels.size:
        return np.arange(labels.size)
    generator = np.random.default_rng(at_least("seed", seed, 0))
    _, members, counts = np.unique(labels, return_inverse=True, return_counts=True)
    quotas = _quotas(counts, wanted, at_least("fewest", fewest, 1))
    order = generator.permutation(labels.size)
    by_class = order[np.argsort(members[order], kind="stable")]
    places = np.arange(labels.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(by_class[places < np.repeat(quotas, counts)])


def joint_labels(labels: list[IntArray]) -> IntArray:
    """(n,) one number for each combination of several labels (n,) that occurs."""
    _, joint = np.unique(np.stack(labels, axis=1), axis=0, return_inverse=True)
    return np.asarray(joint, dtype=np.int64).reshape(-1)


def _quotas(counts: IntArray, size: int, fewest: int) -> IntArray:
    """(K,) samples of each class, ``size`` in all: the shares rounded, by largest remainder, none below ``fewest``."""
    exact = counts * (size / counts.sum())
    quotas = np.floor(exact).astype(np.int64)
    smallest = np.minimum(fewest, counts)
    if size < smallest.sum():
        smallest = np.zeros_like(counts)
    quotas = np.maximum(quotas, smallest)
    order = np.argsort(quotas - exact, kind="stable")
    missing = size - int(quotas.sum())
    if missing >= 0:
        quotas[order[:missing]] += 1
        return np.asarray(quotas, dtype=np.int64)
    # Classes raised to the fewest took more than is left over; the largest surpluses above it give back.
    for _ in range(-missing):
        quotas[np.argmax(np.where(quotas > smallest, quotas - exact, -np.inf))] -= 1
    return np.asarray(quotas, dtype=np.int64)
