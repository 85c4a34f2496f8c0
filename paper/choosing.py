"""Rules that choose a checkpoint for a task: results of ``phases study choose``."""

from __future__ import annotations

from empirical.studies.choose_study.pairs import BY_ACCURACY, CHOSEN
from empirical.studies.choose_study.regrets import PairMean, excess, frozen, tuned
from empirical.studies.choose_study.report import RULES, ChooseStudyReport
from paper.latex_text import latex_text
from paper.macros import count, fixed, interval
from paper.part import Draw, Part
from paper.result_folders import ResultFolders
from paper.tables import table

RESULT = "choose"

#: What practice mostly does, and the rule that comes closest to this tool's.
_LAST, _RIVAL, _PROBE = "last", "LogME", "direct probe"

#: The first seed whose trainings no rule had read when rules were fixed.
_FRESH = 3


def _report(folders: ResultFolders) -> ChooseStudyReport:
    return ChooseStudyReport.read(folders.folder(RESULT))


def numbers(folders: ResultFolders) -> dict[str, str]:
    """Size of the study, regrets in points with frozen features and after fine-tuning, coverage and abstentions."""
    report = _report(folders)
    own, last = (report.mean_regret(frozen(rule)) for rule in (CHOSEN, _LAST))
    own_tuned, last_tuned = (report.mean_regret(tuned(rule)) for rule in (CHOSEN, _LAST))
    best_tuned = report.best_tuned_rule or CHOSEN
    later, fresh = report.since(1), report.since(_FRESH)
    return {
        "ChoosePairs": count(len(report.pairs)),
        "ChooseTrainings": count(len({(one.source, one.network, one.seed) for one in report.pairs})),
        "ChooseSeeds": count(len({one.seed for one in report.pairs})),
        "ChooseLabels": count(report.plan.labels_per_class),
        "ChooseRegret": _mean(own),
        "ChooseWorst": _worst(own),
        "ChooseLast": _mean(last),
        "ChooseLastWorst": _worst(last),
        "ChooseBest": latex_text(report.best_rule),
        "ChooseBestRegret": _mean(report.mean_regret(frozen(report.best_rule))),
        "ChooseAccuracyExcess": _with_interval(later.mean_regret(excess(BY_ACCURACY, CHOSEN))),
        "ChooseRivalExcess": _with_interval(later.mean_regret(excess(_RIVAL, CHOSEN))),
        "ChooseFreshRegret": _with_interval(fresh.mean_regret(frozen(CHOSEN))),
        "ChooseFreshRivalExcess": _with_interval(fresh.mean_regret(excess(_RIVAL, CHOSEN))),
        "ChooseFreshProbeExcess": _with_interval(fresh.mean_regret(excess(_PROBE, CHOSEN))),
        "ChooseTunedPairs": count(report.tuned_regrets(CHOSEN).size),
        "ChooseTuned": _with_interval(own_tuned),
        "ChooseTunedLast": _with_interval(last_tuned),
        "ChooseTunedBest": latex_text(best_tuned),
        "ChooseTunedBestRegret": _with_interval(report.mean_regret(tuned(best_tuned))),
        "ChooseUndecided": count(sum(one.undecided for one in report.pairs)),
        "ChooseCovered": count(sum(report.covered)),
        "ChooseBands": count(len(report.covered)),
    }


def tables(folders: ResultFolders) -> dict[str, str]:
    """A row for each rule, in the order of their mean regret with frozen features."""
    report = _report(folders)
    found = [(rule, own) for rule in RULES if (own := report.mean_regret(frozen(rule))) is not None]
    rows = []
    for rule, own in sorted(found, key=lambda one: one[1].mean):
        after = report.mean_regret(tuned(rule))
        cells = _with_interval(own), _worst(own), count(own.pairs), _with_interval(after), _worst(after)
        rows.append([latex_text(rule), *cells])
    header = ["rule", "frozen", "worst", "pairs", "fine-tuned", "worst"]
    return {"choosing.tex": table("lrrrrr", header, rows)}


def figures(folders: ResultFolders) -> dict[str, Draw]:
    """None: the table has all numbers."""
    return {}


def _mean(found: PairMean | None) -> str:
    return "--" if found is None else fixed(found.mean, 2)


def _worst(found: PairMean | None) -> str:
    return "--" if found is None else fixed(found.worst, 2)


def _with_interval(found: PairMean | None) -> str:
    """A mean with its interval over trainings, where there is one."""
    if found is None or found.interval is None:
        return _mean(found)
    return interval(found.mean, *found.interval)


PART = Part("choosing", (RESULT,), numbers, tables, figures)
