"""The robustness sweep in words: a table per axis, and a sentence on what relaxing its assumption did."""

from __future__ import annotations

from collections.abc import Sequence

from simulation.comparison.departure import Departure, regime_name
from simulation.experiments.large_steps import Rise
from simulation.experiments.robustness import AXES, Axis, Point, Relaxed, Robustness
from simulation.runs.text_table import text_table

#: Deviation of L / tr Sigma, its error and step; ratio of turning points, its error; measured and derived regime.
_HEADER = ("level", "deviation", "+-", "step", "s*/derived", "+-", "regime", "derived")


def axis_lines(found: Robustness, axis: Axis) -> list[str]:
    """A title and a row per level of an axis: departure from gradient descent, ratio of turning points, regimes."""
    return [f"{axis.title} (relaxes {axis.assumption})", *text_table(_HEADER, [_row(one) for one in found.along(axis)])]


def _row(point: Point) -> tuple[str, ...]:
    """The cells under _HEADER."""
    if point.descent is None:
        return (point.level_name, "failed", *["-"] * (len(_HEADER) - 2))
    one, turning = point.descent, point.descent.turning_point
    known = turning.reason is None
    ratio = (f"{turning.ratio:.3f}", f"{turning.ratio * turning.error:.1g}") if known else ("-", "-")
    deviation = f"{one.deviation:+.4f}", f"{one.deviation_error:.1g}", str(one.deviation_step)
    regimes = regime_name(one.regime_measured), regime_name(one.regime_derived)
    return (point.level_name, *deviation, *ratio, *regimes)


def rise_lines(rises: Sequence[Rise]) -> list[str]:
    """A title and a row per step size: the largest rise of explained variance in a step of phase III."""
    rows = [(f"{one.step_share:g}", f"{one.trained:.1%}", f"{one.derived:.1%}") for one in rises]
    return ["rises of R in a step of phase III", *text_table(("eta lambda_1", "trained", "derived"), rows)]


def findings(found: Robustness) -> list[str]:
    """For each axis one sentence: the assumption that it relaxes, and what was observed."""
    sentences = []
    for axis in AXES:
        points = [(one, one.descent) for one in found.along(axis) if one.descent is not None]
        if not points:
            continue
        sentences.append(_sentence(axis, points))
        if axis.relaxed is Relaxed.STEP_SHARE:
            sentences.append(_flow_sentence(axis, found.along(axis)))
    rising = [rise for rise in found.rises if rise.trained > 0]
    if rising:
        sentences.append(
            f"Phase III at large steps (two directions, squared error): R rises by "
            f"{', '.join(f'{rise.trained:.0%} at {rise.step_share:g}' for rise in rising)}, at the others not at all."
        )
    return sentences


def _sentence(axis: Axis, points: Sequence[tuple[Point, Departure]]) -> str:
    first, start = points[0]
    last, worst = max(points, key=lambda one: abs(one[1].deviation))
    other = [point.level_name for point, one in points if not one.keeps_regime]
    regimes = f"another regime than derived at {', '.join(other)}" if other else "the derived regime at every level"
    return (
        f"{axis.title} relaxes {axis.assumption}: L / tr Sigma departs by {_deviation_text(start)} at "
        f"{first.level_name} and at most by {_deviation_text(worst)} at {last.level_name} "
        f"(step {worst.deviation_step}), where the turning point is {_turning_text(worst)}; {regimes}."
    )


def _flow_sentence(axis: Axis, points: Sequence[Point]) -> str:
    """How far training is from the flow, to which small steps tend."""
    flows = [(point.level_name, point.flow) for point in points if point.flow is not None]
    values = "; ".join(f"{_deviation_text(one)} at {level}" for level, one in flows)
    other = [level for level, one in flows if not one.keeps_regime]
    regimes = f"; another regime than the flow's at {', '.join(other)}" if other else ""
    return f"{axis.title}, against the gradient flow: {values}{regimes}."


def _deviation_text(one: Departure) -> str:
    return f"{one.deviation:+.4f} +- {one.deviation_error:.1g}"


def _turning_text(one: Departure) -> str:
    turning = one.turning_point
    if turning.reason is not None:
        return f"not compared ({turning.reason})"
    return f"{turning.ratio:.3f} +- {turning.ratio * turning.error:.1g} of derived"
