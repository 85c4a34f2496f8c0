"""Shrinkage of a covariance towards a multiple of the identity, from moments alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from theory import Moments

#: Above this many directions per sample, moments are shrunk before boundaries are predicted from them.
SHRUNK_ABOVE = 0.1


def shrinkage_intensity(moments: Moments) -> float:
    """Weight, 0 to 1, of the identity in the oracle approximating shrinkage of Gaussian samples (OAS).

    With p directions, n samples and S normalised by n, equation 23 of Chen, Wiesel, Eldar & Hero 2010, "Shrinkage
    algorithms for MMSE covariance estimation", in the form that scikit-learn implements,

        min(1, [tr S^2 / p^2 + mu^2] / [(n + 1) (tr S^2 / p^2 - mu^2 / p)]),    mu = tr S / p.

    Unlike that of Ledoit & Wolf it needs no fourth moments of the samples.
    """
    dimension = moments.mean.size
    square = float(np.square(moments.covariance).sum()) / dimension**2
    level = moments.total_variance / dimension
    spread = (moments.count + 1) * (square - level**2 / dimension)
    return 1.0 if spread <= 0 else min(1.0, (square + level**2) / spread)


def shrunk(moments: Moments, intensity: float) -> Moments:
    """The moments with the covariance (1 - intensity) S + intensity tr S / p, and the same means."""
    dimension = moments.mean.size
    level = moments.total_variance / dimension
    covariance = (1 - intensity) * moments.covariance
    covariance[np.diag_indices(dimension)] += intensity * level
    return replace(moments, covariance=covariance)
