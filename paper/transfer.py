"""Whether the recommended checkpoint transfers better than the last one: the result of ``phases transfer``."""

from __future__ import annotations

import math
from typing import Any

from empirical.probes.probe_tasks import COLOUR, HELD_OUT
from empirical.studies.transfer import Effect
from paper.latex_text import latex_text
from paper.macros import count, fixed
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table
from paper.tracking import classes_of

RESULT = "transfer"


def numbers(folders: ResultFolders) -> dict[str, str]:
    """For each task how often stopping helps or hurts, its gains, and how these go with the alignment."""
    content = folders.content(RESULT)
    rows = content["rows"]
    relation: dict[str, Any] = next((one for one in content["alignment"] if one["task"] == COLOUR), {})
    found = {
        "TransferRows": count(len(rows)),
        "TransferColourCorrelation": fixed(relation.get("rank_correlation", math.nan), 2),
        "TransferColourChance": fixed(relation.get("p_value", math.nan), 2),
        "TransferSeeds": count(min(len(row["recommended_steps"]) for row in rows)),
        "TransferSpread": count(max(round(max(steps) / min(steps)) for steps in _recommended(rows))),
    }
    for prefix, task in (("TransferColour", COLOUR), ("TransferClasses", HELD_OUT)):
        own = [row for row in rows if row["task"] == task]
        gains = [float(row["gain"]["value"]) for row in own] or [math.nan]
        found |= {
            f"{prefix}Rows": count(len(own)),
            f"{prefix}Helps": count(_with(own, Effect.HELPS)),
            f"{prefix}Hurts": count(_with(own, Effect.HURTS)),
            f"{prefix}Least": fixed(min(gains)),
            f"{prefix}Most": fixed(max(gains)),
        }
    return found


def _recommended(rows: list[dict[str, Any]]) -> list[list[int]]:
    """The recommended steps of each row; step 0 counts as the first one."""
    return [[max(1, step) for step in row["recommended_steps"]] for row in rows]


def _with(rows: list[dict[str, Any]], effect: Effect) -> int:
    return sum(row["effect"] == effect.value for row in rows)


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row a network and task, in the order of the alignment."""
    rows = [
        [
            latex_text(row["network"]),
            classes_of(row["data"]),
            latex_text(row["task"]),
            fixed(row["alignment"], 2),
            _accuracy(row["recommended"]),
            _accuracy(row["best"]),
            _accuracy(row["last"]),
            _gain(row),
            "--" if row["effect"] == Effect.UNDECIDED.value else latex_text(row["effect"]),
        ]
        for row in sorted(folders.content(RESULT)["rows"], key=lambda row: float(row["alignment"]))
    ]
    header = ["network", "classes", "task", "alignment", "recommended", "best", "last", "gain", "stopping"]
    return {"transfer.tex": table("lllrrrrrl", header, rows)}


def _accuracy(estimate: dict[str, Any]) -> str:
    """With the error over networks."""
    return _spread(f"{estimate['value']:.3f}", estimate["error"])


def _gain(row: dict[str, Any]) -> str:
    """With its sign and the half width of its interval."""
    return _spread(f"{row['gain']['value']:+.3f}", row["half_width"])


def _spread(value: str, spread: float | None) -> str:
    """A number and what is about it, which a single network does not give."""
    return f"${value}$" if spread is None else rf"${value} \pm {spread:.3f}$"


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """None."""
    return {}


PART = Part("transfer", (RESULT,), numbers, tables, figures)
