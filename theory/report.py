"""A theorem as text for the terminal and as LaTeX for a paper."""

from __future__ import annotations

import sympy as sp

from theory.theorem import Theorem, check_step


def statement_text(statement: sp.Basic) -> str:
    """A statement as plain text, an equation with an equals sign."""
    return f"{statement.lhs} = {statement.rhs}" if isinstance(statement, sp.Eq) else str(statement)


def theorem_text(theorem: Theorem) -> list[str]:
    """Lines: title, statement, assumptions, each step with its rule and the outcome of its check, what follows."""
    lines = [
        f"{theorem.name}  {theorem.title}",
        f"  {theorem.words}",
        f"  {statement_text(theorem.statement)}",
        f"  assumes: {', '.join(theorem.assumptions) or 'nothing beyond the setting'}",
    ]
    for number, step in enumerate(theorem.steps, 1):
        outcome = "verified" if check_step(step) else "NOT VERIFIED"
        lines.append(f"  {number}. {step.rule}  [{outcome}: {step.method.value}]")
        lines.append(f"     {step.text()}")
    lines += [f"  corollary: {corollary}" for corollary in theorem.corollaries]
    return lines + [f"  for power laws, alpha + beta > 1: {statement_text(one)}" for one in theorem.orders]


def theorem_latex(theorem: Theorem) -> str:
    """A theorem environment and a proof environment with a numbered list of the steps."""
    items = "\n".join(f"  \\item {_escaped(step.rule)}\n  \\[ {step.latex()} \\]" for step in theorem.steps)
    orders = "".join(
        f"For power laws with $\\alpha + \\beta > 1$,\n\\[ {sp.latex(one)} \\]\n" for one in theorem.orders
    )
    assumptions = f" Assumptions: {', '.join(theorem.assumptions)}." if theorem.assumptions else ""
    return (
        f"\\begin{{theorem}}[{theorem.name}: {_escaped(theorem.title)}]\n"
        f"{_escaped(theorem.words)}{assumptions}\n"
        f"\\[ {sp.latex(theorem.statement)} \\]\n{orders}"
        f"\\end{{theorem}}\n"
        f"\\begin{{proof}}\n\\begin{{enumerate}}\n{items}\n\\end{{enumerate}}\n\\end{{proof}}\n"
    )


def _escaped(words: str) -> str:
    """Plain words for LaTeX: characters with a meaning there are set as text."""
    meanings = {
        "\\": r"\textbackslash{}",
        "^": r"\^{}",
        "_": r"\_",
        "<": "$<$",
        ">": "$>$",
        "&": r"\&",
        "%": r"\%",
    }
    return "".join(meanings.get(letter, letter) for letter in words)
