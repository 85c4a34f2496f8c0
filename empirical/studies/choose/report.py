"""A choice of checkpoint as a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.probes.gain_curve import GainCurve, Verdict
from empirical.studies.choose.figure import draw_choice
from empirical.studies.choose.measuring import MeasuredCheckpoint, target_curve
from empirical.studies.choose.plan import ChoosePlan
from empirical.studies.choose.rows import CheckpointRow, checkpoint_rows, unlabelled_choice
from empirical.studies.choose.rules import RIVALS, seen_checkpoints
from empirical.studies.choose.stored import RESULT, read_curve, stored_curve
from empirical.studies.report import DrawnReport, reading
from simulation.runs.json_reader import read_json
from simulation.runs.run_kinds import CHOOSE
from simulation.runs.text_table import text_table
from theory.validation import FloatArray, IntArray, path_argument


@dataclass(frozen=True, eq=False)
class ChooseReport(DrawnReport):
    """The checkpoint to take for a target, and what it is expected to gain over the last one.

    Attributes:
        plan: layer and labels.
        network: its name.
        target: its name.
        layer: that was probed.
        rows: of the checkpoints, in the order of their steps.
        curve: gains over the last checkpoint; None without labels.
        rivals: the step that each rule in use takes, by its name, where they are compared.
        versions: of the software that measured.
        notes: how the target was read, where that is not plain.
    """

    kind = CHOOSE
    figure_name = "choose.png"

    plan: ChoosePlan
    network: str
    target: str
    layer: str
    rows: tuple[CheckpointRow, ...]
    curve: GainCurve | None
    rivals: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def from_measured(
        cls,
        plan: ChoosePlan,
        network: str,
        target: str,
        layer: str,
        measured: Sequence[MeasuredCheckpoint],
        versions: dict[str, str],
        notes: tuple[str, ...] = (),
    ) -> Self:
        """The report of measured checkpoints."""
        curve = target_curve(measured, plan.tolerance)
        seen = seen_checkpoints(measured, curve)
        picks = {rule.name: rule.pick(seen) for rule in RIVALS} if plan.compare else {}
        rivals = {name: measured[place].step for name, place in picks.items() if place is not None}
        return cls(plan, network, target, layer, checkpoint_rows(measured), curve, rivals, versions, notes)

    @property
    def steps(self) -> IntArray:
        """(T,) of the checkpoints."""
        return np.array([row.step for row in self.rows], dtype=np.int64)

    @property
    def losses(self) -> FloatArray:
        """(T,) reconstruction losses L / tr Sigma."""
        return np.array([row.loss for row in self.rows])

    @property
    def verdict(self) -> Verdict:
        """The answer; without labels there is none."""
        return Verdict.UNDECIDED if self.curve is None else self.curve.verdict

    @property
    def step(self) -> int:
        """The step to take: that of the smallest expected error, which with weak evidence is near the last one."""
        return self.rows[self._chosen].step

    @property
    def leading_step(self) -> int:
        """The step of the smallest expected error, for sure or not; without labels what reconstruction points to."""
        return self.rows[unlabelled_choice(self.losses) if self.curve is None else self.curve.leading].step

    @property
    def _chosen(self) -> int:
        return len(self.rows) - 1 if self.curve is None else self.curve.best_guess

    def lines(self) -> list[str]:
        """A row for each checkpoint, and the answer."""
        return [*text_table(*self._table()), *self._columns(), *self._compared(), "", *self._answer()]

    def _columns(self) -> list[str]:
        """What the columns hold."""
        loss = "loss: of reconstructing the inputs, as a share of their variance"
        if self.curve is None:
            return [loss]
        probe = "accuracy and explained variance R2" if self.counts_classes else "R2: explained variance"
        return [
            f"{probe} of a linear probe of {self.layer}, cross-fitted",
            loss,
            "gain: expected over the last checkpoint; 95 % bands hold for all steps at once",
        ]

    def _compared(self) -> list[str]:
        """The steps that rules in use take, with the gain that is expected there."""
        if not self.rivals:
            return []
        places = {name: self.steps.tolist().index(step) for name, step in self.rivals.items()}
        rows = [
            (
                rule.name,
                f"{self.rivals[rule.name]:,}",
                "" if self.curve is None else f"{self.curve.mean[places[rule.name]]:+.3f}",
                rule.source,
            )
            for rule in RIVALS
            if rule.name in self.rivals
        ]
        return ["", *text_table(("rule in use", "step", "gain", "source"), rows)]

    def _table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        if self.curve is None:
            return ("step", "phase", "loss"), [(f"{row.step:,}", row.phase, f"{row.loss:.3f}") for row in self.rows]
        curve, scored = self.curve, ("accuracy", "R2") if self.counts_classes else ("R2",)
        rows = []
        for index, row in enumerate(self.rows):
            values = (row.accuracy, row.explained_variance)[-len(scored) :]
            cells = (f"{value:.3f}" for value in values if value is not None)
            ends = (f"{end[index]:+.3f}" for end in (curve.lower, curve.upper))
            rows.append((f"{row.step:,}", row.phase, *cells, f"{row.loss:.3f}", f"{curve.mean[index]:+.3f}", *ends))
        return ("step", "phase", *scored, "loss", "gain", "from", "to"), rows

    @property
    def counts_classes(self) -> bool:
        """Whether the target has classes, so that what is gained is accuracy; else it is explained variance."""
        return self.rows[-1].accuracy is not None

    def _answer(self) -> list[str]:
        last = self.rows[-1].step
        if self.curve is None:
            return [
                f"cannot tell without labels: take the last, step {last:,}, and label some inputs",
                f"weaker: reconstruction of the target's inputs points to step {self.leading_step:,}, for a task that",
                "needs what the classifier forgets; for other tasks it may cost many points",
            ]
        curve, unit = self.curve, "accuracy" if self.counts_classes else "explained variance"
        place = curve.leading
        gain = f"{curve.mean[place]:+.3f} ({curve.lower[place]:+.3f} to {curve.upper[place]:+.3f}) in {unit}"
        labels = f"{curve.samples} labels"
        match curve.verdict:
            case Verdict.TAKE:
                return [f"take step {self.step:,}: expected gain over the last one {gain}, from {labels}"]
            case Verdict.LAST:
                return [f"take the last checkpoint, step {last:,}: none gains {curve.tolerance:g} in {unit} ({labels})"]
        undecided = f"cannot tell with {labels}: label about {curve.more_samples:,} more"
        if self.leading_step != last:
            return [undecided, f"best guess: step {self.leading_step:,}, expected gain {gain}"]
        highest = int(np.argmax(curve.upper))
        step, most = self.rows[highest].step, curve.upper[highest]
        return [undecided, f"best guess: the last, step {last:,}; step {step:,} may gain up to {most:+.3f} in {unit}"]

    def content(self) -> dict[str, Any]:
        """The plan, the rows, the gains and the answer."""
        chosen = self._chosen
        return {
            "network": self.network,
            "target": self.target,
            "layer": self.layer,
            "plan": asdict(self.plan),
            "verdict": self.verdict.value,
            "step": self.step,
            "leading_step": self.leading_step,
            "weaker": self.curve is None,
            "gain": None if self.curve is None else float(self.curve.mean[chosen]),
            "more_labels": None if self.curve is None else self.curve.more_samples,
            "checkpoints": [asdict(row) for row in self.rows],
            "gains": None if self.curve is None else stored_curve(self.curve),
            "rivals": self.rivals,
            "versions": self.versions,
            "notes": list(self.notes),
        }

    def draw(self, path: Path | str) -> None:
        """Draw the gain over the last checkpoint with its band, and the reconstruction loss, over log steps."""
        draw_choice(
            self.rows,
            self.curve,
            self._chosen,
            self.counts_classes,
            f"{self.network}, {self.layer}: {self.target}",
            path_argument("path", path),
        )

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", RESULT, "folder")
        with reading(folder):
            rows = tuple(CheckpointRow(**one) for one in content["checkpoints"])
            return cls(
                ChoosePlan(**content["plan"]),
                content["network"],
                content["target"],
                content["layer"],
                rows,
                None if content["gains"] is None else read_curve([row.step for row in rows], content["gains"]),
                content["rivals"],
                content.get("versions", {}),
                tuple(content.get("notes", ())),
            )
