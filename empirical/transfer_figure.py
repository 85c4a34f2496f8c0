"""Figure of transfer: accuracies over training with the recommended checkpoints, and gains against alignment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.checkpoint_probe import PROBE_ACCURACY
from empirical.seed_lines import COLOURS, MARKERS, draw_seeds
from empirical.tracking import Tracked
from empirical.transfer_report import TransferRow, recommended_indices


def draw_transfer(runs: Sequence[tuple[Tracked, list[TransferRow]]], path: Path) -> None:
    """A panel for each run and one of the gains, written to ``path`` as PNG.

    Accuracies are means over seeds with bands of a standard error; bars of the gains are 95 % intervals.
    """
    columns = 2
    rows = -(-(len(runs) + 1) // columns)
    figure = Figure(figsize=(5.0 * columns, 3.3 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    tasks = list(dict.fromkeys(row.task for _, found in runs for row in found))
    for panel, (tracked, found) in zip(panels, runs, strict=False):
        _draw_run(panel, tracked, found, tasks)
    _draw_gains(panels[len(runs)], runs, tasks)
    for panel in panels[len(runs) + 1 :]:
        panel.set_axis_off()
    figure.savefig(path, dpi=150, format="png")


def _draw_run(axes: Axes, tracked: Tracked, found: list[TransferRow], tasks: list[str]) -> None:
    steps = np.asarray(tracked.plan.steps, dtype=np.float64)
    for row in found:
        accuracy = tracked.values(row.layer, PROBE_ACCURACY + row.task)
        draw_seeds(axes, steps, accuracy, row.task, tasks.index(row.task))
    for index in np.unique(recommended_indices(tracked)):
        axes.axvline(steps[index], color="#555555", linestyle=":", linewidth=1.3)
    axes.set_xscale("symlog", linthresh=1, linscale=0.35)
    axes.set_xlim(0, steps[-1])
    axes.set_xlabel("training step")
    axes.set_ylabel(f"held-out accuracy of a\nlinear probe of {tracked.plan.probe.layers[-1]}")
    axes.set_title(f"{tracked.plan.training.network} on {tracked.data}\ndotted: recommended, by seed", fontsize=10)
    axes.legend(fontsize=8, frameon=False)


def _draw_gains(axes: Axes, runs: Sequence[tuple[Tracked, list[TransferRow]]], tasks: list[str]) -> None:
    axes.axhline(0, color="black", linewidth=0.8)
    for number, (_, found) in enumerate(runs):
        for row in found:
            colour = COLOURS[tasks.index(row.task) % len(COLOURS)]
            bar = None if np.isnan(row.half_width) else row.half_width
            label = f"{row.network}, {row.data}" if row is found[0] else None
            axes.errorbar(
                row.alignment,
                row.gain.value,
                yerr=bar,
                color=colour,
                marker=MARKERS[number % len(MARKERS)],
                markerfacecolor="white",
                capsize=3,
                linestyle="none",
                label=label,
            )
    axes.set_xlim(0, 1)
    axes.set_xlabel("alignment: share of the task's linear signal\nthat predictors of the trained classes see")
    axes.set_ylabel("gain of the recommended\nover the last checkpoint")
    axes.set_title("colour: the task; marker: the network and its data", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
