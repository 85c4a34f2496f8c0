"""What an output that learns nothing explains in addition to those that learn, on average over W(0).

Let the learnt outputs span the directions V of the probe's inputs, with O the projector on what they leave, S = B B^T
for the target's signal B, and N = F^T D F the covariance of an output of which the share D^(1/2) of W(0) is left. The
output adds |B^T O e|^2 / |O e|^2 with e ~ N(0, N), of which the annealed average is tr(O S O N) / tr(O N): its error is
of the order of the inverse effective rank.
"""

from __future__ import annotations

import numpy as np

from theory.curves.reconstruction import ROUNDING
from theory.data.target import Target
from theory.validation import FloatArray


def left_beside(target: Target, directions: FloatArray, remaining: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Tr(O N) and tr(O S O N), N = F^T D F, in units in which the first eigenvalue and the target's variance are 1.

    Args:
        target: holds F and B.
        directions: (..., r, p) orthonormal rows that span V; rows of zeros do not count.
        remaining: (..., d) diagonal of D.

    Returns:
        variance: (...) and shared: (...). O is not formed.
    """
    image = target.through_root(remaining[..., None, :] * target.back_through_root(directions))  # V N
    seen = target.along_signal(directions) / target.variance  # V S
    back = np.swapaxes(directions, -1, -2)
    covariance, crossed = target.unit_covariance, target.unit_cross_covariance
    variances = covariance if covariance.ndim == 1 else np.diagonal(covariance)
    # As F B = T, the traces of N and of S N are those of D with the diagonals of F F^T and T T^T.
    signals = np.square(crossed) if crossed.ndim == 1 else np.square(crossed).sum(axis=1)
    variance = remaining @ variances - np.sum(image * directions, axis=(-1, -2))
    among = np.sum((seen @ back) * (image @ back), axis=(-1, -2))
    shared = remaining @ signals - 2 * np.sum(seen * image, axis=(-1, -2)) + among
    return np.asarray(variance, dtype=np.float64), np.asarray(shared, dtype=np.float64)


def idle_share(target: Target, directions: FloatArray, remaining: FloatArray) -> FloatArray:
    """(...) tr(O S O N) / tr(O N) / tr Var(y), 0 where the learnt outputs leave nothing.

    Args:
        target: holds F and B.
        directions: (..., r, p) orthonormal rows that span V; rows of zeros do not count.
        remaining: (..., d) diagonal of D.
    """
    variance, shared = left_beside(target, directions, remaining)
    whole = left_beside(target, np.zeros_like(directions), remaining)[0]
    some = variance > ROUNDING * whole
    return np.asarray(np.where(some, shared / np.where(some, variance, 1.0), 0.0), dtype=np.float64)
