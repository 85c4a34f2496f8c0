"""Linear classifiers of frozen activations: deterministic logistic regression."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import linalg, optimize
from torch import Tensor

from empirical.data.finite import all_finite
from theory import InputError
from theory.data.stratified import stratified_sample
from theory.validation import FloatArray, at_least, class_labels, positive

Features = Tensor | NDArray[np.float32] | NDArray[np.float64]
Labels = Tensor | NDArray[np.int64]

#: L2 penalty on the weights of features of unit variance, added to the mean loss per sample.
PENALTY = 1e-4

#: Steps of L-BFGS after which logistic regression is left as it is, with a warning.
LARGEST_ITERATIONS = 500

# Products in float32 give a gradient no more digits.
_GRADIENT_TOLERANCE = 1e-5

# Rows that are taken for each feature to estimate the curvature.
_ROWS_A_FEATURE = 4


@dataclass(frozen=True)
class Accuracy:
    """Share of held-out samples that are classified correctly.

    Attributes:
        value: between 0 and 1.
        standard_error: of a binomial share, sqrt(value (1 - value) / count).
        count: number of samples.
    """

    value: float
    standard_error: float
    count: int


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """Predicts the class of the largest entry of weights f + intercept.

    Attributes:
        weights: (K, p).
        intercept: (K,).
        warning: why the fit is not what was asked for; None if it is.
    """

    weights: FloatArray
    intercept: FloatArray
    warning: str | None = None

    def accuracy(self, batches: Iterable[tuple[Features, Labels]]) -> Accuracy:
        """The accuracy on (features, labels) batches that it was not fitted to, with products in float32.

        Raises:
            InputError: no batch, NaN or infinity, shapes that do not fit, labels out of range.
        """
        classes, columns = self.weights.shape
        correct = count = 0
        for features, labels in batches:
            rows = _features(features)
            if rows.shape[1] != columns:
                raise InputError(f"features: has shape {tuple(rows.shape)}; give {columns} columns")
            known = _labels(labels, rows.shape[0], classes)
            weights, intercept = (
                torch.from_numpy(part).to(rows.device, torch.float32) for part in (self.weights, self.intercept)
            )
            guessed = torch.addmm(intercept, rows, weights.T).argmax(dim=1)
            correct += int(np.count_nonzero(guessed.cpu().numpy() == known))
            count += known.size
        if count == 0:
            raise InputError("batches: none was given; give at least one")
        share = correct / count
        return Accuracy(share, sqrt(share * (1 - share) / count), count)


def fit_logistic_classifier(
    features: Features, labels: Labels, classes: int, penalty: float = PENALTY
) -> LinearClassifier:
    """Multinomial logistic regression: mean cross-entropy plus penalty/2 |weights|^2 in standardised features.

    Minimised by L-BFGS from zero weights. The intercept carries no penalty; constant features get no weight.

    Args:
        features: (n, p) frozen activations.
        labels: (n,) integers 0 .. classes - 1.
        classes: number of classes K, at least 2.
        penalty: positive. scikit-learn's C is 1 / (n penalty).

    Returns:
        The classifier of features as they are; a warning where L-BFGS did not converge.

    Raises:
        InputError: NaN or infinity, shapes that do not fit, labels or values out of range.
    """
    given = _features(features)
    outputs, decay = at_least("classes", classes, 2), positive("penalty", penalty)
    known = torch.from_numpy(_labels(labels, given.shape[0], outputs)).to(given.device)
    deviation, mean = torch.std_mean(given, dim=0, correction=0)
    # The rounding error of a mean of equal numbers is no variation.
    varies = deviation > 1e-6 * mean.abs()
    scale = torch.where(varies, 1 / torch.where(varies, deviation, 1.0), 0.0)
    rows = (given - mean) * scale
    one_hot = torch.nn.functional.one_hot(known, outputs).to(rows.dtype)
    count, columns = rows.shape
    factor = _curvature_factor(rows, known, outputs * decay)

    def weights_of(flat: FloatArray) -> tuple[FloatArray, FloatArray]:
        parameters = flat.reshape(outputs, columns + 1)
        solved = linalg.solve_triangular(factor, parameters[:, :-1].T, lower=True, trans="T", check_finite=False)
        return np.asarray(solved.T), parameters[:, -1]

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        weights, intercept = weights_of(flat)
        moved = torch.from_numpy(weights).to(rows), torch.from_numpy(intercept).to(rows)
        log_share = torch.log_softmax(torch.addmm(moved[1], rows, moved[0].T), dim=1)
        loss = -float((log_share * one_hot).sum(dtype=torch.float64)) / count
        residual = (log_share.exp() - one_hot) / count
        by_weight = (residual.T @ rows).double().cpu().numpy() + decay * weights
        gradient = np.empty((outputs, columns + 1))
        gradient[:, :-1] = linalg.solve_triangular(factor, by_weight.T, lower=True, check_finite=False).T
        gradient[:, -1] = residual.sum(dim=0, dtype=torch.float64).cpu().numpy()
        return loss + 0.5 * decay * float(np.square(weights).sum()), gradient.ravel()

    found = optimize.minimize(
        objective,
        np.zeros(outputs * (columns + 1)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": LARGEST_ITERATIONS, "gtol": _GRADIENT_TOLERANCE, "ftol": 1e-9, "maxcor": 20},
    )
    standardised, intercept = weights_of(found.x)
    weights = standardised * scale.double().cpu().numpy()
    # A line search that finds nothing below the accuracy of the products has arrived.
    arrived = found.success or float(np.abs(found.jac).max()) <= 10 * _GRADIENT_TOLERANCE
    warning = None if arrived else f"L-BFGS stopped after {found.nit} steps: {found.message}"
    return LinearClassifier(weights, intercept - weights @ mean.double().cpu().numpy(), warning)


def _curvature_factor(rows: Tensor, known: Tensor, ridge: float) -> FloatArray:
    """The Cholesky factor of the curvature at zero weights, K times over: covariance plus ridge.

    In the coordinates that it makes round, L-BFGS needs a third of the steps. A part of the rows, with the classes of
    all, determines it well enough.
    """
    count, columns = rows.shape
    chosen = stratified_sample(known.cpu().numpy(), min(count, _ROWS_A_FEATURE * columns))
    part = rows[torch.from_numpy(chosen).to(rows.device)]
    covariance = (part.T @ part).double().cpu().numpy() / part.shape[0]
    return np.asarray(linalg.cholesky(covariance + ridge * np.eye(columns), lower=True, check_finite=False))


def _features(value: Features) -> Tensor:
    rows = torch.as_tensor(value).detach()
    if rows.ndim != 2 or rows.numel() == 0:
        raise InputError(f"features: has shape {tuple(rows.shape)}; give (n, p) with at least one entry")
    rows = rows.to(torch.float32)
    if not all_finite(rows):
        bad = int((~torch.isfinite(rows)).sum())
        raise InputError(f"features: holds {bad} NaN or infinite entries; give finite numbers")
    return rows


def _labels(value: Labels, count: int, classes: int) -> NDArray[np.int64]:
    array = value.cpu().numpy() if isinstance(value, Tensor) else value
    return class_labels("labels", array, count, classes)
