"""How long a deep training is that of a simpler one: the result of ``phases study simplified``."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from empirical.networks.networks import network_title
from empirical.studies.last_block_study.runs import APART
from empirical.studies.simplified_study.figure import draw_panels
from empirical.studies.simplified_study.plan import SIMPLIFIED, Training
from empirical.studies.simplified_study.report import SimplifiedReport
from empirical.studies.simplified_study.runs import ERROR_APART
from paper.latex_text import latex_text
from paper.macros import count, fixed, plain, step
from paper.panels import shrink_labels
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table

RESULT = "simplified"


def _report(folders: ResultFolders) -> SimplifiedReport:
    return SimplifiedReport.read(folders.folder(RESULT))


def numbers(folders: ResultFolders) -> dict[str, str]:
    """The plan, and what counts as a difference."""
    report = _report(folders)
    return {
        "SimplerSteps": count(report.plan.steps),
        "SimplerStepSize": plain(report.plan.step_size),
        "SimplerMomentum": plain(report.runs[0].setting.training.momentum),
        "SimplerApart": plain(APART),
        "SimplerErrorApart": plain(ERROR_APART),
        "SimplerCloneShare": _largest_share(report, Training.CLONE),
        "SimplerTangentShare": _largest_share(report, Training.TANGENT),
    }


def _largest_share(report: SimplifiedReport, training: Training) -> str:
    """The fall of a simplification in units of that on the images, of the network where it is largest."""
    return fixed(max(run.fall(training) / run.fall(Training.IMAGES) for run in report.runs), 2)


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row for each training: where it leaves that on the images, its fall, and how it ends."""
    rows = [
        [
            latex_text(network_title(run.setting.training.network)),
            latex_text(training.value),
            step(run.loss_departure(training)) if training in SIMPLIFIED else "",
            step(run.error_departure(training)) if training in SIMPLIFIED else "",
            fixed(run.fall(training)),
            fixed(run.losses[training][-1]),
            fixed(run.errors[training][-1]),
        ]
        for run in _report(folders).runs
        for training in Training
    ]
    header = ["network", "training", "loss apart at", "error apart at", "fall", "last loss", "last error"]
    return {"simplified.tex": table("llrrrrr", header, rows)}


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """Loss and error of each network by training."""
    return {"simplified.pdf": lambda path: draw(_report(folders), path)}


def draw(report: SimplifiedReport, path: Path) -> None:
    """The figure of the study at the width of a page."""
    figure = Figure(figsize=(6.9, 2.5 * len(report.runs)), layout="constrained")
    draw_panels(figure, report.runs)
    shrink_labels(figure)
    figure.savefig(path)


PART = Part("simplified", (RESULT,), numbers, tables, figures)
