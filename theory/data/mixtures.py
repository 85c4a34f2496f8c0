"""The data model with several Gaussians per class: what is not Gaussian about a class, to second order in each part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from theory.data.component_covariances import ComponentCovariances
from theory.data.data_model import DataModel
from theory.validation import (
    FloatArray,
    InputError,
    IntArray,
    class_labels,
    finite_array,
    keep_arrays,
    matrix_with_columns,
    plain_array,
)

#: What rounding may do to a covariance, as a share of the largest eigenvalue of Sigma, and to a mean, as a share of its
#: root: products of inputs in single precision leave 1e-7.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class MixtureModel:
    """C Gaussian components, each of one of K classes, in the eigenbasis of the total covariance Sigma.

    Components add up to the data model: their frequencies within a class to pi_k, their means to the prototypes, and
    Sigma = sum_c pi_c (Sigma_c + mu_c mu_c^T). A covariance's shared matrix passes as positive semi-definite if it has
    a Cholesky factor once 1e-6 lambda_1 is added to its diagonal: no eigenvalue below -1e-6 lambda_1, which rounding
    may leave. Ranks are not asked for: a component may have fewer samples than directions. Directions in which no
    component varies are those that the data model has dropped.

    Attributes:
        model: eigenvalues of Sigma, prototypes and frequencies of the classes.
        labels: (C,) class 0 to K - 1 of each component; every class has at least one.
        frequencies: (C,) share pi_c > 0 of each component among all inputs; they sum to 1.
        means: (C, d) mean mu_c of each component relative to the overall mean.
        covariances: (C, d, d) in factor form, covariance Sigma_c within each component.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a class without a component, a covariance that is not
            symmetric or not positive semi-definite, or components that do not add up to the data model.
    """

    model: DataModel
    labels: IntArray
    frequencies: FloatArray
    means: FloatArray
    covariances: ComponentCovariances

    #: What errors call the covariances, and their owners.
    _argument: ClassVar[str] = "covariances"
    _owner: ClassVar[str] = "component"

    def __post_init__(self) -> None:
        model, covariances = self.model, self.covariances
        means = matrix_with_columns("means", self.means, model.dimension)
        count = means.shape[0]
        labels = class_labels("labels", self.labels, count, model.classes)
        frequencies = finite_array("frequencies", self.frequencies, 1)
        if frequencies.shape != (count,) or np.any(frequencies <= 0):
            raise InputError(f"frequencies: give {count} positive shares, one for each component")
        found = (covariances.components, covariances.dimension, covariances.dimension)
        expected = (count, model.dimension, model.dimension)
        if found != expected:
            raise InputError(
                f"{self._argument}: has shape {found}; give {expected}, a covariance for each {self._owner}"
            )
        keep_arrays(self, labels=labels, frequencies=frequencies, means=means)
        self._check_classes()
        self._check_covariances()

    def _check_classes(self) -> None:
        """InputError where the components of a class do not add up to its frequency and mean."""
        model = self.model
        found = np.bincount(self.labels, self.frequencies, minlength=model.classes)
        apart = np.flatnonzero(np.abs(found - model.frequencies) > 1e-9)
        if apart.size:
            label = int(apart[0])
            raise InputError(
                f"frequencies: components of class {label} add up to {found[label]:.6g}; give shares that add up to "
                f"its frequency {model.frequencies[label]:.6g}"
            )
        prototypes = self.class_sums(self.frequencies[:, None] * self.means)
        accepted = _ROUNDING * max(float(np.sqrt(model.eigenvalues[0])), float(np.abs(model.prototypes).max()))
        off = np.abs(prototypes - model.prototypes).max(axis=1)
        if off.max() > accepted:
            raise InputError(
                f"means: the prototype of class {int(off.argmax())} differs from the model's by {off.max():.3g}; give "
                "means with sum pi_c mu_c = pi_k mu_k over the components of each class"
            )

    def _check_covariances(self) -> None:
        """InputError where a covariance is none, or where they do not add up to Sigma."""
        model, covariances = self.model, self.covariances
        accepted = _ROUNDING * float(model.eigenvalues[0])
        for number, matrix in enumerate(covariances.matrices):
            users = np.flatnonzero(covariances.base == number)
            owner = f"{self._owner} {users[0] if users.size else number}"
            if np.abs(matrix - matrix.T).max() > accepted:
                raise InputError(f"{self._argument}: the covariance of {owner} is not symmetric; give a symmetric one")
            if not _is_positive_semidefinite(matrix, accepted):
                raise InputError(
                    f"{self._argument}: the covariance of {owner} has a negative eigenvalue; give one that is positive "
                    "semi-definite"
                )
        total = covariances.mean(self.frequencies) + (self.means.T * self.frequencies) @ self.means
        off = float(np.abs(total - np.diag(model.eigenvalues)).max())
        if off > accepted:
            raise InputError(
                f"{self._argument}: with the means the covariances differ from the model's total one by {off:.3g}; "
                "give covariances with Sigma = sum pi_c (Sigma_c + mu_c mu_c^T) in its eigenbasis"
            )

    @property
    def dimension(self) -> int:
        """Number of directions d in which the inputs vary."""
        return self.model.dimension

    @property
    def components(self) -> int:
        """Number of components C of all classes together."""
        return int(self.labels.size)

    @property
    def components_per_class(self) -> IntArray:
        """(K,) number of components of each class."""
        return np.bincount(self.labels, minlength=self.model.classes)

    @property
    def parameters(self) -> int:
        """How many numbers determine the model: frequencies, means, and covariances as they are stored.

        n samples in d directions have n (d + 1) numbers, labels included. A model with as many is the data, and
        predicts nothing.
        """
        return self.components - 1 + self.means.size + self.covariances.parameters

    def class_sums(self, of_components: FloatArray) -> FloatArray:
        """(K, ...) sums over the components of each class of what each component has, (C, ...)."""
        own = (self.labels == np.arange(self.model.classes)[:, None]).astype(np.float64)
        return np.asarray(np.tensordot(own, of_components, axes=1), dtype=np.float64)

    @classmethod
    def from_components(
        cls, frequencies: ArrayLike, labels: ArrayLike, means: ArrayLike, covariances: ComponentCovariances
    ) -> MixtureModel:
        """The model of components that are stated in the coordinates of the inputs.

        Args:
            frequencies: (C,) share of each component among all inputs, positive, which sum to 1.
            labels: (C,) class of each component, 0 to K - 1, every class at least once.
            means: (C, D) mean of each component, relative to any origin.
            covariances: (C, D, D) in factor form, covariance within each component.

        Raises:
            InputError: shapes that do not fit, inputs that do not vary, and as the class says.
        """
        centres = finite_array("means", means, 2)
        count, dimension = centres.shape
        shares = finite_array("frequencies", frequencies, 1)
        if shares.shape != (count,) or np.any(shares <= 0) or abs(shares.sum() - 1) > 1e-9:
            raise InputError(f"frequencies: give {count} positive shares that sum to 1, one for each component")
        if (covariances.components, covariances.dimension) != (count, dimension):
            raise InputError(
                f"covariances: are {covariances.components} in {covariances.dimension} directions; give {count} in "
                f"{dimension} as the means demand"
            )
        given = plain_array("labels", labels)
        whole = given.shape == (count,) and given.dtype.kind in "iu"
        if not whole or given.min() < 0 or np.unique(given).size != given.max() + 1:
            raise InputError(f"labels: give {count} integers 0 to K - 1, each class at least once")
        known = given.astype(np.int64)
        model, turned = in_eigenbasis(shares, known, centres, covariances)
        return MixtureModel(model, known, shares, model.to_eigenbasis(centres - shares @ centres), turned)


def in_eigenbasis(
    frequencies: FloatArray, labels: IntArray, means: FloatArray, covariances: ComponentCovariances
) -> tuple[DataModel, ComponentCovariances]:
    """The data model of components, and their covariances in its eigenbasis.

    Args:
        frequencies: (C,) positive shares that sum to 1.
        labels: (C,) class of each component, 0 to K - 1, every class at least once.
        means: (C, D), relative to any origin.
        covariances: (C, D, D) in factor form.

    Raises:
        InputError: inputs that do not vary.
    """
    apart = means - frequencies @ means
    weighted = (labels == np.arange(labels.max() + 1)[:, None]) * frequencies
    total = covariances.mean(frequencies) + (apart.T * frequencies) @ apart
    model = DataModel.from_covariance(total, weighted @ apart, weighted.sum(axis=1))
    assert model.basis is not None  # a model in coordinates that are given has them
    return model, covariances.rotated(model.basis)


def _is_positive_semidefinite(covariance: FloatArray, accepted: float) -> bool:
    """Whether no eigenvalue is below -``accepted``, by a Cholesky factor: a tenth of the cost of eigenvalues."""
    try:
        np.linalg.cholesky(covariance + accepted * np.eye(covariance.shape[0]))
    except np.linalg.LinAlgError:
        return False
    return True
