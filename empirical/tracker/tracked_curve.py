"""The curves of a tracked training: as plain values beside the checkpoint, and as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.tracker.stop_rule import StopRule
from empirical.tracker.target_watch import TargetWatch
from simulation.figures.figure_text import figure_text
from simulation.figures.style import DERIVED, LINEARISED, TRAINED, step_axis


def curve_content(
    rule: StopRule, watch: TargetWatch | None, accuracies: Mapping[int, float], recommendation: int | None
) -> dict[str, Any]:
    """The mean losses of all layers, the target's scores and the advice, as values that JSON stores.

    Args:
        rule: with the losses.
        watch: of a target; None without one.
        accuracies: of the training task, by step.
        recommendation: the step to transfer.
    """
    return {
        "steps": list(rule.steps),
        "losses": {layer: rule.curve(layer).tolist() for layer in rule.layers},
        "target": None if watch is None else {"measure": watch.measure, "means": watch.means.tolist()},
        "accuracy": [accuracies.get(step) for step in rule.steps],
        "recommendation": recommendation,
        "reason": rule.reason if watch is None else watch.reason,
    }


def draw_tracked(rule: StopRule, watch: TargetWatch | None, recommendation: int | None) -> Figure:
    """Draw the reconstruction loss of the deciding layer, the target below it, and the recommended step.

    Args:
        rule: with the losses.
        watch: of a target; None without one.
        recommendation: the step to transfer.
    """
    figure = Figure(figsize=(6.4, 3.6 if watch is None else 5.8), layout="constrained")
    panels = figure.subplots(1 if watch is None else 2, 1, sharex=True, squeeze=False)[:, 0]
    steps = np.array(rule.steps, dtype=np.float64)
    for layer in rule.layers if rule.steps else ():
        decides = layer == rule.deciding_layer
        colour = TRAINED if decides else "#999999"
        panels[0].plot(steps, rule.curve(layer), "o-", color=colour, markersize=4, label=figure_text(layer))
    panels[0].set_ylabel("reconstruction loss\n(share of the inputs' variance)")
    if watch is not None:
        _draw_target(panels[1], watch)
    for axes in panels:
        step_axis(axes, float(steps[-1]) if steps.size else 1.0)
        if recommendation is not None:
            axes.axvline(recommendation, color="black", linestyle=":", label=f"recommended: step {recommendation:,}")
        if axes.get_legend_handles_labels()[1]:
            axes.legend(frameon=False, fontsize=8)
    panels[-1].set_xlabel("training step")
    return figure


def _draw_target(axes: Axes, watch: TargetWatch) -> None:
    axes.plot(watch.steps, watch.means, "s-", color=DERIVED, markersize=4, label=f"target, {watch.measure}")
    curve = watch.curve
    if curve is not None:
        latest = watch.means[-1]
        axes.fill_between(
            curve.steps,
            latest + curve.lower,
            latest + curve.upper,
            color=LINEARISED,
            alpha=0.2,
            linewidth=0,
            label="95 % band of all steps, against the latest",
        )
    axes.set_ylabel(f"target's {watch.measure}\nof a linear probe")
