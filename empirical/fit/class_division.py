"""What divides each class into parts, in the leading directions of the samples.

Most of the variance is there, and a density in all directions of an image needs more samples than a class has.
``empirical.fit.mixture_model`` extends the parts to a data model in all directions.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from theory import InputError
from theory.data.data_model import RELATIVE_RANK_TOLERANCE
from theory.validation import FloatArray, IntArray, at_least, finite_array

#: Share of the variance in the leading directions, and the largest number of these.
VARIANCE_SHARE, MOST_DIRECTIONS = 0.95, 32

#: Most samples of a class from which its division is found.
MOST_SAMPLES = 2000


@dataclass(frozen=True, eq=False)
class ClassDivision(ABC):
    """Parts of each class, as functions of the leading coordinates of its samples.

    Attributes:
        centre: (D,) mean of the samples.
        directions: (D, q) the leading directions, orthonormal.
        frequencies: (K,) class frequencies of all samples.
        samples: number of samples from which the division was found, at most MOST_SAMPLES of a class.
    """

    centre: FloatArray
    directions: FloatArray
    frequencies: FloatArray
    samples: int

    @property
    @abstractmethod
    def components(self) -> tuple[int, ...]:
        """Number of parts of each class."""

    @abstractmethod
    def belongs(self, label: int, leading: FloatArray) -> FloatArray:
        """(n, m) how much samples with leading coordinates (n, q) belong to each part of a class; rows sum to 1."""

    @abstractmethod
    def shrinkage(self, label: int) -> float:
        """Weight, 0 to 1, of the mean of the parts' covariances in that of each part of a class."""

    def leading(self, inputs: FloatArray) -> FloatArray:
        """(n, q) leading coordinates of ``inputs`` (n, D)."""
        return np.asarray((inputs - self.centre) @ self.directions, dtype=np.float64)


def leading_samples(
    rows: NDArray[Any], labels: IntArray, seed: int
) -> tuple[FloatArray, IntArray, FloatArray, FloatArray]:
    """Some samples of each class in their leading directions.

    Args:
        rows: (n, D) samples of any type of number.
        labels: (n,) classes, each with a sample.
        seed: of the samples that are taken of larger classes.

    Returns:
        Leading coordinates (m, q) and labels (m,) of at most MOST_SAMPLES of each class, their mean (D,), and the
        directions (D, q).

    Raises:
        InputError: NaN, infinity, or samples that do not vary.
    """
    chosen = _some_of_each_class(labels, np.random.default_rng(at_least("seed", seed, 0)))
    some = finite_array("inputs", rows[chosen], 2)
    centre, directions = _leading_part(some)
    return some @ directions - centre @ directions, labels[chosen], centre, directions


def _some_of_each_class(labels: IntArray, generator: np.random.Generator) -> IntArray:
    """Numbers of at most MOST_SAMPLES samples of each class."""
    order = generator.permutation(labels.size)
    by_class = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    place = np.arange(labels.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(by_class[place < MOST_SAMPLES])


def _leading_part(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean (D,) of rows (n, D), and the directions (D, q) that hold VARIANCE_SHARE, or as many as are admitted."""
    if not np.ptp(rows, axis=0).any():
        raise InputError("inputs: are all equal; give inputs that vary")
    found = PCA(min(MOST_DIRECTIONS, *rows.shape), random_state=0).fit(rows)
    variances = found.explained_variance_
    wanted = int(np.searchsorted(np.cumsum(found.explained_variance_ratio_), VARIANCE_SHARE)) + 1
    count = min(wanted, int(np.count_nonzero(variances > RELATIVE_RANK_TOLERANCE * variances[0])))
    return np.asarray(found.mean_, dtype=np.float64), np.asarray(found.components_[:count].T, dtype=np.float64)


def k_means_centres(samples: FloatArray, parts: int, seed: int) -> FloatArray:
    """(m, q) centres of samples (n, q), the best of three starts; equal ones where fewer samples are distinct."""
    means = KMeans(parts, n_init=3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct samples than parts
        return np.asarray(means.fit(samples).cluster_centers_, dtype=np.float64)
