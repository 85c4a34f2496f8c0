"""One sorted chart of the robustness sweep: each departure where it moves training furthest from the theory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulation.comparison.departure import Departure
from simulation.experiments.robustness import AXES, Point, Relaxed, Robustness
from simulation.figures.scaling import COLOURS
from theory.curves.boundaries import RESOLUTION
from theory.validation import FloatArray

#: What is relaxed, as a row names it before its level.
_NAMES = {
    Relaxed.TAIL_INDEX: "heavy-tailed noise, index",
    Relaxed.MINORITY_SHARE: "mirrored minority, share",
    Relaxed.LABEL_NOISE: "random labels, share",
    Relaxed.BATCH_SIZE: "new samples per step",
    Relaxed.STEP_SHARE: r"step size, $\eta c \lambda_1$ ",
    Relaxed.SAMPLES: "samples in 100 dimensions",
    Relaxed.CLASSES: "classes",
    Relaxed.IMBALANCE: "largest over smallest class",
    Relaxed.OPTIMISER: "optimiser",
}


def draw_robustness_chart(found: Robustness, path: Path) -> None:
    """Draw a row for each departure at its worst level, sorted by deviation; turning points stand beside.

    Args:
        found: all levels; those that failed are left out.
        path: of the figure; its ending decides the format.
    """
    rows = worst_levels(found)
    figure = Figure(figsize=(7.2, 0.36 * len(rows) + 1.5), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    places = np.arange(len(rows), dtype=np.float64)
    _draw_deviations(left, places, [descent for _, descent in rows])
    _draw_turning(right, places, [descent for _, descent in rows])
    left.set_yticks(places, [f"{_NAMES[point.axis.relaxed]}: {point.level_name}" for point, _ in rows], fontsize=9)
    left.set_ylim(len(rows) - 0.5, -0.5)
    figure.savefig(path, dpi=150)


def worst_levels(found: Robustness) -> list[tuple[Point, Departure]]:
    """The level of each axis that deviates most, the largest deviation first."""
    worst = []
    for axis in AXES:
        own = [(point, point.descent) for point in found.along(axis) if point.descent is not None]
        if own:
            worst.append(max(own, key=lambda one: abs(one[1].deviation)))
    return sorted(worst, key=lambda one: -abs(one[1].deviation))


def _draw_deviations(axes: Axes, places: FloatArray, found: list[Departure]) -> None:
    values = np.array([one.deviation for one in found])
    errors = 2 * np.array([one.deviation_error for one in found])
    axes.axvspan(-RESOLUTION, RESOLUTION, color="#E8E8E8", linewidth=0, label="resolution of the theory, .01")
    axes.axvline(0, color="0.6", linewidth=0.8)
    axes.errorbar(values, places, xerr=errors, fmt="o", color=COLOURS[0], markersize=5, label="2 standard errors")
    axes.set_xlabel("largest deviation of the loss,\ntrained less derived (share of the variance)", fontsize=9)
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _draw_turning(axes: Axes, places: FloatArray, found: list[Departure]) -> None:
    """Ratios with their errors; the word none where one side has no turning point."""
    ratios = np.array([one.turning_point.ratio for one in found], dtype=np.float64)
    errors = 2 * ratios * np.array([one.turning_point.error for one in found], dtype=np.float64)
    known = np.isfinite(ratios) & np.isfinite(errors)
    axes.axvline(1, color="0.6", linewidth=0.8)
    axes.errorbar(ratios[known], places[known], xerr=errors[known], fmt="s", color=COLOURS[1], markersize=5)
    for place in places[~known]:
        axes.text(
            1, place, "none", ha="center", va="center", fontsize=8, bbox={"facecolor": "white", "pad": 1, "lw": 0}
        )
    axes.set_xlabel("turning point,\ntrained over derived", fontsize=9)
