"""The study of rules of choice as a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.studies.choose.rules import RIVALS
from empirical.studies.choose_study.asking import AskedTarget
from empirical.studies.choose_study.asking_table import asking_lines
from empirical.studies.choose_study.figure import draw_study
from empirical.studies.choose_study.pairs import BY_ACCURACY, CHOSEN, SURE, UNLABELLED, PairResult
from empirical.studies.choose_study.plan import TUNING, StudyPlan
from empirical.studies.choose_study.regrets import (
    Measure,
    PairMean,
    excess,
    frozen,
    known_values,
    pair_mean,
    stated,
    tuned,
)
from empirical.studies.report import DrawnReport, reading
from simulation.runs.json_reader import ListOf, MapOf, Real, Record, Text, Whole, read_json
from simulation.runs.run_kinds import CHOOSE_STUDY
from simulation.runs.text_table import text_table
from theory.validation import FloatArray, path_argument

#: Rules in the order of the table.
RULES = (CHOSEN, BY_ACCURACY, SURE, UNLABELLED, *(rule.name for rule in RIVALS))

#: Rules that this tool's is compared with pair by pair.
_COMPARED = (BY_ACCURACY, "LogME", "direct probe", "last")

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
        "accuracy_leading": Whole(),
        "mean": ListOf(Real(), 2),
        "lower": ListOf(Real(), 2),
        "upper": ListOf(Real(), 2),
        "tuned": ListOf(Real(), 0),
    }
)
#: A part of the study that holds the pairs of one training.
PAIRS = Record({"pairs": ListOf(_PAIR)})
_ASKED_TARGET = Record(
    {
        "source": Text(),
        "network": Text(),
        "seed": Whole(),
        "target": Text(),
        "available": Whole(),
        "labels": ListOf(Whole(), 1),
        "missing": ListOf(Whole(), 1),
        "regrets": ListOf(Real(), 1),
    }
)
#: A part of the study that holds what asking for labels brings on the targets of one training.
ASKED = Record({"asked": ListOf(_ASKED_TARGET)})
_RESULT = Record({"plan": MapOf(Real()), **PAIRS.entries}, {"versions": MapOf(Text()), **ASKED.entries})

_LISTS = ("steps", "worth", "losses", "mean", "lower", "upper", "tuned")


def _smallest_mean(regrets: Mapping[str, FloatArray]) -> str:
    """The rule of the smallest mean among those that apply to most pairs."""
    most = max(own.size for own in regrets.values())
    return min(
        (rule for rule, own in regrets.items() if own.size == most), key=lambda rule: float(regrets[rule].mean())
    )


def _mean_and_worst(own: PairMean) -> tuple[str, str]:
    return f"{own.mean:.2f}", f"{own.worst:.2f}"


def read_pairs(stored: Sequence[dict[str, Any]]) -> list[PairResult]:
    """Pairs from JSON of the shape PAIRS."""
    return [_read_pair(one) for one in stored]


def _read_pair(stored: dict[str, Any]) -> PairResult:
    own: dict[str, Any] = {name: stored[name] for name in _PAIR.entries}
    return PairResult(**own | {name: tuple(own[name]) for name in _LISTS})


def read_asked(stored: Sequence[dict[str, Any]]) -> list[AskedTarget]:
    """Targets that were asked for, from JSON of the shape ASKED."""
    return [_read_asked(one) for one in stored]


def _read_asked(stored: dict[str, Any]) -> AskedTarget:
    own: dict[str, Any] = {name: stored[name] for name in _ASKED_TARGET.entries}
    return AskedTarget(**own | {name: tuple(own[name]) for name in ("labels", "missing", "regrets")})


@dataclass(frozen=True, eq=False)
class ChooseStudyReport(DrawnReport):
    """What each rule loses against the best checkpoint, over pairs of sources and targets.

    Attributes:
        plan: trainings and labels.
        pairs: one for each training and target.
        versions: of the software that trained and measured.
        asked: targets on which more labels were taken; empty where none were.
    """

    kind = CHOOSE_STUDY
    figure_name = "choose-study.png"

    plan: StudyPlan
    pairs: tuple[PairResult, ...]
    versions: dict[str, str] = field(default_factory=dict)
    asked: tuple[AskedTarget, ...] = ()

    def regrets(self, rule: str) -> FloatArray:
        """Regrets of a rule over the pairs to which it applies, in shares of the samples or of the variance."""
        return np.array([value for value, _ in known_values(self.pairs, frozen(rule))], dtype=np.float64)

    def tuned_regrets(self, rule: str) -> FloatArray:
        """The same after fine-tuning, over the pairs that were fine-tuned."""
        return np.array([value for value, _ in known_values(self.pairs, tuned(rule))], dtype=np.float64)

    def mean_regret(self, measure: Measure) -> PairMean | None:
        """Mean and worst of a measure, in points; None where it applies to no pair.

        Args:
            measure: ``frozen(rule)``, ``tuned(rule)`` or ``excess(rule, other)``.
        """
        found = known_values(self.pairs, measure)
        return pair_mean([100 * value for value, _ in found], [own for _, own in found]) if found else None

    def since(self, seed: int) -> ChooseStudyReport:
        """The report on the trainings from a seed on: rules were compared before by those of the first seeds."""
        return replace(self, pairs=tuple(one for one in self.pairs if one.seed >= seed))

    @property
    def decided(self) -> ChooseStudyReport:
        """The report on the pairs for which the choice gives a verdict."""
        return replace(self, pairs=tuple(one for one in self.pairs if not one.undecided))

    @property
    def undecided(self) -> ChooseStudyReport:
        """The report on the pairs for which the choice cannot tell."""
        return replace(self, pairs=tuple(one for one in self.pairs if one.undecided))

    @property
    def best_rule(self) -> str:
        """The rule of the smallest mean regret among those that apply to every pair."""
        return _smallest_mean({rule: self.regrets(rule) for rule in RULES})

    @property
    def best_tuned_rule(self) -> str | None:
        """The same after fine-tuning; None where no pair was fine-tuned."""
        found = {rule: self.tuned_regrets(rule) for rule in RULES}
        return _smallest_mean(found) if found[CHOSEN].size else None

    @property
    def covered(self) -> list[bool]:
        """For each pair that expects a gain, whether its stated band holds the gain on fresh images."""
        return [one.covered for one in self.pairs if one.covered is not None]

    @property
    def coverage(self) -> float:
        """Share of the stated bands that hold the gain on fresh images; NaN where no pair expects a gain."""
        return float(np.mean(self.covered)) if self.covered else float("nan")

    @property
    def every_coverage(self) -> float:
        """Share of the bands of all steps before the last that hold the gain on fresh images."""
        return float(np.mean([one.share_covered for one in self.pairs]))

    def lines(self) -> list[str]:
        """Mean and worst regret of every rule, coverage, and abstentions."""
        undecided = len(self.undecided.pairs)
        lines = [
            *self._table("frozen features: regret in points", frozen),
            *self._table("fine-tuned: regret in points", tuned),
            f"{self.plan.labels_per_class} labels of each class; {undecided} of {len(self.pairs)} choices cannot tell",
            f"where a gain is expected, its 95 % band holds the gain on fresh images in {sum(self.covered)} of "
            f"{len(self.covered)} pairs; at {self.every_coverage:.0%} of all steps before the last",
            f"smallest mean regret: {self.best_rule}",
            *self._by_verdict(),
            *asking_lines(self.asked),
        ]
        later = self.since(1)
        return lines + later._compared() if later.pairs else lines

    def _table(self, title: str, measure: Callable[[str], Measure]) -> list[str]:
        """Rules in the order of their mean regret; none where no pair was measured."""
        found = [(rule, own) for rule in RULES if (own := self.mean_regret(measure(rule))) is not None]
        rows = [
            (rule, f"{own.mean:.2f}", stated(own.interval, "{:.2f}"), f"{own.worst:.2f}", str(own.pairs))
            for rule, own in sorted(found, key=lambda one: one[1].mean)
        ]
        return [title, *text_table(("rule", "mean", "95 % interval", "worst", "pairs"), rows), ""] if rows else []

    def _by_verdict(self) -> list[str]:
        """What rules lose where the choice gives a verdict, and where it cannot tell."""
        rows = []
        for rule in (CHOSEN, *_COMPARED):
            both = (part.mean_regret(frozen(rule)) for part in (self.decided, self.undecided))
            cells = [text for one in both for text in (("", "") if one is None else _mean_and_worst(one))]
            rows.append((rule, *cells))
        header = ("rule", "verdict: mean", "worst", "cannot tell: mean", "worst")
        counts = f"a verdict in {len(self.decided.pairs)} pairs, none in {len(self.undecided.pairs)}"
        return ["", f"regret in points by the answer of {CHOSEN}: {counts}", *text_table(header, rows)]

    def _compared(self) -> list[str]:
        """By how much each rule loses more than this tool's."""
        rows = []
        for rule in _COMPARED:
            own, after = self.mean_regret(excess(rule, CHOSEN)), self.mean_regret(excess(rule, CHOSEN, tuned))
            cells = [
                text
                for one in (own, after)
                for text in (("", "") if one is None else (f"{one.mean:+.2f}", stated(one.interval, "{:+.2f}")))
            ]
            rows.append((rule, *cells))
        header = ("rule", "frozen", "95 % interval", "fine-tuned", "95 % interval")
        return ["", f"loses more than {CHOSEN}, on seeds after the first", *text_table(header, rows)]

    def content(self) -> dict[str, Any]:
        """The plan, the summary of every rule, and the pairs."""
        return {
            "plan": asdict(self.plan),
            "tuning": asdict(TUNING),
            "regrets": self._summaries(frozen),
            "tuned_regrets": self._summaries(tuned),
            "coverage": self.coverage,
            "undecided": len(self.undecided.pairs),
            "decided_regrets": self.decided._summaries(frozen),
            "undecided_regrets": self.undecided._summaries(frozen),
            "pairs": [one.stored() for one in self.pairs],
            "asked": [asdict(one) for one in self.asked],
            "versions": self.versions,
        }

    def _summaries(self, measure: Callable[[str], Measure]) -> dict[str, Any]:
        found = {rule: self.mean_regret(measure(rule)) for rule in RULES}
        return {rule: asdict(own) for rule, own in found.items() if own is not None}

    def draw(self, path: Path | str) -> None:
        """Draw the regrets of every rule, and the gains on fresh images beside the stated bands."""
        draw_study(
            {rule: self.regrets(rule) for rule in RULES},
            {rule: self.tuned_regrets(rule) for rule in RULES},
            self.pairs,
            path_argument("path", path),
        )

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", _RESULT, "folder")
        with reading(folder):
            plan, pairs = StudyPlan(**content["plan"]), tuple(read_pairs(content["pairs"]))
            return cls(plan, pairs, content.get("versions", {}), tuple(read_asked(content.get("asked", ()))))
