"""Several Gaussians per class, fitted in the leading directions of the samples.

Most of the variance is there, and a density in all directions of an image needs more samples than a class has.
``empirical.fit.mixture_model`` extends the fit to a data model in all directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA

from empirical.fit.class_mixture import ClassMixture, fit_class_mixture
from empirical.fit.component_choice import NUMBERS, ClassChoice, choose_components
from theory import InputError
from theory.data.data_model import RELATIVE_RANK_TOLERANCE
from theory.progress import Progress, silent
from theory.validation import (
    FloatArray,
    IntArray,
    at_least,
    check_class_counts,
    class_labels,
    finite_array,
    plain_array,
)

#: Share of the variance in the leading directions in which Gaussians are fitted, and the largest number of these.
VARIANCE_SHARE, MOST_DIRECTIONS = 0.95, 32

#: Most samples of a class to which Gaussians are fitted.
MOST_SAMPLES = 2000


@dataclass(frozen=True, eq=False)
class MixtureFit:
    """Several Gaussians per class, fitted to the leading directions of samples.

    Attributes:
        choices: of each class, its number of Gaussians.
        parts: of each class, the Gaussians.
        centre: (D,) mean of the samples.
        directions: (D, q) the leading directions, orthonormal.
        frequencies: (K,) class frequencies of all samples.
        samples: number of samples to which Gaussians are fitted, at most MOST_SAMPLES of a class.
    """

    choices: tuple[ClassChoice, ...]
    parts: tuple[ClassMixture, ...]
    centre: FloatArray
    directions: FloatArray
    frequencies: FloatArray
    samples: int

    def leading(self, inputs: FloatArray) -> FloatArray:
        """(n, q) leading coordinates of ``inputs`` (n, D)."""
        return np.asarray((inputs - self.centre) @ self.directions, dtype=np.float64)


def fit_mixture(
    inputs: ArrayLike,
    labels: ArrayLike,
    classes: int,
    numbers: Sequence[int] = NUMBERS,
    seed: int = 0,
    progress: Progress = silent,
) -> MixtureFit:
    """Fit several Gaussians to each class; the held-out likelihood chooses their number.

    Args:
        inputs: (n, D) samples.
        labels: (n,) classes 0 to K - 1, each with at least twice as many samples as the first of ``numbers``.
        classes: K.
        numbers: of Gaussians to choose from, ascending; a single number is used without a choice.
        seed: of the samples to which Gaussians are fitted, of folds and of starts.
        progress: shows how many classes are done.

    Raises:
        InputError: NaN, infinity, mismatched shapes, numbers that are not ascending, too few samples of a class, or
            inputs that do not vary.
    """
    rows = plain_array("inputs", inputs)
    known = class_labels("labels", labels, len(rows), at_least("classes", classes, 2))
    tried = [at_least("numbers", number, 1) for number in numbers]
    if not tried or tried != sorted(set(tried)):
        raise InputError(f"numbers: {list(numbers)} is not accepted; give ascending integers of at least 1")
    # What is kept of a class while a fold is held out is at least half of it.
    check_class_counts(known, classes, 2 * tried[0], f"twice as many as Gaussians per class, {tried[0]}")
    chosen = _some_of_each_class(known, np.random.default_rng(at_least("seed", seed, 0)))
    some, labels_of_some = finite_array("inputs", rows[chosen], 2), known[chosen]
    centre, directions = _leading_directions(some)
    leading = some @ directions - centre @ directions
    choices, parts = [], []
    for label in progress(range(classes)):
        own = leading[labels_of_some == label]
        choice = choose_components(own, label, tried, seed)
        choices.append(choice)
        parts.append(fit_class_mixture(own, choice.components, choice.ridge, choice.start, seed))
    return MixtureFit(tuple(choices), tuple(parts), centre, directions, np.bincount(known) / len(rows), chosen.size)


def _some_of_each_class(labels: IntArray, generator: np.random.Generator) -> IntArray:
    """Numbers of at most MOST_SAMPLES samples of each class."""
    order = generator.permutation(labels.size)
    by_class = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    place = np.arange(labels.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(by_class[place < MOST_SAMPLES])


def _leading_directions(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean (D,) of rows (n, D), and the directions (D, q) that hold VARIANCE_SHARE, or as many as are admitted."""
    if not np.ptp(rows, axis=0).any():
        raise InputError("inputs: are all equal; give inputs that vary")
    found = PCA(min(MOST_DIRECTIONS, *rows.shape), random_state=0).fit(rows)
    variances = found.explained_variance_
    wanted = int(np.searchsorted(np.cumsum(found.explained_variance_ratio_), VARIANCE_SHARE)) + 1
    count = min(wanted, int(np.count_nonzero(variances > RELATIVE_RANK_TOLERANCE * variances[0])))
    return np.asarray(found.mean_, dtype=np.float64), np.asarray(found.components_[:count].T, dtype=np.float64)
