"""Moments of activations, alone, with the inputs or within each class, from batches on any device.

Products within a batch are float32 (float64 where the activations are), of activations from which the mean
of the first batch has been taken, so that no digits cancel; sums over batches are float64. Moments of
disjoint parts of the data (batches, shards, processes) merge to those of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from empirical.moments.float_precision import full_precision
from empirical.moments.shifted_products import (
    add_product,
    add_scatter,
    check_rows,
    covariance_of,
    in_chunks,
    shift_from,
    shifted,
    zeros,
)
from theory import InputError, Moments
from theory.validation import FloatArray, IntArray, at_least, class_labels, finite_array, non_negative


@dataclass(frozen=True, eq=False)
class JointMoments:
    """Moments of n activations in R^p together with the inputs in R^D that gave them, all normalised by n.

    Attributes:
        activations: their own moments.
        input_mean: (D,) mean of the inputs.
        input_variance: the trace of the inputs' covariance, at least 0.
        cross: (p, D) covariance of activations with inputs.
    """

    activations: Moments
    input_mean: FloatArray
    input_variance: float
    cross: FloatArray

    def __post_init__(self) -> None:
        expected = self.activations.mean.size, finite_array("input_mean", self.input_mean, 1).size
        if finite_array("cross", self.cross, 2).shape != expected:
            raise InputError(f"cross: has shape {self.cross.shape}; give {expected} as the means demand")
        non_negative("input_variance", self.input_variance)

    @property
    def count(self) -> int:
        """Number of samples n."""
        return self.activations.count

    def merge(self, other: JointMoments) -> JointMoments:
        """Moments of the union of two disjoint samples (pairwise update of Chan et al. 1979).

        Raises:
            InputError: the two differ in features, inputs or classes.
        """
        if self.cross.shape != other.cross.shape:
            raise InputError(f"other: has (features, inputs) {other.cross.shape}; give {self.cross.shape}")
        share = other.count / (self.count + other.count)
        between = share * (1 - share)
        shift = other.input_mean - self.input_mean
        feature_shift = other.activations.mean - self.activations.mean
        return JointMoments(
            activations=self.activations.merge(other.activations),
            input_mean=self.input_mean + share * shift,
            input_variance=float(
                (1 - share) * self.input_variance + share * other.input_variance + between * np.sum(shift**2)
            ),
            cross=(1 - share) * self.cross + share * other.cross + between * np.outer(feature_shift, shift),
        )


@dataclass(frozen=True, eq=False)
class ClassCovariances:
    """Mean and covariance of the activations in R^p of each of K classes.

    Attributes:
        counts: (K,) number of samples of each class; zero is allowed.
        means: (K, p); zeros for an empty class.
        covariances: (K, p, p) covariance within each class, normalised by its count; zeros for an empty class.
    """

    counts: IntArray
    means: FloatArray
    covariances: FloatArray

    def __post_init__(self) -> None:
        classes, dimension = finite_array("means", self.means, 2).shape
        if finite_array("covariances", self.covariances, 3).shape != (classes, dimension, dimension):
            raise InputError(
                f"covariances: has shape {self.covariances.shape}; give ({classes}, {dimension}, {dimension})"
            )
        if self.counts.shape != (classes,) or np.any(self.counts < 0) or self.count == 0:
            raise InputError(f"counts: give {classes} counts of at least 0 with a positive sum")

    @property
    def count(self) -> int:
        """Number of samples of all classes."""
        return int(self.counts.sum())

    @property
    def moments(self) -> Moments:
        """The moments of all samples: the law of total covariance."""
        frequencies = self.counts / self.count
        mean = frequencies @ self.means
        centred = self.means - mean
        within = np.tensordot(frequencies, self.covariances, axes=1)
        return Moments(mean, within + (frequencies * centred.T) @ centred, self.counts, self.means)

    def merge(self, other: ClassCovariances) -> ClassCovariances:
        """Those of the union of two disjoint samples (pairwise update of Chan et al. 1979, in each class).

        Raises:
            InputError: the two differ in features or classes.
        """
        if self.means.shape != other.means.shape:
            raise InputError(f"other: has (classes, features) {other.means.shape}; give {self.means.shape}")
        counts = self.counts + other.counts
        share = (other.counts / np.maximum(counts, 1))[:, None]
        # A class that one part lacks has no mean there: share is 0 or 1, and nothing of it is taken over.
        shift = other.means - self.means
        between = (share * (1 - share) * shift)[:, :, None] * shift[:, None, :]
        return ClassCovariances(
            counts=counts,
            means=(1 - share) * self.means + share * other.means,
            covariances=(1 - share)[:, :, None] * self.covariances + share[:, :, None] * other.covariances + between,
        )


Mergeable = TypeVar("Mergeable", Moments, JointMoments, ClassCovariances)


def merge(parts: Sequence[Mergeable]) -> Mergeable:
    """Those of the union of disjoint samples, in any order.

    Raises:
        InputError: no part given, or parts that do not fit each other.
    """
    if not parts:
        raise InputError("parts: is empty; give at least one")
    return reduce(lambda left, right: left.merge(right), parts)


class ActivationAccumulator:
    """Moments of a stream of activations, in the memory of one batch and one (p, p) matrix of float64.

    The sums stay on the first batch's device, where that has float64; products are taken on each batch's own.
    """

    def __init__(self, classes: int) -> None:
        self._classes = at_least("classes", classes, 2)
        self._shift: Tensor | None = None
        self._scatter = self._class_sums = torch.zeros(0)
        self._class_counts = np.zeros(self._classes, dtype=np.int64)

    @torch.no_grad()
    def update(self, activations: Tensor, labels: Tensor) -> None:
        """Add a batch of ``activations`` (n, p) with integer ``labels`` (n,).

        Raises:
            InputError: NaN, infinity, numbers above LARGEST, mismatched shapes, labels out of range; nothing
                is added then.
        """
        check_rows("activations", activations, self._shift)
        known = class_labels("labels", labels.cpu().numpy(), activations.shape[0], self._classes)
        if self._shift is None:
            self._shift = shift_from(activations)
            features = self._shift.numel()
            self._scatter = zeros((features, features), activations.device)
            self._class_sums = zeros((self._classes, features), activations.device)
        one_hot = torch.from_numpy(known[:, None] == np.arange(self._classes))
        with full_precision(activations.device):
            for rows, own in zip(in_chunks(activations), in_chunks(one_hot), strict=True):
                moved = shifted(rows, self._shift)
                add_scatter(self._scatter, moved)
                add_product(self._class_sums, own.to(moved), moved)
        self._class_counts += np.bincount(known, minlength=self._classes)

    @property
    def offset(self) -> FloatArray:
        """(p,) mean of all activations so far, less the shift of all sums."""
        return np.asarray(self._class_sums.sum(dim=0).cpu().numpy() / self._class_counts.sum(), dtype=np.float64)

    @property
    def shift(self) -> Tensor:
        """(p,) what is taken from all activations before they are multiplied; InputError before any batch."""
        if self._shift is None:
            raise InputError("batches: none was given; give at least one")
        return self._shift

    def result(self) -> Moments:
        """The moments of all batches so far; InputError before the first one."""
        shift = self.shift.numpy()
        class_offsets = self._class_sums.cpu().numpy() / np.maximum(self._class_counts, 1)[:, None]
        return Moments(
            mean=shift + self.offset,
            covariance=covariance_of(self._scatter, int(self._class_counts.sum()), self.offset),
            class_counts=self._class_counts.copy(),
            class_means=np.where((self._class_counts > 0)[:, None], shift + class_offsets, 0.0),
        )


class JointAccumulator:
    """Moments of a stream of activations and inputs, in the memory of a batch, one (p, p) and one (p, D) matrix."""

    def __init__(self, classes: int) -> None:
        self._activations = ActivationAccumulator(classes)
        self._shift: Tensor | None = None
        self._cross = self._sums = self._squares = torch.zeros(0)

    @torch.no_grad()
    def update(self, activations: Tensor, inputs: Tensor, labels: Tensor) -> None:
        """Add a batch of ``activations`` (n, p), the ``inputs`` (n, ...) that gave them and ``labels`` (n,).

        Inputs are flattened to (n, D).

        Raises:
            InputError: as ``ActivationAccumulator.update``, for activations and inputs; nothing is added then.
        """
        if inputs.ndim < 2 or inputs.shape[:1] != activations.shape[:1]:
            raise InputError(f"inputs: have shape {tuple(inputs.shape)}; give one for each row of the activations")
        flat = inputs.flatten(1).to(activations.device)
        check_rows("inputs", flat, self._shift)
        self._activations.update(activations, labels)
        feature_shift = self._activations.shift
        if self._shift is None:
            self._shift = shift_from(flat)
            self._cross = zeros((feature_shift.numel(), self._shift.numel()), flat.device)
            self._sums = zeros((self._shift.numel(),), flat.device)
            self._squares = zeros((), flat.device)
        common = torch.promote_types(torch.promote_types(activations.dtype, torch.float32), flat.dtype)
        with full_precision(flat.device):
            for rows, features in zip(in_chunks(flat), in_chunks(activations), strict=True):
                moved = shifted(rows.to(common), self._shift)
                add_product(self._cross, shifted(features.to(common), feature_shift), moved)
                self._sums.add_(moved.sum(dim=0).to(self._sums))
                self._squares.add_(moved.square().sum(dim=1).to(self._squares).sum())

    def result(self) -> JointMoments:
        """The moments of all batches so far; InputError before the first one."""
        activations = self._activations.result()
        assert self._shift is not None, "activations are never added without their inputs"
        offset = self._sums.cpu().numpy() / activations.count
        cross = self._cross.cpu().numpy() / activations.count
        cross -= np.outer(self._activations.offset, offset)
        return JointMoments(
            activations=activations,
            input_mean=self._shift.numpy() + offset,
            # Rounding may take a variance of zero below it.
            input_variance=max(0.0, float(self._squares) / activations.count - float(offset @ offset)),
            cross=cross,
        )


class ClassCovarianceAccumulator:
    """Covariances within each class of a stream of activations, in the memory of a batch and (K, p, p) float64.

    The sums of a class are shifted by its own mean, so that classes far apart cost the covariance within them
    no digits.
    """

    def __init__(self, classes: int) -> None:
        self._classes = at_least("classes", classes, 2)
        self._shifts: Tensor | None = None
        self._scatters = self._sums = torch.zeros(0)
        self._counts = np.zeros(self._classes, dtype=np.int64)

    @torch.no_grad()
    def update(self, activations: Tensor, labels: Tensor) -> None:
        """Add a batch of ``activations`` (n, p) with integer ``labels`` (n,).

        Raises:
            InputError: as ``ActivationAccumulator.update``; nothing is added then.
        """
        check_rows("activations", activations, None if self._shifts is None else self._shifts[0])
        known = class_labels("labels", labels.cpu().numpy(), activations.shape[0], self._classes)
        if self._shifts is None:
            features = activations.shape[1]
            self._shifts = torch.zeros((self._classes, features), dtype=torch.float64)
            self._scatters = zeros((self._classes, features, features), activations.device)
            self._sums = zeros((self._classes, features), activations.device)
        with full_precision(activations.device):
            for label in np.unique(known):
                own = activations[torch.from_numpy(known == label).to(activations.device)]
                if self._counts[label] == 0:
                    self._shifts[label] = shift_from(own)
                for rows in in_chunks(own):
                    moved = shifted(rows, self._shifts[label])
                    add_scatter(self._scatters[label], moved)
                    self._sums[label].add_(moved.sum(dim=0).to(self._sums))
        self._counts += np.bincount(known, minlength=self._classes)

    def result(self) -> ClassCovariances:
        """Those of all batches so far; InputError before the first one."""
        if self._shifts is None:
            raise InputError("batches: none was given; give at least one")
        counts = np.maximum(self._counts, 1)
        offsets = self._sums.cpu().numpy() / counts[:, None]
        parts = zip(self._scatters, counts, offsets, strict=True)
        return ClassCovariances(
            counts=self._counts.copy(),
            means=self._shifts.numpy() + offsets,
            covariances=np.stack([covariance_of(scatter, int(count), offset) for scatter, count, offset in parts]),
        )
