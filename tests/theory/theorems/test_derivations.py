"""Every step of every theorem and lemma, and how derivations are printed."""

from __future__ import annotations

import re
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp

from theory import InputError
from theory.theorems.catalogue import LEMMAS, THEOREMS, theorem_named
from theory.theorems.domain import Domain
from theory.theorems.step import Kind, Relation, Sampler, Step, check_step, count_kinds, holds_on_instances
from theory.theorems.theorem import Counterexample, Derivation, Theorem
from theory.typeset.derivation_text import kinds_text, theorem_text
from theory.typeset.theorem_latex import theorem_latex

ALL = (*THEOREMS, *LEMMAS)


@pytest.mark.parametrize("theorem", ALL, ids=lambda one: one.name)
def test_every_step_holds_and_no_step_with_another_right_side_does(theorem: Theorem) -> None:
    for number, (step, holds) in enumerate(zip(theorem.steps, theorem.outcomes, strict=True), 1):
        # Something is left to do or to compare: a step whose sides are one and the same would only assert.
        assert step.left != step.right, number
        assert holds, number
        others = [step.right + sp.Rational(1, 10**6), *([] if step.right == 0 else [sp.Integer(0), -step.right])]
        if step.relation is Relation.BELOW:
            others = [sp.Integer(-(10**9))]
        # Limits and integrals are carried out once for all of them.
        done = replace(step, left=step.carried_out(), where=())
        for other in others:
            assert not check_step(replace(done, right=other)), (number, other)


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


@pytest.mark.parametrize("theorem", ALL, ids=lambda one: one.name)
def test_an_inequality_is_proved_and_a_bound_that_is_slightly_too_strong_is_refused(theorem: Theorem) -> None:
    """By the proof, and on instances, some of which come near to equality: a thousandth of the typical difference."""
    for step in theorem.steps:
        if step.relation is Relation.EQUAL:
            continue
        done = replace(step, left=step.carried_out(), where=())
        assert not check_step(replace(done, right=step.right - sp.Rational(1, 10**9)))
        if step.sampler is None:
            assert step.kind is Kind.INEQUALITY
            continue
        slightly = replace(done, right=step.right - _typical_difference(step, step.sampler) / 1000)
        assert not check_step(slightly)
        assert holds_on_instances(done, instances=100)
        assert not holds_on_instances(slightly, instances=100)


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
    theorem = Theorem("X", "", "", (), lambda: Derivation(sp.true, steps), Domain(), counterexamples=(fails,))
    assert [step.kind for step in steps] == [Kind.IDENTITY, Kind.INEQUALITY, Kind.INSTANCES]
    assert count_kinds(steps * 2) == {Kind.IDENTITY: 2, Kind.INEQUALITY: 2, Kind.INSTANCES: 2}
    assert (
        kinds_text(step.kind for step in theorem.steps)
        == "3 steps: 1 identities and 1 inequalities proved, 1 supported by instances alone"
    )
    text = "\n".join(theorem_text(theorem))
    assert "counterexample. Not always: at s = 2: the loss goes 0.250, 0.125." in text
    assert "the loss goes 0.250, 0.125." in theorem_latex(theorem)
    for kind in Kind:
        assert text.count(f"[verified: {kind.value}]") == 1
        assert theorem_latex(theorem).count(f"[{kind.value}]") == 1


def test_names_count_from_one_and_an_unknown_one_is_refused() -> None:
    assert [one.name for one in ALL] == [
        f"{letter}{number}" for letter, known in (("T", THEOREMS), ("L", LEMMAS)) for number in range(1, len(known) + 1)
    ]
    assert all(theorem_named(one.name) is one for one in ALL)
    with pytest.raises(InputError, match="theorem: 'T0' is unknown; give one of T1, T2"):
        theorem_named("T0")


@pytest.mark.parametrize("theorem", ALL, ids=lambda one: one.name)
def test_each_theorem_prints_what_it_takes_for_granted(theorem: Theorem) -> None:
    heading = theorem_text(replace(theorem, derive=lambda: Derivation(sp.true, ()), counterexamples=()))
    (line,) = (line for line in heading if line.startswith("  assumes: "))
    assert set(re.findall(r"A[1-8]", line)) == set(theorem.assumptions)


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
    assert theorem.verified
    wrong = replace(theorem.steps[0], right=sp.Integer(1))
    broken = replace(theorem, derive=lambda: Derivation(theorem.statement, (wrong, *theorem.steps[1:])))
    assert not broken.verified
    assert broken.outcomes == (False, *theorem.outcomes[1:])
    assert "\n".join(theorem_text(broken)).count("NOT VERIFIED") == 1
