"""SymPy derivation of the boundaries of a one-output network: s1, the tau-point, s* and the return.

No result is typed in: the gradient flow of each mode comes from differentiating the
loss, its solution from solving the equation, the explained variance from averaging over W(0), the
boundaries from expanding it and solving. `theory.curves.annealed` evaluates these expressions.

Symbols: s time, sigma0 initial scale, l an eigenvalue, delta a signal coordinate, c the curvature of
the loss at W = 0, A_j = sum_i l_i^j and B_j = sum_i l_i^j delta_i^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

TIME = sp.Symbol("s", positive=True)
INITIAL_SCALE = sp.Symbol("sigma0", positive=True)
EIGENVALUE = sp.Symbol("lambda", positive=True)
SIGNAL = sp.Symbol("delta", real=True)
CURVATURE = sp.Symbol("c", positive=True)
FRACTION = sp.Symbol("tau", positive=True)
RESOLUTION = sp.Symbol("rho", positive=True)
SPECTRUM_SUMS = sp.symbols("A0:6", positive=True)
SIGNAL_SUMS = sp.symbols("B0:6", positive=True)


@dataclass(frozen=True)
class BoundaryFormulas:
    """The derived expressions, in the symbols of this module.

    Attributes:
        mode: w(s) of one mode with initial value w0.
        second_moment: E w(s)^2 over w0 ~ N(0, sigma0^2).
        initial_level: R0, explained variance at time 0.
        signal_level: R2, explained variance once the signal dominates and before modes saturate.
        phase_one_level: R(s) while s << 1/lambda_1.
        fraction_point: time at which a fraction tau of R2 - R0 is gained.
        phase_one_end: s1 of theorem T2, the fraction point at tau = 1/2.
        spread: variance of lambda under the weights lambda delta^2.
        turning_point: s* of theorem T5, to leading order in sigma0.
        return_time: time at which R, falling after the turning point, is back at R0, for small sigma0 and to
            second order in R2 - R0.
    """

    mode: sp.Expr
    second_moment: sp.Expr
    initial_level: sp.Expr
    signal_level: sp.Expr
    phase_one_level: sp.Expr
    fraction_point: sp.Expr
    phase_one_end: sp.Expr
    spread: sp.Expr
    turning_point: sp.Expr
    return_time: sp.Expr


@dataclass(frozen=True)
class FirstRise:
    """The rise of the loss before it falls, for small sigma0 (theorem T7).

    Attributes:
        speed: at which R falls at time 0, as W(0) loses its high-variance directions.
        parabola: R(s) at times of order sigma0^2.
        deepest: time at which the parabola is lowest.
        depth: how far it has fallen then.
        border: sigma0 at which the depth is rho tr Sigma.
    """

    speed: sp.Expr
    parabola: sp.Expr
    deepest: sp.Expr
    depth: sp.Expr
    border: sp.Expr


@dataclass(frozen=True)
class TurningBalance:
    """R near its maximum.

    Attributes:
        explained: R at s = epsilon^2 u and sigma0 = epsilon^3.
        balance: its coefficient of epsilon^2, in u.
        small: epsilon.
        scaled: u.
    """

    explained: sp.Expr
    balance: sp.Expr
    small: sp.Symbol
    scaled: sp.Symbol


def mode_solution(initial: sp.Symbol) -> sp.Expr:
    """w(s) of one mode under the flow of the loss, linearised at w = 0.

    To second order in w a loss with curvature c has the population value c l w^2 / 2 - delta w + const
    in an eigendirection, as E x^2 = l and E[(t - p(0)) x] = delta.
    """
    weight = sp.Symbol("w", real=True)
    population_loss = CURVATURE * EIGENVALUE * weight**2 / 2 - SIGNAL * weight
    trajectory = sp.Function("w")
    velocity = -sp.diff(population_loss, weight).subs(weight, trajectory(TIME))
    equation = sp.Eq(trajectory(TIME).diff(TIME), velocity)
    return sp.simplify(sp.dsolve(equation, trajectory(TIME), ics={trajectory(0): initial}).rhs)


def averaged_square(trajectory: sp.Expr, initial: sp.Symbol) -> sp.Expr:
    """E w(s)^2 over initial ~ N(0, sigma0^2): odd powers of the initial value vanish."""
    polynomial = sp.Poly(sp.expand(trajectory**2), initial)
    gaussian_moments = {0: sp.Integer(1), 1: sp.Integer(0), 2: INITIAL_SCALE**2}
    return sp.Add(*[gaussian_moments[power] * factor for (power,), factor in polynomial.terms()])


def sum_over_modes(expression: sp.Expr) -> sp.Expr:
    """sum_i of a polynomial in l_i and delta_i^2, written with the sums A_j and B_j."""
    polynomial = sp.Poly(sp.expand(expression), EIGENVALUE, SIGNAL)
    sums = {0: SPECTRUM_SUMS, 2: SIGNAL_SUMS}
    return sp.Add(*[factor * sums[degree][power] for (power, degree), factor in polynomial.terms()])


def truncated(expression: sp.Expr, variable: sp.Symbol, order: int) -> sp.Expr:
    """Taylor polynomial of ``expression`` in ``variable`` at 0, up to the power ``order``.

    Args:
        expression: analytic in ``variable`` at 0.
        variable: of the expansion.
        order: highest power, at least 0.
    """
    return sp.series(expression, variable, 0, order + 1).removeO()


@lru_cache(maxsize=1)
def early_explained_variance() -> sp.Expr:
    """R(s) averaged over W(0), its modes expanded for s << 1/lambda_1, in the sums A_j and B_j."""
    initial = sp.Symbol("w0", real=True)
    second_moment = averaged_square(mode_solution(initial), initial)
    # Three powers of s beyond the leading one are enough for the turning point.
    early = truncated(second_moment, TIME, 3)
    return sum_over_modes(EIGENVALUE**2 * early) / sum_over_modes(EIGENVALUE * early)


@lru_cache(maxsize=1)
def turning_balance() -> TurningBalance:
    """The leading terms of R near its maximum, at s = sigma0^(2/3) u.

    There the remainder of phase I, O((sigma0/s)^2), and the first saturation of modes, O(s), are
    equally large; with sigma0 = epsilon^3 both are of order epsilon^2.
    """
    scaled = sp.Symbol("u", positive=True)
    small = sp.Symbol("epsilon", positive=True)
    scaled_time = early_explained_variance().subs(TIME, small**2 * scaled).subs(INITIAL_SCALE, small**3)
    explained = sp.cancel(scaled_time)
    balance = sp.series(explained, small, 0, 3).removeO().coeff(small, 2)
    return TurningBalance(explained, balance, small, scaled)


@lru_cache(maxsize=1)
def learnt_explained_variance() -> sp.Expr:
    """R(s) of what is learnt alone, W(0) = 0, its modes expanded for s << 1/lambda_1, in the sums B_j."""
    initial = sp.Symbol("w0", real=True)
    # The leading power s^2 cancels in the ratio; two more give R to second order.
    square = truncated(mode_solution(initial).subs(initial, 0) ** 2, TIME, 4)
    return sp.cancel(sum_over_modes(EIGENVALUE**2 * square) / sum_over_modes(EIGENVALUE * square))


@lru_cache(maxsize=1)
def forgetting_series() -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """The coefficients of 1, s and s^2 in R(s) of what is learnt alone."""
    series = truncated(learnt_explained_variance(), TIME, 2)
    level, speed, bend = (sp.factor(series.coeff(TIME, power)) for power in range(3))
    return level, speed, bend


@lru_cache(maxsize=1)
def small_root() -> tuple[sp.Expr, tuple[sp.Symbol, sp.Symbol, sp.Symbol]]:
    """The root of  r1 s + r2 s^2 = -G  that vanishes with the gap G, to second order in G, and (G, r1, r2)."""
    gap, bend = sp.symbols("G r2", positive=True)
    fall = sp.Symbol("r", positive=True)
    time = sp.Symbol("t", positive=True)
    roots = sp.solve(sp.Eq(-fall * time + bend * time**2, -gap), time)
    small = [root for root in roots if sp.limit(root, gap, 0) == 0]
    speed = sp.Symbol("r1", negative=True)
    return truncated(small[0], gap, 2).subs(fall, -speed), (gap, speed, bend)


@lru_cache(maxsize=1)
def boundary_formulas() -> BoundaryFormulas:
    """Derive the boundaries; the result is cached, as it never changes."""
    initial = sp.Symbol("w0", real=True)
    mode = mode_solution(initial)
    explained = early_explained_variance()
    initial_level = sp.simplify(explained.subs(TIME, 0))

    # Phase I is at s = sigma0 u: a finite limit as sigma0 -> 0.
    scaled = sp.Symbol("u", positive=True)
    square = sp.Symbol("q", positive=True)
    phase_one = sp.simplify(sp.limit(sp.simplify(explained.subs(TIME, INITIAL_SCALE * scaled)), INITIAL_SCALE, 0))
    signal_level = sp.limit(phase_one, scaled, sp.oo)
    gained = sp.simplify((phase_one - initial_level) / (signal_level - initial_level))
    (squared,) = sp.solve(sp.Eq(gained.subs(scaled, sp.sqrt(square)), FRACTION), square)
    fraction_point = INITIAL_SCALE * sp.sqrt(sp.factor(squared))

    turning = turning_balance()
    cube = sp.Symbol("v", positive=True)
    slope = sp.diff(turning.balance, turning.scaled)
    stationary = sp.numer(sp.together(slope)).subs(turning.scaled, sp.cbrt(cube))
    (cubed,) = sp.solve(sp.Eq(stationary, 0), cube)
    level, speed, bend = forgetting_series()
    root, symbols = small_root()
    return_time = root.subs(dict(zip(symbols, (level - initial_level, speed, bend), strict=True)))
    saturation = sp.limit(sp.expand(turning.balance / turning.scaled), turning.scaled, sp.oo)
    return BoundaryFormulas(
        mode=mode,
        second_moment=averaged_square(mode, initial),
        initial_level=initial_level,
        signal_level=signal_level,
        phase_one_level=phase_one.subs(scaled, TIME / INITIAL_SCALE),
        fraction_point=fraction_point,
        phase_one_end=sp.simplify(fraction_point.subs(FRACTION, sp.Rational(1, 2))),
        spread=sp.simplify(-saturation / CURVATURE),
        turning_point=INITIAL_SCALE ** sp.Rational(2, 3) * sp.cbrt(sp.factor(cubed)),
        return_time=return_time,
    )


@lru_cache(maxsize=1)
def first_rise() -> FirstRise:
    """Expand R at s = sigma0^2 u, where the rise and the onset of the fall are equally large."""
    explained = early_explained_variance()
    initial_level = sp.simplify(explained.subs(TIME, 0))
    scaled = sp.Symbol("u", positive=True)
    zoomed = sp.cancel(explained.subs(TIME, INITIAL_SCALE**2 * scaled))
    second = sp.series(zoomed, INITIAL_SCALE, 0, 3).removeO().coeff(INITIAL_SCALE, 2)
    parabola = initial_level + sp.expand(INITIAL_SCALE**2 * second.subs(scaled, TIME / INITIAL_SCALE**2))
    (deepest,) = sp.solve(sp.diff(parabola, TIME), TIME)
    depth = sp.factor(initial_level - parabola.subs(TIME, deepest))
    square = sp.Symbol("q", positive=True)
    (border,) = sp.solve(sp.Eq(depth.subs(INITIAL_SCALE, sp.sqrt(square)), RESOLUTION * SPECTRUM_SUMS[1]), square)
    speed = sp.factor(-sp.diff(explained, TIME).subs(TIME, 0))
    return FirstRise(speed, parabola, sp.factor(deepest), depth, sp.sqrt(sp.factor(border)))
