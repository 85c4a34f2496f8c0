"""The data model: a spectrum, prototypes in its eigenbasis, and class frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from theory.data.moments import Moments
from theory.validation import (
    FloatArray,
    InputError,
    at_least,
    finite_array,
    keep_arrays,
    matrix_with_columns,
    open_unit,
    positive,
    real_array,
)

#: Eigenvalues below this share of the largest one are rounding noise of a float64 covariance and
#: are dropped together with their directions, in which the inputs do not vary.
RELATIVE_RANK_TOLERANCE = 1e-10

#: Squares of eigenvalues and of prototypes must be floats.
_LARGEST = 1e152


@dataclass(frozen=True, eq=False)
class DataModel:
    """K classes in R^d, in the eigenbasis of the total covariance Sigma, centred.

    Attributes:
        eigenvalues: (d,) eigenvalues lambda_1 >= ... >= lambda_d > 0 of Sigma.
        prototypes: (K, d) matrix M; row k is pi_k (mu_k - mean) in the eigenbasis; rows sum to 0.
        frequencies: (K,) class frequencies pi_k > 0, which sum to 1.
        basis: (D, d) eigenvectors as columns (orthonormal; not checked), in the D coordinates of
            the inputs, or None where the model is stated in its eigenbasis already.

    Raises:
        InputError: any of the above does not hold.
    """

    eigenvalues: FloatArray
    prototypes: FloatArray
    frequencies: FloatArray
    basis: FloatArray | None = None

    def __post_init__(self) -> None:
        eigenvalues = finite_array("eigenvalues", self.eigenvalues, 1)
        if eigenvalues[-1] <= 0 or np.any(np.diff(eigenvalues) > 0):
            raise InputError("eigenvalues: give positive numbers in descending order")
        if not 1 / _LARGEST <= eigenvalues[0] <= _LARGEST:
            raise InputError(
                f"eigenvalues: the largest is {eigenvalues[0]:g}; give inputs in units in which it is between "
                f"{1 / _LARGEST:g} and {_LARGEST:g}"
            )
        prototypes = matrix_with_columns("prototypes", self.prototypes, eigenvalues.shape[0])
        frequencies = finite_array("frequencies", self.frequencies, 1)
        if frequencies.shape[0] != prototypes.shape[0] or frequencies.shape[0] < 2:
            raise InputError(
                f"frequencies: has {frequencies.shape[0]} classes, prototypes {prototypes.shape[0]}; "
                "give the same number, at least 2"
            )
        if np.any(frequencies <= 0) or abs(frequencies.sum() - 1) > 1e-9:
            raise InputError("frequencies: give positive shares that sum to 1 (no class may be empty)")
        scale = np.abs(prototypes).max()
        if scale > _LARGEST:
            raise InputError(f"prototypes: the largest entry is {scale:g}; give at most {_LARGEST:g}")
        if np.abs(prototypes.sum(axis=0)).max() > 1e-8 * max(scale, np.sqrt(eigenvalues[0])):
            raise InputError("prototypes: rows must sum to 0; give pi_k (mu_k - mean) for centred inputs")
        keep_arrays(self, eigenvalues=eigenvalues, prototypes=prototypes, frequencies=frequencies)
        if self.basis is not None:
            keep_arrays(self, basis=matrix_with_columns("basis", self.basis, eigenvalues.shape[0]))

    @property
    def dimension(self) -> int:
        """Number of directions d in which the inputs vary."""
        return int(self.eigenvalues.shape[0])

    @property
    def classes(self) -> int:
        """Number of classes K."""
        return int(self.frequencies.shape[0])

    @property
    def total_variance(self) -> float:
        """Tr Sigma."""
        return float(self.eigenvalues.sum())

    @property
    def means(self) -> FloatArray:
        """(K, d) class means relative to the overall mean, in the eigenbasis."""
        return np.asarray(self.prototypes / self.frequencies[:, None], dtype=np.float64)

    @cached_property
    def class_shares(self) -> tuple[FloatArray, FloatArray]:
        """Between-class directions in whitened coordinates and the share of variance they hold.

        Returns:
            directions: (d, q) orthonormal columns u_j, q <= K.
            shares: (q,) descending: Sigma^(-1/2) (sum_k pi_k mu_k mu_k^T) Sigma^(-1/2) has these
                eigenvalues. All at most 1 means that a within-class covariance exists.
        """
        whitened = (self.prototypes / np.sqrt(self.frequencies)[:, None]) / np.sqrt(self.eigenvalues)
        directions, singular, _ = np.linalg.svd(whitened.T, full_matrices=False)
        return directions, singular**2

    @property
    def is_realisable(self) -> bool:
        """Whether classes with a common within-class covariance can have these moments."""
        return bool(self.class_shares[1][0] <= 1 + 1e-9)

    def to_eigenbasis(self, rows: ArrayLike) -> FloatArray:
        """Rows (..., D), weights or centred inputs, in the d coordinates of the eigenbasis.

        Raises:
            InputError: another number of columns, or no numbers.
        """
        array = real_array("rows", rows)
        width = self.dimension if self.basis is None else self.basis.shape[0]
        if array.ndim == 0 or array.shape[-1] != width:
            raise InputError(f"rows: has shape {array.shape}; give {width} columns, as the model's inputs have")
        if self.basis is None:
            return array
        return np.asarray(array @ self.basis, dtype=np.float64)

    def from_eigenbasis(self, rows: ArrayLike) -> FloatArray:
        """Rows (..., d) in the eigenbasis, weights or centred inputs, in the D coordinates of the inputs.

        Raises:
            InputError: another number of columns, or no numbers.
        """
        array = real_array("rows", rows)
        if array.ndim == 0 or array.shape[-1] != self.dimension:
            raise InputError(f"rows: has shape {array.shape}; give {self.dimension} columns, one for each direction")
        return array if self.basis is None else np.asarray(array @ self.basis.T, dtype=np.float64)

    def with_signal_scaled(self, factor: float) -> DataModel:
        """The model with all prototypes multiplied by ``factor`` at an unchanged total covariance.

        For squared error the curve depends on init_scale / factor alone: scaling both leaves it
        unchanged. This makes a model with too strong a signal realisable.
        """
        return replace(self, prototypes=positive("factor", factor) * self.prototypes)

    @classmethod
    def from_moments(cls, moments: Moments) -> DataModel:
        """The model with the moments of data: eigenbasis of the covariance, prototypes in it.

        Directions with an eigenvalue below RELATIVE_RANK_TOLERANCE times the largest are dropped.

        Raises:
            InputError: an empty class, or inputs that do not vary.
        """
        empty = np.flatnonzero(moments.class_counts == 0)
        if empty.size:
            raise InputError(f"moments: class {empty[0]} is empty; give at least one input of each class")
        return cls.from_covariance(moments.covariance, moments.prototypes, moments.frequencies)

    @classmethod
    def from_covariance(cls, covariance: FloatArray, prototypes: FloatArray, frequencies: FloatArray) -> DataModel:
        """The model with a total covariance and prototypes that are stated in the coordinates of the inputs.

        Directions with an eigenvalue below RELATIVE_RANK_TOLERANCE times the largest are dropped.

        Args:
            covariance: (D, D) Sigma, symmetric.
            prototypes: (K, D) rows pi_k (mu_k - mean).
            frequencies: (K,) class frequencies.

        Raises:
            InputError: inputs that do not vary, and as the class says.
        """
        eigenvalues, basis = np.linalg.eigh(covariance)
        kept = eigenvalues > RELATIVE_RANK_TOLERANCE * eigenvalues[-1]
        if eigenvalues[-1] <= 0 or not kept.any():
            raise InputError("moments: all inputs are equal; give inputs that vary")
        descending = np.flatnonzero(kept)[::-1]
        basis = np.ascontiguousarray(basis[:, descending])
        turned = prototypes @ basis
        # Rounding leaves a common part of order 1e-16; take it out so that rows sum to zero.
        turned -= frequencies[:, None] * turned.sum(axis=0)
        return cls(eigenvalues[descending], turned, frequencies, basis)

    @classmethod
    def two_classes(cls, eigenvalues: ArrayLike, signal: ArrayLike) -> DataModel:
        """Two equally frequent classes with prototype rows -signal and +signal (class 1 is +).

        Args:
            eigenvalues: (d,) descending.
            signal: (d,) the row delta of a one-output network, pi_1 mu_1.
        """
        row = finite_array("signal", signal, 1)
        return cls(
            finite_array("eigenvalues", eigenvalues, 1),
            np.stack([-row, row]),
            np.array([0.5, 0.5]),
        )

    @classmethod
    def power_law(cls, dimension: int, alpha: float, beta: float, signal: float) -> DataModel:
        """Two classes with lambda_i = i^-alpha and delta_i^2 = signal * i^-beta, i = 1 .. dimension.

        Args:
            dimension: d >= 1.
            alpha: exponent of the spectrum, positive.
            beta: exponent of the squared signal, any real number.
            signal: squared prototype coordinate in the first direction, positive.
        """
        index = np.arange(1, at_least("dimension", dimension, 1) + 1, dtype=np.float64)
        eigenvalues = index ** -positive("alpha", alpha)
        return cls.two_classes(eigenvalues, np.sqrt(positive("signal", signal)) * index ** (-beta / 2))

    @classmethod
    def power_law_classes(
        cls, dimension: int, alpha: float, beta: float, classes: int, share: float, seed: int
    ) -> DataModel:
        """K equally frequent classes with lambda_i = i^-alpha and random prototypes of the profile i^-beta.

        Args:
            dimension: d, at least 2.
            alpha: exponent of the spectrum, positive.
            beta: exponent of the expected squared prototype coordinate, any real number.
            classes: K, at least 2.
            share: of the variance that the classes hold in the direction where they hold the most, strictly between
                0 and 1.
            seed: of the prototypes.
        """
        index = np.arange(1, at_least("dimension", dimension, 2) + 1, dtype=np.float64)
        count = at_least("classes", classes, 2)
        generator = np.random.default_rng(at_least("seed", seed, 0))
        prototypes = generator.standard_normal((count, dimension)) * index ** (-beta / 2)
        model = cls(index ** -positive("alpha", alpha), prototypes - prototypes.mean(axis=0), np.full(count, 1 / count))
        return model.with_signal_scaled(float(np.sqrt(open_unit("share", share) / model.class_shares[1][0])))

    @classmethod
    def spiked(
        cls, spikes: Sequence[float], bulk: float, dimension: int, signal: float, signal_in_spikes: float
    ) -> DataModel:
        """Two classes; a few large eigenvalues above a flat bulk.

        Args:
            spikes: descending eigenvalues, each larger than ``bulk``.
            bulk: eigenvalue of the other ``dimension - len(spikes)`` directions, positive.
            dimension: d, larger than the number of spikes.
            signal: total squared length of the prototype row delta, positive.
            signal_in_spikes: share of it in the spikes, strictly between 0 and 1, spread evenly
                there; the rest is spread evenly over the bulk. Above the spikes' share of a
                random direction's variance the model is aligned.
        """
        tall = finite_array("spikes", list(spikes), 1)
        count = tall.shape[0]
        flat = positive("bulk", bulk)
        if tall.min() <= flat or np.any(np.diff(tall) > 0):
            raise InputError(f"spikes: {list(spikes)} is not accepted; give descending numbers above bulk = {flat}")
        rest = at_least("dimension", dimension, count + 1) - count
        share = open_unit("signal_in_spikes", signal_in_spikes)
        strength = positive("signal", signal)
        squared = np.concatenate([np.full(count, share / count), np.full(rest, (1 - share) / rest)])
        return cls.two_classes(np.concatenate([tall, np.full(rest, flat)]), np.sqrt(strength * squared))
