"""The theorems as they are derived: statements for the text, and statements with proofs for the appendix."""

from __future__ import annotations

from theory.catalogue import lemmas, theorems
from theory.displayed import expression_latex
from theory.formula_words import words_latex
from theory.report import theorem_latex
from theory.theorem import Method, Theorem, check_step
from theory.validation import InputError


def derived() -> tuple[Theorem, ...]:
    """T1 to T8 and L1 to L5.

    Raises:
        InputError: a step of a derivation does not hold; the paper prints none that has not been checked.
    """
    known = (*theorems(), *lemmas())
    for theorem in known:
        for number, step in enumerate(theorem.steps, 1):
            if not check_step(step):
                raise InputError(
                    f"theorem: step {number} of {theorem.name} does not hold; see phases derive {theorem.name}"
                )
    return known


def statements(known: tuple[Theorem, ...]) -> str:
    """A list of all statements without their proofs."""
    items = [
        f"\\item[{one.name}] {words_latex(one.title)}.{_assumptions(one)}\n\\[ {expression_latex(one.statement)} \\]"
        for one in known
    ]
    return "\\begin{description}\n" + "\n".join(items) + "\n\\end{description}\n"


def _assumptions(one: Theorem) -> str:
    return f" ({', '.join(one.assumptions)})" if one.assumptions else ""


def proofs(known: tuple[Theorem, ...]) -> str:
    """All theorems, each with its proof."""
    return "\n".join(theorem_latex(one) for one in known)


def numbers(known: tuple[Theorem, ...]) -> dict[str, str]:
    """How many steps there are, and how many of them are checked on instances."""
    steps = [step for one in known for step in one.steps]
    numerical = sum(step.method is Method.NUMERICAL for step in steps)
    return {"ProofSteps": str(len(steps)), "ProofStepsNumerical": str(numerical)}
