"""The results of a verification, as a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.fit.mixture_summary import MIXTURE, MixtureSummary, gaussian_lines
from empirical.studies.report import Columns, DrawnReport, reading
from empirical.studies.verify.figure import draw_verification
from empirical.studies.verify.finding import CLAIM_ROW, REASON_ROW, Finding, Source, claim_of, reason_of
from empirical.studies.verify.plan import LARGEST_SEED, VerifyPlan
from empirical.studies.verify.table import finding_lines, summary_lines
from simulation import Claim, Comparison, Tolerances
from simulation.comparison.statistics import EqualityTest, equality_test
from simulation.runs.json_reader import ListOf, MapOf, Maybe, Real, Record, Text, Whole, Word, read_json
from simulation.runs.run_kinds import VERIFY
from simulation.runs.table_reader import read_table
from theory import Curve, DataModel, InputError, Verdict, loss_named
from theory.curves.losses import LOSSES
from theory.validation import FloatArray, path_argument

_SCALE = Real(1e-30, 1e30)
_CONTENT = Record(
    {
        "data": Text(),
        "inputs": Whole(1),
        "model": Record(
            {
                "dimension": Whole(1),
                "classes": Whole(2),
                "total_variance": _SCALE,
                "largest_eigenvalue": _SCALE,
                "smallest_eigenvalue": _SCALE,
            }
        ),
        "configuration": Record(
            {
                "loss": Word(tuple(loss.name for loss in LOSSES)),
                "init_scales": ListOf(_SCALE),
                "step_size": _SCALE,
                "step_share": _SCALE,
                "steps": Whole(1),
                "batch_size": Maybe(Whole(1)),
                "replicas": Whole(1),
                "seed": Whole(0, LARGEST_SEED - 1),
                "tolerances": Record(
                    {
                        "early_curve": _SCALE,
                        "late_curve": _SCALE,
                        "early_steps": Whole(),
                        "linearised_curve": _SCALE,
                        "linearised_steps": Whole(),
                        "boundary": _SCALE,
                    }
                ),
            },
            {"components": Maybe(Whole(1))},
        ),
        "claims": ListOf(CLAIM_ROW),
    },
    {
        "versions": MapOf(Text()),
        "reasons": ListOf(REASON_ROW, 0),
        "notes": ListOf(Text(), 0),
        "mixture": Maybe(MIXTURE),
    },
)
_CURVES = ("derived", "linearised", "trained")
_COLUMNS = ("source", "init_scale", "curve", "replica", "step", "time", "loss")


@dataclass(frozen=True)
class ModelSummary:
    """Size and range of the data model of the inputs.

    Attributes:
        dimension: directions in which the inputs vary.
        classes: number of classes.
        total_variance: tr Sigma.
        largest_eigenvalue: of Sigma.
        smallest_eigenvalue: of Sigma.
    """

    dimension: int
    classes: int
    total_variance: float
    largest_eigenvalue: float
    smallest_eigenvalue: float

    @classmethod
    def from_model(cls, model: DataModel) -> ModelSummary:
        """Of a data model."""
        values = model.eigenvalues
        return cls(model.dimension, model.classes, model.total_variance, float(values[0]), float(values[-1]))


@dataclass(frozen=True, eq=False)
class VerifyReport(DrawnReport):
    """Derived curves and boundaries compared with those of trained networks.

    Attributes:
        data: name of the data set.
        count: number of inputs.
        plan: what was trained, and the tolerances.
        step_size: eta, as used.
        model: size and range of the data model of the inputs.
        findings: one per source and initial scale.
        versions: of the software that computed them.
        data_notes: how the data were read.
        mixture: several Gaussians per class of the mean field of the inputs; None for one, or a common covariance.
    """

    kind = VERIFY
    figure_name = "phases.png"

    data: str
    count: int
    plan: VerifyPlan
    step_size: float
    model: ModelSummary
    findings: tuple[Finding, ...]
    versions: dict[str, str]
    data_notes: tuple[str, ...] = ()
    mixture: MixtureSummary | None = None

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claims of all findings."""
        return tuple(claim for finding in self.findings for claim in finding.comparison.claims)

    @property
    def holds(self) -> bool:
        """Whether no claim fails; one that is not resolved is not a failure."""
        return all(claim.verdict is not Verdict.FAILS for claim in self.claims)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on how the data were read."""
        return self.data_notes

    def boundary_equality(self, level: float = 0.05) -> EqualityTest | None:
        """Test derived = measured for all boundaries at once.

        A claim asks whether they agree within its tolerance; this asks whether they differ at all, beyond what the
        draws of W(0) explain, with the stated chance of naming any that does not. None where nothing can be tested:
        boundaries without a standard error are not.

        Args:
            level: family-wise error rate.
        """
        tested = [claim for claim in self.claims if claim.kind.is_boundary and 0 < claim.standard_error < np.inf]
        if not tested:
            return None
        return equality_test(
            [claim.derived_value for claim in tested],
            [claim.measured_value for claim in tested],
            [claim.standard_error for claim in tested],
            self.plan.replicas,
            level,
        )

    def lines(self) -> list[str]:
        """A block per source and initial scale, then the numbers of verdicts and of the Gaussians."""
        blocks = [line for finding in self.findings for line in [*finding_lines(finding), ""]]
        gaussians = [] if self.plan.components is None else gaussian_lines(self.mixture)
        return [*blocks, *summary_lines(self.claims, self.boundary_equality()), *gaussians]

    def content(self) -> dict[str, Any]:
        """Configuration, versions, data model, claims, and the reasons of those that fail."""
        equality = self.boundary_equality()
        return {
            "data": self.data,
            "inputs": self.count,
            "configuration": self.plan.content() | {"step_size": self.step_size},
            "versions": self.versions,
            "notes": list(self.data_notes),
            "model": vars(self.model),
            "mixture": None if self.mixture is None else self.mixture.as_values(),
            "nothing_fails": self.holds,
            "boundaries_tested": 0 if equality is None else int(equality.rejected.size),
            "boundaries_that_differ": 0 if equality is None else int(equality.rejected.sum()),
            "claims": [row for finding in self.findings for row in finding.claim_rows()],
            "draws": [finding.draw_row() for finding in self.findings],
            "reasons": [row for finding in self.findings for row in finding.reason_rows()],
        }

    def tables(self) -> dict[str, Columns]:
        """All curves in one long table."""
        columns: dict[str, list[FloatArray | list[Any]]] = {name: [] for name in _COLUMNS}
        for finding in self.findings:
            for kind in ("trained", "derived", "linearised"):
                curve: Curve = getattr(finding.comparison, kind)
                replicas, times = curve.losses.shape
                size = replicas * times
                columns["source"].append([finding.source.value] * size)
                columns["init_scale"].append(np.full(size, finding.init_scale))
                columns["curve"].append([kind] * size)
                columns["replica"].append(np.repeat(np.arange(replicas), times))
                columns["step"].append(np.tile(np.rint(curve.times / self.step_size).astype(np.int64), replicas))
                columns["time"].append(np.tile(curve.times, replicas))
                columns["loss"].append(curve.losses.reshape(-1))
        return {"curves.parquet": {name: np.concatenate(parts) for name, parts in columns.items()}}

    def draw(self, path: Path | str) -> None:
        """A panel per source and initial scale."""
        draw_verification(self.findings, self.data, self.step_size, path_argument("path", path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``; claims are those of result.json, curves those of curves.parquet."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        curves = read_table(folder / "curves.parquet", _COLUMNS, "folder")
        configuration = dict(content["configuration"])
        with reading(folder):
            plan = VerifyPlan(
                **configuration
                | {
                    "loss": loss_named(configuration["loss"]),
                    "init_scales": tuple(configuration["init_scales"]),
                    "tolerances": Tolerances(**configuration["tolerances"]),
                }
            )
            return cls(
                content["data"],
                content["inputs"],
                plan,
                configuration["step_size"],
                ModelSummary(**content["model"]),
                _findings(content, curves),
                content.get("versions", {}),
                tuple(content.get("notes", ())),
                None if content.get("mixture") is None else MixtureSummary.from_values(content["mixture"]),
            )


def _findings(content: dict[str, Any], curves: Columns) -> tuple[Finding, ...]:
    """The findings in the order of the rows of claims."""
    places = dict.fromkeys((row["source"], row["init_scale"]) for row in content["claims"])

    def of_place(rows: list[dict[str, Any]], source: str, scale: float) -> list[dict[str, Any]]:
        return [row for row in rows if (row["source"], row["init_scale"]) == (source, scale)]

    found = []
    for source, scale in places:
        here = (curves["source"] == source) & (curves["init_scale"] == scale)
        derived, linearised, trained = (_curve(curves, here & (curves["curve"] == kind)) for kind in _CURVES)
        claims = tuple(claim_of(row) for row in of_place(content["claims"], source, scale))
        reasons = tuple(reason_of(row) for row in of_place(content.get("reasons", []), source, scale))
        comparison = Comparison(derived, linearised, trained, claims)
        found.append(Finding(Source(source), float(scale), comparison, reasons))
    return tuple(found)


def _curve(columns: Columns, here: FloatArray) -> Curve:
    if not here.any():
        raise InputError("curves.parquet: has no curve for a claim; give the folder of a finished run")
    replica, time, loss = (columns[name][here] for name in ("replica", "time", "loss"))
    return Curve(time[replica == replica[0]], np.stack([loss[replica == one] for one in np.unique(replica)]))
