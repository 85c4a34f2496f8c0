"""Tracked trainings as a report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.probes.measures import WHOLE
from empirical.studies.report import Columns, DrawnReport
from empirical.studies.track.figure import draw_layer, draw_tracked
from empirical.studies.track.stored import RESULT, measurement_columns, read_plan, read_readings, read_rows
from empirical.studies.track.trainings import TrackedTrainings
from empirical.tracker.phase_reading import Estimate, PhaseReading
from simulation.runs.json_reader import read_json
from simulation.runs.run_kinds import TRACK
from simulation.runs.text_table import text_table
from theory.validation import path_argument

_TABLE = "measures.parquet"


@dataclass(frozen=True, eq=False)
class TrackReport(TrackedTrainings, DrawnReport):
    """The measurements of every checkpoint of every seed, and the phases of each layer.

    Attributes:
        alignment: of the task trained on with each task of transfer, by the task's name.
        versions: of the software that trained.
        notes: how the images were read, where that is not plain.
    """

    kind = TRACK
    figure_name = "track.png"

    alignment: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """One row per layer: the phases of its reconstruction loss, and their boundaries."""
        header = ("layer", "phases", "fall", "I ends", "half fall", "turns at", "rise")
        rows = [(layer, *_cells(self.readings[layer])) for layer in self.plan.probe.layers]
        return [
            *text_table(header, rows),
            "phases: I near-constant, up to a tenth of the fall; II decreasing; III increasing",
            "fall and rise in shares of the images' variance; the other columns in steps",
        ]

    def content(self) -> dict[str, Any]:
        """The plan, the phases of every layer, and the mean over seeds of every measure at every step."""
        return {
            "data": self.data,
            "plan": asdict(self.plan),
            "steps": self.plan.steps.tolist(),
            "phases": {layer: asdict(one) | {"turned": one.turned} for layer, one in self.readings.items()},
            "means": {
                layer: {one.name: self.values(layer, one).mean(axis=0).tolist() for one in self.measures(layer)}
                for layer in (WHOLE, *self.plan.probe.layers)
            },
            "alignment": self.alignment,
            "versions": self.versions,
            "notes": list(self.notes),
        }

    def tables(self) -> dict[str, Columns]:
        """All measurements."""
        return {_TABLE: measurement_columns(self)}

    def draw(self, path: Path | str) -> None:
        """Draw the exact decoder of every layer, budgeted decoders of the last one, and accuracies, over log steps."""
        draw_tracked(self, path_argument("path", path))

    def draw_layer(self, layer: str, path: Path | str) -> None:
        """Draw the exact decoder of one layer with its phases.

        Raises:
            InputError: a layer that was not measured.
        """
        draw_layer(self, layer, path_argument("path", path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        file = folder / "result.json"
        content = read_json(file, RESULT, "folder")
        plan = read_plan(file, content)
        return cls(
            plan,
            content["data"],
            read_rows(folder / _TABLE, plan),
            read_readings(file, content, plan),
            {name: float(value) for name, value in content.get("alignment", {}).items()},
            content.get("versions", {}),
            tuple(content.get("notes", ())),
        )


def _cells(reading: PhaseReading) -> tuple[str, ...]:
    """The cells of a row: the phases, and their numbers where they exist."""
    if not (reading.falls or reading.rises):
        return "I", "", "", "", "", ""
    if not reading.falls:
        return "rise alone", "", "", "", "", _change(reading.rise)
    fall = _change(reading.fall), _step(reading.near_constant_end), _step(reading.half_fall)
    if not reading.rises:
        return "I II", *fall, "", ""
    return "I II III", *fall, _step(reading.turning_point), _change(reading.rise)


def _change(change: Estimate) -> str:
    return _with_error(f"{change.value:.3f}", f"{change.error:.3f}", change)


def _step(boundary: Estimate) -> str:
    return _with_error(f"{boundary.value:.0f}", f"{boundary.error:.0f}", boundary)


def _with_error(value: str, error: str, estimate: Estimate) -> str:
    return value if np.isnan(estimate.error) else f"{value} +- {error}"
