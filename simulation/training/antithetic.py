"""Networks in pairs that start at W(0) and at -W(0).

To first order in W(0) the losses of the two depart from that of a network started at 0 by equal
amounts of opposite sign: the mean over a pair is free of this term, which the mean over
W(0) does not have and which makes the turning points of single networks scatter (theorem T5).
"""

from __future__ import annotations

import numpy as np

from simulation.training.training import initial_weights
from theory import Curve, InputError
from theory.validation import FloatArray


def antithetic_weights(replicas: int, outputs: int, dimension: int, scale: float, seed: int) -> FloatArray:
    """(replica, outputs, dimension) N(0, scale^2) entries, float64; replica 2 i + 1 is minus replica 2 i.

    Pairs are independent and do not depend on the number of replicas.

    Args:
        replicas: number of networks, even.
        outputs: rows of W.
        dimension: columns of W.
        scale: sigma0.
        seed: of the draws.

    Raises:
        InputError: an odd number of replicas; values out of range.
    """
    half = initial_weights(_pairs("replicas", replicas), outputs, dimension, scale, seed)
    return np.stack([half, -half], axis=1).reshape(replicas, outputs, dimension)


def pair_means(curve: Curve) -> Curve:
    """(replica / 2, T) mean curve of each pair of neighbours 2 i, 2 i + 1.

    Pairs are independent where the networks of a pair are not, so that a bootstrap over the rows of
    this curve states the error of the mean.

    Raises:
        InputError: an odd number of replicas.
    """
    pairs = curve.losses.reshape(_pairs("curve", curve.replicas), 2, -1)
    return Curve(curve.times, pairs.mean(axis=1))


def _pairs(name: str, replicas: int) -> int:
    if replicas < 2 or replicas % 2:
        raise InputError(f"{name}: {replicas} replicas are not accepted; give an even number, at least 2")
    return replicas // 2
