"""The results of a verification of transfer, as a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from empirical.fit.mixture_summary import MIXTURE, MixtureSummary, gaussian_lines
from empirical.studies.curve_table import TIMES, curve_columns, stored_curve
from empirical.studies.report import Columns, DrawnReport, reading
from empirical.studies.verify.plan import LARGEST_SEED
from empirical.studies.verify_transfer.figure import draw_transfer
from empirical.studies.verify_transfer.finding import SHORT_VERDICTS, TransferFinding
from empirical.studies.verify_transfer.plan import VerifyTransferPlan
from simulation.comparison.transfer import TransferReading, compare_transfer
from simulation.runs.json_reader import ListOf, MapOf, Maybe, Real, Record, Text, Whole, Word, read_json
from simulation.runs.run_kinds import VERIFY_TRANSFER
from simulation.runs.table_reader import read_table
from simulation.runs.text_table import text_table
from theory import Curve, Stopping, TransferVerdict, loss_named
from theory.curves.losses import LOSSES
from theory.validation import path_argument

_SCALE = Real(1e-30, 1e30)
_SHARE = Real(-1e-6, 1 + 1e-6)
_VERDICT = Record(
    {
        "stopping": Word(tuple(one.value for one in Stopping)),
        "time": Maybe(Real(0)),
        "start": _SHARE,
        "phase_two_end": _SHARE,
        "best": _SHARE,
        "final": _SHARE,
        "initial_slope": Real(),
        "turns": ListOf(Real(0), 0),
        "reasons": ListOf(Text(), 0),
    }
)
_CONTENT = Record(
    {
        "source": Text(),
        "samples": Whole(1),
        "configuration": Record(
            {
                "loss": Word(tuple(loss.name for loss in LOSSES)),
                "classes": Maybe(ListOf(Whole(0))),
                "components": Maybe(Whole(1)),
                "init_scale": _SCALE,
                "step_size": Maybe(_SCALE),
                "step_share": _SCALE,
                "steps": Whole(1),
                "replicas": Whole(1),
                "seed": Whole(0, LARGEST_SEED - 1),
                "tolerance": _SCALE,
                "step_tolerance": _SCALE,
                "resolution": _SCALE,
            },
            {"clones": Whole(0)},
        ),
        "step_size": _SCALE,
        "saturation": _SCALE,
        "mixture": Maybe(MIXTURE),
        "targets": ListOf(Record({"target": Text(), "verdict": _VERDICT})),
    },
    {"versions": MapOf(Text()), "notes": ListOf(Text(), 0)},
)
_KINDS = ("derived", "linearised", "trained")
_CLONES = "clones"
_VALUE = "missed"


@dataclass(frozen=True, eq=False)
class TransferVerification(DrawnReport):
    """Derived transfer curves, best steps and verdicts compared with those of trained layers.

    Attributes:
        source: name of what was trained on.
        samples: number of its inputs.
        plan: of the trainings.
        step_size: eta, as used.
        saturation: time at which the first mode saturates, which parts an early best step from a later one.
        mixture: several Gaussians per class of the mean field; None for one each.
        findings: one for each target.
        versions: of the software that computed them.
        data_notes: how the data were read.
    """

    kind = VERIFY_TRANSFER
    figure_name = "transfer.png"

    source: str
    samples: int
    plan: VerifyTransferPlan
    step_size: float
    saturation: float
    mixture: MixtureSummary | None
    findings: tuple[TransferFinding, ...]
    versions: dict[str, str]
    data_notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether curves, best steps and the verdicts of theorem T9 agree with training for every target."""
        return all(one.holds(self.plan) for one in self.findings)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on how the data were read."""
        return self.data_notes

    def lines(self) -> list[str]:
        """The table, how many targets agree, how samples differ, and the Gaussians of the mean field."""
        header = ("target", "trained", "best step", "T9", "mean field", "best step", "apart", "regret")
        count, plan = len(self.findings), self.plan
        right = sum(one.verdict_agrees for one in self.findings)
        near = sum(one.curve_holds(plan) for one in self.findings)
        best = sum(one.step_holds(plan) for one in self.findings)
        return [
            *text_table(header, [self._row(one) for one in self.findings]),
            f"theorem T9 gives the advice of training for {right} of {count} targets, the mean field for "
            f"{sum(one.comparison.agrees for one in self.findings)}",
            f"the mean field is within {plan.tolerance:g} of trained R_T at every step for {near} of {count}",
            f"its best step is within {plan.step_tolerance:.0%}, or costs at most {plan.resolution:g} of R_T, for "
            f"{best} of {count}",
            *self._clone_lines(),
            *gaussian_lines(self.mixture),
        ]

    def _clone_lines(self) -> list[str]:
        if not self.plan.clones:
            return []
        like = sum(one.is_like_its_clones is True for one in self.findings)
        return [
            f"where they are apart, over {self.plan.clones} samples of {self.samples:,} inputs from these Gaussians:",
            *text_table(("target", "apart", "deviation", "departure"), [_clone_row(one) for one in self.findings]),
            f"training is within 95 % of what samples of these Gaussians would show for {like} of {len(self.findings)}",
        ]

    def content(self) -> dict[str, Any]:
        """Configuration, versions, verdicts and readings as plain values."""
        return {
            "source": self.source,
            "samples": self.samples,
            "configuration": self.plan.content(),
            "step_size": self.step_size,
            "saturation": self.saturation,
            "mixture": None if self.mixture is None else self.mixture.as_values(),
            "versions": self.versions,
            "notes": list(self.data_notes),
            "holds": self.holds,
            "targets": [self._target_content(one) for one in self.findings],
        }

    def tables(self) -> dict[str, Columns]:
        """All curves in one long table: the share of a target that a probe misses, 1 - R_T."""
        curves = [
            ({"target": finding.target, "curve": kind}, curve)
            for finding in self.findings
            for kind, curve in _curves(finding).items()
        ]
        return {"curves.parquet": curve_columns(curves, self.step_size, _VALUE)}

    def draw(self, path: Path | str) -> None:
        """A panel per target: derived lines, trained markers, best steps and the verdict."""
        draw_transfer(self.findings, self.source, self.step_size, path_argument("path", path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``; readings and regret are taken from the curves anew."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        table = read_table(folder / "curves.parquet", ("target", "curve", *TIMES, _VALUE), "folder")
        configuration = dict(content["configuration"])
        classes = configuration["classes"]
        with reading(folder):
            plan = VerifyTransferPlan(
                **configuration
                | {
                    "loss": loss_named(configuration["loss"]),
                    "classes": None if classes is None else tuple(classes),
                }
            )
            saturation = float(content["saturation"])
            mixture = content["mixture"]
            return cls(
                content["source"],
                content["samples"],
                plan,
                content["step_size"],
                saturation,
                None if mixture is None else MixtureSummary.from_values(mixture),
                tuple(_finding(one, table, plan, saturation) for one in content["targets"]),
                content.get("versions", {}),
                tuple(content.get("notes", ())),
            )

    def _row(self, finding: TransferFinding) -> tuple[str, ...]:
        compared = finding.comparison
        return (
            finding.target,
            SHORT_VERDICTS[compared.found.stopping],
            f"{self._step(compared.found.time):,}",
            SHORT_VERDICTS[finding.verdict.stopping],
            SHORT_VERDICTS[compared.expected.stopping],
            f"{self._step(compared.expected.time):,}",
            f"{compared.deviation:.3f}",
            f"{compared.regret:.4f}",
        )

    def _target_content(self, one: TransferFinding) -> dict[str, Any]:
        return {
            "target": one.target,
            "verdict": asdict(one.verdict) | {"stopping": one.verdict.stopping.value},
            "derived": self._reading(one.comparison.expected),
            "trained": self._reading(one.comparison.found),
            "deviation": one.comparison.deviation,
            "deviation_step": self._step(one.comparison.deviation_time),
            "regret": one.comparison.regret,
            "sampling_deviation": one.sampling_deviation,
            "departure": one.departure,
            "like_its_clones": one.is_like_its_clones,
            "verdict_agrees": one.verdict_agrees,
            "curve_holds": one.curve_holds(self.plan),
            "step_holds": one.step_holds(self.plan),
        }

    def _reading(self, found: TransferReading) -> dict[str, Any]:
        return asdict(found) | {"stopping": found.stopping.value, "step": self._step(found.time)}

    def _step(self, time: float) -> int:
        return round(time / self.step_size)


def _curves(finding: TransferFinding) -> dict[str, Curve]:
    compared = finding.comparison
    curves = {"derived": compared.derived, "linearised": finding.linearised, "trained": compared.trained}
    return curves if finding.clones is None else curves | {_CLONES: finding.clones}


def _clone_row(one: TransferFinding) -> tuple[str, ...]:
    deviation, departure = one.sampling_deviation, one.departure
    return (
        one.target,
        f"{one.comparison.deviation:.3f}",
        "-" if deviation is None else f"{deviation:.3f}",
        "-" if departure is None else f"{departure:+.1f}",
    )


def _finding(stored: dict[str, Any], table: Columns, plan: VerifyTransferPlan, saturation: float) -> TransferFinding:
    name, verdict = stored["target"], dict(stored["verdict"])
    derived, linearised, trained = (stored_curve(table, {"target": name, "curve": kind}, _VALUE) for kind in _KINDS)
    known: dict[str, Sequence[Any]] = {entry: tuple(verdict[entry]) for entry in ("turns", "reasons")}
    return TransferFinding(
        name,
        TransferVerdict(**verdict | {"stopping": Stopping(verdict["stopping"])} | known),
        compare_transfer(derived, trained, saturation, plan.resolution),
        linearised,
        stored_curve(table, {"target": name, "curve": _CLONES}, _VALUE) if plan.clones else None,
    )
