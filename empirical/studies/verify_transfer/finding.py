"""The result of a verification of transfer for one target."""

from __future__ import annotations

from dataclasses import dataclass

from empirical.studies.verify_transfer.plan import VerifyTransferPlan
from simulation.comparison.transfer import TransferComparison
from theory import Curve, Stopping, TransferVerdict

#: Verdicts in a table.
SHORT_VERDICTS = {
    Stopping.BEFORE_TRAINING: "do not train",
    Stopping.TURNING_POINT: "turning point",
    Stopping.LATER: "later",
    Stopping.GO_ON: "go on",
}


@dataclass(frozen=True, eq=False)
class TransferFinding:
    """The result for one target.

    Attributes:
        target: its name.
        verdict: of theorem T9, from the linearised flow at small sigma0, up to the last step.
        comparison: the mean field's curve and the trained one.
        linearised: linearised curve of the same draws of W(0).
    """

    target: str
    verdict: TransferVerdict
    comparison: TransferComparison
    linearised: Curve

    @property
    def verdict_agrees(self) -> bool:
        """Whether theorem T9 gives the advice that the trained curve does."""
        return self.verdict.stopping.agrees_with(self.comparison.found.stopping)

    def curve_holds(self, plan: VerifyTransferPlan) -> bool:
        """Whether derived and trained R_T agree at all steps."""
        return self.comparison.deviation <= plan.tolerance

    def step_holds(self, plan: VerifyTransferPlan) -> bool:
        """Whether the best steps agree, or training to the derived one costs less than the resolution."""
        within = abs(self.comparison.time_ratio - 1) <= plan.step_tolerance
        return within or self.comparison.regret <= plan.resolution

    def holds(self, plan: VerifyTransferPlan) -> bool:
        """Whether curve, best step and verdict all agree."""
        return self.curve_holds(plan) and self.step_holds(plan) and self.verdict_agrees
