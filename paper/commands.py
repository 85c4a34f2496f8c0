"""The command that shows each statement of the abstract."""

from __future__ import annotations

import shlex

from paper.latex_text import latex_text
from paper.studies import STUDIES
from paper.tables import table

#: What the abstract states, and the study that shows it.
_MEASURED = (
    ("the derived curve on CIFAR-10 pixels", "verify-cifar10"),
    ("scaling laws", "scaling"),
    ("the networks in a phase diagram", "diagram"),
    ("advice for targets of transfer", "verify-transfer-digits"),
    ("linear hidden layers", "verify-hidden-digits-linear"),
    ("rectified hidden layers", "verify-hidden-digits-relu"),
    ("departures from the assumptions", "robustness"),
    ("three phases in a deep network", "track-vgg8-cifar10"),
    ("its untrained features", "deep"),
    ("gains of stopping", "transfer"),
)

#: What it states as proved, and the words after ``phases``.
_PROVED = (
    ("the steps of the derivations", "derive"),
    ("phase III, and its counterexamples", "derive T4"),
    ("verdicts for a target", "derive T9"),
)


def commands() -> str:
    """A row per statement of the abstract, those that are proved first."""
    lines = {study.name: shlex.join(study.command) for study in STUDIES}
    rows = [*_PROVED, *((statement, lines[name]) for statement, name in _MEASURED)]
    cells = [[latex_text(statement), rf"\texttt{{phases {latex_text(line)}}}"] for statement, line in rows]
    return table("SC", ["statement", "command"], cells)
