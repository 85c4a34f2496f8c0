"""Turning points of deep networks, derived from their last layer before training: the result of ``phases deep``."""

from __future__ import annotations

import numpy as np

from empirical.networks.networks import network_title
from empirical.studies.deep.report import DeepReport
from empirical.studies.deep.row import TURNING_TOLERANCE
from paper.latex_text import latex_text
from paper.macros import count, fixed, percent, with_error
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table

RESULT = "deep"


def numbers(folders: ResultFolders) -> dict[str, str]:
    """How many turning points hold, and the typical factor beside that of a fitted constant."""
    report = DeepReport.read(folders.folder(RESULT))
    return {
        "DeepRows": count(len(report.rows)),
        "DeepHold": count(sum(not row.fails for row in report.rows)),
        "DeepTolerance": percent(TURNING_TOLERANCE, 0),
        "DeepFactor": fixed(report.factor, 2),
        "DeepConstant": fixed(report.constant_factor, 2),
    }


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row per training: both boundaries, derived and tracked, and the ratio of turning points."""
    rows = [
        [
            latex_text(network_title(row.network)),
            latex_text(row.data),
            *(
                with_error(one.value, one.error)
                for one in (row.derived_half_fall, row.half_fall, row.derived_turning_point, row.turning_point)
            ),
            fixed(row.ratio, 2) if np.isfinite(row.ratio) else "--",
        ]
        for row in DeepReport.read(folders.folder(RESULT)).rows
    ]
    header = ["network", "trained on", "half, derived", "tracked", "turning, derived", "tracked", "ratio"]
    return {"deep.tex": table("llrrrrr", header, rows)}


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """None."""
    return {}


PART = Part("deep", (RESULT,), numbers, tables, figures)
