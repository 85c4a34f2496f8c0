"""The files of tracked trainings: what result.json must hold, and the table of all measurements."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from empirical.networks.network_training import TrainingPlan
from empirical.probes.measures import Measure, Measurement
from empirical.probes.standard import ProbePlan
from empirical.studies.track.plan import LARGEST_SEEDS, TrackPlan
from empirical.studies.track.trainings import Rows, TrackedTrainings
from empirical.tracker.phase_reading import Estimate, PhaseReading
from simulation.runs.json_reader import Flag, ListOf, MapOf, Maybe, Real, Record, Text, Whole
from theory import InputError

_TRAINING = Record(
    {
        "network": Text(),
        "base_width": Maybe(Whole(1)),
        "steps": Whole(1),
        "batch_size": Whole(2),
        "step_size": Real(0),
        "momentum": Real(0, 1),
        "weight_decay": Real(0),
        "seed": Whole(0, 2**63 - 1),
    }
)
_PROBE = Record({"layers": ListOf(Text()), "pooled_features": Whole(1), "classifier_samples": Whole(2)})

_NUMBER = Maybe(Real())
_CHANGE, _BOUNDARY = Record({"value": Real(), "error": _NUMBER}), Record({"value": _NUMBER, "error": _NUMBER})
_READING = Record(
    {
        "fall": _CHANGE,
        "rise": _CHANGE,
        "falls": Flag(),
        "rises": Flag(),
        "near_constant_end": _BOUNDARY,
        "half_fall": _BOUNDARY,
        "turning_point": _BOUNDARY,
        "grid_ratio": _NUMBER,
    }
)

#: What result.json must hold for a report.
RESULT = Record(
    {
        "data": Text(),
        "plan": Record(
            {
                "training": _TRAINING,
                "probe": _PROBE,
                "seeds": Whole(1, LARGEST_SEEDS),
                "also": ListOf(Text(), 0),
                "also_stride": Whole(1),
                "classes": Maybe(ListOf(Whole(), 2)),
            }
        ),
        "phases": MapOf(_READING),
    },
    # Alignments are shares, up to rounding.
    {"alignment": MapOf(Real(-1e-6, 1 + 1e-6)), "versions": MapOf(Text()), "notes": ListOf(Text(), 0)},
)

# Of losses relative to a variance and of counts, none comes near.
_LARGEST = 1e15

_WHOLE_COLUMNS, _TEXT_COLUMNS, _REAL_COLUMNS = (
    ("seed", "step"),
    ("layer", "measure", "note"),
    ("value", "standard_error"),
)


def measurement_columns(trainings: TrackedTrainings) -> dict[str, Any]:
    """Columns of the table of all measurements: one row per seed, step, layer and measure."""
    first = trainings.plan.training.seed
    flat = [
        (first + seed, int(step), row)
        for seed, checkpoints in enumerate(trainings.rows)
        for step, rows in zip(trainings.plan.steps, checkpoints, strict=True)
        for row in rows
    ]
    return {
        "seed": [seed for seed, _, _ in flat],
        "step": [step for _, step, _ in flat],
        "layer": [row.layer for _, _, row in flat],
        "measure": [row.measure.name for _, _, row in flat],
        "value": [row.value for _, _, row in flat],
        "standard_error": [row.standard_error for _, _, row in flat],
        "note": [row.note for _, _, row in flat],
    }


def read_plan(file: Path, content: dict[str, Any]) -> TrackPlan:
    """The plan in the content of a result.json.

    Raises:
        InputError: values that no plan has, or a plan of another version.
    """
    stored = content["plan"]
    try:
        return TrackPlan(
            TrainingPlan(**stored["training"]),
            ProbePlan(**stored["probe"] | {"layers": tuple(stored["probe"]["layers"])}),
            stored["seeds"],
            tuple(stored["also"]),
            stored["also_stride"],
            None if stored["classes"] is None else tuple(stored["classes"]),
        )
    except TypeError:
        raise InputError(f"folder: {file} has a plan of another version; track again in that folder") from None
    except InputError as error:
        raise InputError(f"folder: {file}: {error}") from None


def read_readings(file: Path, content: dict[str, Any], plan: TrackPlan) -> dict[str, PhaseReading]:
    """The phases of every layer in the content of a result.json.

    Args:
        file: the result.json, for the error.
        content: what it holds.
        plan: whose layers are read.

    Raises:
        InputError: a layer of the plan is missing.
    """
    missing = next((layer for layer in plan.probe.layers if layer not in content["phases"]), None)
    if missing is not None:
        raise InputError(f"folder: {file} holds no phases of the layer {missing!r}; track again")
    return {layer: _reading(content["phases"][layer]) for layer in plan.probe.layers}


def _reading(stored: dict[str, Any]) -> PhaseReading:
    return PhaseReading(
        fall=stored_estimate(stored["fall"]),
        rise=stored_estimate(stored["rise"]),
        falls=stored["falls"],
        rises=stored["rises"],
        near_constant_end=stored_estimate(stored["near_constant_end"]),
        half_fall=stored_estimate(stored["half_fall"]),
        turning_point=stored_estimate(stored["turning_point"]),
        grid_ratio=stored_number(stored["grid_ratio"]),
    )


def stored_estimate(stored: dict[str, Any]) -> Estimate:
    """An estimate from JSON."""
    return Estimate(stored_number(stored["value"]), stored_number(stored["error"]))


def stored_number(stored: float | None) -> float:
    """A number from JSON, which has no NaN: null replaces it."""
    return float("nan") if stored is None else float(stored)


def read_rows(path: Path, plan: TrackPlan) -> Rows:
    """The measurements in a table.

    Args:
        path: of measures.parquet.
        plan: whose seeds, steps and layers it must hold.

    Raises:
        InputError: a file that is missing, damaged or of something else; an unknown measure; values out of range.
    """
    columns = _columns(path)
    measures = _measures(path, columns["measure"])
    _check_ranges(path, columns, measures)
    names = ("seed", "step", "layer", "measure", "value", "standard_error", "note")
    grouped: dict[tuple[int, int], list[Measurement]] = {}
    for seed, step, layer, measure, *rest in zip(*(columns[name] for name in names), strict=True):
        grouped.setdefault((seed, step), []).append(Measurement(layer, measures[measure], *rest))
    first = plan.training.seed
    wanted = [[(first + seed, int(step)) for step in plan.steps] for seed in range(plan.seeds)]
    if sorted(grouped) != sorted(pair for seed in wanted for pair in seed):
        raise InputError(f"folder: {path} does not hold the seeds and steps of result.json; track again")
    measured = {row.layer for row in grouped[wanted[0][-1]]}
    missing = next((layer for layer in plan.probe.layers if layer not in measured), None)
    if missing is not None:
        raise InputError(f"folder: {path} does not hold the layer {missing!r} of result.json; track again")
    return tuple(tuple(tuple(grouped[pair]) for pair in seed) for seed in wanted)


def _columns(path: Path) -> dict[str, list[Any]]:
    """The table's columns, each of its type and without gaps."""
    if not path.is_file():  # a pipe would never end
        raise InputError(f"folder: {path} is missing; give the folder of a finished phases track")
    try:
        table = pq.read_table(path)
    except (OSError, ValueError, pa.ArrowException):
        raise InputError(f"folder: {path} is damaged or of something else; track again") from None
    types = pa.types
    found: dict[str, list[Any]] = {}
    for names, accepts, kind in (
        (_WHOLE_COLUMNS, types.is_integer, "integers"),
        (_TEXT_COLUMNS, lambda one: types.is_string(one) or types.is_large_string(one), "strings"),
        (_REAL_COLUMNS, types.is_floating, "numbers"),
    ):
        for name in names:
            if table.column_names.count(name) != 1:
                raise InputError(f"folder: {path} has no column {name}; track again")
            column = table.column(name)
            if not accepts(column.type) or column.null_count:
                raise InputError(f"folder: {path}: {name} has type {column.type} or gaps; give {kind}, or track again")
            found[name] = column.to_pylist()
    if np.isinf(found["value"]).any():
        raise InputError(f"folder: {path}: value holds infinity; track again")
    return found


def _measures(path: Path, names: list[str]) -> dict[str, Measure]:
    """The measures by their names in a table."""
    try:
        return {name: Measure.from_name(name) for name in dict.fromkeys(names)}
    except InputError as error:
        raise InputError(f"folder: {path}: {error}") from None


def _check_ranges(path: Path, columns: dict[str, list[Any]], measures: dict[str, Measure]) -> None:
    """A value that no measurement gives; NaN means not measured."""
    keys = list(zip(*(columns[name] for name in ("seed", "step", "layer", "measure")), strict=True))
    if len(set(keys)) < len(keys):
        seed, step, layer, measure = max(keys, key=Counter(keys).__getitem__)
        raise InputError(f"folder: {path} holds {measure!r} of {layer!r} twice, step {step}, seed {seed}; track again")
    values, errors = np.array(columns["value"]), np.array(columns["standard_error"])
    shares = np.array([measures[name].is_accuracy for name in columns["measure"]], dtype=bool)
    outside = (np.abs(values) > _LARGEST) | (shares & ((values < 0) | (values > 1))) | (errors < 0)
    if outside.any():
        place = int(np.argmax(outside))
        raise InputError(
            f"folder: {path}: {columns['measure'][place]!r} is {values[place]:g} +- {errors[place]:g}; accuracies lie "
            f"between 0 and 1, other measures below {_LARGEST:g}, errors from 0 on: track again"
        )
