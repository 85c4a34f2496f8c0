"""Figure of a verification of hidden layers: derived curves over trained markers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.studies.verify_hidden.finding import LayerFinding
from simulation.figures.figure_text import figure_text
from simulation.figures.style import DERIVED, TRAINED, draw_trained, step_axis


def draw_hidden(findings: Sequence[LayerFinding], title: str, step_size: float, path: Path) -> None:
    """Draw a panel for each layer; the ending of ``path`` decides the format.

    Args:
        findings: at least one.
        title: of the figure.
        step_size: eta, which turns times into steps.
        path: of the figure.
    """
    figure = Figure(figsize=(4.2 * len(findings) + 0.8, 4.2), layout="constrained")
    panels = figure.subplots(1, len(findings), squeeze=False)[0]
    for panel, finding in zip(panels, findings, strict=True):
        draw_layer(panel, finding, step_size)
    panels[0].set_ylabel("reconstruction loss of the inputs\n(share of their variance)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(2, len(findings)), frameon=False, fontsize=9)
    figure.suptitle(figure_text(title), fontsize=10)
    figure.savefig(path, dpi=150)


def draw_layer(axes: Axes, finding: LayerFinding, step_size: float) -> None:
    """Draw one panel: derived and trained curve, dotted the derived turning point, a diamond the measured one.

    Args:
        axes: of the panel.
        finding: what is drawn.
        step_size: eta, which turns times into steps.
    """
    steps = finding.trained.times / step_size
    step_axis(axes, steps[-1])
    mean, spread = finding.trained.mean, finding.trained.spread
    axes.plot(steps, finding.derived.mean, color=DERIVED, linewidth=1.8, label="derived")
    draw_trained(axes, steps, mean, spread, "initial weights")
    derived, trained = finding.derived_turning_point, finding.trained_turning_point
    if derived is not None:
        axes.axvline(derived / step_size, color=DERIVED, linestyle=":", linewidth=1.2, label="derived turning point")
    if trained is not None:
        axes.plot(
            [trained / step_size],
            [np.interp(trained / step_size, steps, mean)],
            linestyle="none",
            marker="D",
            markersize=6,
            color=TRAINED,
            label="measured turning point",
        )
    axes.set_title(figure_text(finding.layer), fontsize=10)
    axes.set_xlabel("training step")
