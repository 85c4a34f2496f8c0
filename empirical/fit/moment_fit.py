"""The part of a fit that moments decide: spikes, bulk, effective rank, alignment, class separation, with intervals.

The K - 1 directions that K class means span carry variance that does not follow the rest of the spectrum: in the last
layers of a trained network it is far larger. So the leading K - 1 principal directions are measured one by one,
the *spikes*, and power laws of spectrum and signal describe the ranks beyond, the *bulk*. Which ranks belong to which
is fixed in advance, so that the intervals cover every choice.

Every estimate is repeated without one shard of the fitting samples and the corresponding part of the held-out samples,
eigenvectors included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from empirical.fit.cross_validated_spectrum import CrossValidatedSpectrum, cross_validated_spectrum
from empirical.fit.jackknife import Interval, check_parts, jackknife_interval, without
from empirical.fit.rank_bins import bins_beyond, rank_bins
from empirical.fit.signal_fit import fit_signal, is_signal_seen
from empirical.fit.spectrum_fit import RankedPowerLaw, fit_spectrum
from theory import DataModel, InputError, Moments, Softmax, merge_all
from theory.assumptions import alignment
from theory.progress import Progress, silent
from theory.validation import FloatArray


@dataclass(frozen=True, eq=False)
class Spikes:
    """The leading principal directions that are measured one by one, at most as many as class means span.

    Attributes:
        eigenvalues: (S,) variance along each, S = min(K - 1, r).
        variance_share: of tr Sigma.
        between_share: of the variance of the class means, from products of the two halves; sampling may take it
            beyond 0 and 1.
    """

    eigenvalues: FloatArray
    variance_share: Interval
    between_share: Interval

    @property
    def count(self) -> int:
        """Their number S."""
        return int(self.eigenvalues.size)


@dataclass(frozen=True, eq=False)
class MomentFit:
    """The part of a fit that moments alone decide. All intervals are at 95 %.

    Attributes:
        spikes: the leading directions, measured one by one.
        alpha: exponent of the spectrum in the bulk; None where the bulk is too short.
        spectrum_law: the power law of the spectrum in the bulk; None likewise.
        beta: exponent of the squared prototype coordinates in the bulk, summed over classes; None where too little
            is seen.
        signal_law: the power law of the signal in the bulk; None likewise.
        effective_rank: (tr Sigma)^2 / tr Sigma^2, from products of the two halves, free of sampling bias to O(1/n).
        alignment: R2 / R0 of the fitting half; noise of the class means lowers it. NaN where there is none.
        class_separation: variance of the class means as a share of tr Sigma, from products of the two halves.
        spectrum: the cross-validated spectrum and signal.
        gram: (K, K) M M^T from products of the two halves; symmetric, not always positive.
        bulk_gram: (K, K) the same of the prototypes' parts in the bulk.
        moments: of all samples, as they are.
    """

    spikes: Spikes
    alpha: Interval | None
    spectrum_law: RankedPowerLaw | None
    beta: Interval | None
    signal_law: RankedPowerLaw | None
    effective_rank: Interval
    alignment: Interval
    class_separation: Interval
    spectrum: CrossValidatedSpectrum
    gram: FloatArray
    bulk_gram: FloatArray
    moments: Moments


def fit_moments(shards: Sequence[Moments], parts: Sequence[Moments], progress: Progress = silent) -> MomentFit:
    """Fit from moments.

    Takes one eigendecomposition of a (D, D) matrix for all data and one for each shard.

    Args:
        shards: moments of at least 10 disjoint parts, of about equal size, of the fitting samples.
        parts: as many parts, of about equal size, of the held-out samples.
        progress: shows how many shards are done.

    Raises:
        InputError: too few or unequal shards or parts, shapes that do not fit, a class that is empty without a part.
    """
    check_parts("shards", shards)
    check_parts("parts", parts)
    if len(parts) != len(shards):
        raise InputError(f"parts: holds {len(parts)}; give {len(shards)}, one for each shard")
    fitting, held_out = merge_all(list(shards)), merge_all(list(parts))
    spectrum = cross_validated_spectrum(fitting, held_out)
    spectrum_law, signal_law = _laws(spectrum)
    if signal_law is not None and not is_signal_seen(spectrum, signal_law.first, signal_law.last):
        signal_law = None
    values = _estimates(spectrum, fitting, held_out)
    replicates = []
    for shard, part in progress(list(zip(shards, parts, strict=True))):
        own, other = without(fitting, shard), without(held_out, part)
        replicates.append(_estimates(cross_validated_spectrum(own, other), own, other))
    alpha, beta, rank, aligned, separation, variance_share, between_share = (
        jackknife_interval(value, column) for value, column in zip(values, np.array(replicates).T, strict=True)
    )
    # A law that is lost without some shard is not there to be reported.
    has_alpha = spectrum_law is not None and np.isfinite(alpha.standard_error)
    has_beta = signal_law is not None and np.isfinite(beta.standard_error)
    count = _spike_count(spectrum)
    return MomentFit(
        spikes=Spikes(spectrum.eigenvalues[:count], variance_share, between_share),
        alpha=alpha if has_alpha else None,
        spectrum_law=spectrum_law if has_alpha else None,
        beta=beta if has_beta else None,
        signal_law=signal_law if has_beta else None,
        effective_rank=rank,
        alignment=aligned,
        class_separation=separation,
        spectrum=spectrum,
        gram=_crossed(fitting.prototypes, held_out.prototypes),
        bulk_gram=_crossed(*(one.prototypes @ spectrum.basis[:, count:] for one in (fitting, held_out))),
        moments=fitting.merge(held_out),
    )


def _spike_count(spectrum: CrossValidatedSpectrum) -> int:
    return min(spectrum.frequencies.size - 1, spectrum.rank)


def _laws(spectrum: CrossValidatedSpectrum) -> tuple[RankedPowerLaw | None, RankedPowerLaw | None]:
    """The laws of spectrum and signal in the bulk."""
    ranks = bins_beyond(rank_bins(spectrum.rank), _spike_count(spectrum))
    if ranks is None:
        return None, None
    return fit_spectrum(spectrum, *ranks), fit_signal(spectrum, *ranks)


def _estimates(spectrum: CrossValidatedSpectrum, fitting: Moments, held_out: Moments) -> tuple[float, ...]:
    """Alpha, beta, effective rank, alignment, class separation, the spikes' two shares; NaN for no estimate."""
    nothing = float("nan")
    spectrum_law, signal_law = _laws(spectrum)
    crossed = float(np.sum(fitting.covariance * held_out.covariance))
    prototypes = fitting.prototypes @ spectrum.basis
    # Rounding leaves a common part; rows of a data model sum to zero.
    prototypes -= fitting.frequencies[:, None] * prototypes.sum(axis=0)
    model = DataModel(spectrum.fitted, prototypes, fitting.frequencies)
    between = float(np.sum(fitting.prototypes * held_out.prototypes / fitting.frequencies[:, None]))
    count = _spike_count(spectrum)
    own, other = (one.prototypes @ spectrum.basis[:, :count] for one in (fitting, held_out))
    in_spikes = float(np.sum(own * other / fitting.frequencies[:, None]))
    return (
        nothing if spectrum_law is None else spectrum_law.exponent,
        nothing if signal_law is None else signal_law.exponent,
        fitting.total_variance * held_out.total_variance / crossed,
        alignment(model, Softmax()).value,
        2 * between / (fitting.total_variance + held_out.total_variance),
        float(spectrum.eigenvalues[:count].sum()) / float(spectrum.held_out.sum()),
        in_spikes / between if between != 0 else nothing,
    )


def _crossed(own: FloatArray, other: FloatArray) -> FloatArray:
    """(K, K) products of fitted and held-out rows, symmetrised."""
    products = own @ other.T
    return np.asarray((products + products.T) / 2, dtype=np.float64)
