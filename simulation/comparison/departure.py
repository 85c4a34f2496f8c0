"""How far a trained curve departs from a derived one: values, boundaries, regime and shape, with their errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np

from simulation.comparison.comparison import difference_error
from simulation.comparison.measurement import BOUNDARY_NAMES, MeasuredBoundaries, measured_boundaries
from theory import Curve, InputError, Regime
from theory.curves.boundaries import RESOLUTION
from theory.validation import FloatArray

#: What older versions called every regime for which they had no name.
OTHER = "other"

_REGIMES = ("regime_derived", "regime_measured")


@dataclass(frozen=True)
class BoundaryDeparture:
    """One boundary of a trained curve compared with that of the derived curve.

    Attributes:
        derived: in steps; NaN where there is none.
        measured: in steps; NaN likewise.
        error: standard error of log(measured / derived); NaN where either is or the error cannot be known.
        reason: why one of these is NaN; None where none is.
    """

    derived: float
    measured: float
    error: float
    reason: str | None

    @property
    def ratio(self) -> float:
        """Measured over derived; NaN where there is none."""
        return self.measured / self.derived


@dataclass(frozen=True)
class Departure:
    """How far a trained curve departs from a derived one.

    Attributes:
        deviation: trained minus derived L / tr Sigma where that is largest in size.
        deviation_error: its standard error over draws. As the step is chosen, two to three errors are not
            evidence of a departure.
        deviation_step: that step.
        fall_derived: L / tr Sigma of the derived curve at step 0 less its lowest.
        fall_measured: the same of the trained curve.
        fall_error: standard error of their difference.
        shape_deviation: largest difference once the clock of the derived curve is set by the turning point; NaN where
            one side has none.
        regime_derived: of the derived mean curve; None where a file of an older version calls it OTHER.
        regime_measured: of the trained one; None likewise.
        boundaries: by the names of BOUNDARY_NAMES.
    """

    deviation: float
    deviation_error: float
    deviation_step: int
    fall_derived: float
    fall_measured: float
    fall_error: float
    shape_deviation: float
    regime_derived: Regime | None
    regime_measured: Regime | None
    boundaries: Mapping[str, BoundaryDeparture]

    @property
    def turning_point(self) -> BoundaryDeparture:
        """The end of phase II."""
        return self.boundaries["turning_point"]

    @property
    def keeps_regime(self) -> bool:
        """Whether the trained curve has the derived regime; two that are called OTHER count as one."""
        return self.regime_measured == self.regime_derived

    def as_values(self) -> dict[str, Any]:
        """All attributes as plain values."""
        regimes = {name: regime_name(getattr(self, name)) for name in _REGIMES}
        return vars(self) | regimes | {"boundaries": {name: asdict(one) for name, one in self.boundaries.items()}}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``as_values``; None stands for NaN, as in files of results.

        Raises:
            InputError: a regime name that is unknown.
        """
        own = {one.name: _number(values[one.name]) for one in fields(cls)}
        regimes = {name: None if values[name] == OTHER else Regime.from_name(values[name]) for name in _REGIMES}
        boundaries = {name: _boundary_from(one) for name, one in values["boundaries"].items()}
        return cls(**(own | regimes | {"boundaries": boundaries}))


def regime_name(regime: Regime | None) -> str:
    """The name of a regime of a departure."""
    return OTHER if regime is None else regime.value


def _boundary_from(values: Mapping[str, Any]) -> BoundaryDeparture:
    own = {one.name: _number(values[one.name]) for one in fields(BoundaryDeparture)}
    return BoundaryDeparture(**(own | {"reason": values["reason"]}))


def _number(value: Any) -> Any:
    return float("nan") if value is None else value


def departure(derived: Curve, trained: Curve) -> Departure:
    """Compare a trained curve with a derived one.

    Rows are independent draws, the same in both curves, so that what they share cancels. Regime and boundaries
    are those of the mean curves, read off both at a resolution that ignores moves of the size of the noise.

    Args:
        derived: (draw, T), at least 2 draws; times are steps, from 0 on.
        trained: of the same draws and steps.

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
    falls = [curve.losses[:, 0] - curve.losses[:, int(np.argmin(curve.mean))] for curve in (derived, trained)]
    return Departure(
        deviation=float(difference[worst]),
        deviation_error=float(error[worst]),
        deviation_step=int(trained.times[worst]),
        fall_derived=float(falls[0].mean()),
        fall_measured=float(falls[1].mean()),
        fall_error=float((falls[1] - falls[0]).std(ddof=1) / np.sqrt(trained.replicas)),
        shape_deviation=_shape_deviation(derived, trained, boundaries["turning_point"].ratio),
        regime_derived=expected.boundaries.regime,
        regime_measured=found.boundaries.regime,
        boundaries=boundaries,
    )


def _boundary(
    name: str, expected: MeasuredBoundaries, found: MeasuredBoundaries, derived: Curve, trained: Curve
) -> BoundaryDeparture:
    reasons = {
        side: reason
        for side, boundaries, curve in (("derived", expected, derived), ("trained", found, trained))
        if (reason := _absence(name, boundaries, curve)) is not None
    }
    ratio_error = None if reasons else found.relative_error_against(expected, name)
    if not reasons and (ratio_error is None or not np.isfinite(ratio_error)):
        reasons["error"] = "more than a tenth of the resampled curves lack it"
        ratio_error = None
    # A bootstrap's variance lacks the correction n / (n - 1).
    correction = (trained.replicas / (trained.replicas - 1)) ** 0.5
    return BoundaryDeparture(
        derived=_value(expected.time(name), "derived" in reasons),
        measured=_value(found.time(name), "trained" in reasons),
        error=float("nan") if ratio_error is None else ratio_error * correction,
        reason="; ".join(f"{side}: {reason}" for side, reason in reasons.items()) or None,
    )


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
