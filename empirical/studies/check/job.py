"""Which assumptions a data set meets, as a report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from empirical.data.datasets import GivenData, given_data
from empirical.studies.check.outcome import CHECK_CONTENT, Check, CheckPlan, evaluate
from empirical.studies.report import Report, reading, run_folder
from simulation.runs.json_reader import ListOf, MapOf, Real, Record, Text, Whole, Word, read_json
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import CHECK
from theory import loss_named
from theory.curves.losses import LOSSES
from theory.progress import Progress, silent
from theory.validation import given_or_default

_CONTENT = Record(
    {
        **CHECK_CONTENT.entries,
        "configuration": Record(
            {
                "loss": Word(tuple(loss.name for loss in LOSSES)),
                "step_share": Real(1e-30, 1e30),
                "init_scale": Real(1e-30, 1e30),
                "seed": Whole(0, 2**63 - 1),
            }
        ),
        "versions": MapOf(Text()),
        "notes": ListOf(Text(), 0),
    },
    CHECK_CONTENT.optional,
)


@dataclass(frozen=True, eq=False)
class CheckReport(Report):
    """The assumptions A1 to A8 on a data set, and the theorems that apply. An assumption that fails is no failed claim.

    Attributes:
        outcome: assumptions and theorems.
        plan: the layer for which they are evaluated.
        versions: of the software that evaluated them.
        data_notes: how the data were read.
    """

    kind = CHECK
    result_name = "check.json"

    outcome: Check
    plan: CheckPlan
    versions: dict[str, str]
    data_notes: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on how the data were read."""
        return self.data_notes

    def lines(self) -> list[str]:
        """Each assumption with its verdict, then the theorems."""
        return self.outcome.lines()

    def content(self) -> dict[str, Any]:
        """Assumptions and theorems, with configuration and versions."""
        return self.outcome.content() | {
            "configuration": asdict(self.plan) | {"loss": self.plan.loss.name},
            "versions": self.versions,
            "notes": list(self.data_notes),
        }

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / cls.result_name, _CONTENT, "folder")
        configuration = content["configuration"]
        with reading(folder):
            plan = CheckPlan(**configuration | {"loss": loss_named(configuration["loss"])})
            return cls(Check.from_content(content), plan, content["versions"], tuple(content["notes"]))


def check(
    data: GivenData,
    plan: CheckPlan | None = None,
    *,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> CheckReport:
    """Evaluate the assumptions A1 to A8 on a data set: do they hold, by what margin, which theorems apply.

    Args:
        data: labelled inputs, the name ``digits`` or ``cifar10``, the path of a file, or what loads them.
        plan: the layer for which they are evaluated; ``CheckPlan()`` by default.
        folder: where the report is saved; None saves nothing.
        progress: shows how far each part of the work is.

    Raises:
        InputError: a folder of another job, data that do not load, a class with fewer than two inputs, classes with the
            same mean, or a loss for another number of classes.
    """
    chosen = given_or_default("plan", plan, CheckPlan)
    place = run_folder(folder, CHECK)
    loaded = given_data(data)
    report = CheckReport(evaluate(loaded, chosen, progress), chosen, software_versions(), loaded.notes)
    if place is not None:
        report.save(place)
    return report
