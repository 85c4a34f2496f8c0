from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp

from theory import DataModel, InputError, OneOutput, SquaredError
from theory.symbols.complexity import ALPHA, BETA
from theory.symbols.symbolic import TIME
from theory.theorems.catalogue import lemmas, theorem_named, theorems
from theory.theorems.signs import is_visibly_positive
from theory.theorems.theorem import (
    Counterexample,
    Kind,
    Relation,
    Sampler,
    Step,
    Theorem,
    check_step,
    count_kinds,
    holds_on_instances,
)
from theory.typeset.theorem_text import kinds_text, theorem_latex, theorem_text

STEPS = [(theorem, number) for theorem in (*theorems(), *lemmas()) for number in range(len(theorem.steps))]


@pytest.mark.parametrize(("theorem", "number"), STEPS, ids=[f"{one.name}-{number + 1}" for one, number in STEPS])
def test_every_step_holds_and_no_step_with_another_right_side_does(theorem: Theorem, number: int) -> None:
    step = theorem.steps[number]
    # Something is left to do or to compare: a step whose sides are one and the same would only assert.
    assert step.left != step.right
    assert check_step(step)
    others = [step.right + sp.Rational(1, 10**6), *([] if step.right == 0 else [sp.Integer(0), -step.right])]
    if step.relation is Relation.BELOW:
        others = [sp.Integer(-(10**9))]
    for other in others:
        assert not check_step(replace(step, right=other))


INEQUALITIES = [(one, number) for one, number in STEPS if one.steps[number].relation is Relation.BELOW]


def _typical_difference(step: Step, sampler: Sampler) -> sp.Rational:
    """Median of right less left over a hundred instances."""
    difference = step.right.doit() - step.carried_out()
    symbols = sorted(difference.free_symbols, key=str)
    evaluate = sp.lambdify(symbols, difference, "mpmath")
    generator = np.random.default_rng(1)
    found = []
    for _ in range(100):
        drawn = sampler(generator)
        values = [int(drawn[one]) if one.is_integer else mpmath.mpf(drawn[one].p) / drawn[one].q for one in symbols]
        found.append(float(evaluate(*values)))
    return sp.Rational(float(np.median(found)))


@pytest.mark.parametrize(
    ("theorem", "number"), INEQUALITIES, ids=[f"{one.name}-{number + 1}" for one, number in INEQUALITIES]
)
def test_an_inequality_is_proved_and_a_bound_that_is_slightly_too_strong_is_refused(
    theorem: Theorem, number: int
) -> None:
    """By the proof, and on instances, some of which come near to equality: a thousandth of the typical difference."""
    step = theorem.steps[number]
    assert not check_step(replace(step, right=step.right - sp.Rational(1, 10**9)))
    if step.sampler is None:
        assert step.kind is Kind.INEQUALITY
        return
    slightly = replace(step, right=step.right - _typical_difference(step, step.sampler) / 1000)
    assert not check_step(slightly)
    assert holds_on_instances(step, instances=100)
    assert not holds_on_instances(slightly, instances=100)


def test_a_bound_is_held_against_all_instances_and_not_any() -> None:
    """X < 1 fails for one value in a hundred."""
    x = sp.Symbol("x", positive=True)

    def mostly_small(generator: np.random.Generator) -> dict[sp.Symbol, sp.Rational]:
        mostly_small.drawn += 1  # type: ignore[attr-defined]
        return {x: sp.Rational(3, 2) if mostly_small.drawn == 17 else sp.Rational(1, 2)}  # type: ignore[attr-defined]

    for relation, right in ((Relation.BELOW, sp.Integer(1)), (Relation.EQUAL, sp.Rational(1, 2))):
        mostly_small.drawn = 0  # type: ignore[attr-defined]
        assert not check_step(Step(x, relation, right, "", mostly_small))
        mostly_small.drawn = 20  # type: ignore[attr-defined]
        assert check_step(Step(x, relation, right, "", mostly_small))


def test_steps_are_counted_by_how_far_their_check_carries() -> None:
    """A step of each kind; what is printed says which."""
    x = sp.Symbol("x", positive=True)

    def draw(generator: np.random.Generator) -> dict[sp.Symbol, sp.Rational]:
        return {x: sp.Rational(int(generator.integers(1, 9)))}

    steps = (
        Step(sp.Derivative(x**2, x), Relation.EQUAL, 2 * x, "one"),
        Step(-x, Relation.BELOW, sp.Integer(0), "two", draw, witness=x),
        Step(-x, Relation.BELOW, sp.Integer(0), "three", draw),
    )
    fails = Counterexample("Not always", "at s = 2", lambda: (0.25, 0.125))
    theorem = Theorem("X", "", sp.true, "", (), steps, counterexamples=(fails,))
    assert [step.kind for step in steps] == [Kind.IDENTITY, Kind.INEQUALITY, Kind.INSTANCES]
    assert count_kinds([theorem, theorem]) == {Kind.IDENTITY: 2, Kind.INEQUALITY: 2, Kind.INSTANCES: 2}
    assert kinds_text([theorem]) == "3 steps: 1 identities and 1 inequalities proved, 1 supported by instances alone"
    text = "\n".join(theorem_text(theorem))
    assert "counterexample. Not always: at s = 2: the loss goes 0.250, 0.125." in text
    assert "the loss goes $0.250$, $0.125$." in theorem_latex(theorem)
    for kind in Kind:
        assert text.count(f"[verified: {kind.value}]") == 1
        assert theorem_latex(theorem).count(f"[{kind.value}]") == 1


def test_theorem_four_rests_on_no_instance() -> None:
    theorem = theorem_named("T4")
    assert count_kinds([theorem])[Kind.INSTANCES] == 0
    assert any(one.has(sp.Sum) and one.has(sp.IndexedBase) for one in (step.left for step in theorem.steps))


def test_a_wrong_witness_proves_nothing() -> None:
    """One that is not the difference, and one whose form does not show its sign."""
    x = sp.Symbol("x", positive=True)
    right = Step(-x - x**2, Relation.BELOW, sp.Integer(0), "", witness=x + x**2)
    assert check_step(right)
    assert not check_step(replace(right, witness=x))
    assert not check_step(replace(right, left=x - x**2, witness=x**2 - x))
    with pytest.raises(InputError, match="an equation needs no witness"):
        check_step(replace(right, relation=Relation.EQUAL))
    with pytest.raises(InputError, match="has no sampler"):
        holds_on_instances(right)


def test_there_are_eight_theorems_each_with_a_derivation() -> None:
    assert [theorem.name for theorem in theorems()] == [f"T{number}" for number in range(1, 9)]
    assert all(len(theorem.steps) >= 2 for theorem in theorems())
    assert [lemma.name for lemma in lemmas()] == ["L1", "L2", "L3", "L4", "L5"]
    with pytest.raises(InputError, match="theorem: 'T9' is unknown; give one of T1, T2"):
        theorem_named("T9")


#: What a derivation uses. A1 and A2 are the laws that only orders need; A3 is a series about a maximum (T5, L5);
#: A4 and n samples are of Gaussian classes with one covariance, A5 of discrete steps; A6 an average over W(0) before
#: the ratio, A7 an expansion in sigma0, A8 a loss that is linearised. T8 is about a given output.
TAKEN_FOR_GRANTED = {
    "T1": ["A8"],
    "T2": ["A6", "A7", "A8"],
    "T3": ["A6", "A7", "A8"],
    "T4": ["A4", "A5", "A8"],
    "T5": ["A3", "A6", "A7", "A8"],
    "T6": ["A1", "A2", "A8"],
    "T7": ["A6", "A7", "A8"],
    "T8": [],
    "L1": ["A1", "A2"],
    "L2": ["A4", "A6", "A7", "A8"],
    "L3": ["A6", "A7", "A8"],
    "L4": ["A6", "A8"],
    "L5": ["A3", "A7", "A8"],
}


@pytest.mark.parametrize("theorem", [*theorems(), *lemmas()], ids=lambda one: one.name)
def test_each_theorem_names_what_it_takes_for_granted_and_prints_it(theorem: Theorem) -> None:
    assert list(theorem.assumptions) == TAKEN_FOR_GRANTED[theorem.name]
    heading = "\n".join(theorem_text(replace(theorem, steps=(), counterexamples=())))
    for name in ("A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8"):
        if name in theorem.assumptions:
            assert name in heading


def test_a_sum_with_a_negative_term_is_not_visibly_positive() -> None:
    x, y = sp.symbols("x y", positive=True)
    assert is_visibly_positive(x + y**2)
    assert is_visibly_positive(x + sp.Symbol("z", real=True) ** 2)
    assert not is_visibly_positive(x - y)
    assert not is_visibly_positive(x + sp.Symbol("z", real=True))
    assert not is_visibly_positive(sp.Symbol("z", real=True) ** 2 + sp.Symbol("u", real=True) ** 2)


def test_a_strict_bound_is_not_met_by_an_equality() -> None:
    """On instances, and less by a part in 10^60, beyond the digits that count."""
    x = sp.Symbol("x", positive=True)

    def draw(generator: np.random.Generator) -> dict[sp.Symbol, sp.Rational]:
        return {x: sp.Rational(int(generator.integers(1, 9)))}

    assert not check_step(Step(x**2, Relation.BELOW, x * x + 0, "", draw))
    assert not check_step(Step(x, Relation.BELOW, x * (1 + sp.Rational(1, 10**60)), "", draw))
    assert check_step(Step(x, Relation.BELOW, x * (1 + sp.Rational(1, 10**30)), "", draw))


def test_a_symbolic_inequality_and_a_symbol_without_a_value_are_refused() -> None:
    x, y = sp.symbols("x y", positive=True)
    with pytest.raises(InputError, match="an inequality needs a witness of its sign, or a sampler"):
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
