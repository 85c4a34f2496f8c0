"""A linear probe by ridge regression, cross-fitted in closed form from one decomposition.

The probe of n labelled activations predicts values Y (one-hot rows for classes) as H Y, with
H = 1 1^T / n + U diag(s^2 / (s^2 + mu)) U^T from the singular values s and left vectors U of the centred activations.
What the probe fitted to all labels but those of a fold F predicts on F follows without another fit:
Y_F - (I - H_FF)^-1 (Y - H Y)_F. This is the number that merging the moments of the other folds and solving would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from theory import InputError
from theory.data.stratified import stratified_parts
from theory.validation import FloatArray, IntArray, at_least, finite_array

#: Folds of cross-fitting: each label is predicted by a probe that was fitted to nine tenths of the others.
FOLDS = 10

# Squared singular values below this share of the largest count as zero: activations are float32.
_RELATIVE_RANK_TOLERANCE = 1e-6

# Penalties in units of the largest squared singular value, two per decade.
_GRID = np.geomspace(1e-6, 1e2, 17)


@dataclass(frozen=True, eq=False)
class RidgeProbe:
    """The probes of all penalties of one layer's activations, with an intercept that carries no penalty.

    All dense work is torch's, as that of the layers' forward passes: a second library's threads would wait for work on
    the same cores.

    Attributes:
        left: (n, r) left singular vectors of the centred activations.
        squares: (r,) squared singular values, descending, without those that count as zero.
        centred: (n, p) the activations less their mean.
        mean: (p,) of the activations.
    """

    left: Tensor
    squares: Tensor
    centred: Tensor
    mean: Tensor

    @classmethod
    def from_features(cls, features: FloatArray) -> RidgeProbe:
        """The probes of (n, p) activations.

        Raises:
            InputError: fewer than two rows, NaN or infinity.
        """
        rows = finite_array("features", features, 2)
        if rows.shape[0] < 2:
            raise InputError(f"features: has {rows.shape[0]} row; give at least 2")
        own = _tensor(rows)
        mean = own.mean(dim=0)
        centred = own - mean
        tall = rows.shape[0] > rows.shape[1]
        # The smaller of the two Gram matrices.
        squares, vectors = torch.linalg.eigh(centred.T @ centred if tall else centred @ centred.T)
        kept = squares > _RELATIVE_RANK_TOLERANCE * squares[-1].clamp(min=0.0)
        squares, vectors = squares[kept].flip(0), vectors[:, kept].flip(1)
        return cls(centred @ (vectors / squares.sqrt()) if tall else vectors, squares, centred, mean)

    @property
    def map(self) -> Tensor:
        """(p, r) from centred activations to ``left``."""
        return (self.centred.T @ self.left) / self.squares

    def penalty(self, values: FloatArray) -> float:
        """The penalty mu that generalised cross-validation chooses for (n, q) values (Golub, Heath & Wahba 1979).

        It is one number for the whole sample, so that what it owes to a fold is of the order of one part in n.
        """
        if self.squares.numel() == 0:
            return 1.0
        count, centred = values.shape[0], torch.from_numpy(values - values.mean(axis=0))
        read = (self.left.T @ centred).square().sum(dim=1)
        never = (centred.square().sum() - read.sum()).clamp(min=0.0)
        budgets = torch.from_numpy(_GRID) * self.squares[0]
        left_over = budgets[:, None] / (self.squares + budgets[:, None])
        residual = never + left_over.square() @ read
        freedom = (count - 1 - self.squares.numel() + left_over.sum(dim=1)) / count
        # Where more directions than labels leave no freedom, nothing is left to judge a small penalty by.
        score = torch.where(freedom > 1e-9, residual / freedom.clamp(min=1e-9).square(), torch.inf)
        return float(budgets[int(score.argmin())])

    def cross_fitted(self, values: FloatArray, parts: Sequence[IntArray], penalty: float) -> FloatArray:
        """(n, q) predictions, each by the probe that was fitted to the samples of the other parts.

        Args:
            values: (n, q) that the probe predicts.
            parts: disjoint arrays of sample numbers that hold all n, at least two.
            penalty: mu, positive.
        """
        known = _tensor(values)
        scaled = self.left * (self.squares / (self.squares + penalty)).sqrt()
        centred = known - known.mean(dim=0)
        residual = centred - scaled @ (scaled.T @ centred)
        predicted = torch.empty_like(known)
        for own in map(torch.from_numpy, parts):
            hat = scaled[own] @ scaled[own].T + 1 / known.shape[0]
            predicted[own] = known[own] - torch.linalg.solve(torch.eye(own.numel()).to(hat) - hat, residual[own])
        return np.asarray(predicted.numpy(), dtype=np.float64)

    def predict(self, values: FloatArray, penalty: float, features: FloatArray) -> FloatArray:
        """(m, q) predictions on new (m, p) activations by the probe that was fitted to all values.

        Args:
            values: (n, q) that the probe was fitted to.
            penalty: mu, positive.
            features: (m, p).
        """
        known = _tensor(values)
        mean = known.mean(dim=0)
        shrunk = (self.squares / (self.squares + penalty))[:, None] * (self.left.T @ (known - mean))
        return np.asarray((mean + ((_tensor(features) - self.mean) @ self.map) @ shrunk).numpy())


def fold_parts(labels: IntArray, folds: int = FOLDS, seed: int = 0) -> list[IntArray]:
    """Folds with equal shares of each class.

    Args:
        labels: (n,) integers; zeros where there are no classes.
        folds: at least 2; no more than there are samples are made.
        seed: of the order of the samples.
    """
    wanted = min(at_least("folds", folds, 2), labels.size)
    return stratified_parts(labels, wanted, np.random.default_rng(at_least("seed", seed, 0)))


def _tensor(array: FloatArray) -> Tensor:
    """The same numbers, copied only where torch does not take their memory: read-only arrays and reversed ones."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))
