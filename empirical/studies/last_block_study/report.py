"""What theory of the last layers explains of a deep training, as a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.networks.networks import network_title
from empirical.studies.last_block_study.agreement import ACCEPTED_FACTOR, BOUNDARIES, Agreement, agreements, boundary_of
from empirical.studies.last_block_study.figure import draw_study
from empirical.studies.last_block_study.plan import LastBlockPlan, Setting
from empirical.studies.last_block_study.runs import APART, TWO_DERIVED, BlockRun, Level
from empirical.studies.report import DrawnReport, reading, with_tuples
from simulation.runs.json_reader import ListOf, MapOf, Real, Record, Text, Whole, read_json
from simulation.runs.run_kinds import LAST_BLOCK
from simulation.runs.text_table import or_dash, text_table
from theory.validation import path_argument

#: Largest accepted difference of the derived curve of two layers from a measured one, in shares of the variance.
ACCEPTED_DISTANCE = 0.03
#: Up to this step.
DISTANCE_STEPS = 1024

#: Names of the two series.
BY_STEP_SIZE, BY_SCALE = "step size", "classifier's scale"

#: Levels in narrow columns.
_SHORT = {Level.END_TO_END: "all", Level.TWO_TRAINED: "two", Level.TWO_DERIVED: "2 der.", Level.ONE_DERIVED: "1 der."}

#: What derived curves are compared with.
_TRAINED = (Level.TWO_ON_GAUSSIANS, Level.TWO_TRAINED, Level.STAGE_TRAINED, Level.END_TO_END)

_RUN = Record(
    {
        "network": Text(),
        "step_size": Real(0),
        "scale": Real(0),
        "steps": ListOf(Whole(), 2),
        "curves": MapOf(ListOf(Real(), 2)),
    }
)
_PLAN = Record(
    {
        "step_sizes": ListOf(Real(0)),
        "scales": ListOf(Real(0)),
        "step_size": Real(0),
        "steps": Whole(1),
        "batch_size": Whole(2),
        "widths": ListOf(Whole(1), 2),
        "images": Whole(1),
        "networks": ListOf(Text()),
        "seed": Whole(0, 2**63 - 1),
    },
    {"parts": Whole(2)},
)
_CONTENT = Record(
    {"plan": _PLAN, "data": Text(), "runs": ListOf(_RUN)},
    {"versions": MapOf(Text()), "notes": ListOf(Text(1000), 0)},
)


@dataclass(frozen=True, eq=False)
class LastBlockReport(DrawnReport):
    """Measured and derived curves of the last layers of every training.

    Attributes:
        plan: of the trainings.
        data: name of the images.
        runs: one for each of the plan's settings, in their order.
        versions: of the software that trained and derived.
        notes: how the images were read.
    """

    kind = LAST_BLOCK
    figure_name = "last-block.png"

    plan: LastBlockPlan
    data: str
    runs: tuple[BlockRun, ...]
    versions: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def of(self, settings: Sequence[Setting]) -> list[BlockRun]:
        """The runs of some settings."""
        known = {run.setting: run for run in self.runs}
        return [known[one] for one in settings]

    @property
    def shared(self) -> BlockRun:
        """The training of VGG-8 that both series have."""
        return self.of([self.plan.shared])[0]

    @property
    def agreements(self) -> list[Agreement]:
        """Both boundaries over both series, by each theory of each training that it is compared with."""
        names = (BY_STEP_SIZE, BY_SCALE)
        return [one for name, runs in zip(names, self.series, strict=True) for one in agreements(name, runs)]

    def distance(self, network: str, level: Level, derived: Level = Level.TWO_DERIVED) -> float:
        """Largest difference of a derived curve of two layers from a measured one, in a network's shared training."""
        return self.of_network(network).distance(derived, level, DISTANCE_STEPS)

    def of_network(self, network: str) -> BlockRun:
        """A network's training with the step size and scale that both series share."""
        return self.of(self.plan.of_each_network)[self.plan.networks.index(network)]

    @property
    def holds(self) -> bool:
        """Whether two derived layers give both boundaries of both series, and the curves of two layers trained."""
        own = [one.holds for one in self.agreements if one.theory is Level.TWO_DERIVED]
        apart = [self.distance(network, Level.TWO_TRAINED) for network in self.plan.networks]
        return all(own) and all(one <= ACCEPTED_DISTANCE for one in apart)

    def lines(self) -> list[str]:
        """Boundaries of every training, agreement by series, then the curves of the shared training by level."""
        return [
            *self._boundary_lines(),
            "",
            *self._agreement_lines(),
            "",
            *self._level_lines(),
            "",
            *self._share_lines(),
            "",
            *self._distance_lines(),
        ]

    def _boundary_lines(self) -> list[str]:
        order = (Level.END_TO_END, Level.TWO_TRAINED, Level.TWO_DERIVED, Level.ONE_DERIVED)
        rows = [
            (
                network_title(run.setting.training.network),
                f"{run.setting.training.step_size:g}",
                f"{run.setting.scale:g}",
                *(or_dash(boundary_of(run, level, boundary), ".0f") for boundary in BOUNDARIES for level in order),
            )
            for run in self.runs
        ]
        short = [_SHORT[level] for level in order]
        return [
            *text_table(("network", "eta", "scale", *short, *short), rows),
            "half of the fall, then the turning point, in steps: all layers trained, the last",
            "two trained, two derived, one derived. Without a turning point, half is that of",
            "the fall up to the last step",
        ]

    def _agreement_lines(self) -> list[str]:
        header = ("series", "derived", "of", "boundary", "order", "factor", "rest", "")
        rows = [
            (
                one.series,
                _SHORT[one.theory],
                _SHORT[one.training],
                one.boundary,
                "yes" if one.in_order else "no" if one.complete else "-",
                or_dash(one.factor, ".2f"),
                or_dash(one.factor_after_constant, ".2f"),
                "holds" if one.holds else "fails",
            )
            for one in self.agreements
        ]
        return [
            *text_table(header, rows),
            "order: whether both sort the series alike, - where a curve has not turned;",
            f"factor: the largest, accepted up to {ACCEPTED_FACTOR:g}; rest: with the best constant divided out",
        ]

    def _level_lines(self) -> list[str]:
        header = ("network", "layers", "half fall", "turns at", "fall", "drift")
        rows = [
            (
                network_title(run.setting.training.network),
                level.value,
                or_dash(run.half_fall(level), ".0f"),
                or_dash(run.turning_point(level), ".0f"),
                f"{run.fall(level):.3f}",
                or_dash(run.drift, ".0f") if level is Level.END_TO_END else "",
            )
            for run in self.of(self.plan.of_each_network)
            for level in (*TWO_DERIVED, *_TRAINED)
            if level in run.curves
        ]
        return [
            *text_table(header, rows),
            f"drift: first step at which training the layers below moves the loss by {APART:g}",
        ]

    def _share_lines(self) -> list[str]:
        """Shares of the fall end to end, at every fourth measured step: powers of four."""
        found = []
        for run in self.of(self.plan.of_each_network):
            for level in (*TWO_DERIVED, Level.TWO_TRAINED, Level.STAGE_TRAINED):
                if level in run.curves:
                    found.append((network_title(run.setting.training.network), level, run.share(level)))
        steps = self.plan.shared.steps
        shown = [index for index, step in enumerate(steps) if step in 4 ** np.arange(16)]
        rows = [(name, level.value, *(or_dash(own[index], ".2f") for index in shown)) for name, level, own in found]
        return text_table(("share of the fall", "at step", *(f"{steps[index]:,}" for index in shown)), rows)

    def _distance_lines(self) -> list[str]:
        rows = [
            (
                network_title(name) + (", in parts" if derived is Level.PARTS_DERIVED else ""),
                *(or_dash(self.distance(name, level, derived), ".3f") for level in _TRAINED),
            )
            for name in self.plan.networks
            for derived in TWO_DERIVED
            if derived in self.of_network(name).curves
        ]
        return [
            *text_table(("two derived, off by", *(level.value for level in _TRAINED)), rows),
            f"largest difference up to step {DISTANCE_STEPS:,}, accepted of two layers trained: {ACCEPTED_DISTANCE:g}",
        ]

    def content(self) -> dict[str, Any]:
        """The plan, all curves, agreement by series, and the levels of the shared training."""
        return {
            "plan": asdict(self.plan),
            "data": self.data,
            "runs": [_stored(run) for run in self.runs],
            "series": [
                {
                    "series": one.series,
                    "theory": one.theory.name.lower(),
                    "training": one.training.name.lower(),
                    "boundary": one.boundary,
                    "derived": list(one.derived),
                    "measured": list(one.measured),
                    "in_order": one.in_order,
                    "factor": one.factor,
                    "factor_after_constant": one.factor_after_constant,
                    "holds": one.holds,
                }
                for one in self.agreements
            ],
            "distances": {
                name: {level.name.lower(): self.distance(name, level) for level in _TRAINED}
                for name in self.plan.networks
            },
            "distances_of_parts": {
                name: {level.name.lower(): self.distance(name, level, Level.PARTS_DERIVED) for level in _TRAINED}
                for name in self.plan.networks
            },
            "versions": self.versions,
            "notes": list(self.notes),
        }

    def draw(self, path: Path | str) -> None:
        """Draw the training of each network that both series share, and both boundaries over both series."""
        draw_study(self.of(self.plan.of_each_network), *self.series, path_argument("path", path))

    @property
    def series(self) -> tuple[list[BlockRun], list[BlockRun]]:
        """The runs over step sizes and over scales."""
        return self.of(self.plan.by_step_size), self.of(self.plan.by_scale)

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        with reading(folder):
            stored = with_tuples(content["plan"])
            plan = LastBlockPlan(**stored)
            runs = tuple(
                BlockRun(setting, {Level[name.upper()]: np.array(own) for name, own in one["curves"].items()})
                for setting, one in zip(plan.settings, content["runs"], strict=True)
            )
            return cls(plan, content["data"], runs, content.get("versions", {}), tuple(content.get("notes", ())))


def _stored(run: BlockRun) -> dict[str, Any]:
    return {
        "network": run.setting.training.network,
        "step_size": run.setting.training.step_size,
        "scale": run.setting.scale,
        "steps": run.setting.longer_steps.tolist(),
        "curves": {level.name.lower(): losses.tolist() for level, losses in run.curves.items()},
        "boundaries": {
            level.name.lower(): {"half_fall": run.half_fall(level), "turning_point": run.turning_point(level)}
            for level in run.curves
        },
        "drift": run.drift,
    }
