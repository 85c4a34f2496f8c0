"""SymPy derivation of what one output explains of a target: levels, slope and turning point of theorem T9.

Both the covariance of the outputs with a target, |T^T w|^2, and their variance, w Sigma w = |F^T w|^2 with F F^T the
covariance of the probe's inputs, are *forms* of the weights: the square of A^T w for a matrix A with d rows. Averaged
over W(0), with a a column of A, the form is

    sum over a of [sum_i a_i^2 Var w_i + (sum_i a_i E w_i)^2],

and R_T is the ratio of two. Symbols: P and Q for the forms of numerator and denominator, P_N and Q_N their sums of
a_i^2, P_jk = sum over a of (sum_i l_i^j delta_i a_i)(sum_i l_i^k delta_i a_i). For inputs that are those of the
training, Q_N = A1 and Q_jk = B_(j+k+1); for reconstruction P_N = A2 and P_jk = B_(j+k+2) of
``theory.symbols.symbolic``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from theory.symbols.symbolic import (
    CURVATURE,
    EIGENVALUE,
    INITIAL_SCALE,
    SIGNAL,
    TIME,
    averaged_square,
    mode_solution,
    truncated,
)

#: An entry a_i of a column of a form.
ENTRY = sp.Symbol("a", real=True)


@dataclass(frozen=True)
class Form:
    """The sums of a form |A^T w|^2 that the formulas need.

    Attributes:
        noise: sum of a_i^2.
        signal: sum over columns of (sum delta a)^2.
        crossed: sum over columns of (sum delta a)(sum l delta a).
    """

    noise: sp.Symbol
    signal: sp.Symbol
    crossed: sp.Symbol


#: Of the covariance with the target, and of the outputs' variance.
COVARIANCE, VARIANCE = (
    Form(
        sp.Symbol(f"{letter}_N", positive=True),
        sp.Symbol(f"{letter}_00", positive=True),
        sp.Symbol(f"{letter}_01", real=True),
    )
    for letter in "PQ"
)


@dataclass(frozen=True)
class TransferFormulas:
    """What one output explains of a target, its variance being 1; to leading order in sigma0.

    Attributes:
        start: R_T(0).
        phase_one_level: R_T(s) while s << 1/lambda_1.
        signal_level: R_T2, at the end of phase II.
        fraction: of R_T2 - R_T(0) that is gained at s: the same for every target.
        scaled: R_T at s = epsilon^2 u and sigma0 = epsilon^3, its modes expanded.
        balance: the coefficient of epsilon^2 in it, in u.
        slope: dR_T/ds of what is learnt, as s -> 0.
        turning_point: s_T*, where R_T is stationary between phase I and forgetting.
        small: epsilon.
        time: u.
    """

    start: sp.Expr
    phase_one_level: sp.Expr
    signal_level: sp.Expr
    fraction: sp.Expr
    scaled: sp.Expr
    balance: sp.Expr
    slope: sp.Expr
    turning_point: sp.Expr
    small: sp.Symbol
    time: sp.Symbol


def early_form(form: Form) -> sp.Expr:
    """A form averaged over W(0), its modes expanded for s << 1/lambda_1, to the third power of s.

    Of the noise its value at time 0 is kept: what it loses later is sigma0^2 s, beyond the orders that count.
    """
    initial = sp.Symbol("w0", real=True)
    mode = mode_solution(initial)
    noise = averaged_square(mode - mode.subs(initial, 0), initial).subs(TIME, 0)  # Var w at time 0
    learnt = sp.Poly(truncated(ENTRY * mode.subs(initial, 0), TIME, 2), TIME)
    # sum_i a_i delta_i l_i^j is a symbol for each j; a product of two of them is one of the form's sums.
    sums = sp.symbols("S0:2", real=True)
    mean = sp.Add(*[_with_sums(factor, sums) * TIME**power for (power,), factor in learnt.terms()])
    square = sp.Poly(sp.expand(mean**2), *sums)
    named = {(2, 0): form.signal, (1, 1): form.crossed}
    early = sp.Add(*[factor * named[powers] for powers, factor in square.terms() if powers in named])
    return sp.Add(noise * form.noise, early)


def _with_positive_parts(ratio: sp.Expr) -> sp.Expr:
    """A ratio with signs such that both parts are positive where phase II gains and R_T then falls."""
    above, below = sp.fraction(sp.factor(ratio))
    sign = -1 if sp.expand(below).coeff(VARIANCE.crossed * COVARIANCE.signal * CURVATURE) > 0 else 1
    return sp.expand(sign * above) / sp.expand(sign * below)


def _with_sums(expression: sp.Expr, sums: tuple[sp.Symbol, ...]) -> sp.Expr:
    """sum_i of a_i delta_i times a polynomial in l_i."""
    polynomial = sp.Poly(sp.cancel(expression / (ENTRY * SIGNAL)), EIGENVALUE)
    return sp.Add(*[factor * sums[power] for (power,), factor in polynomial.terms()])


@lru_cache(maxsize=1)
def transfer_formulas() -> TransferFormulas:
    """Derive the formulas; the result is kept in memory, as it never changes."""
    explained = early_form(COVARIANCE) / early_form(VARIANCE)
    start = sp.simplify(explained.subs(TIME, 0))
    # Phase I lives at s = sigma0 u: a finite limit as sigma0 -> 0.
    time, small, cube = sp.symbols("u epsilon v", positive=True)
    phase_one = sp.limit(sp.cancel(explained.subs(TIME, INITIAL_SCALE * time)), INITIAL_SCALE, 0)
    signal_level = sp.limit(phase_one, time, sp.oo)
    fraction = sp.factor(sp.simplify((phase_one - start) / (signal_level - start)))
    learnt = sp.cancel(explained.subs(INITIAL_SCALE, 0))
    slope = sp.factor(sp.limit(sp.diff(learnt, TIME), TIME, 0))
    scaled = sp.cancel(explained.subs(TIME, small**2 * time).subs(INITIAL_SCALE, small**3))
    balance = sp.series(scaled, small, 0, 3).removeO().coeff(small, 2)
    stationary = sp.numer(sp.together(sp.diff(balance, time))).subs(time, sp.cbrt(cube))
    (cubed,) = sp.solve(sp.Eq(stationary, 0), cube)
    return TransferFormulas(
        start=start,
        phase_one_level=phase_one.subs(time, TIME / INITIAL_SCALE),
        signal_level=signal_level,
        fraction=fraction.subs(time, TIME / INITIAL_SCALE),
        scaled=scaled,
        balance=balance,
        slope=slope,
        turning_point=INITIAL_SCALE ** sp.Rational(2, 3) * sp.cbrt(_with_positive_parts(cubed)),
        small=small,
        time=time,
    )
