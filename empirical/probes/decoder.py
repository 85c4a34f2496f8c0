"""The exact linear decoder: least squares from features to inputs, from one pass over the data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory import InputError
from theory.validation import FloatArray, non_negative

#: Eigenvalues of the features' covariance below this share of the largest are taken for zero: sums of
#: products in float32 know them no better.
RELATIVE_RANK_TOLERANCE = 1e-6

Features = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LinearDecoder:
    """x is reconstructed as weights^T f + intercept.

    Attributes:
        weights: (features, D).
        intercept: (D,).
    """

    weights: FloatArray
    intercept: FloatArray

    def loss(self, batches: Iterable[tuple[Features, Features]]) -> float:
        """Mean squared error an input coordinate, over (features, inputs) batches.

        Raises:
            InputError: no batch.
        """
        total, entries = 0.0, 0
        weights, intercept = self.weights.astype(np.float32), self.intercept.astype(np.float32)
        for features, inputs in batches:
            total += float(np.square(features @ weights + intercept - inputs).sum(dtype=np.float64))
            entries += inputs.size
        if entries == 0:
            raise InputError("batches: none was given; give at least one")
        return total / entries


def fit_linear_decoder(batches: Iterable[tuple[Features, Features]], ridge: float = 0.0) -> LinearDecoder:
    """The linear decoder of minimal squared error plus ridge * |weights|^2 a sample.

    Products within a batch are float32, their sums over batches float64. Without ridge the
    pseudo-inverse is taken, at a rank decided by RELATIVE_RANK_TOLERANCE.

    Args:
        batches: pairs of features (n, p) and inputs (n, D), float32.
        ridge: penalty mu, at least 0, in units of the features' variance.

    Raises:
        InputError: no batch, shapes that do not fit, NaN or infinity.
    """
    penalty = non_negative("ridge", ridge)
    count = 0
    shift: Features | None = None
    gram = cross = np.zeros((0, 0))
    for features, inputs in batches:
        if features.ndim != 2 or inputs.ndim != 2 or features.shape[0] != inputs.shape[0]:
            raise InputError(f"batches: shapes {features.shape} and {inputs.shape} do not fit; give (n, p) and (n, D)")
        if shift is None:
            shift = features.mean(axis=0)
            gram = np.zeros((features.shape[1] + 1, features.shape[1] + 1))
            cross = np.zeros((features.shape[1] + 1, inputs.shape[1]))
        # Features are moved near mean zero, so that no digits cancel; the column of ones gives the sums.
        design = np.ones((features.shape[0], features.shape[1] + 1), dtype=np.float32)
        np.subtract(features, shift, out=design[:, :-1])
        gram += design.T @ design
        cross += design.T @ inputs
        count += features.shape[0]
    if shift is None or count == 0:
        raise InputError("batches: none was given; give at least one")
    if not (np.isfinite(gram).all() and np.isfinite(cross).all()):
        raise InputError("batches: hold NaN or infinite entries; give finite numbers")
    feature_mean, input_mean = gram[-1, :-1] / count, cross[-1] / count
    covariance = gram[:-1, :-1] / count - np.outer(feature_mean, feature_mean)
    shared = cross[:-1] / count - np.outer(feature_mean, input_mean)
    values, vectors = np.linalg.eigh(covariance)
    kept = values > RELATIVE_RANK_TOLERANCE * values[-1]
    solved = (vectors[:, kept].T @ shared) / (values[kept] + penalty)[:, None]
    weights = np.asarray(vectors[:, kept] @ solved, dtype=np.float64)
    intercept = input_mean - (shift + feature_mean) @ weights
    return LinearDecoder(weights, np.asarray(intercept, dtype=np.float64))
