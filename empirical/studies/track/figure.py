"""Figure of tracked trainings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from empirical.probes.measures import BUDGETS, RECONSTRUCTION, TEST_ACCURACY, WHOLE, Measure
from empirical.studies.track.trainings import TrackedTrainings
from simulation.figures.figure_text import figure_text
from simulation.figures.seed_lines import COLOURS, draw_seeds
from simulation.figures.style import PHASE_NAMES, shade_between, step_axis


def draw_tracked(tracked: TrackedTrainings, path: Path) -> None:
    """Draw three panels over log steps: exact decoder of every layer, budgeted decoders of the last one, accuracies.

    Bands are a standard error over seeds on either side.
    """
    figure = Figure(figsize=(7.2, 9.6), layout="constrained")
    exact, budgeted, accuracy = figure.subplots(3, 1, sharex=True)
    layers, last = tracked.plan.probe.layers, tracked.last_layer
    steps = np.asarray(tracked.plan.steps, dtype=np.float64)
    reading = tracked.readings[last]
    if reading.turned:
        edges = (0.0, reading.phase_one_end.value, reading.turning_point.value, float(steps[-1]))
        shade_between(exact, edges, PHASE_NAMES)
    for number, layer in enumerate(layers):
        draw_seeds(exact, steps, tracked.values(layer, RECONSTRUCTION), layer, number)
        reading = tracked.readings[layer]
        if reading.turned:
            exact.axvline(reading.turning_point.value, color=COLOURS[number % len(COLOURS)], linestyle=":", linewidth=1)
    exact.set_ylabel("reconstruction loss, exact decoder\n(share of the images' variance)")
    seeds = tracked.plan.seeds
    exact.set_title(
        f"{tracked.plan.training.network} on {figure_text(tracked.data)}, {seeds} seed{'s' if seeds > 1 else ''}\n"
        f"dotted: turning points; shaded: phases of {figure_text(last)}",
        fontsize=10,
    )
    shown = BUDGETS[::2]
    for number, budget in enumerate(shown):
        values = tracked.values(last, Measure.budgeted(budget)).mean(axis=0)
        shade = str(0.8 * number / max(len(shown) - 1, 1))
        budgeted.plot(steps, values, color=shade, linewidth=1.3, label=f"$\\mu$ = {budget:.0e}")
    budgeted.set_ylabel(f"reconstruction loss of {figure_text(last)},\nbudgeted decoders")
    draw_seeds(accuracy, steps, tracked.values(WHOLE, TEST_ACCURACY), "test accuracy of the network", 6)
    for number, task in enumerate(tracked.tasks(last)):
        draw_seeds(accuracy, steps, tracked.values(last, Measure.probe(task)), f"probe of {last}: {task}", number)
    accuracy.set_ylabel("held-out accuracy")
    accuracy.set_xlabel("training step")
    for panel in (exact, budgeted, accuracy):
        step_axis(panel, steps[-1])
        panel.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=150)
