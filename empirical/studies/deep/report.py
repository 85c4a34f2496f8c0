"""Turning points of deep networks, derived from their last layer before training, as a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.stats import gmean

from empirical.studies.deep.figure import draw_boundaries
from empirical.studies.deep.row import TURNING_TOLERANCE, DeepRow
from empirical.studies.report import DrawnReport
from empirical.studies.track.stored import stored_estimate
from empirical.tracker.phase_reading import Estimate
from simulation.runs.json_reader import ListOf, MapOf, Maybe, Real, Record, Text, read_json
from simulation.runs.run_kinds import DEEP
from simulation.runs.text_table import or_dash, text_table
from theory.validation import path_argument

_ESTIMATES = ("derived_half_fall", "derived_turning_point", "half_fall", "turning_point")
_ESTIMATE = Record({"value": Maybe(Real(0)), "error": Maybe(Real(0))})
_ROW = Record(
    {
        "network": Text(),
        "data": Text(),
        "layer": Text(),
        "step_size": Real(1e-30, 1e30),
        **dict.fromkeys(_ESTIMATES, _ESTIMATE),
    }
)
_CONTENT = Record(
    {"deep": ListOf(_ROW)},
    {
        "factor": Maybe(Real()),
        "constant_factor": Maybe(Real()),
        "versions": MapOf(Text()),
        "notes": ListOf(Text(1000), 0),
    },
)


@dataclass(frozen=True, eq=False)
class DeepReport(DrawnReport):
    """Derived beside tracked boundaries of the last layer of each training.

    Attributes:
        rows: one per training.
        versions: of the software that derived.
        notes: how the images were read.
    """

    kind = DEEP
    figure_name = "deep.png"

    rows: tuple[DeepRow, ...]
    versions: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every derived turning point is within the tolerance of the tracked one and two standard errors."""
        return not any(row.fails for row in self.rows)

    @property
    def factor(self) -> float:
        """The typical factor between derived and tracked turning points: exp of the rms of log ratios."""
        return _factor([row.ratio for row in self.rows])

    @property
    def constant_factor(self) -> float:
        """The same for one step for all trainings, fitted to them: what a prediction has to be better than."""
        known = [row.turning_point.value for row in self.rows if np.isfinite(row.turning_point.value)]
        return _factor(gmean(known) / np.array(known)) if known else float("nan")

    def lines(self) -> list[str]:
        """A row per training, then how good the derivation is beside a fitted constant."""
        header = ("network", "trained on", "half of the fall", "tracked", "turning point", "tracked", "ratio")
        rows = [
            (
                row.network,
                row.data,
                _step(row.derived_half_fall),
                _step(row.half_fall),
                _step(row.derived_turning_point),
                _step(row.turning_point),
                or_dash(row.ratio, ".2f"),
            )
            for row in self.rows
        ]
        return [
            *text_table(header, rows),
            f"steps; a turning point fails beyond {TURNING_TOLERANCE:.0%} and two standard errors",
            f"typical factor of turning points: {self.factor:.2f}; of one fitted constant: {self.constant_factor:.2f}",
        ]

    def content(self) -> dict[str, Any]:
        """The rows with their ratios, the factors and the versions."""
        return {
            "deep": [asdict(row) for row in self.rows],
            "factor": self.factor,
            "constant_factor": self.constant_factor,
            "versions": self.versions,
            "notes": list(self.notes),
        }

    def draw(self, path: Path | str) -> None:
        """Draw derived against tracked boundaries."""
        draw_boundaries(self.rows, path_argument("path", path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        rows = tuple(
            DeepRow(
                network=one["network"],
                data=one["data"],
                layer=one["layer"],
                step_size=one["step_size"],
                **{name: stored_estimate(one[name]) for name in _ESTIMATES},
            )
            for one in content["deep"]
        )
        return cls(rows, content.get("versions", {}), tuple(content.get("notes", ())))


def _factor(ratios: Sequence[float] | np.ndarray[Any, Any]) -> float:
    """Exp of the root mean square of the logarithms; NaN where none is known."""
    logs = np.log([one for one in ratios if np.isfinite(one)])
    return float(np.exp(np.sqrt(np.mean(logs**2)))) if logs.size else float("nan")


def _step(boundary: Estimate) -> str:
    if np.isnan(boundary.value):
        return "-"
    return f"{boundary.value:.0f}" if np.isnan(boundary.error) else f"{boundary.value:.0f} +- {boundary.error:.0f}"
