"""What limits what: results of ``phases sweep robustness``."""

from __future__ import annotations

from typing import Any

from paper.latex_text import latex_text
from paper.macros import count, percent, plain, with_error
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table

RESULT = "robustness"

#: What each axis relaxes, for readers of the paper.
_TITLES = {
    "tail_index": "tail index of noise (A4)",
    "minority_share": "mirrored minority, share (A4)",
    "label_noise": "random labels, share (A4)",
    "batch_size": "new samples a step",
    "step_share": r"step size $\eta c \lambda_1$ (A5)",
    "samples": "number of samples",
    "classes": "number of classes",
    "imbalance": "largest over smallest class",
    "optimiser": "optimiser",
}


def numbers(folders: ResultFolders) -> dict[str, str]:
    """The deviation where all assumptions hold, that of momentum, and what a large step does to phase III."""
    content = folders.content(RESULT)
    points = content["points"]
    base = points[0]["descent"]
    momentum = _at(points, "optimiser", "momentum 0.9")["descent"]
    turning = momentum["boundaries"]["turning_point"]
    last = content["phase_three_rises"][-1]
    return {
        "RobustBase": with_error(abs(base["deviation"]), base["deviation_error"]),
        "RobustBaseLevels": count(len(points)),
        "RobustMomentum": with_error(abs(momentum["deviation"]), momentum["deviation_error"]),
        "RobustMomentumLater": percent(turning["measured"] / turning["derived"] - 1, 0),
        "RobustStep": plain(last["step_share"]),
        "RobustStepRise": percent(last["trained"], 0),
        "RobustStepRiseDerived": percent(last["derived"], 0),
    }


def _at(points: list[dict[str, Any]], axis: str, level: str) -> dict[str, Any]:
    return next(point for point in points if (point["axis"], point["level"]) == (axis, level))


def tables(folders: ResultFolders) -> dict[str, str]:
    """Each axis at the level that deviates most."""
    points = folders.content(RESULT)["points"]
    rows = []
    for axis, title in _TITLES.items():
        own = [point for point in points if point["axis"] == axis and "descent" in point]
        if own:
            worst = max(own, key=lambda point: abs(point["descent"]["deviation"]))
            rows.append([title, _level(worst["level"]), *_cells(worst["descent"])])
    header = ["relaxed", "at", "deviation", "turning ratio", "regime"]
    return {"robustness.tex": table("llrrl", header, rows)}


def _level(level: Any) -> str:
    if isinstance(level, str):
        return latex_text(level)
    return count(level) if isinstance(level, int) else plain(level)


def _cells(found: dict[str, Any]) -> list[str]:
    """Signed deviation, ratio of turning points, and whether the regime is the derived one."""
    turning = found["boundaries"]["turning_point"]
    ratio = "--"
    if turning["reason"] is None:
        value = turning["measured"] / turning["derived"]
        ratio = with_error(value, value * turning["error"])
    same = found["regime_measured"] == found["regime_derived"]
    return [
        with_error(found["deviation"], found["deviation_error"]),
        ratio,
        "as derived" if same else latex_text(found["regime_measured"]),
    ]


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """None."""
    return {}


PART = Part("robustness", (RESULT,), numbers, tables, figures)
