"""The alignment of a task of transfer with the task that is trained on.

The best linear predictor of a task's one-hot labels explains a part of the labels' variance: the task's linear signal.
A network trained on a source task first learns to distinguish the source's classes. The alignment is the share of the
target's signal that is left when the inputs are read only through the best linear predictors of the source's classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from empirical.data.images import ImageSplit, Normalisation
from empirical.probes.probe_tasks import ProbeTask
from theory import InputError, Moments
from theory.validation import FloatArray

#: Pixels on each side of the averaged images that alignment is measured on: few directions, which thousands of samples
#: determine well, and which hold most of the variance of natural images.
SIDE = 8

# Eigenvalues below this share of the largest one count as zero.
_RELATIVE_RANK_TOLERANCE = 1e-10


def task_alignment(source: ProbeTask, target: ProbeTask, normalisation: Normalisation) -> float:
    """The alignment of two tasks on images, averaged to at most SIDE x SIDE pixels.

    Args:
        source: what a network is trained on.
        target: what it is to transfer to.
        normalisation: of the images of both.

    Returns:
        Between 0 (nothing of the target's linear signal is left) and 1 (all of it).

    Raises:
        InputError: images of different shapes, or a target without linear signal.
    """
    return moments_alignment(*(_moments(task, normalisation) for task in (source, target)))


def alignments(tasks: Sequence[ProbeTask], normalisation: Normalisation) -> dict[str, float]:
    """The alignment of the first task, which is trained on, with each of the others, by name."""
    source, *targets = tasks
    return {target.name: task_alignment(source, target, normalisation) for target in targets}


def moments_alignment(source: Moments, target: Moments) -> float:
    """The alignment of two tasks with these moments.

    With Sigma the target's total covariance, M its prototypes and B = M_s Sigma_s^+ the best linear predictors of the
    source's labels up to their scale: tr[M B^T (B Sigma B^T)^+ B M^T] / tr[M Sigma^+ M^T]. Rank is decided at 1e-10 of
    the largest eigenvalue.

    Raises:
        InputError: different dimensions, or a target whose classes have equal means.
    """
    if source.mean.shape != target.mean.shape:
        raise InputError(f"target: has dimension {target.mean.size}; give {source.mean.size}, as the source")
    whitening = _whitening(target.covariance)
    signal = whitening.T @ target.prototypes.T
    total = float(np.square(signal).sum())
    # Means that differ by rounding alone: their signal is that of the squared relative rounding error.
    if total <= np.finfo(np.float64).eps:
        raise InputError("target: has classes with equal means; give a task with a linear signal")
    source_whitening = _whitening(source.covariance)
    predictors = source_whitening @ (source_whitening.T @ source.prototypes.T)
    seen = whitening.T @ (target.covariance @ predictors)
    left, values, _ = np.linalg.svd(seen, full_matrices=False)
    directions = left[:, values > np.sqrt(_RELATIVE_RANK_TOLERANCE) * values[0]]
    return float(np.square(directions.T @ signal).sum() / total)


def _whitening(covariance: FloatArray) -> FloatArray:
    """(d, r) matrix A with A^T Sigma A = I and A A^T = Sigma^+."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > _RELATIVE_RANK_TOLERANCE * values[-1]
    return np.asarray(vectors[:, kept] / np.sqrt(values[kept]), dtype=np.float64)


def _moments(task: ProbeTask, normalisation: Normalisation) -> Moments:
    return Moments.from_samples(_averaged(task.train, normalisation), task.train.labels, task.classes)


def _averaged(split: ImageSplit, normalisation: Normalisation) -> FloatArray:
    """(n, channels * side^2) normalised images, averaged over squares of pixels; pixels that fill none are left out."""
    count, channels, height, width = split.images.shape
    edge = max(1, min(height, width) // SIDE)
    rows, columns = height // edge, width // edge
    whole = split.images[:, :, : rows * edge, : columns * edge]
    sums = whole.reshape(count, channels, rows, edge, columns, edge).sum(axis=(3, 5), dtype=np.int64)
    gray = sums / (255 * edge**2)
    scaled = (gray - normalisation.mean[:, None, None]) / normalisation.deviation[:, None, None]
    return np.asarray(scaled.reshape(count, -1), dtype=np.float64)
