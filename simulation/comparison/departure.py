"""How far a trained curve departs from a derived one: values, boundaries, regime and shape, with their errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulation.comparison.comparison import difference_error
from simulation.comparison.measurement import BOUNDARY_NAMES, MeasuredBoundaries, measured_boundaries
from theory import Curve, InputError
from theory.curves.boundaries import RESOLUTION
from theory.validation import FloatArray


def departure(derived: Curve, trained: Curve) -> dict[str, Any]:
    """A derived curve beside the trained one.

    Rows are independent draws, the same ones in both curves, so that what they share cancels. Regime and boundaries
    are those of the mean curves, read off both at a resolution that leaves out moves of the size of the noise.

    Args:
        derived: (draw, T), at least 2 draws; times are steps, from 0 on.
        trained: of the same draws and steps.

    Returns:
        deviation, deviation_error, deviation_step: trained minus derived L / tr Sigma where that is largest in size,
        its standard error over draws, and the step. As the step is chosen, two to three errors are no departure.
        fall_derived, fall_measured, fall_error: L / tr Sigma at step 0 less its lowest, and the error of
        their difference.
        shape_deviation: largest difference once the clock of the derived curve is set by the turning point; NaN
        where one side has none.
        regime_derived, regime_measured: names of ``Regime``.
        boundaries: for each of BOUNDARY_NAMES the steps ``derived`` and ``measured``, ``error``, the standard
        error of log(measured / derived), and ``reason``: None, or why one of these is NaN.

    Raises:
        InputError: other draws or steps than the trained curve's, or a single draw.
    """
    if derived.losses.shape != trained.losses.shape or np.any(derived.times != trained.times):
        raise InputError("derived: has other draws or steps than the trained curve; give the same ones")
    if trained.replicas < 2:
        raise InputError("trained: has one draw; give at least 2, whose spread is the error")
    difference = trained.mean - derived.mean
    error = difference_error(derived, trained)
    worst = int(np.argmax(np.abs(difference)))
    # A move is a difference of two points, each with this error.
    resolution = RESOLUTION + 2 * np.sqrt(2) * error
    expected, found = (measured_boundaries(curve, resolution=resolution) for curve in (derived, trained))
    boundaries = {name: _boundary(name, expected, found, derived, trained) for name in BOUNDARY_NAMES}
    turning = boundaries["turning_point"]
    falls = [curve.losses[:, 0] - curve.losses[:, int(np.argmin(curve.mean))] for curve in (derived, trained)]
    return {
        "deviation": float(difference[worst]),
        "deviation_error": float(error[worst]),
        "deviation_step": int(trained.times[worst]),
        "fall_derived": float(falls[0].mean()),
        "fall_measured": float(falls[1].mean()),
        "fall_error": float((falls[1] - falls[0]).std(ddof=1) / np.sqrt(trained.replicas)),
        "shape_deviation": _shape_deviation(derived, trained, turning["measured"] / turning["derived"]),
        "regime_derived": expected.boundaries.regime.value,
        "regime_measured": found.boundaries.regime.value,
        "boundaries": boundaries,
    }


def _boundary(
    name: str, expected: MeasuredBoundaries, found: MeasuredBoundaries, derived: Curve, trained: Curve
) -> dict[str, Any]:
    reasons = {
        side: reason
        for side, boundaries, curve in (("derived", expected, derived), ("trained", found, trained))
        if (reason := _absence(name, boundaries, curve)) is not None
    }
    ratio_error = None if reasons else found.relative_error_against(expected, name)
    if not reasons and (ratio_error is None or not np.isfinite(ratio_error)):
        reasons["error"] = "more than a tenth of the resampled curves lack it"
        ratio_error = None
    return {
        "derived": _value(expected.time(name), "derived" in reasons),
        "measured": _value(found.time(name), "trained" in reasons),
        # A bootstrap's variance lacks the correction n / (n - 1).
        "error": float("nan")
        if ratio_error is None
        else ratio_error * (trained.replicas / (trained.replicas - 1)) ** 0.5,
        "reason": "; ".join(f"{side}: {reason}" for side, reason in reasons.items()) or None,
    }


def _value(time: float | None, unknown: bool) -> float:
    return float("nan") if time is None or unknown else time


def _absence(name: str, measured: MeasuredBoundaries, curve: Curve) -> str | None:
    """Why a curve has no such boundary between its first step and its last; None where it has."""
    time = measured.time(name)
    boundaries = measured.boundaries
    if time is None and boundaries.turning_absence is not None:
        return f"{boundaries.turning_absence.value} ({boundaries.regime.value})"
    if time is None:
        return boundaries.return_absence.value if boundaries.return_absence else "not reached by the last step"
    if time <= curve.times[1]:
        return "within the first step"
    if time >= curve.times[-1]:
        return "at the last step"
    return None


def _shape_deviation(derived: Curve, trained: Curve, factor: float) -> float:
    """Largest difference where both curves have values, the derived one with its clock slowed by ``factor``."""
    if np.isnan(factor):
        return float("nan")
    # Time 0 has no logarithm, and both curves start at the same W(0).
    logs: FloatArray = np.log(derived.times[1:])
    moved = logs - np.log(factor)
    inside = (moved >= logs[0]) & (moved <= logs[-1])
    return float(np.abs(np.interp(moved, logs, derived.mean[1:]) - trained.mean[1:])[inside].max())
