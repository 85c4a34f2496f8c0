"""Theta statements for power laws, against sums over many modes."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from theory import DataModel, OneOutput, SquaredError
from theory.symbols.complexity import (
    ALPHA,
    BETA,
    DIMENSION,
    STRENGTH,
    Theta,
    phase_one_order,
    power_sum,
    power_sum_order,
    saturation_order,
    turning_point_order,
)
from theory.symbols.symbolic import CURVATURE, INITIAL_SCALE

DIMENSIONS = (10**4, 10**5, 10**6)


def at(order: sp.Expr, dimension: int, alpha: float, beta: float, scale: float, strength: float) -> float:
    values = {ALPHA: sp.nsimplify(alpha), BETA: sp.nsimplify(beta), INITIAL_SCALE: scale, STRENGTH: strength}
    return float(order.subs({**values, CURVATURE: 1}).subs(DIMENSION, dimension))


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 1.5), (0.6, 2.0), (1.0, 2.0), (1.5, 1.0), (2.0, 2.0)])
def test_boundaries_grow_with_the_dimension_as_their_orders_say(alpha: float, beta: float) -> None:
    """The ratio to the order tends to a constant: its change over a decade of d is small, that of the order is not."""
    ratios = []
    for dimension in DIMENSIONS:
        network = OneOutput.from_model(DataModel.power_law(dimension, alpha, beta, 0.2), SquaredError())
        given = (dimension, alpha, beta, 1e-6, 0.2)
        turning = network.turning_point_formula(1e-6)
        assert turning is not None
        ratios.append(
            [
                network.phase_one_end(1e-6) / at(phase_one_order(), *given),
                turning / at(turning_point_order(), *given),
            ]
        )
    changes = np.abs(np.diff(np.log(ratios), axis=0))
    # The sums approach their limits as d^-(1 - alpha) or 1 / log d: 3 % over the last decade at most. A wrong
    # power of d, by 0.05, would show as log(10) / 20 = .12.
    assert np.all(changes[1] < 0.03)
    assert np.all(changes[1] <= changes[0] + 1e-12)


@pytest.mark.parametrize("exponent", [sp.Rational(1, 2), sp.Integer(1), sp.Rational(3, 2)])
def test_power_sums_have_their_order(exponent: sp.Expr) -> None:
    found = [
        float(np.sum(np.arange(1, dimension + 1) ** -float(exponent)))
        / float(power_sum_order(exponent).subs(DIMENSION, dimension))
        for dimension in DIMENSIONS
    ]
    constant = {sp.Rational(1, 2): 2.0, sp.Integer(1): 1.0, sp.Rational(3, 2): float(sp.zeta(1.5))}[exponent]
    # The next terms are zeta(1/2) d^-1/2, gamma / log d and 2 d^-1/2.
    assert found[-1] == pytest.approx(constant, rel=1e-2 if exponent != 1 else 0.6 / np.log(DIMENSIONS[-1]))
    assert abs(found[-1] - constant) < abs(found[0] - constant)


def test_power_sums_are_those_of_the_model() -> None:
    eigenvalues = DataModel.power_law(30, 0.7, 1.0, 0.1).eigenvalues
    expected = float(power_sum(ALPHA).subs({ALPHA: sp.Rational(7, 10), DIMENSION: 30}).doit())
    assert eigenvalues.sum() == pytest.approx(expected, rel=1e-12)


def test_saturation_is_when_the_last_mode_decays() -> None:
    model = DataModel.power_law(50, 0.8, 1.0, 0.1)
    assert at(saturation_order(), 50, 0.8, 1.0, 1.0, 1.0) == pytest.approx(1 / model.eigenvalues[-1], rel=1e-12)


def test_theta_prints_as_latex() -> None:
    assert sp.latex(Theta(DIMENSION**ALPHA)) == r"\Theta\left(d^{\alpha}\right)"
