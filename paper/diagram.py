"""The phase diagram: results of ``phases diagram``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from paper.macros import count, percent
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from simulation.experiments.diagram import DiagramPoint
from simulation.figures.diagram import DiagramGrid, draw_diagram
from theory import Regime

RESULT = "diagram"


def numbers(folders: ResultFolders) -> dict[str, str]:
    """Size of the diagram and agreement away from its borders."""
    content = folders.content(RESULT)
    return {
        "DiagramPoints": count(content["points"]),
        "DiagramAway": count(content["away_from_borders"]),
        "DiagramAgreement": percent(content["agreement"]),
        "DiagramDraws": count(content["configuration"]["replicas"]),
        "DiagramDimension": count(len(content["configuration"]["eigenvalues"])),
        "DiagramDisagree": count(len(content["disagreements"])),
        "DiagramDisagreeFar": count(sum(not one["near_border"] for one in content["disagreements"])),
    }


def tables(folders: ResultFolders) -> dict[str, str]:
    """None."""
    return {}


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """Regions, borders and trained networks."""
    return {"diagram.pdf": lambda path: draw(folders, path)}


def draw(folders: ResultFolders, path: Path) -> None:
    """The diagram, from its table of points; regions and borders are derived again."""
    configuration = folders.content(RESULT)["configuration"]
    columns = folders.table(RESULT, "points.parquet")
    points = [
        DiagramPoint(float(scaled), float(alignment), Regime.named(predicted), Regime.named(measured), bool(near))
        for scaled, alignment, predicted, measured, near in zip(
            *(columns[name] for name in ("scaled", "alignment", "predicted", "measured", "near_border")), strict=True
        )
    ]
    grid = DiagramGrid(
        np.asarray(configuration["eigenvalues"]),
        np.unique(columns["scaled"]),
        np.unique(columns["alignment"]),
        configuration["resolution"],
    )
    draw_diagram(grid, points, path)


PART = Part("diagram", (RESULT,), numbers, tables, figures)
