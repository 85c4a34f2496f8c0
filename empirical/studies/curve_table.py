"""Curves of a report as one long table, and read back from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from empirical.studies.report import Columns
from theory import Curve, InputError

#: Columns of every such table, beside those that label its curves and the one of their values.
TIMES = ("replica", "step", "time")


def curve_columns(curves: Iterable[tuple[Mapping[str, str], Curve]], step_size: float, value: str) -> Columns:
    """A row for each replica and time of each curve.

    Args:
        curves: at least one, each with what labels it by the name of a column; all have the same names.
        step_size: eta, which turns times into steps.
        value: name of the column of the curves' values.
    """
    parts: list[Columns] = []
    for labels, curve in curves:
        replicas, times = curve.losses.shape
        steps = np.rint(curve.times / step_size).astype(np.int64)
        parts.append(
            {name: np.full(replicas * times, label) for name, label in labels.items()}
            | {
                "replica": np.repeat(np.arange(replicas), times),
                "step": np.tile(steps, replicas),
                "time": np.tile(curve.times, replicas),
                value: curve.losses.reshape(-1),
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def stored_curve(table: Columns, labels: Mapping[str, str], value: str) -> Curve:
    """The curve with these labels.

    Args:
        table: as ``curve_columns`` made it.
        labels: as they were given.
        value: name of the column of the curves' values.

    Raises:
        InputError: there is none.
    """
    here = np.logical_and.reduce([table[name] == label for name, label in labels.items()])
    if not here.any():
        wanted = " ".join(labels.values())
        raise InputError(f"curves.parquet: has no curve {wanted}; give the folder of a finished run")
    replica, time, values = (table[name][here] for name in ("replica", "time", value))
    return Curve(time[replica == replica[0]], np.stack([values[replica == one] for one in np.unique(replica)]))
