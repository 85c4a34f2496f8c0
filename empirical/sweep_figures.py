"""Figures and tables of the sweeps: scaling laws, and how far each departure moves training from the theory."""

from __future__ import annotations

from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from simulation.robustness import AXES, Axis
from simulation.scaling import ScalingLaw

#: Okabe and Ito 2008.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "s", "^", "D")


def draw_scaling(laws: list[ScalingLaw], path: Path) -> None:
    """A panel for each law: measured values as markers, lines of the derived slope through their middle."""
    kinds = sorted({(law.quantity, law.parameter) for law in laws}, key=lambda kind: (kind[1] != "sigma0", kind))
    figure = Figure(figsize=(9.0, 8.2), layout="constrained")
    for axes, (quantity, parameter) in zip(figure.subplots(2, 2).flat, kinds, strict=True):
        own = [law for law in laws if (law.quantity, law.parameter) == (quantity, parameter)]
        for law, colour, marker in zip(own, COLOURS, MARKERS, strict=False):
            _draw_law(axes, law, colour, marker)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel({"sigma0": r"initial scale $\sigma_0$", "eta": r"step size $\eta$"}.get(parameter, "time $s$"))
        axes.set_ylabel(quantity)
        for scale in (axes.xaxis, axes.yaxis):
            scale.set_minor_formatter(NullFormatter())
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    figure.savefig(path, dpi=150, format="png")


def _draw_law(axes: Axes, law: ScalingLaw, colour: str, marker: str) -> None:
    shown = slice(None, None, max(1, law.values.size // 10))
    label = (
        rf"$\alpha$ {law.law.alpha:g}, $\beta$ {law.law.beta:g}: slope {law.slope.value:.3f} "
        f"[{law.joint.low:.3f}, {law.joint.high:.3f}], derived {law.derived:.3f} (limit {law.exponent:.3f})"
    )
    axes.errorbar(
        law.values[shown],
        law.measured[shown],
        yerr=2 * law.measured[shown] * law.relative_errors[shown],
        fmt=marker,
        color=colour,
        markersize=5,
        label=label,
    )
    middle = np.exp(np.log(law.measured).mean())
    line = middle * (law.values / np.exp(np.log(law.values).mean())) ** law.derived
    axes.plot(law.values, line, color=colour, linewidth=1)


def scaling_rows(laws: list[ScalingLaw]) -> list[dict[str, Any]]:
    """The laws as plain values, without the points."""
    points = ("values", "measured", "relative_errors")
    return [
        {name: value for name, value in asdict(law).items() if name not in points} | {"holds": law.holds}
        for law in laws
    ]


def scaling_lines(laws: list[ScalingLaw]) -> list[str]:
    """A line for each law."""
    return [
        f"{law.quantity} ~ {law.parameter}^q, alpha {law.law.alpha:g}, beta {law.law.beta:g}: "
        f"q = {law.slope.value:.4f}, 95 % [{law.slope.low:.4f}, {law.slope.high:.4f}], "
        f"all together [{law.joint.low:.4f}, {law.joint.high:.4f}], "
        f"derived {law.derived:.4f} here and {law.exponent:.4f} in the limit: {'holds' if law.holds else 'FAILS'}"
        for law in laws
    ]


def scaling_columns(laws: list[ScalingLaw]) -> dict[str, Any]:
    """The points of all laws as columns of one long table, each beside its law's derived slope and exponent."""
    rows = [
        (law.quantity, law.parameter, *astuple(law.law), law.derived, law.exponent, *point)
        for law in laws
        for point in zip(law.values.tolist(), law.measured.tolist(), law.relative_errors.tolist(), strict=True)
    ]
    model = ("alpha", "beta", "dimension")
    names = ("quantity", "parameter", *model, "derived", "exponent", "value", "measured", "relative_error")
    return {name: [row[column] for row in rows] for column, name in enumerate(names)}


def robustness_rows(points: list[tuple[Axis, Any, dict[str, Any] | None]]) -> list[dict[str, Any]]:
    """Axis, level and what was found, without the curves; a level that failed has no numbers."""
    curves = ("times", "derived", "trained", "error")
    return [
        {"axis": axis.field, "assumption": axis.assumption, "level": str(level) if level == np.inf else level}
        | {name: value for name, value in (found or {}).items() if name not in curves}
        for axis, level, found in points
    ]


def robustness_lines(points: list[tuple[Axis, Any, dict[str, Any] | None]]) -> list[str]:
    """A line for each level."""
    lines = []
    for axis, level, found in points:
        if found is None:
            lines.append(f"{axis.title} {level}: failed")
            continue
        ratio = found["turning_measured"] / found["turning_derived"]
        lines.append(
            f"{axis.title} {level}: largest deviation {found['deviation']:.4f} +- {found['deviation_error']:.1g}, "
            f"of the shape {found['shape_deviation']:.4f}, "
            f"turning point {ratio:.3f} +- {found['turning_error']:.2g} of derived"
        )
    return lines


def draw_robustness(points: list[tuple[Axis, Any, dict[str, Any] | None]], path: Path) -> None:
    """A panel for each axis: largest deviation of the loss, raw and of the shape, and the ratio of turning points."""
    figure = Figure(figsize=(10.5, 9.0), layout="constrained")
    panels = figure.subplots(3, 3)
    for number, (axes, axis) in enumerate(zip(panels.flat, AXES, strict=True)):
        own = [(level, found) for one, level, found in points if one.field == axis.field and found is not None]
        if own:
            _draw_axis(axes, axis, own, first=number == 0)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=150, format="png")


def _draw_axis(axes: Axes, axis: Axis, found: list[tuple[Any, dict[str, Any]]], first: bool) -> None:
    places = np.arange(len(found))
    names = ("largest deviation of L / tr Sigma", "of the shape alone", "turning point, measured over derived")
    deviation = np.array([one["deviation"] for _, one in found])
    error = np.array([one["deviation_error"] for _, one in found])
    axes.errorbar(
        places, deviation, yerr=2 * error, fmt="o-", color=COLOURS[0], markersize=4, label=names[0] if first else None
    )
    shape = [one["shape_deviation"] for _, one in found]
    axes.plot(places, shape, "^--", color=COLOURS[2], markersize=4, label=names[1] if first else None)
    axes.set_ylim(0, max(0.02, 1.15 * float(np.max(deviation + 2 * error))))
    axes.set_xticks(places, [_level_name(level) for level, _ in found], fontsize=8)
    axes.set_xlabel(axis.title)
    axes.set_title(axis.assumption, fontsize=9)
    axes.set_ylabel(r"$L / \mathrm{tr}\,\Sigma$", color=COLOURS[0])
    other = axes.twinx()
    ratio = np.array([one["turning_measured"] / one["turning_derived"] for _, one in found])
    spread = np.array([one["turning_error"] for _, one in found])
    other.errorbar(
        places,
        ratio,
        yerr=2 * ratio * spread,
        fmt="s:",
        color=COLOURS[1],
        markersize=4,
        label=names[2] if first else None,
    )
    other.axhline(1, color=COLOURS[1], linewidth=0.6)
    other.set_ylabel(r"$s^*$ measured / derived", color=COLOURS[1])
    known = ratio[np.isfinite(ratio)]
    reach = max(0.3, 1.3 * float(np.abs(known - 1).max())) if known.size else 0.3
    other.set_ylim(1 - reach, 1 + reach)


def _level_name(level: Any) -> str:
    return (
        level.replace("gradient descent", "plain").replace("momentum ", "m ")
        if isinstance(level, str)
        else f"{level:g}"
    )
