"""Published scores of how well features will transfer, computed from the features and, where they need them, labels."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from theory import InputError
from theory.validation import FloatArray, IntArray, finite_array

_RELATIVE_RANK_TOLERANCE = 1e-10
_LOGME_ITERATIONS, _LOGME_TOLERANCE = 100, 1e-4

# Ranks of the spectrum on which its exponent is fitted, from 1: the leading directions are left out.
_FIRST_RANK, _LAST_RANK = 11, 100


def logme(features: FloatArray, values: FloatArray) -> float:
    """LogME, the mean log evidence of a Bayesian linear model for each column of values (You et al., ICML 2021).

    The precisions of weights and noise are iterated to their maximum of the evidence, Algorithm 3 there. Features are
    used as they are, without an intercept.

    Args:
        features: (n, p).
        values: (n, q), one-hot rows or numbers. A column of zeros, as of a class without a sample, has no evidence to
            maximise and is left out.
    """
    rows, targets = finite_array("features", features, 2), finite_array("values", values, 2)
    targets = targets[:, targets.any(axis=0)]
    count, columns = rows.shape
    left, singular, _ = linalg.svd(rows, full_matrices=False, check_finite=False)
    kept = singular > _RELATIVE_RANK_TOLERANCE * max(float(singular[0]), 1e-300)
    squares, seen = np.square(singular[kept]), np.square(left[:, kept].T @ targets)
    return float(
        np.mean([_evidence(squares, own, float(whole), count, columns) for own, whole in _pairs(seen, targets)])
    )


def _pairs(seen: FloatArray, targets: FloatArray) -> list[tuple[FloatArray, float]]:
    return list(zip(seen.T, np.square(targets).sum(axis=0), strict=True))


def _evidence(squares: FloatArray, seen: FloatArray, whole: float, count: int, columns: int) -> float:
    """The largest log evidence per sample of one column.

    Args:
        squares: (r,) squared singular values of the features.
        seen: (r,) squared coefficients of the column along the left vectors.
        whole: its squared norm.
        count: n.
        columns: p.
    """
    weight, noise = 1.0, 1.0
    never = max(whole - float(seen.sum()), 0.0)
    for _ in range(_LOGME_ITERATIONS):
        denominators = weight + noise * squares
        freedom = float((noise * squares / denominators).sum())
        length = float((noise**2 * squares * seen / np.square(denominators)).sum())
        residual = float((weight**2 * seen / np.square(denominators)).sum()) + never
        before = weight / noise
        weight, noise = freedom / max(length, 1e-300), (count - freedom) / max(residual, 1e-300)
        if abs(weight / noise - before) <= _LOGME_TOLERANCE * before:
            break
    denominators = weight + noise * squares
    length = float((noise**2 * squares * seen / np.square(denominators)).sum())
    residual = float((weight**2 * seen / np.square(denominators)).sum()) + never
    determinant = float(np.log(denominators).sum()) + (columns - squares.size) * np.log(weight)
    total = columns * np.log(weight) + count * np.log(noise / (2 * np.pi)) - noise * residual - weight * length
    return float(total - determinant) / (2 * count)


def rank_me(features: FloatArray) -> float:
    """RankMe, the exponential of the entropy of the normalised singular values (Garrido et al., ICML 2023, eq. 3)."""
    rows = finite_array("features", features, 2)
    singular = np.sqrt(np.maximum(np.linalg.eigvalsh(rows.T @ rows), 0.0))
    if singular[-1] <= 0:
        raise InputError("features: are all zero; give features that are not")
    shares = singular / singular.sum() + 1e-7
    return float(np.exp(-(shares * np.log(shares)).sum()))


def spectrum_exponent(features: FloatArray) -> float:
    """The exponent of alpha-ReQ: eigenvalues of the covariance fall as i^-alpha (Agrawal et al., NeurIPS 2022).

    By least squares in logarithms over ranks 11 to 100, or up to the rank where that is less; best is 1.

    Raises:
        InputError: fewer than three such directions.
    """
    rows = finite_array("features", features, 2)
    values = np.linalg.eigvalsh(np.cov(rows, rowvar=False))[::-1]
    rank = int(np.count_nonzero(values > 1e-9 * values[0]))
    last = min(_LAST_RANK, rank)
    first = min(_FIRST_RANK, max(1, last - 2))
    if last - first < 2:
        raise InputError(f"features: vary in {rank} directions; give at least three")
    ranks = np.arange(first, last + 1)
    return -float(np.polyfit(np.log(ranks), np.log(values[first - 1 : last]), 1)[0])


def class_separation(features: FloatArray, labels: IntArray) -> float:
    """1 - mean cosine distance within classes over that among all pairs (Kornblith et al., NeurIPS 2021, eq. 11).

    Classes have the same weight, whatever their sizes.

    Args:
        features: (n, p); rows of zeros count as orthogonal to all.
        labels: (n,) integers from 0 on, every class present.
    """
    rows = finite_array("features", features, 2)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(norms > 0, norms, 1.0)
    means = np.stack([unit[labels == own].mean(axis=0) for own in range(int(labels.max()) + 1)])
    # The mean cosine of pairs drawn from two classes is the product of their mean directions.
    cosines = means @ means.T
    within, between = 1 - float(np.diag(cosines).mean()), 1 - float(cosines.mean())
    return 1 - within / between if between > 0 else 0.0
