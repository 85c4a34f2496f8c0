"""Figure of the boundaries of deep networks: derived from the last layer before training, against tracked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.studies.deep.row import TURNING_TOLERANCE, DeepRow
from empirical.tracker.phase_reading import Estimate
from simulation.figures.figure_text import figure_text
from simulation.figures.seed_lines import COLOURS, MARKERS


def draw_boundaries(rows: Sequence[DeepRow], path: Path) -> None:
    """Two panels, half of the fall and the turning point, a marker per training, written to ``path``.

    Bars are standard errors over seeds; the band is what is accepted of a turning point without them.
    """
    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _panel(left, "half of the fall", [(row.half_fall, row.derived_half_fall) for row in rows])
    _panel(right, "turning point", [(row.turning_point, row.derived_turning_point) for row in rows])
    low, high = right.get_xlim()
    edges = np.array([low, high])
    right.fill_between(
        edges, (1 - TURNING_TOLERANCE) * edges, (1 + TURNING_TOLERANCE) * edges, color="#E8E8E8", zorder=0
    )
    names = [figure_text(f"{row.network}, {row.data}") for row in rows]
    handles = [
        right.errorbar([], [], marker=MARKERS[number % len(MARKERS)], color=COLOURS[number % len(COLOURS)], ls="none")
        for number in range(len(rows))
    ]
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


def _panel(axes: Axes, title: str, pairs: Sequence[tuple[Estimate, Estimate]]) -> None:
    for number, (tracked, derived) in enumerate(pairs):
        if np.isnan(tracked.value) or np.isnan(derived.value):
            continue
        axes.errorbar(
            tracked.value,
            derived.value,
            xerr=_bar(tracked),
            yerr=_bar(derived),
            marker=MARKERS[number % len(MARKERS)],
            color=COLOURS[number % len(COLOURS)],
            linewidth=1,
        )
    known = [one.value for pair in pairs for one in pair if np.isfinite(one.value)] or [1.0]
    limits = min(known) / 2, 2 * max(known)
    axes.plot(limits, limits, color="#555555", linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits, title=title)
    axes.set_xlabel("tracked, training step")
    axes.set_ylabel("derived from the untrained last layer,\ntraining step")


def _bar(estimate: Estimate) -> float:
    """Half of the length of a bar, which stays above zero on the logarithmic axis."""
    return 0.0 if np.isnan(estimate.error) else min(estimate.error, 0.9 * estimate.value)
