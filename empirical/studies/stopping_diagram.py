"""The phase diagram of transfer of a power law, theorem T9 for a family of targets, as a report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.studies.report import DrawnReport, reading, run_folder
from simulation.figures.stopping_diagram import draw_stopping_diagram
from simulation.runs.json_reader import ListOf, MapOf, Real, Record, Text, Whole, Word, read_json
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import STOPPING_DIAGRAM
from simulation.runs.text_table import text_table
from theory import DataModel, OneOutput, SquaredError, Stopping
from theory.curves.transfer_diagram import (
    StoppingBorder,
    TransferColumn,
    alignment_range,
    small_scale_borders,
    transfer_column,
)
from theory.progress import Progress, described, silent
from theory.validation import at_least, positive

_SCALE = Real(1e-30, 1e30)
_VERDICT = Word(tuple(one.name for one in Stopping))
_CONTENT = Record(
    {
        "configuration": Record(
            {
                "dimension": Whole(8),
                "alpha": _SCALE,
                "beta": _SCALE,
                "columns": Whole(2),
                "resolution": _SCALE,
            }
        ),
        "small_scale_borders": ListOf(_SCALE, 2),
        "verdicts": ListOf(
            Record(
                {
                    "alignment": _SCALE,
                    "lowest": _VERDICT,
                    "borders": ListOf(Record({"scaled": _SCALE, "below": _VERDICT, "above": _VERDICT}), 0),
                }
            )
        ),
    },
    {"versions": MapOf(Text())},
)

#: The ends of the family of targets have all of their signal in one direction; the diagram stays inside.
_MARGIN = 1.02


@dataclass(frozen=True)
class StoppingDiagramPlan:
    """The settings of a diagram of transfer.

    Attributes:
        dimension: d of the spectrum lambda_i = i^-alpha, at least 8.
        alpha: its exponent, positive.
        beta: exponent of the squared signal of the source, positive.
        columns: number of alignments, at least 2.
        resolution: smallest loss of R_T that counts.
    """

    dimension: int = 64
    alpha: float = 0.5
    beta: float = 1.0
    columns: int = 90
    resolution: float = 0.005

    def __post_init__(self) -> None:
        at_least("dimension", self.dimension, 8)
        at_least("columns", self.columns, 2)
        for name in ("alpha", "beta", "resolution"):
            positive(name, getattr(self, name))

    @property
    def network(self) -> OneOutput:
        """The one-output layer with squared error on the power law."""
        model = DataModel.power_law(self.dimension, self.alpha, self.beta, 0.2)
        return OneOutput.from_model(model, SquaredError())


@dataclass(frozen=True, eq=False)
class StoppingDiagramReport(DrawnReport):
    """Derived verdicts over the alignment of a target's shared signal and the scale of the initial weights.

    Attributes:
        plan: spectrum, signal and grid.
        columns: verdicts at ascending alignments.
        small_scale: alignments of the borders, go on to stop later and to the turning point, for small sigma0.
        versions: of the software that derived them.
    """

    kind = STOPPING_DIAGRAM
    figure_name = "diagram.png"

    plan: StoppingDiagramPlan
    columns: tuple[TransferColumn, ...]
    small_scale: tuple[float, float]
    versions: dict[str, str]

    def lines(self) -> list[str]:
        """The verdicts from small to large initial weights, for about ten alignments."""
        chosen = np.unique(np.linspace(0, len(self.columns) - 1, 10).round().astype(int))
        rows = [
            (
                f"{column.alignment:.3g}",
                column.lowest.value,
                "; ".join(f"above {one.scaled:.3g}: {one.above.value}" for one in column.borders) or "-",
            )
            for column in (self.columns[number] for number in chosen)
        ]
        later, turning = self.small_scale
        return [
            *text_table(("alignment", "small sigma0", "lambda_1 s1"), rows),
            f"small sigma0: go on below {later:.3g}, stop later up to {turning:.3g}, at the turning point beyond;",
            f"losses of the target's variance below {self.plan.resolution:g} do not count",
        ]

    def content(self) -> dict[str, Any]:
        """Configuration, versions, and all borders."""
        return {
            "configuration": asdict(self.plan),
            "versions": self.versions,
            "small_scale_borders": list(self.small_scale),
            "verdicts": [
                {
                    "alignment": column.alignment,
                    "lowest": column.lowest.name,
                    "borders": [
                        {"scaled": one.scaled, "below": one.below.name, "above": one.above.name}
                        for one in column.borders
                    ],
                }
                for column in self.columns
            ],
        }

    def draw(self, path: Path | str) -> None:
        """Draw the regions of the verdicts."""
        draw_stopping_diagram(self.columns, self.small_scale, Path(path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        low, high = content["small_scale_borders"][:2]
        with reading(folder):
            return cls(
                StoppingDiagramPlan(**content["configuration"]),
                tuple(_column(one) for one in content["verdicts"]),
                (float(low), float(high)),
                content.get("versions", {}),
            )


def _column(stored: dict[str, Any]) -> TransferColumn:
    borders = (
        StoppingBorder(one["scaled"], Stopping[one["below"]], Stopping[one["above"]]) for one in stored["borders"]
    )
    return TransferColumn(stored["alignment"], Stopping[stored["lowest"]], tuple(borders))


def stopping_diagram(
    plan: StoppingDiagramPlan | None = None, *, folder: str | Path | None = None, progress: Progress = silent
) -> StoppingDiagramReport:
    """Derive where training on a source should stop, for targets that share its signal in other directions.

    Args:
        plan: spectrum, signal and grid; the default plan if left out.
        folder: where the report is saved; None saves nothing.
        progress: shows how many alignments are done.

    Raises:
        InputError: a folder of another job.
    """
    chosen = plan if plan is not None else StoppingDiagramPlan()
    place = run_folder(folder, STOPPING_DIAGRAM)
    network = chosen.network
    low, high = alignment_range(network)
    alignments = np.geomspace(low * _MARGIN, high / _MARGIN, chosen.columns).tolist()
    shown = described(progress, "verdicts by alignment")
    columns = tuple(transfer_column(network, one, chosen.resolution) for one in shown(alignments))
    report = StoppingDiagramReport(chosen, columns, small_scale_borders(network), software_versions())
    if place is not None:
        report.save(place)
    return report
