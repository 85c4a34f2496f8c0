"""Training compared with the mean field, one assumption relaxed at a time, as a report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.studies.report import DrawnReport, reading
from empirical.studies.robustness.text import axis_lines, findings, rise_lines
from simulation.comparison.departure import OTHER, Departure
from simulation.comparison.measurement import BOUNDARY_NAMES
from simulation.experiments.large_steps import Rise
from simulation.experiments.robustness import AXES, Point, Relaxed, Robustness
from simulation.figures.robustness import draw_robustness
from simulation.figures.robustness_chart import draw_robustness_chart
from simulation.runs.json_reader import AnyOf, ListOf, MapOf, Maybe, Named, Real, Record, Text, Whole, Word, read_json
from simulation.runs.run_folder import RunFolder
from simulation.runs.run_kinds import ROBUSTNESS
from simulation.runs.text_table import wrapped
from theory import InputError, Regime
from theory.validation import at_least, one_of, path_argument

#: File of the figure of every level.
_PANELS = "robustness-panels.png"

#: What JSON cannot hold: the tail index of a Gaussian.
_GAUSSIAN = "Gaussian"

_NUMBER = Maybe(Real())
_BOUNDARY = Record({"derived": _NUMBER, "measured": _NUMBER, "error": _NUMBER, "reason": Maybe(Text())})
_REGIME = AnyOf((Word((OTHER,)), Named(Regime.from_name)))
_DEPARTURE = Record(
    {
        "deviation": Real(),
        "deviation_error": _NUMBER,
        "deviation_step": Whole(),
        "fall_derived": Real(),
        "fall_measured": Real(),
        "fall_error": _NUMBER,
        "shape_deviation": _NUMBER,
        "regime_derived": _REGIME,
        "regime_measured": _REGIME,
        "boundaries": Record(dict.fromkeys(BOUNDARY_NAMES, _BOUNDARY)),
    }
)
_AXES = {axis.name: axis for axis in AXES}
_AXIS = Word(tuple(_AXES))
_POINT = Record(
    {"axis": _AXIS, "level": AnyOf((Text(), Whole(), Real())), "draws": Whole(2), "samples": Whole(2)},
    {"descent": _DEPARTURE, "flow": _DEPARTURE},
)
_FAILURE = Record({"axis": _AXIS, "level": Text(), "message": Text(10_000)})
_RISE = Record({"step_share": Real(1e-30, 1e30), "derived": Real(), "trained": Real()})
_CONTENT = Record(
    {
        "configuration": Record(
            {"draws": Whole(2), "seed": Whole(0, 2**63 - 1)}, {"axes": AnyOf((Word(("all",)), ListOf(_AXIS)))}
        ),
        "points": ListOf(_POINT),
        "phase_three_rises": ListOf(_RISE),
    },
    {"failures": ListOf(_FAILURE, 0), "versions": MapOf(Text())},
)


@dataclass(frozen=True)
class RobustnessPlan:
    """The assumptions to relax, and the number of trainings.

    Attributes:
        draws: samples, each with W(0) and -W(0), of a level with full batches; at least 2.
        axes: names of what is relaxed, as those of ``Relaxed``; none for all of them.
        seed: of W(0), the samples and the batches.

    Raises:
        InputError: values out of range, or an unknown name.
    """

    draws: int = 6
    axes: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        at_least("draws", self.draws, 2)
        at_least("seed", self.seed, 0)
        for name in self.axes:
            one_of("axis", name, tuple(_AXES))


@dataclass(frozen=True, eq=False)
class RobustnessReport(DrawnReport):
    """Training compared with the mean field, level by level.

    Attributes:
        plan: what was relaxed.
        found: all levels, and the rises of explained variance at large steps.
        versions: of the software that measured them.
    """

    kind = ROBUSTNESS
    figure_name = "robustness.png"

    plan: RobustnessPlan
    found: Robustness
    versions: dict[str, str]

    @property
    def failures(self) -> tuple[str, ...]:
        """Levels that could not be computed, with the error."""
        return tuple(f"{one.axis.title} {one.level_name}: {one.failure}" for one in self.found.failures)

    def at(self, relaxed: Relaxed, level: Any) -> Point:
        """The point of a level.

        Args:
            relaxed: what varies along its axis.
            level: its value there.

        Raises:
            InputError: it is not part of this report.
        """
        for point in self.found.points:
            if point.axis.relaxed is relaxed and point.level == level:
                return point
        raise InputError(f"level: {relaxed.value} {level} was not measured; give one of the report's points")

    def lines(self) -> list[str]:
        """A table per axis, the rises of explained variance at large steps, and a sentence per axis."""
        lines = [line for axis in AXES if self.found.along(axis) for line in axis_lines(self.found, axis)]
        lines += rise_lines(self.found.rises)
        return lines + [line for sentence in findings(self.found) for line in wrapped(sentence)]

    def content(self) -> dict[str, Any]:
        """Configuration, versions, every level, a sentence per axis, rises in phase III and failures."""
        plan, found = self.plan, self.found
        return {
            "configuration": {"draws": plan.draws, "axes": list(plan.axes) or "all", "seed": plan.seed},
            "versions": self.versions,
            "points": [_row(point) for point in found.points],
            "findings": findings(found),
            "phase_three_rises": [asdict(rise) for rise in found.rises],
            "failures": [
                {"axis": point.axis.name, "level": point.level_name, "message": point.failure}
                for point in found.failures
            ],
        }

    def draw(self, path: Path | str) -> None:
        """Draw one chart of all departures at their worst levels, sorted; ``draw_panels`` draws every level."""
        draw_robustness_chart(self.found, path_argument("path", path))

    def draw_panels(self, path: Path | str) -> None:
        """Draw for each axis the deviation of the loss and the ratio of turning points; the rises last."""
        draw_robustness(self.found, path_argument("path", path))

    def _write(self, folder: RunFolder) -> None:
        folder.write(_PANELS, self.draw_panels)
        super()._write(folder)

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        configuration = content["configuration"]
        axes = configuration.get("axes", "all")
        plan = RobustnessPlan(configuration["draws"], () if axes == "all" else tuple(axes), configuration["seed"])
        messages = {(one["axis"], one["level"]): one["message"] for one in content.get("failures", ())}
        with reading(folder):
            points = tuple(_point(row, plan.seed, messages) for row in content["points"])
        rises = tuple(Rise(one["step_share"], one["derived"], one["trained"]) for one in content["phase_three_rises"])
        return cls(plan, Robustness(points, rises), content.get("versions", {}))


def _row(point: Point) -> dict[str, Any]:
    """Axis, level and what was found; a level that failed has no numbers."""
    row = {
        "axis": point.axis.name,
        "assumption": point.axis.assumption,
        "level": _GAUSSIAN if point.level == np.inf else point.level,
        "draws": point.setting.draws,
        "samples": point.setting.samples,
    }
    departures = {"descent": point.descent, "flow": point.flow}
    return row | {name: one.as_values() for name, one in departures.items() if one is not None}


def _point(row: dict[str, Any], seed: int, messages: dict[tuple[str, str], str]) -> Point:
    """The inverse of ``_row``; ``messages`` by axis and name of a level are those of levels that failed."""
    axis = _AXES[row["axis"]]
    level = np.inf if row["level"] == _GAUSSIAN else row["level"]
    setting = replace(axis.setting(level), draws=row["draws"], samples=row["samples"], seed=seed)
    descent, flow = (Departure.from_values(row[name]) if name in row else None for name in ("descent", "flow"))
    failure = messages.get((axis.name, axis.level_name(level)), "no numbers were kept") if descent is None else None
    return Point(axis, setting, descent, flow, failure)
