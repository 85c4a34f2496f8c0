"""Theorem T3: from small weights, phase II exists if and only if R2 > R0; for one output, averaged over W(0)."""

from __future__ import annotations

import sympy as sp

from theory.symbols.symbolic import INITIAL_SCALE, SIGNAL_SUMS, SPECTRUM_SUMS, TIME, boundary_formulas
from theory.theorems.domain import SPECTRUM, Domain
from theory.theorems.step import Relation, Step
from theory.theorems.theorem import Derivation, Theorem


def _derivation() -> Derivation:
    """T3: for small sigma0 phase II exists if and only if R2 > R0."""
    formulas = boundary_formulas()
    a1, a2, b1, b2 = SPECTRUM_SUMS[1], SPECTRUM_SUMS[2], SIGNAL_SUMS[1], SIGNAL_SUMS[2]
    speed = 2 * TIME * INITIAL_SCALE**2 * (a1 * b2 - a2 * b1) / (a1 * INITIAL_SCALE**2 + b1 * TIME**2) ** 2
    steps = (
        Step(
            sp.Derivative(formulas.phase_one_level, TIME),
            Relation.EQUAL,
            speed,
            "The speed at which `R` moves at `s = sigma0 u` for `sigma0 -> 0`, while `s << 1/lambda_1`.",
        ),
        Step(
            a1 * b1 * (formulas.signal_level - formulas.initial_level),
            Relation.EQUAL,
            a1 * b2 - a2 * b1,
            "Its sign is that of `R2 - R0` at every such time.",
        ),
    )
    return Derivation(
        statement=sp.Gt(formulas.signal_level, formulas.initial_level),
        steps=steps,
    )


ALIGNMENT = Theorem(
    name="T3",
    title="From small weights, phase II exists if and only if the signal is aligned",
    words="In the limit of small `sigma0` the loss falls after phase I if and only if prototypes lie in directions "
    "of more variance than random: at `s = sigma0 u` `R` moves from `R0` to `R2`, monotonically.",
    assumptions=("A6", "A7", "A8"),
    derive=_derivation,
    domain=Domain(("A1", "A2", "B1", "B2"), (SPECTRUM,)),
    corollaries=(
        "For `sigma0 -> 0` misaligned data rise monotonically; they have no turning point.",
        "At a larger `sigma0` `W(0)` itself decays towards directions of little variance, and `R` falls below `R2` "
        "before the signal counts: misaligned data can rise, dip and rise (T7), as with `l = (1, .6, .03)`, `delta = "
        "(0, .28, .05)`, `sigma0 = 1`.",
    ),
)
