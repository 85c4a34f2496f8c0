"""Measures how much an exponent depends on the ranks and on the estimator that it is fitted with.

No spectrum of real features is a power law; the exponent is then a summary whose interval, at one range and by one
estimator, says nothing about another range or another estimator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from empirical.fit.cross_validated_spectrum import CrossValidatedSpectrum
from empirical.fit.rank_bins import FEWEST_FIXED_BINS, bins_beyond, rank_bins
from empirical.fit.signal_fit import fit_signal, signal_range
from empirical.fit.spectrum_fit import fit_spectrum, spectrum_range
from empirical.fit.spectrum_rivals import power_law

#: How exponents are estimated.
LEAST_SQUARES, LIKELIHOOD, QUASI_LIKELIHOOD = "least squares", "maximum likelihood", "quasi-likelihood"

#: Over which ranks.
ALL_RANKS, SPIKES, BULK = "all ranks", "spikes", "bulk"
LOWER_HALF, UPPER_HALF, STRAIGHTEST = "lower half of the bulk", "upper half of the bulk", "straightest range"


@dataclass(frozen=True)
class ExponentVariant:
    """An exponent by another estimator or over other ranks.

    Attributes:
        ranks: what the range is, as a table names it.
        first: its first rank, from 1 on.
        last: its last rank.
        estimator: as a table names it.
        exponent: alpha or beta.
    """

    ranks: str
    first: int
    last: int
    estimator: str
    exponent: float


def spectrum_variants(spectrum: CrossValidatedSpectrum, spikes: int) -> tuple[ExponentVariant, ...]:
    """Alpha over other ranks, and by maximum likelihood in the bulk; what has fewer than three bins is left out."""
    straightest = spectrum_range(spectrum)
    found = [
        ExponentVariant(name, first, last, LEAST_SQUARES, fit_spectrum(spectrum, first, last).exponent)
        for name, first, last in _ranges(spectrum, spikes, straightest)
    ]
    last = min(spectrum.resolved, spectrum.rank)
    if last - spikes >= FEWEST_FIXED_BINS:
        ranks = np.arange(spikes + 1, last + 1, dtype=np.float64)
        alpha = power_law(ranks, spectrum.eigenvalues[spikes:last]).parameters["alpha"]
        found.append(ExponentVariant(BULK, spikes + 1, last, LIKELIHOOD, alpha))
    return tuple(found)


def signal_variants(spectrum: CrossValidatedSpectrum, spikes: int) -> tuple[ExponentVariant, ...]:
    """Beta over other ranks; ranges where no law fits are left out."""
    fits = [
        (name, first, last, fit_signal(spectrum, first, last))
        for name, first, last in _ranges(spectrum, spikes, signal_range(spectrum))
    ]
    return tuple(
        ExponentVariant(name, first, last, QUASI_LIKELIHOOD, law.exponent)
        for name, first, last, law in fits
        if law is not None
    )


def _ranges(
    spectrum: CrossValidatedSpectrum, spikes: int, straightest: tuple[int, int] | None
) -> list[tuple[str, int, int]]:
    """Names, first and last ranks of the ranges, other than the bulk, that have three bins."""
    bins = rank_bins(spectrum.rank)
    ranges = [(ALL_RANKS, 1, spectrum.rank), (SPIKES, 1, spikes)]
    bulk = bins_beyond(bins, spikes)
    if bulk is not None:
        inside = np.flatnonzero(bins.within(*bulk))
        middle = int(bins.starts[inside[inside.size // 2]])
        ranges += [(LOWER_HALF, bulk[0], middle), (UPPER_HALF, middle + 1, bulk[1])]
    if straightest is not None:
        ranges.append((STRAIGHTEST, *straightest))
    return [one for one in ranges if np.count_nonzero(bins.within(*one[1:])) >= FEWEST_FIXED_BINS]
