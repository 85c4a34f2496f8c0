"""The report of ``phases fit``: estimates, assumptions and predicted boundaries, stored, drawn and read back.

What is not resolved is not claimed: whether A3 holds, and with it which phases a predicted curve has, is decided by the
interval of R2 / R0.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from empirical.fit.mixture_summary import MIXTURE, MixtureSummary
from empirical.studies.boundary_prediction import Level, Prediction, Source, Training
from empirical.studies.check.outcome import CHECK_CONTENT, Check
from empirical.studies.fit.alignment import Alignment
from empirical.studies.fit.figure import draw_fit
from empirical.studies.fit.plan import Fitted
from empirical.studies.fit.predicting import Predictions
from empirical.studies.fit.summary import RANK_COLUMNS, SUMMARY, FitSummary, RankedVariances
from empirical.studies.fit.text import fit_lines
from empirical.studies.report import Columns, DrawnReport, reading
from simulation.runs.json_reader import ListOf, MapOf, Maybe, Real, Record, Text, Whole, Word, read_json
from simulation.runs.run_kinds import FIT
from simulation.runs.table_reader import read_table
from theory import Curve, InputError, loss_named
from theory.curves.boundaries import RESOLUTION
from theory.curves.losses import LOSSES
from theory.validation import path_argument

#: Words for the state of a network in names of older folders, with the checkpoint that they mean.
_STATES = {"untrained": None, "trained": "trained"}

_TABLE = "spectrum.parquet"
_SCALE = Real(1e-30, 1e30)
_SOURCES, _LEVELS = (Word(tuple(one.value for one in kind)) for kind in (Source, Level))
_CONTENT = Record(
    {
        "name": Text(),
        **SUMMARY.entries,
        "check": CHECK_CONTENT,
        "training": Record(
            {
                "loss": Word(tuple(one.name for one in LOSSES)),
                "step_size": _SCALE,
                "init_scale": _SCALE,
                "steps": Whole(1),
                "replicas": Whole(1),
                "seed": Whole(0, 2**63 - 1),
            }
        ),
        "predictions": ListOf(
            Record({"source": _SOURCES, "level": _LEVELS, "steps": ListOf(Whole(), 2), "losses": ListOf(Real(), 2)}), 0
        ),
    },
    {
        **SUMMARY.optional,
        "fitted": Record(dict.fromkeys(("data", "network", "layer", "checkpoint"), Maybe(Text()))),
        "predictions_missing": MapOf(Text(1000)),
        "mixture": Maybe(MIXTURE),
        "versions": MapOf(Text()),
        "notes": ListOf(Text(1000), 0),
    },
)


@dataclass(frozen=True, eq=False)
class FitReport(DrawnReport):
    """The results of a fit of a data set or of a layer's activations.

    Attributes:
        fitted: what was fitted.
        summary: the estimates.
        check: A1 to A8 on the same data.
        training: how the layer of the predictions is trained.
        predictions: boundaries from the full moments and from the parametric model.
        versions: of the software that computed them.
        notes: how the data were read.
        mixture: several Gaussians per class; None in results of versions that fitted none.
    """

    kind = FIT
    figure_name = "fit.png"

    fitted: Fitted
    summary: FitSummary
    check: Check
    training: Training
    predictions: Predictions
    versions: dict[str, str]
    notes: tuple[str, ...] = ()
    mixture: MixtureSummary | None = None

    @property
    def alignment(self) -> Alignment:
        """The verdict of the fit on A3."""
        return Alignment.from_fit(self.summary)

    def lines(self) -> list[str]:
        """Estimates, rivals, assumptions, predicted boundaries, warnings, and Gaussians by class."""
        lines = fit_lines(self.fitted, self.summary, self.check, self.training, self.predictions)
        return lines if self.mixture is None else lines + self.mixture.lines()

    def content(self) -> dict[str, Any]:
        """All but the variances by rank; what does not exist is None; see ``simulation.runs.json_numbers``."""
        training, distance = self.training, self.predictions.distance
        return {
            "name": self.fitted.title,
            "fitted": asdict(self.fitted),
            **self.summary.as_values(),
            "check": self.check.content(),
            "alignment_verdict": self.alignment.value,
            "training": vars(training) | {"loss": training.loss.name},
            "predictions": [self._prediction_values(one) for one in self.predictions.found],
            "predictions_missing": {source.value: reason for source, reason in self.predictions.gaps.items()},
            "parametric_distance": None if distance is None else asdict(distance) | {"resolution": RESOLUTION},
            "mixture": None if self.mixture is None else self.mixture.as_values(),
            "versions": self.versions,
            "notes": list(self.notes),
        }

    def _prediction_values(self, one: Prediction) -> dict[str, Any]:
        step_size = self.training.step_size
        times = zip(("fraction_point", "turning_point", "return"), self.alignment.boundary_times(one), strict=True)
        return {
            "source": one.source.value,
            "level": one.level.value,
            "regime": self.alignment.regime_name(one),
            **{name: None if time is None else time / step_size for name, time in times},
            "steps": np.rint(one.curve.times / step_size).astype(int).tolist(),
            "losses": one.curve.mean.tolist(),
        }

    def tables(self) -> dict[str, Columns]:
        """Variance and signal rank by rank: what the figure shows."""
        return {} if self.summary.ranks is None else {_TABLE: self.summary.ranks.columns()}

    def draw(self, path: Path | str) -> None:
        """Draw spectrum and signal on logarithmic axes with their power laws.

        Raises:
            InputError: the report was read from a folder without the table of ranks.
        """
        if self.summary.ranks is None:
            raise InputError(f"ranks: are not known, as {_TABLE} was missing; fit again to draw them")
        draw_fit(self.summary, self.summary.ranks, self.fitted.title, path_argument("path", path))

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``; boundaries are read off the curves that are kept, and ranks may be missing."""
        content = read_json(folder / "result.json", _CONTENT, "folder")
        table = folder / _TABLE
        # Folders of older versions may hold the result alone.
        columns = read_table(table, RANK_COLUMNS, "folder") if table.exists() else None
        with reading(folder):
            training = Training(**content["training"] | {"loss": loss_named(content["training"]["loss"])})
            return cls(
                _fitted(content, folder.name),
                FitSummary.from_values(content, None if columns is None else RankedVariances.from_columns(columns)),
                Check.from_content(content["check"]),
                training,
                Predictions(
                    tuple(_prediction(one, training.step_size) for one in content["predictions"]),
                    {Source(name): reason for name, reason in content.get("predictions_missing", {}).items()},
                ),
                content.get("versions", {}),
                tuple(content.get("notes", ())),
                _mixture(content.get("mixture")),
            )


def _prediction(values: dict[str, Any], step_size: float) -> Prediction:
    times = np.asarray(step_size * np.asarray(values["steps"]))
    curve = Curve(times, np.asarray(values["losses"], dtype=np.float64)[None])
    return Prediction.from_curve(Source(values["source"]), Level(values["level"]), curve)


def _mixture(values: dict[str, Any] | None) -> MixtureSummary | None:
    return None if values is None else MixtureSummary.from_values(values)


def _fitted(content: dict[str, Any], folder_name: str) -> Fitted:
    """The data or layer of a fit; older results name a layer by their folder, NETWORK-STATE-LAYER."""
    if "fitted" in content:
        return Fitted(**content["fitted"])
    parts = folder_name.split("-", 2)
    if len(parts) == 3 and parts[1] in _STATES:
        return Fitted(None, parts[0], content["name"], _STATES[parts[1]])
    return Fitted(content["name"])
