"""What labelled samples need before anything is derived from them: classes of several members, with different means."""

from __future__ import annotations

import numpy as np

from empirical.datasets import DataSet
from theory import InputError, Moments

#: Variance of the class means as a share of all variance; below it they differ by the rounding of single precision.
SMALLEST_SEPARATION = 1e-12


def check_class_sizes(data: DataSet) -> None:
    """Refuse a class of one member, whose covariance is not defined; InputError names it."""
    counts = np.bincount(data.labels, minlength=data.classes)
    if counts.min() < 2:
        raise InputError(
            f"labels: class {int(np.argmin(counts))} has {counts.min()} members; give at least 2 of each class"
        )


def check_class_means(moments: Moments) -> None:
    """Refuse classes of equal means, of which no layer can learn anything; InputError otherwise."""
    distances = np.square(moments.class_means - moments.mean).sum(axis=1)
    if float(moments.frequencies @ distances) <= SMALLEST_SEPARATION * moments.total_variance:
        raise InputError("labels: all classes have the same mean, so that there is no signal; give labels that differ")
