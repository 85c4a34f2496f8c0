"""Gains of stopping early as a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.probes.probe_tasks import COLOUR
from empirical.studies.report import Columns, DrawnReport
from empirical.studies.transfer.alignment_relation import AlignmentRelation
from empirical.studies.transfer.comparison import Effect, TaskCurve, TransferRow
from empirical.studies.transfer.figure import draw_transfer
from empirical.studies.transfer.stored import CURVES, RESULT, curve_columns, read_curves, read_rows
from empirical.tracker.phase_reading import Estimate
from simulation.runs.json_reader import read_json
from simulation.runs.run_kinds import TRANSFER
from simulation.runs.text_table import text_table
from theory.validation import path_argument

_EFFECTS = {
    Effect.HELPS: "stopping helps",
    Effect.HURTS: "training on helps",
    Effect.UNDECIDED: "no difference seen",
}


@dataclass(frozen=True, eq=False)
class TransferReport(DrawnReport):
    """The gains of stopping at the recommended checkpoint on each task of each training.

    Attributes:
        rows: one per training and task.
        relations: of gain and alignment, for tasks of enough trainings.
        curves: of the rows, one each; none where results of an earlier version are read.
        versions: of the software that compared.
    """

    kind = TRANSFER
    figure_name = "transfer.png"

    rows: tuple[TransferRow, ...]
    relations: tuple[AlignmentRelation, ...]
    curves: tuple[TaskCurve, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether stopping hurts no probe of the dominant colour, which by the published figures it helps."""
        return not any(row.task == COLOUR and row.effect is Effect.HURTS for row in self.rows)

    def lines(self) -> list[str]:
        """The trainings; gains and accuracies in the order of the alignment; the relations."""
        first = {row.training: row for row in reversed(self.rows)}
        trainings = [
            (str(number + 1), _network(one), one.data, _range(one.recommended_steps), f"{one.last_step:,}")
            for number, one in sorted(first.items())
        ]
        ordered = sorted(self.rows, key=lambda row: row.alignment)
        lines = [
            *text_table(("no.", "network", "trained on", "recommended steps", "last step"), trainings),
            "",
            *text_table(("no.", "task", "alignment", "gain", "effect"), [_gain_cells(row) for row in ordered]),
            "",
            *text_table(("no.", "task", "recommended", "best", "last"), [_accuracy_cells(row) for row in ordered]),
            "",
            "gain: over the last checkpoint, with a 95 % interval over seeds",
            *(_relation_line(one) for one in self.relations),
        ]
        if any(len(row.recommended_steps) == 1 for row in self.rows):
            lines.append("one seed does not distinguish stopping from training on; track several")
        return lines

    def content(self) -> dict[str, Any]:
        """The rows, the relations and the versions."""
        return {
            "rows": [asdict(row) | {"effect": row.effect.value} for row in self.rows],
            "alignment": [asdict(one) for one in self.relations],
            "versions": self.versions,
        }

    def tables(self) -> dict[str, Columns]:
        """The accuracies over training, where they are known."""
        return {CURVES: curve_columns(self.rows, self.curves)} if self.curves else {}

    def draw(self, path: Path | str) -> None:
        """Draw the accuracies of each training and the gains against alignment; without curves, the gains alone."""
        draw_transfer(self.rows, self.curves, path_argument("path", path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", RESULT, "folder")
        rows = read_rows(content["rows"])
        relations = tuple(AlignmentRelation(**one) for one in content["alignment"])
        curves = read_curves(folder / CURVES, rows) if (folder / CURVES).exists() else ()
        return cls(rows, relations, curves, content.get("versions", {}))


def _network(row: TransferRow) -> str:
    return row.network if row.base_width is None else f"{row.network} of width {row.base_width}"


def _gain_cells(row: TransferRow) -> Sequence[str]:
    gain = f"{row.gain.value:+.3f}" + ("" if np.isnan(row.half_width) else f" +- {row.half_width:.3f}")
    return str(row.training + 1), row.task, f"{row.alignment:.2f}", gain, _EFFECTS[row.effect]


def _accuracy_cells(row: TransferRow) -> Sequence[str]:
    best = f"{_accuracy(row.best)} at {row.best_step:,}"
    return str(row.training + 1), row.task, _accuracy(row.recommended), best, _accuracy(row.last)


def _relation_line(one: AlignmentRelation) -> str:
    return (
        f"{one.task}: gain and alignment of {one.trainings} trainings correlate by {one.rank_correlation:+.2f}, "
        f"p = {one.p_value:.2f}"
    )


def _accuracy(estimate: Estimate) -> str:
    return f"{estimate.value:.3f}" if np.isnan(estimate.error) else f"{estimate.value:.3f} +- {estimate.error:.3f}"


def _range(steps: tuple[int, ...]) -> str:
    low, high = min(steps), max(steps)
    return f"{low:,}" if low == high else f"{low:,}-{high:,}"
