"""A theorem with its derivation as plain text for the terminal, with the outcome of the check of each step."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import sympy as sp

from theory.theorems.step import Kind
from theory.theorems.theorem import Theorem
from theory.typeset.inline_math import plain_text

#: Columns of a terminal; a piece of an expression without a space may be longer.
WIDTH = 80


@dataclass(frozen=True)
class StepText:
    """A step of a derivation in text.

    Attributes:
        rule: why it holds, in words.
        text: both sides and how they compare.
        kind: how far its check carries.
        holds: the outcome of the check.
    """

    rule: str
    text: str
    kind: Kind
    holds: bool


@dataclass(frozen=True)
class TheoremText:
    """A theorem in text.

    Attributes:
        name: T and a number, or L and a number for a lemma.
        title: what it is about.
        words: the statement in words.
        statement: the result, an equation or inequality.
        assumptions: names A1 to A8 of its assumptions.
        steps: the derivation.
        corollaries: immediate consequences, in words.
        counterexamples: where stronger claims fail, with the losses there.
        orders: for power laws, equations between a quantity and its Theta.
    """

    name: str
    title: str
    words: str
    statement: str
    assumptions: tuple[str, ...]
    steps: tuple[StepText, ...]
    corollaries: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()

    @classmethod
    def from_theorem(cls, theorem: Theorem, outcomes: tuple[bool, ...]) -> Self:
        """The text of a theorem.

        Args:
            theorem: the theorem, derived here if necessary.
            outcomes: whether each of its steps holds, as ``Theorem.outcomes``.
        """
        return cls(
            theorem.name,
            plain_text(theorem.title),
            plain_text(theorem.words),
            statement_text(theorem.statement),
            theorem.assumptions,
            tuple(
                StepText(plain_text(step.rule), step.text(), step.kind, holds)
                for step, holds in zip(theorem.steps, outcomes, strict=True)
            ),
            tuple(plain_text(words) for words in theorem.corollaries),
            tuple(plain_text(one.text()) for one in theorem.counterexamples),
            tuple(statement_text(one) for one in theorem.derivation.orders),
        )

    @property
    def verified(self) -> bool:
        """Whether all steps hold."""
        return all(step.holds for step in self.steps)

    def lines(self) -> list[str]:
        """Title, statement, assumptions, each step with its rule and the outcome of its check, what follows."""
        lines = [
            *_wrapped(f"{self.name}  {self.title}", 0),
            *_wrapped(self.words, 2),
            *_wrapped(self.statement, 2),
            *_wrapped(f"assumes: {', '.join(self.assumptions) or 'nothing beyond the setting'}", 2),
        ]
        for number, step in enumerate(self.steps, 1):
            outcome = "verified" if step.holds else "NOT VERIFIED"
            lines += _wrapped(f"{number}. {step.rule}", 2, 3)
            lines += [f"     [{outcome}: {step.kind.value}]", *_wrapped(step.text, 5)]
        lines += _wrapped(kinds_text(step.kind for step in self.steps), 2)
        for corollary in self.corollaries:
            lines += _wrapped(f"corollary: {corollary}", 2)
        for counterexample in self.counterexamples:
            lines += _wrapped(f"counterexample. {counterexample}", 2)
        for order in self.orders:
            lines += _wrapped(f"for power laws, alpha + beta > 1: {order}", 2)
        return lines


def theorem_text(theorem: Theorem) -> list[str]:
    """The lines of a theorem, every step of which is checked."""
    return TheoremText.from_theorem(theorem, theorem.outcomes).lines()


def statement_text(statement: sp.Basic) -> str:
    """A statement as plain text, an equation with an equals sign."""
    return f"{statement.lhs} = {statement.rhs}" if isinstance(statement, sp.Eq) else str(statement)


def kinds_text(kinds: Iterable[Kind]) -> str:
    """The number of steps of each kind, in a sentence."""
    counts = Counter(kinds)
    evidence = counts[Kind.INSTANCES]
    closing = f"{evidence} supported by instances alone" if evidence else "none supported by instances alone"
    return (
        f"{counts.total()} steps: {counts[Kind.IDENTITY]} identities and {counts[Kind.INEQUALITY]} inequalities "
        f"proved, {closing}"
    )


def _wrapped(text: str, indent: int, hanging: int = 2) -> list[str]:
    """Lines of at most WIDTH, broken only at spaces."""
    start = " " * indent
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=start + " " * hanging,
        break_on_hyphens=False,
        break_long_words=False,
    )
