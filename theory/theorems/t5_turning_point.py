"""Theorem T5: phase II ends at s*, proportional to sigma0^(2/3); for one output, averaged over W(0)."""

from __future__ import annotations

import numpy as np
import sympy as sp

from theory.curves.losses import Loss
from theory.curves.turning_law import SEPARATION, TurningLaw
from theory.data.data_model import DataModel
from theory.symbols.complexity import STEP_SIZE, Theta, in_steps, turning_point_order
from theory.symbols.symbolic import (
    CURVATURE,
    INITIAL_SCALE,
    SIGNAL_SUMS,
    SPECTRUM_SUMS,
    TIME,
    boundary_formulas,
    forgetting_series,
    learnt_explained_variance,
    small_root,
    turning_balance,
)
from theory.theorems.domain import (
    ALIGNED,
    CURVED_AT_MOST_ONE,
    SPECTRUM,
    SPREAD,
    Domain,
    gap,
    turns_below_the_start,
)
from theory.theorems.step import Relation, Step
from theory.theorems.theorem import Derivation, PredictedStep, Theorem


def _derivation() -> Derivation:
    """T5: the end of phase II, s*, proportional to sigma0^(2/3)."""
    formulas = boundary_formulas()
    near = turning_balance()
    explained, balance, small, scaled = near.explained, near.balance, near.small, near.scaled
    scaled_turning = formulas.turning_point / INITIAL_SCALE ** sp.Rational(2, 3)
    excess = sp.Symbol("g", positive=True)
    aligned = (sp.Eq(SIGNAL_SUMS[2], SIGNAL_SUMS[1] * (SPECTRUM_SUMS[2] / SPECTRUM_SUMS[1] + excess)),)

    gap = formulas.signal_level - formulas.initial_level
    a1, b1 = SPECTRUM_SUMS[1], SIGNAL_SUMS[1]
    learnt = learnt_explained_variance()
    level, speed, bend = forgetting_series()
    root, (short, first, second) = small_root()
    steps = (
        Step(
            sp.Limit((explained - formulas.signal_level) / small**2, small, 0),
            Relation.EQUAL,
            balance,
            "At `s = sigma0^(2/3) u`, with `sigma0 = epsilon^3`, `R` leaves `R2` by `epsilon^2` times this.",
        ),
        Step(
            balance,
            Relation.EQUAL,
            -gap * a1 / (b1 * scaled**2) - CURVATURE * formulas.spread * scaled,
            "What phase I still lacks, `(R2 - R0)(s1/s)^2`, and what the first saturation takes, `c Var s`.",
        ),
        Step(
            sp.Subs(sp.Derivative(balance, scaled), scaled, scaled_turning),
            Relation.EQUAL,
            sp.Integer(0),
            "It is stationary at `s*`.",
        ),
        Step(
            sp.Derivative(balance, scaled, 2),
            Relation.BELOW,
            sp.Integer(0),
            "And largest there, as `R2 - R0 = g > 0` bends it down everywhere.",
            where=aligned,
            witness=sp.factor(-sp.diff(balance, scaled, 2).subs({one.lhs: one.rhs for one in aligned})),
        ),
        Step(
            formulas.turning_point**3,
            Relation.EQUAL,
            2 * gap * formulas.phase_one_end**2 / (CURVATURE * formulas.spread),
            "In terms of `s1`: `s*^3 = 2 (R2 - R0) s1^2 / (c Var)`.",
        ),
        Step(
            sp.Limit((learnt - level - speed * TIME) / TIME**2, TIME, 0),
            Relation.EQUAL,
            bend,
            "The return. After `s*` only what is learnt counts, `R = R2 + r1 s + r2 s^2` with `r1 = -c Var` and this "
            "`r2`.",
        ),
        Step(
            sp.Limit((first * root + second * root**2 + short) / short**2, short, 0),
            Relation.EQUAL,
            sp.Integer(0),
            "`R` is back at `R0` where `r1 s + r2 s^2 = -G`, `G = R2 - R0`: to second order in `G` at `-G/r1 - r2 "
            "G^2/r1^3`.",
        ),
    )
    return Derivation(
        statement=sp.Eq(sp.Symbol("s*"), formulas.turning_point),
        steps=steps,
        orders=(
            sp.Eq(sp.Symbol("s*"), Theta(turning_point_order())),
            sp.Eq(sp.Symbol("s*") / STEP_SIZE, Theta(in_steps(turning_point_order()))),
        ),
    )


def _turning_step(model: DataModel, loss: Loss, init_scale: float, step_size: float) -> PredictedStep:
    """The turning point by the law of as many outputs as the layer has (lemma L3)."""
    event, law = "turning point", TurningLaw.from_model(model, loss)
    time = law.turning_point(init_scale)
    if time is not None:
        return PredictedStep(event, time / step_size)
    return PredictedStep(event, None, _why_no_turning_point(law, init_scale, step_size))


def _why_no_turning_point(law: TurningLaw, init_scale: float, step_size: float) -> str:
    """Why there is no closed form where the assumptions hold."""
    if law.remainder <= 0:
        return "the weak outputs point at less variance than random ones, so that its sum is negative"
    if law.drift <= 0:
        return "nothing of what is learnt is forgotten to first order, so that the curve does not turn back"
    time = float(np.cbrt(2 * law.remainder * init_scale**2 / law.drift)) / step_size
    last = law.last_crossover * init_scale / step_size
    if time < SEPARATION * last:
        return (
            f"its series asks for a turning point at least {SEPARATION:g} times later than the weakest output outgrows "
            f"W(0); that is at step {last:.3g}, and it gives step {time:.3g}"
        )
    return (
        f"its series asks for a turning point before the first mode saturates, at step "
        f"{law.saturation / step_size:.3g}; it gives step {time:.3g}"
    )


TURNING_POINT = Theorem(
    name="T5",
    title="Turning point",
    words="The annealed loss, a ratio of means over `W(0)`, is lowest at `s*`, to leading order in `sigma0`; `Var` "
    "is the variance of `l` under weights `l delta^2`.",
    assumptions=("A3", "A6", "A7", "A8"),
    derive=_derivation,
    domain=Domain(
        ("A1", "A2", "B1", "B2", "B3", "c", "sigma0"),
        (
            ALIGNED,
            SPECTRUM,
            SPREAD,
            CURVED_AT_MOST_ONE,
            turns_below_the_start(lambda v: gap(v) * v["A1"] / v["B1"]),
        ),
    ),
    corollaries=(
        "`s* = Theta(sigma0^(2/3))`, so phase II lasts ever longer compared with phase I as `sigma0` falls.",
        "The return to `R0` does not depend on `sigma0`.",
        "The mean over draws turns later, `s*^3 = s*^3` of T5 `+ 8 sigma0^2 / (c B1)`, and one draw by other powers "
        "of `sigma0` (L5): its term linear in `W(0)` is the largest for small `sigma0`.",
    ),
    predict=_turning_step,
)
