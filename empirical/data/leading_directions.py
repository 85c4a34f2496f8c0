"""Coordinates along the leading principal directions, for inputs too wide for a covariance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.utils.extmath import randomized_svd

from theory import InputError
from theory.data.memory_limit import array_bytes, check_memory
from theory.validation import FloatArray

#: Samples up to which the matrix of their products is decomposed: 134 MB and some seconds.
LARGEST_PRODUCTS = 4096

#: Entries of the inputs that are held in float64 at once.
_BLOCK = 2**20

#: Matrices of products held at once: itself, what LAPACK overwrites, the eigenvectors.
_MATRICES = 3

#: Power iterations of the randomised decomposition, and directions that it follows beside those wanted.
_ITERATIONS, _BESIDE = 6, 20


def leading_coordinates(inputs: NDArray[np.float32], count: int) -> tuple[FloatArray, float]:
    """Inputs in the coordinates of their leading principal directions, without their covariance.

    Exact for at most ``LARGEST_PRODUCTS`` samples in as many directions or more: the matrix of the samples' products
    has the eigenvalues of the covariance, and its eigenvectors are the coordinates. Otherwise by a randomised singular
    value decomposition (Halko, Martinsson & Tropp 2011, algorithm 4.4), whose seed is fixed.

    Args:
        inputs: (n, d), which need not be centred.
        count: directions, from 1 to the smaller of n - 1 and d.

    Returns:
        (n, count) coordinates with mean zero, the directions in the order of falling variance, and the share of the
        variance that they keep.

    Raises:
        InputError: another count, inputs that are all equal, or sizes that do not fit in memory.
    """
    samples, dimension = inputs.shape
    most = min(samples - 1, dimension)
    if not 1 <= count <= most:
        raise InputError(
            f"directions: {count} is not accepted for {samples} inputs of {dimension} features; give 1 to {most}"
        )
    if samples <= min(dimension, LARGEST_PRODUCTS):
        return _of_products(inputs, count)
    check_memory("directions", array_bytes((samples + count, dimension), 4), "give fewer inputs")
    centred = inputs - inputs.mean(axis=0, dtype=np.float64).astype(np.float32)
    total = float(np.square(centred).sum(dtype=np.float64))
    if total == 0:
        raise _all_equal()
    left, singular, _ = randomized_svd(
        centred, count, n_oversamples=_BESIDE, n_iter=_ITERATIONS, random_state=0, power_iteration_normalizer="QR"
    )
    coordinates = np.asarray(left * singular, dtype=np.float64)
    return coordinates, float(np.square(coordinates).sum()) / total


def _of_products(inputs: NDArray[np.float32], count: int) -> tuple[FloatArray, float]:
    samples, dimension = inputs.shape
    check_memory("directions", _MATRICES * array_bytes((samples, samples)), "give fewer inputs")
    products = np.zeros((samples, samples))
    width = max(1, _BLOCK // samples)
    for start in range(0, dimension, width):
        block = inputs[:, start : start + width].astype(np.float64)
        block -= block.mean(axis=0)
        products += block @ block.T
    total = float(np.trace(products))
    if total == 0:
        raise _all_equal()
    values, vectors = eigh(products, subset_by_index=(samples - count, samples - 1))
    kept = np.maximum(values[::-1], 0.0)
    # LAPACK leaves the sign of an eigenvector open: its largest entry is positive here.
    vectors = vectors[:, ::-1]
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(count)])
    return np.asarray(vectors * signs * np.sqrt(kept)), min(float(kept.sum()) / total, 1.0)


def _all_equal() -> InputError:
    return InputError("inputs: are all equal; give inputs that vary")
