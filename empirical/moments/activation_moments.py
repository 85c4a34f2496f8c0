"""Moments of activations, alone or with the inputs, from batches on any device.

Products within a batch are float32 (float64 where the activations are), of activations from which the mean
of the first batch has been taken, so that no digits cancel; sums over batches are float64. Moments of
disjoint parts of the data (batches, shards, processes) merge to those of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from theory.validation import FloatArray, at_least, class_labels, finite_array, non_negative


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
        """(p,) what is subtracted from all activations before they are multiplied; InputError before any batch."""
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
        """Add a batch.

        Args:
            activations: (n, p).
            inputs: (n, ...) that gave them, flattened here to (n, D).
            labels: (n,) integers.

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
