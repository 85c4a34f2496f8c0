"""Lemma L5: the turning point of the mean over draws of W(0), and that of one draw, of one output."""

from __future__ import annotations

import sympy as sp

from theory.symbols.complexity import Theta
from theory.symbols.draw_series import CROSS_SUMS, NOISE, draw_series
from theory.symbols.symbolic import CURVATURE, INITIAL_SCALE, SIGNAL_SUMS, SPECTRUM_SUMS, TIME, boundary_formulas
from theory.theorems.domain import (
    ALIGNED,
    CURVED_AT_MOST_ONE,
    SPECTRUM,
    SPREAD,
    Domain,
    gap,
    turns_below_the_start,
    variance,
)
from theory.theorems.step import Relation, Step
from theory.theorems.theorem import Derivation, Theorem


def _derivation() -> Derivation:
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

    # C and Var are positive where R2 - R0 = g and Var = v are.
    excess, kept = sp.symbols("g v", positive=True)
    first = a2 / a1 + excess
    aligned = (sp.Eq(b2, b1 * first), sp.Eq(SIGNAL_SUMS[3], b1 * (first**2 + kept)))
    mean = -draws.remainder * (INITIAL_SCALE / TIME) ** 2 - falls * TIME
    single = pull * INITIAL_SCALE / TIME - falls * TIME

    steps = (
        Step(
            sp.Limit((draws.explained - level) / NOISE, NOISE, 0),
            Relation.EQUAL,
            2 * (CROSS_SUMS[1] - level * CROSS_SUMS[0]) / b1,
            "One draw, `s << 1/lambda_1`: `W(0)` moves `R` by `(sigma0/s)` times `sum k g`, `k = 2 l (l - R2) delta "
            "/ B1`.",
        ),
        Step(
            sp.Integral((weight * normal) ** 2 * density, (normal, -sp.oo, sp.oo)),
            Relation.EQUAL,
            weight**2,
            "Each mode adds `k^2` to the variance of the sum, whose mean is zero: `Var a = sum k^2`.",
        ),
        Step(
            draws.linear_variance,
            Relation.EQUAL,
            4 * (SIGNAL_SUMS[4] - 2 * level * SIGNAL_SUMS[3] + level**2 * b2) / b1**2,
            "`Var a = 4 sum l^2 (l - R2)^2 delta^2 / B1^2`.",
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
            "Its mean, by `E U_j U_k = B_(j+k)` and `E V_j = A_j`, is `-C`: what phase I still lacks, and `4 Var / "
            "B1` that the annealed ratio of means leaves out.",
        ),
        Step(
            outside / b1,
            Relation.EQUAL,
            draws.remainder,
            "It is the `C` of lemma L3 for one output: `A1 - R2` is `tr O Sigma` there, and `Var` is `|O Sigma b|^2`.",
        ),
        Step(
            sp.Subs(sp.Derivative(mean, TIME), TIME, draws.mean_turning_point),
            Relation.EQUAL,
            sp.Integer(0),
            "With the saturation of T5, the mean is stationary at `s*` ...",
        ),
        Step(
            sp.Derivative(mean, TIME, 2),
            Relation.BELOW,
            sp.Integer(0),
            "... and largest there, as `R2 - R0 = g > 0` and `Var = v > 0` bend it down everywhere.",
            where=aligned,
            witness=sp.factor(-sp.diff(mean, TIME, 2).subs({one.lhs: one.rhs for one in aligned})),
        ),
        Step(
            draws.mean_turning_point**3 - formulas.turning_point**3,
            Relation.EQUAL,
            8 * INITIAL_SCALE**2 / (CURVATURE * b1),
            "The cube of this time is that of T5 and `8 sigma0^2 / (c B1)`: a relative `4 Var / ((R2 - R0) A1)`, small "
            "at a large effective rank (A6).",
        ),
        Step(
            sp.Subs(sp.Derivative(single, TIME), TIME, draws.draw_turning_point),
            Relation.EQUAL,
            sp.Integer(0),
            "One draw, small `sigma0`: the linear term exceeds the second-order one. Where `a < 0` it turns at this "
            "time ...",
        ),
        Step(
            sp.Derivative(single, TIME, 2),
            Relation.BELOW,
            sp.Integer(0),
            "... and is largest there.",
            witness=-sp.diff(single, TIME, 2),
        ),
        Step(
            sp.Limit(scaled**2 * sp.diff(phase_one, scaled), scaled, sp.oo),
            Relation.EQUAL,
            -draws.linear,
            "Where `a > 0`, `R` falls already at `s = sigma0 u` for large `u`: its maximum lies in phase I, at a `u` "
            "that does not depend on `sigma0`.",
        ),
    )
    return Derivation(
        statement=sp.Eq(sp.Symbol("s*"), draws.mean_turning_point),
        steps=steps,
        orders=(sp.Eq(sp.Symbol("s*"), Theta(INITIAL_SCALE ** sp.Rational(2, 3))),),
    )


TURNING_POINT_OF_DRAWS = Theorem(
    name="L5",
    title="Turning point of the mean over draws and of one draw",
    words="The mean over `W(0)` of the loss of one output is lowest at `s*`, to leading order in `sigma0`. One draw "
    "has a term `a sigma0/s` of variance `4 sum l^2 (l - R2)^2 delta^2 / B1^2` besides.",
    assumptions=("A3", "A7", "A8"),
    derive=_derivation,
    domain=Domain(
        ("A1", "A2", "B1", "B2", "B3", "c", "sigma0"),
        (
            ALIGNED,
            SPECTRUM,
            SPREAD,
            CURVED_AT_MOST_ONE,
            turns_below_the_start(lambda v: (gap(v) * v["A1"] + 4 * variance(v)) / v["B1"]),
        ),
    ),
    corollaries=(
        "One draw turns at `Theta(sigma0^(1/2))` where `a < 0` and at `Theta(sigma0)` where `a > 0`, never at "
        "`Theta(sigma0^(2/3))`, once `sigma0` is so small that `C sigma0/s*` is below the deviation of `a`.",
    ),
)
