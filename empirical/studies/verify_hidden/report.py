"""The results of a verification of hidden layers, as a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from empirical.fit.mixture_summary import MIXTURE, MixtureSummary, gaussian_lines
from empirical.studies.curve_table import TIMES, curve_columns, stored_curve
from empirical.studies.report import Columns, DrawnReport, reading
from empirical.studies.verify.plan import LARGEST_SEED
from empirical.studies.verify_hidden.figure import draw_hidden
from empirical.studies.verify_hidden.finding import LayerFinding
from empirical.studies.verify_hidden.plan import HiddenUnits, VerifyHiddenPlan
from simulation.runs.json_reader import ListOf, MapOf, Maybe, Real, Record, Text, Whole, Word, read_json
from simulation.runs.run_kinds import VERIFY_HIDDEN
from simulation.runs.table_reader import read_table
from simulation.runs.text_table import text_table
from theory import loss_named
from theory.curves.losses import LOSSES
from theory.validation import path_argument

_SCALE = Real(1e-30, 1e30)
_CONTENT = Record(
    {
        "hidden": Text(),
        "samples": Whole(1),
        "configuration": Record(
            {
                "widths": ListOf(Whole(1)),
                "units": Word(tuple(one.value for one in HiddenUnits)),
                "loss": Word(tuple(loss.name for loss in LOSSES)),
                "components": Maybe(Whole(1)),
                "init_scale": _SCALE,
                "step_size": Maybe(_SCALE),
                "step_share": _SCALE,
                "steps": Whole(1),
                "replicas": Whole(1),
                "seed": Whole(0, LARGEST_SEED - 1),
                "tolerance": Maybe(_SCALE),
                "step_tolerance": _SCALE,
            }
        ),
        "step_size": _SCALE,
        "mixture": Maybe(MIXTURE),
        "layers": ListOf(Record({"layer": Text()})),
    },
    {"versions": MapOf(Text()), "notes": ListOf(Text(), 0)},
)
_KINDS = ("derived", "trained")
_VALUE = "loss"


@dataclass(frozen=True, eq=False)
class HiddenVerification(DrawnReport):
    """Derived curves of hidden layers compared with those of trained networks.

    Attributes:
        data: name of the data set.
        samples: number of its inputs.
        plan: of the network and its training.
        step_size: eta, as used.
        mixture: several Gaussians per class of the mean field; None for one each.
        findings: one for each layer, from the inputs on.
        versions: of the software that computed them.
        data_notes: how the data were read.
    """

    kind = VERIFY_HIDDEN
    figure_name = "hidden.png"

    data: str
    samples: int
    plan: VerifyHiddenPlan
    step_size: float
    mixture: MixtureSummary | None
    findings: tuple[LayerFinding, ...]
    versions: dict[str, str]
    data_notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether curve and turning point agree with training for every layer."""
        return all(one.holds(self.plan) for one in self.findings)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on how the data were read."""
        return self.data_notes

    def lines(self) -> list[str]:
        """A row for each layer, what is accepted, and the Gaussians of the mean field."""
        header = ("layer", "apart", "at step", "turns at, derived", "trained", "verdict")
        rows = [
            (
                one.layer,
                f"{one.deviation:.4f}",
                f"{self._step(one.deviation_time):,}",
                self._turning(one.derived_turning_point),
                self._turning(one.trained_turning_point),
                "holds" if one.holds(self.plan) else "FAILS",
            )
            for one in self.findings
        ]
        widths = ", ".join(map(str, self.plan.widths))
        return [
            f"{self.plan.units.value} units, hidden width {widths}, on {self.data}, sigma0 = {self.plan.init_scale:g}",
            *text_table(header, rows),
            f"apart: largest distance of the mean curves, in units of tr Sigma; accepted {self.plan.accepted:g},",
            f"and {self.plan.step_tolerance:.0%} between the steps at which they turn",
            *gaussian_lines(self.mixture),
        ]

    def content(self) -> dict[str, Any]:
        """Configuration, versions and findings as plain values."""
        return {
            "hidden": self.data,
            "samples": self.samples,
            "configuration": self.plan.content(),
            "step_size": self.step_size,
            "mixture": None if self.mixture is None else self.mixture.as_values(),
            "versions": self.versions,
            "notes": list(self.data_notes),
            "holds": self.holds,
            "layers": [
                {
                    "layer": one.layer,
                    "deviation": one.deviation,
                    "deviation_step": self._step(one.deviation_time),
                    "derived_turning_step": self._steps(one.derived_turning_point),
                    "trained_turning_step": self._steps(one.trained_turning_point),
                    "curve_holds": one.curve_holds(self.plan),
                    "turning_holds": one.turning_holds(self.plan),
                }
                for one in self.findings
            ],
        }

    def tables(self) -> dict[str, Columns]:
        """All curves in one long table."""
        curves = [
            ({"layer": finding.layer, "curve": kind}, curve)
            for finding in self.findings
            for kind, curve in zip(_KINDS, (finding.derived, finding.trained), strict=True)
        ]
        return {"curves.parquet": curve_columns(curves, self.step_size, _VALUE)}

    def draw(self, path: Path | str) -> None:
        """A panel per layer: derived line, trained markers, turning points."""
        draw_hidden(self.findings, self.lines()[0], self.step_size, path_argument("path", path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        table = read_table(folder / "curves.parquet", ("layer", "curve", *TIMES, _VALUE), "folder")
        configuration = dict(content["configuration"])
        with reading(folder):
            plan = VerifyHiddenPlan(
                **configuration
                | {
                    "loss": loss_named(configuration["loss"]),
                    "units": HiddenUnits(configuration["units"]),
                    "widths": tuple(configuration["widths"]),
                }
            )
            mixture = content["mixture"]
            return cls(
                content["hidden"],
                content["samples"],
                plan,
                content["step_size"],
                None if mixture is None else MixtureSummary.from_values(mixture),
                tuple(_finding(one["layer"], table) for one in content["layers"]),
                content.get("versions", {}),
                tuple(content.get("notes", ())),
            )

    def _steps(self, time: float | None) -> int | None:
        return None if time is None else self._step(time)

    def _turning(self, time: float | None) -> str:
        return "does not" if time is None else f"{self._step(time):,}"

    def _step(self, time: float) -> int:
        return round(time / self.step_size)


def _finding(layer: str, table: Columns) -> LayerFinding:
    return LayerFinding(layer, *(stored_curve(table, {"layer": layer, "curve": kind}, _VALUE) for kind in _KINDS))
