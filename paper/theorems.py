"""The theorems as they are derived: statements for the text, and statements with proofs for the appendix."""

from __future__ import annotations

from theory.theorems.catalogue import LEMMAS, THEOREMS
from theory.theorems.step import Kind, count_kinds
from theory.theorems.theorem import Theorem
from theory.typeset.inline_math import words_latex
from theory.typeset.theorem_latex import statement_display, theorem_latex
from theory.validation import InputError


def derived() -> tuple[Theorem, ...]:
    """All theorems, then all lemmas.

    Raises:
        InputError: a step of a derivation does not hold; the paper prints none that has not been checked.
    """
    known = (*THEOREMS, *LEMMAS)
    for theorem in known:
        for number, holds in enumerate(theorem.outcomes, 1):
            if not holds:
                raise InputError(
                    f"theorem: step {number} of {theorem.name} does not hold; see phases derive {theorem.name}"
                )
    return known


def statements(known: tuple[Theorem, ...]) -> str:
    """A list of all statements without their proofs."""
    items = [
        f"\\item[{one.name}] {words_latex(one.title)}.{_assumptions(one)}\n{statement_display(one.statement)}"
        for one in known
    ]
    return "\\begin{description}\n" + "\n".join(items) + "\n\\end{description}\n"


def _assumptions(one: Theorem) -> str:
    return f" ({', '.join(one.assumptions)})" if one.assumptions else ""


def proofs(known: tuple[Theorem, ...]) -> str:
    """All theorems, each with its proof."""
    return "\n".join(theorem_latex(one) for one in known)


def numbers(known: tuple[Theorem, ...]) -> dict[str, str]:
    """Number of steps of each kind."""
    kinds = count_kinds(step for theorem in known for step in theorem.steps)
    return {
        "ProofSteps": str(sum(kinds.values())),
        "ProofStepsProved": str(kinds[Kind.IDENTITY] + kinds[Kind.INEQUALITY]),
        "ProofInequalities": str(kinds[Kind.INEQUALITY]),
        "ProofStepsEvidence": _evidence(kinds[Kind.INSTANCES]),
    }


def _evidence(numerical: int) -> str:
    """The sentence on the steps that are not proved, or that there are none."""
    if not numerical:
        return "none rests on numbers alone"
    verb = "rests" if numerical == 1 else "rest"
    return f"the other {numerical} {verb} on numbers alone, both sides compared at fifty digits on random instances"
