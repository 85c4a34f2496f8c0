"""Several Gaussians per class, fitted in the leading directions of the samples by their likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from empirical.fit.class_division import ClassDivision, leading_samples
from empirical.fit.class_mixture import ClassMixture, fit_class_mixture
from empirical.fit.component_choice import NUMBERS, ClassChoice, choose_components
from theory import InputError
from theory.progress import Progress, silent
from theory.validation import (
    FloatArray,
    at_least,
    check_class_counts,
    class_labels,
    plain_array,
)


@dataclass(frozen=True, eq=False)
class MixtureFit(ClassDivision):
    """Several Gaussians per class, fitted to the leading directions of samples.

    Attributes:
        choices: of each class, its number of Gaussians.
        parts: of each class, the Gaussians.
    """

    choices: tuple[ClassChoice, ...]
    parts: tuple[ClassMixture, ...]

    @property
    def components(self) -> tuple[int, ...]:
        """See ``ClassDivision``."""
        return tuple(choice.components for choice in self.choices)

    def belongs(self, label: int, leading: FloatArray) -> FloatArray:
        """See ``ClassDivision``."""
        return self.parts[label].responsibilities(leading)

    def shrinkage(self, label: int) -> float:
        """See ``ClassDivision``."""
        ridge = self.choices[label].ridge
        return ridge / (1 + ridge)


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
    leading, labels_of_leading, centre, directions = leading_samples(rows, known, seed)
    choices, parts = [], []
    for label in progress(range(classes)):
        own = leading[labels_of_leading == label]
        choice = choose_components(own, label, tried, seed)
        choices.append(choice)
        parts.append(fit_class_mixture(own, choice.components, choice.ridge, choice.start, seed))
    frequencies = np.bincount(known) / len(rows)
    return MixtureFit(centre, directions, frequencies, len(leading), tuple(choices), tuple(parts))
