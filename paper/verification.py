"""Derived against trained single-layer networks, on the digits and on CIFAR-10: results of ``phases verify``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from matplotlib.figure import Figure

from empirical.studies.verify.figure import draw_finding
from empirical.studies.verify.finding import Finding, Source
from empirical.studies.verify.report import VerifyReport
from paper.boundaries import boundary_pairs, draw_boundaries
from paper.latex_text import latex_text
from paper.macros import count, fixed, plain, significant, with_error
from paper.panels import finish_panels
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table
from simulation import Claim, ClaimKind
from theory import Verdict

DIGITS, CIFAR = "verify-digits", "verify-cifar10"

_NAMES = {DIGITS: ("Digits", "digits"), CIFAR: ("Cifar", "CIFAR-10")}


def _report(folders: ResultFolders, result: str) -> VerifyReport:
    return VerifyReport.read(folders.folder(result))


def numbers(folders: ResultFolders) -> dict[str, str]:
    """Size of both verifications and how many claims hold."""
    reports = {result: _report(folders, result) for result in _NAMES}
    found: dict[str, str] = {}
    for result, (prefix, _) in _NAMES.items():
        found |= {f"{prefix}{name}": value for name, value in _numbers(reports[result]).items()}
    # The tolerances that a reader needs are in both.
    cifar, digits = reports[CIFAR].plan, reports[DIGITS].plan
    return found | {
        "CifarBatch": count(cifar.batch_size or reports[CIFAR].count),
        "CifarTolerance": plain(cifar.tolerances.late_curve),
        "DigitsTolerance": plain(digits.tolerances.late_curve),
    }


def _numbers(report: VerifyReport) -> dict[str, str]:
    verdicts = Counter(claim.verdict for claim in report.claims)
    equality = report.boundary_equality()
    return {
        "Inputs": count(report.count),
        "Dimension": count(report.model.dimension),
        "Steps": count(report.plan.steps),
        "Draws": count(report.plan.replicas),
        "Claims": count(len(report.claims)),
        "Holds": count(verdicts[Verdict.HOLDS]),
        "Unresolved": count(verdicts[Verdict.NOT_RESOLVED]),
        "Fails": count(verdicts[Verdict.FAILS]),
        "Boundaries": count(0 if equality is None else equality.rejected.size),
        "BoundariesDiffer": count(0 if equality is None else int(equality.rejected.sum())),
        "Largest": fixed(_largest(report.claims).deviation, 3),
    }


def _largest(claims: tuple[Claim, ...]) -> Claim:
    """The claim on a mean-field curve with the largest deviation."""
    return max((one for one in claims if one.kind is ClaimKind.MEAN_FIELD), key=lambda claim: claim.deviation)


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row for each data set, source and initial scale."""
    rows = [
        [title, latex_text(finding.source.value), plain(finding.init_scale), *_cells(finding)]
        for result, (_, title) in _NAMES.items()
        for finding in _report(folders, result).findings
    ]
    header = ["data", "source", r"$\sigma_0$", "deviation", r"end of I", "trained", "turning point", "trained"]
    return {"verification.tex": table("llrrrrrr", header, rows)}


def _cells(finding: Finding) -> list[str]:
    """Largest deviation of the curve with its error, then both boundaries: derived, and trained with their errors."""
    claims = finding.comparison.claims
    curve = _largest(claims)
    cells = [with_error(curve.deviation, curve.standard_error)]
    for kind in (ClaimKind.END_OF_PHASE_ONE, ClaimKind.TURNING_POINT):
        claim = next((one for one in claims if one.kind is kind), None)
        cells += ["--", "--"] if claim is None else [significant(claim.derived_value, 3), _measured(claim)]
    return cells


def _measured(boundary: Claim) -> str:
    """The measured step of a boundary, with its standard error over draws where that reaches the third digit."""
    value, error = boundary.measured_value, boundary.standard_error * boundary.derived_value
    return with_error(value, error) if error >= 0.005 * value else significant(value, 3)


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """The four initial scales on CIFAR-10, and all boundaries on one diagonal."""
    return {
        "verification.pdf": lambda path: draw(_report(folders, CIFAR), path),
        "boundaries.pdf": lambda path: draw_boundaries(boundary_pairs(folders), path),
    }


def draw(report: VerifyReport, path: Path) -> None:
    """Draw a panel per initial scale, on the inputs themselves."""
    own = [finding for finding in report.findings if finding.source is Source.INPUTS]
    rows = -(-len(own) // 2)
    figure = Figure(figsize=(6.9, 2.6 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    for axes, finding in zip(panels.flat, own, strict=False):
        draw_finding(axes, finding, report.data, report.step_size)
        axes.tick_params(labelsize=8)
    finish_panels(figure, panels, len(own), legend_columns=2)
    figure.savefig(path)


PART = Part("verification", (DIGITS, CIFAR), numbers, tables, figures)
