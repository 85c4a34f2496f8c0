"""Where a deep training leaves its two simplifications, as a report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.networks.networks import network_title
from empirical.studies.last_block_study.runs import APART
from empirical.studies.report import DrawnReport, reading, with_tuples
from empirical.studies.simplified_study.figure import draw_study
from empirical.studies.simplified_study.plan import SIMPLIFIED, SimplifiedPlan, Training
from empirical.studies.simplified_study.runs import ERROR_APART, SimplifiedRun
from simulation.runs.json_reader import ListOf, MapOf, Real, Record, Text, Whole, read_json
from simulation.runs.run_kinds import SIMPLIFIED_STUDY
from simulation.runs.text_table import or_dash, text_table
from theory.validation import path_argument

_CURVES = Record({one.name.lower(): ListOf(Real(), 2) for one in Training})
_RUN = Record({"network": Text(), "losses": _CURVES, "errors": _CURVES})
_PLAN = Record(
    {
        "networks": ListOf(Text()),
        "widths": ListOf(Whole(1), 2),
        "steps": Whole(1),
        "step_size": Real(0),
        "batch_size": Whole(2),
        "images": Whole(1),
        "seed": Whole(0, 2**63 - 1),
    }
)
_CONTENT = Record(
    {"plan": _PLAN, "data": Text(), "simplified": ListOf(_RUN)},
    {"versions": MapOf(Text()), "notes": ListOf(Text(1000), 0)},
)


@dataclass(frozen=True, eq=False)
class SimplifiedReport(DrawnReport):
    """Each network's training on the images, on a Gaussian clone, and linear in its weights.

    Attributes:
        plan: of the trainings.
        data: name of the images.
        runs: one for each of the plan's networks, in their order.
        versions: of the software that trained.
        data_notes: how the images were read.
    """

    kind = SIMPLIFIED_STUDY
    figure_name = "simplified.png"

    plan: SimplifiedPlan
    data: str
    runs: tuple[SimplifiedRun, ...]
    versions: dict[str, str] = field(default_factory=dict)
    data_notes: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """See ``Report``."""
        return self.data_notes

    def lines(self) -> list[str]:
        """A row for each simplification of each network: until when it has the loss and the error of the training."""
        header = ("network", "training", "loss apart", "error apart", "fall", "loss", "error")
        rows = [
            (
                network_title(run.setting.training.network),
                training.value,
                or_dash(run.loss_departure(training), ".0f") if training in SIMPLIFIED else "",
                or_dash(run.error_departure(training), ".0f") if training in SIMPLIFIED else "",
                f"{run.fall(training):.3f}",
                f"{run.losses[training][-1]:.3f}",
                f"{run.errors[training][-1]:.3f}",
            )
            for run in self.runs
            for training in Training
        ]
        return [
            *text_table(header, rows),
            f"apart: first measured step at which the images' loss differs by more than {APART:g}",
            f"of their variance from the training on the images, the test error by {ERROR_APART:g};",
            f"fall: of the loss, from step 0 to its lowest; loss, error: at step {self.plan.steps:,}",
        ]

    def content(self) -> dict[str, Any]:
        """The plan, all curves and where they part."""
        return {
            "plan": asdict(self.plan),
            "data": self.data,
            "simplified": [_stored(run) for run in self.runs],
            "versions": self.versions,
            "notes": list(self.data_notes),
        }

    def draw(self, path: Path | str) -> None:
        """Draw loss and error of each network by training."""
        draw_study(self.runs, path_argument("path", path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        with reading(folder):
            stored = with_tuples(content["plan"])
            plan = SimplifiedPlan(**stored)
            runs = tuple(
                SimplifiedRun(plan.setting(network), _curves(one["losses"]), _curves(one["errors"]))
                for network, one in zip(plan.networks, content["simplified"], strict=True)
            )
            return cls(plan, content["data"], runs, content.get("versions", {}), tuple(content.get("notes", ())))


def _stored(run: SimplifiedRun) -> dict[str, Any]:
    return {
        "network": run.setting.training.network,
        "steps": run.steps.tolist(),
        "losses": {one.name.lower(): curve.tolist() for one, curve in run.losses.items()},
        "errors": {one.name.lower(): curve.tolist() for one, curve in run.errors.items()},
        "loss_departure": {one.name.lower(): run.loss_departure(one) for one in SIMPLIFIED},
        "error_departure": {one.name.lower(): run.error_departure(one) for one in SIMPLIFIED},
    }


def _curves(stored: dict[str, list[float]]) -> dict[Training, np.ndarray[Any, Any]]:
    return {Training[name.upper()]: np.array(values) for name, values in stored.items()}
