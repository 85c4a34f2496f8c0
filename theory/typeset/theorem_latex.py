"""A theorem with its derivation as LaTeX."""

from __future__ import annotations

import sympy as sp

from theory.theorems.step import Step
from theory.theorems.theorem import Theorem
from theory.typeset.display import Shown, displayed, expression_latex
from theory.typeset.inline_math import words_latex


def theorem_latex(theorem: Theorem) -> str:
    """A theorem environment, counterexamples included, and a proof environment: each step with its rule and kind."""
    items = "\n".join(
        f"  \\item {words_latex(step.rule)} [{step.kind.value}]\n{_step_display(step)}" for step in theorem.steps
    )
    assumptions = f" Assumptions: {', '.join(theorem.assumptions)}." if theorem.assumptions else ""
    orders = ""
    if theorem.derivation.orders:
        shown = "\n".join(statement_display(one) for one in theorem.derivation.orders)
        orders = f"For power laws with $\\alpha + \\beta > 1$,\n{shown}\n"
    counterexamples = [one.text() for one in theorem.counterexamples]
    corollaries = " ".join(words_latex(words) for words in (*theorem.corollaries, *counterexamples))
    return (
        f"\\begin{{theorem}}[{theorem.name}: {words_latex(theorem.title)}]\n"
        f"{words_latex(theorem.words)}{assumptions}\n"
        f"{statement_display(theorem.statement)}\n{orders}{corollaries}\n"
        f"\\end{{theorem}}\n"
        f"\\begin{{proof}}\n\\begin{{enumerate}}\n{items}\n\\end{{enumerate}}\n\\end{{proof}}\n"
    )


def statement_display(statement: sp.Basic) -> str:
    """Typeset a statement as a display; an equation wider than a line is broken at its sums."""
    if isinstance(statement, sp.Equality):
        return displayed([Shown(statement.lhs, "=", statement.rhs)])
    return rf"\[ {expression_latex(statement)} \]"


def _step_display(step: Step) -> str:
    meanings = [Shown(one.lhs, "=", one.rhs) for one in step.where]
    return displayed([Shown(step.left, step.relation.value, step.right), *meanings])
