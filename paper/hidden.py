"""Hidden layers on the digits, derived against trained: results of ``phases verify --hidden-width``."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from empirical.studies.verify_hidden.figure import draw_layer
from empirical.studies.verify_hidden.report import HiddenVerification
from paper.macros import count, fixed, plain
from paper.panels import finish_panels
from paper.part import Draw, Part
from paper.result_folders import ResultFolders

LINEAR, RELU = "verify-hidden-digits-linear", "verify-hidden-digits-relu"


def _report(folders: ResultFolders, result: str) -> HiddenVerification:
    return HiddenVerification.read(folders.folder(result))


def numbers(folders: ResultFolders) -> dict[str, str]:
    """Widths, steps, distances of the curves, and the turning points of the linear hidden layer."""
    found: dict[str, str] = {}
    for name, result in (("HiddenLinear", LINEAR), ("HiddenRelu", RELU)):
        report = _report(folders, result)
        found |= {
            f"{name}Width": ", ".join(map(str, report.plan.widths)),
            f"{name}Steps": count(report.plan.steps),
            f"{name}Deviation": fixed(report.findings[0].deviation, 4),
            f"{name}Tolerance": plain(report.plan.accepted),
        }
    linear = _report(folders, LINEAR)
    first = linear.findings[0]
    for name, time in (("Derived", first.derived_turning_point), ("Trained", first.trained_turning_point)):
        found[f"HiddenLinear{name}"] = "none" if time is None else count(round(time / linear.step_size))
    found["HiddenLinearOutput"] = fixed(linear.findings[-1].deviation, 4)
    return found


def tables(folders: ResultFolders) -> dict[str, str]:
    """None: the text has all numbers."""
    return {}


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """The linear and the rectified hidden layer."""
    return {"hidden.pdf": lambda path: draw([_report(folders, one) for one in (LINEAR, RELU)], path)}


def draw(reports: list[HiddenVerification], path: Path) -> None:
    """Draw the first hidden layer of each report."""
    figure = Figure(figsize=(6.9, 3.3), layout="constrained")
    panels = figure.subplots(1, len(reports), squeeze=False)
    for axes, report in zip(panels.flat, reports, strict=True):
        draw_layer(axes, report.findings[0], report.step_size)
        axes.set_title(f"{report.plan.units.value} units", fontsize=10)
    finish_panels(figure, panels, len(reports), 2, "linear decoder of the hidden units")
    panels[0, 0].set_ylabel("reconstruction loss of the inputs")
    figure.savefig(path)


PART = Part("hidden", (LINEAR, RELU), numbers, tables, figures)
