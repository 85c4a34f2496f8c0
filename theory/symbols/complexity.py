"""Classical complexity of the boundaries for power laws: Theta in sigma0, eta, d, alpha, beta, as SymPy objects.

For lambda_i = i^-alpha and delta_i^2 = g i^-beta the sums are A_j = H_d(j alpha) and B_j = g H_d(j alpha + beta),
H_d(p) = sum_{i <= d} i^-p, whose orders lemma L1 derives. Here the boundary formulas of `theory.symbols.symbolic` are
taken at these sums and each sum is replaced by its order, for alpha + beta > 1 (the signal's variance converges)
and an aligned signal (R2 - R0 and Var are of order one).
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp
from sympy.printing.printer import Printer

from theory.symbols.symbolic import CURVATURE, INITIAL_SCALE, SIGNAL_SUMS, SPECTRUM_SUMS, TIME, boundary_formulas

ALPHA, BETA, STRENGTH = sp.symbols("alpha beta g", positive=True)
DIMENSION = sp.Symbol("d", positive=True, integer=True)
STEP_SIZE = sp.Symbol("eta", positive=True)


class Theta(sp.Function):  # type: ignore[misc]  # SymPy has no types
    """Theta(f): between two positive multiples of f, for all large arguments."""

    nargs = (1,)

    def _latex(self, printer: Printer) -> str:
        return rf"\Theta\left({printer._print(self.args[0])}\right)"


def power_sum(exponent: sp.Expr) -> sp.Expr:
    """H_d(p) = sum_{i=1}^d i^-p, unevaluated."""
    index = sp.Symbol("i", positive=True, integer=True)
    return sp.Sum(index**-exponent, (index, 1, DIMENSION))


@lru_cache(maxsize=1)
def sum_growth() -> tuple[sp.Expr, sp.Expr, sp.Expr, tuple[sp.Symbol, sp.Symbol]]:
    """The orders of sum_{i <= N} i^-p for p = 1 - q, p = 1 and p = 1 + q, and the symbols (N, q).

    From the integrals that bound it on both sides (lemma L1), without constant factors and smaller terms.
    """
    position, end, excess = sp.symbols("x N q", positive=True)

    def growth(power: sp.Expr) -> sp.Expr:
        integral = sp.integrate(position**power, (position, 1, end))
        if sp.limit(integral, end, sp.oo).is_finite:
            return sp.Integer(1)
        (term,) = [term for term in sp.Add.make_args(sp.expand(integral)) if term.has(end)]
        return term.as_independent(end)[1]

    return growth(excess - 1), growth(sp.Integer(-1)), growth(-1 - excess), (end, excess)


def _order(exponent: sp.Expr, end: sp.Expr, variable: sp.Symbol) -> sp.Piecewise:
    """The order of sum_{i <= end} i^-p in ``variable``, for p below, at and above 1."""
    below, at_one, above, (last, excess) = sum_growth()
    regimes = ((below, exponent < 1), (at_one, sp.Eq(exponent, 1)), (above, True))
    orders = [
        (sp.expand_log(growth.subs({last: end, excess: 1 - exponent})).as_independent(variable)[1], condition)
        for growth, condition in regimes
    ]
    return sp.Piecewise(*orders)


def power_sum_order(exponent: sp.Expr) -> sp.Expr:
    """The order of H_d(p) as d grows (lemma L1): d^(1 - p), log d or 1, for p below, at and above 1."""
    return _order(exponent, DIMENSION, DIMENSION)


@lru_cache(maxsize=1)
def phase_one_order() -> sp.Expr:
    """The order of s1: its formula at the orders of A_1 and B_1."""
    orders = {SPECTRUM_SUMS[1]: power_sum_order(ALPHA), SIGNAL_SUMS[1]: STRENGTH}
    order = boundary_formulas().phase_one_end.subs(orders)
    return sp.simplify(sp.piecewise_fold(order))


@lru_cache(maxsize=1)
def turning_point_order() -> sp.Expr:
    """The order of s*: the cube root of s1^2 / c, as s*^3 c / s1^2 depends on R0, R2 and Var alone."""
    formulas = boundary_formulas()
    left_over = sp.simplify(formulas.turning_point**3 * CURVATURE / formulas.phase_one_end**2)
    if left_over.has(INITIAL_SCALE, CURVATURE):
        raise ArithmeticError("s*^3 c / s1^2 depends on sigma0 or c; the order of s* does not follow from s1")
    return sp.simplify(sp.piecewise_fold(sp.cbrt(phase_one_order() ** 2 / CURVATURE)))


def saturation_order() -> sp.Expr:
    """The order of the end of phase III, 1 / (c lambda_d): when the last mode has decayed by a constant factor."""
    decayed = sp.Symbol("q", positive=True)
    (time,) = sp.solve(sp.Eq(CURVATURE * DIMENSION**-ALPHA * TIME, decayed), TIME)
    return time.subs(decayed, 1)


def in_steps(order: sp.Expr) -> sp.Expr:
    """The same boundary counted in steps of gradient descent: s = eta n."""
    return sp.piecewise_fold(order / STEP_SIZE)


def explained_variance_order() -> sp.Expr:
    """The order of R(s) for 1/lambda_1 << s << 1/lambda_d (theorem T6): the ratio of its two sums' orders.

    As alpha > 0, the denominator's sum diverges wherever the numerator's does.
    """
    numerator = [piece for piece, _ in learnt_sum_order(BETA).args]
    denominator = [piece for piece, _ in learnt_sum_order(BETA - ALPHA).args]
    ratios = [
        (numerator[0] / denominator[0], BETA < 1),
        ((numerator[1] / denominator[0]).subs(BETA, 1), sp.Eq(BETA, 1)),
        (numerator[2] / denominator[0], BETA < 1 + ALPHA),
        (numerator[2] / denominator[1], sp.Eq(BETA, 1 + ALPHA)),
        (numerator[2] / denominator[2], True),
    ]
    return sp.Piecewise(*[(sp.powsimp(sp.simplify(ratio), force=True), condition) for ratio, condition in ratios])


def learnt_sum_order(exponent: sp.Expr) -> sp.Expr:
    """The order in s of sum_i i^-p (1 - exp(-s i^-alpha))^2: about s^(1/alpha) modes count, each as i^-p."""
    return _order(exponent, TIME ** (1 / ALPHA), TIME)
