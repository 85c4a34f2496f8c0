"""Compares the transfer of the recommended and the last checkpoint: the result of ``phases transfer``."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from empirical.networks.networks import network_title
from empirical.probes.probe_tasks import COLOUR, HELD_OUT
from empirical.studies.transfer.comparison import Effect, TransferRow, adjusted_half_width
from empirical.studies.transfer.report import TransferReport
from empirical.tracker.phase_reading import Estimate
from paper.latex_text import latex_text
from paper.macros import count, fixed
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table
from paper.tracking import class_ranges

#: The comparison of the text, and that of the training whose probes read digits too.
RESULT, DIGITS = "transfer", "transfer-digits"

#: Names of tasks in the table, which has no room for longer ones.
_SHORT = {COLOUR: "colour", HELD_OUT: "held-out"}


def numbers(folders: ResultFolders) -> dict[str, str]:
    """For each task how often stopping helps or hurts, its gains, and how these correlate with the alignment."""
    report = TransferReport.read(folders.folder(RESULT))
    rows = report.rows
    relation = next((one for one in report.relations if one.task == COLOUR), None)
    found = {
        "TransferRows": count(len(rows)),
        "TransferColourCorrelation": fixed(math.nan if relation is None else relation.rank_correlation, 2),
        "TransferColourChance": fixed(math.nan if relation is None else relation.p_value, 2),
        "TransferSeeds": count(min(len(row.recommended_steps) for row in rows)),
        "TransferSpread": count(max(round(max(steps) / min(steps)) for steps in _recommended(rows))),
    }
    for prefix, task in (("TransferColour", COLOUR), ("TransferClasses", HELD_OUT)):
        own = [row for row in rows if row.task == task]
        gains = [row.gain.value for row in own] or [math.nan]
        found |= {
            f"{prefix}Rows": count(len(own)),
            f"{prefix}Helps": count(_with(own, Effect.HELPS)),
            f"{prefix}Hurts": count(_with(own, Effect.HURTS)),
            f"{prefix}Least": fixed(min(gains)),
            f"{prefix}Most": fixed(max(gains)),
        }
    return found


def _recommended(rows: Sequence[TransferRow]) -> list[list[int]]:
    """The recommended steps of each row; step 0 counts as the first one."""
    return [[max(1, step) for step in row.recommended_steps] for row in rows]


def _with(rows: Sequence[TransferRow], effect: Effect) -> int:
    return sum(row.effect is effect for row in rows)


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row per network and task, in the order of the alignment: those of the comparison, then those with digits."""
    header = ["network", "classes", "task", "alignment", "recommended", "best", "last", "gain", "adjusted", "stopping"]
    rows = [
        cells
        for name in (RESULT, DIGITS)
        if folders.names(name)
        for cells in _cells(TransferReport.read(folders.folder(name)).rows)
    ]
    return {"transfer.tex": table("lllrrrrrrl", header, rows)}


def _cells(found: Sequence[TransferRow]) -> list[list[str]]:
    """The cells of the rows that are judged together."""
    return [
        [
            latex_text(_network(row)),
            class_ranges(row.classes),
            latex_text(_SHORT.get(row.task, row.task)),
            fixed(row.alignment, 2),
            _accuracy(row.recommended),
            _accuracy(row.best),
            _accuracy(row.last),
            gain(row),
            "--" if np.isnan(row.half_width) else rf"$\pm {adjusted_half_width(row, len(found)):.3f}$",
            "--" if row.effect is Effect.UNDECIDED else row.effect.value,
        ]
        for row in sorted(found, key=lambda row: row.alignment)
    ]


def _network(row: TransferRow) -> str:
    """The network, with the width of its first part where that is not the default; the table has no room for words."""
    title = network_title(row.network)
    return title if row.base_width is None else f"{title} ({row.base_width})"


def _accuracy(estimate: Estimate) -> str:
    """With the error over networks."""
    return _spread(f"{estimate.value:.3f}", estimate.error)


def gain(row: TransferRow) -> str:
    """With its sign and the half width of its interval."""
    return _spread(f"{row.gain.value:+.3f}", row.half_width)


def _spread(value: str, spread: float) -> str:
    """A number with its spread, which a single network does not have."""
    return f"${value}$" if np.isnan(spread) else rf"${value} \pm {spread:.3f}$"


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """Gains of stopping early beside the curve of one task."""
    return {"transfer.pdf": TransferReport.read(folders.folder(RESULT)).draw}


PART = Part("transfer", (RESULT,), numbers, tables, figures)
