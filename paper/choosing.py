"""Rules that choose a checkpoint for a task: results of ``phases study choose``."""

from __future__ import annotations

from empirical.studies.choose_study.report import RULES, ChooseStudyReport
from paper.latex_text import latex_text
from paper.macros import count, fixed
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table

RESULT = "choose"

#: The rule that the tool follows, and what practice mostly does.
_OWN, _LAST = "choose", "last"


def _report(folders: ResultFolders) -> ChooseStudyReport:
    return ChooseStudyReport.read(folders.folder(RESULT))


def numbers(folders: ResultFolders) -> dict[str, str]:
    """Size of the study, regrets in points, coverage and abstentions."""
    report = _report(folders)
    own, last = (100 * report.regrets(rule) for rule in (_OWN, _LAST))
    best = 100 * report.regrets(report.best_rule)
    return {
        "ChoosePairs": count(len(report.pairs)),
        "ChooseTrainings": count(len({(one.source, one.network, one.seed) for one in report.pairs})),
        "ChooseLabels": count(report.plan.labels_per_class),
        "ChooseRegret": fixed(own.mean(), 2),
        "ChooseWorst": fixed(own.max(), 2),
        "ChooseLast": fixed(last.mean(), 2),
        "ChooseLastWorst": fixed(last.max(), 2),
        "ChooseBest": latex_text(report.best_rule),
        "ChooseBestRegret": fixed(best.mean(), 2),
        "ChooseUndecided": count(sum(one.undecided for one in report.pairs)),
        "ChooseCovered": count(sum(report.covered)),
        "ChooseBands": count(len(report.covered)),
    }


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row for each rule, in the order of their mean regret."""
    report = _report(folders)
    found = [(rule, 100 * report.regrets(rule)) for rule in RULES]
    rows = [
        [latex_text(rule), fixed(own.mean(), 2), fixed(own.max(), 2), count(own.size)]
        for rule, own in sorted((one for one in found if one[1].size), key=lambda one: float(one[1].mean()))
    ]
    return {"choosing.tex": table("lrrr", ["rule", "mean regret", "worst", "pairs"], rows)}


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """None: the table has all numbers."""
    return {}


PART = Part("choosing", (RESULT,), numbers, tables, figures)
