"""Moments of classes of samples, corrected for what sampling noise adds to them; for A1 to A8 on samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.validation import FloatArray


@dataclass(frozen=True, eq=False)
class DebiasedMoments:
    """Moments of one set of samples in the eigenbasis.

    Attributes:
        counts: (K,) samples of each class.
        means: (K, d) class means.
        within: (K, d) unbiased variances within each class; zero for a class of one sample.
        variances: (d,) variances along the eigenvectors.
        fourth: mean of |x|^4.
    """

    counts: FloatArray
    means: FloatArray
    within: FloatArray
    variances: FloatArray
    fourth: float

    @classmethod
    def from_sums(cls, counts: FloatArray, sums: FloatArray, squares: FloatArray, fourth: float) -> DebiasedMoments:
        """From counts (K,), sums of x and of x^2 by class (K, d), and the sum of |x|^4.

        Args:
            counts: (K,) samples of each class.
            sums: (K, d) sums of x by class.
            squares: (K, d) sums of x^2 by class.
            fourth: sum of |x|^4.
        """
        means = sums / counts[:, None]
        within = (squares - counts[:, None] * means**2) / np.maximum(counts - 1, 1)[:, None]
        total = counts.sum()
        variances = squares.sum(axis=0) / total - np.square(sums.sum(axis=0) / total)
        return cls(counts, means, np.maximum(within, 0.0), variances, fourth / total)

    @property
    def centring(self) -> FloatArray:
        """(K, K) diag(pi) - pi pi^T, which makes the prototypes out of the class means."""
        shares = self.counts / self.counts.sum()
        return np.asarray(np.diag(shares) - np.outer(shares, shares), dtype=np.float64)

    def gram(self, rows: FloatArray, weights: FloatArray) -> FloatArray:
        """(outputs, outputs) M diag(weights) M^T, debiased.

        Args:
            rows: (outputs, K) matrix T with M = T means.
            weights: (d,).
        """
        noise = (self.within @ weights) / self.counts
        return np.asarray(rows @ ((self.means * weights) @ self.means.T - np.diag(noise)) @ rows.T, dtype=np.float64)

    def profile(self) -> FloatArray:
        """(d,) squared prototype coordinates, summed over classes, debiased; may be negative."""
        centred = self.centring
        noise = np.square(centred) @ (self.within / self.counts[:, None])
        return np.asarray(np.sum(np.square(centred @ self.means) - noise, axis=0), dtype=np.float64)
