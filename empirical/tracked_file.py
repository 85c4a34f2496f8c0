"""The measurements of a tracked training, read back from the files that ``phases track`` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from empirical.checkpoint_probe import Measurement, ProbePlan
from empirical.network_training import TrainingPlan
from empirical.tracking import Tracked, TrackPlan
from theory import InputError


def read_tracked(folder: Path) -> Tracked:
    """What ``track`` returned when it wrote result.json and measures.parquet into ``folder``.

    Raises:
        InputError: a file is missing, damaged or of something else.
    """
    content = _content(folder / "result.json")
    try:
        plan = _plan(content["plan"])
        data = str(content["data"])
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"folder: {folder / 'result.json'} is not of a tracked training; give one of them") from None
    return Tracked(plan, data, _rows(folder / "measures.parquet", plan))


def alignments_in(folder: Path) -> dict[str, float]:
    """The alignment of the task trained on with each task of transfer, by name, as in result.json.

    Raises:
        InputError: the file is missing, damaged, or without alignments.
    """
    try:
        return {str(name): float(value) for name, value in _content(folder / "result.json")["alignment"].items()}
    except (KeyError, TypeError, AttributeError, ValueError):
        raise InputError(f"folder: {folder / 'result.json'} has no alignments; track again in that folder") from None


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"folder: {path} is missing or no JSON; give the folder of a finished phases track") from None
    if not isinstance(content, dict):
        raise InputError(f"folder: {path} is not of a tracked training; give one of them")
    return content


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
    try:
        table = pq.read_table(path).to_pydict()
        lines = [
            (seed, step, Measurement(*rest))
            for seed, step, *rest in zip(
                *(table[name] for name in ("seed", "step", "layer", "measure", "value", "standard_error", "note")),
                strict=True,
            )
        ]
    except (OSError, pa.ArrowException, KeyError):
        raise InputError(f"folder: {path} is missing, damaged or of something else; track again") from None
    grouped: dict[tuple[int, int], list[Measurement]] = {}
    for seed, step, row in lines:
        grouped.setdefault((seed, step), []).append(row)
    first = plan.training.seed
    wanted = [[(first + seed, int(step)) for step in plan.steps] for seed in range(plan.seeds)]
    if sorted(grouped) != sorted(pair for seed in wanted for pair in seed):
        raise InputError(f"folder: {path} does not hold the seeds and steps of result.json; track again")
    return tuple(tuple(tuple(grouped[pair]) for pair in seed) for seed in wanted)
