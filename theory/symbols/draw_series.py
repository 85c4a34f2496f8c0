"""R of one output after one draw of W(0), as a series in sigma0 / s, and the turning points that follow from it.

Write W = s (delta + nu g), nu = sigma0 / s, with g the standard normal draw: for s << 1/lambda_1 R is a ratio of two
parabolas in nu, in the sums U_j = sum l^j delta g and V_j = sum l^j g^2. The loss of R by saturation, c Var s,
is that of T5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from theory.symbols.symbolic import CURVATURE, INITIAL_SCALE, SIGNAL_SUMS, SPECTRUM_SUMS, TIME, boundary_formulas

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
    """Derive the series; the result is cached, as it never changes."""
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
