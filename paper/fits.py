"""The data model fitted to layers: results of ``phases fit``, in folders ``fits/NETWORK-STATE-LAYER``."""

from __future__ import annotations

import math
from typing import Any

from paper.latex_text import latex_text
from paper.macros import count, fixed, interval, significant
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table

RESULTS = "fits/*"


def numbers(folders: ResultFolders) -> dict[str, str]:
    """How many layers were fitted, how many are aligned, and between what bounds the exponents lie."""
    contents = [folders.content(name) for name in folders.names(RESULTS)]
    found = {
        "FitLayers": count(len(contents)),
        "FitAligned": count(sum(content["alignment"]["low"] > 1 for content in contents)),
        "FitBetterRival": count(sum(content["rivals"][0]["name"] != "power law" for content in contents)),
    }
    for exponent in ("alpha", "beta"):
        values = [content[exponent]["value"] for content in contents if content[exponent] is not None]
        lowest, highest = (min(values), max(values)) if values else (math.nan, math.nan)
        title = exponent.capitalize()
        found |= {f"Fit{title}Lowest": fixed(lowest, 2), f"Fit{title}Highest": fixed(highest, 2)}
    return found


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row a layer, before and after training: exponents and alignment with 95 % intervals, effective rank, tails."""
    rows = []
    for name in sorted(folders.names(RESULTS), key=_before_and_after):
        content = folders.content(name)
        network, layer, state = _parts(name)
        rows.append(
            [
                latex_text(f"{network}, {layer}, {state}"),
                *(_interval(content[quantity]) for quantity in ("alpha", "beta", "alignment")),
                significant(content["effective_rank"]["value"], 3),
                _number(content["tail_index"]["value"]),
            ]
        )
    header = ["layer", r"$\alpha$", r"$\beta$", "$R_2 / R_0$", "effective rank", "tail index"]
    return {"fits.tex": table("llllrr", header, rows)}


def _parts(name: str) -> tuple[str, str, str]:
    """Network, layer and state of a result's name."""
    network, state, layer = name.removeprefix("fits/").split("-", 2)
    return network, layer, state


def _before_and_after(name: str) -> tuple[str, str, bool]:
    network, layer, state = _parts(name)
    return network, layer, state == "trained"


def _interval(values: dict[str, Any] | None) -> str:
    return "--" if values is None else interval(values["value"], values["low"], values["high"])


def _number(value: Any) -> str:
    """A number of the report, where the word inf stands for infinity."""
    return r"$\infty$" if value == "inf" else significant(float(value), 2)


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """None."""
    return {}


PART = Part("fits", (RESULTS,), numbers, tables, figures)
