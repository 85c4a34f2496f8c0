"""The terms of a curve agree with the theorems that they come from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq

from theory.symbols.curve_terms import (
    BUDGET,
    MOMENT,
    MOMENT_SPEED,
    OUTPUTS,
    TOTAL,
    WIDTH,
    budgeted_loss,
    gaussian_rows_balance,
    gaussian_rows_formula,
    moment_parts,
    one_output_formula,
)
from theory.symbols.symbolic import CURVATURE, EIGENVALUE, INITIAL_SCALE, SIGNAL, TIME, boundary_formulas
from theory.theorems.t8_budgeted_decoder import BUDGETED_DECODER

#: A few modes, with curvature 1/4 and sigma0 = 0.3, and two outputs.
EIGENVALUES = np.array([1.0, 0.4, 0.15, 0.05, 0.02])
SIGNALS = np.array([0.3, 0.1, 0.2, 0.05, 0.1])


def test_the_two_parts_are_the_second_moment() -> None:
    parts = moment_parts()
    whole = INITIAL_SCALE**2 * parts.left + parts.learnt
    assert sp.simplify(whole.rewrite(sp.exp) - boundary_formulas().second_moment) == 0
    # At x = 1e-12 the form with exp has lost all but four digits.
    tiny = {EIGENVALUE: 1, CURVATURE: 1, SIGNAL: 1, TIME: 1e-12}
    assert float(parts.learnt.subs(tiny)) == pytest.approx(1e-24, rel=1e-11)


def test_the_best_ridge_decoder_has_the_loss_of_theorem_t8() -> None:
    loss, (gain, explained) = budgeted_loss()
    given = dict(zip(sp.symbols("g mu R T", positive=True), (gain, BUDGET, explained, TOTAL), strict=True))
    assert sp.simplify(BUDGETED_DECODER.statement.rhs.subs(given) - loss) == 0


@lru_cache
def function_of(expression: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> Any:
    return sp.lambdify(symbols, expression, "numpy")


def evaluated(expression: sp.Expr, values: Mapping[sp.Symbol, Any]) -> Any:
    symbols = tuple(sorted(values, key=str))
    return function_of(expression, symbols)(*(values[symbol] for symbol in symbols))


def at(expression: sp.Expr, terms: Mapping[sp.Symbol, sp.Expr], time: float, budget: float, width: float) -> float:
    """An expression at one time, the sums in it taken over the modes of ``terms``."""
    parts, mode = moment_parts(), {CURVATURE: 0.25, TIME: time, EIGENVALUE: EIGENVALUES, SIGNAL: SIGNALS}
    moment, speed = (
        0.09 * evaluated(left, mode) + evaluated(learnt, mode)
        for left, learnt in ((parts.left, parts.learnt), (parts.left_speed, parts.learnt_speed))
    )
    values = {EIGENVALUE: EIGENVALUES, MOMENT: moment, MOMENT_SPEED: speed, WIDTH: width}
    sums = {symbol: evaluated(term, values).sum() for symbol, term in terms.items()}
    return float(evaluated(expression, {TOTAL: EIGENVALUES.sum(), BUDGET: budget, OUTPUTS: 2, WIDTH: width} | sums))


def width_at(time: float, budget: float) -> float:
    balance = gaussian_rows_balance()
    # Zero at kappa = 0 too without a budget; the other root lies above this.
    return float(
        brentq(lambda width: at(balance.excess, balance.terms, time, budget, width), 1e-6, 10.0, xtol=1e-15, rtol=1e-14)
    )


@pytest.mark.parametrize("budget", [0.0, 0.03])
@pytest.mark.parametrize("time", [0.5, 6.0, 80.0])
def test_the_speed_is_the_derivative_of_the_loss(time: float, budget: float) -> None:
    step = 1e-4 * time
    # The kappa of one output is not used.
    for formula, width in ((one_output_formula(), lambda *_: 1.0), (gaussian_rows_formula(), width_at)):
        late, early = (
            at(formula.loss, formula.terms, moment, budget, width(moment, budget))
            for moment in (time + step, time - step)
        )
        found = at(formula.speed, formula.terms, time, budget, width(time, budget))
        # Central differences: (step / time)^2 = 1e-8 of the third derivative, and rounding of 1e-16 over the step.
        assert found == pytest.approx((late - early) / (2 * step), rel=1e-6, abs=1e-11)


@pytest.mark.parametrize("budget", [0.0, 0.03])
def test_the_slope_is_the_derivative_of_the_excess(budget: float) -> None:
    balance = gaussian_rows_balance()
    late, early = (at(balance.excess, balance.terms, 6.0, budget, width) for width in (0.1 + 1e-5, 0.1 - 1e-5))
    found = at(balance.slope, balance.terms, 6.0, budget, 0.1)
    assert found == pytest.approx((late - early) / 2e-5, rel=1e-6)
