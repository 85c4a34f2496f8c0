"""Centres of k-means, as parts of a class start."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from theory.validation import FloatArray


def k_means_centres(samples: FloatArray, parts: int, seed: int) -> FloatArray:
    """(m, q) centres of samples (n, q), the best of three starts; equal ones where fewer samples are distinct."""
    means = KMeans(parts, n_init=3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct samples than parts
        return np.asarray(means.fit(samples).cluster_centers_, dtype=np.float64)
