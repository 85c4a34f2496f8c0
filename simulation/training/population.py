"""Populations that depart from the Gaussian classes of the theory, with the moments that they have exactly.

A departure changes what the theory assumes (a Gaussian, common within-class law) and not what it
derives from: ``Population.data_model`` holds the moments to which those of samples tend, so that what
remains between derived and measured is due to the departure alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from theory import DataModel, InputError
from theory.validation import FloatArray, finite_array


@dataclass(frozen=True, eq=False)
class Population:
    """A data model with heavy tails, a minority in each class, and label noise; by default with none of these.

    Samples are drawn in the eigenbasis of ``model``.

    Attributes:
        model: class means, frequencies and common within-class covariance; realisable.
        tail_index: nu > 2; within its class an input follows a multivariate Student t of this index around its
            mean, with the model's within-class covariance; moments of order nu and above do not exist.
            Infinity is the Gaussian.
        minority_share: share of each class, from 0 to below 1, centred away from the class mean.
        minority_position: its centre is this multiple of the class mean: -1 mirrored, 1 that of the others.
        label_noise: probability, from 0 to below 1, that a label is replaced by one of the other
            classes, uniformly.

    Raises:
        InputError: a value out of its range, or a signal too strong for the spectrum.
    """

    model: DataModel
    tail_index: float = np.inf
    minority_share: float = 0.0
    minority_position: float = -1.0
    label_noise: float = 0.0

    def __post_init__(self) -> None:
        check_realisable(self.model)
        for name in ("tail_index", "minority_share", "minority_position", "label_noise"):
            if not isinstance(getattr(self, name), Real):
                raise InputError(f"{name}: {getattr(self, name)!r} is not a number; give a number")
        if not self.tail_index > 2:
            raise InputError(f"tail_index: {self.tail_index!r} is not accepted; give a number above 2, or infinity")
        if not np.isfinite(self.minority_position):
            raise InputError(f"minority_position: {self.minority_position!r} is not accepted; give a finite number")
        for name in ("minority_share", "label_noise"):
            share = getattr(self, name)
            if not 0 <= share < 1:
                raise InputError(f"{name}: {share!r} is not accepted; give a number from 0 to below 1")

    @property
    def dimension(self) -> int:
        """Number of input coordinates d."""
        return self.model.dimension

    @property
    def frequencies(self) -> FloatArray:
        """(K,) frequencies of the observed labels."""
        return np.asarray(self.model.frequencies @ self._label_transitions, dtype=np.float64)

    @property
    def class_given_label(self) -> FloatArray:
        """(K, K) probability, in row j, that an input with observed label j belongs to class k."""
        joint = self.model.frequencies[:, None] * self._label_transitions
        return np.asarray((joint / self.frequencies).T, dtype=np.float64)

    @property
    def _label_transitions(self) -> FloatArray:
        """(K, K) probability, in row k, that an input of class k has the observed label j."""
        classes = self.model.classes
        same = np.eye(classes)
        return np.asarray(
            (1 - self.label_noise) * same + self.label_noise * (1 - same) / (classes - 1), dtype=np.float64
        )

    def data_model(self) -> DataModel:
        """The data model with the moments of the samples: what the theory is derived from.

        With mu_k the class means and eps, p the minority's share and position, a class's mean is
        (1 - eps + eps p) mu_k and the covariance between the parts of all classes
        (1 - eps + eps p^2) sum pi_k mu_k mu_k^T. Label noise mixes the prototypes, which sum to 0, to
        1 - rho K / (K - 1) times themselves. Heavy tails move none of these moments.

        Its basis is in the coordinates of the samples, or None where the covariance is that of ``model``.
        """
        classes = self.model.classes
        pull = 1 + self.minority_share * (self.minority_position - 1)
        spread = self.minority_share * (self.minority_position**2 - 1)
        kept = 1 - self.label_noise * classes / (classes - 1)
        prototypes = kept * pull * self.model.prototypes
        if spread == 0:
            return replace(self.model, prototypes=prototypes, frequencies=self.frequencies, basis=None)
        covariance = np.diag(self.model.eigenvalues) + spread * _between_class_covariance(self.model)
        return _in_eigenbasis(covariance, prototypes, self.frequencies)


def with_frequencies(model: DataModel, frequencies: ArrayLike) -> DataModel:
    """The model with other class frequencies, at the same within-class covariance and distances between means.

    The overall mean moves to 0 and the total covariance changes; the result is stated in its own
    eigenbasis, where samples of it are drawn.

    Args:
        model: a realisable model.
        frequencies: (K,) positive shares that sum to 1.

    Raises:
        InputError: frequencies that are not positive shares, or a signal too strong for the spectrum.
    """
    check_realisable(model)
    shares = finite_array("frequencies", frequencies, 1)
    if shares.shape != (model.classes,) or np.any(shares <= 0) or abs(shares.sum() - 1) > 1e-9:
        raise InputError(f"frequencies: give {model.classes} positive shares that sum to 1")
    means = model.means - shares @ model.means / shares.sum()
    within = np.diag(model.eigenvalues) - _between_class_covariance(model)
    covariance = within + (means.T * shares) @ means
    return replace(_in_eigenbasis(covariance, shares[:, None] * means, shares), basis=None)


def check_realisable(model: DataModel) -> None:
    """InputError, with the remedy, where no classes with a common covariance have the model's moments."""
    if not model.is_realisable:
        strongest = model.class_shares[1][0]
        raise InputError(
            f"model: its classes hold {strongest:.3g} times the variance that exists in a direction and no samples "
            f"have such moments; scale the signal by at most {1 / np.sqrt(strongest):.3g} (with_signal_scaled)"
        )


def _between_class_covariance(model: DataModel) -> FloatArray:
    """(d, d) sum_k pi_k mu_k mu_k^T."""
    return np.asarray(model.means.T @ model.prototypes, dtype=np.float64)


def _in_eigenbasis(covariance: FloatArray, prototypes: FloatArray, frequencies: FloatArray) -> DataModel:
    """The data model of a covariance (d, d) and of prototypes (K, d) in the same coordinates."""
    eigenvalues, basis = np.linalg.eigh((covariance + covariance.T) / 2)
    descending = np.ascontiguousarray(basis[:, ::-1])
    return DataModel(eigenvalues[::-1].copy(), prototypes @ descending, frequencies, descending)
