"""Checks labelled samples before anything is derived from them: classes of several members, with different means."""

from __future__ import annotations

import numpy as np

from empirical.data.datasets import DataSet
from theory import InputError
from theory.validation import check_class_counts

#: Variance of the class means as a share of all variance; below it they differ by the rounding of single precision.
SMALLEST_SEPARATION = 1e-12


def check_class_sizes(data: DataSet) -> None:
    """Refuse a class of one member, whose covariance is not defined; InputError names it."""
    check_class_counts(data.labels, data.classes, 2, "as the covariance within a class needs them")


def check_class_means(data: DataSet) -> None:
    """Refuse classes of equal means, of which no layer can learn anything; InputError otherwise."""
    mean = data.inputs.mean(axis=0, dtype=np.float64)
    counts = np.bincount(data.labels, minlength=data.classes)
    means = np.stack(
        [data.inputs[data.labels == label].mean(axis=0, dtype=np.float64) for label in range(data.classes)]
    )
    between = float(counts @ np.square(means - mean).sum(axis=1)) / data.labels.size
    # In chunks, as a float64 copy of all inputs would be twice their size.
    chunks = np.array_split(data.inputs, max(1, data.labels.size // 4096))
    total = sum(float(np.square(chunk - mean).sum()) for chunk in chunks) / data.labels.size
    if between <= SMALLEST_SEPARATION * total:
        raise InputError("labels: all classes have the same mean, so that there is no signal; give labels that differ")
