"""Finds a minority of a class away from its mean: two Gaussian components along the class's prototype.

Whether a class has a minority, and which of several optima of the likelihood is the highest, are choices that another
sample may decide otherwise. Where shares are added up over classes the first is taken softly, and the interval is
that of a bootstrap in which every resample repeats all choices (Efron 2014, "Estimation and accuracy after model
selection": the mean over resamples is smooth where the estimate of one sample jumps).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from empirical.fit.jackknife import Interval
from empirical.fit.two_components import Mixture, likeliest, optima
from theory import InputError
from theory.validation import FloatArray, at_least, finite_array

#: Two components count as two where their means are farther apart than this many standard deviations. Equal
#: shares closer than 2 have one hump; the rest keeps a class that is merely skewed from passing for two.
SMALLEST_SEPARATION = 2.5

#: In sums over classes a minority counts in part between these separations.
UNCOUNTED, COUNTED = 2.0, 3.0

#: Two components are not looked for in fewer samples: a single sample would make a component.
FEWEST_POSITIONS = 20

#: Resamples of the bootstrap: a standard error from so many is itself off by 13 %.
RESAMPLES = 30


@dataclass(frozen=True)
class Minority:
    """The smaller of two components of one class along its prototype.

    Attributes:
        share: of the class, 0 to 1/2; 0 where one component describes the class as well.
        position: its mean as a multiple of the larger component's; NaN without a minority.
        separation: distance of the two means in standard deviations of a component; NaN likewise.
    """

    share: float
    position: float
    separation: float


#: A class that one component describes.
NO_MINORITY = Minority(0.0, float("nan"), float("nan"))


def minorities(positions: Sequence[FloatArray]) -> tuple[Minority, ...]:
    """The minority of each class.

    Args:
        positions: for each class (n_k,) coordinates along its prototype relative to the overall mean, where the
            class mean is positive.
    """
    return tuple(find_minority(one) for one in positions)


def find_minority(positions: FloatArray) -> Minority:
    """The minority of one class; see ``minorities``.

    Two components are accepted by the criterion of Schwarz (1978), and where their means are at least
    SMALLEST_SEPARATION standard deviations apart; none among fewer than FEWEST_POSITIONS samples.

    Raises:
        InputError: no positions, or none that differ.
    """
    values = _checked(positions)
    if values.size < FEWEST_POSITIONS:
        return NO_MINORITY
    found = optima(values)[0]
    if _evidence(found) <= 0 or found.separation < SMALLEST_SEPARATION:
        return NO_MINORITY
    small, large = (0, 1) if found.share < 0.5 else (1, 0)
    position = float(found.means[small] / found.means[large])
    return Minority(min(found.share, 1 - found.share), position, found.separation)


def minority_interval(positions: Sequence[FloatArray], seed: int = 0, level: float = 0.95) -> Interval:
    """Share of all samples that belong to a minority, with its interval from a bootstrap within classes.

    A class's share counts by its evidence, as 1 / (1 + exp(-(BIC_1 - BIC_2) / 2)) with the two criteria of Schwarz
    (1978), and by the separation of its components, not at all below UNCOUNTED and fully above COUNTED standard
    deviations. The value is the mean over resamples.

    Args:
        positions: for each class (n_k,) as ``find_minority`` takes them, or (RESAMPLES + 1, n_k): along the prototype
            itself, and along as many prototypes from resamples of the data that it is estimated from.
        seed: of the resamples.
        level: probability with which the interval covers.
    """
    generator = np.random.default_rng(at_least("seed", seed, 0))
    rows = [np.broadcast_to(one, (RESAMPLES + 1, np.shape(one)[-1])) for one in positions]
    total = sum(one.shape[1] for one in rows)
    shares = np.zeros(RESAMPLES)
    for one in rows:
        shares += one.shape[1] / total * _resampled_shares(one, generator)
    value, error = float(shares.mean()), float(shares.std(ddof=1))
    reach = float(norm.ppf((1 + level) / 2)) * error
    return Interval(value, error, value - reach, value + reach)


def _resampled_shares(values: FloatArray, generator: np.random.Generator) -> FloatArray:
    """(RESAMPLES,) shares of the minority of a class, each counted as ``minority_interval`` says."""
    whole = _checked(values[0])
    if whole.size < FEWEST_POSITIONS:
        return np.zeros(RESAMPLES)
    starts = optima(whole)
    numbers = generator.integers(0, whole.size, (RESAMPLES, whole.size))
    resamples = np.take_along_axis(values[1:], numbers, axis=1)
    return np.array([_counted_share(likeliest(one, starts)) for one in resamples])


def _counted_share(found: Mixture) -> float:
    """The smaller share, in part as ``minority_interval`` says."""
    apart = np.clip((found.separation - UNCOUNTED) / (COUNTED - UNCOUNTED), 0.0, 1.0)
    return float(min(found.share, 1 - found.share) * apart * expit(_evidence(found) / 2))


def _evidence(found: Mixture) -> float:
    """By how much the criterion of Schwarz prefers two components: two parameters more, a share and a mean."""
    return float(2 * found.gain - 2 * np.log(found.count))


def _checked(positions: FloatArray) -> FloatArray:
    values = finite_array("positions", positions, 1)
    if np.ptp(values) == 0:
        raise InputError("positions: are all equal; give positions that vary")
    return values
