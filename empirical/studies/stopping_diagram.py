"""The diagram of where to stop for a target, with trained networks as points, as a report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.studies.report import Columns, DrawnReport, reading, run_folder
from empirical.studies.verify.plan import LARGEST_SEED
from simulation.experiments.transfer_diagram import (
    TransferGrid,
    TransferPoint,
    agreement,
    simulate_transfer_diagram,
    transfer_grid,
)
from simulation.figures.transfer_diagram import draw_transfer_diagram
from simulation.runs.json_reader import MapOf, Real, Record, Text, Whole, read_json
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import STOPPING_DIAGRAM
from simulation.runs.table_reader import read_table
from theory import InputError, Stopping
from theory.progress import Progress, silent
from theory.validation import at_least

#: Share of the points away from the borders that must agree with the prediction.
LEAST_AGREEMENT = 0.95

_CONTENT = Record(
    {
        "configuration": Record(
            {
                "dimension": Whole(8),
                "alpha": Real(1e-30, 1e30),
                "replicas": Whole(2),
                "seed": Whole(0, LARGEST_SEED - 1),
            }
        ),
        "stopping_points": Whole(1),
    },
    {"versions": MapOf(Text())},
)
_COLUMNS = ("scaled", "alignment", "predicted", "measured", "near_border")


@dataclass(frozen=True)
class StoppingDiagramPlan:
    """The settings of a diagram.

    Attributes:
        dimension: d of the spectrum lambda_i = i^-alpha, at least 8.
        alpha: its exponent, positive.
        replicas: draws of W(0) per point, even: they come in pairs of opposite sign.
        seed: of W(0) and of the samples.

    Raises:
        InputError: an odd number of replicas, a seed out of range.
    """

    dimension: int = 64
    alpha: float = 0.5
    replicas: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if at_least("replicas", self.replicas, 2) % 2:
            raise InputError(f"replicas: {self.replicas} is odd; give an even number, for pairs of opposite sign")
        if at_least("seed", self.seed, 0) >= LARGEST_SEED:
            raise InputError(f"seed: {self.seed} is not accepted; give an integer below 2^63")

    def grid(self) -> TransferGrid:
        """Where networks are trained."""
        return transfer_grid(self.dimension, self.alpha, self.replicas)


@dataclass(frozen=True, eq=False)
class StoppingDiagramReport(DrawnReport):
    """Derived regions of theorem T9's verdicts, and those of trained networks in them.

    Attributes:
        plan: what was trained.
        points: one per place of the grid.
        versions: of the software that computed the points.
    """

    kind = STOPPING_DIAGRAM
    figure_name = "diagram.png"

    plan: StoppingDiagramPlan
    points: tuple[TransferPoint, ...]
    versions: dict[str, str]

    @property
    def agreement(self) -> float:
        """Share of the points away from the borders whose verdict is the predicted one."""
        return agreement(self.points)

    @property
    def away_from_borders(self) -> int:
        """Number of points of which ``agreement`` is the share."""
        return sum(not point.near_border for point in self.points)

    @property
    def disagreements(self) -> tuple[TransferPoint, ...]:
        """Points whose verdict is not the predicted one, also near a border."""
        return tuple(point for point in self.points if not point.agrees)

    @property
    def holds(self) -> bool:
        """Whether the agreement is at least LEAST_AGREEMENT."""
        return not self.agreement < LEAST_AGREEMENT  # NaN, without points away from the borders, is no failure

    def lines(self) -> list[str]:
        """How many points have each verdict, each disagreement away from the borders, and the share that agrees."""
        counts = [(verdict.value, sum(one.measured is verdict for one in self.points)) for verdict in Stopping]
        lines = [
            f"disagrees: scale {point.scaled:.3g}, alignment {point.alignment:.3g}: "
            f"predicted {point.predicted.value}, measured {point.measured.value}"
            for point in self.disagreements
            if not point.near_border
        ]
        return [
            "trained networks say: " + ", ".join(f"{name} ({number})" for name, number in counts),
            *lines,
            f"{self.agreement:.1%} of {self.away_from_borders} points away from the borders agree with the prediction",
            f"({len(self.points)} points in all)",
        ]

    def content(self) -> dict[str, Any]:
        """Configuration, versions, agreement and every disagreement."""
        return {
            "configuration": asdict(self.plan),
            "versions": self.versions,
            "stopping_points": len(self.points),
            "away_from_borders": self.away_from_borders,
            "agreement": self.agreement,
            "stopping_disagreements": [_values(point) for point in self.disagreements],
        }

    def tables(self) -> dict[str, Columns]:
        """All points."""
        rows = [_values(point) for point in self.points]
        return {"points.parquet": {name: [row[name] for row in rows] for name in rows[0]}}

    def draw(self, path: Path | str) -> None:
        """Draw the derived regions and borders, with the points on top."""
        draw_transfer_diagram(self.plan.grid(), self.points, Path(path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        columns = read_table(folder / "points.parquet", _COLUMNS, "folder")
        with reading(folder):
            points = tuple(
                TransferPoint(float(scaled), float(alignment), Stopping(predicted), Stopping(measured), bool(near))
                for scaled, alignment, predicted, measured, near in zip(
                    *(np.asarray(columns[name]).tolist() for name in _COLUMNS), strict=True
                )
            )
            return cls(StoppingDiagramPlan(**content["configuration"]), points, content.get("versions", {}))


def stopping_diagram(
    plan: StoppingDiagramPlan | None = None, *, folder: str | Path | None = None, progress: Progress = silent
) -> StoppingDiagramReport:
    """Train one-output networks over initialisation scales, and hold where to stop for targets against theorem T9.

    Targets share the source's signal in directions of large variance, or of small: their alignment is the other axis.

    Args:
        plan: what to train; ``StoppingDiagramPlan()`` by default.
        folder: where the report is saved; None saves nothing.
        progress: shows how far the training is.

    Raises:
        InputError: a plan that does not fit in memory or takes too long; a folder of another job.
    """
    chosen = plan if plan is not None else StoppingDiagramPlan()
    place = run_folder(folder, STOPPING_DIAGRAM)
    points = simulate_transfer_diagram(chosen.grid(), chosen.replicas, chosen.seed, progress)
    report = StoppingDiagramReport(chosen, tuple(points), software_versions())
    if place is not None:
        report.save(place)
    return report


def _values(point: TransferPoint) -> dict[str, Any]:
    return asdict(point) | {"predicted": point.predicted.value, "measured": point.measured.value}
