"""Theorem T2: phase I ends at s1, proportional to sigma0; for one output, averaged over W(0)."""

from __future__ import annotations

import sympy as sp

from theory.symbols.complexity import STEP_SIZE, Theta, in_steps, phase_one_order
from theory.symbols.symbolic import (
    CURVATURE,
    EIGENVALUE,
    FRACTION,
    INITIAL_SCALE,
    SIGNAL,
    TIME,
    boundary_formulas,
    mode_solution,
)
from theory.theorems.domain import Domain
from theory.theorems.step import Relation, Step
from theory.theorems.theorem import Derivation, Theorem


def _derivation() -> Derivation:
    """T2: phase I ends at s1, proportional to sigma0."""
    formulas = boundary_formulas()
    initial, scaled = sp.Symbol("w0", real=True), sp.Symbol("u", positive=True)
    density = sp.exp(-(initial**2) / (2 * INITIAL_SCALE**2)) / (sp.sqrt(2 * sp.pi) * INITIAL_SCALE)
    mode = mode_solution(initial)
    at_scale = formulas.second_moment.subs(TIME, INITIAL_SCALE * scaled) / INITIAL_SCALE**2
    gained = (formulas.phase_one_level - formulas.initial_level) / (formulas.signal_level - formulas.initial_level)
    steps = (
        Step(
            sp.Derivative(mode, TIME),
            Relation.EQUAL,
            SIGNAL - CURVATURE * EIGENVALUE * mode,
            "The flow of one mode, with its solution.",
        ),
        Step(sp.Subs(mode, TIME, 0), Relation.EQUAL, initial, "It starts at `W(0)`."),
        Step(
            sp.Integral(sp.expand(mode**2) * density, (initial, -sp.oo, sp.oo)),
            Relation.EQUAL,
            formulas.second_moment,
            "Average the square over `w0 ~ N(0, sigma0^2)`.",
        ),
        Step(
            sp.Limit(at_scale, INITIAL_SCALE, 0),
            Relation.EQUAL,
            1 + SIGNAL**2 * scaled**2,
            "At times `s = sigma0 u` a mode has the second moment `sigma0^2 (1 + delta^2 u^2)`, for small `sigma0`.",
        ),
        Step(
            sp.Limit(formulas.phase_one_level, TIME, sp.oo),
            Relation.EQUAL,
            formulas.signal_level,
            "`R = sum l^2 E w^2 / sum l E w^2` then runs from `R0 = A2/A1` to `R2 = B2/B1`.",
        ),
        Step(
            gained.subs(TIME, formulas.fraction_point),
            Relation.EQUAL,
            FRACTION,
            "The fraction `tau` of `R2 - R0` is gained at `s1 sqrt(tau / (1 - tau))`.",
        ),
    )
    return Derivation(
        statement=sp.Eq(sp.Symbol("s1"), formulas.phase_one_end),
        steps=steps,
        orders=(
            sp.Eq(sp.Symbol("s1"), Theta(phase_one_order())),
            sp.Eq(sp.Symbol("s1") / STEP_SIZE, Theta(in_steps(phase_one_order()))),
        ),
    )


END_OF_PHASE_ONE = Theorem(
    name="T2",
    title="End of phase I",
    words="Half of `R2 - R0` is gained at `s1`; `A_j = sum l^j`, `B_j = sum l^j delta^2`.",
    assumptions=("A6", "A7", "A8"),
    derive=_derivation,
    domain=Domain(("A1", "B1", "sigma0")),
    corollaries=("In steps of gradient descent, `s1 / eta`: proportional to `sigma0` and to `1 / eta`.",),
)
