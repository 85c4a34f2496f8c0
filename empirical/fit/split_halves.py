"""Checks the intervals of a fit on data whose distribution is unknown: two fits to disjoint halves.

Each random split of a data set in halves, stratified by class, gives two independent fits of everything. The difference
of a quantity over its standard error, z = (a - b) / sqrt(e_a^2 + e_b^2), has a standard deviation of about one where
the error covers how far the quantity varies from sample to sample; choices that it does not cover make it larger.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from empirical.data.datasets import DataSet
from empirical.fit.jackknife import Interval
from empirical.fit.model_fit import FittedModel, fit_data_model, split_for_fit
from empirical.fit.moment_fit import MomentFit, fit_moments
from theory import Moments
from theory.data.stratified import stratified_parts
from theory.progress import Progress, silent
from theory.validation import FloatArray, at_least

#: What moments decide, and what only the samples decide.
MOMENT_QUANTITIES = ("alpha", "beta", "effective rank", "alignment", "class separation", "variance in spikes",
                     "class variance in spikes")  # fmt: skip
QUANTITIES = (*MOMENT_QUANTITIES, "inverse tail index", "minority share")


def split_half_scores(data: DataSet, splits: int, seed: int = 0, progress: Progress = silent) -> dict[str, FloatArray]:
    """The scores z of every quantity of the fit, by QUANTITIES.

    Args:
        data: labelled inputs, at least 12 of each class.
        splits: number of random splits in halves, at least 1.
        seed: of the splits and of the fits.
        progress: shows how many splits are done.

    Returns:
        (splits,) scores of each quantity; NaN where one half has no such quantity, 0 where both are equal.

    Raises:
        InputError: as ``split_for_fit`` and ``fit_data_model``.
    """
    return _scores(data, splits, seed, progress, partial(_fitted, seed=seed), QUANTITIES)


def split_half_moment_scores(
    data: DataSet, splits: int, seed: int = 0, progress: Progress = silent
) -> dict[str, FloatArray]:
    """``split_half_scores`` of MOMENT_QUANTITIES alone, which moments decide, in a fraction of the time.

    Args:
        data: inputs with labels.
        splits: number of random halvings, at least 1.
        seed: of the halvings, at least 0.
        progress: shows how many are done.
    """
    return _scores(data, splits, seed, progress, partial(_from_moments, seed=seed), MOMENT_QUANTITIES)


def _scores(
    data: DataSet,
    splits: int,
    seed: int,
    progress: Progress,
    fit: Callable[[DataSet], MomentFit],
    names: tuple[str, ...],
) -> dict[str, FloatArray]:
    scores = np.empty((at_least("splits", splits, 1), len(names)))
    for number in progress(range(splits)):
        generator = np.random.default_rng([at_least("seed", seed, 0), number])
        halves = [
            _quantities(fit(DataSet(data.name, data.inputs[own], data.labels[own], data.classes)))
            for own in stratified_parts(data.labels, 2, generator)
        ]
        scores[number] = [_score(halves[0][name], halves[1][name]) for name in names]
    return {name: scores[:, column] for column, name in enumerate(names)}


def _fitted(data: DataSet, seed: int) -> MomentFit:
    return fit_data_model(*split_for_fit(data, seed=seed), seed=seed)


def _from_moments(data: DataSet, seed: int) -> MomentFit:
    shards, (inputs, labels) = split_for_fit(data, seed=seed)
    numbers = stratified_parts(labels, len(shards))
    return fit_moments(shards, [Moments.from_samples(inputs[own], labels[own], data.classes) for own in numbers])


def _quantities(found: MomentFit) -> dict[str, Interval | None]:
    values = {
        "alpha": found.alpha,
        "beta": found.beta,
        "effective rank": found.effective_rank,
        "alignment": found.alignment,
        "class separation": found.class_separation,
        "variance in spikes": found.spikes.variance_share,
        "class variance in spikes": found.spikes.between_share,
    }
    if isinstance(found, FittedModel):
        values |= {"inverse tail index": found.tail_index.inverse, "minority share": found.minority_share}
    return values


def _score(one: Interval | None, other: Interval | None) -> float:
    if one is None or other is None:
        return float("nan")
    if one.value == other.value:
        return 0.0
    return (one.value - other.value) / float(np.hypot(one.standard_error, other.standard_error))
