"""Figure of a verification: the derived curve over trained markers, phases shaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.studies.verify.finding import Finding, Source
from simulation.figures.figure_text import figure_text
from simulation.figures.style import (
    DECODER,
    DERIVED,
    HALF_OF_THE_FALL,
    LINEARISED,
    SHADING,
    TRAINED,
    draw_trained,
    mark_half,
    shade_phases,
    step_axis,
)


def draw_verification(findings: Sequence[Finding], data: str, step_size: float, path: Path) -> None:
    """Draw a panel for each source and initial scale; the ending of ``path`` decides the format.

    Shaded: the derived phases I (near-constant, up to a tenth of the fall), II (decreasing) and III (increasing).

    Args:
        findings: at least one.
        data: name of the data set.
        step_size: eta, which turns times into steps.
        path: of the figure.
    """
    sources = list(dict.fromkeys(finding.source for finding in findings))
    scales = list(dict.fromkeys(finding.init_scale for finding in findings))
    figure = Figure(figsize=(3.6 * len(scales) + 0.6, 3.0 * len(sources) + 1.1), layout="constrained")
    axes = figure.subplots(len(sources), len(scales), sharex=True, sharey="row", squeeze=False)
    names = {Source.INPUTS: data, Source.SYNTHETIC: Source.SYNTHETIC.value}
    for finding in findings:
        row, column = sources.index(finding.source), scales.index(finding.init_scale)
        draw_finding(axes[row, column], finding, names[finding.source], step_size)
    for panel in axes[-1]:
        panel.set_xlabel("training step")
    for panel in axes[:, 0]:
        panel.set_ylabel("reconstruction loss\n(share of the inputs' variance)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    # A single panel is narrower than two entries side by side.
    beside = len(labels) if len(scales) > 2 else len(scales)
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=beside,
        frameon=False,
        fontsize=9,
        title=f"{DECODER}\n{SHADING}" if len(scales) > 1 else DECODER,
        alignment="center",
    )
    figure.savefig(path, dpi=150)


def draw_finding(axes: Axes, finding: Finding, name: str, step_size: float) -> None:
    """Draw one panel: derived, linearised and trained curve, phases shaded, half of the fall and turning point.

    Dotted lines are derived; diamonds are measured, hollow at half of the fall and full at the turning point.

    Args:
        axes: of the panel.
        finding: what is drawn.
        name: of the data, in the title.
        step_size: eta, which turns times into steps.
    """
    comparison = finding.comparison
    steps = comparison.trained.times / step_size
    derived, measured = comparison.expected.boundaries, comparison.found.boundaries
    step_axis(axes, steps[-1])
    shade_phases(axes, derived, step_size, float(steps[-1]))
    mean, spread = comparison.trained.mean, comparison.trained.spread
    axes.plot(steps, comparison.linearised.mean, color=LINEARISED, linestyle="--", linewidth=1.3, label="linearised")
    axes.plot(steps, comparison.derived.mean, color=DERIVED, linewidth=1.8, label="derived (mean field)")
    draw_trained(axes, steps, mean, spread)
    for time in (derived.fraction_point, derived.turning_point):
        if time is not None:
            axes.axvline(time / step_size, color=DERIVED, linestyle=":", linewidth=1.2)
    half, turning = (
        np.nan if time is None else time / step_size for time in (measured.fraction_point, measured.turning_point)
    )
    mark_half(axes, half, np.interp(half, steps, mean), TRAINED, f"measured: {HALF_OF_THE_FALL} (dotted: derived)")
    axes.plot(
        [turning],
        [np.interp(turning, steps, mean)],
        linestyle="none",
        marker="D",
        markersize=6,
        color=TRAINED,
        label="measured: turning point (dotted: derived)",
    )
    axes.set_title(f"{figure_text(name)}, $\\sigma_0$ = {finding.init_scale:g}\n{derived.regime.value}", fontsize=10)
