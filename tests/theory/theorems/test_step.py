from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theory import InputError
from theory.theorems.signs import is_visibly_positive
from theory.theorems.step import Relation, Step, check_step, holds_on_instances


def test_a_bound_is_held_against_all_instances_and_not_any() -> None:
    """X < 1 fails for one value in a hundred."""
    x = sp.Symbol("x", positive=True)

    def mostly_small(generator: np.random.Generator) -> dict[sp.Symbol, sp.Rational]:
        mostly_small.drawn += 1  # type: ignore[attr-defined]
        return {x: sp.Rational(3, 2) if mostly_small.drawn == 17 else sp.Rational(1, 2)}  # type: ignore[attr-defined]

    for relation, right in ((Relation.BELOW, sp.Integer(1)), (Relation.EQUAL, sp.Rational(1, 2))):
        mostly_small.drawn = 0  # type: ignore[attr-defined]
        assert not check_step(Step(x, relation, right, "", mostly_small))
        mostly_small.drawn = 20  # type: ignore[attr-defined]
        assert check_step(Step(x, relation, right, "", mostly_small))


def test_a_wrong_witness_proves_nothing() -> None:
    """One that is not the difference, and one whose form does not show its sign."""
    x = sp.Symbol("x", positive=True)
    right = Step(-x - x**2, Relation.BELOW, sp.Integer(0), "", witness=x + x**2)
    assert check_step(right)
    assert not check_step(replace(right, witness=x))
    assert not check_step(replace(right, left=x - x**2, witness=x**2 - x))
    with pytest.raises(InputError, match="an equation needs no witness"):
        check_step(replace(right, relation=Relation.EQUAL))
    with pytest.raises(InputError, match="has no sampler"):
        holds_on_instances(right)


def test_a_sum_with_a_negative_term_is_not_visibly_positive() -> None:
    x, y = sp.symbols("x y", positive=True)
    assert is_visibly_positive(x + y**2)
    assert is_visibly_positive(x + sp.Symbol("z", real=True) ** 2)
    assert not is_visibly_positive(x - y)
    assert not is_visibly_positive(x + sp.Symbol("z", real=True))
    assert not is_visibly_positive(sp.Symbol("z", real=True) ** 2 + sp.Symbol("u", real=True) ** 2)


def test_a_strict_bound_is_not_met_by_an_equality() -> None:
    """On instances, and less by a part in 10^60, beyond the digits that count."""
    x = sp.Symbol("x", positive=True)

    def draw(generator: np.random.Generator) -> dict[sp.Symbol, sp.Rational]:
        return {x: sp.Rational(int(generator.integers(1, 9)))}

    assert not check_step(Step(x**2, Relation.BELOW, x * x + 0, "", draw))
    assert not check_step(Step(x, Relation.BELOW, x * (1 + sp.Rational(1, 10**60)), "", draw))
    assert check_step(Step(x, Relation.BELOW, x * (1 + sp.Rational(1, 10**30)), "", draw))


def test_a_symbolic_inequality_and_a_symbol_without_a_value_are_refused() -> None:
    x, y = sp.symbols("x y", positive=True)
    with pytest.raises(InputError, match="an inequality needs a witness of its sign, or a sampler"):
        check_step(Step(-x, Relation.BELOW, sp.Integer(0), ""))
    with pytest.raises(InputError, match="gives no value for y"):
        check_step(Step(x - y, Relation.EQUAL, sp.Integer(0), "", lambda generator: {x: sp.Rational(1, 2)}))
