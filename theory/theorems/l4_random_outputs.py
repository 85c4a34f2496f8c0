"""Lemma L4: the loss of decoders of K outputs when the rows of the whitened layer are independent and Gaussian.

A deterministic equivalent (Derezinski, Liang & Mahoney 2020, "Precise expressions for random projections", arXiv
2006.10653), which holds for many directions and is not proved here: the quadratic form in a row is near its mean, one
row more or less changes nothing, mu (S + mu)^-1 acts as kappa (D + kappa)^-1, and all this may be differentiated by mu.
What the steps check is the algebra around it, up to the formula that is evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theory.symbols.curve_terms import BUDGET, MOMENT, OUTPUTS, TOTAL, WIDTH, gaussian_rows_formula
from theory.symbols.symbolic import EIGENVALUE, INITIAL_SCALE
from theory.theorems.domain import Domain
from theory.theorems.step import Relation, Step, rational
from theory.theorems.theorem import Derivation, Theorem

#: Eigenvalues of Sigma and E w^2 of two modes.
EIGENVALUES, MOMENTS = sp.symbols("lambda1:3", positive=True), sp.symbols("v1:3", positive=True)

_SIZES = tuple(eigenvalue * moment for eigenvalue, moment in zip(EIGENVALUES, MOMENTS, strict=True))


def _derivation() -> Derivation:
    """L4: the mean loss L_mu of K Gaussian rows."""
    along, kept, quadratic = sp.symbols("x F q", positive=True)
    diagonal, row = sp.symbols("a1:3", positive=True), sp.symbols("x1:3", real=True)
    form = sum(entry**2 / size for entry, size in zip(row, diagonal, strict=True))
    solution = [entry / size / (1 + form) for entry, size in zip(row, diagonal, strict=True)]
    together = OUTPUTS * quadratic / (1 + quadratic)
    budget, missed = sp.Function("m")(WIDTH), sp.Function("E")(WIDTH)
    budget_of = WIDTH * (OUTPUTS - sum(size / (size + WIDTH) for size in _SIZES))
    missed_of = sum(eigenvalue * WIDTH / (size + WIDTH) for eigenvalue, size in zip(EIGENVALUES, _SIZES, strict=True))
    at_start = [eigenvalue * INITIAL_SCALE**2 for eigenvalue in EIGENVALUES]
    steps = (
        Step(
            -(BUDGET**2) * sp.Derivative(1 / (along + BUDGET), BUDGET),
            Relation.EQUAL,
            (BUDGET / (along + BUDGET)) ** 2,
            "With rows `X` of the whitened layer and `S = X^T X`, a budgeted decoder leaves `mu (S + mu)^-1 "
            "Sigma^(1/2)` of an input. Squared, along an eigenvector of `S` with eigenvalue `x`; the loss is `tr "
            "Sigma` of this, the derivative by `mu` of `tr Sigma (S + mu)^-1` times `-mu^2`.",
        ),
        Step(
            diagonal[0] * solution[0] + row[0] * (row[0] * solution[0] + row[1] * solution[1]),
            Relation.EQUAL,
            row[0],
            "Sherman and Morrison: `(A + x x^T) y = x` has the solution `y = A^-1 x / (1 + q)` with `q = x^T A^-1 "
            "x`, so that `x^T (A + x x^T)^-1 x = q / (1 + q)`. Here `x` is a row, and `A` is `mu` and the other rows; "
            "the first of two coordinates is shown.",
        ),
        Step(
            sp.Subs(sp.Subs(together, quadratic, WIDTH * kept / BUDGET), BUDGET, WIDTH * (OUTPUTS - kept)),
            Relation.EQUAL,
            kept,
            "Many directions: `q` is near its mean, also without the row. Say `mu (S + mu)^-1` acts as `kappa (D + "
            "kappa)^-1`, `D_i = lambda_i v_i`; then `q = kappa F / mu` with `F = sum D_i / (D_i + kappa)`, and `tr S "
            "(S + mu)^-1` is `F`. The `K` rows add up to this where `mu = kappa (K - F)`.",
        ),
        Step(
            -(budget**2) * sp.Derivative(missed / budget, WIDTH) / sp.Derivative(budget, WIDTH),
            Relation.EQUAL,
            _written_out(budget_of),
            "So `tr Sigma (S + mu)^-1` is `E / mu`. By way of `kappa`, with `m` for `mu` and two modes, the "
            "derivative of the first step is the formula that is evaluated.",
            where=(sp.Eq(missed, missed_of), sp.Eq(budget, budget_of)),
        ),
        Step(
            sp.Subs(missed_of * INITIAL_SCALE**2 / WIDTH, MOMENTS, (INITIAL_SCALE**2,) * len(MOMENTS)),
            Relation.EQUAL,
            sum(size / (size + WIDTH) for size in at_start),
            "At time 0, `v = sigma0^2`, and without a budget `F = K`: the exact decoder leaves `K kappa / sigma0^2`, "
            "as with any Gaussian sketch.",
        ),
        Step(
            -sp.Derivative(budget_of, WIDTH, 2),
            Relation.BELOW,
            sp.Integer(0),
            "The budget is convex in `kappa`, so that Newton's method from above finds the largest `kappa`.",
            _instance,
            witness=sp.Add(*[sp.factor(sp.diff(-WIDTH * size / (size + WIDTH), WIDTH, 2)) for size in _SIZES]),
        ),
    )
    left = sp.Function("E")(BUDGET)
    return Derivation(
        statement=sp.Eq(sp.Symbol("L_mu"), left - BUDGET * sp.Derivative(left, BUDGET)),
        steps=steps,
    )


def _written_out(budget: sp.Expr) -> sp.Expr:
    """``gaussian_rows_formula`` for two modes, at this budget."""
    formula = gaussian_rows_formula()
    modes = [{EIGENVALUE: eigenvalue, MOMENT: moment} for eigenvalue, moment in zip(EIGENVALUES, MOMENTS, strict=True)]
    sums = {symbol: sp.Add(*[term.subs(mode) for mode in modes]) for symbol, term in formula.terms.items()}
    return (TOTAL * formula.loss).subs(sums).subs(BUDGET, budget)


def _instance(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
    """Two modes, a kappa, and outputs for which the budget is positive."""
    values = {symbol: rational(generator, 0.1, 2) for symbol in (*EIGENVALUES, *MOMENTS)}
    values[WIDTH] = rational(generator, 1, 10) * sp.Rational(10) ** int(generator.integers(-2, 3))
    return values | {OUTPUTS: rational(generator, 2, 5)}


RANDOM_OUTPUTS = Theorem(
    name="L4",
    title="Decoders of `K` random outputs",
    words="About the mean loss of a budgeted decoder of `K` outputs whose rows have independent Gaussian weights of "
    "the variances `v_i`, for many directions. `E` stands for `sum lambda_i kappa / (D_i + kappa)`, `D_i = lambda_i "
    "v_i`, at the `kappa` where `kappa (K - sum D_i / (D_i + kappa)) = mu`. Rows are such at `W(0)`, and later, "
    "while outputs are of order one, for random Gaussian prototypes.",
    assumptions=("A6", "A8"),
    derive=_derivation,
    domain=Domain(),
    corollaries=("Without a budget the decoder is exact and leaves `E`.",),
)
