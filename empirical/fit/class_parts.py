"""Each class cut into parts by k-means, each part a Gaussian with its own moments.

Parts differ in location, which is what training is sensitive to. On images the likelihood prefers parts that differ in
spread, as pictures of low and high contrast do, and on CIFAR-10's pixels these leave the drift of the mean field as it
is (docs/explanation/limits.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import pairwise_distances_argmin

from empirical.fit.class_division import ClassDivision, k_means_centres, leading_samples
from theory.progress import Progress, silent
from theory.validation import FloatArray, at_least, check_class_counts, class_labels, plain_array


@dataclass(frozen=True, eq=False)
class ClassParts(ClassDivision):
    """Classes cut into parts: each sample belongs to the nearest centre of its class.

    Attributes:
        centres: of each class, (m, q) centres of its parts in the leading coordinates.
    """

    centres: tuple[FloatArray, ...]

    @property
    def components(self) -> tuple[int, ...]:
        """See ``ClassDivision``."""
        return tuple(len(one) for one in self.centres)

    def belongs(self, label: int, leading: FloatArray) -> FloatArray:
        """See ``ClassDivision``."""
        own = self.centres[label]
        nearest = pairwise_distances_argmin(leading, own)
        return np.asarray(np.eye(len(own))[nearest], dtype=np.float64)

    def shrinkage(self, label: int) -> float:
        """0: a part has the covariance of its samples."""
        return 0.0


def cut_classes(
    inputs: ArrayLike, labels: ArrayLike, classes: int, parts: int, seed: int = 0, progress: Progress = silent
) -> ClassParts:
    """Cut each class into parts by k-means in the leading directions.

    Args:
        inputs: (n, D) samples.
        labels: (n,) classes 0 to K - 1, each with at least as many samples as parts.
        classes: K.
        parts: of each class, at least 1.
        seed: of the samples from which centres are found, and of k-means.
        progress: shows how many classes are done.

    Raises:
        InputError: NaN, infinity, mismatched shapes, too few samples of a class, or inputs that do not vary.
    """
    rows = plain_array("inputs", inputs)
    known = class_labels("labels", labels, len(rows), at_least("classes", classes, 2))
    wanted = at_least("parts", parts, 1)
    check_class_counts(known, classes, wanted, f"as many as parts, {wanted}")
    leading, labels_of_leading, centre, directions = leading_samples(rows, known, seed)
    by_class = (leading[labels_of_leading == label] for label in progress(range(classes)))
    centres = tuple(k_means_centres(own, wanted, seed) for own in by_class)
    return ClassParts(centre, directions, np.bincount(known) / len(rows), len(leading), centres)
