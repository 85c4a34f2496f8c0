"""Figure of the study: regrets of every rule, and gains on fresh images beside the stated bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.networks.networks import network_title
from empirical.studies.choose_study.pairs import PairResult
from simulation.figures.figure_text import figure_text
from simulation.figures.seed_lines import COLOURS
from theory.validation import FloatArray


def draw_study(regrets: Mapping[str, FloatArray], pairs: Sequence[PairResult], path: Path) -> None:
    """Draw a study.

    Args:
        regrets: of each rule over the pairs to which it applies.
        pairs: all of them.
        path: of the file; its ending decides the format.
    """
    figure = Figure(figsize=(11.0, max(4.0, 0.3 * max(len(regrets), len(pairs)) + 1.2)), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_regrets(left, regrets)
    _draw_gains(right, pairs)
    figure.savefig(path, dpi=150)


def _draw_regrets(axes: Axes, regrets: Mapping[str, FloatArray]) -> None:
    ordered = sorted((name for name in regrets if regrets[name].size), key=lambda name: regrets[name].mean())
    for place, name in enumerate(ordered):
        own = 100 * regrets[name]
        colour = COLOURS[1] if name.startswith("choose") else COLOURS[0]
        axes.plot(own, np.full(own.size, place), "o", color=colour, markersize=3.5, alpha=0.45)
        axes.plot(own.mean(), place, "D", color=colour, markerfacecolor="white", markersize=7)
    axes.set_yticks(range(len(ordered)), [figure_text(name) for name in ordered], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(left=-0.1)
    axes.set_xlabel("regret against the best checkpoint (points)\ndots: pairs; diamonds: means")
    axes.set_title("what each rule loses (orange: this tool)", fontsize=10)


def _draw_gains(axes: Axes, pairs: Sequence[PairResult]) -> None:
    """The band and the gain on fresh images at the step of the largest expected gain."""
    axes.axvline(0, color="black", linewidth=0.8)
    for place, one in enumerate(pairs):
        at = one.leading
        colour = COLOURS[1] if one.covered is False else COLOURS[0]
        axes.plot([100 * one.lower[at], 100 * one.upper[at]], [place, place], color=colour, linewidth=2)
        axes.plot(100 * one.mean[at], place, "|", color=colour, markersize=8)
        axes.plot(100 * one.gains[at], place, "o", color="black", markersize=4)
    names = [f"{network_title(one.network)}, {one.source}: {one.target}" for one in pairs]
    axes.set_yticks(range(len(pairs)), [figure_text(name) for name in names], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("gain over the last checkpoint (points)\nbar: 95 % band; dot: on fresh images")
    axes.set_title("stated and found gain at the chosen step", fontsize=10)
