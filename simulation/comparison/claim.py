"""A claim of the theory on a trained curve: what was derived, what was measured, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from theory.assumptions import Verdict as Verdict


class ClaimKind(Enum):
    """What a claim is about; the value is its name in tables."""

    MEAN_FIELD = "mean-field curve"
    LINEARISED = "linearised curve"
    REGIME = "regime"
    END_OF_PHASE_ONE = "end of phase I (half of the fall)"
    TURNING_POINT = "turning point"
    RETURN = "return to the initial level"

    @property
    def is_curve(self) -> bool:
        """Whether losses are compared, in units of L / tr Sigma."""
        return self in (ClaimKind.MEAN_FIELD, ClaimKind.LINEARISED)

    @property
    def is_boundary(self) -> bool:
        """Whether steps are compared, as shares of the derived step."""
        return self in BOUNDARY_KINDS


#: Claims on boundaries, in the order of ``measurement.BOUNDARY_NAMES``.
BOUNDARY_KINDS = (ClaimKind.END_OF_PHASE_ONE, ClaimKind.TURNING_POINT, ClaimKind.RETURN)


@dataclass(frozen=True)
class Claim:
    """One row of the verdict.

    Attributes:
        kind: what is claimed.
        derived: the derived value as text, with its unit.
        measured: the measured value as text, with its standard error where there is one.
        derived_value: the derived number: a loss, or a boundary in steps; NaN where there is none.
        measured_value: the measured number, likewise.
        deviation: difference in the units of the tolerance; NaN where one side has no value.
        standard_error: of the deviation, over replicas, in the same units; 0 where none is known,
            infinite where the data cannot determine it.
        tolerance: largest accepted deviation.
        range_share: deviation of a curve as a share of the range of the derived one; None for other claims, and where
            that range is not beyond the resolution.
        is_flat: whether neither curve moves by more than the resolution.
        steps: first and last step of a claim on a curve; None for other claims.
        worst_step: where between these the two curves differ most; None for other claims.
    """

    kind: ClaimKind
    derived: str
    measured: str
    derived_value: float
    measured_value: float
    deviation: float
    standard_error: float
    tolerance: float
    range_share: float | None = None
    is_flat: bool = False
    steps: tuple[int, int] | None = None
    worst_step: int | None = None

    @property
    def name(self) -> str:
        """What is claimed, with the steps of a claim on a curve."""
        return self.kind.value if self.steps is None else f"{self.kind.value}, steps {self.steps[0]} to {self.steps[1]}"

    @property
    def verdict(self) -> Verdict:
        """HOLDS within the tolerance, FAILS beyond it by more than two standard errors.

        NOT_RESOLVED in between, and wherever the standard error is larger than the tolerance: more
        replicas, larger batches or more steps would resolve it. NO_PHASES, instead of these two, on flat curves:
        an absolute tolerance is met there by any derived curve.
        """
        own = self._own_verdict
        return Verdict.NO_PHASES if self.is_flat and own is not Verdict.FAILS else own

    @property
    def _own_verdict(self) -> Verdict:
        if np.isinf(self.standard_error):
            return Verdict.NOT_RESOLVED
        if not self.deviation <= self.tolerance + 2 * self.standard_error:
            return Verdict.FAILS
        resolved = self.standard_error <= self.tolerance
        return Verdict.HOLDS if resolved and self.deviation <= self.tolerance else Verdict.NOT_RESOLVED
