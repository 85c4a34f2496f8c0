"""Figure of the study: regrets of every rule, and gains on fresh images beside the stated bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from empirical.studies.choose_study.pairs import PairResult
from simulation.figures.figure_text import figure_text
from simulation.figures.seed_lines import COLOURS
from theory.validation import FloatArray

# Of regrets, in points.
_TICKS = (0, 0.5, 1, 2, 5, 10, 20, 50)


def draw_study(
    frozen: Mapping[str, FloatArray], tuned: Mapping[str, FloatArray], pairs: Sequence[PairResult], path: Path
) -> None:
    """Draw a study.

    Args:
        frozen: regrets of each rule over the pairs to which it applies, with a probe of frozen features.
        tuned: the same after fine-tuning; empty arrays where none was.
        pairs: all of them.
        path: of the file; its ending decides the format.
    """
    columns = (("frozen features", frozen), ("fine-tuned", tuned))
    measured = [own for own in columns if any(one.size for one in own[1].values())]
    figure = Figure(figsize=(5.5 * (len(measured) + 1), max(4.0, 0.3 * len(frozen) + 1.2)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(measured) + 1))
    ordered = sorted((name for name in frozen if frozen[name].size), key=lambda name: float(frozen[name].mean()))
    for axes, (title, regrets) in zip(panels, measured, strict=False):
        _draw_regrets(axes, title, regrets, ordered)
    _draw_gains(panels[-1], pairs)
    figure.savefig(path, dpi=150)


def _draw_regrets(axes: Axes, title: str, regrets: Mapping[str, FloatArray], ordered: Sequence[str]) -> None:
    for place, name in enumerate(ordered):
        own = 100 * regrets[name]
        colour = COLOURS[1] if name.startswith("choose") else COLOURS[0]
        axes.plot(own, np.full(own.size, place), "o", color=colour, markersize=3.5, alpha=0.35)
        if own.size:
            axes.plot(own.mean(), place, "D", color=colour, markerfacecolor="white", markersize=7)
    axes.set_yticks(range(len(ordered)), [figure_text(name) for name in ordered], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
    axes.minorticks_off()
    axes.set_xlim(-0.1, 1.2 * max(float(100 * own.max()) for own in regrets.values() if own.size))
    axes.set_xlabel("regret against the best checkpoint (points)\ndots: pairs; diamonds: means")
    axes.set_title(f"{title}: what each rule loses (orange: this tool)", fontsize=10)


def _draw_gains(axes: Axes, pairs: Sequence[PairResult]) -> None:
    """The stated gain with its band over the gain on fresh images, at the step of the largest expected gain."""
    axes.axline((0, 0), slope=1, color="black", linewidth=0.8)
    for covered, colour, name in ((True, COLOURS[0], "band holds it"), (False, COLOURS[1], "band does not")):
        points = np.array([_at_leading(one) for one in pairs if one.covered is covered]).reshape(-1, 4)
        found, low, mean, high = 100 * points.T
        axes.errorbar(
            found, mean, (mean - low, high - mean), fmt="o", color=colour, markersize=4, linewidth=1, label=name
        )
    axes.legend(fontsize=8, loc="upper left")
    axes.set_xlabel("gain over the last checkpoint on fresh images (points)")
    axes.set_ylabel("stated gain with its 95 % band (points)")
    axes.set_title("stated and found gain at the chosen step", fontsize=10)


def _at_leading(pair: PairResult) -> tuple[float, float, float, float]:
    """The gain on fresh images, and the stated one with its band."""
    place = pair.leading
    return float(pair.gains[place]), pair.lower[place], pair.mean[place], pair.upper[place]
