"""Derived against measured: claims with a deviation, a tolerance and a verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.measurement import MeasuredBoundaries, measured_boundaries
from theory import Curve
from theory.validation import InputError, at_least, positive


@dataclass(frozen=True)
class Tolerances:
    """How far derived and trained may differ for a claim to hold.

    Attributes:
        early_curve: largest difference of L / tr Sigma, at every step and for every draw of W(0), up
            to ``early_steps``.
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


@dataclass(frozen=True)
class Claim:
    """One row of the verdict.

    Attributes:
        name: what is claimed.
        derived: the derived value, as text with its unit.
        measured: the measured value, likewise, with its standard error where there is one.
        deviation: difference in the units of the tolerance; NaN where one side has no value.
        tolerance: largest accepted deviation.
        holds: the verdict.
    """

    name: str
    derived: str
    measured: str
    deviation: float
    tolerance: float
    holds: bool


def compare(derived: Curve, linearised: Curve, trained: Curve, step_size: float, tolerances: Tolerances) -> list[Claim]:
    """Hold the curve and the boundaries of a derived curve against those of trained networks.

    Boundaries are read off the mean curves over the same draws of W(0), in the same way.

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
    steps = np.rint(trained.times / step_size).astype(np.int64)
    claims = []
    last = int(steps[-1])
    early = min(tolerances.early_steps, last)
    claims.append(_curve_claim("mean-field curve", derived, trained, steps, 0, early, tolerances.early_curve))
    if last > early:
        claims.append(_curve_claim("mean-field curve", derived, trained, steps, early + 1, last, tolerances.late_curve))
    linear = min(tolerances.linearised_steps, last)
    if linear > 0:
        claims.append(
            _curve_claim("linearised curve", linearised, trained, steps, 0, linear, tolerances.linearised_curve)
        )
    expected, found = measured_boundaries(derived), measured_boundaries(trained)
    claims.append(_regime_claim(expected, found))
    claims += _boundary_claims(expected, found, step_size, tolerances.boundary)
    return claims


def _curve_claim(
    name: str,
    predicted: Curve,
    trained: Curve,
    steps: np.ndarray[tuple[int], np.dtype[np.int64]],
    first: int,
    last: int,
    tolerance: float,
) -> Claim:
    """The largest difference over replicas and over the steps first .. last."""
    inside = (steps >= first) & (steps <= last)
    difference = np.where(inside, np.abs(predicted.losses - trained.losses), -1.0)
    replica, column = np.unravel_index(int(np.argmax(difference)), difference.shape)
    deviation = float(difference[replica, column])
    return Claim(
        name=f"{name}, steps {first} to {last}",
        derived=f"{predicted.losses[replica, column]:.4f} at step {steps[column]}",
        measured=f"{trained.losses[replica, column]:.4f}",
        deviation=deviation,
        tolerance=tolerance,
        holds=deviation <= tolerance,
    )


def _regime_claim(expected: MeasuredBoundaries, found: MeasuredBoundaries) -> Claim:
    agree = expected.boundaries.regime is found.boundaries.regime
    return Claim(
        name="regime",
        derived=expected.boundaries.regime.value,
        measured=found.boundaries.regime.value,
        deviation=0.0 if agree else 1.0,
        tolerance=0.0,
        holds=agree,
    )


def _boundary_claims(
    expected: MeasuredBoundaries, found: MeasuredBoundaries, step_size: float, tolerance: float
) -> list[Claim]:
    """A claim for each boundary that the derived or the trained curve has."""
    rows = (
        ("end of phase I (half of the fall)", "fraction_point"),
        ("turning point", "turning_point"),
        ("return to the initial level", "return_time"),
    )
    claims = []
    for name, field in rows:
        derived: float | None = getattr(expected.boundaries, field)
        measured: float | None = getattr(found.boundaries, field)
        if derived is None and measured is None:
            continue
        both = derived is not None and measured is not None
        deviation = abs(measured / derived - 1) if derived is not None and measured is not None else float("nan")
        claims.append(
            Claim(
                name=name,
                derived=_steps_text(derived, None, step_size),
                measured=_steps_text(measured, getattr(found, f"{field}_error"), step_size),
                deviation=deviation,
                tolerance=tolerance,
                holds=both and deviation <= tolerance,
            )
        )
    return claims


def _steps_text(time: float | None, relative_error: float | None, step_size: float) -> str:
    if time is None:
        return "none"
    steps = time / step_size
    error = f" +- {relative_error * steps:.2g}" if relative_error is not None else ""
    return f"step {steps:.4g}{error}"
