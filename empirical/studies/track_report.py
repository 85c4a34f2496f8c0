"""A tracked training as text, JSON and a figure."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from empirical.probes.standard import BUDGETED, BUDGETS, PROBE_ACCURACY, RECONSTRUCTION, TEST_ACCURACY, WHOLE
from empirical.studies.track import Tracked
from empirical.tracker.phase_reading import PhaseReading
from simulation.figures.figure_text import figure_text
from simulation.figures.seed_lines import COLOURS, draw_seeds
from simulation.figures.step_axis import step_axis
from simulation.figures.style import PHASE_NAMES, shade_between


def phase_lines(tracked: Tracked) -> list[str]:
    """One line a layer: what its reconstruction loss did."""
    layers = tracked.plan.probe.layers
    width = max(map(len, layers))
    return [f"{layer:<{width}}  {_sentence(tracked.phases(layer))}" for layer in layers]


def _sentence(reading: PhaseReading) -> str:
    if reading.turned:
        return (
            f"falls by {_with_error(reading.fall.value, reading.fall.error)} (half of it by step "
            f"{reading.half_fall.value:.0f}), turns at step {_step(reading)}, rises by "
            f"{_with_error(reading.rise.value, reading.rise.error)}"
        )
    if reading.falls:
        return f"falls by {_with_error(reading.fall.value, reading.fall.error)} and has not turned"
    if reading.rises:
        return f"rises by {_with_error(reading.rise.value, reading.rise.error)} without a fall before"
    return "near-constant"


def _with_error(value: float, error: float) -> str:
    return f"{value:.3f}" if np.isnan(error) else f"{value:.3f} +- {error:.3f}"


def _step(reading: PhaseReading) -> str:
    point = reading.turning_point
    return f"{point.value:.0f}" if np.isnan(point.error) else f"{point.value:.0f} +- {point.error:.0f}"


def tracked_as_json(tracked: Tracked) -> dict[str, Any]:
    """The plan and the phases of every layer, with the mean over seeds of every measure at every step."""
    layers = (WHOLE, *tracked.plan.probe.layers)
    return {
        "data": tracked.data,
        "plan": asdict(tracked.plan),
        "steps": tracked.plan.steps.tolist(),
        "phases": {
            layer: asdict(reading) | {"turned": reading.turned}
            for layer, reading in ((layer, tracked.phases(layer)) for layer in tracked.plan.probe.layers)
        },
        "means": {
            layer: {name: tracked.values(layer, name).mean(axis=0).tolist() for name in tracked.measures(layer)}
            for layer in layers
        },
    }


def draw_tracked(tracked: Tracked, path: Path) -> None:
    """Three panels over log steps: exact decoder of every layer, decoders of limited budget, accuracies.

    Bands are a standard error over seeds on either side.
    """
    figure = Figure(figsize=(7.2, 9.6), layout="constrained")
    exact, budgeted, accuracy = figure.subplots(3, 1, sharex=True)
    layers = tracked.plan.probe.layers
    last = layers[-1]
    steps = np.asarray(tracked.plan.steps, dtype=np.float64)
    reading = tracked.phases(last)
    if reading.turned:
        shade_between(exact, (0.0, reading.half_fall.value, reading.turning_point.value, float(steps[-1])), PHASE_NAMES)
    for number, layer in enumerate(layers):
        draw_seeds(exact, steps, tracked.values(layer, RECONSTRUCTION), layer, number)
        reading = tracked.phases(layer)
        if reading.turned:
            exact.axvline(reading.turning_point.value, color=COLOURS[number % len(COLOURS)], linestyle=":", linewidth=1)
    exact.set_ylabel("reconstruction loss, exact decoder\n(share of the images' variance)")
    exact.set_title(
        f"{tracked.plan.training.network} on {figure_text(tracked.data)}, {tracked.plan.seeds} seed(s)\n"
        f"dotted: turning points; shaded: phases of {figure_text(last)}",
        fontsize=10,
    )
    shown = BUDGETS[::2]
    for number, budget in enumerate(shown):
        values = tracked.values(last, f"{BUDGETED}{budget:.2e}").mean(axis=0)
        shade = str(0.8 * number / max(len(shown) - 1, 1))
        budgeted.plot(steps, values, color=shade, linewidth=1.3, label=f"$\\mu$ = {budget:.0e}")
    budgeted.set_ylabel(f"reconstruction loss of {figure_text(last)},\ndecoders of limited budget")
    draw_seeds(accuracy, steps, tracked.values(WHOLE, TEST_ACCURACY), "test accuracy of the network", 6)
    probes = [name for name in tracked.measures(last) if name.startswith(PROBE_ACCURACY)]
    for number, name in enumerate(probes):
        draw_seeds(
            accuracy, steps, tracked.values(last, name), f"probe of {last}: {name.removeprefix(PROBE_ACCURACY)}", number
        )
    accuracy.set_ylabel("held-out accuracy")
    accuracy.set_xlabel("training step")
    for panel in (exact, budgeted, accuracy):
        step_axis(panel, steps[-1])
        panel.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=150, format="png")
