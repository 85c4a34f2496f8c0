"""Figure of transfer: accuracies over training with the recommended checkpoints, and gains against alignment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from empirical.studies.transfer.comparison import TaskCurve, TransferRow
from simulation.figures.figure_text import figure_text
from simulation.figures.seed_lines import COLOURS, MARKERS, draw_seeds
from simulation.figures.style import step_axis
from theory.validation import FloatArray, IntArray

# Gains closer than this in alignment are drawn next to each other, at this distance.
_SIDE_BY_SIDE = 0.012


def draw_transfer(rows: Sequence[TransferRow], curves: Sequence[TaskCurve], path: Path) -> None:
    """Draw a panel per training and a wide one of the gains.

    Accuracies are means over seeds with bands of a standard error; bars of the gains are 95 % intervals. Gains of one
    alignment are drawn side by side.

    Args:
        rows: of all trainings.
        curves: of the rows, one each; without them there is the panel of the gains alone.
        path: of the figure; its ending decides the format.
    """
    trainings = list(dict.fromkeys(row.training for row in rows)) if curves else []
    columns = max(1, min(2, len(trainings)))
    lines = -(-len(trainings) // columns) + 1
    figure = Figure(figsize=(10.0, 3.3 * lines + 0.4), layout="constrained")
    grid = figure.add_gridspec(lines, columns)
    tasks = list(dict.fromkeys(row.task for row in rows))
    for number, training in enumerate(trainings):
        own = [pair for pair in zip(rows, curves, strict=True) if pair[0].training == training]
        _draw_training(figure.add_subplot(grid[divmod(number, columns)]), own, tasks)
    _draw_gains(figure.add_subplot(grid[-1, :]), rows, tasks)
    figure.savefig(path, dpi=150)


def _draw_training(axes: Axes, own: Sequence[tuple[TransferRow, TaskCurve]], tasks: list[str]) -> None:
    for row, curve in own:
        draw_seeds(axes, _floats(curve.steps), curve.accuracy, row.task, tasks.index(row.task))
    # The rule asks the layer, not the task: all rows of a training have the same steps.
    first = own[0][0]
    for step in set(first.recommended_steps):
        axes.axvline(step, color="#555555", linestyle=":", linewidth=1.3)
    step_axis(axes, float(first.last_step))
    axes.set_xlabel("training step")
    axes.set_ylabel(f"held-out accuracy of a\nlinear probe of {figure_text(first.layer)}")
    axes.set_title(f"{first.network} on {figure_text(first.data)}\ndotted: recommended, by seed", fontsize=10)
    axes.legend(fontsize=8, frameon=False)


def _floats(steps: IntArray) -> FloatArray:
    return np.asarray(steps, dtype=np.float64)


def _draw_gains(axes: Axes, rows: Sequence[TransferRow], tasks: list[str]) -> None:
    axes.axhline(0, color="black", linewidth=0.8)
    taken: list[float] = []
    trainings = {row.training: row for row in reversed(rows)}
    markers = {one: MARKERS[number % len(MARKERS)] for number, one in enumerate(sorted(trainings))}
    for row in rows:
        place = row.alignment
        while any(abs(place - one) < _SIDE_BY_SIDE for one in taken):
            place += _SIDE_BY_SIDE
        taken.append(place)
        axes.errorbar(
            place,
            row.gain.value,
            yerr=None if np.isnan(row.half_width) else row.half_width,
            color=COLOURS[tasks.index(row.task) % len(COLOURS)],
            marker=markers[row.training],
            markerfacecolor="white",
            capsize=3,
            linestyle="none",
        )
    axes.set_xlim(0, max([1.0, *(place + _SIDE_BY_SIDE for place in taken)]))
    axes.set_xlabel("alignment: share of the task's linear signal that predictors of the trained classes capture")
    axes.set_ylabel("gain of the recommended\nover the last checkpoint")
    marks = [
        Line2D([], [], color="#555555", marker=markers[one], markerfacecolor="white", linestyle="none")
        for one in sorted(trainings)
    ]
    names = [figure_text(f"{trainings[one].network}, {trainings[one].data}") for one in sorted(trainings)]
    colours = [Line2D([], [], color=COLOURS[place % len(COLOURS)]) for place in range(len(tasks))]
    axes.legend(
        [*colours, *marks],
        [*map(figure_text, tasks), *names],
        fontsize=8,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
    )
