"""Measures how far a derived curve of features is from the trained one, and judges it by tolerances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from empirical.studies.assumption_costs import Derivation
from theory import Curve, boundaries_of
from theory.assumptions import Verdict
from theory.curves.boundaries import RESOLUTION

#: Step up to which ``Agreement.early`` looks.
EARLY = 1024

#: Largest accepted differences up to EARLY and over all steps, and largest accepted relative error of a turning point.
EARLY_TOLERANCE, LATE_TOLERANCE, TURNING_TOLERANCE = 0.02, 0.03, 0.25


@dataclass(frozen=True)
class Agreement:
    """The differences of one derived curve from the trained one.

    Attributes:
        source: how it is derived.
        early: largest difference of L / tr Sigma between the mean curves up to step EARLY.
        late: the same over all steps.
        turning_ratio: derived turning point over the trained one; NaN where one of them has none.
        extent: the larger range, highest less lowest, of the derived and the trained mean curve; NaN if not known.
    """

    source: Derivation
    early: float
    late: float
    turning_ratio: float
    extent: float = float("nan")

    @property
    def holds(self) -> bool:
        """Whether the verdict is HOLDS."""
        return self.verdict is Verdict.HOLDS

    @property
    def verdict(self) -> Verdict:
        """FAILS where a difference or, where both curves turn, the turning point is beyond its tolerance.

        NO_PHASES where neither curve moves by more than the resolution, as tolerances say nothing there.
        """
        turning = np.isnan(self.turning_ratio) or abs(self.turning_ratio - 1) <= TURNING_TOLERANCE
        if not (self.early <= EARLY_TOLERANCE and self.late <= LATE_TOLERANCE and turning):
            return Verdict.FAILS
        return Verdict.NO_PHASES if self.extent <= RESOLUTION else Verdict.HOLDS

    @property
    def range_share(self) -> float:
        """``late`` as a share of the range of the curves; NaN if that is not known or not beyond the resolution."""
        return self.late / self.extent if self.extent > RESOLUTION else float("nan")


def agreement_of(source: Derivation, derived: Curve, trained: Curve, step_size: float) -> Agreement:
    """The agreement of a derived curve with the trained one.

    Args:
        source: how the first is derived.
        derived: at the times of the trained one.
        trained: from which differences are measured.
        step_size: eta, by which times are steps.
    """
    difference = np.abs(derived.mean - trained.mean)
    early = trained.times <= EARLY * step_size * (1 + 1e-9)
    times = [boundaries_of(one.times, one.mean).turning_point for one in (derived, trained)]
    ratio = times[0] / times[1] if times[0] is not None and times[1] is not None else float("nan")
    extent = max(float(np.ptp(one.mean)) for one in (derived, trained))
    return Agreement(source, float(difference[early].max()), float(difference.max()), float(ratio), extent)
