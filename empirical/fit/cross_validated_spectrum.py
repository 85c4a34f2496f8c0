"""Spectrum and signal along the principal directions of one half of the data, measured on the other half.

With v_i and l_i the eigenvectors and eigenvalues of the covariance of n fitting samples, and h_i the
variance of held-out samples along v_i, first-order perturbation theory for Gaussian samples (Lawley 1956,
Biometrika 43, 128) gives

    E l_i = lambda_i (1 + e_i),    E h_i = lambda_i (1 - e_i),    e_i = (1/n) sum_j lambda_j / (lambda_i - lambda_j):

the fitted eigenvalues count sampling noise as variance at the head and lack it in the tail; the held-out variances,
free of that, belong to directions that mix neighbours. Their geometric mean is free of both to this order. Likewise
the product of fitted and held-out prototype coordinates is free of the noise that a square would add.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory import InputError, Moments
from theory.data.data_model import RELATIVE_RANK_TOLERANCE
from theory.validation import FloatArray

#: Ranks count as resolved while the fitted and the held-out variance differ by less than this factor; beyond
#: it the expansion in e_i that the geometric mean rests on does not hold.
LARGEST_DISAGREEMENT = 2.0


@dataclass(frozen=True, eq=False)
class CrossValidatedSpectrum:
    """Variance and signal along the r principal directions of the fitting samples.

    Attributes:
        fitted: (r,) eigenvalues l_i of the fitting samples' covariance, descending, with n - 1.
        held_out: (r,) variances h_i of the held-out samples along the same directions, with n - 1.
        signal: (r,) sum over classes of fitted times held-out prototype coordinates; may be negative.
        fitting_count: number of fitting samples.
        held_out_count: number of held-out samples.
        frequencies: (K,) class frequencies of the fitting samples.
        basis: (D, r) the directions as columns.
    """

    fitted: FloatArray
    held_out: FloatArray
    signal: FloatArray
    fitting_count: int
    held_out_count: int
    frequencies: FloatArray
    basis: FloatArray

    @property
    def rank(self) -> int:
        """Number r of directions in which the fitting samples vary."""
        return int(self.fitted.size)

    @property
    def eigenvalues(self) -> FloatArray:
        """(r,) geometric means of fitted and held-out variances, which estimate lambda_i; not always descending."""
        return np.asarray(np.sqrt(self.fitted * np.maximum(self.held_out, 0.0)), dtype=np.float64)

    @property
    def relative_error(self) -> float:
        """Standard error of the logarithm of one of ``eigenvalues``, for Gaussian samples."""
        return float(np.sqrt((1 / self.fitting_count + 1 / self.held_out_count) / 2))

    @property
    def resolved(self) -> int:
        """Number of leading ranks whose eigenvalues are distinguished from noise.

        They end where fitted and held-out variances, each averaged over the last tenth of the ranks so far, disagree
        by ``LARGEST_DISAGREEMENT``. (A held-out variance is many times its own standard error, sqrt(2/n) of itself,
        at every rank: what passes for a tail is the fit's noise, and it shows in this comparison.)
        """
        fitted, held_out = _smoothed(self.fitted), _smoothed(self.held_out)
        smaller, larger = np.minimum(fitted, held_out), np.maximum(fitted, held_out)
        failed = np.flatnonzero(larger >= LARGEST_DISAGREEMENT * smaller)
        return int(failed[0]) if failed.size else self.rank

    def signal_variance(self, expected: FloatArray) -> FloatArray:
        """(..., r) variances of ``signal`` for Gaussian samples where its expectation is ``expected`` (..., r).

        Rows (1/n) sum (1[y = k] - pi_k) x have the covariance lambda (diag pi - pi pi^T) / n over the classes; the
        signal is taken to be spread over these as the noise is.
        """
        between = np.diag(self.frequencies) - np.outer(self.frequencies, self.frequencies)
        variances = np.maximum(self.held_out, 0.0)
        own, other = self.fitting_count, self.held_out_count
        share = np.trace(between) / (self.frequencies.size - 1)
        crossed = np.maximum(expected, 0.0) * variances * (share * (1 / own + 1 / other))
        return np.asarray(crossed + np.square(variances) * (np.square(between).sum() / (own * other)))


def cross_validated_spectrum(fitting: Moments, held_out: Moments) -> CrossValidatedSpectrum:
    """Eigenvectors from ``fitting``, variances and prototypes along them from both.

    Directions with an eigenvalue below RELATIVE_RANK_TOLERANCE times the largest are dropped.

    Raises:
        InputError: moments of unequal shape, of fewer than two inputs, an empty class, or inputs that do not vary.
    """
    if fitting.class_means.shape != held_out.class_means.shape:
        raise InputError(
            f"held_out: has (classes, dimension) {held_out.class_means.shape}; give {fitting.class_means.shape}"
        )
    for name, moments in (("fitting", fitting), ("held_out", held_out)):
        if moments.class_counts.min() == 0 or moments.count < 2:
            empty = int(np.argmin(moments.class_counts))
            raise InputError(f"{name}: class {empty} is empty; give at least one input of each class")
    eigenvalues, basis = np.linalg.eigh(fitting.covariance)
    kept = np.flatnonzero(eigenvalues > max(RELATIVE_RANK_TOLERANCE * eigenvalues[-1], 0.0))[::-1]
    if kept.size == 0:
        raise InputError("fitting: all inputs are equal; give inputs that vary")
    directions = np.ascontiguousarray(basis[:, kept])
    own, other = fitting.count, held_out.count
    variances = np.einsum("ij,ij->j", directions, held_out.covariance @ directions) * (other / (other - 1))
    products = (fitting.prototypes @ directions) * (held_out.prototypes @ directions)
    return CrossValidatedSpectrum(
        fitted=eigenvalues[kept] * (own / (own - 1)),
        held_out=variances,
        signal=products.sum(axis=0),
        fitting_count=own,
        held_out_count=other,
        frequencies=fitting.frequencies,
        basis=directions,
    )


def _smoothed(values: FloatArray) -> FloatArray:
    """(r,) means over the last tenth of the ranks up to each one, at least the rank itself."""
    ranks = np.arange(1, values.size + 1)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first = np.floor(0.9 * ranks).astype(np.int64)
    return np.asarray((sums[ranks] - sums[first]) / (ranks - first), dtype=np.float64)
