"""Chooses the number of Gaussians of a class by the likelihood of its held-out samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from empirical.fit.class_mixture import Start, fit_class_mixture
from theory.data.stratified import stratified_parts
from theory.validation import FloatArray, IntArray

#: Numbers of Gaussians tried in a class, until two in a row are no better than the best before.
NUMBERS = (1, 2, 3, 4, 6, 8, 12, 16)

#: Shrinkages tried, as ridges in units of the class's covariance.
RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0)

#: As many of these are compared at once: the more Gaussians, the fewer samples each has, and the larger its ridge.
_RIDGES_AHEAD = 3

#: Fewest samples per Gaussian in the rest of a class when a fold is held out.
FEWEST_SAMPLES = 15

#: Parts of the samples, of which each is held out once.
FOLDS = 3


@dataclass(frozen=True)
class ClassChoice:
    """The number of Gaussians of a class, chosen by its held-out samples.

    Log-likelihoods are in nats per sample and direction, of held-out samples.

    Attributes:
        label: the class.
        components: the number chosen.
        ridge: the shrinkage that is best for it.
        start: the start that is best for it.
        held_out: log-likelihood of that many Gaussians.
        single: log-likelihood of one Gaussian.
        gain_error: standard error of the difference of the two, over samples.
        tried: the numbers that were tried, each with its log-likelihood.
    """

    label: int
    components: int
    ridge: float
    start: Start
    held_out: float
    single: float
    gain_error: float
    tried: tuple[tuple[int, float], ...]

    @property
    def gain(self) -> float:
        """Held-out log-likelihood of the chosen Gaussians beyond that of a single one."""
        return self.held_out - self.single


def choose_components(
    samples: FloatArray, label: int = 0, numbers: Sequence[int] = NUMBERS, seed: int = 0
) -> ClassChoice:
    """Choose the number of Gaussians of one class.

    It is the smallest whose held-out log-likelihood is within one standard error of the best, each number with the
    ridge and the start that are best for it.

    Args:
        samples: (n, q) of the class, n at least 2.
        label: the class.
        numbers: of Gaussians to choose from, ascending; those that leave a Gaussian fewer than FEWEST_SAMPLES are not
            tried. The first is always an admitted choice.
        seed: of the folds and of k-means.
    """
    count, directions = samples.shape
    folds = stratified_parts(np.zeros(count, dtype=np.int64), min(FOLDS, count), np.random.default_rng(seed))
    densities: dict[int, FloatArray] = {}
    settings: dict[int, tuple[float, Start]] = {}
    first = 0
    for number in sorted({1, *numbers}):
        if number > numbers[0] and (count - folds[0].size) < number * FEWEST_SAMPLES:
            break
        ridges = RIDGES[first:] if number == 1 else RIDGES[first : first + _RIDGES_AHEAD]
        tried = list(product(ridges, (Start.PLACE,) if number == 1 else Start))
        scores = [_held_out(samples, folds, number, ridge, start, seed) for ridge, start in tried]
        best = int(np.argmax([score.mean() for score in scores]))
        densities[number], settings[number] = scores[best], tried[best]
        first = RIDGES.index(tried[best][0])
        means = [float(one.mean()) for one in densities.values()]
        if len(means) > 2 and max(means[-2:]) <= max(means[:-2]):
            break
    admitted = [number for number in densities if number in numbers]
    leader = max(admitted, key=lambda number: float(densities[number].mean()))
    chosen = next(number for number in admitted if _within_one_error(densities[number], densities[leader]))
    gains = densities[chosen] - densities[1]
    return ClassChoice(
        label,
        chosen,
        *settings[chosen],
        float(densities[chosen].mean() / directions),
        float(densities[1].mean() / directions),
        float(gains.std() / np.sqrt(count) / directions),
        tuple((number, float(one.mean() / directions)) for number, one in densities.items()),
    )


def _held_out(
    samples: FloatArray, folds: Sequence[IntArray], components: int, ridge: float, start: Start, seed: int
) -> FloatArray:
    """(n,) log-density of each sample under the Gaussians of the other folds."""
    found = np.empty(len(samples))
    for fold in folds:
        kept = np.delete(samples, fold, axis=0)
        found[fold] = fit_class_mixture(kept, components, ridge, start, seed).log_densities(samples[fold])
    return found


def _within_one_error(one: FloatArray, best: FloatArray) -> bool:
    behind = best - one
    return bool(behind.mean() <= behind.std() / np.sqrt(behind.size))
