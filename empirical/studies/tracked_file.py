"""The measurements of a tracked training, read back from the files that ``phases track`` wrote."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from empirical.networks.network_training import TrainingPlan
from empirical.probes.standard import Measurement, ProbePlan
from empirical.studies.track import LARGEST_SEEDS, Tracked, TrackPlan
from simulation.runs.json_reader import ListOf, MapOf, Maybe, Real, Record, Text, Whole, read_json
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

#: What result.json holds of a tracked training.
TRACKED = Record(
    {
        "data": Text(),
        "plan": Record(
            {
                "training": _TRAINING,
                "probe": _PROBE,
                "seeds": Whole(1, LARGEST_SEEDS),
                "also": ListOf(Text(), 0),
                "also_stride": Whole(1),
            }
        ),
    }
)

# Shares, up to rounding.
_ALIGNMENTS = Record({"alignment": MapOf(Real(-1e-6, 1 + 1e-6))})

# Of losses relative to a variance and of counts, none comes near.
_LARGEST = 1e15

_WHOLE_COLUMNS, _TEXT_COLUMNS, _REAL_COLUMNS = (
    ("seed", "step"),
    ("layer", "measure", "note"),
    ("value", "standard_error"),
)


def read_all(folders: Sequence[Path]) -> list[tuple[Tracked, dict[str, float]]]:
    """Trainings with their alignments, each of them once.

    Raises:
        InputError: as ``read_tracked`` and ``alignments_in``; a folder given twice, or a copy of another one.
    """
    first: dict[str, Path] = {}
    found = []
    for folder in folders:
        tracked = read_tracked(folder)
        digest = hashlib.blake2b((folder / "measures.parquet").read_bytes()).hexdigest()
        other = first.setdefault(digest, folder)
        if other is not folder:
            raise InputError(f"folder: {folder} holds the same measurements as {other}; give each training once")
        found.append((tracked, alignments_in(folder)))
    return found


def read_tracked(folder: Path) -> Tracked:
    """What ``track`` returned when it wrote result.json and measures.parquet into ``folder``.

    Raises:
        InputError: a file is missing, damaged or of something else.
    """
    file = folder / "result.json"
    content = read_json(file, TRACKED, "folder")
    try:
        plan = _plan(content["plan"])
    except TypeError:
        raise InputError(f"folder: {file} has a plan of another version; track again in that folder") from None
    except InputError as error:
        raise InputError(f"folder: {file}: {error}") from None
    return Tracked(plan, content["data"], _rows(folder / "measures.parquet", plan))


def alignments_in(folder: Path) -> dict[str, float]:
    """The alignment of the task trained on with each task of transfer, by name, as in result.json.

    Raises:
        InputError: the file is missing, damaged, or without alignments.
    """
    content = read_json(folder / "result.json", _ALIGNMENTS, "folder")
    return {str(name): float(value) for name, value in content["alignment"].items()}


def _plan(stored: dict[str, Any]) -> TrackPlan:
    probe = stored["probe"] | {"layers": tuple(stored["probe"]["layers"])}
    return TrackPlan(
        TrainingPlan(**stored["training"]),
        ProbePlan(**probe),
        stored["seeds"],
        tuple(stored["also"]),
        stored["also_stride"],
    )


def _rows(path: Path, plan: TrackPlan) -> tuple[tuple[tuple[Measurement, ...], ...], ...]:
    columns = _columns(path)
    names = ("layer", "measure", "value", "standard_error", "note")
    grouped: dict[tuple[int, int], list[Measurement]] = {}
    for seed, step, *rest in zip(*(columns[name] for name in ("seed", "step", *names)), strict=True):
        grouped.setdefault((seed, step), []).append(Measurement(*rest))
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
    _check_ranges(path, found)
    return found


def _check_ranges(path: Path, columns: dict[str, list[Any]]) -> None:
    """What no measurement gives; NaN stands for a value that was not measured."""
    keys = list(zip(*(columns[name] for name in ("seed", "step", "layer", "measure")), strict=True))
    if len(set(keys)) < len(keys):
        seed, step, layer, measure = max(keys, key=Counter(keys).__getitem__)
        raise InputError(f"folder: {path} holds {measure!r} of {layer!r} twice, step {step}, seed {seed}; track again")
    values, errors = np.array(columns["value"]), np.array(columns["standard_error"])
    shares = np.array(["accuracy" in name for name in columns["measure"]], dtype=bool)
    outside = (np.abs(values) > _LARGEST) | (shares & ((values < 0) | (values > 1))) | (errors < 0)
    if outside.any():
        place = int(np.argmax(outside))
        raise InputError(
            f"folder: {path}: {columns['measure'][place]!r} is {values[place]:g} +- {errors[place]:g}; accuracies lie "
            f"between 0 and 1, other measures below {_LARGEST:g}, errors from 0 on: track again"
        )
