"""The files of a transfer report: what result.json must hold, and the table of accuracies over training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from empirical.studies.report import Columns
from empirical.studies.track.stored import stored_estimate, stored_number
from empirical.studies.transfer.comparison import Effect, TaskCurve, TransferRow
from simulation.runs.json_reader import ListOf, MapOf, Maybe, Real, Record, Text, Whole, Word
from simulation.runs.table_reader import read_table
from theory import InputError

#: The table of accuracies.
CURVES = "accuracies.parquet"

_ESTIMATES = ("first", "recommended", "best", "last", "gain", "regret")
_ESTIMATE = Record({"value": Real(), "error": Maybe(Real())})

#: What result.json must hold for a report.
RESULT = Record(
    {
        "rows": ListOf(
            Record(
                {
                    "training": Whole(),
                    "network": Text(),
                    "data": Text(),
                    "classes": Maybe(ListOf(Whole(), 2)),
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
                {"base_width": Maybe(Whole(1))},
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
    """The rows in the content of a result.json."""
    return tuple(
        TransferRow(
            training=one["training"],
            network=one["network"],
            data=one["data"],
            classes=None if one["classes"] is None else tuple(one["classes"]),
            layer=one["layer"],
            task=one["task"],
            alignment=float(one["alignment"]),
            recommended_steps=tuple(one["recommended_steps"]),
            best_step=one["best_step"],
            last_step=one["last_step"],
            half_width=stored_number(one["half_width"]),
            effect=Effect(one["effect"]),
            base_width=one.get("base_width"),
            **{name: stored_estimate(one[name]) for name in _ESTIMATES},
        )
        for one in stored
    )
