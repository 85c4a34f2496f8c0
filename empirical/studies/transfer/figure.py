"""Figure of transfer: the accuracy of one task over one training, and the gains of stopping early as a forest plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.networks.networks import network_title
from empirical.studies.transfer.comparison import TaskCurve, TransferRow, adjusted_half_width
from simulation.figures.figure_text import figure_text
from simulation.figures.seed_lines import COLOURS, MARKERS, draw_seeds
from simulation.figures.style import step_axis
from theory.validation import FloatArray, IntArray


def draw_transfer(rows: Sequence[TransferRow], curves: Sequence[TaskCurve], path: Path) -> None:
    """Draw the gain of every training and task with its intervals, beside the curve of the first one.

    Thick bars are 95 % intervals, each by itself; thin ones hold for all rows at once (Bonferroni).

    Args:
        rows: of all trainings.
        curves: of the rows, one each; without them there are the gains alone.
        path: of the figure; its ending decides the format.
    """
    tasks = list(dict.fromkeys(row.task for row in rows))
    ordered = sorted(rows, key=lambda row: (tasks.index(row.task), -row.gain.value))
    height = max(2.8, 0.27 * len(rows) + 1.3)
    if curves:
        figure = Figure(figsize=(7.2, height), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(2, 3))
        _draw_curve(left, rows[0], curves[0])
    else:
        figure = Figure(figsize=(5.4, height), layout="constrained")
        right = figure.subplots()
    _draw_gains(right, ordered, tasks)
    figure.savefig(path, dpi=150)


def _draw_curve(axes: Axes, row: TransferRow, curve: TaskCurve) -> None:
    draw_seeds(axes, _floats(curve.steps), curve.accuracy, row.task, 0)
    step = float(np.exp(np.mean(np.log(np.maximum(row.recommended_steps, 1)))))
    axes.axvline(step, color="#555555", linestyle=":", linewidth=1.5)
    place = axes.get_xaxis_transform()
    axes.text(0.9 * step, 0.03, "recommended", transform=place, ha="right", fontsize=7.5, color="#555555")
    step_axis(axes, float(row.last_step))
    axes.set_xlabel("training step", fontsize=8)
    axes.tick_params(labelsize=7.5)
    axes.set_ylabel(f"held-out accuracy\nof a linear probe of {figure_text(row.layer)}", fontsize=8)
    axes.set_title(f"{_training(row)}:\n{figure_text(row.task)}", fontsize=8)


def _training(row: TransferRow) -> str:
    """The network and the classes that it was trained on, as titles and rows name them."""
    classes = "all classes" if row.classes is None else f"classes {', '.join(map(str, row.classes))}"
    return f"{network_title(row.network, row.base_width)}, {classes}"


def _floats(steps: IntArray) -> FloatArray:
    return np.asarray(steps, dtype=np.float64)


def _draw_gains(axes: Axes, rows: Sequence[TransferRow], tasks: list[str]) -> None:
    """A row for each training and task, the tasks one below the other."""
    axes.axvline(0, color="black", linewidth=0.8)
    # A free row before each task holds its name.
    places = np.array([place + tasks.index(row.task) + 1 for place, row in enumerate(rows)], dtype=np.float64)
    for place, row in zip(places, rows, strict=True):
        number = tasks.index(row.task)
        colour = COLOURS[number % len(COLOURS)]
        if not np.isnan(row.half_width):
            for width, line in ((adjusted_half_width(row, len(rows)), 0.8), (row.half_width, 3.0)):
                axes.plot(
                    [row.gain.value - width, row.gain.value + width], [place, place], color=colour, linewidth=line
                )
        axes.plot(
            row.gain.value, place, MARKERS[number % len(MARKERS)], color=colour, markerfacecolor="white", markersize=5.5
        )
    for number, task in enumerate(tasks):
        first = places[[row.task for row in rows].index(task)] - 1
        colour, place = COLOURS[number % len(COLOURS)], axes.get_yaxis_transform()
        axes.text(0.01, first, figure_text(task), transform=place, va="center", fontsize=8, weight="bold", color=colour)
    axes.set_yticks(places, [_training(row) for row in rows], fontsize=7.5)
    axes.tick_params(axis="x", labelsize=7.5)
    axes.locator_params(axis="x", nbins=6)  # more would touch each other
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.set_xlabel(
        "gain in accuracy of the recommended\nover the last checkpoint (thick: 95 % interval;\n"
        f"thin: adjusted for {len(rows)} comparisons)",
        fontsize=8,
    )
    axes.set_title("left of 0 training on helps, right of 0 stopping helps", fontsize=8)
