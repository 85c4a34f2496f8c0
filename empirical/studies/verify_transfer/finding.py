"""The result of a verification of transfer for one target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student_t

from empirical.studies.verify_transfer.plan import VerifyTransferPlan
from simulation.comparison.transfer import TransferComparison
from theory import Curve, Stopping, TransferVerdict
from theory.validation import FloatArray

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
        clones: (clone, T) mean curves of the same layers trained on samples drawn from the fitted Gaussians; None where
            none were.
    """

    target: str
    verdict: TransferVerdict
    comparison: TransferComparison
    linearised: Curve
    clones: Curve | None = None

    @property
    def verdict_agrees(self) -> bool:
        """Whether theorem T9 gives the advice that the trained curve does."""
        return self.verdict.stopping.agrees_with(self.comparison.found.stopping)

    @property
    def sampling_deviation(self) -> float | None:
        """Standard deviation of R_T over clones where derived and trained curve differ most; None without clones."""
        at = self._clones_at_deviation()
        return None if at is None else float(at.std(ddof=1))

    @property
    def departure(self) -> float | None:
        """How far R_T of training is from the mean of its clones there, in standard deviations of one more clone.

        None without clones, and where these do not differ, as before training.
        """
        at = self._clones_at_deviation()
        if at is None or at.std() == 0:
            return None
        compared = self.comparison
        trained = compared.trained.mean[self._deviation_column]
        return float((at.mean() - trained) / (at.std(ddof=1) * np.sqrt(1 + 1 / at.size)))

    @property
    def is_like_its_clones(self) -> bool | None:
        """Whether the departure is within the 95 % of Student's t: of one more sample of the fitted Gaussians."""
        if self.clones is None or self.departure is None:
            return None
        return bool(abs(self.departure) <= student_t.ppf(0.975, self.clones.replicas - 1))

    @property
    def _deviation_column(self) -> int:
        return int(np.argmin(np.abs(self.comparison.trained.times - self.comparison.deviation_time)))

    def _clones_at_deviation(self) -> FloatArray | None:
        """(clone,) 1 - R_T where derived and trained curve differ most."""
        return None if self.clones is None else self.clones.losses[:, self._deviation_column]

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
