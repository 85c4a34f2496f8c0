"""The study of rules of choice as a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.studies.choose.rules import RIVALS
from empirical.studies.choose_study.figure import draw_study
from empirical.studies.choose_study.pairs import BY_ERROR, CHOSEN, SURE, UNLABELLED, PairResult
from empirical.studies.choose_study.plan import StudyPlan
from empirical.studies.report import DrawnReport, reading
from simulation.runs.json_reader import ListOf, MapOf, Real, Record, Text, Whole, read_json
from simulation.runs.run_kinds import CHOOSE_STUDY
from simulation.runs.text_table import text_table
from theory.validation import FloatArray

#: Rules in the order of the table.
RULES = (CHOSEN, BY_ERROR, SURE, UNLABELLED, *(rule.name for rule in RIVALS))

_PAIR = Record(
    {
        "source": Text(),
        "network": Text(),
        "seed": Whole(),
        "target": Text(),
        "steps": ListOf(Whole(), 2),
        "worth": ListOf(Real(), 2),
        "losses": ListOf(Real(), 2),
        "picks": MapOf(Whole()),
        "verdict": Text(),
        "leading": Whole(),
        "error_leading": Whole(),
        "mean": ListOf(Real(), 2),
        "lower": ListOf(Real(), 2),
        "upper": ListOf(Real(), 2),
        "tuned": ListOf(Real()),
    }
)
_RESULT = Record({"plan": MapOf(Real()), "pairs": ListOf(_PAIR)}, {"versions": MapOf(Text())})

_LISTS = ("steps", "worth", "losses", "mean", "lower", "upper", "tuned")


def read_pairs(stored: Sequence[dict[str, Any]]) -> list[PairResult]:
    """Pairs from JSON."""
    return [PairResult(**one | {name: tuple(one[name]) for name in _LISTS}) for one in stored]


@dataclass(frozen=True, eq=False)
class ChooseStudyReport(DrawnReport):
    """What each rule loses against the best checkpoint, over pairs of sources and targets.

    Attributes:
        plan: trainings and labels.
        pairs: one for each training and target.
        versions: of the software that trained and measured.
    """

    kind = CHOOSE_STUDY
    figure_name = "choose-study.png"

    plan: StudyPlan
    pairs: tuple[PairResult, ...]
    versions: dict[str, str] = field(default_factory=dict)

    def regrets(self, rule: str) -> FloatArray:
        """Regrets of a rule over the pairs to which it applies, in shares of the samples or of the variance."""
        found = [one.regret(rule) for one in self.pairs]
        return np.array([one for one in found if one is not None], dtype=np.float64)

    @property
    def best_rule(self) -> str:
        """The rule of the smallest mean regret among those that apply to every pair."""
        whole = [rule for rule in RULES if self.regrets(rule).size == len(self.pairs)]
        return min(whole, key=lambda rule: float(self.regrets(rule).mean()))

    @property
    def covered(self) -> list[bool]:
        """For each pair that expects a gain, whether its stated band holds the gain on fresh images."""
        return [one.covered for one in self.pairs if one.covered is not None]

    @property
    def coverage(self) -> float:
        """Share of the stated bands that hold the gain on fresh images; NaN where no pair expects a gain."""
        return float(np.mean(self.covered)) if self.covered else float("nan")

    def lines(self) -> list[str]:
        """Mean and worst regret of every rule, coverage, and abstentions."""
        rows = []
        for rule in RULES:
            own = 100 * self.regrets(rule)
            if own.size:
                rows.append((rule, f"{own.mean():.2f}", f"{own.max():.2f}", str(own.size)))
        header = ("rule", "mean regret (points)", "worst", "pairs")
        undecided = sum(one.undecided for one in self.pairs)
        count = len(self.pairs)
        every = np.mean([one.share_covered for one in self.pairs])
        return [
            *text_table(header, sorted(rows, key=lambda row: float(row[1]))),
            f"{self.plan.labels_per_class} labels of each class; {undecided} of {count} choices cannot tell",
            f"where a gain is expected, its 95 % band holds the gain on fresh images in {sum(self.covered)} of "
            f"{len(self.covered)} pairs; at {every:.0%} of all steps before the last",
            f"smallest mean regret: {self.best_rule}",
        ]

    def content(self) -> dict[str, Any]:
        """The plan, the summary of every rule, and the pairs."""
        summary = {
            rule: {"mean": float(own.mean()), "worst": float(own.max()), "pairs": int(own.size)}
            for rule in RULES
            if (own := self.regrets(rule)).size
        }
        return {
            "plan": asdict(self.plan),
            "regrets": summary,
            "coverage": self.coverage,
            "undecided": sum(one.undecided for one in self.pairs),
            "pairs": [one.stored() for one in self.pairs],
            "versions": self.versions,
        }

    def draw(self, path: Path | str) -> None:
        """Draw the regrets of every rule, and the gains on fresh images beside the stated bands."""
        draw_study({rule: self.regrets(rule) for rule in RULES}, self.pairs, Path(path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", _RESULT, "folder")
        with reading(folder):
            return cls(StudyPlan(**content["plan"]), tuple(read_pairs(content["pairs"])), content.get("versions", {}))
