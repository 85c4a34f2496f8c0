"""Theorems T1, T2, T3 and T5: prototype direction, end of phase I, alignment, turning point.

They are about the linearised flow; T2, T3 and T5 about one output, averaged over W(0).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theory.symbols.complexity import STEP_SIZE, Theta, in_steps, phase_one_order, turning_point_order
from theory.symbols.symbolic import (
    CURVATURE,
    EIGENVALUE,
    FRACTION,
    INITIAL_SCALE,
    SIGNAL,
    SIGNAL_SUMS,
    SPECTRUM_SUMS,
    TIME,
    boundary_formulas,
    forgetting_series,
    learnt_explained_variance,
    mode_solution,
    small_root,
    turning_balance,
)
from theory.theorems.theorem import Relation, Step, Theorem

CLASSES = sp.Symbol("K", positive=True)


def rational(generator: np.random.Generator, low: float, high: float) -> sp.Rational:
    """A random rational with four digits between ``low`` and ``high``."""
    return sp.Rational(int(generator.integers(int(low * 10_000), int(high * 10_000))), 10_000)


def random_sums(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
    """The sums A_j and B_j of a random aligned spectrum of five modes, c, sigma0, s and u."""
    eigenvalues = [rational(generator, 0.1, 3) for _ in range(5)]
    # Squares in proportion to a rising power of the eigenvalue are aligned, by Chebyshev's sum inequality.
    strength, power = rational(generator, 0.5, 2), int(generator.integers(1, 4))
    squares = [strength * eigenvalue**power for eigenvalue in eigenvalues]
    sums: dict[sp.Symbol, sp.Rational] = {}
    for power, (spectrum, signal) in enumerate(zip(SPECTRUM_SUMS, SIGNAL_SUMS, strict=True)):
        sums[spectrum] = sp.Add(*[value**power for value in eigenvalues])
        sums[signal] = sp.Add(*[value**power * square for value, square in zip(eigenvalues, squares, strict=True)])
    return sums | {
        CURVATURE: rational(generator, 0.1, 1),
        INITIAL_SCALE: rational(generator, 0.001, 0.1),
        TIME: rational(generator, 0.01, 1),
    }


def prototype_direction() -> Theorem:
    """T1: at W = 0 the negative gradient of the cross-entropy is M."""
    logit, other, weight, value = sp.symbols("z z' w x", real=True)
    shares = sp.symbols("pi1:4", positive=True)
    means = sp.symbols("mu1:4", real=True)
    in_class = sp.Symbol("t", real=True)
    # The other K - 1 (or K - 2) outputs are zero, so their exponentials are ones.
    loss = sp.log(sp.exp(logit) + CLASSES - 1) - in_class * logit
    pair_loss = sp.log(sp.exp(logit) + sp.exp(other) + CLASSES - 2)
    centred = means[2], -(shares[0] * means[0] + shares[1] * means[1]) / shares[2]
    average = sp.Add(
        *[
            share * (sp.Rational(1, 3) - int(k == 0)) * mean
            for k, (share, mean) in enumerate(zip(shares, means, strict=True))
        ]
    )
    initial = sp.Symbol("w0", real=True)
    a1, a2, a3 = SPECTRUM_SUMS[1:4]
    # To first order in s a mode keeps 1 - c l s of W(0), and 1 - 2 c l s of its square.
    fading = (a2 - 2 * CURVATURE * TIME * a3) / (a1 - 2 * CURVATURE * TIME * a2)
    steps = (
        Step(
            sp.Subs(sp.Derivative(loss, logit), logit, 0),
            Relation.EQUAL,
            1 / CLASSES - in_class,
            "Differentiate the cross-entropy of a sample by one output, at outputs zero; t = 1 in that class, else 0.",
        ),
        Step(
            sp.Subs(sp.Derivative(pair_loss, logit, 2), (logit, other), (0, 0)),
            Relation.EQUAL,
            1 / CLASSES - 1 / CLASSES**2,
            "Differentiate again: the diagonal of the Jacobian (I - 11^T/K)/K.",
        ),
        Step(
            sp.Subs(sp.Derivative(pair_loss, logit, other), (logit, other), (0, 0)),
            Relation.EQUAL,
            -1 / CLASSES**2,
            "And by another output: the rest of the Jacobian.",
        ),
        Step(
            sp.Subs(average, *centred),
            Relation.EQUAL,
            -shares[0] * means[0],
            "Average (1/K - t) x over three classes with centred inputs: minus the row pi_1 mu_1 of M.",
        ),
        Step(
            sp.Subs(sp.Derivative(sp.log(1 + sp.exp(weight * value)) - in_class * weight * value, weight), weight, 0),
            Relation.EQUAL,
            (sp.Rational(1, 2) - in_class) * value,
            "The logistic loss likewise; its average is minus the row of class 1.",
        ),
        Step(
            sp.Limit((mode_solution(initial) - initial) / TIME, TIME, 0),
            Relation.EQUAL,
            SIGNAL - CURVATURE * EIGENVALUE * initial,
            "From W(0) the flow linearised at W = 0 begins with the prototype less what W(0) loses, mode by mode: "
            "M - c W(0) Sigma (for softmax, of the centred outputs; the sum of the rows stays).",
        ),
        Step(
            sp.Subs(sp.Derivative(fading, TIME), TIME, 0),
            Relation.EQUAL,
            -2 * CURVATURE * (a1 * a3 - a2**2) / a1**2,
            "Without a prototype that loss lowers R = sum l^2 E w^2 / sum l E w^2 at this speed: the first rise of T7.",
        ),
    )
    return Theorem(
        name="T1",
        title="Prototype direction",
        statement=sp.Eq(sp.Symbol("-dL/dW|_{W=0}"), sp.Symbol("M")),
        words="At W = 0 the negative gradient is the prototype matrix M with rows pi_k (mu_k - mean); with outputs "
        "of order one it stays nearly that.",
        assumptions=("A8",),
        steps=steps,
        corollaries=(
            "Early training adds prototypes and shrinks W(0): W(s) = W(0) + s (M - c W(0) Sigma) + O(s^2), with the "
            "centred W(0) for softmax. The second term is larger where sigma0 is above |M| / (c lambda), and is the "
            "first rise of T7 at every sigma0.",
        ),
    )


def phase_one() -> Theorem:
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
        Step(sp.Subs(mode, TIME, 0), Relation.EQUAL, initial, "It starts at W(0)."),
        Step(
            sp.Integral(sp.expand(mode**2) * density, (initial, -sp.oo, sp.oo)),
            Relation.EQUAL,
            formulas.second_moment,
            "Average the square over w0 ~ N(0, sigma0^2).",
        ),
        Step(
            sp.Limit(at_scale, INITIAL_SCALE, 0),
            Relation.EQUAL,
            1 + SIGNAL**2 * scaled**2,
            "At times s = sigma0 u a mode has the second moment sigma0^2 (1 + delta^2 u^2), for small sigma0.",
        ),
        Step(
            sp.Limit(formulas.phase_one_level, TIME, sp.oo),
            Relation.EQUAL,
            formulas.signal_level,
            "R = sum l^2 E w^2 / sum l E w^2 then runs from R0 = A2/A1 to R2 = B2/B1.",
        ),
        Step(
            gained.subs(TIME, formulas.fraction_point),
            Relation.EQUAL,
            FRACTION,
            "The fraction tau of R2 - R0 is gained at s1 sqrt(tau / (1 - tau)).",
        ),
    )
    return Theorem(
        name="T2",
        title="End of phase I",
        statement=sp.Eq(sp.Symbol("s1"), formulas.phase_one_end),
        words="Half of R2 - R0 is gained at s1; A_j = sum l^j, B_j = sum l^j delta^2.",
        assumptions=("A6", "A7", "A8"),
        steps=steps,
        corollaries=("In steps of gradient descent, s1 / eta: proportional to sigma0 and to 1 / eta.",),
        orders=(
            sp.Eq(sp.Symbol("s1"), Theta(phase_one_order())),
            sp.Eq(sp.Symbol("s1") / STEP_SIZE, Theta(in_steps(phase_one_order()))),
        ),
    )


def alignment() -> Theorem:
    """T3: for small sigma0 phase II exists if and only if R2 > R0."""
    formulas = boundary_formulas()
    a1, a2, b1, b2 = SPECTRUM_SUMS[1], SPECTRUM_SUMS[2], SIGNAL_SUMS[1], SIGNAL_SUMS[2]
    speed = 2 * TIME * INITIAL_SCALE**2 * (a1 * b2 - a2 * b1) / (a1 * INITIAL_SCALE**2 + b1 * TIME**2) ** 2
    steps = (
        Step(
            sp.Derivative(formulas.phase_one_level, TIME),
            Relation.EQUAL,
            speed,
            "The speed at which R moves at s = sigma0 u for sigma0 -> 0, while s << 1/lambda_1.",
        ),
        Step(
            a1 * b1 * (formulas.signal_level - formulas.initial_level),
            Relation.EQUAL,
            a1 * b2 - a2 * b1,
            "Its sign is that of R2 - R0 at every such time.",
        ),
    )
    return Theorem(
        name="T3",
        title="From small weights, phase II exists if and only if the signal is aligned",
        statement=sp.Gt(formulas.signal_level, formulas.initial_level),
        words="In the limit of small sigma0 the loss falls after phase I if and only if prototypes lie in directions "
        "of more variance than random: at s = sigma0 u R moves from R0 to R2, monotonically.",
        assumptions=("A6", "A7", "A8"),
        steps=steps,
        corollaries=(
            "For sigma0 -> 0 misaligned data rise monotonically; they have no turning point.",
            "At a larger sigma0 W(0) itself decays towards directions of little variance, and R falls below R2 before "
            "the signal counts: misaligned data can rise, dip and rise (T7), as with l = (1, .6, .03), "
            "delta = (0, .28, .05), sigma0 = 1.",
        ),
    )


def turning_point() -> Theorem:
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
            "At s = sigma0^(2/3) u, with sigma0 = epsilon^3, R leaves R2 by epsilon^2 times this.",
        ),
        Step(
            balance,
            Relation.EQUAL,
            -gap * a1 / (b1 * scaled**2) - CURVATURE * formulas.spread * scaled,
            "What phase I still lacks, (R2 - R0)(s1/s)^2, and what the first saturation takes, c Var s.",
        ),
        Step(
            sp.Subs(sp.Derivative(balance, scaled), scaled, scaled_turning),
            Relation.EQUAL,
            sp.Integer(0),
            "It is stationary at s*.",
        ),
        Step(
            sp.Derivative(balance, scaled, 2),
            Relation.BELOW,
            sp.Integer(0),
            "And largest there, as R2 - R0 = g > 0 bends it down everywhere.",
            where=aligned,
            witness=sp.factor(-sp.diff(balance, scaled, 2).subs({one.lhs: one.rhs for one in aligned})),
        ),
        Step(
            formulas.turning_point**3,
            Relation.EQUAL,
            2 * gap * formulas.phase_one_end**2 / (CURVATURE * formulas.spread),
            "In terms of s1: s*^3 = 2 (R2 - R0) s1^2 / (c Var).",
        ),
        Step(
            sp.Limit((learnt - level - speed * TIME) / TIME**2, TIME, 0),
            Relation.EQUAL,
            bend,
            "The return. After s* only what is learnt counts, R = R2 + r1 s + r2 s^2 with r1 = -c Var and this r2.",
        ),
        Step(
            sp.Limit((first * root + second * root**2 + short) / short**2, short, 0),
            Relation.EQUAL,
            sp.Integer(0),
            "R is back at R0 where r1 s + r2 s^2 = -G, G = R2 - R0: to second order in G at -G/r1 - r2 G^2/r1^3.",
        ),
    )
    return Theorem(
        name="T5",
        title="Turning point",
        statement=sp.Eq(sp.Symbol("s*"), formulas.turning_point),
        words="The annealed loss, a ratio of means over W(0), is lowest at s*, to leading order in sigma0; Var is the "
        "variance of l under weights l delta^2.",
        assumptions=("A3", "A6", "A7", "A8"),
        steps=steps,
        corollaries=(
            "s* = Theta(sigma0^(2/3)), so phase II lasts ever longer compared with phase I as sigma0 falls.",
            "The return to R0 does not depend on sigma0.",
            "The mean over draws turns later, s*^3 = s*^3 of T5 + 8 sigma0^2 / (c B1), and one draw by other powers of "
            "sigma0 (L5): its term linear in W(0) is the largest for small sigma0.",
        ),
        orders=(
            sp.Eq(sp.Symbol("s*"), Theta(turning_point_order())),
            sp.Eq(sp.Symbol("s*") / STEP_SIZE, Theta(in_steps(turning_point_order()))),
        ),
    )
