"""A decoder of centred outputs P W x, P = I - 11^T/K, in addition to that of the outputs W x themselves.

Softmax depends on its outputs up to a common shift, and training conserves the mean row 1^T W exactly. A linear decoder
of W x does use it, and counts its direction however short it is: at every sigma0 it explains variance that was never
learnt. In K - 1 orthonormal contrasts u = Q z, with Q Q^T = I and Q^T Q = P, the outputs have no such row. Softmax in
contrasts is itself a loss, p(Q^T u), and gradient descent on it from Q W(0) is Q times gradient descent on W: so
every curve and every law of this package that takes a loss is that of the decoder of centred outputs when it is given
``CentredOutputs(loss)``, and W(0) by ``centred_rows``.

That decoder depends on W(0) through P W(0), which decays: from P W(0) = 0 theorem T4 holds for it for any mean row,
and as sigma0 falls its curve tends to that of T4 where the prototypes have rank K - 1. Neither
holds for the outputs themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from theory.curves.losses import Loss
from theory.validation import FloatArray, InputError, finite_array, real_array


@lru_cache(maxsize=64)
def contrasts(outputs: int) -> FloatArray:
    """(K - 1, K) orthonormal rows Q that add up to zero each: row i sets output i + 1 against the mean of those before.

    Args:
        outputs: K, at least 2.

    Raises:
        InputError: fewer than two outputs, which have no contrast.
    """
    if outputs < 2:
        raise InputError(f"outputs: {outputs} is not accepted; give at least 2, as a single output has no mean row")
    before = np.arange(1, outputs)[:, None]
    column = np.arange(outputs)
    rows = np.where(column < before, -1.0, np.where(column == before, before, 0.0))
    basis = np.asarray(rows / np.sqrt(before * (before + 1.0)), dtype=np.float64)
    basis.setflags(write=False)
    return basis


def centred_rows(weights: FloatArray) -> FloatArray:
    """Rows of P W in orthonormal contrasts: the part of a layer that a decoder of centred outputs uses.

    Args:
        weights: (..., K, d) of all outputs, K at least 2.

    Returns:
        (..., K - 1, d) Q W. Explained variance and losses of these rows are those of P W.

    Raises:
        InputError: fewer than two axes or outputs, NaN or infinity.
    """
    known = real_array("weights", weights)
    if known.ndim < 2:
        raise InputError(f"weights: has shape {known.shape}; give (..., K, d)")
    finite_array("weights", known, known.ndim)
    return np.asarray(contrasts(known.shape[-2]) @ known, dtype=np.float64)


@dataclass(frozen=True)
class CentredOutputs(Loss):
    """A loss of K outputs, read and followed in their K - 1 contrasts.

    Attributes:
        loss: softmax, or squared error with more than two classes.
    """

    loss: Loss

    @property
    def name(self) -> str:
        """The name of the loss and of its outputs."""
        return f"{self.loss.name}, centred outputs"

    @property
    def largest_curvature(self) -> float:
        """The curvature of the loss itself, as a contrast is a unit vector."""
        return self.loss.largest_curvature

    def outputs(self, classes: int) -> int:
        """K - 1; InputError for a loss of one output, which has no mean row."""
        known = self.loss.outputs(classes)
        if known < 2:
            raise InputError(
                f"loss: {self.loss.name} with {classes} classes has one output and no mean row; use the loss itself"
            )
        return known - 1

    def targets(self, frequencies: FloatArray) -> FloatArray:
        """(K, K - 1) target of each class in contrasts."""
        return np.asarray(self.loss.targets(frequencies) @ self._basis(frequencies.shape[0]).T, dtype=np.float64)

    def initial_jacobian(self, classes: int) -> FloatArray:
        """(K - 1, K - 1) Q H Q^T."""
        basis = self._basis(classes)
        return np.asarray(basis @ self.loss.initial_jacobian(classes) @ basis.T, dtype=np.float64)

    def predictions(self, outputs: FloatArray) -> FloatArray:
        """Q p(Q^T u) of contrasts u, both (..., K - 1)."""
        basis = contrasts(outputs.shape[-1] + 1)
        return np.asarray(self.loss.predictions(outputs @ basis) @ basis.T, dtype=np.float64)

    def mean_jacobian(self, predictions: FloatArray) -> FloatArray:
        """Mean over the last-but-one axis of d(Q p)/du: (..., n, K - 1) -> (..., K - 1, K - 1)."""
        basis = contrasts(predictions.shape[-1] + 1)
        # Predictions of softmax add up to one, those of squared error have a Jacobian that does not depend on them.
        full = predictions @ basis + 1 / basis.shape[1]
        return np.asarray(basis @ self.loss.mean_jacobian(full) @ basis.T, dtype=np.float64)

    def jacobian_product(self, predictions: FloatArray, directions: FloatArray) -> FloatArray:
        """d(Q p)/du v, (..., K - 1), for each sample's predictions Q p and direction v of its contrasts."""
        basis = contrasts(predictions.shape[-1] + 1)
        full = predictions @ basis + 1 / basis.shape[1]
        return np.asarray(self.loss.jacobian_product(full, directions @ basis) @ basis.T, dtype=np.float64)

    def signal(self, prototypes: FloatArray) -> FloatArray:
        """(K - 1, d) Q M."""
        return np.asarray(self._basis(prototypes.shape[0]) @ self.loss.signal(prototypes), dtype=np.float64)

    def class_errors(self, errors: FloatArray) -> FloatArray:
        """(..., K) errors t - p of the classes from those of the contrasts: both add up to one."""
        return self.loss.class_errors(errors @ contrasts(errors.shape[-1] + 1))

    def _basis(self, classes: int) -> FloatArray:
        return contrasts(self.outputs(classes) + 1)
