"""Figure and tables of the scaling laws."""

from __future__ import annotations

from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from simulation.experiments.scaling_law import ScalingLaw
from simulation.figures.figure_text import figure_text

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
        axes.set_ylabel(figure_text(quantity))
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
