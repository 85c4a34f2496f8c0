"""Lemma L5: the turning point of the mean over draws of W(0), and that of one draw, of one output.

Write W = s (delta + nu g), nu = sigma0 / s, with g the standard normal draw: for s << 1/lambda_1 R is a ratio of two
parabolas in nu, in the sums U_j = sum l^j delta g and V_j = sum l^j g^2. What saturation takes, c Var s, is that of T5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp

from theory.symbols.complexity import Theta
from theory.symbols.symbolic import CURVATURE, INITIAL_SCALE, SIGNAL_SUMS, SPECTRUM_SUMS, TIME, boundary_formulas
from theory.theorems.theorem import Relation, Step, Theorem
from theory.theorems.theorems_early import random_sums

#: nu = sigma0 / s.
NOISE = sp.Symbol("nu", positive=True)
#: U_1, U_2 and V_1, V_2 of one draw.
CROSS_SUMS = sp.symbols("U1:3", real=True)
DRAWN_SUMS = sp.symbols("V1:3", positive=True)


@dataclass(frozen=True)
class DrawSeries:
    """R of one draw in powers of nu = sigma0 / s, and turning points.

    Attributes:
        explained: R in nu, U_j and V_j.
        linear: coefficient of nu, of mean zero.
        linear_variance: its variance over draws.
        quadratic: coefficient of nu^2.
        remainder: C, minus the mean of the quadratic coefficient.
        mean_turning_point: s* of the mean over draws, to leading order in sigma0.
        draw_turning_point: s* of one draw with a negative linear coefficient.
    """

    explained: sp.Expr
    linear: sp.Expr
    linear_variance: sp.Expr
    quadratic: sp.Expr
    remainder: sp.Expr
    mean_turning_point: sp.Expr
    draw_turning_point: sp.Expr


def mean_over_draws(expression: sp.Expr) -> sp.Expr:
    """Mean of a polynomial in U_j and V_j, of degree 2 in g: E U_j U_k = B_(j+k), E V_j = A_j, E U_j = 0."""
    polynomial = sp.Poly(sp.expand(expression), *CROSS_SUMS, *DRAWN_SUMS)
    total = sp.Integer(0)
    for powers, factor in polynomial.terms():
        crossed = [index + 1 for index, power in enumerate(powers[:2]) for _ in range(power)]
        drawn = [index + 1 for index, power in enumerate(powers[2:]) for _ in range(power)]
        if len(crossed) == 1:
            continue
        moment = SIGNAL_SUMS[sum(crossed)] if crossed else sp.Integer(1)
        total += factor * moment * sp.Mul(*[SPECTRUM_SUMS[index] for index in drawn])
    return sp.factor(total)


@lru_cache(maxsize=1)
def draw_series() -> DrawSeries:
    """Derive the series; the result is kept in memory, as it never changes."""
    b1, b2 = SIGNAL_SUMS[1:3]
    explained = (b2 + 2 * NOISE * CROSS_SUMS[1] + NOISE**2 * DRAWN_SUMS[1]) / (
        b1 + 2 * NOISE * CROSS_SUMS[0] + NOISE**2 * DRAWN_SUMS[0]
    )
    # Taylor's coefficients at nu = 0.
    linear, quadratic = (
        sp.factor(sp.diff(explained, NOISE, order).subs(NOISE, 0)) / sp.factorial(order) for order in (1, 2)
    )
    remainder = -mean_over_draws(quadratic)
    cube, root = sp.symbols("v q", positive=True)
    falls = CURVATURE * boundary_formulas().spread
    mean_slope = sp.diff(-remainder * (INITIAL_SCALE / TIME) ** 2, TIME) - falls
    (cubed,) = sp.solve(sp.numer(sp.together(mean_slope)).subs(TIME, sp.cbrt(cube)), cube)
    pull = sp.Symbol("a", negative=True)
    draw_slope = sp.diff(pull * INITIAL_SCALE / TIME, TIME) - falls
    (squared,) = sp.solve(sp.numer(sp.together(draw_slope)).subs(TIME, sp.sqrt(root)), root)
    return DrawSeries(
        explained=explained,
        linear=linear,
        linear_variance=mean_over_draws(linear**2),
        quadratic=quadratic,
        remainder=remainder,
        mean_turning_point=sp.cbrt(sp.factor(cubed)),
        draw_turning_point=sp.sqrt(sp.factor(squared)),
    )


def turning_point_of_draws() -> Theorem:
    """L5: the mean over draws turns later than T5 by 8 sigma0^2 / (c B1) in s*^3, one draw by other powers."""
    draws, formulas = draw_series(), boundary_formulas()
    gap = formulas.signal_level - formulas.initial_level
    a1, a2, b1, b2 = SPECTRUM_SUMS[1], SPECTRUM_SUMS[2], SIGNAL_SUMS[1], SIGNAL_SUMS[2]
    level, falls = formulas.signal_level, CURVATURE * formulas.spread
    pull, scaled = sp.Symbol("a", negative=True), sp.Symbol("u")
    normal, weight = sp.symbols("g k", real=True)
    density = sp.exp(-(normal**2) / 2) / sp.sqrt(2 * sp.pi)
    # Lemma L3 for one output: O projects on what is orthogonal to b = Sigma^(1/2) delta / sqrt(B1).
    variance = formulas.spread
    outside = (a1 - level) * level + 2 * variance - (a2 - 2 * (variance + level**2) + level**2)
    phase_one = draws.explained.subs(NOISE, 1 / scaled)

    def with_pull(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
        return {**random_sums(generator), pull: -sp.Rational(int(generator.integers(1, 1000)), 1000)}

    steps = (
        Step(
            sp.Limit((draws.explained - level) / NOISE, NOISE, 0),
            Relation.EQUAL,
            2 * (CROSS_SUMS[1] - level * CROSS_SUMS[0]) / b1,
            "One draw, s << 1/lambda_1: W(0) moves R by (sigma0/s) times sum k g, k = 2 l (l - R2) delta / B1.",
        ),
        Step(
            sp.Integral((weight * normal) ** 2 * density, (normal, -sp.oo, sp.oo)),
            Relation.EQUAL,
            weight**2,
            "Each mode adds k^2 to the variance of the sum, whose mean is zero: Var a = sum k^2.",
        ),
        Step(
            draws.linear_variance,
            Relation.EQUAL,
            4 * (SIGNAL_SUMS[4] - 2 * level * SIGNAL_SUMS[3] + level**2 * b2) / b1**2,
            "Var a = 4 sum l^2 (l - R2)^2 delta^2 / B1^2.",
        ),
        Step(
            sp.Limit((draws.explained - level - draws.linear * NOISE) / NOISE**2, NOISE, 0),
            Relation.EQUAL,
            draws.quadratic,
            "The term of second order.",
        ),
        Step(
            sp.UnevaluatedExpr(-draws.remainder),
            Relation.EQUAL,
            -(gap * a1 + 4 * variance) / b1,
            "Its mean, by E U_j U_k = B_(j+k) and E V_j = A_j, is -C: what phase I still lacks, and 4 Var / B1 that "
            "the annealed ratio of means leaves out.",
        ),
        Step(
            outside / b1,
            Relation.EQUAL,
            draws.remainder,
            "It is the C of lemma L3 for one output: A1 - R2 is tr O Sigma there, and Var is |O Sigma b|^2.",
        ),
        Step(
            sp.Subs(
                sp.Derivative(-draws.remainder * (INITIAL_SCALE / TIME) ** 2 - falls * TIME, TIME),
                TIME,
                draws.mean_turning_point,
            ),
            Relation.EQUAL,
            sp.Integer(0),
            "With the saturation of T5, the mean is stationary at s* ...",
            random_sums,
        ),
        Step(
            draws.mean_turning_point**3 - formulas.turning_point**3,
            Relation.EQUAL,
            8 * INITIAL_SCALE**2 / (CURVATURE * b1),
            "... whose cube is that of T5 and 8 sigma0^2 / (c B1): a relative 4 Var / ((R2 - R0) A1), small at a large "
            "effective rank (A6).",
            random_sums,
        ),
        Step(
            sp.Subs(sp.Derivative(pull * INITIAL_SCALE / TIME - falls * TIME, TIME), TIME, draws.draw_turning_point),
            Relation.EQUAL,
            sp.Integer(0),
            "One draw, small sigma0: the linear term exceeds the second-order one. Where a < 0 it turns at this time.",
            with_pull,
        ),
        Step(
            sp.Limit(scaled**2 * sp.diff(phase_one, scaled), scaled, sp.oo),
            Relation.EQUAL,
            -draws.linear,
            "Where a > 0, R falls already at s = sigma0 u for large u: its maximum lies in phase I, at a u that does "
            "not depend on sigma0.",
        ),
    )
    return Theorem(
        name="L5",
        title="Turning point of the mean over draws and of one draw",
        statement=sp.Eq(sp.Symbol("s*"), draws.mean_turning_point),
        words="The mean over W(0) of the loss of one output is lowest at s*, to leading order in sigma0. One draw has "
        "a term a sigma0/s of variance 4 sum l^2 (l - R2)^2 delta^2 / B1^2 besides.",
        assumptions=("A3", "A7", "A8"),
        steps=steps,
        corollaries=(
            "One draw turns at Theta(sigma0^(1/2)) where a < 0 and at Theta(sigma0) where a > 0, never at "
            "Theta(sigma0^(2/3)), once sigma0 is so small that C sigma0/s* is below the deviation of a.",
        ),
        orders=(sp.Eq(sp.Symbol("s*"), Theta(INITIAL_SCALE ** sp.Rational(2, 3))),),
    )
