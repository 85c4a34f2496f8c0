"""Moments of classes of samples, corrected for sampling noise; see ``theory.sampled_assumptions``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.curves.losses import Loss
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

    def rows(self, loss: Loss) -> FloatArray:
        """(outputs, K) matrix T with signal = T means."""
        shares = self.counts / self.counts.sum()
        return loss.signal(np.diag(shares) - np.outer(shares, shares))

    def gram(self, loss: Loss, weights: FloatArray) -> FloatArray:
        """(outputs, outputs) M diag(weights) M^T, debiased."""
        noise = (self.within @ weights) / self.counts
        rows = self.rows(loss)
        return np.asarray(rows @ ((self.means * weights) @ self.means.T - np.diag(noise)) @ rows.T, dtype=np.float64)

    def profile(self) -> FloatArray:
        """(d,) squared prototype coordinates, summed over classes, debiased; may be negative."""
        shares = self.counts / self.counts.sum()
        centred = np.diag(shares) - np.outer(shares, shares)
        noise = np.square(centred) @ (self.within / self.counts[:, None])
        return np.asarray(np.sum(np.square(centred @ self.means) - noise, axis=0), dtype=np.float64)
