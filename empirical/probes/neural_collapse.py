"""Neural collapse of a layer, from the moments of its activations (Papyan, Han & Donoho, PNAS 2020).

Late in training the activations of a class gather at its mean (NC1), the class means become a simplex of equal norms
and equal angles (NC2). Covariances are weighted by the classes'
frequencies, so that Sigma = Sigma_W + Sigma_B; for balanced classes they are those of the publication.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory import InputError, Moments
from theory.validation import FloatArray

# Singular values of the class means below this share of the largest are rounding error of moments in float32.
_RELATIVE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class NeuralCollapse:
    """Measures of how far a layer has collapsed; zero at full collapse unless stated otherwise.

    Attributes:
        within_class: NC1, tr(Sigma_W Sigma_B^+) / K.
        variance_ratio: tr Sigma_W / tr Sigma_B, which small directions of Sigma_B do not dominate.
        between_rank: rank of Sigma_B, at most K - 1; directions of class means that count as zero are left out.
        norm_variation: NC2, standard deviation over mean of the norms of the centred class means.
        cosine_mean: NC2, mean cosine between two centred class means; -1 / (K - 1) for a simplex.
        cosine_deviation: NC2, standard deviation of these cosines.
        angle_distance: NC2, mean of |cosine + 1 / (K - 1)|.
    """

    within_class: float
    variance_ratio: float
    between_rank: int
    norm_variation: float
    cosine_mean: float
    cosine_deviation: float
    angle_distance: float


def neural_collapse(moments: Moments) -> NeuralCollapse:
    """NC1 and NC2 of a layer.

    Norms and angles are taken from the plain average of the class means, as a simplex does not depend on the classes'
    frequencies. The pseudo-inverse acts in the span of the class means: no matrix of p x p is decomposed.

    Args:
        moments: of the activations, with every class present.

    Raises:
        InputError: a class without samples, or class means that are all equal.
    """
    _check_classes(moments)
    classes = moments.class_counts.size
    centred = np.sqrt(moments.frequencies)[:, None] * (moments.class_means - moments.mean)
    _, singular, right = np.linalg.svd(centred, full_matrices=False)
    kept = singular > _RELATIVE_TOLERANCE * singular[0]
    between, directions = np.square(singular[kept]), right[kept]
    total = np.einsum("ip,pq,iq->i", directions, moments.covariance, directions, optimize=True)
    # In these directions Sigma_B is diagonal: Sigma_W = Sigma - Sigma_B needs no matrix of its own.
    within = np.maximum(total - between, 0.0)
    between_variance = float(np.square(singular).sum())
    means = _centred_means(moments)
    norms = np.linalg.norm(means, axis=1)
    cosines = _cosines_between(means, norms)
    simplex = -1 / (classes - 1)
    return NeuralCollapse(
        within_class=float(np.sum(within / between)) / classes,
        variance_ratio=max(moments.total_variance - between_variance, 0.0) / between_variance,
        between_rank=int(np.count_nonzero(kept)),
        norm_variation=float(norms.std() / norms.mean()),
        cosine_mean=float(cosines.mean()),
        cosine_deviation=float(cosines.std()),
        angle_distance=float(np.abs(cosines - simplex).mean()),
    )


def _check_classes(moments: Moments) -> None:
    empty = np.flatnonzero(moments.class_counts == 0)
    if empty.size:
        raise InputError(f"moments: class {empty[0]} has no sample; give moments with every class present")
    spread = np.abs(_centred_means(moments)).max()
    # Equal means differ by their rounding error.
    if spread <= _RELATIVE_TOLERANCE**2 * np.abs(moments.class_means).max() or spread == 0:
        raise InputError("moments: all class means are equal; give a layer that distinguishes classes")


def _centred_means(moments: Moments) -> FloatArray:
    """(K, p) class means from their plain average."""
    return np.asarray(moments.class_means - moments.class_means.mean(axis=0), dtype=np.float64)


def _cosines_between(means: FloatArray, norms: FloatArray) -> FloatArray:
    """(K (K - 1) / 2,) cosines of all pairs; a mean at the centre has none, and counts as orthogonal to all."""
    unit = means / np.where(norms > 0, norms, 1.0)[:, None]
    return np.asarray((unit @ unit.T)[np.triu_indices(norms.size, 1)], dtype=np.float64)
