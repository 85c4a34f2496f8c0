"""One source, network and target: what each rule would take, and what every checkpoint is worth on fresh images."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from empirical.probes.gain_curve import Verdict
from empirical.studies.choose.rows import unlabelled_choice
from theory.validation import FloatArray, IntArray

#: Rows of the table that are this tool's.
CHOSEN, SURE, UNLABELLED = "choose", "choose, only if sure", "reconstruction after turning"

#: As ``choose``, but the squared error of the probe orders the checkpoints instead of its accuracy.
BY_ERROR = "choose by squared error"


def tuned_places(checkpoints: int) -> IntArray:
    """Which of the checkpoints are fine-tuned: every second, counted back from the last."""
    return np.arange(checkpoints - 1, -1, -2)[::-1]


@dataclass(frozen=True)
class PairResult:
    """One pair of source and target, of one training.

    Attributes:
        source: trained on.
        network: its name.
        seed: of the training, counted from the plan's.
        target: its name.
        steps: of the checkpoints.
        worth: of each checkpoint: accuracy, or explained variance, on fresh images of a probe fitted to the labels.
        losses: reconstruction losses.
        picks: index that each rule in use takes, by its name; a rule that does not apply is left out.
        verdict: of the choice.
        leading: index of the largest expected gain.
        error_leading: index of the largest expected gain in explained variance.
        mean: expected gains.
        lower: ends of the bands
        upper: on both sides.
        tuned: accuracy on fresh images of the checkpoints ``tuned_places`` after fine-tuning; empty where none was.
    """

    source: str
    network: str
    seed: int
    target: str
    steps: tuple[int, ...]
    worth: tuple[float, ...]
    losses: tuple[float, ...]
    picks: dict[str, int]
    verdict: str
    leading: int
    error_leading: int
    mean: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    tuned: tuple[float, ...] = ()

    @property
    def gains(self) -> FloatArray:
        """(T,) of each checkpoint over the last, on fresh images."""
        return np.array(self.worth) - self.worth[-1]

    def pick(self, rule: str) -> int | None:
        """Index of the checkpoint that a rule takes; None where it does not apply."""
        last = len(self.steps) - 1
        own = {
            CHOSEN: last if self.verdict == Verdict.LAST.value else self.leading,
            SURE: self.leading if self.verdict == Verdict.TAKE.value else last,
            BY_ERROR: last if self.verdict == Verdict.LAST.value else self.error_leading,
            UNLABELLED: unlabelled_choice(np.array(self.losses)),
        }
        return own[rule] if rule in own else self.picks.get(rule)

    def regret(self, rule: str) -> float | None:
        """What a rule loses against the best checkpoint on the fresh images; None where it does not apply."""
        place = self.pick(rule)
        return None if place is None else max(self.worth) - self.worth[place]

    def tuned_regret(self, rule: str) -> float | None:
        """What a rule loses against the best of the fine-tuned checkpoints; None where it does not apply.

        A checkpoint that was not fine-tuned counts as the next later one that was.
        """
        place = self.pick(rule)
        if place is None or not self.tuned:
            return None
        taken = int(np.searchsorted(tuned_places(len(self.steps)), place))
        return max(self.tuned) - self.tuned[taken]

    @property
    def undecided(self) -> bool:
        """Whether the choice abstains."""
        return self.verdict == Verdict.UNDECIDED.value

    @property
    def covered(self) -> bool | None:
        """Whether the band at the step of the largest expected gain holds the gain on fresh images there.

        None where that is the last step, whose gain is zero by definition.
        """
        if self.leading == len(self.steps) - 1:
            return None
        return self.lower[self.leading] <= float(self.gains[self.leading]) <= self.upper[self.leading]

    @property
    def share_covered(self) -> float:
        """The share of the steps before the last whose bands hold the gain on fresh images."""
        inside = (np.array(self.lower) <= self.gains) & (self.gains <= np.array(self.upper))
        return float(inside[:-1].mean())

    def stored(self) -> dict[str, object]:
        """As plain values."""
        return asdict(self)
