"""Figure of the study: one training at each level of the theory, and boundaries over both series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from empirical.studies.last_block_study.agreement import BOUNDARIES, TURNING_POINT, boundary_of
from empirical.studies.last_block_study.runs import THEORIES, BlockRun, Level
from simulation.figures.seed_lines import COLOURS, MARKERS

_COLOUR = dict(zip(Level, COLOURS, strict=False))
_MARKER = dict(zip(Level, MARKERS, strict=False))


def draw_study(shared: BlockRun, by_step_size: Sequence[BlockRun], by_scale: Sequence[BlockRun], path: Path) -> None:
    """Draw a study into a file, whose ending decides the format; see ``draw_panels``."""
    figure = Figure(figsize=(11.0, 4.4), layout="constrained")
    draw_panels(figure, shared, by_step_size, by_scale)
    figure.savefig(path, dpi=150)


def draw_panels(
    figure: Figure, shared: BlockRun, by_step_size: Sequence[BlockRun], by_scale: Sequence[BlockRun]
) -> None:
    """Draw a study; derived curves are lines, measured ones markers.

    Args:
        figure: to draw on.
        shared: the training whose curves are drawn.
        by_step_size: the series of step sizes.
        by_scale: the series of the classifier's scale.
    """
    curves, sizes, scales = figure.subplots(1, 3)
    draw_curves(curves, shared)
    draw_series(sizes, by_step_size, lambda run: run.setting.training.step_size, "step size")
    draw_series(scales, by_scale, lambda run: run.setting.scale, "scale of the classifier's\ninitial weights")
    handles, labels = sizes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=8,
        title="turning point: filled, solid; half of the fall: open, dashed",
        title_fontsize=8,
    )


def draw_curves(axes: Axes, run: BlockRun) -> None:
    """The losses of the images from the last block, measured and derived."""
    for level in (Level.END_TO_END, Level.TWO_TRAINED, Level.TWO_DERIVED):
        if level in run.curves:
            steps = np.maximum(run.steps(level), 0.5)  # step 0 counts as one half
            axes.plot(
                steps,
                run.curves[level],
                ls="-" if level in THEORIES else "none",
                marker=None if level in THEORIES else _MARKER[level],
                markersize=4,
                color=_COLOUR[level],
            )
    axes.set_xscale("log")
    axes.set_xlabel("training step (step 0 at 1/2)")
    axes.set_ylabel("reconstruction loss of the images\n(share of their variance)")


def draw_series(axes: Axes, runs: Sequence[BlockRun], place: Callable[[BlockRun], float], label: str) -> None:
    """Both boundaries over a series: turning points filled, half of the fall open."""
    order = sorted(runs, key=place)
    places = [place(run) for run in order]
    for level in (Level.END_TO_END, Level.TWO_TRAINED, *THEORIES):
        for boundary in BOUNDARIES:
            steps = [boundary_of(run, level, boundary) for run in order]
            filled = boundary == TURNING_POINT
            axes.plot(
                places,
                steps,
                ls=("-" if filled else "--") if level in THEORIES else "none",
                marker=None if level in THEORIES else _MARKER[level],
                color=_COLOUR[level],
                markerfacecolor=_COLOUR[level] if filled else "white",
                label=level.value if filled else None,
            )
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(places, [f"{one:g}" for one in places])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(label)
    axes.set_ylabel("training step")
