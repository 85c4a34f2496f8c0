"""The data model fitted to a data set or to the activations of a layer, with uncertainties.

Half of the data, as the moments of disjoint shards, gives the principal directions; the other half measures
variance, signal and the shape of classes along them. Halves, shards and parts hold every class alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from empirical.data.datasets import DataSet
from empirical.fit.class_shape import TailIndex, tail_index
from empirical.fit.cross_validated_spectrum import CrossValidatedSpectrum
from empirical.fit.exponent_dependence import ExponentVariant, signal_variants, spectrum_variants
from empirical.fit.jackknife import SMALLEST_PARTS, Interval, check_parts
from empirical.fit.minority import FEWEST_POSITIONS, RESAMPLES, Minority, minorities, minority_interval
from empirical.fit.moment_fit import MomentFit, fit_moments
from empirical.fit.shrinkage import SHRUNK_ABOVE, shrinkage_intensity, shrunk
from empirical.fit.spectrum_rivals import FEWEST_RANKS, Rival, SpectrumShape, compare_spectra, variances_along
from theory import DataModel, InputError, Moments, merge_all
from theory.data.stratified import stratified_parts
from theory.progress import Progress, silent
from theory.validation import FloatArray, IntArray, at_least, check_class_counts, class_labels, matrix_with_columns

#: Random directions along which the tails of classes are measured.
PROJECTIONS = 64

#: Fewest samples of a class in a fit: three in the held-out half, two in the fitting half when one is left out.
SMALLEST_CLASS = 6

#: A law that misses its bins by more than this many tolerated deviations, in the root mean square, is warned of.
LARGEST_DEVIATION = 1.5


@dataclass(frozen=True, eq=False)
class FittedModel(MomentFit):
    """A fitted data model: what moments decide, the shape of classes and the spectrum's rivals.

    Attributes:
        tail_index: of random projections within classes.
        minority_share: share of all samples that belong to a minority of their class.
        minorities: for each class, along its prototype.
        rivals: the spectrum's rivals over all resolved ranks, on held-out samples, best first; empty below 8 ranks.
        rivals_in_range: the same over the bulk alone; empty likewise.
        alpha_variants: alpha over other ranks and by another estimator.
        beta_variants: beta over other ranks.
        shrinkage: intensity of the OAS shrinkage of the covariance of all samples.
        warnings: what a reader should know before using the numbers.
    """

    tail_index: TailIndex
    minority_share: Interval
    minorities: tuple[Minority, ...]
    rivals: tuple[Rival, ...]
    rivals_in_range: tuple[Rival, ...]
    alpha_variants: tuple[ExponentVariant, ...]
    beta_variants: tuple[ExponentVariant, ...]
    shrinkage: float
    warnings: tuple[str, ...]

    @cached_property
    def full_model(self) -> DataModel:
        """The data model with the moments of all samples, shrunk where n is below 10 times the directions."""
        return DataModel.from_moments(
            shrunk(self.moments, self.shrinkage) if _is_short_of_samples(self.moments) else self.moments
        )


def split_for_fit(
    data: DataSet, shards: int = SMALLEST_PARTS, seed: int = 0
) -> tuple[list[Moments], tuple[FloatArray, IntArray]]:
    """The shards and the held-out samples of ``fit_data_model``: two random halves with the classes of all.

    Args:
        data: labelled inputs, at least six of each class.
        shards: number of parts of the fitting half, at least 10.
        seed: of the order.

    Raises:
        InputError: too few shards, a class with fewer than six inputs, or fewer than two inputs per shard.
    """
    parts = at_least("shards", shards, SMALLEST_PARTS)
    generator = np.random.default_rng(at_least("seed", seed, 0))
    count = data.labels.size
    if count < 4 * parts:
        raise InputError(f"data: holds {count} inputs; give at least {4 * parts} for {parts} shards")
    check_class_counts(data.labels, data.classes, SMALLEST_CLASS, "as half of them fit and half measure")
    # The held-out half has the odd sample of a class.
    rest, half = stratified_parts(data.labels, 2, generator)
    moments = [
        Moments.from_samples(data.inputs[half[own]], data.labels[half[own]], data.classes)
        for own in stratified_parts(data.labels[half], parts, generator)
    ]
    return moments, (np.asarray(data.inputs[rest], dtype=np.float64), data.labels[rest])


def fit_data_model(
    shards: Sequence[Moments],
    held_out: tuple[ArrayLike, ArrayLike],
    seed: int = 0,
    progress: Progress = silent,
) -> FittedModel:
    """Fit the data model.

    Args:
        shards: moments of at least 10 disjoint parts, of about equal size, of the fitting samples.
        held_out: inputs (n, D) and labels (n,) of other samples, in random order; every class is in both halves.
        seed: of the random projections.
        progress: shows how many shards are done.

    Raises:
        InputError: too few or unequal shards, shapes that do not fit, NaN or infinity, a class that is empty or has
            fewer than three held-out samples.
    """
    check_parts("shards", shards)
    dimension, classes = shards[0].mean.size, shards[0].class_counts.size
    samples = matrix_with_columns("held_out inputs", held_out[0], dimension)
    labels = class_labels("held_out labels", held_out[1], samples.shape[0], classes)
    counts = np.bincount(labels, minlength=classes)
    if counts.min() < 3 or labels.size < 2 * len(shards):
        raise InputError(
            f"held_out: holds {labels.size} samples, {counts.min()} of class {int(np.argmin(counts))}; give at least 3 "
            f"of each class and {2 * len(shards)} in all"
        )
    numbers = stratified_parts(labels, len(shards))
    parts = [Moments.from_samples(samples[own], labels[own], classes) for own in numbers]
    found = fit_moments(shards, parts, progress)
    fitting = merge_all(list(shards))
    along = _positions(samples, labels, [fitting])
    moved = _positions(samples, labels, [fitting, *_resampled(shards, seed)])
    law = found.spectrum_law
    rivals = _rivals(found.spectrum, parts, 1, found.spectrum.resolved)
    shrinkage = shrinkage_intensity(found.moments)
    return FittedModel(
        **vars(found),
        tail_index=tail_index(_projections(samples, fitting, seed), labels, numbers),
        minority_share=minority_interval(moved, seed),
        minorities=minorities([one[0] for one in along]),
        rivals=rivals,
        rivals_in_range=() if law is None else _rivals(found.spectrum, parts, law.first, law.last),
        alpha_variants=spectrum_variants(found.spectrum, found.spikes.count),
        beta_variants=signal_variants(found.spectrum, found.spikes.count),
        shrinkage=shrinkage,
        warnings=_warnings(found, rivals, shrinkage, int(counts.min())),
    )


def _rivals(spectrum: CrossValidatedSpectrum, parts: Sequence[Moments], first: int, last: int) -> tuple[Rival, ...]:
    """The rivals over the ranks first .. last, from 1 on."""
    if last - first + 1 < FEWEST_RANKS:
        return ()
    variances = variances_along(spectrum.basis[:, first - 1 : last], parts)
    return compare_spectra(variances, spectrum.held_out_count, first)


def _projections(samples: FloatArray, fitting: Moments, seed: int) -> FloatArray:
    """(n, PROJECTIONS) coordinates along random directions of unit expected variance."""
    generator = np.random.default_rng(at_least("seed", seed, 0))
    directions = generator.standard_normal((fitting.mean.size, PROJECTIONS)) / np.sqrt(fitting.total_variance)
    return np.asarray((samples - fitting.mean) @ directions, dtype=np.float64)


def _positions(samples: FloatArray, labels: IntArray, fits: Sequence[Moments]) -> list[FloatArray]:
    """For each class (R, n_k) coordinates of its held-out samples along its prototype in each fit, 1 at its mean."""
    tiny = np.finfo(np.float64).tiny
    found = []
    for label in range(fits[0].class_counts.size):
        means = np.stack([fit.class_means[label] - fit.mean for fit in fits])
        centres = np.stack([fit.mean for fit in fits])
        lengths = np.maximum(np.square(means).sum(axis=1), tiny)
        along = means @ samples[labels == label].T - np.sum(means * centres, axis=1)[:, None]
        found.append(np.asarray(along / lengths[:, None], dtype=np.float64))
    return found


def _resampled(shards: Sequence[Moments], seed: int) -> list[Moments]:
    """Moments of as many resamples of the shards as the share of minorities takes, without their covariance."""
    generator = np.random.default_rng([at_least("seed", seed, 0), len(shards)])
    dimension = shards[0].mean.size
    counts = np.stack([one.class_counts for one in shards])
    sums = np.stack([one.class_counts[:, None] * one.class_means for one in shards])
    nothing = np.zeros((dimension, dimension))
    found = []
    for drawn in generator.multinomial(len(shards), np.full(len(shards), 1 / len(shards)), size=RESAMPLES):
        own = drawn @ counts
        # A class that no drawn shard holds keeps its mean in all of them.
        kept = np.where((own > 0)[:, None], np.tensordot(drawn, sums, 1), sums.sum(axis=0))
        numbers = np.where(own > 0, own, counts.sum(axis=0))
        means = kept / numbers[:, None]
        found.append(Moments(numbers @ means / numbers.sum(), nothing, numbers, means))
    return found


def _is_short_of_samples(moments: Moments) -> bool:
    return moments.mean.size > SHRUNK_ABOVE * moments.count


def _warnings(found: MomentFit, rivals: tuple[Rival, ...], shrinkage: float, fewest: int) -> tuple[str, ...]:
    spectrum, count, dimension = found.spectrum, found.moments.count, found.moments.mean.size
    warnings = []
    if _is_short_of_samples(found.moments):
        warnings.append(
            f"{count} samples for {dimension} directions: the covariance of the full model is shrunk by "
            f"{shrinkage:.3g} (OAS)"
        )
    if spectrum.resolved < spectrum.rank:
        warnings.append(f"eigenvalues beyond rank {spectrum.resolved} of {spectrum.rank} are lost in noise")
    if fewest < FEWEST_POSITIONS:
        warnings.append(
            f"a class has {fewest} held-out samples: no minority is sought among fewer than {FEWEST_POSITIONS}"
        )
    laws = (("spectrum", "alpha", found.spectrum_law), ("signal", "beta", found.signal_law))
    for name, exponent, law in laws:
        if law is None:
            warnings.append(
                f"no power law of the {name} beyond the {found.spikes.count} spikes: "
                "too few ranks, or none beyond noise"
            )
        elif law.deviation > LARGEST_DEVIATION:
            warnings.append(
                f"the {name} strays {law.deviation:.1f} tolerances from a power law; {exponent} is a summary"
            )
    if rivals and rivals[0].shape is not SpectrumShape.POWER_LAW:
        warnings.append(f"over all resolved ranks the spectrum is described better by: {rivals[0].name}")
    return tuple(warnings)
