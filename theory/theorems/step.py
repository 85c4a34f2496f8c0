"""Steps of a derivation: two expressions that are related, and the check that they are.

The left side of a step is an operation (a derivative, a limit, a sum, an integral, not yet carried out) or an
expression to be compared; its right side is the result. The check carries out the operation and compares, so a step
with another right side does not pass.

There are three kinds of step, which are counted separately. An identity is closed by SymPy. So is an
inequality with a witness: an expression equal to the difference of its sides whose form shows its sign. Where SymPy
does not close a step, both sides are compared on random instances at 50 digits: evidence, not proof.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import mpmath
import numpy as np
import sympy as sp

from theory.theorems.signs import is_visibly_positive, separated
from theory.validation import InputError

#: Digits of the numerical checks, and the digits to which two sides must agree.
DIGITS = 50
AGREEMENT_DIGITS = 40

#: Draws rational values for the free symbols of a step.
Sampler = Callable[[np.random.Generator], Mapping[sp.Symbol, sp.Rational]]


def rational(generator: np.random.Generator, low: float, high: float) -> sp.Rational:
    """A random rational with four digits between ``low`` and ``high``.

    Args:
        generator: of random numbers.
        low: smallest value.
        high: largest value.
    """
    return sp.Rational(int(generator.integers(int(low * 10_000), int(high * 10_000))), 10_000)


class Relation(Enum):
    """How the two sides of a step compare."""

    EQUAL = "="
    BELOW = "<"


class Kind(Enum):
    """The strength of the check of a step; the value is printed next to the step."""

    IDENTITY = "identity, by SymPy"
    INEQUALITY = "inequality, proved by SymPy"
    INSTANCES = "on random instances, 50 digits"


@dataclass(frozen=True)
class Step:
    """One step of a derivation.

    Attributes:
        left: the operation, unevaluated.
        relation: how it compares with ``right``.
        right: the result.
        rule: why, in words.
        sampler: draws instances of the free symbols, for a numerical check at 50 digits; None where
            SymPy closes the step by itself. A step with a witness may have one too: the sampler
            then only shows how sharp the bound is (``holds_on_instances``). Instances of an inequality
            must come near to equality, or a bound that is too strong passes on them.
        where: definitions of functions in ``left``, so that a long expression is printed once.
        witness: of an inequality, an expression that equals ``right`` minus ``left`` and is positive by its form.
    """

    left: sp.Expr
    relation: Relation
    right: sp.Expr
    rule: str
    sampler: Sampler | None = None
    where: tuple[sp.Eq, ...] = ()
    witness: sp.Expr | None = None

    @property
    def kind(self) -> Kind:
        """How ``check_step`` decides."""
        if self.witness is not None:
            return Kind.INEQUALITY
        return Kind.IDENTITY if self.sampler is None else Kind.INSTANCES

    def text(self) -> str:
        """The step as plain text."""
        meanings = "".join(f", where {one.lhs} = {one.rhs}" for one in self.where)
        return f"{self.left} {self.relation.value} {self.right}{meanings}"

    def latex(self) -> str:
        """The step as LaTeX, without delimiters."""
        meanings = "".join(rf",\quad {sp.latex(one)}" for one in self.where)
        return f"{sp.latex(self.left)} {self.relation.value} {sp.latex(self.right)}{meanings}"

    @cached_property
    def _done(self) -> sp.Expr:
        return self.left.subs({one.lhs: one.rhs for one in self.where}).doit()

    def carried_out(self) -> sp.Expr:
        """The left side with its functions replaced and its operation done; kept, as limits and integrals take long."""
        return self._done


def count_kinds(steps: Iterable[Step]) -> Mapping[Kind, int]:
    """Number of steps of each kind."""
    counts = Counter(step.kind for step in steps)
    return {kind: counts[kind] for kind in Kind}


def check_step(step: Step, instances: int = 20, seed: int = 0) -> bool:
    """Whether a step holds: by SymPy, or at 50 digits on random instances, as its kind says.

    Args:
        step: what to check.
        instances: number of random instances of a numerical check.
        seed: of the instances.

    Raises:
        InputError: an inequality with neither witness nor sampler, an equation with a witness, or an instance that
            leaves a symbol without a value.
    """
    match step.kind:
        case Kind.INSTANCES:
            return holds_on_instances(step, instances, seed)
        case Kind.IDENTITY:
            if step.relation is not Relation.EQUAL:
                raise InputError("step: an inequality needs a witness of its sign, or a sampler; give one of them")
            return _vanishes(step.carried_out() - step.right)
        case Kind.INEQUALITY:
            if step.relation is Relation.EQUAL:
                raise InputError("step: an equation needs no witness; give one only to inequalities")
            witness = step.witness
            return is_visibly_positive(witness) and _vanishes(step.right - step.carried_out() - witness)


def _vanishes(expression: sp.Expr) -> bool:
    """Whether SymPy finds that an expression is zero."""
    done = expression.doit()
    if done.has(sp.Indexed):
        # Sums over any number of modes: one fraction, in a form in which equal sums look equal.
        return bool(separated(sp.together(done).as_numer_denom()[0]) == 0)
    if _differs_somewhere(done):
        return False
    if done.is_rational_function():
        return bool(sp.cancel(sp.together(done)) == 0)
    # Multiplying out is often enough, and takes much less time.
    return bool(sp.expand(done) == 0 or sp.simplify(done) == 0)


def _differs_somewhere(expression: sp.Expr) -> bool:
    """Whether an expression is nonzero at one test point: this settles most nonzero expressions at once."""
    symbols = sorted(expression.free_symbols, key=str)
    point = {
        symbol: sp.Integer(3) if symbol.is_integer else _POINT + sp.Rational(k, 97) for k, symbol in enumerate(symbols)
    }
    value = expression.subs(point).evalf(30)
    return bool(value.is_Float and abs(value) > _SEEN)


#: Where ``_differs_somewhere`` looks, and how large a value of thirty digits is not rounding of zero.
_POINT, _SEEN = sp.Rational(5, 13), sp.Float("1e-15")


def holds_on_instances(step: Step, instances: int = 20, seed: int = 0) -> bool:
    """Whether a step holds at 50 digits on every one of its sampler's random instances.

    Args:
        step: with a sampler.
        instances: how many.
        seed: of the instances.

    Raises:
        InputError: a step without a sampler, or an instance that leaves a symbol without a value.
    """
    if step.sampler is None:
        raise InputError("step: has no sampler; give one to check on instances")
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
