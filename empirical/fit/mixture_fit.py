"""Several Gaussians per class, fitted in the leading directions of the samples.

Most of the variance is there, and a density in all directions of an image asks for more samples than there are.
``empirical.fit.mixture_model`` makes a data model in all directions of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA

from empirical.fit.class_mixture import ClassMixture, fit_class_mixture
from empirical.fit.component_choice import NUMBERS, ClassChoice, choose_components
from theory import InputError
from theory.data.data_model import RELATIVE_RANK_TOLERANCE
from theory.progress import Progress, silent
from theory.validation import FloatArray, at_least, class_labels, finite_array

#: Leading directions in which Gaussians are fitted hold this share of the variance, and are at most so many.
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
        frequencies: (K,) class frequencies of the samples.
        samples: their number.
    """

    choices: tuple[ClassChoice, ...]
    parts: tuple[ClassMixture, ...]
    centre: FloatArray
    directions: FloatArray
    frequencies: FloatArray
    samples: int

    @property
    def components(self) -> int:
        """Number of Gaussians of all classes together."""
        return sum(choice.components for choice in self.choices)

    @property
    def gain(self) -> float:
        """Held-out log-likelihood in nats per sample and direction beyond that of one Gaussian per class."""
        return float(self.frequencies @ [choice.gain for choice in self.choices])

    @property
    def gain_error(self) -> float:
        """Standard error of the gain, over samples."""
        return float(np.linalg.norm(self.frequencies * [choice.gain_error for choice in self.choices]))

    @property
    def parameters(self) -> int:
        """How many numbers the Gaussians have: frequencies, means and covariances in the leading directions."""
        directions = int(self.directions.shape[1])
        return self.components * (1 + directions + directions * (directions + 1) // 2) - 1

    @property
    def data_numbers(self) -> int:
        """How many numbers the samples have in these directions, labels included."""
        return self.samples * (int(self.directions.shape[1]) + 1)

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
    """Fit several Gaussians to each class, as many as its held-out samples ask for.

    Args:
        inputs: (n, D) samples.
        labels: (n,) classes 0 to K - 1, each with at least two samples.
        classes: K.
        numbers: of Gaussians to choose from, ascending; a single one is taken as it is.
        seed: of the samples to which Gaussians are fitted, of folds and of starts.
        progress: wraps the iteration over the classes.

    Raises:
        InputError: NaN, infinity, mismatched shapes, numbers that are not ascending, a class of fewer than two samples
            or of fewer than the first of ``numbers``, or inputs that do not vary.
    """
    rows = finite_array("inputs", inputs, 2)
    known = class_labels("labels", labels, rows.shape[0], at_least("classes", classes, 2))
    tried = [at_least("numbers", number, 1) for number in numbers]
    if not tried or tried != sorted(set(tried)):
        raise InputError(f"numbers: {list(numbers)} is not accepted; give ascending integers of at least 1")
    members = np.bincount(known, minlength=classes)
    # The smallest fold that is kept has half of two samples, or two thirds of more.
    fewest = max(2, 2 * tried[0] if tried[0] > 1 else 2)
    if members.min() < fewest:
        raise InputError(f"labels: class {members.argmin()} has {members.min()} samples; give at least {fewest}")
    centre, directions = _leading_directions(rows)
    leading = (rows - centre) @ directions
    generator = np.random.default_rng(at_least("seed", seed, 0))
    choices, parts = [], []
    for label in progress(range(classes)):
        own = leading[known == label]
        some = own if len(own) <= MOST_SAMPLES else own[generator.choice(len(own), MOST_SAMPLES, replace=False)]
        choices.append(choose_components(some, label, tried, seed))
        parts.append(fit_class_mixture(some, choices[-1].components, choices[-1].ridge, seed))
    return MixtureFit(tuple(choices), tuple(parts), centre, directions, members / len(rows), len(rows))


def _leading_directions(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean (D,) of rows (n, D), and the directions (D, q) that hold VARIANCE_SHARE, or as many as are admitted."""
    if not np.ptp(rows, axis=0).any():
        raise InputError("inputs: are all equal; give inputs that vary")
    found = PCA(min(MOST_DIRECTIONS, *rows.shape), random_state=0).fit(rows)
    variances = found.explained_variance_
    wanted = int(np.searchsorted(np.cumsum(found.explained_variance_ratio_), VARIANCE_SHARE)) + 1
    count = min(wanted, int(np.count_nonzero(variances > RELATIVE_RANK_TOLERANCE * variances[0])))
    return np.asarray(found.mean_, dtype=np.float64), np.asarray(found.components_[:count].T, dtype=np.float64)


def mixture_lines(fit: MixtureFit) -> list[str]:
    """What the fit found, as lines of text."""
    numbers = " ".join(str(choice.components) for choice in fit.choices)
    directions, share = fit.directions.shape[1], fit.parameters / fit.data_numbers
    return [
        f"Gaussians by class {numbers}",
        f"  held-out log-likelihood {fit.gain:+.3f} +- {fit.gain_error:.1g} nats per sample and direction beyond "
        "one each",
        f"  {fit.parameters} numbers in {directions} leading directions beside {fit.data_numbers} of the samples: "
        f"{share:.2g} (from 1 on the model is the data, and predicts nothing)",
    ]


def mixture_content(fit: MixtureFit) -> dict[str, Any]:
    """What the fit found, as plain values."""
    return {
        "directions": int(fit.directions.shape[1]),
        "components": fit.components,
        "held_out_gain": fit.gain,
        "held_out_gain_error": fit.gain_error,
        "parameters": fit.parameters,
        "data_numbers": fit.data_numbers,
        "classes": [asdict(choice) for choice in fit.choices],
    }
