"""The exponent alpha of a power-law spectrum lambda_i = A i^-alpha, over a range of ranks.

Bins hold mean logarithms, in which a power law is a straight line for any bins; a line is fitted by least squares
with the weights 1 / (TOLERANCE^2 + e^4 + f^2 + sampling variance). There 2 e is the log ratio of the fitted and the
held-out variance, whose geometric mean is right to the first order in e, and f is NEGLIGIBLE times the mean variance
of a direction in units of the bin's: where the fit follows noise, and where the variance is negligible (the edge of an
image), the weight fades, and no rank has to be chosen at which the tail ends. ``spectrum_range`` finds the straightest
range; the choice jumps from one sample to another, so that no interval is computed over it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from empirical.fit.cross_validated_spectrum import CrossValidatedSpectrum
from empirical.fit.rank_bins import TOLERANCE, best_range, candidate_ranges, rank_bins
from theory.validation import FloatArray

#: A direction with less than this share of the mean direction's variance is negligible.
NEGLIGIBLE = 0.01

#: Logarithms that vary by less are equal but for rounding; a flat law then explains all there is.
SMALLEST_SPREAD = 1e-20


@dataclass(frozen=True)
class RankedPowerLaw:
    """A power law amplitude * rank^-exponent over a range of ranks.

    Attributes:
        exponent: alpha or beta.
        amplitude: value at rank 1, extrapolated where the range begins later.
        first: first rank of the range, from 1 on.
        last: last rank of the range.
        determination: R^2, share of the variance of the logarithms of the bins that the law explains; bins of a
            signal that are not positive are left out.
        deviation: root mean square of the bins' residuals in units of their tolerated deviations.
    """

    exponent: float
    amplitude: float
    first: int
    last: int
    determination: float
    deviation: float

    def values(self, count: int) -> FloatArray:
        """(count,) the law at the ranks 1 .. count, extended beyond its range."""
        ranks = np.arange(1, count + 1, dtype=np.float64)
        return np.asarray(self.amplitude * ranks**-self.exponent, dtype=np.float64)


def spectrum_range(spectrum: CrossValidatedSpectrum) -> tuple[int, int] | None:
    """First and last rank, from 1 on, of the range that the rule chooses; None where no range is long enough."""
    bins = rank_bins(spectrum.rank)
    masks = candidate_ranges(bins, spectrum.resolved)
    if masks.shape[0] == 0:
        return None
    logs, values, tolerated = _binned(spectrum)
    slopes, offsets = _lines(masks / tolerated**2, logs, values)
    residuals = (values - offsets[:, None] - slopes[:, None] * logs) / tolerated
    chosen = np.flatnonzero(masks[best_range(masks, residuals**2)])
    return int(bins.starts[chosen[0]]) + 1, bins.last_rank(int(chosen[-1]))


def fit_spectrum(spectrum: CrossValidatedSpectrum, first: int, last: int) -> RankedPowerLaw:
    """The power law fitted to the eigenvalues in the bins within a range of ranks.

    Args:
        spectrum: measured eigenvalues.
        first: smallest rank, counted from 1.
        last: largest rank, included.
    """
    logs, values, tolerated = _binned(spectrum)
    inside = rank_bins(spectrum.rank).within(first, last)
    slopes, offsets = _lines((inside / tolerated**2)[None], logs, values)
    slope, offset = float(slopes[0]), float(offsets[0])
    kept = inside > 0
    residuals = (values - offset - slope * logs)[kept]
    spread = float(np.var(values[kept]))
    return RankedPowerLaw(
        exponent=-slope,
        amplitude=float(np.exp(offset)),
        first=first,
        last=last,
        determination=1 - float(np.mean(residuals**2)) / spread if spread > SMALLEST_SPREAD else 1.0,
        deviation=float(np.sqrt(np.mean((residuals / tolerated[kept]) ** 2))),
    )


def _binned(spectrum: CrossValidatedSpectrum) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean log ranks, mean log eigenvalues and tolerated deviations of the bins, each (B,)."""
    bins = rank_bins(spectrum.rank)
    floor = np.finfo(np.float64).tiny
    values = bins.means(np.log(np.maximum(spectrum.eigenvalues, floor)))
    fitted, held_out = (np.log(np.maximum(bins.means(one), floor)) for one in (spectrum.fitted, spectrum.held_out))
    disagreement = (fitted - held_out) / 2
    negligible = NEGLIGIBLE * float(spectrum.held_out.mean()) * np.exp(-np.minimum(values, np.log(1 / floor) / 2))
    sampling = spectrum.relative_error**2 / bins.sizes
    # Capped, so that squares of what is nearly zero do not overflow.
    tolerated = np.sqrt(TOLERANCE**2 + disagreement**4 + np.minimum(negligible, 1e6) ** 2 + sampling)
    return bins.means(np.log(bins.ranks)), values, tolerated


def _lines(weights: FloatArray, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slopes and offsets (C,) of the lines through y (B,) against x (B,) with weights (C, B)."""
    total = weights.sum(axis=1)
    centre_x, centre_y = weights @ x / total, weights @ y / total
    distance = x - centre_x[:, None]
    slopes = np.sum(weights * distance * y, axis=1) / np.sum(weights * distance**2, axis=1)
    return np.asarray(slopes), np.asarray(centre_y - slopes * centre_x)
