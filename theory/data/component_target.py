"""A target of transfer within each Gaussian component: what a probe of units that are not linear in x depends on.

A linear layer's probe needs the covariance of target and inputs over the whole mixture alone (``theory.data.target``).
Units that are not linear see each component through slopes of their own, so that the target's mean and its covariance
with the inputs have to be known in each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from theory.data.mixtures import MixtureModel
from theory.validation import FloatArray, InputError, finite_array, keep_arrays, positive


class ComponentTarget(Protocol):
    """A target y of q numbers, centred over the mixture, by its moments within each of C components."""

    @property
    def means(self) -> FloatArray:
        """(C, q) mean of y."""

    @property
    def variance(self) -> float:
        """The trace of Var(y) over the mixture, positive."""

    def crossed(self, rows: FloatArray, spread: FloatArray) -> FloatArray:
        """(..., C, h, q) covariance of the units W x with y within each component.

        Args:
            rows: (..., h, d) W.
            spread: (..., C, h, d) W Sigma_c.
        """


@dataclass(frozen=True, eq=False)
class InputsTarget:
    """Reconstruction: the target is the inputs themselves.

    Attributes:
        mixture: whose inputs they are.
    """

    mixture: MixtureModel

    @property
    def means(self) -> FloatArray:
        """(C, d) the components' means."""
        return self.mixture.means

    @property
    def variance(self) -> float:
        """The trace of Sigma."""
        return self.mixture.model.total_variance

    def crossed(self, rows: FloatArray, spread: FloatArray) -> FloatArray:
        """W Sigma_c."""
        return spread


@dataclass(frozen=True, eq=False)
class MomentsTarget:
    """Any target, by its moments.

    Attributes:
        means: (C, q) mean of y in each component, which average to 0 over the mixture.
        covariances: (C, d, q) covariance of x and y in each, in the eigenbasis of Sigma.
        variance: tr Var(y) over the mixture, positive.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a variance that is not positive.
    """

    means: FloatArray
    covariances: FloatArray
    variance: float

    def __post_init__(self) -> None:
        means = finite_array("means", self.means, 2)
        covariances = finite_array("covariances", self.covariances, 3)
        if (covariances.shape[0], covariances.shape[2]) != means.shape:
            raise InputError(f"covariances: have shape {covariances.shape} beside means {means.shape}; give (C, d, q)")
        positive("variance", self.variance)
        keep_arrays(self, means=means, covariances=covariances)

    @classmethod
    def source_classes(cls, mixture: MixtureModel) -> MomentsTarget:
        """The task that is trained on: classes as centred one-hot rows, which do not vary within a component."""
        shares = mixture.model.frequencies
        means = np.eye(shares.size)[mixture.labels] - shares
        flat = np.zeros((mixture.components, mixture.dimension, shares.size))
        return cls(means, flat, 1 - float(np.sum(shares**2)))

    def crossed(self, rows: FloatArray, spread: FloatArray) -> FloatArray:
        """W Cov(x, y)."""
        return np.asarray(rows[..., None, :, :] @ self.covariances, dtype=np.float64)
