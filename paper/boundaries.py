"""Derived against measured boundaries of all single layers, on one diagonal: inputs, synthetic data and features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from matplotlib.typing import FillStyleType

from empirical.networks.networks import network_title
from empirical.studies.assumption_costs import Derivation
from empirical.studies.predict.report import PredictReport
from empirical.studies.verify.finding import Source
from empirical.studies.verify.report import VerifyReport
from paper.result_folders import ResultFolders
from simulation import ClaimKind
from theory import boundaries_of

#: Results of ``phases verify`` that are shown, and those of ``phases predict``.
VERIFICATIONS, PREDICTIONS = ("verify-digits", "verify-cifar10"), "predict-*"

#: Name, colour (Okabe and Ito 2008) and marker of each boundary.
_KINDS = {
    ClaimKind.END_OF_PHASE_ONE: ("half of the fall", "#0072B2", "o"),
    ClaimKind.TURNING_POINT: ("turning point", "#D55E00", "s"),
    ClaimKind.RETURN: ("return to the first level", "#009E73", "^"),
}

#: Of the markers, for each kind of data; more kinds than these would look alike.
_FILLINGS: tuple[FillStyleType, ...] = ("full", "none", "left", "right", "bottom", "top")

#: Relative difference that the shaded band allows; the tolerance of a boundary in the verifications.
_BAND = 0.15


@dataclass(frozen=True)
class BoundaryPair:
    """A boundary as derived and as measured.

    Attributes:
        kind: which boundary.
        data: what the layer was trained on.
        derived: in steps.
        measured: in steps.
        error: relative standard error of the measured one; NaN where unknown.
    """

    kind: ClaimKind
    data: str
    derived: float
    measured: float
    error: float


def boundary_pairs(folders: ResultFolders) -> list[BoundaryPair]:
    """All boundaries that were both derived and measured, in the results that exist."""
    names = {name for pattern in VERIFICATIONS for name in folders.names(pattern)}
    verified = [VerifyReport.read(folders.folder(name)) for name in VERIFICATIONS if name in names]
    predicted = [PredictReport.read(folders.folder(name)) for name in folders.names(PREDICTIONS)]
    return [*(pair for one in verified for pair in _verified(one)), *(pair for one in predicted for pair in _fed(one))]


def _verified(report: VerifyReport) -> Iterator[BoundaryPair]:
    for finding in report.findings:
        data = report.data if finding.source is Source.INPUTS else f"synthetic, moments of {report.data}"
        for claim in finding.comparison.claims:
            if claim.kind.is_boundary and np.isfinite([claim.derived_value, claim.measured_value]).all():
                error = claim.standard_error if np.isfinite(claim.standard_error) else np.nan
                yield BoundaryPair(claim.kind, data, claim.derived_value, claim.measured_value, error)


def _fed(report: PredictReport) -> Iterator[BoundaryPair]:
    data = f"features of {network_title(report.plan.network)}"
    for one in report.predictions:
        derived, trained = (boundaries_of(c.times, c.mean) for c in (one.derived[Derivation.COMMON], one.trained))
        times = {
            ClaimKind.END_OF_PHASE_ONE: (derived.fraction_point, trained.fraction_point),
            ClaimKind.TURNING_POINT: (derived.turning_point, trained.turning_point),
            ClaimKind.RETURN: (derived.return_time, trained.return_time),
        }
        for kind, (first, second) in times.items():
            if first is not None and second is not None:
                yield BoundaryPair(kind, data, first / one.step_size, second / one.step_size, np.nan)


def draw_boundaries(pairs: list[BoundaryPair], path: Path) -> None:
    """Draw all pairs on logarithmic axes; shaded are differences of up to 15 %.

    Args:
        pairs: at least one.
        path: of the figure; its ending decides the format.
    """
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    values = np.array([(one.derived, one.measured) for one in pairs])
    ends = np.array([values.min() / 1.5, values.max() * 1.5])
    axes.plot(ends, ends, color="black", linewidth=0.9)
    axes.fill_between(ends, ends * (1 - _BAND), ends * (1 + _BAND), color="#E8E8E8", linewidth=0, zorder=0)
    faces = dict(zip(dict.fromkeys(one.data for one in pairs), _FILLINGS, strict=False))
    for one in pairs:
        _, colour, marker = _KINDS[one.kind]
        if np.isfinite(one.error):
            low, high = (one.measured * np.exp(sign * 2 * one.error) for sign in (-1, 1))
            axes.plot([one.derived] * 2, [low, high], color=colour, linewidth=0.8)
        filling: dict[str, Any] = {"fillstyle": faces[one.data], "markerfacecoloralt": "white"}
        axes.plot(one.derived, one.measured, marker, color=colour, markersize=7, **filling)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for scale in (axes.xaxis, axes.yaxis):
        scale.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_xlabel("derived, in training steps")
    axes.set_ylabel("measured, in training steps")
    axes.legend(handles=_handles(faces), fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=150)


def _handles(faces: dict[str, FillStyleType]) -> list[Line2D]:
    """Colour and marker name the boundary, the filling the data."""
    kinds = [Line2D([], [], ls="none", marker=mark, color=colour, label=name) for name, colour, mark in _KINDS.values()]
    plain: dict[str, Any] = {"linestyle": "none", "marker": "o", "color": "#555555", "markerfacecoloralt": "white"}
    data = [Line2D([], [], fillstyle=face, label=name, **plain) for name, face in faces.items()]
    return [*kinds, *data, Line2D([], [], color="#E8E8E8", linewidth=6, label="within 15 %")]
