"""Lemma L1: finite power sums and their orders as the dimension grows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theory.symbols.complexity import DIMENSION, Theta, power_sum, power_sum_order
from theory.theorems.domain import LARGEST_DIMENSION, Condition, Domain
from theory.theorems.step import Relation, Step, rational
from theory.theorems.theorem import Derivation, Theorem


def _derivation() -> Derivation:
    """L1: H_d(p) = sum i^-p is of the order d^(1 - p), log d or 1."""
    exponent, excess = sp.symbols("p q", positive=True)
    position = sp.Symbol("x", positive=True)
    index = sp.Symbol("i", positive=True, integer=True)

    def integral(power: sp.Expr, end: sp.Expr) -> sp.Integral:
        return sp.Integral(position**power, (position, 1, end))

    def values(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
        # In late terms both sides are nearly equal.
        return {index: sp.Integer(int(10 ** generator.uniform(0, 6))), exponent: rational(generator, 0.1, 3)}

    # Of one term: how far x^-p has fallen at i + t is the integral of its slope.
    share, inner = sp.symbols("t u", positive=True)
    stretch = (share, 0, 1)
    fallen = sp.Integral(exponent * (index + inner) ** (-exponent - 1), (inner, 0, share))
    to_fall = sp.Integral(exponent * (index + inner) ** (-exponent - 1), (inner, share, 1))
    steps = (
        Step(
            sp.Integral((index + share) ** -exponent, stretch),
            Relation.BELOW,
            index**-exponent,
            "`x^-p` falls, so that each term of the sum lies above the integral from `i` to `i + 1`, and the sum "
            "above that from 1 to `d + 1` ...",
            values,
            witness=sp.Integral(fallen, stretch),
        ),
        Step(
            (index + 1) ** -exponent,
            Relation.BELOW,
            sp.Integral((index + share) ** -exponent, stretch),
            "... and below that from `i - 1` to `i`, and the sum below 1 and the integral from 1 to `d`.",
            values,
            witness=sp.Integral(to_fall, stretch),
        ),
        Step(
            integral(excess - 1, DIMENSION),
            Relation.EQUAL,
            (DIMENSION**excess - 1) / excess,
            "These integrals: for `p = 1 - q < 1`,",
        ),
        Step(integral(sp.Integer(-1), DIMENSION), Relation.EQUAL, sp.log(DIMENSION), "for `p = 1`,"),
        Step(
            integral(-1 - excess, DIMENSION),
            Relation.EQUAL,
            (1 - DIMENSION**-excess) / excess,
            "and for `p = 1 + q > 1`.",
        ),
        Step(
            sp.Limit((DIMENSION**excess - 1) / excess / DIMENSION**excess, DIMENSION, sp.oo),
            Relation.EQUAL,
            1 / excess,
            "Below 1 both bounds are `d^q / q` to leading order.",
        ),
        Step(
            sp.Limit(sp.log(DIMENSION + 1) / (1 + sp.log(DIMENSION)), DIMENSION, sp.oo),
            Relation.EQUAL,
            sp.Integer(1),
            "At 1 both bounds are `log d` to leading order.",
        ),
        Step(
            sp.Sum(index ** (-1 - excess), (index, 1, sp.oo)),
            Relation.EQUAL,
            sp.zeta(1 + excess),
            "Above 1 the sum converges, to the `zeta` function.",
        ),
    )
    return Derivation(
        statement=sp.Eq(power_sum(exponent), Theta(power_sum_order(exponent))),
        steps=steps,
    )


POWER_SUMS = Theorem(
    name="L1",
    title="Power sums",
    words="The order of a finite power sum as `d` grows, and so of the sums `A_j` and `B_j` of power laws.",
    assumptions=("A1", "A2"),
    derive=_derivation,
    domain=Domain(
        ("d", "p"),
        (Condition(lambda v: v["d"] == int(v["d"]) <= LARGEST_DIMENSION, "a whole number d of at most 1e7"),),
    ),
    corollaries=(
        "`A_j = H_d(j alpha)` and `B_j = g H_d(j alpha + beta)`: `R0` tends to `zeta(2 alpha) / zeta(alpha)` for "
        "`alpha > 1` and to 0 otherwise; `R2` to `zeta(2 alpha + beta) / zeta(alpha + beta)` for `alpha + beta > 1`.",
    ),
)
