"""The exponent beta of a power-law signal: squared prototype coordinates, summed over classes, b_i = B i^-beta.

The products of fitted and held-out coordinates that estimate b_i scatter around zero where the signal is
weak, so that no logarithm is taken: bin means are fitted by quasi-likelihood (Fisher scoring) with the
variance

    sampling variance + g^2 [SIGNAL_TOLERANCE^2 + 2 / ((K - 1) m)] + f^2,

g the law's mean over a bin of m ranks, f NEGLIGIBLE times the mean signal of the ranks in question. The second term in
brackets is the scatter of random prototypes of K classes around their profile; f keeps ranks with a negligible
signal (the edge of an image) from bending the law. ``signal_range`` finds the straightest range; the choice jumps
from one sample to another, so that no interval is computed over it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from empirical.fit.cross_validated_spectrum import CrossValidatedSpectrum
from empirical.fit.rank_bins import FEWEST_FIXED_BINS, RankBins, best_range, candidate_ranges, rank_bins
from empirical.fit.spectrum_fit import NEGLIGIBLE, SMALLEST_SPREAD, RankedPowerLaw
from theory.validation import FloatArray

#: Relative deviation from a power law that a bin may have. It is wider than that of a spectrum: the classes of
#: real data differ along a few directions in common, and neighbouring bins go up and down by this much.
SIGNAL_TOLERANCE = 0.3

#: A bin's signal counts as observed where it exceeds this many of its standard errors without a signal.
SMALLEST_RATIO = 2.0

#: Exponents from which the fit is started; the best of them is taken.
_STARTS = np.linspace(-1.0, 5.0, 13)
_ITERATIONS = 100
_ACCURACY = 1e-10


def signal_range(spectrum: CrossValidatedSpectrum) -> tuple[int, int] | None:
    """First and last rank, from 1 on, of the range that the rule chooses.

    It ends at the last bin with a signal beyond noise. None where no range is long enough or no law fits.
    """
    problem = _problem(spectrum, 1, spectrum.rank)
    bins = problem.bins
    noise = np.sqrt(bins.means(spectrum.signal_variance(np.zeros(spectrum.rank))) / bins.sizes)
    seen = np.flatnonzero((problem.signal > SMALLEST_RATIO * noise) & (bins.within(1, spectrum.resolved) > 0))
    masks = candidate_ranges(bins, bins.last_rank(int(seen[-1])) if seen.size else 0)
    if masks.shape[0] == 0:
        return None
    laws = _fit(problem, masks)
    residuals = (problem.signal - laws.means) / np.sqrt(laws.variances)
    best = best_range(masks, residuals**2)
    if not np.isfinite(residuals[best]).all():
        return None
    chosen = np.flatnonzero(masks[best])
    return int(bins.starts[chosen[0]]) + 1, bins.last_rank(int(chosen[-1]))


def is_signal_seen(spectrum: CrossValidatedSpectrum, first: int, last: int) -> bool:
    """Whether at least three bins within a range of ranks hold a signal that exceeds its noise.

    Args:
        spectrum: measured eigenvalues and signal.
        first: smallest rank, counted from 1.
        last: largest rank, included.
    """
    bins = rank_bins(spectrum.rank)
    noise = np.sqrt(bins.means(spectrum.signal_variance(np.zeros(spectrum.rank))) / bins.sizes)
    seen = (bins.means(spectrum.signal) > SMALLEST_RATIO * noise) & (bins.within(first, last) > 0)
    return int(np.count_nonzero(seen)) >= FEWEST_FIXED_BINS


def fit_signal(spectrum: CrossValidatedSpectrum, first: int, last: int) -> RankedPowerLaw | None:
    """The power law fitted to the signal in the bins within a range of ranks; None where none fits.

    Args:
        spectrum: measured eigenvalues and signal.
        first: smallest rank, counted from 1.
        last: largest rank, included.
    """
    problem = _problem(spectrum, first, last)
    inside = problem.bins.within(first, last)
    laws = _fit(problem, inside[None])
    if not np.isfinite(laws.exponents[0]):
        return None
    kept = inside > 0
    weights = 1 / laws.variances[0, kept]
    residuals = (problem.signal - laws.means[0])[kept]
    shown = kept & (problem.signal > 0)
    logs = np.log(problem.signal[shown])
    spread = float(np.var(logs)) if shown.any() else 0.0
    missed = float(np.mean((logs - np.log(laws.means[0, shown])) ** 2)) if shown.any() else 0.0
    return RankedPowerLaw(
        exponent=float(laws.exponents[0]),
        amplitude=float(np.exp(laws.logarithms[0])) * problem.unit,
        first=first,
        last=last,
        determination=1 - missed / spread if spread > SMALLEST_SPREAD else 1.0,
        deviation=float(np.sqrt(np.mean(weights * residuals**2))),
    )


@dataclass(frozen=True, eq=False)
class _Problem:
    """What is fitted: bin means of the signal (B,) in ``unit``s, and what their variances need, f in these units."""

    spectrum: CrossValidatedSpectrum
    bins: RankBins
    signal: FloatArray
    unit: float
    negligible: float


@dataclass(frozen=True, eq=False)
class _Laws:
    """Laws of C candidates: log amplitudes and exponents (C,), means and variances of the bins (C, B)."""

    logarithms: FloatArray
    exponents: FloatArray
    means: FloatArray
    variances: FloatArray


def _problem(spectrum: CrossValidatedSpectrum, first: int, last: int) -> _Problem:
    bins = rank_bins(spectrum.rank)
    means = bins.means(spectrum.signal)
    unit = float(np.abs(means).max()) or 1.0
    scaled = CrossValidatedSpectrum(
        fitted=spectrum.fitted / unit,
        held_out=spectrum.held_out / unit,
        signal=spectrum.signal / unit,
        fitting_count=spectrum.fitting_count,
        held_out_count=spectrum.held_out_count,
        frequencies=spectrum.frequencies,
        basis=spectrum.basis,
    )
    negligible = NEGLIGIBLE * max(float(scaled.signal[first - 1 : last].mean()), 0.0)
    return _Problem(scaled, bins, means / unit, unit, negligible)


def _fit(problem: _Problem, masks: FloatArray) -> _Laws:
    """Fisher scoring for every candidate at once; NaN where it does not converge."""
    logarithms, exponents = _start(problem, masks)
    moved = np.full(masks.shape[0], np.inf)
    for _ in range(_ITERATIONS):
        means, slopes, variances = _moments(problem, logarithms, exponents)
        weights = masks / variances
        step = _solve(weights, means, slopes, problem.signal - means)
        # Steps of more than a factor of e in the amplitude lead away from the root.
        step = np.clip(step, -1.0, 1.0)
        logarithms, exponents = logarithms + step[0], exponents + step[1]
        moved = np.abs(step).max(axis=0)
        if np.all(moved < _ACCURACY):
            break
    settled = np.isfinite(moved) & (moved < 1e-6)
    exponents = np.where(settled, exponents, np.nan)
    means, _, variances = _moments(problem, np.where(settled, logarithms, np.nan), exponents)
    return _Laws(logarithms, exponents, means, variances)


def _start(problem: _Problem, masks: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Log amplitudes and exponents (C,): of the starts, with the amplitude that fits it, the likeliest."""
    shapes = problem.bins.means(problem.bins.ranks ** -_STARTS[:, None])  # (S, B)
    relative = masks[:, None] / (shapes**2 * problem.bins.sizes**-0.5 + 1e-6 * shapes.max(axis=1, keepdims=True) ** 2)
    amplitudes = np.sum(relative * shapes * problem.signal, axis=2) / np.sum(relative * shapes**2, axis=2)  # (C, S)
    logarithms = np.log(np.maximum(amplitudes, 1e-6))
    candidates, starts = amplitudes.shape
    means, _, variances = _moments(problem, logarithms.ravel(), np.tile(_STARTS, candidates))
    misfit = np.square(problem.signal - means) / variances + np.log(variances)
    cost = np.sum(misfit.reshape(candidates, starts, -1) * masks[:, None], axis=2)
    best = np.argmin(cost, axis=1)
    return np.take_along_axis(logarithms, best[:, None], axis=1)[:, 0], _STARTS[best]


def _moments(problem: _Problem, logarithms: FloatArray, exponents: FloatArray) -> tuple[FloatArray, ...]:
    """Means of the bins, their derivatives by the exponent, and their variances, each (C, B)."""
    bins, logs = problem.bins, np.log(problem.bins.ranks)
    with np.errstate(over="ignore", invalid="ignore"):
        law = np.exp(logarithms[:, None] - exponents[:, None] * logs)
        means = bins.means(law)
        sampling = bins.means(problem.spectrum.signal_variance(law)) / bins.sizes
        scatter = 2 / (problem.spectrum.frequencies.size - 1) * bins.means(law**2) / bins.sizes
        variances = sampling + scatter + (SIGNAL_TOLERANCE * means) ** 2 + problem.negligible**2
        return means, bins.means(-logs * law), variances


def _solve(weights: FloatArray, means: FloatArray, slopes: FloatArray, residuals: FloatArray) -> FloatArray:
    """(2, C) steps of log amplitude and exponent; NaN where the equations are singular."""
    a, b, c = (np.sum(weights * product, axis=1) for product in (means**2, means * slopes, slopes**2))
    right = [np.sum(weights * one * residuals, axis=1) for one in (means, slopes)]
    with np.errstate(divide="ignore", invalid="ignore"):
        determinant = a * c - b**2
        return np.stack([(c * right[0] - b * right[1]) / determinant, (a * right[1] - b * right[0]) / determinant])
