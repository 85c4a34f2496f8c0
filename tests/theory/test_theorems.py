from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from theory import DataModel, InputError, OneOutput, SquaredError
from theory.catalogue import lemmas, theorem_named, theorems
from theory.complexity import ALPHA, BETA
from theory.report import theorem_latex, theorem_text
from theory.symbolic import TIME
from theory.theorem import Relation, Step, Theorem, check_step

STEPS = [(theorem, number) for theorem in (*theorems(), *lemmas()) for number in range(len(theorem.steps))]


@pytest.mark.parametrize(("theorem", "number"), STEPS, ids=[f"{one.name}-{number + 1}" for one, number in STEPS])
def test_every_step_holds_and_no_step_with_another_right_side_does(theorem: Theorem, number: int) -> None:
    step = theorem.steps[number]
    # Something is left to do or to compare: a step whose sides are one and the same would only assert.
    assert step.left != step.right
    assert check_step(step)
    others = [sp.Integer(-(10**9))]
    if step.relation is Relation.EQUAL:
        others = [step.right + sp.Rational(1, 10**6), *([] if step.right == 0 else [sp.Integer(0), -step.right])]
    for other in others:
        assert not check_step(replace(step, right=other))


def test_there_are_eight_theorems_each_with_a_derivation() -> None:
    assert [theorem.name for theorem in theorems()] == [f"T{number}" for number in range(1, 9)]
    assert all(len(theorem.steps) >= 2 for theorem in theorems())
    assert [lemma.name for lemma in lemmas()] == ["L1", "L2", "L3", "L4", "L5"]
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
    [
        *[(2.0, 0.3), (1.5, 0.5), (1.8, 0.6), (1.0, 1.4), (1.5, 1.8), (2.0, 2.0), (1.2, 1.6), (1.0, 3.0), (1.5, 3.5)],
        *[(1.5, 1.0), (2.0, 1.0), (1.0, 2.0), (1.5, 2.5)],
    ],
)
def test_the_slopes_of_theorem_six_on_two_hundred_thousand_modes(alpha: float, beta: float) -> None:
    """Fitted over two decades well inside 1/lambda_1 << s << 1/lambda_d, within 0.05 of the derived order's.

    The last four pairs are those with logarithms.
    """
    model = DataModel.power_law(200_000, alpha, beta, 1.0)
    network = OneOutput.from_model(model, SquaredError())
    last = 200_000**alpha
    times = np.geomspace(last**0.6, last**0.6 * 100, 9)
    explained = network.explained_variance(1e-12, times)
    order = theorem_named("T6").statement.rhs.args[0].subs({ALPHA: sp.nsimplify(alpha), BETA: sp.nsimplify(beta)})
    derived = [float(order.subs(TIME, time)) for time in times]
    slope, expected = (np.polyfit(np.log(times), np.log(values), 1)[0] for values in (explained, derived))
    assert slope == pytest.approx(expected, abs=0.05)


def test_the_first_rise_of_theorem_seven_is_that_of_the_annealed_curve() -> None:
    network = OneOutput.from_model(DataModel.power_law(200, 1.0, 2.0, 0.2), SquaredError())
    scale = 1e-3
    times = scale**2 * np.geomspace(1e-2, 1e3, 4000)
    measured = network.relative_loss(scale, times).max() - network.relative_loss(scale, np.array([0.0]))[0]
    border = network.rise_border_formula(measured)
    # The next order is smaller by sigma0 to the power one: s / s1 at the deepest point.
    assert border == pytest.approx(scale, rel=0.01)


def test_text_and_latex_hold_every_step() -> None:
    theorem = theorem_named("T5")
    text = "\n".join(theorem_text(theorem))
    assert text.count("[verified") == len(theorem.steps)
    latex = theorem_latex(theorem)
    assert latex.count(r"\item") == len(theorem.steps)
    assert r"\sigma_{0}^{\frac{2}{3}}" in latex
    assert latex.count(r"\begin{") == latex.count(r"\end{")
    assert r"\Theta" in latex


def test_a_step_that_does_not_hold_is_reported() -> None:
    theorem = theorem_named("T3")
    broken = replace(theorem, steps=(replace(theorem.steps[0], right=sp.Integer(1)),))
    assert "NOT VERIFIED" in "\n".join(theorem_text(broken))
