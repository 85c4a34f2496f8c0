"""What asking for labels brings, as lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from empirical.studies.choose_study.asking import AskedTarget
from simulation.runs.text_table import text_table


def asking_lines(asked: Sequence[AskedTarget]) -> list[str]:
    """Regret at first and in the end, by whether there is a verdict in the end, and whether answers keep their word.

    Args:
        asked: targets; none give no lines.
    """
    if not asked:
        return []
    groups = {
        "verdict at first": [one for one in asked if len(one.labels) == 1 and one.decided],
        "verdict later": [one for one in asked if len(one.labels) > 1 and one.decided],
        "no verdict": [one for one in asked if not one.decided],
        "all": list(asked),
    }
    header = ("answer", "targets", "labels", "first: mean", "worst", "end: mean", "worst")
    rows = [(name, *_row(own)) for name, own in groups.items() if own]
    return [
        "",
        "labelling as many more as the answers ask for: regret in points at first and in the end; median labels",
        *text_table(header, rows),
        *_kept_lines(asked),
    ]


def _row(asked: Sequence[AskedTarget]) -> tuple[str, ...]:
    regrets = 100 * np.array([(one.regrets[0], one.regrets[-1]) for one in asked])
    numbers = np.column_stack([regrets.mean(axis=0), regrets.max(axis=0)]).ravel()
    median = np.median([one.labels[-1] for one in asked])
    return str(len(asked)), f"{median:.0f}", *(f"{number:.2f}" for number in numbers)


def _kept_lines(asked: Sequence[AskedTarget]) -> list[str]:
    kept = [one.kept_word for one in asked if one.kept_word is not None]
    shares = [one.used_share for one in asked if one.used_share is not None]
    lines = []
    if kept:
        lines.append(f"as many more labels as the first answer asks for bring a verdict on {sum(kept)} of {len(kept)}")
    if shares:
        lines.append(f"labels at the verdict over those that were announced: {np.median(shares):.2f}, the median")
    return lines
