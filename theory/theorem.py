"""What a theorem is here: assumptions, and a derivation whose every step can be checked again.

A step relates two expressions. Its left side is what is to be done (a derivative, a limit, a sum, an
integral, not yet carried out) or what is to be compared; its right side is the result. The check
carries the operation out and compares, so a step with another right side does not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import mpmath
import numpy as np
import sympy as sp

from theory.validation import InputError

#: Digits of the numerical checks, and the digits to which two sides must agree.
DIGITS = 50
AGREEMENT_DIGITS = 40

#: Draws rational values for the free symbols of a step.
Sampler = Callable[[np.random.Generator], Mapping[sp.Symbol, sp.Rational]]


class Relation(Enum):
    """How the two sides of a step compare."""

    EQUAL = "="
    BELOW = "<"


class Method(Enum):
    """How a step was checked."""

    SYMBOLIC = "SymPy"
    NUMERICAL = "mpmath, 50 digits"


@dataclass(frozen=True)
class Step:
    """One step of a derivation.

    Attributes:
        left: the operation, unevaluated.
        relation: how it compares with ``right``.
        right: the result.
        rule: why, in words.
        sampler: draws instances of the free symbols for a numerical check at 50 digits; None where
            SymPy closes the step by itself.
        where: what functions in ``left`` stand for, so that a long expression is printed once.
    """

    left: sp.Expr
    relation: Relation
    right: sp.Expr
    rule: str
    sampler: Sampler | None = None
    where: tuple[sp.Eq, ...] = ()

    @property
    def method(self) -> Method:
        """How ``check`` decides."""
        return Method.SYMBOLIC if self.sampler is None else Method.NUMERICAL

    def text(self) -> str:
        """The step as plain text."""
        meanings = "".join(f", where {one.lhs} = {one.rhs}" for one in self.where)
        return f"{self.left} {self.relation.value} {self.right}{meanings}"

    def latex(self) -> str:
        """The step as LaTeX, without delimiters."""
        meanings = "".join(rf",\quad {sp.latex(one)}" for one in self.where)
        return f"{sp.latex(self.left)} {self.relation.value} {sp.latex(self.right)}{meanings}"

    def carried_out(self) -> sp.Expr:
        """The left side with its functions replaced and its operation done."""
        return self.left.subs({one.lhs: one.rhs for one in self.where}).doit()


@dataclass(frozen=True)
class Theorem:
    """A statement and its derivation.

    Attributes:
        name: T1 to T8, or L1 and on for a lemma.
        title: what it is about.
        statement: the result, an equation or inequality.
        words: the statement in words, with the meaning of its symbols.
        assumptions: names A1 to A8 of what it takes for granted.
        steps: the derivation.
        corollaries: what follows at once, in words.
        orders: for power laws, equations between a quantity and its Theta.
    """

    name: str
    title: str
    statement: sp.Basic
    words: str
    assumptions: tuple[str, ...]
    steps: tuple[Step, ...]
    corollaries: tuple[str, ...] = ()
    orders: tuple[sp.Eq, ...] = ()


def check_step(step: Step, instances: int = 20, seed: int = 0) -> bool:
    """Whether a step holds: by SymPy, or at 50 digits on random instances.

    Args:
        step: what to check.
        instances: number of random instances of a numerical check.
        seed: of the instances.

    Raises:
        InputError: a symbolic inequality, or an instance that leaves a symbol without a value.
    """
    if step.sampler is None:
        if step.relation is not Relation.EQUAL:
            raise InputError("step: an inequality has no symbolic check; give it a sampler")
        return bool(sp.simplify(step.carried_out() - step.right) == 0)
    left, right = step.carried_out(), step.right.doit()
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    sides = sp.lambdify(symbols, (left, right), "mpmath")
    generator = np.random.default_rng(seed)
    with mpmath.workdps(DIGITS + 20):
        return all(_holds(step.relation, *sides(*_values(step.sampler, symbols, generator))) for _ in range(instances))


def _values(sampler: Sampler, symbols: list[sp.Symbol], generator: np.random.Generator) -> list[mpmath.mpf | int]:
    drawn = sampler(generator)
    missing = [str(symbol) for symbol in symbols if symbol not in drawn]
    if missing:
        raise InputError(f"sampler: gives no value for {', '.join(missing)}")
    # The upper end of a sum must be an integer.
    return [
        int(drawn[symbol]) if symbol.is_integer else mpmath.mpf(drawn[symbol].p) / drawn[symbol].q for symbol in symbols
    ]


def _holds(relation: Relation, left: mpmath.mpf, right: mpmath.mpf) -> bool:
    if not (mpmath.isfinite(left) and mpmath.isfinite(right)) or mpmath.im(left) or mpmath.im(right):
        return False
    difference = (left - right) / max(abs(left), abs(right), mpmath.mpf(10) ** (AGREEMENT_DIGITS - DIGITS))
    agreement = mpmath.mpf(10) ** -AGREEMENT_DIGITS
    match relation:
        case Relation.EQUAL:
            return bool(abs(difference) < agreement)
        case Relation.BELOW:
            return bool(difference < -agreement)
