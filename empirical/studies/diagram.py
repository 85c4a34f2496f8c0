"""The phase diagram of a power law with trained networks as points, as a report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.studies.report import Columns, DrawnReport, run_folder
from simulation.experiments.diagram import DiagramGrid, DiagramPoint, diagram_grid, simulate_diagram
from simulation.experiments.grid_agreement import GridAgreement, reproduced_column, reproduced_flags
from simulation.figures.diagram import draw_diagram
from simulation.runs.json_reader import ListOf, Real, Record, Whole, read_json
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import DIAGRAM
from simulation.runs.table_reader import read_table
from theory import Regime
from theory.assumptions import Verdict
from theory.progress import Progress, silent
from theory.validation import at_least, given_or_default, path_argument

_SCALE = Real(1e-30, 1e30)
_CONTENT = Record(
    {
        "configuration": Record(
            {
                "eigenvalues": ListOf(_SCALE, 2),
                "resolution": _SCALE,
                "replicas": Whole(1),
                "seed": Whole(0, 2**63 - 1),
            }
        ),
        "points": Whole(1),
    }
)
_COLUMNS = ("scaled", "alignment", "predicted", "measured", "near_border")


@dataclass(frozen=True)
class DiagramPlan:
    """The settings of a diagram.

    Attributes:
        dimension: d of the spectrum lambda_i = i^-alpha, at least 8.
        alpha: its exponent, positive.
        replicas: draws of W(0) per point.
        seed: of W(0) and of the samples.
    """

    dimension: int = 64
    alpha: float = 0.5
    replicas: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        at_least("seed", self.seed, 0)


@dataclass(frozen=True, eq=False)
class DiagramReport(DrawnReport):
    """Derived regions, and the regimes of trained networks in them.

    Attributes:
        grid: where networks are trained.
        points: one per place of the grid.
        replicas: draws of W(0) per point.
        seed: of W(0) and of the samples.
        versions: of the software that computed the points.
    """

    kind = DIAGRAM
    figure_name = "diagram.png"

    grid: DiagramGrid
    points: tuple[DiagramPoint, ...]
    replicas: int
    seed: int
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
    def disagreements(self) -> tuple[DiagramPoint, ...]:
        """Points whose regime is not the predicted one, also near a border."""
        return tuple(point for point in self.points if not point.agrees)

    @property
    def holds(self) -> bool:
        """Whether the agreement does not fail."""
        return self.judged.verdict is not Verdict.FAILS

    def lines(self) -> list[str]:
        """Each disagreement away from the borders, and the share that agrees."""
        lines = [
            f"disagrees: scale {point.scaled:.3g}, alignment {point.alignment:.3g}: "
            f"predicted {point.predicted.value}, measured {point.measured.value}"
            for point in self.disagreements
            if not point.near_border
        ]
        return [
            *lines,
            f"{self.agreement:.1%} of {self.away_from_borders} points away from the borders agree with the prediction",
            f"({len(self.points)} points in all)",
            *self.judged.lines(),
        ]

    def content(self) -> dict[str, Any]:
        """Configuration, versions, agreement and every disagreement."""
        return {
            "configuration": {
                "eigenvalues": self.grid.eigenvalues.tolist(),
                "resolution": self.grid.resolution,
                "replicas": self.replicas,
                "seed": self.seed,
            },
            "versions": self.versions,
            "points": len(self.points),
            "away_from_borders": self.away_from_borders,
            "agreement": self.agreement,
            "reproduced": self.judged.reproduced,
            "verdict": self.judged.verdict.value,
            "disagreements": [_values(point) for point in self.disagreements],
        }

    def tables(self) -> dict[str, Columns]:
        """All points."""
        rows = [_values(point) for point in self.points]
        table = {name: [row[name] for row in rows] for name in _COLUMNS}
        return {"points.parquet": table | reproduced_column(self.points)}

    def draw(self, path: Path | str) -> None:
        """Draw the derived regions and borders, with the points on top."""
        draw_diagram(self.grid, list(self.points), path_argument("path", path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        configuration, columns = content["configuration"], read_table(folder / "points.parquet", _COLUMNS, "folder")
        points = tuple(
            DiagramPoint(
                float(scaled),
                float(alignment),
                Regime.from_name(predicted),
                Regime.from_name(measured),
                bool(near),
                same,
            )
            for scaled, alignment, predicted, measured, near, same in zip(
                *(columns[name] for name in _COLUMNS), reproduced_flags(columns, len(columns["scaled"])), strict=True
            )
        )
        grid = DiagramGrid(
            np.asarray(configuration["eigenvalues"]),
            np.unique(columns["scaled"]),
            np.unique(columns["alignment"]),
            configuration["resolution"],
        )
        return cls(grid, points, configuration["replicas"], configuration["seed"], content.get("versions", {}))


def diagram(
    plan: DiagramPlan | None = None, *, folder: str | Path | None = None, progress: Progress = silent
) -> DiagramReport:
    """Train one-output networks over initialisation scales and alignments, and compare them with the derived diagram.

    Args:
        plan: what to train; ``DiagramPlan()`` by default, a quarter of a minute on two cores.
        folder: where the report is saved; None saves nothing.
        progress: shows how far the training is.

    Raises:
        InputError: a plan that does not fit in memory or takes too long; a folder of another job.
    """
    chosen = given_or_default("plan", plan, DiagramPlan)
    place = run_folder(folder, DIAGRAM)
    grid = diagram_grid(chosen.dimension, chosen.alpha, chosen.replicas)
    points = simulate_diagram(grid, chosen.replicas, chosen.seed, progress)
    report = DiagramReport(grid, tuple(points), chosen.replicas, chosen.seed, software_versions())
    if place is not None:
        report.save(place)
    return report


def _values(point: DiagramPoint) -> dict[str, Any]:
    return asdict(point) | {"predicted": point.predicted.value, "measured": point.measured.value}
