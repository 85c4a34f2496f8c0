"""Figure of a verification of transfer: what a probe explains of each target, derived and trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.studies.verify_transfer.finding import TransferFinding
from simulation.figures.figure_text import figure_text
from simulation.figures.style import DERIVED, LINEARISED, TRAINED, draw_trained, step_axis

#: Panels side by side, at most.
_COLUMNS = 4


def draw_transfer(findings: Sequence[TransferFinding], source: str, step_size: float, path: Path) -> None:
    """Draw a panel for each target; the ending of ``path`` decides the format.

    Args:
        findings: at least one.
        source: name of what was trained on.
        step_size: eta, which turns times into steps.
        path: of the figure.
    """
    columns = min(_COLUMNS, len(findings))
    rows = -(-len(findings) // columns)
    figure = Figure(figsize=(3.1 * columns + 0.8, 2.7 * rows + 1.1), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).reshape(-1)
    for panel, finding in zip(panels, findings, strict=False):
        draw_target(panel, finding, step_size)
    for panel in panels[len(findings) :]:
        panel.set_axis_off()
    for panel in panels[max(0, len(findings) - columns) : len(findings)]:
        panel.set_xlabel("training step")
        panel.tick_params(labelbottom=True)
    for panel in panels[: len(findings) : columns]:
        panel.set_ylabel("share of the target's variance\nthat the best linear probe explains")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(columns, len(labels)),
        frameon=False,
        fontsize=9,
        title=f"trained on {figure_text(source)}; in each title the verdict of theorem T9",
    )
    figure.savefig(path, dpi=150)


def draw_target(axes: Axes, finding: TransferFinding, step_size: float) -> None:
    """Draw one panel: derived, linearised and trained curve, and the best step of each.

    The dotted line is the derived best step, the full diamond the measured one.

    Args:
        axes: of the panel.
        finding: what is drawn.
        step_size: eta, which turns times into steps.
    """
    compared = finding.comparison
    steps = compared.trained.times / step_size
    step_axis(axes, steps[-1])
    mean, spread = 1 - compared.trained.mean, compared.trained.spread
    if finding.clones is not None:
        middle, half = 1 - finding.clones.mean, 2 * finding.clones.spread
        axes.fill_between(
            steps, middle - half, middle + half, color=DERIVED, alpha=0.15, linewidth=0, label="clones (two deviations)"
        )
    axes.plot(steps, 1 - finding.linearised.mean, color=LINEARISED, linestyle="--", linewidth=1.3, label="linearised")
    axes.plot(steps, 1 - compared.derived.mean, color=DERIVED, linewidth=1.8, label="derived (mean field)")
    draw_trained(axes, steps, mean, spread)
    axes.axvline(
        compared.expected.time / step_size, color=DERIVED, linestyle=":", linewidth=1.2, label="derived best step"
    )
    axes.plot(
        [compared.found.time / step_size],
        [compared.found.share],
        linestyle="none",
        marker="D",
        markersize=6,
        color=TRAINED,
        clip_on=False,
        label="measured best step",
    )
    low, high = axes.get_ylim()
    axes.set_ylim(max(0.0, low), min(1.0, high + 0.05 * (high - low)))
    agrees = "" if finding.verdict_agrees else f" (trained: {compared.found.stopping.value})"
    axes.set_title(f"{figure_text(finding.target)}\n{finding.verdict.stopping.value}{agrees}", fontsize=9)
    axes.xaxis.set_tick_params(labelsize=8)
    axes.yaxis.set_tick_params(labelsize=8)
    axes.locator_params(axis="y", nbins=5)
    axes.margins(y=np.float64(0.05))
