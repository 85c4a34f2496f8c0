"""Theorem T9: what the outputs explain of any target, and where training on the source should stop for it.

For one output, averaged over W(0) as T2 and T5 are; along what is learnt for any number of modes; the beginning and the
end of the learnt path for K outputs. Reconstruction is the target y = x.
"""

from __future__ import annotations

import sympy as sp

from theory.curves.transfer_examples import falling_then_rising, other_inputs, rows_that_dip, start_is_best
from theory.symbols.symbolic import CURVATURE, INITIAL_SCALE, SIGNAL_SUMS, SPECTRUM_SUMS, TIME
from theory.symbols.transfer_terms import COVARIANCE, VARIANCE, transfer_formulas
from theory.theorems.domain import CURVED_AT_MOST_ONE, Condition, Domain, Values
from theory.theorems.step import Relation, Step
from theory.theorems.t9_verdicts import several_outputs, shared_signal, slope_of_the_learnt, steps_of_descent
from theory.theorems.theorem import Counterexample, Derivation, Theorem

_FIRST = sp.Symbol("i", positive=True, integer=True)
_MODES = (_FIRST, 1, sp.Symbol("d", positive=True, integer=True))
_GAP = sp.Symbol("g", positive=True)

#: The sums of the outputs' variance where the probe is fitted on the inputs of the training.
_OWN_INPUTS = {
    VARIANCE.noise: SPECTRUM_SUMS[1],
    VARIANCE.signal: SIGNAL_SUMS[1],
    VARIANCE.crossed: SIGNAL_SUMS[2],
}


def _derivation() -> Derivation:
    """T9: levels, turning point and verdicts of a target."""
    turning = transfer_formulas().turning_point.subs(_OWN_INPUTS)
    return Derivation(
        statement=sp.Eq(sp.Symbol("s_T*"), turning),
        steps=(
            *_probe(),
            *_levels(),
            *_turning(),
            *slope_of_the_learnt(),
            *shared_signal(),
            *steps_of_descent(),
            *several_outputs(),
        ),
    )


def _probe() -> tuple[Step, ...]:
    """The best linear probe, and reconstruction as a case."""
    slope, variance = sp.symbols("D V", positive=True)
    covariance = sp.Symbol("C", real=True)
    weight, eigenvalue = (sp.IndexedBase(name, real=True) for name in ("w", "l"))
    gained = 2 * slope * covariance - slope**2 * variance
    return (
        Step(
            sp.Subs(sp.Derivative(gained, slope), slope, covariance / variance),
            Relation.EQUAL,
            sp.Integer(0),
            "A probe `D z` of one output lowers the squared error for a target by `2 D C - D^2 V`, `C = w.t` its "
            "covariance with the output, `V = w Sigma w` the output's variance. It is best at `D = C/V` ...",
        ),
        Step(
            sp.Subs(gained, slope, covariance / variance),
            Relation.EQUAL,
            covariance**2 / variance,
            "... and explains `C^2/V`. Over several targets: `R_T = |T' w|^2 / w Sigma w`, in units of `tr Var(y)`.",
        ),
        Step(
            sp.Sum(weight[_FIRST] * eigenvalue[_FIRST] * sp.KroneckerDelta(1, _FIRST), _MODES),
            Relation.EQUAL,
            weight[1] * eigenvalue[1],
            "Reconstruction is `y = x`, `T = Sigma`: the covariance with the first coordinate is `l_1 w_1`, and "
            "likewise for all, so that `|T' w|^2 = sum l^2 w^2`.",
        ),
    )


def _levels() -> tuple[Step, ...]:
    """The average over W(0), start, end of phase I, end of phase II."""
    draw, others, mean, deviation, entry = sp.symbols("z b m n a", real=True)
    normal = sp.exp(-(draw**2) / 2) / sp.sqrt(2 * sp.pi)
    form = others + entry * (mean + deviation * draw)
    formulas = transfer_formulas()
    phase_one_end = INITIAL_SCALE * sp.sqrt(VARIANCE.noise / VARIANCE.signal)
    gained = (formulas.phase_one_level - formulas.start) / (formulas.signal_level - formulas.start)
    return (
        Step(
            sp.Integral(sp.expand(form**2) * normal, (draw, -sp.oo, sp.oo)),
            Relation.EQUAL,
            entry**2 * deviation**2 + (others + entry * mean) ** 2,
            "Average a square `(sum a_i w_i)^2` over one mode `w = m + n z`, `z ~ N(0, 1)`, with `b` what the others "
            "add; and so on over all, which are independent: noise adds mode by mode, what is learnt adds before it "
            "is squared. Numerator (sums `P`) and denominator (sums `Q`; `A1`, `B1`, `B2` for the inputs of the "
            "training) are both of this form.",
        ),
        Step(
            gained,
            Relation.EQUAL,
            TIME**2 / (TIME**2 + phase_one_end**2),
            "From `R_T(0) = P_N/Q_N`, which is `|t|^2 / tr Sigma`, to `R_T2 = P_00/Q_00 = (delta.t)^2 / sum l "
            "delta^2`: the share that is gained at `s` is the same for every target, and so is the end of phase I, "
            "`s1` of T2.",
        ),
        Step(
            VARIANCE.noise * VARIANCE.signal * (formulas.signal_level - formulas.start),
            Relation.EQUAL,
            COVARIANCE.signal * VARIANCE.noise - COVARIANCE.noise * VARIANCE.signal,
            "Phase II gains on the target if and only if this is positive: the twin of T3.",
        ),
    )


def _turning() -> tuple[Step, ...]:
    """What moves R_T near the turning point."""
    formulas = transfer_formulas()
    scaled, balance = formulas.time, formulas.balance
    gap = formulas.signal_level - formulas.start
    bracket = COVARIANCE.crossed / COVARIANCE.signal - VARIANCE.crossed / VARIANCE.signal
    scaled_turning = formulas.turning_point / INITIAL_SCALE ** sp.Rational(2, 3)
    gains = (sp.Eq(COVARIANCE.signal, VARIANCE.signal * (COVARIANCE.noise / VARIANCE.noise + _GAP)),)
    return (
        Step(
            sp.Limit((formulas.scaled - formulas.signal_level) / formulas.small**2, formulas.small, 0),
            Relation.EQUAL,
            balance,
            "At `s = sigma0^(2/3) u`, with `sigma0 = epsilon^3`, `R_T` leaves `R_T2` by `epsilon^2` times this.",
        ),
        Step(
            balance,
            Relation.EQUAL,
            -gap * VARIANCE.noise / (VARIANCE.signal * scaled**2)
            - CURVATURE * formulas.signal_level * bracket * scaled,
            "What phase I still lacks, `(R_T2 - R_T(0))(s1/s)^2`, and the slope of what is learnt, `c R_T2` times the "
            "difference of two mean eigenvalues: `<l>` under the shared signal `delta t`, `P_01/P_00`, and under "
            "`l delta^2`, `B2/B1`.",
        ),
        Step(
            sp.Subs(sp.Derivative(balance, scaled), scaled, scaled_turning),
            Relation.EQUAL,
            sp.Integer(0),
            "Where the first mean is the larger one it is stationary at `s_T*` ...",
        ),
        Step(
            sp.Derivative(balance, scaled, 2),
            Relation.BELOW,
            sp.Integer(0),
            "... and largest there, as `R_T2 - R_T(0) = g > 0` bends it down.",
            where=gains,
            witness=sp.factor(-sp.diff(balance, scaled, 2).subs({one.lhs: one.rhs for one in gains})),
        ),
    )


def _gains(values: Values) -> bool:
    """Whether R_T2 is above R_T(0)."""
    return values["P_00"] * values["A1"] > values["P_N"] * values["B1"]


def _falls(values: Values) -> bool:
    """Whether R_T falls at the beginning of what is learnt."""
    return values["P_01"] * values["B1"] > values["P_00"] * values["B2"]


TRANSFER = Theorem(
    name="T9",
    title="Transfer: which targets gain by stopping",
    words="What a linear probe of the outputs explains of a target `y` with `T = E[x y']`, averaged over `W(0)`, "
    "peaks at `s_T*` to leading order in `sigma0`, where phase II gains on it and the shared signal `delta t` lies in "
    "directions of more variance than `l delta^2`. `P_N = |T|^2`, `P_00 = |T' delta|^2`, `P_01 = (T' delta).(T' Sigma "
    "delta)`. Whether that peak is the best of all times the learnt path decides: stop at the turning point where it "
    "is nowhere as high again, stop later where it is highest between, at a time that does not depend on `sigma0`, go "
    "on where it is highest at its end; and where `R_T(0)` is above all of it, do not train on the source.",
    assumptions=("A5", "A6", "A7", "A8"),
    derive=_derivation,
    domain=Domain(
        ("A1", "B1", "B2", "P_00", "P_01", "P_N", "c", "sigma0"),
        (
            Condition(_gains, "a target on which phase II gains, P_00/B1 above P_N/A1"),
            Condition(_falls, "a shared signal in directions of more variance, P_01/P_00 above B2/B1"),
            CURVED_AT_MOST_ONE,
        ),
    ),
    corollaries=(
        "Reconstruction has `P_N = A2`, `P_00 = B2`, `P_01 = B3`, and `s_T*` is `s*` of T5.",
        "`s_T* = Theta(sigma0^(2/3))`; the end of phase I is the same for every target.",
        "Targets `t = delta l^a`: go on for `a <= 0`, stop later for `0 < a < 1`, stop at the turning point for `a >= "
        "1`. In terms of the shared signal's alignment, `<l>` under `delta t` over `<l>` under `l delta^2`, the "
        "borders are `B1^2 / (B0 B2)` and 1, for small `sigma0`.",
        "A probe that is fitted on other inputs, of covariance `Sigma_T`, has `Q_N = tr Sigma_T`, "
        "`Q_00 = delta Sigma_T delta` and `Q_01 = delta Sigma_T Sigma delta` instead of `A1`, `B1` and `B2`.",
    ),
    counterexamples=(
        Counterexample(
            "The slope after phase II does not decide",
            "eigenvalues 1, .1, .01, `delta = (1, 1, -.5)`, `t = (1, -.2, .1)`, whose ratio changes its sign; `1 - "
            "R_T` along what is learnt at `s = .001`, 4.8, 3000",
            falling_then_rising,
        ),
        Counterexample(
            "The task that is trained on does not rise at all times with several outputs, though its end is best",
            "eigenvalues 1, .1, .01, `M1 = (1, -.369, .079)`, `M2 = (.012, .003, -.012)`, `M3 = -M1 - M2`; `1 - R_T` "
            "of centred outputs along what is learnt at `s = .001`, 13, 3000",
            rows_that_dip,
        ),
        Counterexample(
            "Nor is its end best where the probe is fitted on other inputs",
            "eigenvalues 1, .1, `delta = (1, .3)`, `t = delta`, other inputs of variances 1 and 4, `tr Var(y) = 1.1`; "
            "`1 - R_T` along what is learnt at `s = .001`, 3000",
            other_inputs,
        ),
        Counterexample(
            "Random outputs may be best",
            "eigenvalues 1, .1, `delta = (.1, 1)`, `t = (1, 0)`, `sigma0 = 10^-3`; `1 - R_T` of one output at `s = "
            "0`, .1, 3000",
            start_is_best,
        ),
    ),
)
