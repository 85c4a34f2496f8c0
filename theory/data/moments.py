"""First and second moments of labelled inputs: all that the closed forms need of data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from theory.data.memory_limit import array_bytes, check_memory
from theory.validation import FloatArray, InputError, IntArray, at_least, class_labels, finite_array, keep_arrays

_FEWER = "give fewer features, as of a network's layer or of projections"


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of n inputs in R^d with labels in 0 .. K - 1.

    Attributes:
        mean: (d,) mean of all inputs.
        covariance: (d, d) total covariance, normalised by n (the sample's own, not an estimate
            corrected by n - 1), so that moments of parts merge exactly.
        class_counts: (K,) number of inputs of each class; zero is allowed in a part of the data.
        class_means: (K, d) mean of each class; zeros for an empty class.
    """

    mean: FloatArray
    covariance: FloatArray
    class_counts: IntArray
    class_means: FloatArray

    def __post_init__(self) -> None:
        mean = finite_array("mean", self.mean, 1)
        dimension = mean.shape[0]
        covariance = finite_array("covariance", self.covariance, 2)
        class_means = finite_array("class_means", self.class_means, 2)
        classes = class_means.shape[0]
        if covariance.shape != (dimension, dimension):
            raise InputError(
                f"covariance: has shape {covariance.shape}; give ({dimension}, {dimension}) as the mean demands"
            )
        if class_means.shape[1] != dimension:
            raise InputError(f"class_means: has shape {class_means.shape}; give (classes, {dimension})")
        counts = np.asarray(self.class_counts)
        whole = counts.dtype.kind in "iu" and counts.shape == (classes,)
        if not whole or np.any(counts < 0) or counts.sum() == 0:
            raise InputError(f"class_counts: give {classes} counts of at least 0 with a positive sum")
        keep_arrays(
            self, mean=mean, covariance=covariance, class_counts=counts.astype(np.int64), class_means=class_means
        )

    @property
    def count(self) -> int:
        """Number of inputs n."""
        return int(self.class_counts.sum())

    @property
    def frequencies(self) -> FloatArray:
        """(K,) share of each class."""
        return np.asarray(self.class_counts / self.count, dtype=np.float64)

    @property
    def total_variance(self) -> float:
        """Tr Sigma, in squared units of the inputs."""
        return float(np.trace(self.covariance))

    @property
    def prototypes(self) -> FloatArray:
        """(K, d) rows pi_k (mu_k - mean)."""
        return np.asarray(self.frequencies[:, None] * (self.class_means - self.mean), dtype=np.float64)

    @classmethod
    def from_samples(cls, inputs: ArrayLike, labels: ArrayLike, classes: int) -> Moments:
        """Moments of ``inputs`` (n, d) with integer ``labels`` (n,) in 0 .. classes - 1.

        Args:
            inputs: (n, d).
            labels: (n,) integers 0 .. classes - 1.
            classes: K.

        Raises:
            InputError: NaN, infinity, mismatched shapes, labels out of range.
        """
        accumulator = MomentsAccumulator(classes)
        accumulator.update(inputs, labels)
        return accumulator.result()

    def merge(self, other: Moments) -> Moments:
        """Moments of the union of two disjoint samples (pairwise update of Chan et al. 1979).

        Raises:
            InputError: the two differ in dimension or number of classes.
        """
        if self.class_means.shape != other.class_means.shape:
            raise InputError(
                f"other: has (classes, dimension) {other.class_means.shape}; give {self.class_means.shape}"
            )
        share = other.count / (self.count + other.count)
        shift = other.mean - self.mean
        counts = self.class_counts + other.class_counts
        weighted = self.class_counts[:, None] * self.class_means + other.class_counts[:, None] * other.class_means
        return Moments(
            mean=self.mean + share * shift,
            covariance=(1 - share) * self.covariance
            + share * other.covariance
            + share * (1 - share) * np.outer(shift, shift),
            class_counts=counts,
            class_means=weighted / np.maximum(counts, 1)[:, None],
        )


def merge_all(parts: list[Moments]) -> Moments:
    """Moments of the union of disjoint samples, in any order.

    Raises:
        InputError: no part given, or parts that do not fit each other.
    """
    if not parts:
        raise InputError("parts: is empty; give at least one Moments")
    return reduce(Moments.merge, parts)


class MomentsAccumulator:
    """Sums of a stream of batches, in float64, in the memory of one batch and one (d, d) matrix.

    Inputs are shifted by the first batch's mean before they are squared, so that a large common
    offset does not cancel digits.
    """

    def __init__(self, classes: int) -> None:
        self._classes = at_least("classes", classes, 2)
        self._shift: FloatArray | None = None
        self._scatter = np.zeros((0, 0))
        self._class_sums = np.zeros((0, 0))
        self._class_counts = np.zeros(self._classes, dtype=np.int64)

    def update(self, inputs: ArrayLike, labels: ArrayLike) -> None:
        """Add a batch of ``inputs`` (n, d) with integer ``labels`` (n,).

        Raises:
            InputError: NaN, infinity, mismatched shapes, labels out of range, a covariance that does not fit in the
                memory; nothing is added then.
        """
        batch = finite_array("inputs", inputs, 2)
        known = class_labels("labels", labels, batch.shape[0], self._classes)
        if self._shift is None:
            dimension = batch.shape[1]
            # The sum and the product that is added to it.
            check_memory(f"inputs: a covariance of {dimension} features", 2 * array_bytes((dimension,) * 2), _FEWER)
            self._shift = batch.mean(axis=0)
            self._scatter = np.zeros((dimension, dimension))
            self._class_sums = np.zeros((self._classes, dimension))
        elif batch.shape[1] != self._shift.shape[0]:
            raise InputError(f"inputs: has shape {batch.shape}; give {self._shift.shape[0]} columns as before")
        shifted = batch - self._shift
        # numpy sends a transposed self-product to the symmetric routine, at half the operations.
        self._scatter += shifted.T @ shifted
        one_hot = (known[:, None] == np.arange(self._classes)).astype(np.float64)
        self._class_sums += one_hot.T @ shifted
        self._class_counts += np.bincount(known, minlength=self._classes)

    def result(self) -> Moments:
        """The moments of all batches so far; InputError before the first one."""
        if self._shift is None:
            raise InputError("batches: none was given; give at least one")
        count = int(self._class_counts.sum())
        offset = self._class_sums.sum(axis=0) / count
        means = self._class_sums / np.maximum(self._class_counts, 1)[:, None]
        seen = (self._class_counts > 0)[:, None]
        covariance = self._scatter / count
        covariance -= np.outer(offset, offset)
        return Moments(
            mean=self._shift + offset,
            covariance=covariance,
            class_counts=self._class_counts.copy(),
            class_means=np.where(seen, self._shift + means, 0.0),
        )
