"""What moments alone decide of a fit: exponents, effective rank, alignment, class separation, with intervals.

Every estimate is repeated without one shard of the fitting samples and the corresponding part of the held-out
samples, eigenvectors included; only the ranges of the power laws are held fixed. Over 200 samples of known models
(d = 100, two halves of 5,000, ten shards) the intervals cover alpha in 94 to 96 % and beta in 95 to 97 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from empirical.cross_validated_spectrum import CrossValidatedSpectrum, cross_validated_spectrum
from empirical.jackknife import Interval, check_parts, jackknife_interval, without
from empirical.signal_fit import fit_signal, signal_range
from empirical.spectrum_fit import RankedPowerLaw, fit_spectrum, spectrum_range
from theory import DataModel, InputError, Moments, Softmax, merge_all
from theory.assumptions import alignment
from theory.progress import Progress, silent
from theory.validation import FloatArray


@dataclass(frozen=True, eq=False)
class MomentFit:
    """What moments alone decide. All intervals are at 95 %.

    Attributes:
        alpha: exponent of the spectrum; None where no range of ranks is long enough.
        spectrum_law: the power law of the spectrum and its range; None likewise.
        beta: exponent of the squared prototype coordinates, summed over classes; None where too little is seen.
        signal_law: the power law of the signal and its range; None likewise.
        effective_rank: (tr Sigma)^2 / tr Sigma^2, from products of the two halves, free of sampling bias to O(1/n).
        alignment: R2 / R0 of the fitting half; noise of the class means lowers it. NaN where there is none.
        class_separation: variance of the class means as a share of tr Sigma, from products of the two halves.
        spectrum: the cross-validated spectrum and signal.
        gram: (K, K) M M^T from products of the two halves; symmetric, not always positive.
        moments: of all samples, as they are.
    """

    alpha: Interval | None
    spectrum_law: RankedPowerLaw | None
    beta: Interval | None
    signal_law: RankedPowerLaw | None
    effective_rank: Interval
    alignment: Interval
    class_separation: Interval
    spectrum: CrossValidatedSpectrum
    gram: FloatArray
    moments: Moments


@dataclass(frozen=True)
class _Ranges:
    """Ranges of ranks, held fixed; None without a law."""

    spectrum: tuple[int, int] | None
    signal: tuple[int, int] | None


def fit_moments(shards: Sequence[Moments], parts: Sequence[Moments], progress: Progress = silent) -> MomentFit:
    """Fit from moments.

    Takes one eigendecomposition of a (D, D) matrix for all data and one for each shard.

    Args:
        shards: moments of at least 10 disjoint parts, of about equal size, of the fitting samples.
        parts: as many parts, of about equal size, of the held-out samples.
        progress: wraps the iteration over shards.

    Raises:
        InputError: too few or unequal shards or parts, shapes that do not fit, a class that is empty without a part.
    """
    check_parts("shards", shards)
    check_parts("parts", parts)
    if len(parts) != len(shards):
        raise InputError(f"parts: holds {len(parts)}; give {len(shards)}, one for each shard")
    fitting, held_out = merge_all(list(shards)), merge_all(list(parts))
    spectrum = cross_validated_spectrum(fitting, held_out)
    ranges = _Ranges(spectrum_range(spectrum), signal_range(spectrum))
    values = _estimates(spectrum, fitting, held_out, ranges)
    replicates = []
    for shard, part in progress(list(zip(shards, parts, strict=True))):
        own, other = without(fitting, shard), without(held_out, part)
        replicates.append(_estimates(cross_validated_spectrum(own, other), own, other, ranges))
    alpha, beta, rank, aligned, separation = (
        jackknife_interval(value, column) for value, column in zip(values, np.array(replicates).T, strict=True)
    )
    spectrum_law = None if ranges.spectrum is None else fit_spectrum(spectrum, *ranges.spectrum)
    signal_law = None if ranges.signal is None else fit_signal(spectrum, *ranges.signal)
    return MomentFit(
        alpha=None if spectrum_law is None else alpha,
        spectrum_law=spectrum_law,
        beta=None if signal_law is None else beta,
        signal_law=signal_law,
        effective_rank=rank,
        alignment=aligned,
        class_separation=separation,
        spectrum=spectrum,
        gram=_gram(fitting, held_out),
        moments=fitting.merge(held_out),
    )


def _estimates(
    spectrum: CrossValidatedSpectrum, fitting: Moments, held_out: Moments, ranges: _Ranges
) -> tuple[float, ...]:
    """Alpha, beta, effective rank, alignment and class separation; NaN for what there is not."""
    nothing = float("nan")
    signal = None if ranges.signal is None else fit_signal(spectrum, *ranges.signal)
    crossed = float(np.sum(fitting.covariance * held_out.covariance))
    prototypes = fitting.prototypes @ spectrum.basis
    # Rounding leaves a common part; rows of a data model sum to zero.
    prototypes -= fitting.frequencies[:, None] * prototypes.sum(axis=0)
    model = DataModel(spectrum.fitted, prototypes, fitting.frequencies)
    between = float(np.sum(np.diag(_gram(fitting, held_out)) / fitting.frequencies))
    return (
        nothing if ranges.spectrum is None else fit_spectrum(spectrum, *ranges.spectrum).exponent,
        nothing if signal is None else signal.exponent,
        fitting.total_variance * held_out.total_variance / crossed,
        alignment(model, Softmax()).value,
        2 * between / (fitting.total_variance + held_out.total_variance),
    )


def _gram(fitting: Moments, held_out: Moments) -> FloatArray:
    """(K, K) M M^T, each product of one fitted and one held-out prototype, symmetrised."""
    crossed = fitting.prototypes @ held_out.prototypes.T
    return np.asarray((crossed + crossed.T) / 2, dtype=np.float64)
