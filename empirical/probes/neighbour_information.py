"""Mutual information from distances to nearest neighbours (Kraskov, Stoegbauer & Grassberger 2004; Ross 2014).

These estimates measure, without bins, how far a few leading directions of a layer's output depend on a few leading
directions of the input, or on the label. They cannot measure the mutual information of a deterministic network's
input and whole output, which is infinite: no estimate from n samples exceeds about log n, and in many dimensions
neighbours are far away and dependence is missed. Project first (``leading_directions``), state how many directions, and
compare layers and checkpoints at the same number. Information is in nats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, stats
from scipy.spatial import cKDTree
from scipy.special import digamma

from theory import InputError
from theory.validation import FloatArray, IntArray, at_least, finite_array, labels_from_zero


@dataclass(frozen=True, eq=False)
class LeadingDirections:
    """Samples in their directions of largest variance.

    Attributes:
        values: (n, directions) coordinates, centred.
        variance_share: part of the total variance that they hold, 0 to 1.
    """

    values: FloatArray
    variance_share: float


def leading_directions(samples: FloatArray, directions: int) -> LeadingDirections:
    """Principal components of ``samples`` (n, p), the largest ``directions`` of them.

    Raises:
        InputError: NaN, infinity, fewer than two samples, samples that do not vary, or more directions than there are.
    """
    rows = finite_array("samples", samples, 2)
    count = at_least("directions", directions, 1)
    if count > min(rows.shape[0] - 1, rows.shape[1]):
        raise InputError(f"directions: {count} is not accepted; give at most {min(rows.shape[0] - 1, rows.shape[1])}")
    centred = rows - rows.mean(axis=0)
    variance = float(np.square(centred).sum())
    if variance <= 0:
        raise InputError("samples: are all equal; give samples that vary")
    # The smaller of the two Gram matrices has the same eigenvalues, at the price of the smaller side.
    columns = rows.shape[1]
    if columns <= rows.shape[0]:
        largest = (columns - count, columns - 1)
        values, vectors = linalg.eigh(centred.T @ centred, subset_by_index=largest)
        scores = centred @ vectors
    else:
        largest = (rows.shape[0] - count, rows.shape[0] - 1)
        values, vectors = linalg.eigh(centred @ centred.T, subset_by_index=largest)
        scores = vectors * np.sqrt(np.maximum(values, 0.0))
    return LeadingDirections(scores[:, ::-1].copy(), float(values.sum()) / variance)


def uniform_ranks(values: FloatArray) -> FloatArray:
    """(n, a) ranks of each coordinate, in 0 to 1; equal values share their mean rank.

    Information does not depend on strictly increasing maps of single coordinates, but estimates do a little, and
    much where values are spread over orders of magnitude. From ranks they do not at all.

    Raises:
        InputError: NaN or infinity.
    """
    samples = finite_array("values", values, 2)
    return np.asarray((stats.rankdata(samples, axis=0) - 0.5) / samples.shape[0], dtype=np.float64)


def neighbour_information(first: FloatArray, second: FloatArray, neighbours: int = 3) -> float:
    """I(first; second) of two continuous variables: the first estimator of Kraskov et al. 2004, in nats.

    psi(k) + psi(n) - <psi(m + 1) + psi(l + 1)>, with m and l the numbers of samples nearer in one variable than the
    k-th neighbour is in both, by the largest difference of a coordinate. Where k or more samples coincide with one,
    as at the zeros of ReLU, all that do replace the k nearest (Gao et al. 2017).

    Args:
        first: (n, a).
        second: (n, b).
        neighbours: k, at least 1 and below n; small ones have the smaller bias, large ones the smaller scatter.

    Returns:
        The estimate; scatter may make it negative where there is no dependence.

    Raises:
        InputError: NaN, infinity, shapes that do not fit or a number out of range.
    """
    left, right = _scaled("first", first), _scaled("second", second)
    count = left.shape[0]
    if right.shape[0] != count:
        raise InputError(f"second: has {right.shape[0]} rows; give {count} as in first")
    chosen = _neighbours(neighbours, count)
    joint = np.concatenate([left, right], axis=1)
    tree = cKDTree(joint)
    distance = tree.query(joint, chosen + 1, p=np.inf)[0][:, -1]
    # Of the k nearest, samples at the distance itself do not count as nearer; coinciding ones all do.
    nearer = np.nextafter(distance, 0)
    tied = np.flatnonzero(distance == 0)
    near = np.full(count, float(chosen))
    near[tied] = tree.query_ball_point(joint[tied], 0.0, p=np.inf, return_length=True) if tied.size else 0.0
    marginal = [cKDTree(part).query_ball_point(part, nearer, p=np.inf, return_length=True) for part in (left, right)]
    # Counts include the sample itself: they are m + 1 and l + 1.
    return float(digamma(count) + np.mean(digamma(near) - digamma(marginal[0]) - digamma(marginal[1])))


def label_information(values: FloatArray, labels: IntArray, neighbours: int = 3) -> float:
    """I(values; label) of a continuous and a discrete variable: the estimator of Ross 2014, in nats.

    psi(n) + <psi(k) - psi(n_y) - psi(m)>, with n_y the size of the sample's class and m the number of all samples
    nearer than its k-th neighbour in the class. Classes of k samples or fewer use all they have; samples that are
    alone in their class are left out. Coinciding samples as above.

    Args:
        values: (n, a).
        labels: (n,) integers from 0 on.
        neighbours: k, at least 1 and below n.

    Raises:
        InputError: NaN, infinity, shapes that do not fit, no class of two samples, or a number out of range.
    """
    scaled = _scaled("values", values)
    known = labels_from_zero("labels", labels, scaled.shape[0])
    sizes = np.bincount(known)
    used = sizes[known] > 1
    if not used.any():
        raise InputError("labels: no class has two samples; give more samples or fewer classes")
    samples, kept = scaled[used], known[used]
    chosen = _neighbours(neighbours, scaled.shape[0])
    near, distance = np.empty(kept.size), np.empty(kept.size)
    for one in np.unique(kept):
        members = np.flatnonzero(kept == one)
        tree = cKDTree(samples[members])
        order = min(chosen, members.size - 1)
        distance[members] = tree.query(samples[members], order + 1, p=np.inf)[0][:, -1]
        near[members] = order
        tied = members[distance[members] == 0]
        if tied.size:
            near[tied] = tree.query_ball_point(samples[tied], 0.0, p=np.inf, return_length=True)
    around = cKDTree(samples).query_ball_point(samples, np.nextafter(distance, 0), p=np.inf, return_length=True)
    return float(digamma(kept.size) + np.mean(digamma(near) - digamma(sizes[kept]) - digamma(around)))


def _scaled(name: str, value: FloatArray) -> FloatArray:
    """(n, a) at a unit standard deviation of the whole, which leaves the shape of the cloud as it is.

    Distances in two variables are compared with each other, so that their units must not decide.
    """
    samples = finite_array(name, value, 2)
    centred = samples - samples.mean(axis=0)
    scale = float(np.sqrt(np.square(centred).sum() / samples.size))
    return np.asarray(centred / scale if scale > 0 else centred, dtype=np.float64)


def _neighbours(value: int, count: int) -> int:
    if at_least("neighbours", value, 1) >= count:
        raise InputError(f"neighbours: {value} is not accepted; give fewer than the {count} samples")
    return int(value)
