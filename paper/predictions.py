"""Single-layer classifiers on frozen activations, derived and trained: results of ``phases predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from empirical.studies.predict import (
    CLASSES,
    COMMON,
    EARLY,
    EARLY_TOLERANCE,
    LATE_TOLERANCE,
    LINEARISED,
    PARAMETRIC,
    TURNING_TOLERANCE,
    Agreement,
    FeaturePrediction,
)
from empirical.studies.predict_figure import draw_prediction
from paper.latex_text import latex_text
from paper.macros import count, fixed, percent, plain
from paper.panels import finish_panels
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table
from simulation.figures.figure_text import figure_text
from theory import Curve

RESULTS = "predict-*"


def numbers(folders: ResultFolders) -> dict[str, str]:
    """How many sets of features keep to the tolerances, and the largest deviations of the mean field."""
    names = folders.names(RESULTS)
    sets = [own for name in names for own in _by_features(folders, name).values()]
    plan = folders.content(names[0])["plan"]
    common = [own[COMMON] for own in sets]
    return {
        "PredictNetwork": latex_text(names[0].removeprefix("predict-")),
        "PredictSets": count(len(sets)),
        "PredictHold": count(
            sum(any(one.holds for source, one in own.items() if source != PARAMETRIC) for own in sets)
        ),
        "PredictEarly": fixed(max(one.early for one in common), 3),
        "PredictLate": fixed(max(one.late for one in common), 3),
        "PredictClassBetter": count(sum(own[CLASSES].late < own[COMMON].late for own in sets)),
        "PredictParametric": fixed(max((own[PARAMETRIC].late for own in sets if PARAMETRIC in own), default=np.nan), 2),
        "PredictEarlyStep": count(EARLY),
        "PredictEarlyTolerance": plain(EARLY_TOLERANCE),
        "PredictLateTolerance": plain(LATE_TOLERANCE),
        "PredictTurningTolerance": percent(TURNING_TOLERANCE, 0),
        "PredictSteps": count(plan["steps"]),
        "PredictDraws": count(plan["replicas"]),
        "PredictScale": plain(plan["init_scale"]),
    }


def _by_features(folders: ResultFolders, result: str) -> dict[str, dict[str, Agreement]]:
    """For each set of features, the agreement of each derived curve."""
    found: dict[str, dict[str, Agreement]] = {}
    for row in folders.content(result)["rows"]:
        ratio = float("nan") if row["turning_ratio"] is None else row["turning_ratio"]
        agreement = Agreement(row["source"], row["early"], row["late"], ratio)
        found.setdefault(row["features"], {})[row["source"]] = agreement
    return found


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row for each network and set of features: deviation and turning ratio of the four derivations."""
    rows = [
        [latex_text(result.removeprefix("predict-")), latex_text(_state(name)), *_cells(own)]
        for result in folders.names(RESULTS)
        for name, own in _by_features(folders, result).items()
    ]
    header = ["network", "features", "linearised", "mean field", "by class", "parametric", "turning ratio"]
    return {"predictions.tex": table("llrrrrr", header, rows)}


def _cells(own: dict[str, Agreement]) -> list[str]:
    late = [
        fixed(own[source].late, 3) if source in own else "--" for source in (LINEARISED, COMMON, CLASSES, PARAMETRIC)
    ]
    return [*late, fixed(own[COMMON].turning_ratio, 2)]


def _state(name: str) -> str:
    """A set of features as readers know it: the layer, and whether the network was trained."""
    layer, _, state = name.partition(", ")
    return f"{layer}, {'untrained' if state == 'untrained' else 'trained'}"


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """The curves of the first network."""
    return {"predictions.pdf": lambda path: draw(folders, folders.names(RESULTS)[0], path)}


def predictions(folders: ResultFolders, result: str) -> list[FeaturePrediction]:
    """The predictions of a result, made again from the curves that it keeps; curves are means over W(0)."""
    columns = folders.table(result, "curves.parquet")
    rows: dict[str, dict[str, Any]] = {row["features"]: row for row in folders.content(result)["rows"]}
    found = []
    for name, row in rows.items():
        curves = {}
        for kind in dict.fromkeys(columns["curve"]):
            here = (columns["features"] == name) & (columns["curve"] == kind)
            if here.any():
                times = row["step_size"] * columns["step"][here].astype(np.float64)
                curves[str(kind)] = Curve(times, columns["loss"][here][None, :])
        trained = curves.pop("trained")
        found.append(FeaturePrediction(_state(name), row["number"], row["rank"], row["step_size"], trained, curves, ()))
    return found


def draw(folders: ResultFolders, result: str, path: Path) -> None:
    """A panel a set of features: a row a state of the network, a column a layer."""
    found = predictions(folders, result)
    columns = max(1, sum(one.name.endswith("untrained") for one in found))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(6.9, 2.3 * rows + 0.7), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False)
    for axes, one in zip(panels.flat, found, strict=False):
        draw_prediction(axes, one)
        axes.set_title(figure_text(one.name), fontsize=9)
        axes.tick_params(labelsize=7.5)
    finish_panels(figure, panels, len(found), legend_columns=3)
    figure.savefig(path)


PART = Part("predictions", (RESULTS,), numbers, tables, figures)
