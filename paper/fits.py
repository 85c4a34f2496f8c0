"""The data model fitted to layers: results of ``phases fit``, in folders ``fits/NETWORK-STATE-LAYER``."""

from __future__ import annotations

import math

from empirical.fit.jackknife import Interval
from empirical.fit.spectrum_rivals import SpectrumShape
from empirical.networks.networks import network_title
from empirical.studies.fit.plan import Fitted
from empirical.studies.fit.report import FitReport
from paper.latex_text import latex_text
from paper.macros import count, fixed, interval, significant
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table

RESULTS = "fits/*"


def _reports(folders: ResultFolders) -> list[FitReport]:
    return [FitReport.read(folders.folder(name)) for name in folders.names(RESULTS)]


def numbers(folders: ResultFolders) -> dict[str, str]:
    """The number of fitted layers and of aligned layers, and the range of the exponents."""
    fits = [report.summary for report in _reports(folders)]
    better = [fit.rivals[0].shape is not SpectrumShape.POWER_LAW for fit in fits if fit.rivals]
    found = {
        "FitLayers": count(len(fits)),
        "FitAligned": count(sum(fit.alignment.low > 1 for fit in fits)),
        "FitBetterRival": count(sum(better)),
    }
    exponents = {"Alpha": [fit.alpha for fit in fits], "Beta": [fit.beta for fit in fits]}
    for title, known in exponents.items():
        values = [one.value for one in known if one is not None]
        lowest, highest = (min(values), max(values)) if values else (math.nan, math.nan)
        found |= {f"Fit{title}Lowest": fixed(lowest, 2), f"Fit{title}Highest": fixed(highest, 2)}
    return found


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row per layer, before and after training: exponents, alignment with 95 % intervals, effective rank, tails."""
    rows = []
    for report in sorted(_reports(folders), key=_before_and_after):
        fit = report.summary
        rows.append(
            [
                latex_text(_title(report.fitted)),
                *(_interval(one) for one in (fit.alpha, fit.beta, fit.alignment)),
                significant(fit.effective_rank.value, 3),
                r"$\infty$" if fit.tail_index.value == math.inf else significant(fit.tail_index.value, 2),
            ]
        )
    header = ["layer", r"$\alpha$", r"$\beta$", "$R_2 / R_0$", "effective rank", "tail index"]
    return {"fits.tex": table("llllrr", header, rows)}


def _before_and_after(report: FitReport) -> tuple[str, str, bool]:
    fitted = report.fitted
    return str(fitted.network), str(fitted.layer), fitted.checkpoint is not None


def _title(fitted: Fitted) -> str:
    """A layer as readers know it, with whether its network was trained."""
    if fitted.network is None:
        return fitted.title
    return f"{network_title(fitted.network)}, {fitted.layer}, {'untrained' if fitted.checkpoint is None else 'trained'}"


def _interval(one: Interval | None) -> str:
    return "--" if one is None else interval(one.value, one.low, one.high)


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """None."""
    return {}


PART = Part("fits", (RESULTS,), numbers, tables, figures)
