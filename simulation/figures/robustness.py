"""Figure, table and sentences of the robustness sweep: how far each departure moves training from the theory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulation.experiments.large_steps import Rise
from simulation.experiments.robustness import AXES, Axis, Point, Robustness
from simulation.figures.scaling import COLOURS
from theory.validation import FloatArray

_ROW_LENGTH = 5


def robustness_content(found: Robustness) -> dict[str, Any]:
    """All that was found as plain values: points, a sentence for each axis, rises in phase III, failures."""
    return {
        "points": [_row(point) for point in found.points],
        "findings": findings(found),
        "phase_three_rises": [
            {"step_share": rise.step_share, "derived": rise.derived, "trained": rise.trained} for rise in found.rises
        ],
        "failures": [
            {"axis": point.axis.name, "level": point.level_name, "message": point.failure} for point in found.failures
        ],
    }


def _row(point: Point) -> dict[str, Any]:
    """Axis, level and what was found; a level that failed has no numbers."""
    level = point.level_name if isinstance(point.level, float) and not np.isfinite(point.level) else point.level
    return {
        "axis": point.axis.name,
        "assumption": point.axis.assumption,
        "level": level,
        "draws": point.setting.draws,
        "samples": point.setting.samples,
    } | (point.found or {})


def robustness_lines(found: Robustness) -> list[str]:
    """A line for each level, one for each large step, and a sentence for each axis."""
    lines = [_line(point) for point in found.points]
    lines += [
        f"phase III at eta lambda_1 {rise.step_share:g}: R rises in a step by {rise.trained:.1%}, "
        f"derived {rise.derived:.1%}"
        for rise in found.rises
    ]
    return lines + findings(found)


def _line(point: Point) -> str:
    start = f"{point.axis.title} {point.level_name}: "
    if point.found is None:
        return f"{start}failed, {point.failure}"
    one = point.found["descent"]
    return (
        f"{start}deviation {_deviation_text(one)} at step {one['deviation_step']}, turning point {_turning_text(one)}, "
        f"regime {one['regime_measured']}, derived {one['regime_derived']}"
    )


def findings(found: Robustness) -> list[str]:
    """For each axis a sentence: the assumption that it relaxes, and what was seen."""
    sentences = []
    for axis in AXES:
        own = [(point, point.found["descent"]) for point in found.points if _is_of(point, axis) and point.found]
        if not own:
            continue
        worst, numbers = max(own, key=lambda one: abs(one[1]["deviation"]))
        other = [point.level_name for point, one in own if one["regime_measured"] != one["regime_derived"]]
        regimes = f"another regime than derived at {', '.join(other)}" if other else "the derived regime at every level"
        sentences.append(
            f"{axis.title} relaxes {axis.assumption}: L / tr Sigma departs by {_deviation_text(own[0][1])} at "
            f"{own[0][0].level_name} and at most by {_deviation_text(numbers)} at {worst.level_name} "
            f"(step {numbers['deviation_step']}), where the turning point is {_turning_text(numbers)}; {regimes}."
        )
        if axis.name == "step_share":
            sentences.append(_flow_sentence(axis, own))
    rising = [rise for rise in found.rises if rise.trained > 0]
    if rising:
        sentences.append(
            f"Phase III at large steps (two directions, squared error): R rises by "
            f"{', '.join(f'{rise.trained:.0%} at {rise.step_share:g}' for rise in rising)}, at the others not at all."
        )
    return sentences


def _flow_sentence(axis: Axis, own: list[tuple[Point, dict[str, Any]]]) -> str:
    """How far training is from the flow, to which small steps tend."""
    flows = [(point.level_name, point.found["flow"]) for point, _ in own if point.found is not None]
    values = "; ".join(f"{_deviation_text(one)} at {level}" for level, one in flows)
    other = [level for level, one in flows if one["regime_measured"] != one["regime_derived"]]
    regimes = f"; another regime than the flow's at {', '.join(other)}" if other else ""
    return f"{axis.title}, against the gradient flow: {values}{regimes}."


def _is_of(point: Point, axis: Axis) -> bool:
    return point.axis.name == axis.name


def _deviation_text(one: dict[str, Any]) -> str:
    return f"{one['deviation']:+.4f} +- {one['deviation_error']:.1g}"


def _turning_text(one: dict[str, Any]) -> str:
    turning = one["boundaries"]["turning_point"]
    if turning["reason"] is not None:
        return f"not compared ({turning['reason']})"
    ratio = turning["measured"] / turning["derived"]
    return f"{ratio:.3f} +- {ratio * turning['error']:.1g} of derived"


def draw_robustness(found: Robustness, path: Path) -> None:
    """For each axis the signed deviation of the loss and, below it, the ratio of turning points; rises of R last."""
    relaxed = [axis for axis in AXES if any(_is_of(point, axis) for point in found.points)]
    columns = min(_ROW_LENGTH, len(relaxed) + 1)
    rows = -(-(len(relaxed) + 1) // columns)
    figure = Figure(figsize=(3.2 * columns, 5.25 * rows), layout="constrained")
    cells = list(figure.subfigures(rows, columns, squeeze=False, hspace=0.04).flat)
    for cell, axis in zip(cells, relaxed, strict=False):
        own = [point for point in found.points if _is_of(point, axis) and point.found is not None]
        upper, lower = cell.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        if own:
            _draw_deviation(upper, own)
            _draw_turning(lower, own)
        upper.set_title(f"relaxes {axis.assumption}", fontsize=9)
        lower.set_xlabel(axis.title.replace("eta c lambda_1", r"$\eta c \lambda_1$"))
    _draw_rises(cells[len(relaxed)].subplots(), found.rises)
    handles, labels = cells[0].axes[0].get_legend_handles_labels()
    # Beside each other the two are wider than any shorter row.
    beside = len(labels) if columns == _ROW_LENGTH else 1
    figure.legend(handles, labels, loc="outside lower center", ncols=beside, frameon=False, fontsize=10)
    figure.savefig(path, dpi=110, format="png")


def _draw_deviation(axes: Axes, own: list[Point]) -> None:
    places = np.arange(len(own))
    styles = (("descent", "o-", COLOURS[0], "gradient descent"), ("flow", "^:", COLOURS[2], "gradient flow"))
    reach = 0.006
    for key, style, colour, name in styles:
        values, errors = (_column(own, key, column) for column in ("deviation", "deviation_error"))
        shift = 0.08 if key == "flow" else -0.08
        label = f"largest deviation of training from the derived {name} (bars: 2 standard errors)"
        axes.errorbar(places + shift, values, yerr=2 * errors, fmt=style, color=colour, markersize=4, label=label)
        reach = max(reach, 1.1 * float(np.max(np.abs(values) + 2 * errors)))
    axes.axhline(0, color="0.6", linewidth=0.8)
    axes.set_ylim(-reach, reach)
    axes.set_ylabel(r"$L / \mathrm{tr}\,\Sigma$, trained $-$ derived", fontsize=8)
    axes.tick_params(labelsize=8)


def _column(own: list[Point], key: str, column: str) -> FloatArray:
    return np.array([point.found[key][column] for point in own if point.found is not None], dtype=np.float64)


def _draw_turning(axes: Axes, own: list[Point]) -> None:
    """Ratios of turning points to those of derived gradient descent; a cross where one side has none."""
    turning = [point.found["descent"]["boundaries"]["turning_point"] for point in own if point.found is not None]
    places = np.arange(len(own))
    ratio = np.array([one["measured"] / one["derived"] for one in turning], dtype=np.float64)
    spread = ratio * np.array([one["error"] for one in turning], dtype=np.float64)
    known = np.isfinite(ratio) & np.isfinite(spread)
    axes.axhline(1, color="0.6", linewidth=0.8)
    axes.errorbar(places[known], ratio[known], yerr=2 * spread[known], fmt="s", color=COLOURS[1], markersize=4)
    axes.plot(places[~known], np.ones((~known).sum()), "x", color="black", markersize=7)
    for place in places[~known]:
        axes.annotate("none", (place, 1), (0, 6), textcoords="offset points", ha="center", fontsize=8)
    # An error beyond all others, where the lowest of two valleys is left to chance, would hide the rest.
    reach = max(0.1, 1.15 * float(np.max(np.abs(ratio - 1) + 2 * spread, where=known, initial=0.0)))
    axes.set_ylim(1 - min(reach, 0.6), 1 + min(reach, 0.6))
    axes.set_ylabel(r"$s^*$ / derived", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.set_xticks(places, [_tick(point) for point in own], fontsize=7)


def _tick(point: Point) -> str:
    """A level's name, short enough to stand beside its neighbours."""
    short = {"gradient descent": "plain", "Adam in the eigenbasis": "Adam,\neigen-\nbasis", "Gaussian": "Gauss"}
    return short.get(point.level_name, point.level_name.replace("momentum ", "mom.\n"))


def _draw_rises(axes: Axes, rises: tuple[Rise, ...]) -> None:
    shares = [rise.step_share for rise in rises]
    axes.plot(shares, [rise.derived for rise in rises], "-", color=COLOURS[0], label="derived")
    axes.plot(shares, [rise.trained for rise in rises], "o", color=COLOURS[1], markersize=5, label="trained")
    axes.axvline(1, color="0.6", linewidth=0.8)
    axes.set_xlabel(r"step size, $\eta \lambda_1$")
    axes.set_ylabel("largest rise of R in a step of phase III", fontsize=8)
    axes.set_title("T4 without A5: R rises past 1", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.legend(frameon=False, fontsize=8)
