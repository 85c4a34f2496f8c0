"""Boundaries of the mean curve of an ensemble, with their uncertainty over replicas.

The mean over draws of W(0) comes first and the boundary second: for small initialisation the
turning point of a single draw scatters widely (a term linear in W(0) has a random sign there), while
that of the mean curve is what the annealed theory predicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory import Boundaries, Curve, measure_boundaries
from theory.boundaries import RESOLUTION, boundary_estimates, last_fall
from theory.validation import at_least


@dataclass(frozen=True)
class MeasuredBoundaries:
    """Boundaries of a mean curve and their standard errors.

    Attributes:
        boundaries: of the mean over replicas.
        fraction_point_error: relative standard error (that of the logarithm), None where there is no
            such boundary or there is one replica only.
        turning_point_error: likewise.
        return_time_error: likewise.
    """

    boundaries: Boundaries
    fraction_point_error: float | None
    turning_point_error: float | None
    return_time_error: float | None


def measured_boundaries(
    curve: Curve,
    fraction: float = 0.5,
    resolution: float = RESOLUTION,
    resamples: int = 400,
    seed: int = 0,
) -> MeasuredBoundaries:
    """Boundaries of the mean curve, with errors from a bootstrap over replicas.

    Args:
        curve: losses (replica, T).
        fraction: share of the last fall that marks the end of phase I.
        resolution: smallest move that counts, in units of L / tr Sigma.
        resamples: number of bootstrap resamples.
        seed: of the resampling.

    Raises:
        InputError: values out of range.
    """
    found = measure_boundaries(curve.times, curve.mean, fraction, resolution)
    fall = last_fall(curve.mean, resolution)
    if fall is None or curve.replicas == 1:
        return MeasuredBoundaries(found, None, None, None)
    count = at_least("resamples", resamples, 2)
    chosen = np.random.default_rng(seed).multinomial(
        curve.replicas, np.full(curve.replicas, 1 / curve.replicas), size=count
    )
    means = (chosen / curve.replicas) @ curve.losses
    estimates = boundary_estimates(curve.times, means, fall[0], fraction)
    errors = [_relative_error(row) for row in estimates]
    return MeasuredBoundaries(
        found,
        errors[0] if found.fraction_point is not None else None,
        errors[1] if found.turning_point is not None else None,
        errors[2] if found.return_time is not None else None,
    )


def _relative_error(times: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float | None:
    """Standard deviation of the logarithms of the finite times; None with fewer than two of them."""
    logarithms = np.log(times[np.isfinite(times) & (times > 0)])
    return float(logarithms.std(ddof=1)) if logarithms.size > 1 else None
