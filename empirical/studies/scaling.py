"""Scaling laws of boundaries measured on trained networks, as a report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.studies.report import Columns, DrawnReport, reading, working_folder
from simulation.experiments.scaling_law import POINT_NAMES, Quantity, ScalingLaw
from simulation.experiments.scaling_sweep import run_scaling_sweep, scaling_measurements
from simulation.figures.scaling import draw_scaling
from simulation.runs.json_reader import ListOf, MapOf, Real, Record, Text, Whole, Word, read_json
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import SCALING
from simulation.runs.schedulers import LocalScheduler, Scheduler
from simulation.runs.table_reader import read_table
from simulation.runs.text_table import text_table
from theory import InputError
from theory.assumptions import Verdict
from theory.progress import Progress, described, silent
from theory.validation import at_least, given_or_default, path_argument

#: Processes on this machine, where no scheduler is given.
_WORKERS = 2

_SLOPE = Record({"value": Real(), "low": Real(), "high": Real(), "level": Real(0, 1)})
_LAW = Record(
    {
        "quantity": Word(tuple(one.value for one in Quantity)),
        "law": Record({"alpha": Real(1e-30), "beta": Real(), "dimension": Whole(2)}),
        "exponent": Real(),
        "derived": Real(),
        "slope": _SLOPE,
        "joint": _SLOPE,
        "tolerance": Real(0),
    }
)
_CONTENT = Record(
    {"configuration": Record({"pairs": Whole(2), "seed": Whole(0, 2**63 - 1)}), "laws": ListOf(_LAW)},
    {"versions": MapOf(Text())},
)

_HEADER = ("alpha", "beta", "q", "+-", "jointly", "derived", "limit", "verdict")

#: Columns that identify the law of a point in the table, and the columns of the point itself.
_LAW_COLUMNS = ("quantity", "parameter", "alpha", "beta", "dimension")
_POINT_COLUMNS = {"value": "values", "measured": "measured", "relative_error": "relative_errors"}


@dataclass(frozen=True)
class ScalingPlan:
    """The number of trainings.

    Attributes:
        pairs: pairs W(0), -W(0) at each value of sigma0, at least 2.
        seed: of W(0) and of the samples.

    Raises:
        InputError: values out of range.
    """

    pairs: int = 64
    seed: int = 1

    def __post_init__(self) -> None:
        at_least("pairs", self.pairs, 2)
        at_least("seed", self.seed, 0)


@dataclass(frozen=True, eq=False)
class ScalingReport(DrawnReport):
    """Measured slopes compared with derived slopes.

    Attributes:
        plan: how much was trained.
        laws: nine of boundaries, four of phase III.
        versions: of the software that measured them.
    """

    kind = SCALING
    figure_name = "scaling.png"

    plan: ScalingPlan
    laws: tuple[ScalingLaw, ...]
    versions: dict[str, str]

    @property
    def holds(self) -> bool:
        """Whether every law holds."""
        return all(law.holds for law in self.laws)

    def lines(self) -> list[str]:
        """A table per quantity: measured slope and its intervals, the derived slope over the same range, the limit."""
        lines = []
        for quantity in Quantity:
            own = [law for law in self.laws if law.quantity is quantity]
            lines.append(f"{quantity.value} ~ {quantity.parameter.value}^q")
            lines += text_table(_HEADER, [_row(law) for law in own])
        level = f"{self.laws[0].slope.level:.0%}"
        return [*lines, f"+-: half of each slope's {level} interval; jointly: of the boundaries' joint one"]

    def content(self) -> dict[str, Any]:
        """Configuration, versions and laws, without their points."""
        laws = [
            {"quantity": law.quantity.value, "parameter": law.quantity.parameter.value}
            | {name: value for name, value in law.as_values().items() if name not in POINT_NAMES}
            | {"holds": law.holds}
            for law in self.laws
        ]
        return {"configuration": asdict(self.plan), "versions": self.versions, "laws": laws}

    def tables(self) -> dict[str, Columns]:
        """The points of all laws in one long table, each with its law's derived slope and exponent."""
        rows = [
            (*_key(law), law.derived, law.exponent, *point)
            for law in self.laws
            for point in zip(*(getattr(law, name).tolist() for name in _POINT_COLUMNS.values()), strict=True)
        ]
        names = (*_LAW_COLUMNS, "derived", "exponent", *_POINT_COLUMNS)
        return {"points.parquet": {name: [row[column] for row in rows] for column, name in enumerate(names)}}

    def draw(self, path: Path | str) -> None:
        """Draw the measured values, with lines of the derived slope through their middle."""
        draw_scaling(self.laws, path_argument("path", path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        columns = read_table(folder / "points.parquet", (*_LAW_COLUMNS, *_POINT_COLUMNS), "folder")
        with reading(folder):
            laws = tuple(_law(values, columns) for values in content["laws"])
        configuration = content["configuration"]
        return cls(ScalingPlan(configuration["pairs"], configuration["seed"]), laws, content.get("versions", {}))


def scaling(
    plan: ScalingPlan | None = None,
    *,
    folder: str | Path | None = None,
    scheduler: Scheduler | None = None,
    progress: Progress = silent,
) -> ScalingReport:
    """Measure on trained networks how boundaries scale with sigma0 and eta, and how fast phase III forgets.

    Args:
        plan: how much to train; ``ScalingPlan()`` by default, two minutes on two cores.
        folder: where each configuration's result and the report are saved; a sweep started again there resumes. None
            saves nothing.
        scheduler: where configurations run; two processes of this machine by default.
        progress: shows how many configurations are done.

    Raises:
        InputError: a plan that does not fit in memory, a folder of another job, or a configuration that failed.
    """
    chosen = given_or_default("plan", plan, ScalingPlan)
    with working_folder(folder, SCALING) as place:
        measurements = scaling_measurements(chosen.pairs, chosen.seed)
        runner = scheduler if scheduler is not None else LocalScheduler(_WORKERS)
        laws = run_scaling_sweep(measurements, place, runner, described(progress, "measure"))
        report = ScalingReport(chosen, tuple(laws), software_versions())
        if folder is not None:
            report.save(place)
    return report


def _key(law: ScalingLaw) -> tuple[Any, ...]:
    """The entries of _LAW_COLUMNS."""
    quantity, model = law.quantity, law.law
    return quantity.value, quantity.parameter.value, model.alpha, model.beta, model.dimension


def _row(law: ScalingLaw) -> tuple[str, ...]:
    """The cells under _HEADER."""
    half_widths = [f"{(one.high - one.low) / 2:.4f}" for one in (law.slope, law.joint)]
    slopes = f"{law.derived:.4f}", f"{law.exponent:.4f}"
    verdict = Verdict.HOLDS if law.holds else Verdict.FAILS
    model = f"{law.law.alpha:g}", f"{law.law.beta:g}"
    return *model, f"{law.slope.value:.4f}", *half_widths, *slopes, verdict.value


def _law(values: dict[str, Any], columns: Columns) -> ScalingLaw:
    """A law of a result with its points; InputError where the table has none."""
    model, quantity = values["law"], Quantity(values["quantity"])
    key = (quantity.value, quantity.parameter.value, model["alpha"], model["beta"], model["dimension"])
    own = np.logical_and.reduce([columns[name] == entry for name, entry in zip(_LAW_COLUMNS, key, strict=True)])
    if not own.any():
        raise InputError(f"points.parquet has no points of {quantity.value}, alpha {model['alpha']:g}")
    return ScalingLaw.from_values(values | {name: columns[column][own] for column, name in _POINT_COLUMNS.items()})
