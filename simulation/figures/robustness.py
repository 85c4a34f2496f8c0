"""Figure of the robustness sweep: how far each departure moves training from the theory."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulation.experiments.large_steps import Rise
from simulation.experiments.robustness import (
    ADAM_IN_EIGENBASIS,
    AXES,
    DESCENT,
    HALF_MOMENTUM,
    MOMENTUM,
    Point,
    Relaxed,
    Robustness,
)
from simulation.figures.scaling import COLOURS

# On a page 16 cm wide the smallest text keeps six points.
_ROW_LENGTH, _CELL_WIDTH, _CELL_HEIGHT = 3, 2.4, 2.35
_TITLE_LENGTH = 26

# Characters of all levels beside each other.
_CROWDED = 24

#: Titles with mathematics.
_TITLES = {Relaxed.STEP_SHARE: r"step size, $\eta c \lambda_1$"}

#: Names of levels, shortened where they would not fit next to their neighbours.
_SHORT = {
    DESCENT: "plain",
    HALF_MOMENTUM: "mom.\n0.5",
    MOMENTUM: "mom.\n0.9",
    ADAM_IN_EIGENBASIS: "Adam,\neigen-\nbasis",
    "Gaussian": "Gauss",
}


def draw_robustness(found: Robustness, path: Path) -> None:
    """Draw for each axis the signed deviation of the loss above the ratio of turning points; rises of R last."""
    relaxed = [axis for axis in AXES if found.along(axis)]
    columns = min(_ROW_LENGTH, len(relaxed) + 1)
    rows = -(-(len(relaxed) + 1) // columns)
    figure = Figure(figsize=(_CELL_WIDTH * columns, _CELL_HEIGHT * rows), layout="constrained")
    cells = list(figure.subfigures(rows, columns, squeeze=False, hspace=0.04).flat)
    for cell, axis in zip(cells, relaxed, strict=False):
        own = [point for point in found.along(axis) if point.descent is not None]
        upper, lower = cell.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        if own:
            _draw_deviation(upper, own)
            _draw_turning(lower, own)
        upper.set_title(textwrap.fill(f"relaxes {axis.assumption}", _TITLE_LENGTH), fontsize=8)
        lower.set_xlabel(_TITLES.get(axis.relaxed, axis.title), fontsize=8)
    _draw_rises(cells[len(relaxed)].subplots(), found.rises)
    handles, labels = cells[0].axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


def _draw_deviation(axes: Axes, own: list[Point]) -> None:
    places = np.arange(len(own))
    curves = (
        ([point.descent for point in own], -0.08, "o-", COLOURS[0], "gradient descent"),
        ([point.flow for point in own], 0.08, "^:", COLOURS[2], "gradient flow"),
    )
    reach = 0.006
    for departures, shift, style, colour, name in curves:
        values = np.array([one.deviation for one in departures if one is not None])
        errors = np.array([one.deviation_error for one in departures if one is not None])
        label = f"largest deviation of training from the derived {name} (bars: 2 standard errors)"
        axes.errorbar(places + shift, values, yerr=2 * errors, fmt=style, color=colour, markersize=4, label=label)
        reach = max(reach, 1.1 * float(np.max(np.abs(values) + 2 * errors)))
    axes.axhline(0, color="0.6", linewidth=0.8)
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("$L / \\mathrm{tr}\\,\\Sigma$,\ntrained $-$ derived", fontsize=7.5)
    axes.tick_params(labelsize=7)


def _draw_turning(axes: Axes, own: list[Point]) -> None:
    """Ratios of turning points to those of derived gradient descent; a cross where one side has none."""
    turning = [point.descent.turning_point for point in own if point.descent is not None]
    places = np.arange(len(own))
    ratio = np.array([one.ratio for one in turning], dtype=np.float64)
    spread = ratio * np.array([one.error for one in turning], dtype=np.float64)
    known = np.isfinite(ratio) & np.isfinite(spread)
    axes.axhline(1, color="0.6", linewidth=0.8)
    axes.errorbar(places[known], ratio[known], yerr=2 * spread[known], fmt="s", color=COLOURS[1], markersize=4)
    axes.plot(places[~known], np.ones((~known).sum()), "x", color="black", markersize=7)
    for place in places[~known]:
        axes.annotate("none", (place, 1), (0, 6), textcoords="offset points", ha="center", fontsize=7)
    # An error beyond all others, where the lowest of two valleys is left to chance, would hide the rest.
    reach = max(0.1, 1.15 * float(np.max(np.abs(ratio - 1) + 2 * spread, where=known, initial=0.0)))
    axes.set_ylim(1 - min(reach, 0.6), 1 + min(reach, 0.6))
    axes.set_ylabel(r"$s^*$ / derived", fontsize=7.5)
    axes.tick_params(labelsize=7)
    names = [_tick(point) for point in own]
    crowded = sum(max(map(len, name.splitlines())) for name in names) > _CROWDED
    axes.set_xticks(places, names, fontsize=7, rotation=40 if crowded else 0)


def _tick(point: Point) -> str:
    """A level's name, short enough to fit next to its neighbours."""
    return _SHORT.get(point.level_name, point.level_name)


def _draw_rises(axes: Axes, rises: tuple[Rise, ...]) -> None:
    shares = [rise.step_share for rise in rises]
    axes.plot(shares, [rise.derived for rise in rises], "-", color=COLOURS[0], label="derived")
    axes.plot(shares, [rise.trained for rise in rises], "o", color=COLOURS[1], markersize=5, label="trained")
    axes.axvline(1, color="0.6", linewidth=0.8)
    axes.set_xlabel(r"step size, $\eta \lambda_1$", fontsize=8)
    axes.set_ylabel("largest rise of R\nper step of phase III", fontsize=7.5)
    axes.set_title("T4 without A5:\nR rises past 1", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.legend(frameon=False, fontsize=7)
