"""The phase diagram of transfer of a power law, theorem T9 for a family of targets, with trained networks in it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.studies.report import Columns, DrawnReport, reading, run_folder
from empirical.studies.verify.plan import LARGEST_SEED
from simulation.experiments.grid_agreement import GridAgreement, reproduced_column, reproduced_flags
from simulation.experiments.transfer_diagram import (
    TransferGrid,
    TransferPoint,
    simulate_transfer_diagram,
    transfer_grid,
)
from simulation.figures.stopping_diagram import draw_stopping_diagram
from simulation.runs.json_reader import ListOf, MapOf, Real, Record, Text, Whole, Word, read_json
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import STOPPING_DIAGRAM
from simulation.runs.table_reader import read_table
from simulation.runs.text_table import text_table
from theory import InputError, Stopping
from theory.assumptions import Verdict
from theory.curves.transfer_diagram import (
    StoppingBorder,
    TransferColumn,
    alignment_range,
    small_scale_borders,
    transfer_column,
)
from theory.progress import Progress, described, silent
from theory.validation import at_least, given_or_default, non_negative, path_argument, positive

_SCALE = Real(1e-30, 1e30)
_VERDICT = Word(tuple(one.name for one in Stopping))
_CONTENT = Record(
    {
        "configuration": Record(
            {
                "dimension": Whole(8),
                "alpha": _SCALE,
                "beta": Real(0, 1e30),
                "columns": Whole(2),
                "resolution": _SCALE,
                "replicas": Whole(2),
                "seed": Whole(0, LARGEST_SEED - 1),
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

_POINTS = ("scaled", "alignment", "predicted", "measured", "near_border")

#: The ends of the family of targets have all of their signal in one direction; the diagram stays inside.
_MARGIN = 1.02


@dataclass(frozen=True)
class StoppingDiagramPlan:
    """The settings of a diagram of transfer.

    Attributes:
        dimension: d of the spectrum lambda_i = i^-alpha, at least 8.
        alpha: its exponent, positive.
        beta: exponent of the squared signal of the source, at least 0; at 0 targets can share it in any direction.
        columns: number of alignments at which borders are derived, at least 2.
        resolution: smallest loss of R_T that counts.
        replicas: draws of W(0) per trained point, even: they come in pairs of opposite sign.
        seed: of W(0) and of the samples.

    Raises:
        InputError: values out of range, an odd number of replicas.
    """

    dimension: int = 64
    alpha: float = 0.5
    beta: float = 0.0
    columns: int = 60
    resolution: float = 0.005
    replicas: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        at_least("dimension", self.dimension, 8)
        at_least("columns", self.columns, 2)
        for name in ("alpha", "resolution"):
            positive(name, getattr(self, name))
        non_negative("beta", self.beta)
        if at_least("replicas", self.replicas, 2) % 2:
            raise InputError(f"replicas: {self.replicas} is odd; give an even number, for pairs of opposite sign")
        if at_least("seed", self.seed, 0) >= LARGEST_SEED:
            raise InputError(f"seed: {self.seed} is not accepted; give an integer below 2^63")

    def grid(self) -> TransferGrid:
        """Where one-output layers are trained with squared error."""
        return transfer_grid(self.dimension, self.alpha, self.beta, self.resolution, self.replicas)


@dataclass(frozen=True, eq=False)
class StoppingDiagramReport(DrawnReport):
    """Derived verdicts over the alignment of a target's shared signal and the scale of the initial weights.

    Attributes:
        plan: spectrum, signal and grid.
        columns: verdicts at ascending alignments.
        small_scale: alignments of the borders, go on to stop later and to the turning point, for small sigma0.
        points: verdicts of trained networks, beside the derived ones.
        versions: of the software that derived them.
    """

    kind = STOPPING_DIAGRAM
    figure_name = "diagram.png"

    plan: StoppingDiagramPlan
    columns: tuple[TransferColumn, ...]
    small_scale: tuple[float, float]
    points: tuple[TransferPoint, ...]
    versions: dict[str, str]

    @property
    def judged(self) -> GridAgreement:
        """The points away from the borders against the derivation, and whether the draws of W(0) decide it."""
        return GridAgreement.from_points(self.points)

    @property
    def agreement(self) -> float:
        """Share of the points away from the borders that agree with the derivation; NaN where there are none."""
        return self.judged.share

    @property
    def away_from_borders(self) -> int:
        """Number of points of which ``agreement`` is the share."""
        return self.judged.points

    @property
    def holds(self) -> bool:
        """Whether the agreement does not fail."""
        return self.judged.verdict is not Verdict.FAILS

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
            *(
                f"disagrees: scale {point.scaled:.3g}, alignment {point.alignment:.3g}: "
                f"derived {point.predicted.value}, trained {point.measured.value}"
                for point in self.points
                if not (point.agrees or point.near_border)
            ),
            f"trained: {self.agreement:.1%} of {self.away_from_borders} points away from the borders agree",
            f"({len(self.points)} points in all, of which {sum(one.agrees for one in self.points)} agree)",
            *self.judged.lines(),
        ]

    def content(self) -> dict[str, Any]:
        """Configuration, versions, and all borders."""
        return {
            "configuration": asdict(self.plan),
            "versions": self.versions,
            "points": len(self.points),
            "away_from_borders": self.away_from_borders,
            "agreement": self.agreement,
            "reproduced": self.judged.reproduced,
            "verdict": self.judged.verdict.value,
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

    def tables(self) -> dict[str, Columns]:
        """All trained points."""
        rows = [
            asdict(point) | {"predicted": point.predicted.name, "measured": point.measured.name}
            for point in self.points
        ]
        table = {name: [row[name] for row in rows] for name in _POINTS}
        return {"points.parquet": table | reproduced_column(self.points)}

    def draw(self, path: Path | str) -> None:
        """Draw the regions of the derived verdicts, with the trained points on top."""
        draw_stopping_diagram(self.columns, self.small_scale, self.points, path_argument("path", path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        low, high = content["small_scale_borders"][:2]
        table = read_table(folder / "points.parquet", _POINTS, "folder")
        with reading(folder):
            return cls(
                StoppingDiagramPlan(**content["configuration"]),
                tuple(_column(one) for one in content["verdicts"]),
                (float(low), float(high)),
                tuple(
                    TransferPoint(
                        float(scaled), float(alignment), Stopping[derived], Stopping[trained], bool(near), same
                    )
                    for scaled, alignment, derived, trained, near, same in zip(
                        *(np.asarray(table[name]).tolist() for name in _POINTS),
                        reproduced_flags(table, len(table["scaled"])),
                        strict=True,
                    )
                ),
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
    """Derive where training on a source should stop, for targets that share its signal in other directions, and train.

    Args:
        plan: spectrum, signal and grid; the default plan if left out.
        folder: where the report is saved; None saves nothing.
        progress: shows how far training and derivation are.

    Raises:
        InputError: a plan that does not fit in memory or takes too long; a folder of another job.
    """
    chosen = given_or_default("plan", plan, StoppingDiagramPlan)
    place = run_folder(folder, STOPPING_DIAGRAM)
    grid = chosen.grid()
    network = grid.network
    points = simulate_transfer_diagram(grid, chosen.replicas, chosen.seed, progress)
    low, high = alignment_range(network)
    alignments = np.geomspace(low * _MARGIN, high / _MARGIN, chosen.columns).tolist()
    shown = described(progress, "verdicts by alignment")
    columns = tuple(transfer_column(network, one, chosen.resolution) for one in shown(alignments))
    report = StoppingDiagramReport(chosen, columns, small_scale_borders(network), tuple(points), software_versions())
    if place is not None:
        report.save(place)
    return report
