"""Figure of transfer: accuracies over training with the recommended checkpoints, and gains against alignment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from empirical.probes.standard import PROBE_ACCURACY
from empirical.studies.track import Tracked
from empirical.studies.transfer import TransferRow
from simulation.figures.figure_text import figure_text
from simulation.figures.seed_lines import COLOURS, MARKERS, draw_seeds
from simulation.figures.step_axis import step_axis

# Gains closer than this in alignment are drawn beside each other, at this distance.
_SIDE_BY_SIDE = 0.012


def draw_transfer(runs: Sequence[tuple[Tracked, list[TransferRow]]], path: Path) -> None:
    """A panel for each run and a wide one of the gains, written to ``path`` as PNG.

    Accuracies are means over seeds with bands of a standard error; bars of the gains are 95 % intervals. Gains of one
    alignment stand side by side.
    """
    columns = min(2, len(runs))
    rows = -(-len(runs) // columns) + 1
    figure = Figure(figsize=(5.0 * columns, 3.3 * rows + 0.4), layout="constrained")
    grid = figure.add_gridspec(rows, columns)
    tasks = list(dict.fromkeys(row.task for _, found in runs for row in found))
    for number, (tracked, found) in enumerate(runs):
        _draw_run(figure.add_subplot(grid[divmod(number, columns)]), tracked, found, tasks)
    _draw_gains(figure.add_subplot(grid[-1, :]), runs, tasks)
    figure.savefig(path, dpi=150, format="png")


def _draw_run(axes: Axes, tracked: Tracked, found: list[TransferRow], tasks: list[str]) -> None:
    steps = np.asarray(tracked.plan.steps, dtype=np.float64)
    for row in found:
        accuracy = tracked.values(row.layer, PROBE_ACCURACY + row.task)
        draw_seeds(axes, steps, accuracy, row.task, tasks.index(row.task))
    # The rule asks the layer, not the task: all rows of a training have the same steps.
    for step in set(found[0].recommended_steps):
        axes.axvline(step, color="#555555", linestyle=":", linewidth=1.3)
    step_axis(axes, steps[-1])
    axes.set_xlabel("training step")
    axes.set_ylabel(f"held-out accuracy of a\nlinear probe of {figure_text(tracked.plan.probe.layers[-1])}")
    axes.set_title(
        f"{tracked.plan.training.network} on {figure_text(tracked.data)}\ndotted: recommended, by seed", fontsize=10
    )
    axes.legend(fontsize=8, frameon=False)


def _draw_gains(axes: Axes, runs: Sequence[tuple[Tracked, list[TransferRow]]], tasks: list[str]) -> None:
    axes.axhline(0, color="black", linewidth=0.8)
    taken: list[float] = []
    for number, (_, found) in enumerate(runs):
        for row in found:
            bar = None if np.isnan(row.half_width) else row.half_width
            place = row.alignment
            while any(abs(place - one) < _SIDE_BY_SIDE for one in taken):
                place += _SIDE_BY_SIDE
            taken.append(place)
            axes.errorbar(
                place,
                row.gain.value,
                yerr=bar,
                color=COLOURS[tasks.index(row.task) % len(COLOURS)],
                marker=MARKERS[number % len(MARKERS)],
                markerfacecolor="white",
                capsize=3,
                linestyle="none",
            )
    axes.set_xlim(0, max([1.0, *(place + _SIDE_BY_SIDE for place in taken)]))
    axes.set_xlabel("alignment: share of the task's linear signal that predictors of the trained classes see")
    axes.set_ylabel("gain of the recommended\nover the last checkpoint")
    trainings = [
        Line2D(
            [], [], color="#555555", marker=MARKERS[number % len(MARKERS)], markerfacecolor="white", linestyle="none"
        )
        for number in range(len(runs))
    ]
    names = [figure_text(f"{tracked.plan.training.network}, {tracked.data}") for tracked, _ in runs]
    colours = [Line2D([], [], color=COLOURS[place % len(COLOURS)]) for place in range(len(tasks))]
    axes.legend(
        [*colours, *trainings],
        [*map(figure_text, tasks), *names],
        fontsize=8,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
    )
