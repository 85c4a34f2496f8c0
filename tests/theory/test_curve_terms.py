"""The terms of a curve agree with the theorems that they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq

from theory.curve_terms import (
    BUDGET,
    MOMENT,
    MOMENT_SPEED,
    OUTPUTS,
    TOTAL,
    WIDTH,
    LossFormula,
    gaussian_rows_formula,
    limited_loss,
    moment_parts,
    one_output_formula,
)
from theory.symbolic import CURVATURE, EIGENVALUE, INITIAL_SCALE, SIGNAL, TIME, boundary_formulas
from theory.theorems_late import limited_decoder

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
    loss, (gain, explained) = limited_loss()
    given = dict(zip(sp.symbols("g mu R T", positive=True), (gain, BUDGET, explained, TOTAL), strict=True))
    assert sp.simplify(limited_decoder().statement.rhs.subs(given) - loss) == 0


def evaluated(expression: sp.Expr, values: Mapping[sp.Symbol, Any]) -> Any:
    symbols = sorted(values, key=str)
    return sp.lambdify(symbols, expression, "numpy")(*(values[symbol] for symbol in symbols))


def at(formula: LossFormula, expression: sp.Expr, time: float, budget: float, width: float) -> float:
    """An expression of a formula at one time, its sums taken over the modes."""
    parts, mode = moment_parts(), {CURVATURE: 0.25, TIME: time, EIGENVALUE: EIGENVALUES, SIGNAL: SIGNALS}
    moment, speed = (
        evaluated(0.09 * left + learnt, mode)
        for left, learnt in ((parts.left, parts.learnt), (parts.left_speed, parts.learnt_speed))
    )
    values = {EIGENVALUE: EIGENVALUES, MOMENT: moment, MOMENT_SPEED: speed, WIDTH: width}
    sums = {symbol: evaluated(term, values).sum() for symbol, term in formula.terms.items()}
    return float(evaluated(expression, {TOTAL: EIGENVALUES.sum(), BUDGET: budget, OUTPUTS: 2, WIDTH: width} | sums))


def width_at(time: float, budget: float) -> float:
    formula = gaussian_rows_formula()

    def balance(width: float) -> float:
        return at(formula, formula.balance, time, budget, width)

    # Zero at kappa = 0 too without a budget; the other root lies above this.
    return float(brentq(balance, 1e-6, 10.0, xtol=1e-15, rtol=1e-14))


@pytest.mark.parametrize("budget", [0.0, 0.03])
@pytest.mark.parametrize("time", [0.5, 6.0, 80.0])
def test_the_speed_is_the_derivative_of_the_loss(time: float, budget: float) -> None:
    step = 1e-4 * time
    one, rows = one_output_formula(), gaussian_rows_formula()
    slope = (at(one, one.loss, time + step, budget, 1) - at(one, one.loss, time - step, budget, 1)) / (2 * step)
    # Central differences: (step / time)^2 = 1e-8 of the third derivative, and rounding of 1e-16 over the step.
    assert at(one, one.speed, time, budget, 1) == pytest.approx(slope, rel=1e-6, abs=1e-11)
    late, early = (
        at(rows, rows.loss, moment, budget, width_at(moment, budget)) for moment in (time + step, time - step)
    )
    found = at(rows, rows.speed, time, budget, width_at(time, budget))
    assert found == pytest.approx((late - early) / (2 * step), rel=1e-6, abs=1e-11)
