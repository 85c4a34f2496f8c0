"""Figure of the predictions on features: derived curves over trained markers, a panel per set of features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.studies.assumption_costs import Derivation
from empirical.studies.predict.prediction import FeaturePrediction
from simulation.figures.figure_text import figure_text
from simulation.figures.style import (
    DECODER,
    DERIVED,
    LINEARISED,
    SHADING,
    TRAINED,
    mark_half,
    shade_phases,
    spaced,
    step_axis,
)
from theory import boundaries_of

_STYLES = {
    Derivation.LINEARISED: (LINEARISED, "--"),
    Derivation.COMMON: (DERIVED, "-"),
    Derivation.CLASSES: ("#000000", "-."),
    Derivation.PARAMETRIC: ("#CC79A7", ":"),
}
_MOST_COLUMNS = 3


def draw_predictions(predictions: Sequence[FeaturePrediction], path: Path) -> None:
    """All panels on one page, written to ``path``; phases and half of the fall are those of the mean field."""
    columns = min(_MOST_COLUMNS, len(predictions))
    rows = -(-len(predictions) // columns)
    figure = Figure(figsize=(max(3.7 * columns, 7.4), 2.9 * rows + 0.8), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, squeeze=False)
    panels = axes.reshape(-1)
    for panel, one in zip(panels, predictions, strict=False):
        draw_prediction(panel, one)
    for panel in panels[len(predictions) :]:
        panel.set_axis_off()
    for panel in axes[:, 0]:
        panel.set_ylabel("reconstruction loss\n(share of the features' variance)", fontsize=9)
    for panel in panels[max(0, len(predictions) - columns) : len(predictions)]:
        panel.set_xlabel("training step")
        panel.tick_params(labelbottom=True)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=9,
        title=f"{DECODER}\n{SHADING}",
        alignment="center",
    )
    figure.savefig(path, dpi=150)


def draw_prediction(axes: Axes, one: FeaturePrediction) -> None:
    """One panel: derived curves as lines, trained as markers, the phases of the mean field shaded."""
    steps = one.trained.times / one.step_size
    axes.margins(y=0.12)  # the curve starts below the names of the phases
    step_axis(axes, steps[-1])
    common = one.derived[Derivation.COMMON]
    found = boundaries_of(common.times, common.mean)
    shade_phases(axes, found, one.step_size, float(steps[-1]))
    for source, curve in one.derived.items():
        colour, style = _STYLES[source]
        axes.plot(steps, curve.mean, color=colour, linestyle=style, linewidth=1.4, label=source.value)
    shown = spaced(np.asarray(steps))
    axes.plot(
        steps[shown],
        one.trained.mean[shown],
        linestyle="none",
        marker="o",
        markersize=4,
        markerfacecolor="white",
        markeredgecolor=TRAINED,
        label="trained",
    )
    half = np.nan if found.fraction_point is None else found.fraction_point / one.step_size
    mark_half(axes, half, np.interp(half, steps, common.mean), DERIVED)
    axes.set_title(f"{figure_text(one.features.name)} ({one.features.rank} directions)", fontsize=9)
