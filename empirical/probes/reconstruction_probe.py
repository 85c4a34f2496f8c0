"""Measures how well inputs can be linearly reconstructed from a layer, on samples that no decoder was fitted to.

A decoder x = A^T (a - mean a) + mean x is fitted to the moments of training samples. Its loss on held-out samples
with covariances G of the activations, C of these with the inputs and S of the inputs is
tr S - 2 tr(A^T C) + tr(A^T G A) + |offset of the means|^2: it needs their moments alone, and no second pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from empirical.moments.activation_moments import JointMoments
from theory import InputError
from theory.validation import FloatArray, finite_array, positive

#: Eigenvalues of the activations' covariance below this share of the largest count as zero: sums of products in
#: float32 do not resolve them.
RELATIVE_RANK_TOLERANCE = 1e-6

#: Samples for each direction below which least squares is regularised. With r directions and n samples it adds the
#: share r / (n - r) of the smallest loss (Gaussian activations): a ninth at this limit.
LEAST_SAMPLES_PER_DIRECTION = 10

# Penalties, in units of the largest eigenvalue, among which cross-validation chooses: ten per decade, down to the
# eigenvalues that count as zero.
_GRID = np.geomspace(RELATIVE_RANK_TOLERANCE, 1e4, 101)


@dataclass(frozen=True)
class ReconstructionLoss:
    """Held-out loss of a linear decoder.

    Attributes:
        loss: mean squared error per input coordinate, in squared units of the inputs.
        relative: L / tr Sigma of the held-out inputs: 0 is perfect; 1 is the loss of their mean, so that a decoder
            that does harm is above 1.
        rank: directions of the activations that the decoder reads.
        budget: ridge penalty mu, in squared units of the activations; 0 for the exact decoder.
        warning: why the decoder is not the one asked for; None if it is.
    """

    loss: float
    relative: float
    rank: int
    budget: float
    warning: str | None


@dataclass(frozen=True, eq=False)
class BudgetedDecoders:
    """The decoders of all penalties mu of one layer, in the eigenbasis of the training activations.

    In direction i a decoder weighs what it reads by w_i = 1 / (lambda_i + mu). Every loss is a quadratic form of w.

    Attributes:
        eigenvalues: (r,) of the training activations' covariance, ascending, without those that count as zero.
        explained: (r,) squared covariance of each direction with the training inputs.
        training_variance: tr S of the training inputs.
        samples: number of training samples.
        features: number of features p.
        constant: loss of w = 0 on the held-out samples, summed over coordinates.
        linear: (r,) and
        quadratic: (r, r): the held-out loss is constant - 2 linear . w + w . quadratic w.
        held_out_variance: tr S of the held-out inputs.
        coordinates: number of input coordinates D.
    """

    eigenvalues: FloatArray
    explained: FloatArray
    training_variance: float
    samples: int
    features: int
    constant: float
    linear: FloatArray
    quadratic: FloatArray
    held_out_variance: float
    coordinates: int

    @property
    def rank(self) -> int:
        """Directions r of the activations that do not count as constant."""
        return self.eigenvalues.size

    @property
    def too_few_samples(self) -> bool:
        """Whether least squares would fit noise: fewer samples than features or than ten per direction."""
        return _too_few_samples(self.samples, self.features, self.rank)

    @classmethod
    def from_moments(cls, training: JointMoments, held_out: JointMoments) -> BudgetedDecoders:
        """The decoders of all penalties, from one eigendecomposition.

        Raises:
            InputError: different features or inputs, inputs that do not vary, or held-out moments that are those of
                the training samples.
        """
        _check_pair(training, held_out)
        values, vectors, kept = _eigenbasis(training)
        basis = vectors[:, kept]
        read = basis.T @ training.cross
        feature_offset = basis.T @ (held_out.activations.mean - training.activations.mean)
        input_offset = held_out.input_mean - training.input_mean
        second_moment = basis.T @ held_out.activations.covariance @ basis + np.outer(feature_offset, feature_offset)
        overlap = np.einsum("id,id->i", read, basis.T @ held_out.cross)
        return cls(
            eigenvalues=values[kept],
            explained=np.einsum("id,id->i", read, read),
            training_variance=training.input_variance,
            samples=training.count,
            features=values.size,
            constant=float(held_out.input_variance + input_offset @ input_offset),
            linear=overlap + feature_offset * (read @ input_offset),
            quadratic=second_moment * (read @ read.T),
            held_out_variance=held_out.input_variance,
            coordinates=held_out.input_mean.size,
        )

    def exact(self) -> ReconstructionLoss:
        """The loss of least squares; where samples are too few for it, that of ``regularised``, with a warning."""
        if self.too_few_samples:
            return self.regularised()
        return self._result(float(self._sums(np.zeros(1))[0]), 0.0, None)

    def regularised(self) -> ReconstructionLoss:
        """The loss at the penalty that generalised cross-validation chooses from the training samples.

        GCV (Golub, Heath & Wahba 1979), training loss / (1 - degrees of freedom / n)^2, estimates the held-out loss;
        with a budget it is consistent also with more features than samples (Patil et al. 2021). The intercept takes one
        degree of freedom. The penalty is one of ten per decade, from what counts as zero to 10^4 lambda_1.
        """
        if self.rank == 0:
            return self._result(self.constant, 0.0, self._warning(0.0))
        chosen = cross_validated_budget(self.eigenvalues, self.explained, self.training_variance, self.samples)
        return self._result(float(self._sums(np.array([chosen]))[0]), chosen, self._warning(chosen))

    def budgeted(self, budgets: Sequence[float]) -> tuple[ReconstructionLoss, ...]:
        """The losses L_mu of budgeted decoders, for any number of budgets at once.

        Args:
            budgets: mu > 0, in squared units of the activations.

        Raises:
            InputError: no penalty, or one that is not positive.
        """
        chosen = finite_array("budgets", budgets, 1)
        positive("budgets", float(chosen.min()))
        pairs = zip(self._sums(chosen), chosen, strict=True)
        return tuple(self._result(float(total), float(budget), None) for total, budget in pairs)

    def _sums(self, budgets: FloatArray) -> FloatArray:
        """(m,) held-out losses, summed over coordinates."""
        weights = 1 / (self.eigenvalues + budgets[:, None])
        squared = np.einsum("mi,mi->m", weights @ self.quadratic, weights)
        return np.asarray(self.constant - 2 * weights @ self.linear + squared, dtype=np.float64)

    def _result(self, total: float, budget: float, warning: str | None) -> ReconstructionLoss:
        return ReconstructionLoss(total / self.coordinates, total / self.held_out_variance, self.rank, budget, warning)

    def _warning(self, budget: float) -> str:
        return (
            f"{self.samples} samples for {self.rank} directions of {self.features} features: budget {budget:.3g} by "
            f"generalised cross-validation; the exact decoder needs {LEAST_SAMPLES_PER_DIRECTION} samples per direction"
        )


@dataclass(frozen=True, eq=False)
class MomentDecoder:
    """A linear decoder by itself, from training moments alone, to apply to activations.

    Attributes:
        mean: (p,) of the training activations.
        input_mean: (D,) of the training inputs.
        directions: (p, r) of the activations that are read, each divided by lambda_i + mu.
        read: (r, D) covariance of each direction with the training inputs.
    """

    mean: FloatArray
    input_mean: FloatArray
    directions: FloatArray
    read: FloatArray

    @classmethod
    def exact(cls, training: JointMoments) -> MomentDecoder:
        """The decoder of ``BudgetedDecoders.exact``: least squares, or cross-validated where samples are too few."""
        values, vectors, kept = _eigenbasis(training)
        if _too_few_samples(training.count, values.size, values[kept].size):
            return cls.cross_validated(training)
        basis = vectors[:, kept]
        return cls._with_budget(training, values[kept], basis, basis.T @ training.cross, 0.0)

    @classmethod
    def cross_validated(cls, training: JointMoments) -> MomentDecoder:
        """The decoder of ``BudgetedDecoders.regularised``; without a direction that varies, the mean of the inputs."""
        values, vectors, kept = _eigenbasis(training)
        eigenvalues, basis = values[kept], vectors[:, kept]
        read = basis.T @ training.cross
        if eigenvalues.size == 0:
            return cls._with_budget(training, eigenvalues, basis, read, 0.0)
        explained = np.einsum("id,id->i", read, read)
        budget = cross_validated_budget(eigenvalues, explained, training.input_variance, training.count)
        return cls._with_budget(training, eigenvalues, basis, read, budget)

    @classmethod
    def _with_budget(
        cls, training: JointMoments, eigenvalues: FloatArray, basis: FloatArray, read: FloatArray, budget: float
    ) -> MomentDecoder:
        return cls(training.activations.mean, training.input_mean, basis / (eigenvalues + budget), read)

    def reconstruct(self, activations: FloatArray) -> FloatArray:
        """(n, D) inputs from (n, p) activations."""
        centred = activations - self.mean
        return np.asarray(self.input_mean + (centred @ self.directions) @ self.read)


def _too_few_samples(samples: int, features: int, rank: int) -> bool:
    return samples <= features or samples < LEAST_SAMPLES_PER_DIRECTION * rank


def _eigenbasis(training: JointMoments) -> tuple[FloatArray, FloatArray, slice]:
    """Eigenvalues (p,) and vectors (p, p), ascending, and which of them count."""
    values, vectors = linalg.eigh(training.activations.covariance, driver="evd", check_finite=False)
    smallest = RELATIVE_RANK_TOLERANCE * max(float(values[-1]), 0.0)
    return values, vectors, slice(int(np.searchsorted(values, smallest, side="right")), None)


def _grid(eigenvalues: FloatArray) -> FloatArray:
    """Penalties that are tried, for eigenvalues in ascending order."""
    return np.asarray(eigenvalues[-1] * _GRID, dtype=np.float64)


def cross_validated_budget(
    eigenvalues: FloatArray, explained: FloatArray, input_variance: float, samples: int
) -> float:
    """The penalty mu of the smallest score of generalised cross-validation: see ``BudgetedDecoders.regularised``.

    Args:
        eigenvalues: (r,) of the training activations' covariance, ascending, r at least 1.
        explained: (r,) squared covariance of each direction with the training inputs.
        input_variance: of the training inputs.
        samples: their number.
    """
    budgets = _grid(eigenvalues)
    # The parts of the residual and of its degrees of freedom that each penalty leaves.
    left = budgets[:, None] / (eigenvalues + budgets[:, None])
    variance = explained / eigenvalues
    never = max(input_variance - float(variance.sum()), 0.0)
    residual = never + (np.square(left) * variance).sum(axis=1)
    freedom = (max(samples - 1 - eigenvalues.size, 0) + left.sum(axis=1)) / samples
    return float(budgets[int(np.argmin(residual / np.square(freedom)))])


def _check_pair(training: JointMoments, held_out: JointMoments) -> None:
    if training.cross.shape != held_out.cross.shape:
        raise InputError(
            f"held_out: has (features, inputs) {held_out.cross.shape}; give {training.cross.shape} as in training"
        )
    same = training.count == held_out.count and np.array_equal(training.activations.mean, held_out.activations.mean)
    if same and np.array_equal(training.cross, held_out.cross):
        raise InputError(
            "held_out: are the moments of the training samples; give samples that no decoder was fitted to"
        )
    if held_out.input_variance <= 0 or training.input_variance <= 0:
        raise InputError("held_out: inputs do not vary; give at least two different inputs, in training as well")
