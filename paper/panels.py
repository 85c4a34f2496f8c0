"""Panels of curves over training steps on one page: what they have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from simulation.figures.style import DECODER


def finish_panels(figure: Figure, panels: np.ndarray[Any, Any], used: int, legend_columns: int) -> None:
    """Blank the panels (rows, columns) after the first ``used``, label the outer axes, one legend and decoder below."""
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
        title=DECODER,
        title_fontsize=8,
    )
