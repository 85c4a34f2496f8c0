"""Steps of theorem T9 on verdicts: which targets rise and which fall along what is learnt, and K outputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theory.symbols.symbolic import CURVATURE, EIGENVALUE, TIME
from theory.theorems.l3_turning_point_of_outputs import NOISE, STRENGTHS, entry
from theory.theorems.step import Relation, Step, rational
from theory.theorems.t4_forgetting import SLACK, STEPS, growth_rate, learnt

_FIRST, _SECOND, _POWER = sp.symbols("i j k", positive=True, integer=True)
_DIMENSION = sp.Symbol("d", positive=True, integer=True)
_DUMMY, _GAP = sp.symbols("t g", positive=True)
_MODES = (_FIRST, 1, _DIMENSION)


def slope_of_the_learnt() -> tuple[Step, ...]:
    """The slope of log R_T along what is learnt, for any number of modes; its two ends."""
    signal, crossed, level, grown, rate = (sp.IndexedBase(name, real=True) for name in ("delta", "t", "l", "f", "r"))
    move = sp.Symbol("x", real=True)

    def total(summand: sp.Expr) -> sp.Sum:
        return sp.Sum(summand, _MODES)

    i = _FIRST
    moved = grown[i] * (1 + move * rate[i])
    up = total(signal[i] * crossed[i] * moved) ** 2
    low = total(level[i] * signal[i] ** 2 * moved**2)
    shared, own = signal[i] * crossed[i] * grown[i], level[i] * signal[i] ** 2 * grown[i] ** 2
    share = sp.Function("R_T")
    return (
        Step(
            sp.Derivative(sp.log(learnt(EIGENVALUE)), TIME),
            Relation.EQUAL,
            growth_rate(EIGENVALUE),
            "After phase I only what is learnt counts. A mode `f = phi_s(l)` grows at the rate `r = psi_s(l)` (T4).",
        ),
        Step(
            sp.Subs(sp.Derivative(sp.log(share(move)), move), move, 0),
            Relation.EQUAL,
            2 * (total(shared * rate[i]) / total(shared) - total(own * rate[i]) / total(own)),
            "So, for any number of modes, `d log R_T / ds` is twice the mean rate under `delta t phi` less that under "
            "`l delta^2 phi^2`: the bracket. Its sign is that of the slope.",
            where=(sp.Eq(share(move), up / low),),
        ),
        Step(
            sp.Limit(growth_rate(EIGENVALUE) - 1 / TIME, TIME, 0),
            Relation.EQUAL,
            -CURVATURE * EIGENVALUE / 2,
            "At the beginning the rates differ by `-c l / 2`: `d log R_T / ds = c (<l> under l delta^2 - <l> under "
            "delta t)`, as in the balance.",
        ),
        Step(
            sp.Limit(learnt(EIGENVALUE), TIME, sp.oo),
            Relation.EQUAL,
            1 / (CURVATURE * EIGENVALUE),
            "At the end `w = delta / (c l)`: the limit is `(sum delta t / l)^2 / sum delta^2 / l`.",
        ),
        Step(
            growth_rate(EIGENVALUE + _GAP) / growth_rate(EIGENVALUE),
            Relation.BELOW,
            (EIGENVALUE + _GAP) / EIGENVALUE * sp.exp(-CURVATURE * _GAP * TIME),
            "Late, the smallest eigenvalue alone still grows: the bracket has the sign of what its mode adds to the "
            "shared signal, as a share, less what it adds to the variance.",
            _random_modes,
            witness=(EIGENVALUE + _GAP)
            / EIGENVALUE
            * sp.Integral(sp.exp(-_DUMMY), (_DUMMY, 0, CURVATURE * _GAP * TIME))
            / sp.Integral(sp.exp(_DUMMY), (_DUMMY, 0, CURVATURE * (EIGENVALUE + _GAP) * TIME)),
        ),
    )


def shared_signal() -> tuple[Step, ...]:
    """When the bracket keeps its sign: Chebyshev."""
    weights, ratios, rates = (sp.IndexedBase(name, real=True) for name in ("q", "u", "r"))
    first = weights[_FIRST]

    def total(summand: sp.Expr) -> sp.Sum:
        return sp.Sum(summand, _MODES)

    covariance = total(first) * total(first * ratios[_FIRST] * rates[_FIRST]) - total(first * ratios[_FIRST]) * total(
        first * rates[_FIRST]
    )
    pairs = first * weights[_SECOND] * (ratios[_FIRST] - ratios[_SECOND]) * (rates[_FIRST] - rates[_SECOND])
    reached = CURVATURE * EIGENVALUE * TIME
    gone = sp.Integral(sp.exp(-_DUMMY), (_DUMMY, 0, reached))
    inner, innermost = sp.symbols("p v", positive=True)
    # exp(x) - exp(-x) - 2 x, as an integral with a visible sign.
    bent = sp.Integral(
        sp.exp(innermost) + sp.exp(-innermost), (innermost, 0, inner), (inner, 0, _DUMMY), (_DUMMY, 0, reached)
    )
    inverse = 1 / (EIGENVALUE * learnt(EIGENVALUE))
    return (
        Step(
            covariance,
            Relation.EQUAL,
            sp.Sum(pairs, _MODES, (_SECOND, 1, _DIMENSION)) / 2,
            "Write `delta t phi = q u` with `q = l delta^2 phi^2` and `u = t / (delta l phi)`. The bracket is the "
            "covariance of `u` and the rate under `q`, over sums that are positive where `u` is: a sum over pairs of "
            "modes. As the rate falls with `l` (T4), it is at least 0 where `u` falls with `l`, and at most 0 where "
            "`u` rises.",
        ),
        Step(
            sp.Derivative(inverse, EIGENVALUE),
            Relation.BELOW,
            sp.Integer(0),
            "`1 / (l phi)` falls with `l`. So if `t / delta` is nowhere negative and does not rise with `l`, `R_T` "
            "never falls: go on. The task that is trained on, `t = delta`, is of this kind.",
            _random_modes,
            witness=CURVATURE**2 * TIME * sp.exp(-reached) / gone**2,
        ),
        Step(
            CURVATURE / 2,
            Relation.BELOW,
            sp.Derivative(EIGENVALUE * inverse, EIGENVALUE),
            "`l / (l phi)` rises with `l`. So if `t / (delta l)` is nowhere negative and does not fall with `l`, `R_T` "
            "never rises after phase II: stop at the turning point.",
            _random_modes,
            witness=CURVATURE * sp.exp(-reached) * bent / (2 * gone**2),
        ),
        Step(
            sp.Limit(TIME * inverse, TIME, 0),
            Relation.EQUAL,
            1 / EIGENVALUE,
            "Between the two, `t / delta = l^a` with `0 < a < 1`: at first `u` is as `l^(a-1)`, falls with `l`, and "
            "`R_T` rises ...",
        ),
        Step(
            sp.Limit(inverse, TIME, sp.oo),
            Relation.EQUAL,
            CURVATURE,
            "... and late as `l^a`: the smallest mode adds less to the shared signal than to the variance, and `R_T` "
            "falls to its limit. It is highest between, at a time that does not depend on `sigma0`: stop later.",
        ),
    )


def steps_of_descent() -> tuple[Step, ...]:
    """The same in steps, for eta c l = h / (1 + h) below 1; the growth of a mode falls with h (T4)."""
    powers = sp.Sum((1 + SLACK) ** (-_POWER), (_POWER, 0, STEPS - 1))
    positive_powers = sp.Sum((1 + SLACK) ** (-_POWER), (_POWER, 1, STEPS))
    learnt_share = 1 - (1 + SLACK) ** (-STEPS)  # c l phi after n steps: of what the mode learns in the end
    return (
        Step(
            sp.Derivative(1 / learnt_share, SLACK),
            Relation.BELOW,
            sp.Integer(0),
            "Gradient descent: after `n` steps with `eta c l = h / (1 + h)` below 1, `1 / (l phi)` falls with `l` "
            "likewise ...",
            _random_modes,
            witness=STEPS * (1 + SLACK) ** (-STEPS - 1) / (SLACK * positive_powers) ** 2,
        ),
        Step(
            SLACK / (1 + SLACK) / learnt_share,
            Relation.EQUAL,
            1 / powers,
            "... and `l / (l phi)` is one over a sum of powers that fall with `h`, so that it rises. The growth of a "
            "mode in a step falls with `l` (T4): the conditions above hold for gradient descent.",
        ),
    )


def several_outputs() -> tuple[Step, ...]:
    """K outputs: the slope at the beginning, what W(0) takes, and the end."""
    among, apart, other = sp.symbols("g11 g12 g22", real=True)
    gram = sp.Matrix([[among, apart], [apart, other]])
    explained = sp.Function("R_T")
    first, second = (sp.sqrt(strength) for strength in STRENGTHS)
    noisy = sp.Matrix([[first + NOISE[0], *NOISE[1:]], [0, second, 0, 0]])
    laplacian = sp.Add(
        *[
            entry(i, j) / 2 * sp.Derivative(explained(*NOISE), NOISE[i - 1], NOISE[j - 1])
            for i in range(1, 5)
            for j in range(1, 5)
        ]
    )
    outside, inside = (3, 4), (1, 2)
    traced = sp.Add(*[entry(o, o) for o in outside])
    crossed = sp.Add(*[_of_target(1, o) * entry(o, 1) for o in outside])
    rest = sp.Add(*[_of_target(o, p) * entry(p, o) for o in outside for p in outside])
    frame = sp.Matrix([[1, 0, 0, 0], [0, 1, 0, 0]])
    sigma = sp.Matrix(4, 4, lambda i, j: entry(i + 1, j + 1))
    delayed = frame - CURVATURE * TIME / 2 * frame * sigma
    return (
        Step(
            sp.Subs(sp.Derivative(explained(TIME), TIME), TIME, 0),
            Relation.EQUAL,
            -CURVATURE * sp.Add(*[entry(i, o) * _of_target(i, o) for i in inside for o in outside]),
            "Several outputs, in the frame of lemma L3, with `S = B B'` (entries `b`), `T = Sigma^(1/2) B`: at the "
            "beginning of the learnt path `R_T` has the slope `-v`, `v = c tr(Pi Sigma O S)`, of either sign.",
            where=(sp.Eq(explained(TIME), _explained(delayed)),),
        ),
        Step(
            sp.Subs(laplacian, NOISE, (0, 0, 0, 0)),
            Relation.EQUAL,
            -(traced * _of_target(1, 1) + 2 * crossed - rest) / STRENGTHS[0],
            "Noise in the first output takes this much, to second order: the outputs add up to `C (sigma0/s)^2`. With "
            "`C` and `v` positive the peak is at `s_T* = (2 C sigma0^2 / v)^(1/3)`, as in L3.",
            where=(sp.Eq(explained(*NOISE), _explained(noisy)),),
        ),
        Step(
            (gram.adjugate() * gram**2).trace() / gram.det(),
            Relation.EQUAL,
            gram.trace(),
            "The end of the path, `W = M Sigma^-1`, for the task that is trained on, `T = M'`: `W Sigma W'` and `W T` "
            "are one matrix `G = M Sigma^-1 M'`, here of two outputs, so that `R_T = tr(G^-1 G G) = tr G`, what the "
            "best linear predictor explains. No outputs explain more: for every `K`, and for every target with `T = "
            "M' A`, go on.",
        ),
    )


def _of_target(i: int, j: int) -> sp.Symbol:
    """The entry (i, j) of S in the frame, counted from 1."""
    return sp.Symbol(f"b{min(i, j)}{max(i, j)}", real=True)


def _explained(rows: sp.Matrix) -> sp.Expr:
    """R_T = tr[(X X^T)^-1 X S X^T] of two whitened rows X in the frame."""
    shared = sp.Matrix(rows.cols, rows.cols, lambda i, j: _of_target(i + 1, j + 1))
    gram, image = rows * rows.T, rows * shared * rows.T
    crossed = gram[1, 1] * image[0, 0] - 2 * gram[0, 1] * image[0, 1] + gram[0, 0] * image[1, 1]
    return crossed / (gram[0, 0] * gram[1, 1] - gram[0, 1] ** 2)


def _random_modes(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
    """Modes long before and after their saturation, where derivatives come near to 0."""
    near, early = (sp.Rational(10) ** int(generator.integers(-4, 1)) for _ in range(2))
    return {
        EIGENVALUE: rational(generator, 0.1, 1),
        CURVATURE: rational(generator, 0.1, 1),
        SLACK: rational(generator, 1, 10) * near,
        _GAP: rational(generator, 0.1, 1) * near,
        TIME: rational(generator, 0.1, 60) * early,
        STEPS: sp.Integer(int(generator.integers(1, 20))),
    }
