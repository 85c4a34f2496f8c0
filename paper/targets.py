"""Derived against trained transfer on the digits: results of ``phases verify --target`` and
``phases diagram --transfer``.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from empirical.studies.stopping_diagram import StoppingDiagramReport
from empirical.studies.verify_transfer.figure import draw_target
from empirical.studies.verify_transfer.finding import SHORT_VERDICTS
from empirical.studies.verify_transfer.report import TransferVerification
from paper.latex_text import latex_text
from paper.macros import count, fixed, percent, plain
from paper.panels import finish_panels
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table

RESULT, DIAGRAM = "verify-transfer-digits", "diagram-transfer"

#: One target of each kind of advice.
_SHOWN = ("digits:ink", "digits:left-right", "digits:5-9", "component:5")


def _report(folders: ResultFolders) -> TransferVerification:
    return TransferVerification.read(folders.folder(RESULT))


def numbers(folders: ResultFolders) -> dict[str, str]:
    """For how many targets verdict, curve and best step agree, and how the diagram of verdicts agrees with training."""
    report = _report(folders)
    diagram = StoppingDiagramReport.read(folders.folder(DIAGRAM))
    found = report.findings
    within = [one.comparison.deviation for one in found if one.curve_holds(report.plan)]
    return {
        "TargetCount": count(len(found)),
        "TargetVerdicts": count(sum(one.verdict_agrees for one in found)),
        "TargetAdvice": count(sum(one.comparison.agrees for one in found)),
        "TargetNear": count(len(within)),
        "TargetBest": count(sum(one.step_holds(report.plan) for one in found)),
        "TargetTolerance": plain(report.plan.tolerance),
        "TargetLargest": fixed(max(one.comparison.deviation for one in found), 3),
        "TargetStepTolerance": plain(100 * report.plan.step_tolerance),
        "TargetClones": count(report.plan.clones),
        "TargetSamples": count(report.samples),
        "TargetLike": count(sum(one.is_like_its_clones is True for one in found)),
        "TargetSteps": count(report.plan.steps),
        "TargetDraws": count(report.plan.replicas),
        "StoppingPoints": count(len(diagram.points)),
        "StoppingDraws": count(diagram.plan.replicas),
        "StoppingAway": count(diagram.away_from_borders),
        "StoppingAgreement": percent(diagram.agreement),
        "StoppingDisagree": count(sum(one.near_border and not one.agrees for one in diagram.points)),
    }


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row for each target: advice, best steps, how far derived and trained curves are apart, and how far clones."""
    report = _report(folders)
    rows = [
        [
            latex_text(one.target),
            SHORT_VERDICTS[one.comparison.found.stopping],
            count(round(one.comparison.found.time / report.step_size)),
            SHORT_VERDICTS[one.verdict.stopping],
            SHORT_VERDICTS[one.comparison.expected.stopping],
            count(round(one.comparison.expected.time / report.step_size)),
            fixed(one.comparison.deviation, 3),
            "--" if one.sampling_deviation is None else fixed(one.sampling_deviation, 3),
            fixed(one.comparison.regret, 3),
        ]
        for one in report.findings
    ]
    header = ["target", "trained", "best step", "T9", "mean field", "best step", "apart", "clones", "regret"]
    return {"targets.tex": table("llrllrrrr", header, rows)}


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """A panel for each kind of advice, and the diagram of verdicts."""
    diagram = StoppingDiagramReport.read(folders.folder(DIAGRAM))
    return {"targets.pdf": lambda path: draw(_report(folders), path), "stopping.pdf": diagram.draw}


def draw(report: TransferVerification, path: Path) -> None:
    """Draw the targets that are shown, or the first ones where a run has others."""
    shown = [one for one in report.findings if one.target in _SHOWN] or list(report.findings[:4])
    figure = Figure(figsize=(6.9, 5.4), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, squeeze=False)
    for axes, finding in zip(panels.flat, shown, strict=False):
        draw_target(axes, finding, report.step_size)
    finish_panels(figure, panels, len(shown), 2, "least-squares probes of the outputs W x")
    for axes in panels[:, 0]:
        axes.set_ylabel("explained share of the target")
    figure.savefig(path)


PART = Part("targets", (RESULT, DIAGRAM), numbers, tables, figures)
