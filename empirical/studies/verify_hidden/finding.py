"""The result of a verification of hidden layers for one layer: derived and trained curve and turning point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from empirical.studies.verify_hidden.plan import VerifyHiddenPlan
from theory import Curve

#: What a curve must move by to have a turning point, as a share of the inputs' variance.
RESOLUTION = 0.005


@dataclass(frozen=True, eq=False)
class LayerFinding:
    """The reconstruction of the inputs from one layer.

    Attributes:
        layer: its name in tables.
        derived: curve (replica, T) of the theory, from the draws that are trained.
        trained: curve of the networks.
    """

    layer: str
    derived: Curve
    trained: Curve

    @property
    def deviation(self) -> float:
        """Largest distance of the mean curves, as a share of the inputs' variance."""
        return float(np.abs(self.derived.mean - self.trained.mean).max())

    @property
    def deviation_time(self) -> float:
        """Time at which that is."""
        return float(self.derived.times[np.argmax(np.abs(self.derived.mean - self.trained.mean))])

    @property
    def derived_turning_point(self) -> float | None:
        """Time at which the derived curve turns; None where it falls or rises by less than the resolution."""
        return turning_time(self.derived)

    @property
    def trained_turning_point(self) -> float | None:
        """Time at which the trained curve turns, likewise."""
        return turning_time(self.trained)

    def curve_holds(self, plan: VerifyHiddenPlan) -> bool:
        """Whether the curves agree at all recorded steps."""
        return self.deviation <= plan.accepted

    def turning_holds(self, plan: VerifyHiddenPlan) -> bool:
        """Whether the turning points agree; where one curve alone turns, whether its dip is about the resolution."""
        derived, trained = self.derived_turning_point, self.trained_turning_point
        if derived is None or trained is None:
            return derived is trained or abs(dip(self.derived) - dip(self.trained)) <= plan.accepted
        return abs(derived / trained - 1) <= plan.step_tolerance

    def holds(self, plan: VerifyHiddenPlan) -> bool:
        """Whether curve and turning point agree."""
        return self.curve_holds(plan) and self.turning_holds(plan)


def dip(curve: Curve) -> float:
    """How far the lowest mean loss is below both the first and the last."""
    mean = curve.mean
    return float(min(mean[0], mean[-1]) - mean.min())


def turning_time(curve: Curve) -> float | None:
    """Time of the lowest mean loss; None where the curve dips by less than the resolution."""
    return float(curve.times[np.argmin(curve.mean)]) if dip(curve) > RESOLUTION else None
