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
from empirical.tracking import Tracked
from empirical.transfer_report import TransferRow, recommended_indices

# Colours of Okabe and Ito (2008), told apart with any colour vision; markers tell them apart without colour.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = "osD^vPX"


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
        mean = accuracy.mean(axis=0)
        number = tasks.index(row.task)
        colour, marker = _COLOURS[number % 7], _MARKERS[number % 7]
        axes.plot(steps, mean, color=colour, marker=marker, markersize=4, linewidth=1.5, label=row.task)
        if accuracy.shape[0] > 1:
            error = accuracy.std(axis=0, ddof=1) / np.sqrt(accuracy.shape[0])
            axes.fill_between(steps, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)
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
            colour = _COLOURS[tasks.index(row.task) % 7]
            bar = None if np.isnan(row.half_width) else row.half_width
            label = f"{row.network}, {row.data}" if row is found[0] else None
            axes.errorbar(
                row.alignment,
                row.gain.value,
                yerr=bar,
                color=colour,
                marker=_MARKERS[number % 7],
                markerfacecolor="white",
                capsize=3,
                linestyle="none",
                label=label,
            )
    axes.set_xlabel("alignment: share of the task's linear signal\nthat predictors of the trained classes see")
    axes.set_ylabel("gain of the recommended\nover the last checkpoint")
    axes.set_title("colour: the task; marker: the network and its data", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
