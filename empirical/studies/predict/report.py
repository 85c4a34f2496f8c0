"""The report of ``phases predict``: prints, stores, draws and reads back the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.studies.assumption_costs import Derivation, Reason
from empirical.studies.predict.agreement import EARLY, Agreement
from empirical.studies.predict.figure import draw_predictions
from empirical.studies.predict.plan import FeaturePlan, PredictPlan
from empirical.studies.predict.prediction import FeaturePrediction, Features
from empirical.studies.report import Columns, DrawnReport, reading
from simulation.runs.json_reader import ListOf, MapOf, Maybe, Real, Record, Text, Whole, Word, read_json
from simulation.runs.run_kinds import PREDICT
from simulation.runs.table_reader import read_table
from simulation.runs.text_table import or_dash, text_table, wrapped
from theory import Curve, InputError
from theory.assumptions import Verdict
from theory.validation import path_argument

#: The trained curve in the table, next to the values of ``Derivation``.
_TRAINED = "trained"

#: What older folders, whose results do not name the network, are called in addition to its name.
_OLDER_PREFIX = "predict-"

_SCALE, _NUMBER = Real(1e-30, 1e30), Maybe(Real())
_SOURCE = Word(tuple(one.value for one in Derivation))
_PLAN = Record(
    {
        "init_scale": _SCALE,
        "step_share": _SCALE,
        "steps": Whole(1),
        "batch_size": Whole(1),
        "replicas": Whole(1),
        "seed": Whole(0, 2**63 - 1),
    },
    {
        "network": Text(),
        "checkpoints": ListOf(Text(5000), 0),
        "layers": ListOf(Text(), 0),
        "base_width": Maybe(Whole(1)),
        "pooled_features": Whole(1),
    },
)
_ROW = Record(
    {
        "features": Text(),
        "number": Whole(1),
        "rank": Whole(1),
        "step_size": _SCALE,
        "source": _SOURCE,
        "early": Real(),
        "late": Real(),
        "turning_ratio": _NUMBER,
    },
    {"layer": Text(), "checkpoint": Maybe(Text()), "extent": _NUMBER},
)
_REASON = Record(
    {
        "features": Text(),
        "assumption": Text(),
        "step": Real(0),
        "deviation": Real(),
        "share": _NUMBER,
        "turning_before": _NUMBER,
        "turning_after": _NUMBER,
    }
)
_FIT = Record({"features": Text(), "warnings": ListOf(Text(1000), 0), "no_parametric": Maybe(Text(1000))})
_CONTENT = Record(
    {"plan": _PLAN, "rows": ListOf(_ROW)},
    {
        "reasons": ListOf(_REASON, 0),
        "fits": ListOf(_FIT, 0),
        "versions": MapOf(Text()),
        "notes": ListOf(Text(1000), 0),
    },
)


@dataclass(frozen=True, eq=False)
class PredictReport(DrawnReport):
    """Derived against trained on the features of layers.

    Attributes:
        plan: layers, and how classifiers were trained.
        predictions: one per layer and state of the network.
        versions: of the software that computed them.
        notes: how the images were read.
    """

    kind = PREDICT
    figure_name = "predict.png"

    plan: PredictPlan
    predictions: tuple[FeaturePrediction, ...]
    versions: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether no set of features fails."""
        return not any(one.verdict is Verdict.FAILS for one in self.predictions)

    def lines(self) -> list[str]:
        """A table per set of features, then which assumption costs how much where it fails."""
        header = ("derivation", f"to {EARLY}", "all steps", "of range", "turning", "verdict")
        lines = ["largest difference of L / tr Sigma from training, and ratio of turning points"]
        for one in self.predictions:
            lines.append(f"{one.features.name}: {one.features.count} features, {one.features.rank} directions")
            lines += text_table(header, [_cells(agreement) for agreement in one.agreements])
            if one.no_parametric is not None:
                lines += wrapped(f"no parametric model: {one.no_parametric}")
            for reason in sorted(one.reasons, key=lambda reason: -abs(reason.deviation)):
                lines += wrapped(f"{one.features.name} fails: {reason.text}")
        return lines

    def content(self) -> dict[str, Any]:
        """Plan, a row per derived curve, what assumptions cost, what the fits warn of, and versions."""
        plan = {name: value for name, value in asdict(self.plan).items() if name != "training"}
        plan |= {"checkpoints": [str(file) for file in self.plan.checkpoints], "layers": list(self.plan.layers)}
        return {
            "plan": asdict(self.plan.training) | plan,
            "rows": [_row(one, agreement) for one in self.predictions for agreement in one.agreements],
            "reasons": [
                {"features": one.features.name} | asdict(reason) for one in self.predictions for reason in one.reasons
            ],
            "fits": [
                {
                    "features": one.features.name,
                    "warnings": list(one.warnings),
                    "no_parametric": one.no_parametric,
                }
                for one in self.predictions
            ],
            "versions": self.versions,
            "notes": list(self.notes),
        }

    def tables(self) -> dict[str, Columns]:
        """All mean curves in one long table."""
        columns: dict[str, list[Any]] = {name: [] for name in ("features", "curve", "step", "loss")}
        for one in self.predictions:
            for name, curve in _named_curves(one):
                count = curve.times.size
                columns["features"].append([one.features.name] * count)
                columns["curve"].append([name] * count)
                columns["step"].append(np.rint(curve.times / one.step_size))
                columns["loss"].append(curve.mean)
        return {"curves.parquet": {name: np.concatenate(parts) for name, parts in columns.items()}}

    def draw(self, path: Path | str) -> None:
        """Draw a panel per set of features: derived curves over trained markers."""
        draw_predictions(self.predictions, path_argument("path", path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``; curves are means over the draws of W(0)."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        columns = read_table(folder / "curves.parquet", ("features", "curve", "step", "loss"), "folder")
        names = dict.fromkeys(row["features"] for row in content["rows"])
        with reading(folder):
            predictions = tuple(_prediction(name, content, columns) for name in names)
            plan = _plan(content["plan"], folder.name)
        return cls(plan, predictions, content.get("versions", {}), tuple(content.get("notes", ())))


def _cells(agreement: Agreement) -> tuple[str, ...]:
    return (
        agreement.source.value,
        f"{agreement.early:.4f}",
        f"{agreement.late:.4f}",
        or_dash(agreement.range_share, ".1%"),
        or_dash(agreement.turning_ratio, ".3f"),
        agreement.verdict.value,
    )


def _row(one: FeaturePrediction, agreement: Agreement) -> dict[str, Any]:
    features = one.features
    return (
        {"features": features.name, "layer": features.layer, "checkpoint": features.checkpoint}
        | {"number": features.count, "rank": features.rank, "step_size": one.step_size}
        | asdict(agreement)
        | {"source": agreement.source.value, "range_share": agreement.range_share, "verdict": agreement.verdict.value}
    )


def _named_curves(one: FeaturePrediction) -> Iterator[tuple[str, Curve]]:
    """The trained curve and the derived ones, by their names in the table."""
    yield _TRAINED, one.trained
    for source, curve in one.derived.items():
        yield source.value, curve


def _plan(values: dict[str, Any], folder_name: str) -> PredictPlan:
    """The plan; older results name neither network nor layers, and the folder alone is called by the network."""
    return PredictPlan(
        values.get("network", folder_name.removeprefix(_OLDER_PREFIX)),
        tuple(Path(file) for file in values.get("checkpoints", ())),
        tuple(values.get("layers", ())),
        values.get("base_width"),
        values.get("pooled_features", 1024),
        FeaturePlan(**{one.name: values[one.name] for one in fields(FeaturePlan)}),
    )


def _prediction(name: str, content: dict[str, Any], columns: Mapping[str, np.ndarray[Any, Any]]) -> FeaturePrediction:
    """The prediction in a result for the features called ``name``; InputError for a missing or invalid curve."""
    rows = [row for row in content["rows"] if row["features"] == name]
    first = rows[0]
    curves = {}
    for kind in (_TRAINED, *(row["source"] for row in rows)):
        here = (columns["features"] == name) & (columns["curve"] == kind)
        if not here.any():
            raise InputError(f"curves.parquet lacks the curve of {kind}, {name}")
        curves[kind] = Curve(first["step_size"] * columns["step"][here].astype(np.float64), columns["loss"][here][None])
    reasons = [one for one in content.get("reasons", ()) if one["features"] == name]
    fits: list[dict[str, Any]] = content.get("fits", [])
    fit: dict[str, Any] = next((one for one in fits if one["features"] == name), {})
    return FeaturePrediction(
        Features(*_layer_and_checkpoint(first), first["number"], first["rank"]),
        first["step_size"],
        curves[_TRAINED],
        {Derivation(row["source"]): curves[row["source"]] for row in rows},
        tuple(_agreement(row) for row in rows),
        tuple(Reason(**{entry.name: one[entry.name] for entry in fields(Reason)}) for one in reasons),
        tuple(fit.get("warnings", ())),
        fit.get("no_parametric"),
    )


def _layer_and_checkpoint(row: dict[str, Any]) -> tuple[str, str | None]:
    """Layer and checkpoint of a set of features; older results hold them in its name alone."""
    if "layer" in row:
        return row["layer"], row.get("checkpoint")
    layer, _, state = row["features"].partition(", ")
    return layer, None if state == "untrained" else state


def _agreement(row: dict[str, Any]) -> Agreement:
    ratio, extent = (float("nan") if row.get(name) is None else row[name] for name in ("turning_ratio", "extent"))
    return Agreement(Derivation(row["source"]), row["early"], row["late"], ratio, extent)
