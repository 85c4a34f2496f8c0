"""Several Gaussians fitted to the samples of one class by expectation maximisation.

Samples are transformed to coordinates in which the class has about unit covariance. There the ridge epsilon that
scikit-learn adds to a component's covariance is a shrinkage towards the covariance of its class, S_c + epsilon Sigma_k:
it keeps a component well-conditioned that has few samples for its directions.

The likelihood has many maxima, and which is found depends on the start. There are two starts: k-means, for parts that
differ in location, and equal numbers of samples by their distance from the class's mean, for parts that differ in
spread. The likelihood of held-out samples decides between them, not that of the fit: in many directions distances
differ by chance, and a fit to that chance has a high likelihood.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import Enum

import numpy as np
from sklearn.covariance import OAS
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances_argmin
from sklearn.mixture import GaussianMixture

from empirical.fit.class_division import k_means_centres
from theory.validation import FloatArray, IntArray

#: Steps of expectation maximisation, and the gain in log-likelihood per sample below which they end.
_STEPS, _GAIN = 60, 1e-3


class Start(Enum):
    """The property in which the parts of a class are assumed to differ before they are fitted."""

    PLACE = "place"
    SPREAD = "spread"


@dataclass(frozen=True, eq=False)
class ClassMixture:
    """Gaussians of one class.

    Attributes:
        centre: (q,) mean of the samples.
        whitening: (q, q) matrix to the coordinates of the fit.
        log_volume: logarithm of the volume that a unit of these coordinates has in those of the samples.
        parts: the Gaussians in these coordinates.
    """

    centre: FloatArray
    whitening: FloatArray
    log_volume: float
    parts: GaussianMixture

    @property
    def components(self) -> int:
        """Number of Gaussians."""
        return int(self.parts.weights_.size)

    def log_densities(self, samples: FloatArray) -> FloatArray:
        """(n,) logarithm of the density at ``samples`` (n, q), in nats."""
        return np.asarray(self.parts.score_samples(self._inside(samples)) - self.log_volume, dtype=np.float64)

    def responsibilities(self, samples: FloatArray) -> FloatArray:
        """(n, m) probability that a sample belongs to each Gaussian; rows sum to 1."""
        return np.asarray(self.parts.predict_proba(self._inside(samples)), dtype=np.float64)

    def _inside(self, samples: FloatArray) -> FloatArray:
        return np.asarray((samples - self.centre) @ self.whitening, dtype=np.float64)


def fit_class_mixture(
    samples: FloatArray, components: int, ridge: float, start: Start = Start.PLACE, seed: int = 0
) -> ClassMixture:
    """Fit Gaussians to the samples of one class.

    Args:
        samples: (n, q) of one class, at least as many as components, in coordinates in which distance means something:
            k-means starts there.
        components: m, at least 1.
        ridge: epsilon, positive: what is added to each covariance, in units of the class's own.
        start: where expectation maximisation starts.
        seed: of k-means.
    """
    whole = OAS().fit(samples)
    values, vectors = np.linalg.eigh(whole.covariance_)
    whitening = np.asarray(vectors / np.sqrt(values), dtype=np.float64)
    inside = (samples - whole.location_) @ whitening
    match start:
        case Start.PLACE:
            parts = _by_place(samples, components, seed)
        case Start.SPREAD:
            parts = _by_spread(inside, components)
    fitted = _followed(inside, parts, components, ridge)
    return ClassMixture(whole.location_, whitening, 0.5 * float(np.log(values).sum()), fitted)


def _by_place(samples: FloatArray, components: int, seed: int) -> IntArray:
    """(n,) part of each sample by k-means."""
    centres = k_means_centres(samples, components, seed)
    return np.asarray(pairwise_distances_argmin(samples, centres), dtype=np.int64)


def _by_spread(inside: FloatArray, components: int) -> IntArray:
    """(n,) part of each sample by its distance from the mean, in equal numbers."""
    ranks = np.argsort(np.argsort(np.square(inside).sum(axis=1), kind="stable"), kind="stable")
    return np.asarray(ranks * components // len(inside), dtype=np.int64)


def _followed(inside: FloatArray, start: IntArray, components: int, ridge: float) -> GaussianMixture:
    """Expectation maximisation from parts of the samples."""
    members = np.bincount(start, minlength=components)
    means = np.zeros((components, inside.shape[1]))
    # A part without samples starts as the class itself.
    precisions = np.repeat(np.eye(inside.shape[1])[None] / (1 + ridge), components, axis=0)
    for part in np.flatnonzero(members):
        own = inside[start == part]
        means[part] = own.mean(axis=0)
        centred = own - means[part]
        precisions[part] = np.linalg.inv(centred.T @ centred / len(own) + ridge * np.eye(inside.shape[1]))
    shares = np.maximum(members, 1) / np.maximum(members, 1).sum()
    parts = GaussianMixture(
        components,
        reg_covar=ridge,
        tol=_GAIN,
        max_iter=_STEPS,
        weights_init=shares,
        means_init=means,
        precisions_init=precisions,
        init_params="random",  # replaced by the three above
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return parts.fit(inside)
