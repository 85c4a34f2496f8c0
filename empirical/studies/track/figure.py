"""Figures of tracked trainings: every layer over three panels, and one layer alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.networks.networks import network_title
from empirical.probes.measures import BUDGETS, RECONSTRUCTION, TEST_ACCURACY, WHOLE, Measure
from empirical.studies.track.trainings import TrackedTrainings
from empirical.tracker.phase_reading import PhaseReading
from simulation.figures.figure_text import figure_text
from simulation.figures.seed_lines import COLOURS, draw_seeds
from simulation.figures.style import HALF_OF_THE_FALL, SHADING, mark_half, name_unshaded, shade_between, step_axis
from theory.validation import FloatArray

#: Of the budgets mu = 1, 10 and 100, between which decoders of deep layers begin to fail: colour and line.
_BUDGET_STYLES = {BUDGETS[8]: ("#0072B2", "-"), BUDGETS[10]: ("#D55E00", "--"), BUDGETS[12]: ("#009E73", "-.")}

_LONG_NAMES = ("I: near-constant", "II: decreasing", "III: increasing")


def draw_tracked(tracked: TrackedTrainings, path: Path) -> None:
    """Draw three panels over log steps: exact decoder of every layer, budgeted decoders of the last one, accuracies.

    Bands are a standard error over seeds on either side.
    """
    figure = Figure(figsize=(7.2, 8.6), layout="constrained")
    exact, budgeted, accuracy = figure.subplots(3, 1, sharex=True)
    layers, last = tracked.plan.probe.layers, tracked.last_layer
    steps = np.asarray(tracked.plan.steps, dtype=np.float64)
    shade_layer(exact, tracked.readings[last], float(steps[-1]), last)
    draw_layers(exact, tracked)
    exact.set_ylabel("reconstruction loss, exact decoder\n(share of the images' variance)")
    figure.suptitle(f"{tracked_title(tracked)}\n{SHADING} ({figure_text(last)})\ndotted: turning points", fontsize=9)
    for budget, (colour, style) in _BUDGET_STYLES.items():
        values = tracked.values(last, Measure.budgeted(budget)).mean(axis=0)
        budgeted.plot(steps, values, style, color=colour, linewidth=1.5, label=f"$\\mu$ = {budget:g}")
    budgeted.set_ylabel(f"reconstruction loss of {figure_text(last)},\nbudgeted decoders")
    draw_seeds(accuracy, steps, tracked.values(WHOLE, TEST_ACCURACY), "test accuracy of the network", 6)
    for number, task in enumerate(tracked.tasks(last)):
        draw_seeds(accuracy, steps, tracked.values(last, Measure.probe(task)), f"probe of {last}: {task}", number)
    accuracy.set_ylabel("held-out accuracy")
    accuracy.set_xlabel("training step")
    for number, layer in enumerate(layers):
        reading = tracked.readings[layer]
        if reading.turned:
            exact.axvline(reading.turning_point.value, color=COLOURS[number % len(COLOURS)], linestyle=":", linewidth=1)
    for panel in (exact, budgeted, accuracy):
        step_axis(panel, steps[-1])
        panel.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=150)


def draw_layers(axes: Axes, tracked: TrackedTrainings) -> None:
    """Draw the exact decoder of every layer, half of the fall marked where a layer turns."""
    steps = np.asarray(tracked.plan.steps, dtype=np.float64)
    losses = {layer: tracked.values(layer, RECONSTRUCTION) for layer in tracked.plan.probe.layers}
    for number, (layer, own) in enumerate(losses.items()):
        draw_seeds(axes, steps, own, layer, number)
    named: str | None = HALF_OF_THE_FALL
    for number, (layer, own) in enumerate(losses.items()):
        if tracked.readings[layer].turned:
            colour = COLOURS[number % len(COLOURS)]
            _mark_half(axes, tracked.readings[layer], steps, own.mean(axis=0), colour, named)
            named = None


def draw_layer(tracked: TrackedTrainings, layer: str, path: Path) -> None:
    """Draw the exact decoder of one layer, with its phases, half of the fall and turning point.

    Args:
        tracked: the trainings.
        layer: one of the plan's.
        path: of the figure; its ending decides the format.
    """
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    steps = np.asarray(tracked.plan.steps, dtype=np.float64)
    losses, reading = tracked.values(layer, RECONSTRUCTION), tracked.readings[layer]
    mean = losses.mean(axis=0)
    shade_layer(axes, reading, float(steps[-1]), layer, _LONG_NAMES)
    draw_seeds(axes, steps, losses, f"measured, mean of {tracked.plan.seeds} seeds", 0)
    if reading.turned:
        _mark_half(axes, reading, steps, mean, COLOURS[0], HALF_OF_THE_FALL)
        turning = reading.turning_point.value
        axes.axvline(turning, color="black", linestyle=":", linewidth=1.2, label=f"turning point, step {turning:.0f}")
    step_axis(axes, float(steps[-1]))
    axes.margins(y=0.12)
    axes.set_xlabel("training step")
    axes.set_ylabel("reconstruction loss\n(share of the images' variance)")
    axes.set_title(f"{tracked_title(tracked)}: {figure_text(layer)}, the best linear decoder", fontsize=10)
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    figure.savefig(path, dpi=150)


def tracked_title(tracked: TrackedTrainings) -> str:
    """Network, data and number of seeds, as in titles."""
    seeds = tracked.plan.seeds
    network = network_title(tracked.plan.training.network, tracked.plan.training.base_width)
    return f"{network} on {figure_text(tracked.data)}, {seeds} seed{'s' if seeds > 1 else ''}"


def shade_layer(
    axes: Axes, reading: PhaseReading, last: float, layer: str, names: tuple[str, str, str] | None = None
) -> None:
    """Shade the phases of one layer, or say why there are none.

    Args:
        axes: to draw on.
        reading: of the layer.
        last: last step.
        layer: its name.
        names: of the phases; I, II and III by default.
    """
    if not reading.turned:
        name_unshaded(axes, f"{figure_text(layer)} {'does not rise again' if reading.falls else 'does not fall'}")
        return
    edges = (0.0, reading.near_constant_end.value, reading.turning_point.value, last)
    if names is None:
        shade_between(axes, edges)
    else:
        shade_between(axes, edges, names)


def _mark_half(
    axes: Axes, reading: PhaseReading, steps: FloatArray, mean: FloatArray, colour: str, label: str | None
) -> None:
    # Between steps the reading is on straight lines in log steps.
    step = reading.half_fall.value
    loss = np.interp(np.log(step), np.log(np.maximum(steps, 0.5)), mean)
    mark_half(axes, step, float(loss), colour, label)
