"""Single-layer classifiers on frozen activations, derived and trained: results of ``phases predict``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from empirical.networks.networks import network_title
from empirical.studies.assumption_costs import Derivation
from empirical.studies.predict.agreement import EARLY, EARLY_TOLERANCE, LATE_TOLERANCE, TURNING_TOLERANCE
from empirical.studies.predict.figure import draw_prediction
from empirical.studies.predict.prediction import FeaturePrediction, Features
from empirical.studies.predict.report import PredictReport
from paper.latex_text import latex_text
from paper.macros import count, fixed, percent, plain
from paper.panels import finish_panels
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table
from simulation.figures.figure_text import figure_text

RESULTS = "predict-*"


def _reports(folders: ResultFolders) -> list[PredictReport]:
    return [PredictReport.read(folders.folder(name)) for name in folders.names(RESULTS)]


def numbers(folders: ResultFolders) -> dict[str, str]:
    """Number of sets of features within the tolerances, and the largest deviations of the mean field."""
    reports = _reports(folders)
    sets = [one for report in reports for one in report.predictions]
    plan = reports[0].plan
    return {
        "PredictNetwork": latex_text(network_title(plan.network)),
        "PredictSets": count(len(sets)),
        "PredictHold": count(sum(one.holds for one in sets)),
        "PredictEarly": fixed(max(one.agreement(Derivation.COMMON).early for one in sets), 3),
        "PredictLate": fixed(max(_late(one, Derivation.COMMON) for one in sets), 3),
        "PredictClassBetter": count(
            sum(_late(one, Derivation.CLASSES) < _late(one, Derivation.COMMON) for one in sets)
        ),
        "PredictParametric": fixed(
            max((late for one in sets if np.isfinite(late := _late(one, Derivation.PARAMETRIC))), default=np.nan), 2
        ),
        "PredictEarlyStep": count(EARLY),
        "PredictEarlyTolerance": plain(EARLY_TOLERANCE),
        "PredictLateTolerance": plain(LATE_TOLERANCE),
        "PredictTurningTolerance": percent(TURNING_TOLERANCE, 0),
        "PredictSteps": count(plan.training.steps),
        "PredictDraws": count(plan.training.replicas),
        "PredictScale": plain(plan.training.init_scale),
    }


def _late(one: FeaturePrediction, source: Derivation) -> float:
    """Deviation over all steps; NaN where the derivation is missing."""
    return one.agreement(source).late if source in one.derived else np.nan


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row for each network and set of features: deviation and turning ratio of the four derivations."""
    rows = [
        [latex_text(network_title(report.plan.network)), latex_text(_title(one.features)), *_cells(one)]
        for report in _reports(folders)
        for one in report.predictions
    ]
    header = ["network", "features", "linearised", "mean field", "by class", "parametric", "turning ratio"]
    return {"predictions.tex": table("llrrrrr", header, rows)}


def _cells(one: FeaturePrediction) -> list[str]:
    return [
        *(fixed(_late(one, source), 3) for source in Derivation),
        fixed(one.agreement(Derivation.COMMON).turning_ratio, 2),
    ]


def _title(features: Features) -> str:
    """The name of a set of features for readers: the layer, and whether the network was trained."""
    return f"{features.layer}, {'untrained' if features.checkpoint is None else 'trained'}"


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """The curves of the first network."""
    return {"predictions.pdf": lambda path: draw(_reports(folders)[0], path)}


def draw(report: PredictReport, path: Path) -> None:
    """A panel per set of features: a row per state of the network, a column per layer."""
    found = report.predictions
    columns = max(1, sum(one.features.checkpoint is None for one in found))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(6.9, 2.3 * rows + 0.7), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False)
    for axes, one in zip(panels.flat, found, strict=False):
        draw_prediction(axes, one)
        axes.set_title(figure_text(_title(one.features)), fontsize=9)
        axes.tick_params(labelsize=7.5)
    finish_panels(figure, panels, len(found), legend_columns=3)
    figure.savefig(path)


PART = Part("predictions", (RESULTS,), numbers, tables, figures)
