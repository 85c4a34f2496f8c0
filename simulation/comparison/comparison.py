"""Derived against measured: claims with a deviation, a tolerance and a verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from simulation.comparison.claim import BOUNDARY_KINDS, Claim, ClaimKind
from simulation.comparison.measurement import BOUNDARY_NAMES, MeasuredBoundaries, measured_boundaries
from theory import Curve
from theory.curves.boundaries import RESOLUTION, regime_of
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


#: Coarser than this, in units of L / tr Sigma, a curve does not show its regime.
LARGEST_RESOLUTION = 4 * RESOLUTION


@dataclass(frozen=True, eq=False)
class Comparison:
    """A derived curve compared with the trained curve.

    Attributes:
        derived: mean-field curve (replica, T).
        linearised: linearised curve of the same replicas and times.
        trained: trained curve of the same replicas and times.
        claims: the verdicts.
    """

    derived: Curve
    linearised: Curve
    trained: Curve
    claims: tuple[Claim, ...]

    @cached_property
    def expected(self) -> MeasuredBoundaries:
        """Boundaries of the derived curve, at ``comparison_resolution``."""
        return measured_boundaries(self.derived, resolution=comparison_resolution(self.derived, self.trained))

    @cached_property
    def found(self) -> MeasuredBoundaries:
        """Boundaries of the trained curve, likewise."""
        return measured_boundaries(self.trained, resolution=comparison_resolution(self.derived, self.trained))


def compare(derived: Curve, linearised: Curve, trained: Curve, step_size: float, tolerances: Tolerances) -> Comparison:
    """Compare a derived curve and its boundaries with those of trained networks.

    Both are means over the same draws of W(0), so that the spread over draws cancels. Boundaries and
    regime are read off both in the same way, at a resolution that ignores moves of the size of
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
        if curve.losses.shape != trained.losses.shape or not np.allclose(curve.times, trained.times, rtol=1e-9, atol=0):
            raise InputError(f"{name}: has other times or replicas than the trained curve; give the same ones")
    compared = Comparison(derived, linearised, trained, ())
    claims = [
        *_curve_claims(derived, linearised, trained, step_size, tolerances),
        _regime_claim(compared),
        *_boundary_claims(compared.expected, compared.found, step_size, float(trained.times[-1]), tolerances.boundary),
    ]
    flat = max(float(np.ptp(curve.mean)) for curve in (derived, trained)) <= RESOLUTION
    return replace(compared, claims=tuple(replace(claim, is_flat=flat) for claim in claims))


def comparison_resolution(derived: Curve, trained: Curve) -> FloatArray:
    """(T,) smallest move that counts: a move is a difference of two points, each with the paired difference's error."""
    return np.asarray(RESOLUTION + 2 * np.sqrt(2) * difference_error(derived, trained), dtype=np.float64)


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
    claims = [_curve_claim(ClaimKind.MEAN_FIELD, derived, trained, steps, 0, early, tolerances.early_curve)]
    if last > early:
        claims.append(
            _curve_claim(ClaimKind.MEAN_FIELD, derived, trained, steps, early + 1, last, tolerances.late_curve)
        )
    if linear > 0:
        claims.append(
            _curve_claim(ClaimKind.LINEARISED, linearised, trained, steps, 0, linear, tolerances.linearised_curve)
        )
    return claims


def _curve_claim(
    kind: ClaimKind,
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
    extent = float(np.ptp(predicted.mean))
    return Claim(
        kind=kind,
        derived=f"{predicted.mean[column]:.4f} at step {steps[column]}",
        measured=f"{trained.mean[column]:.4f} +- {error:.1g}",
        derived_value=float(predicted.mean[column]),
        measured_value=float(trained.mean[column]),
        deviation=deviation,
        standard_error=float(error),
        tolerance=tolerance,
        range_share=deviation / extent if extent > RESOLUTION else None,
        steps=(first, last),
        worst_step=int(steps[column]),
    )


def _regime_claim(compared: Comparison) -> Claim:
    """The regime of the mean curves, with the number of single draws that show it."""
    derived, trained = compared.derived, compared.trained
    resolution = comparison_resolution(derived, trained)
    regimes = (compared.expected.boundaries.regime, compared.found.boundaries.regime)
    shown = [
        sum(regime_of(row, resolution) == regime for row in curve.losses)
        for regime, curve in zip(regimes, (derived, trained), strict=True)
    ]
    texts = [
        f"{regime.value} ({count} of {trained.replicas} draws)" for regime, count in zip(regimes, shown, strict=True)
    ]
    return Claim(
        kind=ClaimKind.REGIME,
        derived=texts[0],
        measured=texts[1],
        derived_value=float("nan"),
        measured_value=float("nan"),
        deviation=0.0 if regimes[0] == regimes[1] else 1.0,
        # Noise of several times the resolution hides the moves that make a regime.
        standard_error=0.0 if resolution.max() < LARGEST_RESOLUTION else float("inf"),
        tolerance=0.0,
    )


def _boundary_claims(
    expected: MeasuredBoundaries, found: MeasuredBoundaries, step_size: float, last: float, tolerance: float
) -> list[Claim]:
    """A claim for each boundary that the derived or the trained curve has up to the time ``last``."""
    claims = []
    for kind, name in zip(BOUNDARY_KINDS, BOUNDARY_NAMES, strict=True):
        times = [time for time in (expected.time(name), found.time(name)) if time is not None]
        if not times:
            continue
        derived, measured = (_steps(side.time(name), step_size) for side in (expected, found))
        error = 0.0
        if len(times) == 2:
            error = found.relative_error_against(expected, name) or 0.0
        elif times[0] * (1 + tolerance) > last:
            error = float("inf")  # the other one may lie just beyond the last step
        claims.append(
            Claim(
                kind=kind,
                derived=_steps_text(derived, None, expected.boundaries.reason(name)),
                measured=_steps_text(measured, found.relative_error(name), found.boundaries.reason(name)),
                derived_value=derived,
                measured_value=measured,
                deviation=abs(measured / derived - 1),
                standard_error=error,
                tolerance=tolerance,
            )
        )
    return claims


def _steps(time: float | None, step_size: float) -> float:
    return float("nan") if time is None else time / step_size


def _steps_text(steps: float, relative_error: float | None, reason: str | None) -> str:
    if np.isnan(steps):
        return "none" if reason is None else f"none: {reason}"
    error = f" +- {relative_error * steps:.2g}" if relative_error is not None else ""
    return f"step {steps:.4g}{error}"
