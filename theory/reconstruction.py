"""How well inputs can be linearly reconstructed from the outputs W x.

With Pi the projector onto span(Sigma^(1/2) W^T), the explained variance of the best linear
decoder is R(W) = tr(Pi Sigma), and the reconstruction loss is L(W) = tr Sigma - R(W). R depends on
the row space of W alone. All functions work in the eigenbasis of Sigma.
"""

from __future__ import annotations

import numpy as np

from theory.validation import FloatArray, InputError, positive


def explained_variance(weights: FloatArray, eigenvalues: FloatArray) -> FloatArray:
    """R(W) = tr[(W Sigma W^T)^+ W Sigma^2 W^T], from an orthonormal basis of Sigma^(1/2) W^T.

    Rows are scaled to unit length first (R does not depend on their scale), so that a small row,
    such as the conserved class-mean row of a softmax layer, is not lost beside large ones. A
    singular value counts as zero below d eps times the largest.

    Args:
        weights: (..., K, d) rows of the layer in the eigenbasis.
        eigenvalues: (d,) of Sigma.

    Returns:
        (...) explained variance, between 0 and the sum of the K largest eigenvalues.
    """
    scaled = weights * np.sqrt(eigenvalues)
    # By the largest entry first, as the squares of a tiny row are no numbers any more.
    largest = np.abs(scaled).max(axis=-1, keepdims=True)
    scaled = scaled / np.where(largest > 0, largest, 1.0)
    length = np.linalg.norm(scaled, axis=-1, keepdims=True)
    scaled = scaled / np.where(length > 0, length, 1.0)
    _, singular, right = np.linalg.svd(scaled, full_matrices=False)
    counted = singular > weights.shape[-1] * np.finfo(np.float64).eps * singular[..., :1]
    by_direction = np.square(right) @ eigenvalues
    return np.asarray(np.sum(by_direction * counted, axis=-1), dtype=np.float64)


def reconstruction_loss(weights: FloatArray, eigenvalues: FloatArray) -> FloatArray:
    """L(W) = tr Sigma - R(W) of the decoder of minimal squared error; shapes as above."""
    return np.asarray(eigenvalues.sum() - explained_variance(weights, eigenvalues), dtype=np.float64)


def relative_loss(weights: FloatArray, eigenvalues: FloatArray) -> FloatArray:
    """L(W) / tr Sigma, between 0 (perfect) and 1 (nothing is reconstructed); shapes as above."""
    return np.asarray(reconstruction_loss(weights, eigenvalues) / eigenvalues.sum(), dtype=np.float64)


def budgeted_reconstruction_loss(weights: FloatArray, eigenvalues: FloatArray, budget: float) -> FloatArray:
    """L_mu(W) of a decoder fitted with ridge penalty mu, a model of a decoder of limited training.

    The decoder is D = C^T (G + mu)^-1 with G = W Sigma W^T and C = W Sigma, hence
    L_mu = tr Sigma - tr[(G + mu)^-1 (G + 2 mu) (G + mu)^-1 C C^T]. The limit mu -> 0 is L(W).

    Args:
        weights: (..., K, d) in the eigenbasis.
        eigenvalues: (d,) of Sigma.
        budget: mu > 0, in units of the outputs' variance. Small outputs (G << mu) give tr Sigma.

    Returns:
        (...) loss, at least L(W) and at most tr Sigma.
    """
    mu = positive("budget", budget)
    _, singular, right = np.linalg.svd(weights * np.sqrt(eigenvalues), full_matrices=False)
    gain = np.square(singular)
    # In the singular basis G is diagonal with entries `gain`, and C C^T has gain * (Pi Sigma Pi).
    share = gain * (gain + 2 * mu) / np.square(gain + mu)
    by_direction = np.square(right) @ eigenvalues
    return np.asarray(eigenvalues.sum() - np.sum(share * by_direction, axis=-1), dtype=np.float64)


def explained_variance_from_gram(gram: FloatArray, squared_gram: FloatArray) -> FloatArray:
    """R = tr(G^+ A) for G = W Sigma W^T and A = W Sigma^2 W^T, both (..., K, K).

    The fast form for many times at once. G is scaled to a unit diagonal; an eigenvalue of the
    scaled matrix counts as zero below 1e-13 K, the rounding error of a float64 Gram matrix. Where rows
    are nearly dependent (see ``gram_separation``) digits are lost, and ``explained_variance`` is better.

    Raises:
        InputError: shapes differ or are not square.
    """
    if gram.shape != squared_gram.shape or gram.shape[-1] != gram.shape[-2]:
        raise InputError(f"gram: has shape {gram.shape} beside {squared_gram.shape}; give equal square matrices")
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
    """(..., K, K) factors that scale G to a unit diagonal; 0 for rows too short for their squares to be numbers."""
    diagonal = np.diagonal(gram, axis1=-2, axis2=-1)
    counts = diagonal > np.finfo(np.float64).tiny
    scale = np.where(counts, 1 / np.sqrt(np.where(counts, diagonal, 1.0)), 0.0)
    return np.asarray(scale[..., :, None] * scale[..., None, :], dtype=np.float64)
