"""Derived against trained single-layer networks, on the digits and on CIFAR-10: results of ``phases verify``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from empirical.studies.verify import INPUTS, Finding
from empirical.studies.verify_figure import draw_finding
from paper.latex_text import latex_text
from paper.macros import count, fixed, plain, significant, with_error
from paper.panels import finish_panels
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table
from simulation import Tolerances, compare
from theory import Curve

DIGITS, CIFAR = "verify-digits", "verify-cifar10"

_NAMES = {DIGITS: ("Digits", "digits"), CIFAR: ("Cifar", "CIFAR-10")}


def numbers(folders: ResultFolders) -> dict[str, str]:
    """Size of both verifications and how many claims hold."""
    found: dict[str, str] = {}
    for result, (prefix, _) in _NAMES.items():
        content = folders.content(result)
        configuration = content["configuration"]
        verdicts = Counter(claim["verdict"] for claim in content["claims"])
        found |= {
            f"{prefix}Inputs": count(content["inputs"]),
            f"{prefix}Dimension": count(content["model"]["dimension"]),
            f"{prefix}Steps": count(configuration["steps"]),
            f"{prefix}Draws": count(configuration["replicas"]),
            f"{prefix}Claims": count(len(content["claims"])),
            f"{prefix}Holds": count(verdicts["holds"]),
            f"{prefix}Unresolved": count(verdicts["not resolved"]),
            f"{prefix}Fails": count(verdicts["FAILS"]),
            f"{prefix}Boundaries": count(content["boundaries_tested"]),
            f"{prefix}BoundariesDiffer": count(content["boundaries_that_differ"]),
            f"{prefix}Largest": fixed(max(claim["deviation"] for claim in _curve_claims(content)), 3),
        }
    # In both, the tolerances that a reader needs.
    cifar = folders.content(CIFAR)["configuration"]
    return found | {
        "CifarBatch": count(cifar["batch_size"]),
        "CifarTolerance": plain(cifar["tolerances"]["late_curve"]),
        "DigitsTolerance": plain(folders.content(DIGITS)["configuration"]["tolerances"]["late_curve"]),
    }


def _curve_claims(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [claim for claim in content["claims"] if claim["name"].startswith("mean-field curve")]


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row for each data set, source and initial scale."""
    rows = []
    for result, (_, title) in _NAMES.items():
        content = folders.content(result)
        for source, scale in dict.fromkeys((claim["source"], claim["init_scale"]) for claim in content["claims"]):
            own = [claim for claim in content["claims"] if (claim["source"], claim["init_scale"]) == (source, scale)]
            rows.append([title, latex_text(source), plain(scale), *_cells(own)])
    header = ["data", "source", r"$\sigma_0$", "deviation", r"end of I", "trained", "turning point", "trained"]
    return {"verification.tex": table("llrrrrrr", header, rows)}


def _cells(claims: list[dict[str, Any]]) -> list[str]:
    """Largest deviation of the curve with its error, then derived and trained steps of both boundaries."""
    curve = max(_curve_claims({"claims": claims}), key=lambda claim: float(claim["deviation"]))
    cells = [with_error(curve["deviation"], curve["standard_error"])]
    for start in ("end of phase I", "turning point"):
        claim = next((one for one in claims if one["name"].startswith(start)), None)
        for side in ("derived_value", "measured_value"):
            value = None if claim is None else claim[side]
            cells.append("--" if value is None else significant(value, 3))
    return cells


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """The four initial scales on CIFAR-10."""
    return {"verification.pdf": lambda path: draw(folders, path)}


def findings(folders: ResultFolders, result: str) -> list[Finding]:
    """The comparisons of a verification, made again from the curves that it keeps."""
    configuration = folders.content(result)["configuration"]
    curves = folders.table(result, "curves.parquet")
    tolerances = Tolerances(**configuration["tolerances"])
    found = []
    for source in dict.fromkeys(curves["source"]):
        for scale in configuration["init_scales"]:
            here = (curves["source"] == source) & (curves["init_scale"] == scale)
            derived, linearised, trained = (
                _curve({name: column[here & (curves["curve"] == kind)] for name, column in curves.items()})
                for kind in ("derived", "linearised", "trained")
            )
            comparison = compare(derived, linearised, trained, configuration["step_size"], tolerances)
            found.append(Finding(str(source), float(scale), comparison))
    return found


def _curve(columns: dict[str, np.ndarray[Any, Any]]) -> Curve:
    replicas = np.unique(columns["replica"])
    losses = np.stack([columns["loss"][columns["replica"] == replica] for replica in replicas])
    return Curve(columns["time"][columns["replica"] == replicas[0]], losses)


def draw(folders: ResultFolders, path: Path) -> None:
    """A panel an initial scale, on the inputs themselves."""
    content = folders.content(CIFAR)
    own = [finding for finding in findings(folders, CIFAR) if finding.source == INPUTS]
    rows = -(-len(own) // 2)
    figure = Figure(figsize=(6.9, 2.6 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    for axes, finding in zip(panels.flat, own, strict=False):
        draw_finding(axes, finding, content["data"], content["configuration"]["step_size"])
        axes.tick_params(labelsize=8)
    finish_panels(figure, panels, len(own), legend_columns=2)
    figure.savefig(path)


PART = Part("verification", (DIGITS, CIFAR), numbers, tables, figures)
