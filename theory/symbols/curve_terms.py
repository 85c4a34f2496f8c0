"""The terms of a curve per mode, and how their sums give the loss and its speed.

The second moment of a weight, E w^2, follows from the flow of one mode. Two formulas turn it into a loss: one output,
averaged over W(0) before the ratio is taken, and K outputs whose rows are independent and Gaussian, by a deterministic
equivalent. Both hold for a decoder of budget mu >= 0, and both are only sums over modes, so that their
evaluation (by numpy here, by a web page elsewhere) needs no linear algebra.

The deterministic equivalent (lemma L4). Let S = X^T X for K rows X_k ~ N(0, D) of the whitened layer
Sigma^(1/2) W^T, with D_i = l_i E w_i^2. A budgeted decoder leaves (I - H) Sigma^(1/2) of an input, H = S (S + mu)^(-1),
hence the loss mu^2 tr Sigma (S + mu)^(-2). For many directions mu (S + mu)^(-1) is near kappa (D + kappa)^(-1), where
mu = kappa (K - sum D_i / (D_i + kappa)): the equations of `theory.curves.expected_curve` with equal rows, mu added.
As (S + mu)^(-2) is minus the derivative of (S + mu)^(-1) by mu, differentiating gives the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp
from sympy.codegen.cfunctions import expm1

from theory.symbols.symbolic import EIGENVALUE, INITIAL_SCALE, TIME, averaged_square, mode_solution

#: E w^2 of one mode, and its derivative by time.
MOMENT = sp.Symbol("v", positive=True)
MOMENT_SPEED = sp.Symbol("v_s", real=True)
#: tr Sigma, the budget mu, the number K of outputs, and kappa.
TOTAL = sp.Symbol("T", positive=True)
BUDGET = sp.Symbol("mu", nonnegative=True)
OUTPUTS = sp.Symbol("K", positive=True)
WIDTH = sp.Symbol("kappa", positive=True)


@dataclass(frozen=True)
class MomentParts:
    """E w^2 = sigma0^2 left + learnt of one mode, in lambda, delta, c and s, written so that nothing cancels.

    Attributes:
        left: what is left of W(0).
        learnt: what has been learnt.
    """

    left: sp.Expr
    learnt: sp.Expr

    @property
    def left_speed(self) -> sp.Expr:
        """Derivative of ``left`` by time."""
        return sp.diff(self.left, TIME)

    @property
    def learnt_speed(self) -> sp.Expr:
        """Derivative of ``learnt`` by time."""
        return sp.diff(self.learnt, TIME)


@dataclass(frozen=True)
class LossFormula:
    """The loss as a function of sums over modes.

    Attributes:
        terms: by the symbol of a sum, the term of one mode, in lambda, v, v_s and kappa.
        loss: L / tr Sigma, in these sums, T, mu, K and kappa.
        speed: its derivative by time.
    """

    terms: Mapping[sp.Symbol, sp.Expr]
    loss: sp.Expr
    speed: sp.Expr


@dataclass(frozen=True)
class Balance:
    """The equation of kappa.

    Attributes:
        terms: as in ``LossFormula``.
        excess: zero at kappa, the largest number of which this is true; convex in kappa.
        slope: its derivative by kappa.
    """

    terms: Mapping[sp.Symbol, sp.Expr]
    excess: sp.Expr
    slope: sp.Expr


@lru_cache(maxsize=1)
def moment_parts() -> MomentParts:
    """From the solution of the flow of one mode, averaged over W(0)."""
    initial = sp.Symbol("w0", real=True)
    mode = mode_solution(initial)
    left = averaged_square(mode, initial).coeff(INITIAL_SCALE, 2)
    # 1 - exp(-x) loses all digits at small x; expm1 does not.
    learnt = sp.expand(mode.subs(initial, 0)).replace(sp.exp, lambda power: 1 + expm1(power))
    return MomentParts(sp.powsimp(left), sp.expand(learnt) ** 2)


@lru_cache(maxsize=1)
def budgeted_loss() -> tuple[sp.Expr, tuple[sp.Symbol, sp.Symbol]]:
    """Loss of the budgeted decoder of one output (theorem T8), in T, mu and the symbols (g, R).

    An output of variance g that explains R is decoded as D Sigma w, |Sigma w|^2 = g R: the decoder that is best with
    the penalty mu on its square has the loss without it.
    """
    gain, explained = sp.symbols("g R", positive=True)
    size = sp.Symbol("D", positive=True)
    error = TOTAL - 2 * size * gain * explained + gain * size**2 * gain * explained
    penalised = error + BUDGET * size**2 * gain * explained
    (best,) = sp.solve(sp.diff(penalised, size), size)
    return error.subs(size, best), (gain, explained)


@lru_cache(maxsize=1)
def one_output_formula() -> LossFormula:
    """The annealed loss of one output: its variance g = sum l v explains R = sum l^2 v / sum l v."""
    variance, second, variance_speed, second_speed = sp.symbols("G N G_s N_s", positive=True)
    loss, (gain, explained) = budgeted_loss()
    relative = loss.subs({gain: variance, explained: second / variance}) / TOTAL
    speed = sp.diff(relative, variance) * variance_speed + sp.diff(relative, second) * second_speed
    terms = {
        variance: EIGENVALUE * MOMENT,
        second: EIGENVALUE**2 * MOMENT,
        variance_speed: EIGENVALUE * MOMENT_SPEED,
        second_speed: EIGENVALUE**2 * MOMENT_SPEED,
    }
    return LossFormula(terms, sp.simplify(relative), sp.simplify(speed))


@lru_cache(maxsize=1)
def gaussian_rows_formula() -> LossFormula:
    """The loss of K independent Gaussian rows (lemma L4), at the kappa of their balance."""
    rows = _GaussianRows()
    budget = rows.budget
    # mu (S + mu)^-1 has the trace E; -mu^2 d/dmu of E / mu, by way of kappa.
    loss = -(budget**2) * sp.diff(rows.missed / budget, WIDTH) / sp.diff(budget, WIDTH) / TOTAL
    # The budget stays while time goes on, which moves kappa.
    width_speed = -sp.diff(budget, TIME) / sp.diff(budget, WIDTH)
    speed = sp.diff(loss, TIME) + sp.diff(loss, WIDTH) * width_speed
    # F is known at kappa; K - F, which is zero without a budget, would be a difference of rounded numbers.
    known = {rows.sums.named(rows.kept): OUTPUTS - BUDGET / WIDTH}
    return LossFormula(
        terms=rows.sums.terms,
        loss=sp.factor(rows.sums.named(loss).subs(known)),
        speed=sp.factor(rows.sums.named(speed).subs(known)),
    )


@lru_cache(maxsize=1)
def gaussian_rows_balance() -> Balance:
    """The equation of kappa: kappa (K - sum D / (D + kappa)) = mu."""
    rows = _GaussianRows()
    excess = rows.sums.named(rows.budget - BUDGET)
    slope = rows.sums.named(sp.diff(rows.budget, WIDTH))
    used = excess.free_symbols | slope.free_symbols
    return Balance({name: term for name, term in rows.sums.terms.items() if name in used}, excess, slope)


class _GaussianRows:
    """F, the sum of D / (D + kappa), E, the sum of l kappa / (D + kappa), and the budget at kappa."""

    def __init__(self) -> None:
        size = EIGENVALUE * MOMENT
        self.kept, self.missed = sp.Function("F")(WIDTH, TIME), sp.Function("E")(WIDTH, TIME)
        self.budget = WIDTH * (OUTPUTS - self.kept)
        self.sums = _Sums({self.kept: size / (size + WIDTH), self.missed: EIGENVALUE * WIDTH / (size + WIDTH)})


class _Sums:
    """Symbols for the sums over modes F(kappa, s), E(kappa, s) and their derivatives, with the term of each."""

    def __init__(self, terms: Mapping[sp.Expr, sp.Expr]) -> None:
        orders = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)]
        self._names: dict[sp.Expr, sp.Symbol] = {}
        self.terms: dict[sp.Symbol, sp.Expr] = {}
        for function, term in terms.items():
            for by_width, by_time in orders:
                name = sp.Symbol(f"{function.func}_{'k' * by_width}{'s' * by_time}".rstrip("_"), real=True)
                derivative = sp.diff(term, WIDTH, by_width)
                if by_time:
                    derivative = sp.diff(derivative, MOMENT) * MOMENT_SPEED
                self._names[sp.Derivative(function, (WIDTH, by_width), (TIME, by_time)).doit()] = name
                self.terms[name] = sp.factor(derivative)

    def named(self, expression: sp.Expr) -> sp.Expr:
        """``expression`` with the symbols instead of functions and derivatives."""
        return sp.cancel(expression.doit().xreplace(self._names))
