"""The phase diagram: results of ``phases diagram``."""

from __future__ import annotations

from empirical.studies.diagram import DiagramReport
from paper.macros import count, percent
from paper.part import Draw, Part
from paper.result_folders import ResultFolders

RESULT = "diagram"


def numbers(folders: ResultFolders) -> dict[str, str]:
    """Size of the diagram and agreement away from its borders."""
    report = DiagramReport.read(folders.folder(RESULT))
    return {
        "DiagramPoints": count(len(report.points)),
        "DiagramAway": count(report.away_from_borders),
        "DiagramAgreement": percent(report.agreement),
        "DiagramDraws": count(report.replicas),
        "DiagramDimension": count(report.grid.eigenvalues.size),
        "DiagramDisagree": count(len(report.disagreements)),
        "DiagramDisagreeFar": count(sum(not one.near_border for one in report.disagreements)),
    }


def tables(folders: ResultFolders) -> dict[str, str]:
    """None."""
    return {}


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """Regions, borders and trained networks; regions and borders are derived again."""
    return {"diagram.pdf": DiagramReport.read(folders.folder(RESULT)).draw}


PART = Part("diagram", (RESULT,), numbers, tables, figures)
