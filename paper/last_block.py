"""How much of a deep training the theory of its last layers explains: the result of ``phases study last-block``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from empirical.networks.networks import network_title
from empirical.studies.last_block_study.agreement import ACCEPTED_FACTOR, BOUNDARIES, HALF_FALL, Agreement, boundary_of
from empirical.studies.last_block_study.figure import draw_panels
from empirical.studies.last_block_study.plan import LONGER, RESIDUAL, SERIES
from empirical.studies.last_block_study.report import ACCEPTED_DISTANCE, DISTANCE_STEPS, LastBlockReport
from empirical.studies.last_block_study.runs import APART, BlockRun, Level
from paper.latex_text import latex_text
from paper.macros import count, fixed, plain, step
from paper.panels import shrink_labels
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table

RESULT = "last-block"

#: Columns of the table, and what their header says.
_LEVELS = {
    Level.END_TO_END: "all",
    Level.TWO_TRAINED: "two",
    Level.TWO_DERIVED: "two, derived",
    Level.ONE_DERIVED: "one, derived",
}


def _report(folders: ResultFolders) -> LastBlockReport:
    return LastBlockReport.read(folders.folder(RESULT))


def numbers(folders: ResultFolders) -> dict[str, str]:
    """What was accepted, how far the derived curve is off, and how much two layers are of the whole fall."""
    report = _report(folders)
    shared, plan = report.shared, report.plan
    found = {
        "BlockWidth": count(plan.widths[0]),
        "BlockResidualWidth": count(plan.widths[1]),
        "BlockFactor": plain(ACCEPTED_FACTOR),
        "BlockDistance": fixed(report.distance(SERIES, Level.TWO_TRAINED)),
        "BlockDistanceAll": fixed(report.distance(SERIES, Level.END_TO_END)),
        "BlockDistanceAccepted": plain(ACCEPTED_DISTANCE),
        "BlockDistanceSteps": count(DISTANCE_STEPS),
        "BlockDrift": "none" if np.isnan(shared.drift) else count(int(shared.drift)),
        "BlockApart": plain(APART),
        "BlockFallAll": fixed(shared.fall(Level.END_TO_END)),
        "BlockFallTrained": fixed(shared.fall(Level.TWO_TRAINED)),
        "BlockFallDerived": fixed(shared.fall(Level.TWO_DERIVED)),
        "BlockParts": count(plan.parts),
        "BlockLonger": count(LONGER),
        "BlockFallParts": fixed(shared.fall(Level.PARTS_DERIVED)),
        "BlockDistanceParts": fixed(report.distance(SERIES, Level.TWO_TRAINED, Level.PARTS_DERIVED)),
        "BlockLastDistance": fixed(_to_the_end(shared, Level.TWO_DERIVED)),
        "BlockLastDistanceParts": fixed(_to_the_end(shared, Level.PARTS_DERIVED)),
    }
    lowest = int(np.argmin(shared.curves[Level.END_TO_END]))
    for name, level in (("Derived", Level.TWO_DERIVED), ("Trained", Level.TWO_TRAINED)):
        found[f"BlockShare{name}"] = fixed(float(shared.share(level)[lowest]), 2)
    for name, training in (("Two", Level.TWO_TRAINED), ("All", Level.END_TO_END)):
        own = [one for one in report.agreements if one.training is training]
        found |= {
            f"Block{name}Boundaries": count(len(own)),
            f"Block{name}Hold": count(sum(one.holds for one in own)),
            f"Block{name}InOrder": count(sum(one.in_order for one in own)),
        }
        found[f"Block{name}HalfFactor"] = fixed(max(one.factor for one in _half_falls(report, training)), 2)
    found |= _residual(report)
    rest = max(one.factor_after_constant for one in _half_falls(report, Level.END_TO_END))
    return found | {
        "BlockAllHalfRest": fixed(rest, 2),
        "BlockShareStep": count(int(shared.setting.steps[lowest])),
    }


def _residual(report: LastBlockReport) -> dict[str, str]:
    """Half of the fall and its depth in the residual network by level, and how far its derived curve is off."""
    run = report.of_network(RESIDUAL) if RESIDUAL in report.plan.networks else None
    levels = {
        "Derived": Level.TWO_DERIVED,
        "Trained": Level.TWO_TRAINED,
        "Stage": Level.STAGE_TRAINED,
        "All": Level.END_TO_END,
    }
    found = {}
    for name, level in levels.items():
        found[f"BlockResidualFall{name}"] = fixed(run.fall(level)) if run else "--"
    for name in ("Derived", "Trained"):
        found[f"BlockResidualHalf{name}"] = step(run.half_fall(levels[name])) if run else "--"
    compared = {"": Level.TWO_TRAINED, "All": Level.END_TO_END, "Gaussian": Level.TWO_ON_GAUSSIANS}
    for name, level in compared.items():
        found[f"BlockResidualDistance{name}"] = fixed(report.distance(RESIDUAL, level)) if run else "--"
    start = run.distance(Level.TWO_DERIVED, Level.TWO_TRAINED, 0) if run else float("nan")
    return found | {"BlockResidualStart": fixed(start)}


def _to_the_end(run: BlockRun, level: Level) -> float:
    """Largest difference of a derived curve of two layers from these trained, over all steps; NaN without the curve."""
    if level not in run.curves:
        return float("nan")
    return float(np.abs(run.curves[level] - run.curves[Level.TWO_TRAINED]).max())


def _half_falls(report: LastBlockReport, training: Level) -> list[Agreement]:
    """Half of the fall of two derived layers beside that of a training, in both series."""
    wanted = Level.TWO_DERIVED, training, HALF_FALL
    return [one for one in report.agreements if (one.theory, one.training, one.boundary) == wanted]


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row for each training with both boundaries by level, and one for each boundary of each theory and series."""
    report = _report(folders)
    trainings = [
        [
            latex_text(network_title(run.setting.training.network)),
            plain(run.setting.training.step_size),
            plain(run.setting.scale),
            *(step(boundary_of(run, level, boundary)) for boundary in BOUNDARIES for level in _LEVELS),
        ]
        for run in report.runs
    ]
    agreement = [
        [
            latex_text(one.series),
            latex_text(one.theory.value),
            latex_text(one.training.value),
            latex_text(one.boundary),
            "yes" if one.in_order else "no" if one.complete else "--",
            fixed(one.factor, 2),
            fixed(one.factor_after_constant, 2),
        ]
        for one in report.agreements
    ]
    names = list(_LEVELS.values())
    return {
        "lastblock.tex": table("lrr" + "r" * 8, ["network", r"$\eta$", "scale", *names, *names], trainings),
        "lastblockseries.tex": table(
            "llllrrr", ["series", "derived", "measured", "boundary", "in order", "factor", "rest"], agreement
        ),
    }


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """Curves by level, and both boundaries over both series."""
    return {"lastblock.pdf": lambda path: draw(_report(folders), path)}


def draw(report: LastBlockReport, path: Path) -> None:
    """The figure of the study at the width of a page."""
    figure = Figure(figsize=(6.9, 5.8), layout="constrained")
    plan = report.plan
    draw_panels(figure, report.of(plan.of_each_network), *report.series)
    shrink_labels(figure)
    figure.savefig(path)


PART = Part("lastblock", (RESULT,), numbers, tables, figures)
