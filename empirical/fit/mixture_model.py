"""The data model in all directions from Gaussians that were fitted in the leading directions.

With u the leading coordinates of an input and v all of them, a class is assumed to be a mixture in u, and v given u to
be Gaussian with the regression L of v on u and the remainder N of the whole class. A component c then has

    mu_c = mu_k + (m_c - m_k) L,    Sigma_c = N + L^T A_c L

with m_c and A_c its mean and covariance in u. So it differs from its class in the leading directions alone, adds q
(q + 3) / 2 + 1 parameters to those of its class, and the gain in held-out likelihood in u is that in all directions, as
the density of v given u is the same for one Gaussian and for many.

The components' moments are those of the samples, weighted by their probability to belong to a component, and shrunk
towards the mean of the class's components by as much as the fit. Both leave the moments of the class as they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from empirical.fit.class_division import ClassDivision
from theory import ComponentCovariances, InputError, MixtureModel
from theory.data.memory_limit import array_bytes, check_memory
from theory.validation import FloatArray, class_labels, finite_array

#: A component below this share of its class is left out: it has no sample of its own.
_SMALLEST_SHARE = 1e-6

#: Sets of covariances of all classes held at once: in the coordinates of the inputs, in the eigenbasis, and the sum.
_COPIES = 3


def mixture_model(fit: ClassDivision, inputs: ArrayLike, labels: ArrayLike) -> MixtureModel:
    """The data model of samples with a Gaussian for each part of their classes.

    Args:
        fit: parts of each class in the leading directions, found in these samples or in others of the same kind.
        inputs: (n, D) samples.
        labels: (n,) classes 0 to K - 1, each with at least one sample.

    Raises:
        InputError: NaN, infinity, mismatched shapes, an empty class, or covariances that do not fit in the memory.
    """
    rows = finite_array("inputs", inputs, 2)
    classes, dimension = fit.frequencies.size, fit.centre.size
    if rows.shape[1] != dimension:
        raise InputError(f"inputs: has shape {rows.shape}; give {dimension} columns, as the fit has")
    known = class_labels("labels", labels, rows.shape[0], classes)
    if np.bincount(known, minlength=classes).min() == 0:
        raise InputError(f"labels: class {np.bincount(known, minlength=classes).argmin()} is empty; give one of each")
    needed = _COPIES * array_bytes((classes, dimension, dimension))
    check_memory(f"inputs: covariances of {classes} classes", needed, "give inputs of fewer features")
    remainders = np.empty((classes, dimension, dimension))
    frequencies, means, factors, owners = [], [], [], []
    for label in range(classes):
        own = rows[known == label]
        leading = fit.leading(own)
        regression, remainders[label] = _regression(own, leading)
        belongs = fit.belongs(label, leading)
        shares = belongs.mean(axis=0)
        kept = shares > _SMALLEST_SHARE
        belongs = belongs[:, kept] / belongs[:, kept].sum(axis=1, keepdims=True)
        moments = _leading_moments(leading, belongs, fit.shrinkage(label))
        for share, mean, root in zip(*moments, strict=True):
            owners.append(label)
            frequencies.append(share * len(own) / len(rows))
            means.append(own.mean(axis=0) + (mean - leading.mean(axis=0)) @ regression)
            factors.append(root @ regression)
    owner = np.array(owners)
    covariances = ComponentCovariances(remainders, owner, np.ones(owner.size), tuple(factors))
    return MixtureModel.from_components(np.array(frequencies), owner, np.stack(means), covariances)


def _regression(own: FloatArray, leading: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Regression (q, D) of the samples (n, D) of a class on their leading coordinates (n, q), and what it leaves.

    The remainder (D, D) is normalised by n. Directions of u in which the class does not vary explain nothing.
    """
    centred, inside = own - own.mean(axis=0), leading - leading.mean(axis=0)
    regression = np.linalg.lstsq(inside, centred, rcond=None)[0]
    left = centred - inside @ regression
    return np.asarray(regression, dtype=np.float64), np.asarray(left.T @ left / len(own), dtype=np.float64)


def _leading_moments(
    leading: FloatArray, belongs: FloatArray, shrinkage: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Moments of the components of a class in its leading coordinates.

    Args:
        leading: (n, q).
        belongs: (n, m) probability that a sample belongs to a component; rows sum to 1.
        shrinkage: weight, 0 to 1, of the mean of the components' covariances.

    Returns:
        shares (m,), means (m, q), and roots (m, q, q) with R^T R the covariance.
    """
    counts = belongs.sum(axis=0)
    shares = counts / len(leading)
    means = (belongs.T @ leading) / counts[:, None]
    own = []
    for column, mean in zip(belongs.T, means, strict=True):
        centred = np.sqrt(column)[:, None] * (leading - mean)
        own.append(centred.T @ centred / column.sum())
    covariances = np.stack(own)
    covariances = (1 - shrinkage) * covariances + shrinkage * np.tensordot(shares, covariances, axes=1)
    values, vectors = np.linalg.eigh(covariances)
    roots = np.sqrt(np.maximum(values, 0.0))[:, :, None] * np.swapaxes(vectors, 1, 2)
    return shares, np.asarray(means, dtype=np.float64), np.asarray(roots, dtype=np.float64)
