"""The data model with a separate covariance for each class, where classes do not share one (A4 fails)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from theory.data.component_covariances import ComponentCovariances
from theory.data.data_model import DataModel
from theory.data.mixtures import MixtureModel, in_eigenbasis
from theory.validation import FloatArray, InputError, IntArray, at_least, class_labels, finite_array, plain_array


class ClassConditionalModel(MixtureModel):
    """K classes, each with its own mean and covariance: a mixture with one component per class.

    Args:
        model: eigenvalues of Sigma, prototypes and frequencies.
        within: (K, d, d) covariance Sigma_k of each class in the eigenbasis of Sigma, symmetric; with the class means
            mu_k they add up to Sigma = sum_k pi_k (Sigma_k + mu_k mu_k^T). 8 K d^2 bytes: 755 MB for 10 classes at
            d = 3,072.

    Raises:
        InputError: another shape, NaN or infinity, a covariance that is not symmetric or not positive
            semi-definite, or covariances that do not add up to Sigma, each by more than 1e-6 lambda_1.
    """

    _argument: ClassVar[str] = "within"
    _owner: ClassVar[str] = "class"

    def __init__(self, model: DataModel, within: ArrayLike) -> None:
        known = finite_array("within", within, 3)
        if known.shape[1] != known.shape[2]:
            raise InputError(f"within: has shape {known.shape}; give square covariances, one for each class")
        labels = np.arange(model.classes)
        super().__init__(model, labels, model.frequencies, model.means, ComponentCovariances.from_dense(known))

    @property
    def within(self) -> FloatArray:
        """(K, d, d) covariance of each class."""
        return self.covariances.matrices

    @classmethod
    def from_mixture(cls, mixture: MixtureModel) -> ClassConditionalModel:
        """The classes of ``mixture`` with their means and covariances, each taken as a single Gaussian."""
        model = mixture.model
        within = np.empty((model.classes, model.dimension, model.dimension))
        for label in range(model.classes):
            shares = np.where(mixture.labels == label, mixture.frequencies, 0.0) / model.frequencies[label]
            apart = mixture.means - model.means[label]
            within[label] = mixture.covariances.mean(shares) + (apart.T * shares) @ apart
        return cls(model, within)

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
        members = plain_array("counts", counts)
        if members.shape != expected[:1] or members.dtype.kind not in "iu" or members.min() < 1:
            raise InputError(f"counts: give {expected[0]} integers of at least 1 (no class may be empty)")
        model, turned = in_eigenbasis(
            members / members.sum(), np.arange(members.size), centres, ComponentCovariances.from_dense(spread)
        )
        return cls(model, turned.matrices)

    @classmethod
    def from_samples(cls, inputs: ArrayLike, labels: ArrayLike, classes: int) -> ClassConditionalModel:
        """The model of ``inputs`` (n, D) with integer ``labels`` (n,) in 0 .. classes - 1.

        Args:
            inputs: (n, D).
            labels: (n,) integers 0 .. classes - 1.
            classes: K, at least 2.

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
