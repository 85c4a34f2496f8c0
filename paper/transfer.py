"""Whether the recommended checkpoint transfers better than the last one: the result of ``phases transfer``."""

from __future__ import annotations

from typing import Any

from empirical.transfer_report import Effect
from paper.macros import count, fixed, with_error
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table

RESULT = "transfer"


def numbers(folders: ResultFolders) -> dict[str, str]:
    """How often stopping helps, hurts, or makes no difference that is seen."""
    rows = folders.content(RESULT)["rows"]
    return {
        "TransferRows": count(len(rows)),
        "TransferHelps": count(_with(rows, Effect.HELPS)),
        "TransferHurts": count(_with(rows, Effect.HURTS)),
        "TransferUndecided": count(_with(rows, Effect.UNDECIDED)),
        "TransferSeeds": count(min(len(row["recommended_steps"]) for row in rows)),
    }


def _with(rows: list[dict[str, Any]], effect: Effect) -> int:
    return sum(row["effect"] == effect.value for row in rows)


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row a network and task, in the order of the alignment."""
    rows = [
        [
            row["network"],
            _classes(row["data"]),
            row["task"],
            fixed(row["alignment"], 2),
            _accuracy(row["recommended"]),
            _accuracy(row["best"]),
            _accuracy(row["last"]),
            _gain(row),
            row["effect"],
        ]
        for row in sorted(folders.content(RESULT)["rows"], key=lambda row: float(row["alignment"]))
    ]
    header = ["network", "classes", "task", "alignment", "recommended", "best", "last", "gain", "stopping"]
    return {"transfer.tex": table("lllrrrrrl", header, rows)}


def _classes(data: str) -> str:
    """The classes that a network was trained on, of a data set as ``only_classes`` names it."""
    _, _, chosen = data.partition(" classes ")
    return chosen or "all"


def _accuracy(estimate: dict[str, Any]) -> str:
    """With the error over networks, which a single one does not give."""
    return fixed(estimate["value"]) if estimate["error"] is None else with_error(estimate["value"], estimate["error"])


def _gain(row: dict[str, Any]) -> str:
    gain = f"{row['gain']['value']:+.3f}"
    return f"${gain}$" if row["half_width"] is None else rf"${gain} \pm {row['half_width']:.3f}$"


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """None."""
    return {}


PART = Part("transfer", (RESULT,), numbers, tables, figures)
