"""Derived against measured: claims with a deviation, a tolerance and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from simulation.measurement import BOUNDARY_NAMES, MeasuredBoundaries, measured_boundaries
from theory import Curve
from theory.boundaries import RESOLUTION, regime_of
from theory.validation import FloatArray, InputError, IntArray, at_least, positive


@dataclass(frozen=True)
class Tolerances:
    """How far derived and trained may differ for a claim to hold.

    Attributes:
        early_curve: largest difference of L / tr Sigma between the mean curves over the draws of W(0),
            at every recorded step up to ``early_steps``.
        late_curve: the same beyond ``early_steps``.
        early_steps: where the earlier tolerance ends.
        linearised_curve: largest difference of the linearised curve, up to ``linearised_steps``.
        linearised_steps: steps up to which the linearisation is claimed to hold.
        boundary: largest relative difference of a boundary time.
    """

    early_curve: float
    late_curve: float
    early_steps: int
    linearised_curve: float
    linearised_steps: int
    boundary: float

    def __post_init__(self) -> None:
        for name in ("early_curve", "late_curve", "linearised_curve", "boundary"):
            positive(name, getattr(self, name))
        for name in ("early_steps", "linearised_steps"):
            at_least(name, getattr(self, name), 0)


class Verdict(Enum):
    """The outcome of a claim."""

    HOLDS = "holds"
    FAILS = "FAILS"
    NOT_RESOLVED = "not resolved"


@dataclass(frozen=True)
class Claim:
    """One row of the verdict.

    Attributes:
        name: what is claimed.
        derived: the derived value, as text with its unit.
        measured: the measured value, likewise, with its standard error where there is one.
        deviation: difference in the units of the tolerance; NaN where one side has no value.
        standard_error: of the deviation, over replicas, in the same units; 0 where none is known.
        tolerance: largest accepted deviation.
    """

    name: str
    derived: str
    measured: str
    deviation: float
    standard_error: float
    tolerance: float

    @property
    def verdict(self) -> Verdict:
        """HOLDS within the tolerance, FAILS beyond it by more than two standard errors.

        In between the data do not tell: more replicas or larger batches would.
        """
        if self.deviation <= self.tolerance:
            return Verdict.HOLDS
        if self.deviation <= self.tolerance + 2 * self.standard_error:
            return Verdict.NOT_RESOLVED
        return Verdict.FAILS


@dataclass(frozen=True, eq=False)
class Comparison:
    """A derived curve beside the trained one.

    Attributes:
        derived: mean-field curve (replica, T).
        linearised: linearised curve of the same replicas and times.
        trained: trained curve of the same replicas and times.
        expected: boundaries of the derived curve.
        found: boundaries of the trained curve.
        claims: the verdicts.
    """

    derived: Curve
    linearised: Curve
    trained: Curve
    expected: MeasuredBoundaries
    found: MeasuredBoundaries
    claims: tuple[Claim, ...]


def compare(derived: Curve, linearised: Curve, trained: Curve, step_size: float, tolerances: Tolerances) -> Comparison:
    """Hold the curve and the boundaries of a derived curve against those of trained networks.

    Both are means over the same draws of W(0), so that the spread over draws cancels. Boundaries and
    regime are read off both in the same way, at a resolution that leaves out moves of the size of
    the mini-batch noise.

    Args:
        derived: mean-field curve (replica, T).
        linearised: linearised curve of the same replicas and times.
        trained: trained curve of the same replicas and times.
        step_size: eta, which turns times into steps.
        tolerances: accepted differences.

    Raises:
        InputError: the curves differ in times or replicas.
    """
    for name, curve in (("derived", derived), ("linearised", linearised)):
        if curve.losses.shape != trained.losses.shape or not np.allclose(curve.times, trained.times, rtol=1e-9):
            raise InputError(f"{name}: has other times or replicas than the trained curve; give the same ones")
    # A move is a difference of two points, each with the error of the paired difference.
    resolution = RESOLUTION + 2 * np.sqrt(2) * difference_error(derived, trained)
    expected = measured_boundaries(derived, resolution=resolution)
    found = measured_boundaries(trained, resolution=resolution)
    claims = [
        *_curve_claims(derived, linearised, trained, step_size, tolerances),
        _regime_claim(expected, found, derived, trained, resolution),
        *_boundary_claims(expected, found, step_size, tolerances.boundary),
    ]
    return Comparison(derived, linearised, trained, expected, found, tuple(claims))


def difference_error(derived: Curve, trained: Curve) -> FloatArray:
    """(T,) standard error of the mean over replicas of trained minus derived: the sampling noise of
    mini-batches and the dependence of the theory's error on W(0); zeros for one replica.
    """
    difference = Curve(trained.times, trained.losses - derived.losses)
    return np.asarray(difference.spread / np.sqrt(difference.replicas), dtype=np.float64)


def _curve_claims(
    derived: Curve, linearised: Curve, trained: Curve, step_size: float, tolerances: Tolerances
) -> list[Claim]:
    """Claims on the curves, as far as they were recorded."""
    steps = np.rint(trained.times / step_size).astype(np.int64)
    last = int(steps[-1])
    early, linear = min(tolerances.early_steps, last), min(tolerances.linearised_steps, last)
    claims = [_curve_claim("mean-field curve", derived, trained, steps, 0, early, tolerances.early_curve)]
    if last > early:
        claims.append(_curve_claim("mean-field curve", derived, trained, steps, early + 1, last, tolerances.late_curve))
    if linear > 0:
        claims.append(
            _curve_claim("linearised curve", linearised, trained, steps, 0, linear, tolerances.linearised_curve)
        )
    return claims


def _curve_claim(
    name: str,
    predicted: Curve,
    trained: Curve,
    steps: IntArray,
    first: int,
    last: int,
    tolerance: float,
) -> Claim:
    """The largest difference of the mean curves over the steps first .. last."""
    inside = (steps >= first) & (steps <= last)
    difference = np.where(inside, np.abs(predicted.mean - trained.mean), -1.0)
    column = int(np.argmax(difference))
    deviation = float(difference[column])
    error = difference_error(predicted, trained)[column]
    return Claim(
        name=f"{name}, steps {first} to {last}",
        derived=f"{predicted.mean[column]:.4f} at step {steps[column]}",
        measured=f"{trained.mean[column]:.4f} +- {error:.1g}",
        deviation=deviation,
        standard_error=float(error),
        tolerance=tolerance,
    )


def _regime_claim(
    expected: MeasuredBoundaries,
    found: MeasuredBoundaries,
    derived: Curve,
    trained: Curve,
    resolution: FloatArray,
) -> Claim:
    """The regime of the mean curves, with the number of single draws that show it."""
    regimes = (expected.boundaries.regime, found.boundaries.regime)
    shown = [
        sum(regime_of(row, resolution) is regime for row in curve.losses)
        for regime, curve in zip(regimes, (derived, trained), strict=True)
    ]
    texts = [
        f"{regime.value} ({count} of {trained.replicas} draws)" for regime, count in zip(regimes, shown, strict=True)
    ]
    return Claim(
        name="regime",
        derived=texts[0],
        measured=texts[1],
        deviation=0.0 if regimes[0] is regimes[1] else 1.0,
        standard_error=0.0,
        tolerance=0.0,
    )


def _boundary_claims(
    expected: MeasuredBoundaries, found: MeasuredBoundaries, step_size: float, tolerance: float
) -> list[Claim]:
    """A claim for each boundary that the derived or the trained curve has."""
    titles = ("end of phase I (half of the fall)", "turning point", "return to the initial level")
    claims = []
    for title, name in zip(titles, BOUNDARY_NAMES, strict=True):
        derived, measured = expected.time(name), found.time(name)
        if derived is None and measured is None:
            continue
        both = derived is not None and measured is not None
        claims.append(
            Claim(
                name=title,
                derived=_steps_text(derived, None, step_size),
                measured=_steps_text(measured, found.relative_error(name), step_size),
                deviation=abs(measured / derived - 1) if derived is not None and measured is not None else np.nan,
                standard_error=(found.relative_error_against(expected, name) or 0.0) if both else 0.0,
                tolerance=tolerance,
            )
        )
    return claims


def _steps_text(time: float | None, relative_error: float | None, step_size: float) -> str:
    if time is None:
        return "none"
    steps = time / step_size
    error = f" +- {relative_error * steps:.2g}" if relative_error is not None else ""
    return f"step {steps:.4g}{error}"
