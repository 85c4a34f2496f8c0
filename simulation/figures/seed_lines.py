"""A measure of several seeds over training, drawn as the line of its mean with a band of one standard error."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from simulation.figures.figure_text import figure_text
from theory.validation import FloatArray

#: Colours of Okabe and Ito (2008), distinguishable with any colour vision; markers distinguish them without colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"


def draw_seeds(axes: Axes, steps: FloatArray, values: FloatArray, label: str, number: int) -> None:
    """Draw one measure.

    Args:
        axes: to draw on.
        steps: (T,) training steps.
        values: (seed, T); a single seed has no band.
        label: in the legend.
        number: decides colour and marker.
    """
    mean = values.mean(axis=0)
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    axes.plot(steps, mean, color=colour, marker=marker, markersize=4, linewidth=1.4, label=figure_text(label))
    if values.shape[0] > 1:
        error = values.std(axis=0, ddof=1) / np.sqrt(values.shape[0])
        axes.fill_between(steps, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)
