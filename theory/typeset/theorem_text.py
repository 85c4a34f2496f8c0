"""A theorem as text for the terminal and as LaTeX for a paper."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from theory.theorems.step import Kind, Step, count_kinds
from theory.theorems.theorem import Theorem
from theory.typeset.display import Shown, displayed, expression_latex
from theory.typeset.inline_math import plain_text, words_latex


def statement_text(statement: sp.Basic) -> str:
    """A statement as plain text, an equation with an equals sign."""
    return f"{statement.lhs} = {statement.rhs}" if isinstance(statement, sp.Eq) else str(statement)


def theorem_text(theorem: Theorem) -> list[str]:
    """Lines: title, statement, assumptions, each step with its rule and the outcome of its check, what follows."""
    lines = [
        f"{theorem.name}  {plain_text(theorem.title)}",
        f"  {plain_text(theorem.words)}",
        f"  {statement_text(theorem.statement)}",
        f"  assumes: {', '.join(theorem.assumptions) or 'nothing beyond the setting'}",
    ]
    for number, (step, holds) in enumerate(zip(theorem.steps, theorem.outcomes, strict=True), 1):
        outcome = "verified" if holds else "NOT VERIFIED"
        lines.append(f"  {number}. {plain_text(step.rule)}  [{outcome}: {step.kind.value}]")
        lines.append(f"     {step.text()}")
    lines.append(f"  {kinds_text([theorem])}")
    lines += [f"  corollary: {plain_text(corollary)}" for corollary in theorem.corollaries]
    lines += [f"  counterexample. {plain_text(one.text())}" for one in theorem.counterexamples]
    return lines + [f"  for power laws, alpha + beta > 1: {statement_text(one)}" for one in theorem.derivation.orders]


def kinds_text(theorems: Sequence[Theorem]) -> str:
    """How many steps of some theorems are of which kind, in a sentence."""
    counts = count_kinds(step for theorem in theorems for step in theorem.steps)
    evidence = counts[Kind.INSTANCES]
    closing = f"{evidence} supported by instances alone" if evidence else "none supported by instances alone"
    return (
        f"{sum(counts.values())} steps: {counts[Kind.IDENTITY]} identities and {counts[Kind.INEQUALITY]} inequalities "
        f"proved, {closing}"
    )


def theorem_latex(theorem: Theorem) -> str:
    """A theorem environment, counterexamples included, and a proof environment: each step with its rule and kind."""
    items = "\n".join(
        f"  \\item {words_latex(step.rule)} [{step.kind.value}]\n{_step_display(step)}" for step in theorem.steps
    )
    assumptions = f" Assumptions: {', '.join(theorem.assumptions)}." if theorem.assumptions else ""
    orders = ""
    if theorem.derivation.orders:
        shown = "\n".join(_statement_display(one) for one in theorem.derivation.orders)
        orders = f"For power laws with $\\alpha + \\beta > 1$,\n{shown}\n"
    counterexamples = [one.text() for one in theorem.counterexamples]
    corollaries = " ".join(words_latex(words) for words in (*theorem.corollaries, *counterexamples))
    return (
        f"\\begin{{theorem}}[{theorem.name}: {words_latex(theorem.title)}]\n"
        f"{words_latex(theorem.words)}{assumptions}\n"
        f"{_statement_display(theorem.statement)}\n{orders}{corollaries}\n"
        f"\\end{{theorem}}\n"
        f"\\begin{{proof}}\n\\begin{{enumerate}}\n{items}\n\\end{{enumerate}}\n\\end{{proof}}\n"
    )


def _step_display(step: Step) -> str:
    meanings = [Shown(one.lhs, "=", one.rhs) for one in step.where]
    return displayed([Shown(step.left, step.relation.value, step.right), *meanings])


def _statement_display(statement: sp.Basic) -> str:
    """A statement, an equation or inequality, as it stands: its sides are never broken or named."""
    return rf"\[ {expression_latex(statement)} \]"
