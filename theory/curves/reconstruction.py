"""How well inputs, or any target, can be linearly reconstructed from the outputs W x.

With Sigma = F F^T the covariance of the inputs, T = F B their cross-covariance with a target y and Pi the projector
onto span(F^T W^T), the best linear probe of the outputs explains tr(B^T Pi B) = tr[(W Sigma W^T)^+ W T T^T W^T] of the
target's variance. Reconstruction is the target y = x, T = Sigma: the explained variance is then R(W) = tr(Pi Sigma),
and the reconstruction loss is L(W) = tr Sigma - R(W). Both depend on the row space of W alone. All functions work in
the eigenbasis of the data model.

**Which directions of the outputs count.** In exact arithmetic a direction counts however short it is. Weights made by
floating-point additions hold directions that are rounding alone, such as the sum of a softmax layer's rows trained from
W(0) = 0. So, at every level, a direction counts if it is longer than the rounding error of its arithmetic:
with the rows of W Sigma^(1/2) scaled to unit length, its singular value must be above ``rounding`` times the largest.
The rounding errors of n additions add up as a random walk, sqrt(n) eps. Levels that have a formula for an output's
share of the weights (outputs without a signal, in ``theory.curves.linearised``, ``theory.curves.expected_curve`` and
``theory.curves.mean_field``) keep it as a separate row, which counts as in exact arithmetic even where the sum of
rows would have lost it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from theory.data.target import Target
from theory.validation import (
    BoolArray,
    FloatArray,
    InputError,
    at_least,
    finite_array,
    positive,
    positive_eigenvalues,
    real_array,
)


def rounding(additions: int, epsilon: float = float(np.finfo(np.float64).eps)) -> float:
    """Relative length below which a direction of outputs may be rounding: 4 eps sqrt(n + 1) after n additions.

    Softmax layers trained from W(0) = 0, whose rows sum to zero exactly, left at most 0.5 eps sqrt(n) in single and in
    double precision, up to 20,000 steps; the factor is ten times that.

    Args:
        additions: n, steps of training that made the weights, at least 0.
        epsilon: of the number type in which they were added up.
    """
    return 4 * positive("epsilon", epsilon) * float(np.sqrt(at_least("additions", additions, 0) + 1))


#: Where the origin of weights is unknown: 3e-13, the rounding of 100,000 additions in float64.
ROUNDING = rounding(100_000)

#: Smallest eigenvalue, over the largest, of the Gram matrix of rows of unit length with which R is found from it. Its
#: rounding error is about 1e-16 K over this.
_SEPARATED = 1e-4


def explained_target_variance(weights: ArrayLike, target: Target, resolution: float = ROUNDING) -> FloatArray:
    """Variance of a target that the best linear probe of the outputs explains, tr[(W Sigma W^T)^+ W T T^T W^T].

    It is found from Gram matrices where rows are far from dependent, which takes a third of the time, and from an
    orthonormal basis of F^T W^T elsewhere. Rows are scaled to unit length first (it does not depend on their scale),
    so that a small row, such as the conserved class-mean row of a softmax layer, is not lost next to large ones.

    Args:
        weights: (..., K, d) rows of the layer in the eigenbasis.
        target: what is to be reconstructed, and the covariance of the inputs on which the probe is fitted.
        resolution: a direction counts if its singular value is above this share of the largest; see the module.

    Returns:
        (...) between 0 and ``target.explained_by_inputs``.

    Raises:
        InputError: shapes that do not fit, NaN or infinity.
    """
    scaled, _ = _unit_rows(_layer(weights, target), target)
    values, vectors = np.linalg.eigh(scaled @ np.swapaxes(scaled, -1, -2))
    squared = np.swapaxes(vectors, -1, -2) @ target.explained_gram(scaled) @ vectors
    separated = np.asarray(values[..., 0] > max(_SEPARATED, resolution**2) * values[..., -1], dtype=np.bool_)
    shares = np.diagonal(squared, axis1=-2, axis2=-1) / np.where(separated[..., None], values, 1.0)
    explained = np.asarray(shares.sum(axis=-1), dtype=np.float64)
    if not separated.all():
        directions, counts = _directions(scaled[~separated], resolution)
        explained[~separated] = np.sum(target.explained_by(directions) * counts, axis=-1)
    return explained


def output_directions(weights: ArrayLike, target: Target, resolution: float = ROUNDING) -> tuple[FloatArray, BoolArray]:
    """An orthonormal basis of span(F^T W^T), the directions of the inputs that the outputs show.

    Args:
        weights: (..., K, d) rows of the layer in the eigenbasis.
        target: holds the covariance F F^T of the inputs, with p directions that vary.
        resolution: as in ``explained_target_variance``.

    Returns:
        directions: (..., r, p) rows, r the smaller of K and p.
        counts: (..., r) True for those that count.
    """
    return _directions(_unit_rows(_layer(weights, target), target)[0], resolution)


def _directions(scaled: FloatArray, resolution: float) -> tuple[FloatArray, BoolArray]:
    """The same from rows of W F at unit length."""
    _, singular, right = np.linalg.svd(scaled, full_matrices=False)
    return np.asarray(right, dtype=np.float64), counted(singular, resolution)


def unexplained_share(weights: ArrayLike, target: Target, resolution: float = ROUNDING) -> FloatArray:
    """1 - R_T(W), the share (...) of a target's variance that the probe misses.

    Args:
        weights: (..., K, d) rows of the layer in the eigenbasis.
        target: what is decoded, and the covariance of the inputs on which the probe is fitted.
        resolution: a direction counts if its singular value is above this share of the largest; see the module.
    """
    explained = explained_target_variance(weights, target, resolution)
    return np.asarray((target.variance - explained) / target.variance, dtype=np.float64)


def explained_variance(weights: ArrayLike, eigenvalues: ArrayLike, resolution: float = ROUNDING) -> FloatArray:
    """R(W) = tr[(W Sigma W^T)^+ W Sigma^2 W^T], what the best linear decoder explains of the inputs.

    Args:
        weights: (..., K, d) rows of the layer in the eigenbasis.
        eigenvalues: (d,) of Sigma.
        resolution: a direction counts if its singular value is above this share of the largest; see the module.

    Returns:
        (...) explained variance, between 0 and the sum of the K largest eigenvalues.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, eigenvalues that are not positive.
    """
    return explained_target_variance(weights, _inputs(eigenvalues), resolution)


def counted(singular: FloatArray, resolution: float = ROUNDING) -> BoolArray:
    """(..., r) True for the singular values (..., r), descending, of directions that count; see the module."""
    return np.asarray(singular > resolution * singular[..., :1], dtype=np.bool_)


def reconstruction_loss(weights: ArrayLike, eigenvalues: ArrayLike, resolution: float = ROUNDING) -> FloatArray:
    """L(W) = tr Sigma - R(W) of the decoder of minimal squared error, (...).

    Args:
        weights: (..., K, d) rows of the layer in the eigenbasis.
        eigenvalues: (d,) of Sigma.
        resolution: a direction counts if its singular value is above this share of the largest; see the module.
    """
    inputs = _inputs(eigenvalues)
    explained = explained_target_variance(weights, inputs, resolution)
    return np.asarray(inputs.variance - explained, dtype=np.float64)


def relative_loss(weights: ArrayLike, eigenvalues: ArrayLike, resolution: float = ROUNDING) -> FloatArray:
    """L(W) / tr Sigma, between 0 (perfect) and 1 (nothing is reconstructed), (...).

    Args:
        weights: (..., K, d) rows of the layer in the eigenbasis.
        eigenvalues: (d,) of Sigma.
        resolution: a direction counts if its singular value is above this share of the largest; see the module.
    """
    return unexplained_share(weights, _inputs(eigenvalues), resolution)


def budgeted_reconstruction_loss(weights: ArrayLike, eigenvalues: ArrayLike, budget: float) -> FloatArray:
    """L_mu(W) of a decoder fitted with ridge penalty mu, a model of a decoder of limited training.

    The decoder is D = C^T (G + mu)^-1 with G = W Sigma W^T and C = W Sigma, hence
    L_mu = tr Sigma - tr[(G + mu)^-1 (G + 2 mu) (G + mu)^-1 C C^T]. The limit mu -> 0 is L(W). In a basis of the
    directions of the outputs that count (see the module), G is N, and what is explained is tr[(1 - mu^2 (N + mu)^-2) P]
    with P the covariance of the inputs within these directions.

    Args:
        weights: (..., K, d) in the eigenbasis.
        eigenvalues: (d,) of Sigma.
        budget: mu > 0, in units of the outputs' variance. Small outputs (G << mu) give tr Sigma.

    Returns:
        (...) loss, at least L(W) and at most tr Sigma.

    Raises:
        InputError: as ``explained_variance``, or a budget that is not positive.
    """
    mu = positive("budget", budget)
    inputs = _inputs(eigenvalues)
    scaled, logs = _unit_rows(_layer(weights, inputs), inputs)
    left, singular, basis = np.linalg.svd(scaled, full_matrices=False)
    longest = logs.max(axis=-2, keepdims=True)
    lengths = np.exp(logs - np.where(np.isfinite(longest), longest, 0.0))
    directions = left * (singular * counted(singular))[..., None, :]
    _, gains, turned = np.linalg.svd(lengths * directions, full_matrices=False)
    # In units of the longest row, whose square and whose budget may lie outside of the range of floats.
    root = np.exp(np.clip(np.log(mu) / 2 - longest[..., 0], -740.0, 700.0))
    share = 1 - np.power(root / np.hypot(root, gains), 4)
    return np.asarray(inputs.variance - np.sum(share * inputs.explained_by(turned @ basis), axis=-1), dtype=np.float64)


def _inputs(eigenvalues: ArrayLike) -> Target:
    """The target of reconstruction; InputError for eigenvalues (d,) that are not positive."""
    return Target.reconstruction(positive_eigenvalues(eigenvalues))


def _layer(weights: ArrayLike, target: Target) -> FloatArray:
    """Weights (..., K, d) as an array that fits; InputError otherwise."""
    given = real_array("weights", weights)
    rows = finite_array("weights", given, max(given.ndim, 2))
    if rows.shape[-1] != target.dimension:
        raise InputError(f"weights: has shape {rows.shape}; give {target.dimension} columns, one for each eigenvalue")
    return rows


def _unit_rows(weights: FloatArray, target: Target) -> tuple[FloatArray, FloatArray]:
    """The rows of W F at unit length (..., K, p) and the logarithms of their lengths (..., K, 1).

    By the largest entry first, as the squares of a tiny row underflow. Rows of zeros stay zero.
    """
    largest = np.abs(weights).max(axis=-1, keepdims=True)
    scaled = target.through_root(weights / np.where(largest > 0, largest, 1.0))
    again = np.abs(scaled).max(axis=-1, keepdims=True)
    scaled = scaled / np.where(again > 0, again, 1.0)
    length = np.linalg.norm(scaled, axis=-1, keepdims=True)
    scaled = scaled / np.where(length > 0, length, 1.0)
    with np.errstate(divide="ignore"):
        logs = np.log(largest) + np.log(again) + np.log(length) + np.log(target.scale) / 2
    return np.asarray(scaled, dtype=np.float64), np.asarray(logs, dtype=np.float64)


def explained_variance_from_gram(gram: FloatArray, squared_gram: FloatArray) -> FloatArray:
    """R = tr(G^+ A) for G = W Sigma W^T and A = W T T^T W^T, for reconstruction W Sigma^2 W^T, both (..., K, K).

    The fast form for many times at once. G is scaled to a unit diagonal; an eigenvalue of the
    scaled matrix counts as zero below 1e-13 K, the rounding error of a float64 Gram matrix. Where rows
    are nearly dependent (see ``gram_separation``) digits are lost, and ``explained_variance`` is better.

    Raises:
        InputError: shapes differ or are not square.
    """
    if gram.shape != squared_gram.shape or gram.shape[-1] != gram.shape[-2]:
        raise InputError(
            f"gram: has shape {gram.shape} and squared_gram {squared_gram.shape}; give equal square matrices"
        )
    outer = _unit_diagonal(gram)
    values, vectors = np.linalg.eigh(gram * outer)
    counted = values > 1e-13 * gram.shape[-1] * values[..., -1:]
    inverse = np.where(counted, 1 / np.where(counted, values, 1.0), 0.0)
    rotated = np.einsum("...ki,...kl,...li->...i", vectors, squared_gram * outer, vectors)
    return np.asarray(np.sum(inverse * rotated, axis=-1), dtype=np.float64)


def gram_separation(gram: FloatArray) -> FloatArray:
    """(...) smallest eigenvalue of G (..., K, K) at a unit diagonal: 1 for orthogonal rows, 0 for dependent ones.

    R from a Gram matrix has a rounding error of about 1e-16 K over this. Rows without length do not count.
    """
    scaled = gram * _unit_diagonal(gram)
    empty = np.diagonal(scaled, axis1=-2, axis2=-1) == 0
    return np.asarray(np.linalg.eigvalsh(scaled + empty[..., None] * np.eye(gram.shape[-1]))[..., 0], dtype=np.float64)


def _unit_diagonal(gram: FloatArray) -> FloatArray:
    """(..., K, K) factors that scale G to a unit diagonal; 0 for rows so short that their squares underflow."""
    diagonal = np.diagonal(gram, axis1=-2, axis2=-1)
    counts = diagonal > np.finfo(np.float64).tiny
    scale = np.where(counts, 1 / np.sqrt(np.where(counts, diagonal, 1.0)), 0.0)
    return np.asarray(scale[..., :, None] * scale[..., None, :], dtype=np.float64)
