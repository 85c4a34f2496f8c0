"""A target of transfer: what a linear probe is to predict from the outputs of a layer, described by second moments.

A probe of minimal squared error depends on three moments: the covariance of the inputs on which it is fitted, their
cross-covariance T = E[x y^T] with the target y, and the variance of the target. Reconstruction is the target y = x, for
which T = Sigma. The inputs of the probe need not be those that a layer is trained on: held-out classes have
their own covariance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from theory.data.data_model import RELATIVE_RANK_TOLERANCE, DataModel
from theory.data.moments import Moments
from theory.validation import FloatArray, InputError, finite_array, keep_arrays, positive

#: Rounding error of the variance that a linear predictor explains, as a share of it.
_ROUNDING = 1e-6

#: Largest difference of two covariances that were computed from the same inputs, as a share of lambda_1.
_SAME = 1e-12


@dataclass(frozen=True, eq=False)
class Target:
    """A target y with the inputs x of its probe, both centred, in the eigenbasis of a data model.

    Attributes:
        covariance: of the inputs on which the probe is fitted: (d,) the eigenvalues where these are those of the data
            model, a matrix (d, d) for others.
        cross_covariance: (d, q) T = E[x y^T]; (d,) stands for a diagonal matrix.
        variance: tr Var(y), positive.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a covariance that is not symmetric or has a negative
            eigenvalue, or a cross-covariance that no joint distribution has: the best linear predictor would explain
            more than the variance.
    """

    covariance: FloatArray
    cross_covariance: FloatArray
    variance: float

    def __post_init__(self) -> None:
        covariance = finite_array("covariance", self.covariance, 1, 2)
        crossed = finite_array("cross_covariance", self.cross_covariance, 1, 2)
        dimension = covariance.shape[0]
        if covariance.ndim == 1:
            positive("smallest entry of covariance", float(covariance.min()))
        elif covariance.shape != (dimension, dimension):
            raise InputError(f"covariance: has shape {covariance.shape}; give ({dimension},) or a square matrix")
        elif np.abs(covariance - covariance.T).max() > _ROUNDING * np.abs(covariance).max():
            raise InputError("covariance: is not symmetric; give a symmetric matrix")
        if crossed.shape[0] != dimension:
            raise InputError(f"cross_covariance: has shape {crossed.shape}; give {dimension} rows")
        if crossed.ndim == 1 and covariance.ndim == 2:
            crossed = np.diag(crossed)
        keep_arrays(self, covariance=covariance, cross_covariance=crossed)
        total = positive("variance", self.variance)
        explained = self.explained_by_inputs
        if explained > (1 + _ROUNDING) * total:
            raise InputError(
                f"cross_covariance: a linear predictor would explain {explained:.6g} of the variance {total:.6g}; give "
                "moments of one distribution"
            )

    @property
    def dimension(self) -> int:
        """Number of directions d."""
        return int(self.covariance.shape[0])

    @property
    def spectrum(self) -> FloatArray:
        """(p,) eigenvalues of the covariance that count."""
        return self._spectrum[0]

    @property
    def scale(self) -> float:
        """The largest of them."""
        return float(self.spectrum.max())

    @cached_property
    def unit_root(self) -> FloatArray:
        """F / sqrt(scale) with F F^T the covariance: (d,) a diagonal, or (d, p) for p directions that vary."""
        values, vectors = self._spectrum
        scaled = np.sqrt(values / values.max())
        return scaled if vectors is None else np.asarray(vectors * scaled, dtype=np.float64)

    @cached_property
    def signal(self) -> FloatArray:
        """B with T = F B, the covariance of the target with independent inputs of unit variance: (p, q), or (d,)."""
        values, vectors = self._spectrum
        own = self.cross_covariance if vectors is None else vectors.T @ self.cross_covariance
        root = np.sqrt(values)
        return np.asarray(own / (root if own.ndim == 1 else root[:, None]), dtype=np.float64)

    @cached_property
    def unit_covariance(self) -> FloatArray:
        """The covariance over ``scale``: (d,), or (d, d)."""
        return np.asarray(self.covariance / self.scale, dtype=np.float64)

    @cached_property
    def unit_cross_covariance(self) -> FloatArray:
        """T over sqrt(scale * variance): explained shares do not depend on units, and no square of it overflows."""
        return np.asarray(self.cross_covariance / np.sqrt(self.scale) / np.sqrt(self.variance), dtype=np.float64)

    @property
    def explained_by_inputs(self) -> float:
        """Variance of the target that the best linear predictor from the inputs themselves explains, |B|^2."""
        return float(np.square(self.signal).sum())

    def through_root(self, rows: FloatArray) -> FloatArray:
        """Rows W F / sqrt(scale), (..., K, d) -> (..., K, p)."""
        return np.asarray(rows * self.unit_root if self.unit_root.ndim == 1 else rows @ self.unit_root)

    def back_through_root(self, directions: FloatArray) -> FloatArray:
        """Rows V F^T / sqrt(scale), (..., r, p) -> (..., r, d): the transpose of ``through_root``."""
        return np.asarray(directions * self.unit_root if self.unit_root.ndim == 1 else directions @ self.unit_root.T)

    def explained_gram(self, rows: FloatArray) -> FloatArray:
        """Rows V B B^T V^T, (..., r, p) -> (..., r, r)."""
        if self.signal.ndim == 1:
            return np.asarray((rows * self._weights) @ np.swapaxes(rows, -1, -2), dtype=np.float64)
        seen = rows @ self.signal
        return np.asarray(seen @ np.swapaxes(seen, -1, -2), dtype=np.float64)

    def explained_by(self, directions: FloatArray) -> FloatArray:
        """Variance of the target that orthonormal directions of F^T x explain: (..., r, p) -> (..., r)."""
        if self.signal.ndim == 1:
            return np.asarray(np.square(directions) @ self._weights, dtype=np.float64)
        return np.asarray(np.square(directions @ self.signal).sum(axis=-1), dtype=np.float64)

    def along_signal(self, directions: FloatArray) -> FloatArray:
        """Rows V B B^T, both (..., r, p)."""
        if self.signal.ndim == 1:
            return np.asarray(directions * self._weights, dtype=np.float64)
        return np.asarray((directions @ self.signal) @ self.signal.T, dtype=np.float64)

    @classmethod
    def reconstruction(cls, eigenvalues: ArrayLike) -> Target:
        """The inputs themselves, y = x, with these eigenvalues (d,): T = Sigma."""
        spectrum = finite_array("eigenvalues", eigenvalues, 1)
        return cls(spectrum, spectrum, float(np.sum(spectrum)))

    @classmethod
    def source_classes(cls, model: DataModel) -> Target:
        """The training task: the classes of ``model`` as centred one-hot rows, T = M^T."""
        return cls(model.eigenvalues, model.prototypes.T, 1 - float(np.sum(model.frequencies**2)))

    @classmethod
    def from_moments(cls, model: DataModel, moments: Moments) -> Target:
        """The classes of ``moments`` as centred one-hot rows, for a probe fitted on the inputs that have these moments.

        Args:
            model: gives the eigenbasis; what the inputs do outside of its directions is left out.
            moments: of the probe's inputs, in the D coordinates of the model's inputs; classes may be empty.

        Raises:
            InputError: another dimension, or only one class.
        """
        frequencies = moments.frequencies
        covariance = _in_basis(model, _in_basis(model, moments.covariance, "moments").T, "moments")
        crossed = _in_basis(model, moments.prototypes, "moments").T
        return cls(_own_or(model, covariance), crossed, _variance(1 - float(np.sum(frequencies**2))))

    @classmethod
    def from_labels(cls, model: DataModel, inputs: ArrayLike, labels: ArrayLike, classes: int) -> Target:
        """The classes of labelled samples as centred one-hot rows.

        Args:
            model: gives the eigenbasis.
            inputs: (n, D) of the probe, in the coordinates of the model's inputs.
            labels: (n,) integers 0 .. classes - 1.
            classes: number of classes, at least 2.

        Raises:
            InputError: as ``from_moments`` and ``Moments.from_samples``.
        """
        return cls.from_moments(model, Moments.from_samples(inputs, labels, classes))

    @classmethod
    def from_samples(cls, model: DataModel, inputs: ArrayLike, values: ArrayLike) -> Target:
        """A target of regression from samples.

        Args:
            model: gives the eigenbasis; what the inputs do outside of its directions is left out.
            inputs: (n, D) of the probe, in the coordinates of the model's inputs; centred here.
            values: (n,) or (n, q) of the target; centred here.

        Raises:
            InputError: shapes that do not fit, NaN or infinity, values that do not vary.
        """
        rows = finite_array("inputs", inputs, 2)
        given = finite_array("values", values, 1, 2)
        if given.shape[0] != rows.shape[0]:
            raise InputError(f"values: has shape {given.shape}; give one row for each of {rows.shape[0]} inputs")
        targets = given.reshape(rows.shape[0], -1)
        centred = _in_basis(model, rows - rows.mean(axis=0), "inputs")
        wanted = targets - targets.mean(axis=0)
        count = rows.shape[0]
        variance = _variance(float(np.square(wanted).sum() / count), float(np.square(targets).sum() / count))
        return cls(_own_or(model, centred.T @ centred / count), centred.T @ wanted / count, variance)

    @cached_property
    def _weights(self) -> FloatArray:
        """(d,) the diagonal of B B^T, where that is diagonal: T / l times T, which is l to the last bit for T = l."""
        return np.asarray(self.cross_covariance / self.covariance * self.cross_covariance, dtype=np.float64)

    @cached_property
    def _spectrum(self) -> tuple[FloatArray, FloatArray | None]:
        """Eigenvalues and eigenvectors (d, p) of the covariance that count; no vectors where it is diagonal."""
        if self.covariance.ndim == 1:
            return self.covariance, None
        values, vectors = np.linalg.eigh(self.covariance)
        if values[-1] <= 0 or values[0] < -_ROUNDING * values[-1]:
            raise InputError(
                "covariance: has a negative eigenvalue or is zero; give one that is positive semi-definite"
            )
        kept = values > RELATIVE_RANK_TOLERANCE * values[-1]
        return values[kept], vectors[:, kept]


def _in_basis(model: DataModel, rows: FloatArray, argument: str) -> FloatArray:
    """Rows (..., D) in the model's eigenbasis (..., d); InputError for another D."""
    width = model.dimension if model.basis is None else model.basis.shape[0]
    if rows.shape[-1] != width:
        raise InputError(f"{argument}: has {rows.shape[-1]} coordinates; give {width}, as the model's inputs have")
    return model.to_eigenbasis(rows)


def _own_or(model: DataModel, covariance: FloatArray) -> FloatArray:
    """The model's eigenvalues where ``covariance`` (d, d) is theirs to rounding, else itself, symmetric to the bit."""
    off = np.abs(covariance - np.diag(model.eigenvalues)).max()
    if off <= _SAME * model.eigenvalues[0]:
        return model.eigenvalues
    return np.asarray((covariance + covariance.T) / 2, dtype=np.float64)


def _variance(variance: float, size: float = 1.0) -> float:
    """``variance``; InputError unless it exceeds the rounding error of values of mean square ``size``."""
    if not variance > 1e-24 * size:
        raise InputError("target: does not vary; give values, or classes, that differ between inputs")
    return variance
