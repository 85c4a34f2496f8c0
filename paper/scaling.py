"""Scaling laws measured on trained networks: results of ``phases sweep scaling``."""

from __future__ import annotations

from empirical.studies.scaling import ScalingReport
from paper.macros import count, fixed, percent, plain, significant
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table
from simulation.experiments.scaling_law import Parameter, Quantity

RESULT = "scaling"

_PARAMETERS = {Parameter.INIT_SCALE: r"$\sigma_0$", Parameter.STEP_SIZE: r"$\eta$", Parameter.TIME: "$s$"}

#: Units after times and steps; a share has none.
_QUANTITIES = {one: one.value for one in Quantity} | {Quantity.EXPLAINED_VARIANCE: "explained variance"}


def numbers(folders: ResultFolders) -> dict[str, str]:
    """Number of laws, how many hold, draws, and the largest distance of a measured slope from the derived one."""
    report = ScalingReport.read(folders.folder(RESULT))
    laws = report.laws
    return {
        "ScalingLaws": count(len(laws)),
        "ScalingHold": count(sum(law.holds for law in laws)),
        "ScalingDraws": count(2 * report.plan.pairs),
        "ScalingLevel": percent(laws[0].slope.level, 0),
        "ScalingLargest": significant(max(abs(law.slope.value - law.derived) for law in laws), 1),
    }


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row per law: what against what, the model, limit exponent, derived and measured slope."""
    rows = [
        [
            _QUANTITIES[law.quantity],
            _PARAMETERS[law.quantity.parameter],
            plain(law.law.alpha),
            plain(law.law.beta),
            fixed(law.exponent, 3),
            fixed(law.derived, 4),
            f"{fixed(law.slope.value, 4)} $[{law.joint.low:.4f}, {law.joint.high:.4f}]$",
        ]
        for law in ScalingReport.read(folders.folder(RESULT)).laws
    ]
    header = ["quantity", "against", r"$\alpha$", r"$\beta$", "limit", "derived", "measured"]
    return {"scaling.tex": table("llrrrrl", header, rows)}


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """None."""
    return {}


PART = Part("scaling", (RESULT,), numbers, tables, figures)
