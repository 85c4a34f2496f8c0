"""The files of a transfer report: what result.json must hold, and the table of accuracies over training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from empirical.studies.report import Columns
from empirical.studies.track.stored import classes_named, stored_estimate, stored_number
from empirical.studies.transfer.comparison import Effect, TaskCurve, TransferRow
from simulation.runs.json_reader import ListOf, MapOf, Maybe, Real, Record, Text, Whole, Word
from simulation.runs.table_reader import read_table
from theory import InputError

#: The table of accuracies; results of earlier versions have none.
CURVES = "accuracies.parquet"

_ESTIMATES = ("first", "recommended", "best", "last", "gain", "regret")
_ESTIMATE = Record({"value": Real(), "error": Maybe(Real())})

#: What result.json must hold for a report.
RESULT = Record(
    {
        "rows": ListOf(
            Record(
                {
                    "network": Text(),
                    "data": Text(),
                    "layer": Text(),
                    "task": Text(),
                    # A share, up to rounding.
                    "alignment": Real(-1e-6, 1 + 1e-6),
                    "recommended_steps": ListOf(Whole()),
                    "best_step": Whole(),
                    "last_step": Whole(),
                    "half_width": Maybe(Real()),
                    "effect": Word(tuple(one.value for one in Effect)),
                    **dict.fromkeys(_ESTIMATES, _ESTIMATE),
                },
                {"training": Whole(), "classes": Maybe(ListOf(Whole(), 2))},
            )
        ),
        "alignment": ListOf(
            Record({"task": Text(), "trainings": Whole(1), "rank_correlation": Real(-1, 1), "p_value": Real(0, 1)}), 0
        ),
    },
    {"versions": MapOf(Text())},
)

_COLUMNS = ("training", "task", "seed", "step", "accuracy")


def curve_columns(rows: Sequence[TransferRow], curves: Sequence[TaskCurve]) -> Columns:
    """Columns of the table of accuracies: one row per training, task, seed and step."""
    flat = [
        (row.training, row.task, seed, int(step), float(value))
        for row, curve in zip(rows, curves, strict=True)
        for seed, accuracies in enumerate(curve.accuracy)
        for step, value in zip(curve.steps, accuracies, strict=True)
    ]
    return {name: [one[place] for one in flat] for place, name in enumerate(_COLUMNS)}


def read_curves(path: Path, rows: Sequence[TransferRow]) -> tuple[TaskCurve, ...]:
    """The curve of each row in a table of accuracies.

    Raises:
        InputError: a file that is damaged or of something else, or without the accuracies of a row.
    """
    columns = read_table(path, _COLUMNS, "folder")
    found = []
    for row in rows:
        own = (columns["training"] == row.training) & (columns["task"] == row.task)
        seeds, steps = np.unique(columns["seed"][own]), np.unique(columns["step"][own])
        if seeds.size == 0 or own.sum() != seeds.size * steps.size:
            raise InputError(
                f"folder: {path} does not hold the accuracies of {row.task!r} of result.json; compare again"
            )
        order = np.lexsort((columns["step"][own], columns["seed"][own]))
        found.append(TaskCurve(steps, columns["accuracy"][own][order].reshape(seeds.size, steps.size)))
    return tuple(found)


def read_rows(stored: Sequence[dict[str, Any]]) -> tuple[TransferRow, ...]:
    """The rows in the content of a result.json.

    Results of earlier versions do not number their trainings, each of which has a task once, and hold classes in the
    name of the data alone.
    """
    found: list[TransferRow] = []
    for one in stored:
        last = found[-1] if found else None
        same = last is not None and (one["network"], one["data"]) == (last.network, last.data)
        before = 0 if last is None else last.training
        seen = {row.task for row in found if row.training == before}
        number = before if last is None or (same and one["task"] not in seen) else before + 1
        classes = one["classes"] if "classes" in one else classes_named(one["data"])
        found.append(
            TransferRow(
                training=one.get("training", number),
                network=one["network"],
                data=one["data"],
                classes=None if classes is None else tuple(classes),
                layer=one["layer"],
                task=one["task"],
                alignment=float(one["alignment"]),
                recommended_steps=tuple(one["recommended_steps"]),
                best_step=one["best_step"],
                last_step=one["last_step"],
                half_width=stored_number(one["half_width"]),
                effect=Effect(one["effect"]),
                **{name: stored_estimate(one[name]) for name in _ESTIMATES},
            )
        )
    return tuple(found)
