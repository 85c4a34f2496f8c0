"""The common parts of panels of curves over training steps on one page."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from simulation.figures.style import DECODER


def finish_panels(
    figure: Figure, panels: np.ndarray[Any, Any], used: int, legend_columns: int, title: str = DECODER
) -> None:
    """Finish a figure of panels: blank those unused, label the outer axes, add one legend and what is decoded below.

    Args:
        figure: that holds the panels.
        panels: (rows, columns) of axes.
        used: number of panels that show something, from the first.
        legend_columns: of the legend.
        title: of the legend.
    """
    for axes in panels.flat[used:]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel(r"$L / \mathrm{tr}\,\Sigma$", fontsize=9)
    for axes in panels[-1]:
        axes.set_xlabel("training step", fontsize=9)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=legend_columns,
        frameon=False,
        fontsize=8,
        title=title,
        title_fontsize=8,
    )


def shrink_labels(figure: Figure) -> None:
    """Labels and ticks for a figure of several panels at the width of a page."""
    for axes in figure.axes:
        axes.xaxis.label.set_fontsize(8)
        axes.yaxis.label.set_fontsize(8)
        axes.tick_params(labelsize=7)
