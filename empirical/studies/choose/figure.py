"""Figure of a choice: the gain over the last checkpoint with its band, and the reconstruction loss, over log steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.probes.gain_curve import GainCurve
from empirical.studies.choose.rows import CheckpointRow
from simulation.figures.figure_text import figure_text
from simulation.figures.seed_lines import COLOURS
from simulation.figures.style import PHASES, step_axis
from theory.validation import FloatArray

_PHASE_COLOURS = dict(zip(("I", "II", "III"), PHASES, strict=True))


def draw_choice(
    rows: Sequence[CheckpointRow], curve: GainCurve | None, chosen: int, of_classes: bool, title: str, path: Path
) -> None:
    """Draw a choice.

    Args:
        rows: of the checkpoints.
        curve: gains over the last one; None without labels, and then the reconstruction loss is drawn alone.
        chosen: index of the checkpoint to take.
        of_classes: whether what is gained is accuracy.
        title: of the figure.
        path: of the file; its ending decides the format.
    """
    steps = np.array([row.step for row in rows], dtype=np.float64)
    figure = Figure(figsize=(6.8, 3.4 if curve is None else 5.4), layout="constrained")
    panels = figure.subplots(1 if curve is None else 2, 1, sharex=True, squeeze=False)[:, 0]
    losses = np.array([row.loss for row in rows])
    panels[-1].plot(steps, losses, "s-", color=COLOURS[2], markersize=4, linewidth=1.4)
    panels[-1].set_ylabel("reconstruction loss\n(share of the inputs' variance)")
    panels[-1].set_xlabel("training step (shaded: phases of the reconstruction loss)")
    if curve is not None:
        _draw_gains(panels[0], steps, curve, of_classes)
    _mark(panels[0], steps, chosen, curve)
    for panel in panels:
        _shade(panel, steps, [row.phase for row in rows])
        step_axis(panel, float(steps[-1]))
        panel.set_xlim(0 if steps[0] == 0 else steps[0] * 0.9, steps[-1] * 1.1)
    panels[0].legend(fontsize=8, frameon=False, loc="lower right")
    panels[0].set_title(figure_text(title), fontsize=10)
    figure.savefig(path, dpi=150)


def _draw_gains(axes: Axes, steps: FloatArray, curve: GainCurve, of_classes: bool) -> None:
    axes.axhline(0, color="black", linewidth=0.8)
    axes.fill_between(
        steps, curve.lower, curve.upper, color=COLOURS[0], alpha=0.2, linewidth=0, label="95 % band, all steps at once"
    )
    axes.plot(steps, curve.mean, color=COLOURS[0], linewidth=1.6, label="expected gain")
    axes.plot(steps, curve.raw, "o", color=COLOURS[0], markerfacecolor="white", markersize=4, label="measured")
    unit = "accuracy" if of_classes else "explained variance"
    axes.set_ylabel(f"gain over the last checkpoint\nin {unit} of a linear probe")
    # The collapse of the first steps would leave the rest no room.
    low = min(float(curve.lower[curve.mean > -0.15].min()), -0.02)
    axes.set_ylim(low - 0.03, max(float(curve.upper.max()), 0.02) * 1.15)


def _mark(axes: Axes, steps: FloatArray, chosen: int, curve: GainCurve | None) -> None:
    """The checkpoint to take, the last one and the one of the smallest expected error."""
    if curve is not None and curve.leading != chosen:
        axes.axvline(
            steps[curve.leading], color=COLOURS[0], linestyle=":", linewidth=1.4, label="smallest expected error"
        )
    if chosen != steps.size - 1:
        axes.axvline(steps[-1], color="#555555", linestyle="--", linewidth=1.2, label=f"last, step {steps[-1]:,.0f}")
    label = f"chosen, step {steps[chosen]:,.0f}" + (", the last" if chosen == steps.size - 1 else "")
    axes.axvline(steps[chosen], color=COLOURS[1], linewidth=1.8, label=label)


def _shade(axes: Axes, steps: FloatArray, phases: Sequence[str]) -> None:
    """Shade each phase between the middles, in log steps, of its first and last step and their neighbours."""
    inner = np.sqrt(np.maximum(steps[:-1], 0.5) * steps[1:])
    edges = np.concatenate([[0.0], inner, [steps[-1] * 1.1]])
    for phase, colour in _PHASE_COLOURS.items():
        places = [index for index, own in enumerate(phases) if own == phase]
        if not places:
            continue
        left, right = float(edges[places[0]]), float(edges[places[-1] + 1])
        axes.axvspan(left, right, color=colour, linewidth=0, zorder=0)
        axes.text(
            np.sqrt(max(left, 0.3) * right),
            0.97,
            phase,
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            fontsize=8,
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 1},
        )
