"""Figure of the study: a training of each network by level of the theory, and boundaries over both series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from empirical.networks.networks import network_title
from empirical.studies.last_block_study.agreement import BOUNDARIES, TURNING_POINT, boundary_of
from empirical.studies.last_block_study.runs import THEORIES, BlockRun, Level
from simulation.figures.seed_lines import COLOURS, MARKERS

_COLOUR = dict(zip(Level, COLOURS, strict=False))
_LINE = {Level.ONE_DERIVED: "-", Level.TWO_DERIVED: "-", Level.PARTS_DERIVED: "--"}

#: Levels of the images' loss, in the order in which they are drawn.
_IN_CURVES = (
    Level.END_TO_END,
    Level.STAGE_TRAINED,
    Level.TWO_TRAINED,
    Level.TWO_ON_GAUSSIANS,
    Level.TWO_DERIVED,
    Level.PARTS_DERIVED,
)
_MARKER = dict(zip(Level, MARKERS, strict=False))


def draw_study(
    networks: Sequence[BlockRun], by_step_size: Sequence[BlockRun], by_scale: Sequence[BlockRun], path: Path
) -> None:
    """Draw a study into a file, whose ending decides the format; see ``draw_panels``."""
    figure = Figure(figsize=(9.6, 8.0), layout="constrained")
    draw_panels(figure, networks, by_step_size, by_scale)
    figure.savefig(path, dpi=150)


def draw_panels(
    figure: Figure, networks: Sequence[BlockRun], by_step_size: Sequence[BlockRun], by_scale: Sequence[BlockRun]
) -> None:
    """Draw a study; derived curves are lines, measured ones markers.

    Args:
        figure: to draw on.
        networks: one or two trainings whose curves are drawn.
        by_step_size: the series of step sizes.
        by_scale: the series of the classifier's scale.
    """
    (*curves, sizes, scales) = figure.subplots(2, 2).flat if len(networks) > 1 else figure.subplots(1, 3)
    for axes, run in zip(curves, networks, strict=True):
        draw_curves(axes, run)
    draw_series(sizes, by_step_size, lambda run: run.setting.training.step_size, "step size")
    draw_series(scales, by_scale, lambda run: run.setting.scale, "scale of the classifier's\ninitial weights")
    shown = _legend([sizes, *curves])
    figure.legend(
        list(shown.values()),
        list(shown),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=8,
        title="turning point: filled, solid; half of the fall: open, dashed",
        title_fontsize=8,
    )


def _legend(panels: Sequence[Axes]) -> dict[str, Artist]:
    """What each label of some panels stands for, once."""
    found: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return found


def draw_curves(axes: Axes, run: BlockRun) -> None:
    """The losses of the images from the last block, measured and derived."""
    for level in _IN_CURVES:
        if level in run.curves:
            steps = np.maximum(run.steps(level), 0.5)  # step 0 counts as one half
            axes.plot(
                steps,
                run.curves[level],
                ls=_LINE.get(level, "none"),
                marker=None if level in _LINE else _MARKER[level],
                markersize=4,
                color=_COLOUR[level],
                label=level.value,
            )
    axes.set_title(network_title(run.setting.training.network), fontsize=9)
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
