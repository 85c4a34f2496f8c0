"""Boundaries of the mean curve of an ensemble, with their uncertainty over replicas.

The mean over draws of W(0) comes first and the boundary second: for small initialisation the
turning point of a single draw scatters widely (a term linear in W(0) has a random sign there), while
that of the mean curve is what the annealed theory predicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory import Boundaries, Curve, boundaries_of
from theory.curves.boundaries import RESOLUTION, boundary_estimates
from theory.curves.regimes import Absence, lowest_valley
from theory.validation import FloatArray, at_least

#: The boundaries that have a time, by their names in ``Boundaries``, in the order of all tables here.
BOUNDARY_NAMES = ("fraction_point", "turning_point", "return_time")


@dataclass(frozen=True, eq=False)
class MeasuredBoundaries:
    """Boundaries of a mean curve and of bootstrap resamples of its replicas.

    Attributes:
        boundaries: of the mean over replicas.
        resampled: (3, resamples) logarithms of the boundary times in the order of BOUNDARY_NAMES,
            NaN where a resample has no such boundary; no columns where the uncertainty is
            unknown (one replica) or there is no boundary. Curves with the same number of replicas are
            resampled alike, so that differences of two of them are paired.
    """

    boundaries: Boundaries
    resampled: FloatArray

    def time(self, name: str) -> float | None:
        """The boundary called ``name`` in ``Boundaries``."""
        found: float | None = getattr(self.boundaries, name)
        return found

    def relative_error(self, name: str) -> float | None:
        """Its standard error, relative (that of the logarithm).

        None where there are no resamples, infinite where more than a tenth of them lack it.
        """
        return _spread(self.resampled[BOUNDARY_NAMES.index(name)])

    def relative_error_against(self, other: MeasuredBoundaries, name: str) -> float | None:
        """Standard error of the logarithm of the ratio to the same boundary of ``other``, paired."""
        if self.resampled.shape != other.resampled.shape:
            return None
        row = BOUNDARY_NAMES.index(name)
        return _spread(self.resampled[row] - other.resampled[row])


def measured_boundaries(
    curve: Curve,
    fraction: float = 0.5,
    resolution: float | FloatArray = RESOLUTION,
    resamples: int = 400,
    seed: int = 0,
) -> MeasuredBoundaries:
    """Boundaries of the mean curve, with errors from a bootstrap over replicas.

    Args:
        curve: losses (replica, T).
        fraction: share of the fall to the lowest loss at the fraction point.
        resolution: smallest move that counts, in units of L / tr Sigma; one number or (T,).
        resamples: number of bootstrap resamples.
        seed: of the resampling.

    Raises:
        InputError: values out of range.
    """
    count = at_least("resamples", resamples, 2)
    found = boundaries_of(curve.times, curve.mean, fraction, resolution)
    valley = lowest_valley(curve.mean, resolution)
    if isinstance(valley, Absence) or curve.replicas == 1:
        return MeasuredBoundaries(found, np.empty((len(BOUNDARY_NAMES), 0)))
    shares = np.full(curve.replicas, 1 / curve.replicas)
    chosen = np.random.default_rng(seed).multinomial(curve.replicas, shares, size=count)
    estimates = boundary_estimates(curve.times, (chosen / curve.replicas) @ curve.losses, valley, fraction)
    logarithms = np.log(np.where(estimates > 0, estimates, np.nan))
    return MeasuredBoundaries(found, np.asarray(logarithms, dtype=np.float64))


def _spread(logarithms: FloatArray) -> float | None:
    """Standard deviation; None without resamples, infinite where a tenth of them lacks the boundary."""
    if logarithms.size == 0:
        return None
    finite = logarithms[np.isfinite(logarithms)]
    return float(finite.std(ddof=1)) if finite.size > 0.9 * logarithms.size else float("inf")
