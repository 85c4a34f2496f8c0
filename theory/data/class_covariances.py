"""The data model with a covariance of its own for each class, where classes do not share one (A4 fails)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from theory.data.data_model import DataModel
from theory.data.moments import Moments
from theory.validation import FloatArray, InputError, IntArray, at_least, class_labels, finite_array, keep_arrays

#: What rounding may do to a covariance, as a share of the largest eigenvalue of Sigma: products of inputs in single
#: precision leave 1e-7.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class ClassConditionalModel:
    """K classes with means and covariances of their own, in the eigenbasis of the total covariance Sigma.

    A covariance passes as positive semi-definite if it has a Cholesky factor once 1e-6 lambda_1 is added to
    its diagonal: no eigenvalue below -1e-6 lambda_1, which rounding may leave. Its rank is not asked for: a
    class may have fewer samples than directions. Directions in which no class varies are those that the
    data model has dropped.

    Attributes:
        model: eigenvalues of Sigma, prototypes and frequencies.
        within: (K, d, d) covariance Sigma_k of each class, symmetric; with the class means mu_k they add up to
            Sigma = sum_k pi_k (Sigma_k + mu_k mu_k^T). 8 K d^2 bytes: 755 MB for 10 classes at d = 3,072.

    Raises:
        InputError: another shape, NaN or infinity, a covariance that is not symmetric or not positive
            semi-definite, or covariances that do not add up to Sigma, each by more than 1e-6 lambda_1.
    """

    model: DataModel
    within: FloatArray

    def __post_init__(self) -> None:
        model, within = self.model, finite_array("within", self.within, 3)
        expected = (model.classes, model.dimension, model.dimension)
        if within.shape != expected:
            raise InputError(f"within: has shape {within.shape}; give {expected}, a covariance for each class")
        keep_arrays(self, within=within)
        accepted = _ROUNDING * float(model.eigenvalues[0])
        for label, covariance in enumerate(within):
            if np.abs(covariance - covariance.T).max() > accepted:
                raise InputError(f"within: the covariance of class {label} is not symmetric; give a symmetric one")
            if not _is_positive_semidefinite(covariance, accepted):
                raise InputError(
                    f"within: the covariance of class {label} has a negative eigenvalue; give one that is positive "
                    "semi-definite"
                )
        total = np.tensordot(model.frequencies, within, axes=1) + model.means.T @ model.prototypes
        off = float(np.abs(total - np.diag(model.eigenvalues)).max())
        if off > accepted:
            raise InputError(
                f"within: with the class means the covariances differ from the model's total one by {off:.3g}; give "
                "covariances with Sigma = sum pi_k (Sigma_k + mu_k mu_k^T) in its eigenbasis"
            )

    @classmethod
    def from_class_moments(cls, counts: IntArray, means: FloatArray, covariances: FloatArray) -> ClassConditionalModel:
        """The model of data from the moments of each class.

        Args:
            counts: (K,) number of inputs of each class.
            means: (K, D) mean of each class.
            covariances: (K, D, D) covariance within each class, normalised by its count.

        Raises:
            InputError: shapes that do not fit, an empty class, inputs that do not vary, and as the class says.
        """
        centres = finite_array("means", means, 2)
        spread = finite_array("covariances", covariances, 3)
        expected = (*centres.shape, centres.shape[1])
        if spread.shape != expected:
            raise InputError(f"covariances: has shape {spread.shape}; give {expected} as the means demand")
        members = np.asarray(counts)
        if members.shape != expected[:1] or members.dtype.kind not in "iu" or members.min() < 1:
            raise InputError(f"counts: give {expected[0]} integers of at least 1 (no class may be empty)")
        frequencies = members / members.sum()
        mean = frequencies @ centres
        apart = centres - mean
        total = np.tensordot(frequencies, spread, axes=1) + (frequencies * apart.T) @ apart
        model = DataModel.from_moments(Moments(mean, total, members.astype(np.int64), centres))
        basis = np.eye(centres.shape[1]) if model.basis is None else model.basis
        within = np.empty((model.classes, model.dimension, model.dimension))
        for label, covariance in enumerate(spread):
            within[label] = basis.T @ covariance @ basis
        return cls(model, within)

    @classmethod
    def from_samples(cls, inputs: ArrayLike, labels: ArrayLike, classes: int) -> ClassConditionalModel:
        """The model of ``inputs`` (n, D) with integer ``labels`` (n,) in 0 .. classes - 1.

        Raises:
            InputError: NaN, infinity, mismatched shapes, labels out of range, an empty class, inputs that do not vary.
        """
        rows = finite_array("inputs", inputs, 2)
        count = at_least("classes", classes, 2)
        known = class_labels("labels", labels, rows.shape[0], count)
        members = np.bincount(known, minlength=count)
        if members.min() == 0:
            raise InputError(f"labels: class {members.argmin()} is empty; give at least one input of each class")
        means = np.stack([rows[known == label].mean(axis=0) for label in range(count)])
        covariances = np.empty((count, rows.shape[1], rows.shape[1]))
        for label in range(count):
            centred = rows[known == label] - means[label]
            covariances[label] = centred.T @ centred / members[label]
        return cls.from_class_moments(members.astype(np.int64), means, covariances)


def _is_positive_semidefinite(covariance: FloatArray, accepted: float) -> bool:
    """Whether no eigenvalue is below -``accepted``, by a Cholesky factor: a tenth of the cost of eigenvalues."""
    try:
        np.linalg.cholesky(covariance + accepted * np.eye(covariance.shape[0]))
    except np.linalg.LinAlgError:
        return False
    return True
