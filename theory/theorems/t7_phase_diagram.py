"""Theorem T7: the regions of the phase diagram and their borders, for small and for large initial weights."""

from __future__ import annotations

import sympy as sp

from theory.symbols.complexity import DIMENSION
from theory.symbols.symbolic import (
    CURVATURE,
    EIGENVALUE,
    INITIAL_SCALE,
    RESOLUTION,
    SPECTRUM_SUMS,
    TIME,
    boundary_formulas,
    early_explained_variance,
    first_rise,
)
from theory.theorems.domain import ALIGNED, CURVED_AT_MOST_ONE, SPECTRUM, Condition, Domain
from theory.theorems.step import Relation, Step
from theory.theorems.theorem import Derivation, Theorem

MODES = 3
EIGENVALUES = sp.symbols(f"lambda1:{MODES + 1}", positive=True)
SIGNALS = sp.symbols(f"delta1:{MODES + 1}", real=True)
#: exp(-c l_i s) of three modes; the last one, of the smallest eigenvalue, decays last.
DECAYS = sp.symbols("e1:4", positive=True)

_FIRST, _SECOND = sp.symbols("i j", positive=True, integer=True)

#: Sums over the modes other than the one of eigenvalue l: N / D is the R that they make. B is what a mode adds to D
#: once it is learnt, P what W(0) adds before.
OTHERS, OTHERS_WEIGHT = sp.symbols("N D", positive=True)
LEARNT_WEIGHT, INITIAL_WEIGHT = sp.symbols("B P", positive=True)


def _derivation() -> Derivation:
    """T7: the regions, where three phases give way to rise-dip-rise, and what large initial weights do."""
    return Derivation(
        statement=sp.Eq(sp.Symbol("sigma0_border"), first_rise().border),
        steps=(*_small_scale_steps(), *_large_scale_steps(), *_further_moves_steps()),
    )


def _small_scale_steps() -> tuple[Step, ...]:
    """The height of the first rise, to leading order in sigma0."""
    formulas, rise = boundary_formulas(), first_rise()
    explained = early_explained_variance()
    a1, a2, a3 = SPECTRUM_SUMS[1:4]
    gap = formulas.signal_level - formulas.initial_level
    scaled, small = sp.Symbol("u", positive=True), sp.Symbol("epsilon", positive=True)
    eigenvalues, modes = sp.IndexedBase("l", positive=True), (_FIRST, 1, DIMENSION)
    first, second = eigenvalues[_FIRST], eigenvalues[_SECOND]

    def total(summand: sp.Expr) -> sp.Sum:
        return sp.Sum(summand, modes)

    onset = (rise.parabola - formulas.initial_level) / small**2
    zoomed = explained.subs(TIME, small**2 * scaled).subs(INITIAL_SCALE, small)

    return (
        Step(
            sp.Subs(sp.Derivative(explained, TIME), TIME, 0),
            Relation.EQUAL,
            -2 * CURVATURE * (a1 * a3 - a2**2) / a1**2,
            "At first `W(0)` loses its high-variance directions, and the loss rises at this speed ...",
        ),
        Step(
            total(first) * total(first**3) - total(first**2) ** 2,
            Relation.EQUAL,
            sp.Sum(first * second * (first - second) ** 2, modes, (_SECOND, 1, DIMENSION)) / 2,
            "... which is positive: `A1 A3 - A2^2` is a sum of squares over pairs of modes, 0 for a flat spectrum "
            "alone.",
        ),
        Step(
            sp.Limit((sp.cancel(zoomed) - formulas.initial_level) / small**2, small, 0),
            Relation.EQUAL,
            sp.expand(onset.subs(TIME, small**2 * scaled).subs(INITIAL_SCALE, small)),
            "At `s = sigma0^2 u` the rise and the onset of the fall, `(R2 - R0)(s/s1)^2`, are equally large.",
        ),
        Step(
            sp.Subs(sp.Derivative(rise.parabola, TIME), TIME, rise.deepest),
            Relation.EQUAL,
            sp.Integer(0),
            "The loss is highest at this time, of order `sigma0^2` ...",
        ),
        Step(
            formulas.initial_level - rise.parabola.subs(TIME, rise.deepest),
            Relation.EQUAL,
            rise.speed**2 * formulas.phase_one_end**2 / (4 * gap),
            "... and has risen by this much, of order `sigma0^2`.",
        ),
        Step(
            sp.Subs(rise.depth, INITIAL_SCALE, rise.border),
            Relation.EQUAL,
            RESOLUTION * a1,
            "At the border this is the resolution.",
        ),
    )


def weighted_mean(weights: list[sp.Expr]) -> sp.Expr:
    """R of one output, the mean of the eigenvalues under ``weights``."""
    return sp.Add(*[value * weight for value, weight in zip(EIGENVALUES, weights, strict=True)]) / sp.Add(*weights)


def _large_scale_steps() -> tuple[Step, ...]:
    """The two levels between which R moves once W(0) is large, on three modes."""
    initial = [value * decay**2 for value, decay in zip(EIGENVALUES, DECAYS, strict=True)]
    learnt = [
        signal**2 * (1 - decay) ** 2 / value for value, signal, decay in zip(EIGENVALUES, SIGNALS, DECAYS, strict=True)
    ]
    weights = [INITIAL_SCALE**2 * first + second for first, second in zip(initial, learnt, strict=True)]
    squares = [signal**2 for signal in SIGNALS]
    return (
        Step(
            sp.Limit(weighted_mean(weights), INITIAL_SCALE, sp.oo),
            Relation.EQUAL,
            weighted_mean(initial),
            "Large `sigma0`: at any fixed time, with `e_i = exp(-c l_i s)`, `W(0)` alone counts ...",
        ),
        Step(
            sp.Subs(weighted_mean(initial), DECAYS[:2], (0, 0)),
            Relation.EQUAL,
            EIGENVALUES[2],
            "... and `R` falls to the smallest eigenvalue, as `e_i / e_d` vanishes for all others.",
        ),
        Step(
            sp.Subs(weighted_mean(weights), DECAYS, (0, 0, 0)),
            Relation.EQUAL,
            sp.Add(*squares) / sp.Add(*[square / value for square, value in zip(squares, EIGENVALUES, strict=True)]),
            "In the end, at any `sigma0`, only the signal remains, as learnt by the solution `delta / l`.",
        ),
    )


def _further_moves_steps() -> tuple[Step, ...]:
    """What one mode that saturates on its own does to R, and how many turns there can be."""
    before = (OTHERS + EIGENVALUE * INITIAL_WEIGHT) / (OTHERS_WEIGHT + INITIAL_WEIGHT)
    after = (OTHERS + EIGENVALUE * LEARNT_WEIGHT) / (OTHERS_WEIGHT + LEARNT_WEIGHT)
    weights = (OTHERS_WEIGHT + INITIAL_WEIGHT) * (OTHERS_WEIGHT + LEARNT_WEIGHT)
    initial, learnt = sp.symbols("a1:3", positive=True), sp.symbols("b1:3", positive=True)
    # Of two modes: the terms of dR/ds, as a polynomial in e_1 = exp(-c l_1 s) and e_2.
    moments = [a * e**2 + b * (1 - e) ** 2 for a, b, e in zip(initial, learnt, DECAYS, strict=False)]
    speeds = [-value * e * sp.diff(m, e) for value, e, m in zip(EIGENVALUES, DECAYS, moments, strict=False)]
    crossed = sp.Poly(sp.expand(speeds[0] * moments[1] - moments[0] * speeds[1]), *DECAYS[:2])
    pairs, alone = (sum(1 for powers in crossed.monoms() if (min(powers) > 0) is both) for both in (True, False))
    dimension = sp.Symbol("d", positive=True, integer=True)
    return (
        Step(
            after - before,
            Relation.EQUAL,
            (LEARNT_WEIGHT - INITIAL_WEIGHT) * (EIGENVALUE * OTHERS_WEIGHT - OTHERS) / weights,
            "Between far eigenvalues a mode saturates alone: of its weight `P = l sigma0^2` nothing is left, and it "
            "gains `B = delta^2/l`. With `l` below `R = N/D` the loss rises where `B > P` and falls where `W(0)` had "
            "outweighed it, `B < P`: mode by mode the signs can be chosen, and with them any sequence of moves.",
        ),
        Step(
            sp.Integer(alone // 2) * dimension + sp.Integer(pairs) * sp.binomial(dimension, 2),
            Relation.EQUAL,
            2 * dimension**2,
            "Each pair of `d` modes has so many exponentials of both in `dR/ds`, and each mode so many of its own: "
            "`2 d^2` in all. A sum of exponentials has fewer zeros than terms (Laguerre).",
        ),
    )


PHASE_DIAGRAM = Theorem(
    name="T7",
    title="Phase diagram: the regions and their borders",
    words="A region is a regime: the sequence of the rises and falls of the loss that are larger than the resolution "
    "`rho tr Sigma`. For small `sigma0` and `R2 > R0` the loss first rises by an amount of order `sigma0^2`, and at "
    "this `sigma0` by the resolution: below it the curve has three phases (fall, rise), above it rise-dip-rise "
    "(rise, fall, rise). For `R2 < R0` and small `sigma0` it is a monotone rise. Where what is forgotten is below "
    "the resolution the last rise is missing (fall, or rise-fall), as for large `sigma0`, after which only what is "
    "learnt remains. A further mode in which `W(0)` outweighs what is learnt adds a fall when it decays, and one "
    "that is learnt late a rise: fall-rise-fall, rise-fall-rise-fall and any longer sequence occur, each named by "
    "its moves.",
    assumptions=("A6", "A7", "A8"),
    derive=_derivation,
    domain=Domain(
        ("A1", "A2", "A3", "B1", "B2", "c", "rho"),
        (
            ALIGNED,
            SPECTRUM,
            Condition(lambda v: v["A1"] * v["A3"] > v["A2"] ** 2, "sums of a spectrum, A1 A3 above A2^2"),
            CURVED_AT_MOST_ONE,
            Condition(lambda v: v["rho"] < 1, "a resolution rho below 1"),
        ),
    ),
    corollaries=(
        "The border lies at `sigma0 = Theta(sqrt(rho (R2 - R0)))`.",
        "The first rise lasts for `Theta(sigma0^2)`, phase I for `Theta(sigma0)`.",
        "As `sigma0` grows without bound, `R` first falls to `lambda_d` and then rises to `sum delta^2 / sum "
        "(delta^2/l)`: whether the loss ends in a fall depends on this difference and no longer on `sigma0`.",
        "No finite list of regions serves all spectra. With `d` distinct eigenvalues `dR/ds` is, up to a positive "
        "factor, a sum of `2 d^2` exponentials, which has fewer zeros than terms: at most `2 d^2` moves. Conjecture: "
        "at most `2 d - 1`; none of 240,000 random networks with `d = 2` to 5 had more, and some with `d = 2`, 3 "
        "and 4 had as many.",
    ),
)
