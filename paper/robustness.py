"""The limits of the theory: results of ``phases sweep robustness``."""

from __future__ import annotations

import math
from typing import Any

from empirical.studies.robustness.report import RobustnessReport
from paper.latex_text import latex_text
from paper.macros import count, percent, plain, with_error
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table
from simulation.comparison.departure import Departure, regime_name
from simulation.experiments.robustness import AXES, MOMENTUM, Point, Relaxed
from theory import InputError

RESULT = "robustness"

#: What each axis relaxes, for readers of the paper.
_TITLES = {
    Relaxed.TAIL_INDEX: "tail index of noise (A4)",
    Relaxed.MINORITY_SHARE: "mirrored minority, share (A4)",
    Relaxed.LABEL_NOISE: "random labels, share (A4)",
    Relaxed.BATCH_SIZE: "new samples per step",
    Relaxed.STEP_SHARE: r"step size $\eta c \lambda_1$ (A5)",
    Relaxed.SAMPLES: "number of samples",
    Relaxed.CLASSES: "number of classes",
    Relaxed.IMBALANCE: "largest over smallest class",
    Relaxed.OPTIMISER: "optimiser",
}


def numbers(folders: ResultFolders) -> dict[str, str]:
    """The deviation where all assumptions hold, that of momentum, and what a large step does to phase III."""
    report = _report(folders)
    base, momentum = _descent(report.found.points[0]), _descent(report.at(Relaxed.OPTIMISER, MOMENTUM))
    last = report.found.rises[-1]
    return {
        "RobustBase": with_error(abs(base.deviation), base.deviation_error),
        "RobustBaseLevels": count(len(report.found.points)),
        "RobustMomentum": with_error(abs(momentum.deviation), momentum.deviation_error),
        "RobustMomentumLater": percent(momentum.turning_point.ratio - 1, 0),
        "RobustStep": plain(last.step_share),
        "RobustStepRise": percent(last.trained, 0),
        "RobustStepRiseDerived": percent(last.derived, 0),
    }


def _report(folders: ResultFolders) -> RobustnessReport:
    return RobustnessReport.read(folders.folder(RESULT))


def _descent(point: Point) -> Departure:
    """The departure at a level that the paper cites; InputError where it failed."""
    if point.descent is None:
        raise InputError(f"results: {RESULT}: {point.axis.name} {point.level_name} failed; run the study again")
    return point.descent


def tables(folders: ResultFolders) -> dict[str, str]:
    """Each axis at the level that deviates most."""
    found = _report(folders).found
    rows = []
    for axis in AXES:
        own = [(point, point.descent) for point in found.along(axis) if point.descent is not None]
        if own:
            worst, descent = max(own, key=lambda one: abs(one[1].deviation))
            rows.append([_TITLES[axis.relaxed], _level(worst.level), *_cells(descent)])
    header = ["relaxed", "at", "deviation", "turning ratio", "regime"]
    return {"robustness.tex": table("llrrl", header, rows)}


def _level(level: Any) -> str:
    if isinstance(level, str):
        return latex_text(level)
    if level == math.inf:
        return "Gaussian"
    return count(level) if isinstance(level, int) else plain(level)


def _cells(found: Departure) -> list[str]:
    """Signed deviation, ratio of turning points, and whether the regime is the derived one."""
    turning = found.turning_point
    ratio = with_error(turning.ratio, turning.ratio * turning.error) if turning.reason is None else "--"
    return [
        with_error(found.deviation, found.deviation_error),
        ratio,
        "as derived" if found.keeps_regime else latex_text(regime_name(found.regime_measured)),
    ]


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """All departures sorted, and every level of each."""
    report = _report(folders)
    return {"robustness.pdf": report.draw, "panels.pdf": report.draw_panels}


PART = Part("robustness", (RESULT,), numbers, tables, figures)
