"""Theorems with their derivations, typeset or at given values, as reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from empirical.studies.report import Report, run_folder
from simulation.runs.json_reader import Flag, ListOf, MapOf, Real, Record, Text, Whole, Word, read_json
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import DERIVE
from theory import InputError
from theory.progress import Progress, silent
from theory.theorems.catalogue import LEMMAS, THEOREMS, theorem_named
from theory.theorems.evaluation import parse_values, statement_at
from theory.theorems.step import Kind, check_step
from theory.theorems.theorem import Theorem
from theory.typeset.derivation_text import StepText, TheoremText, kinds_text, statement_text
from theory.typeset.theorem_latex import theorem_latex
from theory.validation import at_least

_LONG = Text(100_000)
_WORDS = ListOf(_LONG, 0)
_STEP = Record(
    {"rule": _LONG, "text": _LONG, "kind": Word(tuple(one.value for one in Kind)), "holds": Flag()},
)
_THEOREM = Record(
    {
        "name": Text(),
        "title": _LONG,
        "words": _LONG,
        "statement": _LONG,
        "assumptions": _WORDS,
        "steps": ListOf(_STEP, 0),
        "corollaries": _WORDS,
        "counterexamples": _WORDS,
        "orders": _WORDS,
    }
)
_VERSIONS = MapOf(Text())
_DERIVED = Record({"theorems": ListOf(_THEOREM), "seed": Whole(0, 2**63 - 1), "versions": _VERSIONS})
_TYPESET = Record({"theorems": MapOf(_LONG), "versions": _VERSIONS})
_EVALUATED = Record({"theorem": Text(), "values": MapOf(Real()), "statement": _LONG, "versions": _VERSIONS})


@dataclass(frozen=True, eq=False)
class DeriveReport(Report):
    """Theorems with their derivations, of which every step has been checked.

    Attributes:
        theorems: in text, with the outcome of each check.
        seed: of the random instances of numerical checks.
        versions: of the software that checked them.
    """

    kind = DERIVE
    result_name = "derive.json"

    theorems: tuple[TheoremText, ...]
    seed: int
    versions: dict[str, str]

    @property
    def holds(self) -> bool:
        """Whether every step of every theorem holds."""
        return all(theorem.verified for theorem in self.theorems)

    def lines(self) -> list[str]:
        """The theorems one after another, and the number of steps of each kind if there are several."""
        lines = [line for theorem in self.theorems for line in [*theorem.lines(), ""]]
        if len(self.theorems) == 1:
            return lines[:-1]
        return [*lines, f"in all, {kinds_text(step.kind for theorem in self.theorems for step in theorem.steps)}"]

    def content(self) -> dict[str, Any]:
        """Theorems and steps in text, with the outcomes."""
        rows = [_row(theorem) for theorem in self.theorems]
        return {"theorems": rows, "verified": self.holds, "seed": self.seed, "versions": self.versions}

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / cls.result_name, _DERIVED, "folder")
        return cls(tuple(_theorem(row) for row in content["theorems"]), content["seed"], content["versions"])


@dataclass(frozen=True, eq=False)
class TypesetReport(Report):
    """Theorems as LaTeX; their steps are not checked.

    Attributes:
        theorems: a theorem and a proof environment each, by name.
        versions: of the software that derived them.
    """

    kind = DERIVE
    result_name = "latex.json"

    theorems: dict[str, str]
    versions: dict[str, str]

    def lines(self) -> list[str]:
        """The LaTeX."""
        return "\n".join(self.theorems.values()).split("\n")

    def content(self) -> dict[str, Any]:
        """The LaTeX by name."""
        return {"theorems": self.theorems, "versions": self.versions}

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / cls.result_name, _TYPESET, "folder")
        return cls(content["theorems"], content["versions"])


@dataclass(frozen=True, eq=False)
class StatementReport(Report):
    """The statement of a theorem at given values.

    Attributes:
        theorem: its name.
        values: by symbol.
        statement: with the numbers in it.
        versions: of the software that evaluated it.
    """

    kind = DERIVE
    result_name = "values.json"

    theorem: str
    values: dict[str, float]
    statement: str
    versions: dict[str, str]

    def lines(self) -> list[str]:
        """The statement."""
        return [self.statement]

    def content(self) -> dict[str, Any]:
        """Theorem, values and statement."""
        return asdict(self)

    @classmethod
    def _read(cls, folder: Path) -> Self:
        """See ``Report``."""
        content = read_json(folder / cls.result_name, _EVALUATED, "folder")
        return cls(content["theorem"], content["values"], content["statement"], content["versions"])


def derive(
    theorem: str | None = None,
    *,
    seed: int = 0,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> DeriveReport:
    """Derive a theorem, or all of them, and check every step again.

    Args:
        theorem: its name, as ``T5``; None takes all theorems and lemmas, half a minute.
        seed: of the random instances on which steps that SymPy does not close are compared.
        folder: where the report is saved; None saves nothing.
        progress: shows how far the checks are.

    Raises:
        InputError: an unknown name, or a folder of another job.
    """
    at_least("seed", seed, 0)
    chosen = _chosen(theorem)
    place = run_folder(folder, DERIVE)
    checked = tuple(
        TheoremText.from_theorem(one, tuple(check_step(step, seed=seed) for step in one.steps))
        for one in progress(chosen, "check")
    )
    report = DeriveReport(checked, seed, software_versions())
    if place is not None:
        report.save(place)
    return report


def typeset(theorem: str | None = None, *, folder: str | Path | None = None) -> TypesetReport:
    """Typeset a theorem, or all of them, without checking its steps.

    Args:
        theorem: its name; None takes all theorems and lemmas.
        folder: where the report is saved; None saves nothing.

    Raises:
        InputError: an unknown name, or a folder of another job.
    """
    chosen = _chosen(theorem)
    place = run_folder(folder, DERIVE)
    report = TypesetReport({one.name: theorem_latex(one) for one in chosen}, software_versions())
    if place is not None:
        report.save(place)
    return report


def evaluate_statement(
    theorem: str | None, values: str | dict[str, float], *, folder: str | Path | None = None
) -> StatementReport:
    """Evaluate the statement of a theorem.

    Args:
        theorem: its name.
        values: by symbol, also as a text such as ``sigma0=1e-3,d=1000``; see ``theory.theorems.evaluation``.
        folder: where the report is saved; None saves nothing.

    Raises:
        InputError: no or an unknown name, values outside of its domain, or a folder of another job; before anything is
            derived.
    """
    if theorem is None:
        raise InputError("values: no theorem is named; give one, as in phases derive T5 --values ...")
    chosen = theorem_named(theorem)
    given = parse_values(values) if isinstance(values, str) else values
    place = run_folder(folder, DERIVE)
    statement = statement_text(statement_at(chosen, given))
    report = StatementReport(chosen.name, given, statement, software_versions())
    if place is not None:
        report.save(place)
    return report


def _chosen(theorem: str | None) -> tuple[Theorem, ...]:
    return (*THEOREMS, *LEMMAS) if theorem is None else (theorem_named(theorem),)


def _row(theorem: TheoremText) -> dict[str, Any]:
    lists = ("assumptions", "corollaries", "counterexamples", "orders")
    steps = [vars(step) | {"kind": step.kind.value} for step in theorem.steps]
    return vars(theorem) | {name: list(getattr(theorem, name)) for name in lists} | {"steps": steps}


def _theorem(row: dict[str, Any]) -> TheoremText:
    steps = tuple(StepText(one["rule"], one["text"], Kind(one["kind"]), one["holds"]) for one in row["steps"])
    return TheoremText(
        row["name"],
        row["title"],
        row["words"],
        row["statement"],
        tuple(row["assumptions"]),
        steps,
        tuple(row["corollaries"]),
        tuple(row["counterexamples"]),
        tuple(row["orders"]),
    )
