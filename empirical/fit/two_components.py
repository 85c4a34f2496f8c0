"""Two Gaussian components of a common variance, by scikit-learn's mixture, followed from several starts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from theory.validation import FloatArray

#: Shares of the samples that are split off below, or above, to start from.
_STARTING_SHARES = (0.05, 0.2, 0.5, 0.8, 0.95)

#: Expectation maximisation ends where a step gains less than this per sample, or after so many steps.
_GAIN, _STEPS = 1e-4, 400

#: The smallest variance of a component, in units of that of all samples.
_SMALLEST_VARIANCE = 1e-6

# Optima are one where their means differ by less than this many deviations; the likeliest few are followed.
_SAME, _MOST_OPTIMA = 0.05, 3


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of two components.

    Attributes:
        share: of the first component.
        means: (2,).
        deviation: of both components.
        gain: log-likelihood of the samples above that of one Gaussian.
        count: number of samples.
    """

    share: float
    means: FloatArray
    deviation: float
    gain: float
    count: int

    @property
    def separation(self) -> float:
        """Distance of the two means in standard deviations."""
        return float(abs(self.means[1] - self.means[0]) / self.deviation)


def optima(values: FloatArray) -> list[Mixture]:
    """The mixtures of one sample (n,) to which the starts lead, the likeliest first, each once.

    Starts split off the lowest or the highest 5, 20 and 50 %.
    """
    ordered = np.sort(values)
    cuts = np.unique(np.clip(np.rint(np.multiply(_STARTING_SHARES, values.size)), 1, values.size - 1).astype(np.int64))
    found = [_followed(values, _split(ordered, int(cut))) for cut in cuts]
    kept: list[Mixture] = []
    for one in sorted(found, key=lambda one: -one.gain):
        if all(np.abs(one.means - other.means).max() > _SAME * one.deviation for other in kept):
            kept.append(one)
    return kept[:_MOST_OPTIMA]


def likeliest(values: FloatArray, starts: Sequence[Mixture]) -> Mixture:
    """The likeliest mixture of a sample (n,) that any of the starts leads to."""
    return max((_followed(values, start) for start in starts), key=lambda one: one.gain)


def _split(ordered: FloatArray, cut: int) -> Mixture:
    """The components of the samples below and above a cut."""
    share = cut / ordered.size
    means = np.array([ordered[:cut].mean(), ordered[cut:].mean()])
    within = ordered.var() - share * (1 - share) * (means[1] - means[0]) ** 2
    return Mixture(share, means, float(np.sqrt(max(within, _SMALLEST_VARIANCE * ordered.var()))), 0.0, ordered.size)


def _followed(values: FloatArray, start: Mixture) -> Mixture:
    """Expectation maximisation from a start, in units of the sample's standard deviation."""
    centre, scale = values.mean(), values.std()
    mixture = GaussianMixture(
        2,
        covariance_type="tied",
        reg_covar=_SMALLEST_VARIANCE,
        tol=_GAIN,
        max_iter=_STEPS,
        weights_init=[start.share, 1 - start.share],
        means_init=(start.means[:, None] - centre) / scale,
        precisions_init=[[(scale / start.deviation) ** 2]],
        init_params="random_from_data",  # replaced by the three above
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit((values[:, None] - centre) / scale)
    alone = -0.5 * (1 + np.log(2 * np.pi))  # mean log-likelihood of one Gaussian, in these units
    return Mixture(
        float(mixture.weights_[0]),
        mixture.means_[:, 0] * scale + centre,
        float(np.sqrt(mixture.covariances_[0, 0]) * scale),
        values.size * float(mixture.lower_bound_ - alone),
        values.size,
    )
