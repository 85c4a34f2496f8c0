from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theory import DataModel, InputError, OneOutput, SquaredError
from theory.catalogue import theorem_named, theorems
from theory.report import theorem_latex, theorem_text
from theory.symbolic import CURVATURE, INITIAL_SCALE, SIGNAL_SUMS, SPECTRUM_SUMS
from theory.theorem import Relation, Step, Theorem, check_step

STEPS = [(theorem, number) for theorem in theorems() for number in range(len(theorem.steps))]


@pytest.mark.parametrize(("theorem", "number"), STEPS, ids=[f"{one.name}-{number + 1}" for one, number in STEPS])
def test_every_step_holds_and_no_step_with_another_right_side_does(theorem: Theorem, number: int) -> None:
    step = theorem.steps[number]
    assert check_step(step)
    others = [sp.Integer(-(10**9))]
    if step.relation is Relation.EQUAL:
        others = [step.right + sp.Rational(1, 10**6), *([] if step.right == 0 else [sp.Integer(0), -step.right])]
    for other in others:
        assert not check_step(replace(step, right=other))


def test_there_are_eight_theorems_each_with_a_derivation() -> None:
    assert [theorem.name for theorem in theorems()] == [f"T{number}" for number in range(1, 9)]
    assert all(len(theorem.steps) >= 2 for theorem in theorems())
    with pytest.raises(InputError, match="theorem: 'T9' is unknown; give one of T1, T2"):
        theorem_named("T9")


def test_a_symbolic_inequality_and_a_symbol_without_a_value_are_refused() -> None:
    x, y = sp.symbols("x y", positive=True)
    with pytest.raises(InputError, match="an inequality has no symbolic check"):
        check_step(Step(-x, Relation.BELOW, sp.Integer(0), ""))
    with pytest.raises(InputError, match="gives no value for y"):
        check_step(Step(x - y, Relation.EQUAL, sp.Integer(0), "", lambda generator: {x: sp.Rational(1, 2)}))


@pytest.mark.parametrize(
    ("alpha", "beta"),
    [(2.0, 0.3), (1.5, 0.5), (1.8, 0.6), (1.0, 1.4), (1.5, 1.8), (2.0, 2.0), (1.2, 1.6), (1.0, 3.0), (1.5, 3.5)],
)
def test_the_slopes_of_theorem_six_on_two_hundred_thousand_modes(alpha: float, beta: float) -> None:
    """Fitted over two decades well inside 1/lambda_1 << s << 1/lambda_d, within 0.05 of the exponent."""
    model = DataModel.power_law(200_000, alpha, beta, 1.0)
    network = OneOutput.from_model(model, SquaredError())
    last = 200_000**alpha
    times = np.geomspace(last**0.6, last**0.6 * 100, 9)
    explained = network.explained_variance(1e-12, times)
    slope = np.polyfit(np.log(times), np.log(explained), 1)[0]
    exponent = next(value for value, holds in _exponents(alpha, beta) if holds)
    assert slope == pytest.approx(exponent, abs=0.05)


def _exponents(alpha: float, beta: float) -> list[tuple[float, bool]]:
    """The Piecewise of the theorem's statement, evaluated."""
    piecewise = next(iter(theorem_named("T6").statement.atoms(sp.Piecewise)))
    names = {symbol.name: symbol for symbol in piecewise.free_symbols}
    values = {names["alpha"]: alpha, names["beta"]: beta}
    return [(float(value.subs(values)), bool(condition.subs(values))) for value, condition in piecewise.args]


def test_the_first_rise_of_theorem_seven_is_that_of_the_annealed_curve() -> None:
    network = OneOutput.from_model(DataModel.power_law(200, 1.0, 2.0, 0.2), SquaredError())
    scale = 1e-3
    powers = np.arange(len(SPECTRUM_SUMS))[:, None]
    spectrum = network.eigenvalues**powers
    values = dict(zip(SPECTRUM_SUMS, spectrum.sum(axis=1), strict=True))
    values |= dict(zip(SIGNAL_SUMS, spectrum @ network.signal**2, strict=True))
    depth = float(theorem_named("T7").statement.rhs.subs({**values, INITIAL_SCALE: scale, CURVATURE: 1}))
    times = scale**2 * np.geomspace(1e-2, 1e3, 4000)
    measured = network.initial_level - network.explained_variance(scale, times).min()
    # The next order is smaller by sigma0 to the power one: s / s1 at the deepest point.
    assert measured == pytest.approx(depth, rel=0.02)


def test_text_and_latex_hold_every_step() -> None:
    theorem = theorem_named("T5")
    text = "\n".join(theorem_text(theorem))
    assert text.count("[verified") == len(theorem.steps)
    latex = theorem_latex(theorem)
    assert latex.count(r"\item") == len(theorem.steps)
    assert r"\sigma_{0}^{\frac{2}{3}}" in latex
    assert latex.count(r"\begin") == latex.count(r"\end") == 3


def test_a_step_that_does_not_hold_is_reported() -> None:
    theorem = theorem_named("T3")
    broken = replace(theorem, steps=(replace(theorem.steps[0], right=sp.Integer(1)),))
    assert "NOT VERIFIED" in "\n".join(theorem_text(broken))
