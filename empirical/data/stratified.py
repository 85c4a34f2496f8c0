"""Splits of labelled samples in which every class is in every part as evenly as whole samples allow."""

from __future__ import annotations

import numpy as np

from theory import InputError
from theory.validation import IntArray, at_least


def stratified_sample(labels: IntArray, size: int, seed: int = 0) -> IntArray:
    """The numbers, ascending, of ``size`` samples in which classes have the shares that they have in all.

    Shares are kept to within one sample, and of each class at least one is drawn where ``size`` allows it.

    Args:
        labels: (n,) integers.
        size: at least 1; from n on, all samples are returned.
        seed: of the draw.
    """
    wanted = at_least("size", size, 1)
    if wanted >= labels.size:
        return np.arange(labels.size)
    generator = np.random.default_rng(at_least("seed", seed, 0))
    _, members, counts = np.unique(labels, return_inverse=True, return_counts=True)
    quotas = _quotas(counts, wanted)
    order = generator.permutation(labels.size)
    by_class = order[np.argsort(members[order], kind="stable")]
    places = np.arange(labels.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(by_class[places < np.repeat(quotas, counts)])


def joint_labels(labels: list[IntArray]) -> IntArray:
    """(n,) one number for each combination of several labels (n,) that occurs."""
    _, joint = np.unique(np.stack(labels, axis=1), axis=0, return_inverse=True)
    return np.asarray(joint, dtype=np.int64).reshape(-1)


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


def _quotas(counts: IntArray, size: int) -> IntArray:
    """(K,) samples of each class, ``size`` in all: the shares rounded, by largest remainder, none to zero if it can."""
    exact = counts * (size / counts.sum())
    quotas = np.floor(exact).astype(np.int64)
    if size >= counts.size:
        quotas = np.maximum(quotas, 1)
    order = np.argsort(quotas - exact, kind="stable")
    missing = size - int(quotas.sum())
    if missing >= 0:
        quotas[order[:missing]] += 1
        return np.asarray(quotas, dtype=np.int64)
    # Classes raised to one sample took more than is left over; the largest surpluses above one give back.
    for _ in range(-missing):
        quotas[np.argmax(np.where(quotas > 1, quotas - exact, -np.inf))] -= 1
    return np.asarray(quotas, dtype=np.int64)
