"""Theorem T4: along what is learnt, explained variance never rises; in general, step by step.

V(s) is the span of the whitened rows that have been learnt, Sigma^(1/2) phi_s(Sigma) M^T. The steps take one row at a
time, in a frame that begins with an orthonormal basis of V, and sums over any number of rows and directions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theory.curves.forgetting import conserved_row_losses, softmax_losses, unmet_conditions
from theory.symbols.complexity import STEP_SIZE
from theory.symbols.symbolic import CURVATURE, EIGENVALUE, TIME
from theory.theorems.domain import Domain
from theory.theorems.step import Relation, Step, rational
from theory.theorems.theorem import Counterexample, Derivation, Theorem

STEPS = sp.Symbol("n", positive=True, integer=True)
ROWS, DIMENSION = sp.symbols("K d", positive=True, integer=True)
#: Distance of two eigenvalues, and of eta c lambda from 1 as h / (1 + h) and 1 + 1 / (1 + f).
GAP, SLACK, EXCESS = sp.symbols("g h f", positive=True)
MOMENTUM, WEIGHT_DECAY = sp.symbols("beta kappa", positive=True)
_FIRST, _SECOND, _POWER = sp.symbols("i j k", positive=True, integer=True)
_DUMMY, _SHARE = sp.symbols("t u", positive=True)


def learnt(eigenvalue: sp.Expr) -> sp.Expr:
    """phi_s(l) = (1 - exp(-c l s)) / (c l), what a mode has learnt of its signal at time s."""
    return (1 - sp.exp(-CURVATURE * eigenvalue * TIME)) / (CURVATURE * eigenvalue)


def growth_rate(eigenvalue: sp.Expr) -> sp.Expr:
    """psi_s(l) = c l / (exp(c l s) - 1), the rate at which it grows."""
    return CURVATURE * eigenvalue / (sp.exp(CURVATURE * eigenvalue * TIME) - 1)


def learnt_in_steps(eigenvalue: sp.Expr, steps: sp.Expr) -> sp.Expr:
    """(1 - (1 - eta c l)^n) / (c l), the same after n steps of gradient descent."""
    return (1 - (1 - STEP_SIZE * CURVATURE * eigenvalue) ** steps) / (CURVATURE * eigenvalue)


def growth_in_a_step() -> sp.Expr:
    """Factor by which a mode grows in step n + 1, where eta c l = h / (1 + h): 1 + 1 / sum_(k <= n) (1 + h)^k."""
    return 1 + 1 / _powers()


def _derivation() -> Derivation:
    """T4: along what is learnt, explained variance never rises."""
    return Derivation(
        statement=sp.Le(sp.Derivative(sp.Function("R")(TIME), TIME), 0),
        steps=(
            *_rates(),
            *_rows_of_the_layer(),
            *_covariances(),
            *_strictness(),
            *_gradient_descent(),
            *_larger_steps(),
            *_momentum(),
            *_weight_decay(),
        ),
    )


def _rates() -> tuple[Step, ...]:
    """How fast modes grow: the less, the larger their eigenvalue."""
    reached = CURVATURE * EIGENVALUE * TIME
    slope = CURVATURE * sp.Integral(_DUMMY * sp.exp(_DUMMY), (_DUMMY, 0, reached)) / _exponential_less_one(reached) ** 2
    return (
        Step(
            sp.Derivative(sp.log(learnt(EIGENVALUE)), TIME),
            Relation.EQUAL,
            growth_rate(EIGENVALUE),
            "A learnt mode `phi_s(l)` grows at the rate `psi_s(l)`, so that `dV/ds = psi(Sigma) V`.",
        ),
        Step(
            sp.Derivative(growth_rate(EIGENVALUE), EIGENVALUE),
            Relation.BELOW,
            sp.Integer(0),
            "The rate falls with the eigenvalue: large ones have saturated.",
            _random_modes,
            witness=slope,
        ),
        Step(
            GAP * (growth_rate(EIGENVALUE + GAP) - growth_rate(EIGENVALUE)),
            Relation.BELOW,
            sp.Integer(0),
            "So for any two modes, of eigenvalues `l` and `l + g`, the differences of eigenvalue and rate have "
            "opposite signs.",
            _random_modes,
            witness=_pair_witness(),
        ),
    )


def _pair_witness() -> sp.Expr:
    """Minus the product of the differences of two modes, by exp(b x) - exp(a x) as an integral of an exponential."""
    lower, upper = EIGENVALUE, EIGENVALUE + GAP
    between = sp.Integral(sp.exp(_DUMMY), (_DUMMY, 0, CURVATURE * GAP * TIME * _SHARE))
    apart = sp.Integral(sp.exp(CURVATURE * lower * TIME * _SHARE) * between, (_SHARE, 0, 1))
    rates = _exponential_less_one(CURVATURE * lower * TIME) * _exponential_less_one(CURVATURE * upper * TIME)
    return GAP * CURVATURE**2 * lower * upper * TIME * apart / rates


def _exponential_less_one(end: sp.Expr) -> sp.Integral:
    """exp(end) - 1, as an integral with a visible sign."""
    return sp.Integral(sp.exp(_DUMMY), (_DUMMY, 0, end))


def _rows_of_the_layer() -> tuple[Step, ...]:
    """dR/ds for K rows in d directions, one row at a time."""
    sigma, rates = sp.IndexedBase("a", real=True), sp.IndexedBase("b", real=True)
    move = sp.Symbol("x", real=True)
    outside = (_FIRST, ROWS + 1, DIMENSION)
    own = 1 + move * rates[1, 1]
    crossed = sp.Sum(rates[1, _FIRST] * sigma[1, _FIRST], outside)
    among = sp.Sum(
        rates[1, _FIRST] * sigma[_FIRST, _SECOND] * rates[1, _SECOND], outside, (_SECOND, ROWS + 1, DIMENSION)
    )
    length = own**2 + move**2 * sp.Sum(rates[1, _FIRST] ** 2, outside)
    explained = (own**2 * sigma[1, 1] + 2 * move * own * crossed + move**2 * among) / length
    quotient = sp.Function("R")
    return (
        Step(
            sp.Subs(sp.Derivative(quotient(move), move), move, 0),
            Relation.EQUAL,
            2 * crossed,
            "`K` rows. In an orthonormal frame that begins with `v_1`, ..., `v_K`, a basis of `V`, `Sigma` has the "
            "entries `a` and `psi(Sigma)` the entries `b`. `R` depends on `V` alone, so `dR/ds` is the sum over the "
            "rows of what moving one of them does. Of `v_1 + x psi v_1` the part orthogonal to the other rows "
            "counts, in the directions 1 and `K + 1`, ..., `d`, and `R` changes as its Rayleigh quotient.",
            where=(sp.Eq(quotient(move), explained),),
        ),
        Step(
            sp.Sum(sigma[1, 1] * sp.KroneckerDelta(1, _POWER) * rates[1, _POWER], (_POWER, 1, ROWS)),
            Relation.EQUAL,
            sigma[1, 1] * rates[1, 1],
            "Let the basis diagonalise `Pi Sigma Pi`: `a_11` is then all that `Sigma` has between `v_1` and `V`. The "
            "sum of `a b` over all directions is `(Sigma psi)_11`; less this part of it, within `V`, `(Sigma psi)_11 "
            "- a_11 b_11` is left. Over all rows: `dR/ds = 2 [tr(Pi Sigma psi) - tr(Pi Sigma Pi psi)]`.",
        ),
    )


def _covariances() -> tuple[Step, ...]:
    """Each row's term is a covariance of eigenvalue and rate, and that is a sum over pairs."""
    shares, values, rates = (sp.IndexedBase(name, real=True) for name in ("q", "l", "r"))
    modes = (_FIRST, 1, DIMENSION)

    def total(summand: sp.Expr) -> sp.Sum:
        return sp.Sum(summand, modes)

    first = shares[_FIRST]
    covariance = total(first) * total(first * values[_FIRST] * rates[_FIRST]) - total(first * values[_FIRST]) * total(
        first * rates[_FIRST]
    )
    pairs = first * shares[_SECOND] * (values[_FIRST] - values[_SECOND]) * (rates[_FIRST] - rates[_SECOND])
    return (
        Step(
            covariance,
            Relation.EQUAL,
            sp.Sum(pairs, modes, (_SECOND, 1, DIMENSION)) / 2,
            "Chebyshev, for any number of modes. In the eigenbasis a row has the shares `q_i = v_i^2`, which add up "
            "to one, and its term is the covariance of `l` and `r = psi` under them: a sum over pairs of modes. No "
            "pair is above 0, as `psi` falls, so neither is a row's term, nor `dR/ds`.",
        ),
    )


def _strictness() -> tuple[Step, ...]:
    """When R stays constant: where V is invariant under Sigma, which says more than that Sigma is constant on it."""
    modes = (sp.Integer(4), sp.Integer(1), sp.Rational(1, 2))
    tenth = sp.Rational(1, 10)
    rows = sp.Matrix([[1, 0, 0], [-1, 1, 0], [0, -1, 0]])[:2, :] * tenth
    path = sp.Matrix(2, 3, lambda k, i: rows[k, i] * learnt(modes[i]))
    level = sp.Function("R")
    return (
        Step(
            level(TIME),
            Relation.EQUAL,
            modes[0] + modes[1],
            "A term is 0 only where all modes in which its row has a share have one eigenvalue, that is if `v_j` is "
            "an eigenvector; then `V` is invariant under `Sigma`, stays and `R` with it. So with `M` rows `(1,0,0)`, "
            "`(-1,1,0)`, `(0,-1,0)` times .1 and eigenvalues 4, 1, .5 (two rows span the third), though `Sigma` is "
            "not constant on `V`.",
            where=(sp.Eq(level(TIME), _explained(path, modes)),),
        ),
    )


def _explained(rows: sp.Matrix, values: tuple[sp.Expr, ...]) -> sp.Expr:
    """R = tr[(W Sigma W^T)^-1 W Sigma^2 W^T] of two rows in the eigenbasis."""
    sigma = sp.diag(*values)
    gram, image = rows * sigma * rows.T, rows * sigma**2 * rows.T
    return (gram.adjugate() * image).trace() / gram.det()


def _powers() -> sp.Sum:
    """The sum of (1 + h)^k over k from 1 to n."""
    return sp.Sum((1 + SLACK) ** _POWER, (_POWER, 1, STEPS))


def _gradient_descent() -> tuple[Step, ...]:
    """Discrete time: growth over any number of steps falls with the eigenvalue, and a flow leads from start to end."""
    between, grown = sp.Symbol("theta", positive=True), sp.Symbol("G", positive=True)
    eigenvalue = SLACK / ((1 + SLACK) * STEP_SIZE * CURVATURE)
    rise = sp.Sum(_POWER * (1 + SLACK) ** (_POWER - 1), (_POWER, 1, STEPS))
    return (
        Step(
            learnt_in_steps(eigenvalue, STEPS + 1) / learnt_in_steps(eigenvalue, STEPS),
            Relation.EQUAL,
            growth_in_a_step(),
            "Gradient descent: in step `n + 1` a mode grows by this factor, for `eta c l = h / (1 + h)` below 1.",
        ),
        Step(
            sp.Derivative(growth_in_a_step(), SLACK),
            Relation.BELOW,
            sp.Integer(0),
            "It falls with `h`, that is with the eigenvalue; at `eta c l = 1`, `h` without bound, the mode stays: "
            "factor 1.",
            _random_modes,
            witness=rise / _powers() ** 2,
        ),
        Step(
            sp.Derivative(sp.log(grown**between), between),
            Relation.EQUAL,
            sp.log(grown),
            "For any `K`: lead every mode from step `n` to `n + 1` by its growth `G` as `G^theta`, `theta` from 0 to "
            "1. Its rate is `log G`, which falls with the eigenvalue as `G` does: `R` does not rise on the way, by "
            "the same steps.",
        ),
    )


def _larger_steps() -> tuple[Step, ...]:
    """For every eta c lambda_1 in (1, 2) R rises in some step of some instance."""
    eigenvalue = (1 + 1 / (1 + EXCESS)) / (STEP_SIZE * CURVATURE)
    growth = learnt_in_steps(eigenvalue, sp.Integer(3)) / learnt_in_steps(eigenvalue, sp.Integer(2))
    return (
        Step(
            sp.Integer(1),
            Relation.BELOW,
            growth,
            "A5 is necessary: at any `eta c lambda_1 = 1 + 1/(1 + f)`, between 1 and 2, a mode grows in its third "
            "step, while one with `eta c lambda_2 = 1` stays. With these two the larger eigenvalue gains weight, and "
            "`R` rises.",
            _random_modes,
            witness=sp.factor(growth - 1),
        ),
    )


def _momentum() -> tuple[Step, ...]:
    """Momentum beta, as long as no mode oscillates."""
    position, before, signal = sp.symbols("w v delta", real=True)
    small, large, above = sp.symbols("r2 r1 h", positive=True)
    root, ratio, falls, moved = sp.symbols("b T p x", positive=True)
    rate = STEP_SIZE * CURVATURE * EIGENVALUE

    def step(now: sp.Expr, last: sp.Expr) -> sp.Expr:
        return STEP_SIZE * (signal - CURVATURE * EIGENVALUE * now) + MOMENTUM * (now - last)

    stable = (1 - root) ** 2 - above
    return (
        Step(
            step(position + step(position, before), position),
            Relation.EQUAL,
            (1 + MOMENTUM - rate) * step(position, before) - MOMENTUM * (position - before),
            "Momentum: the moves `u_n` of a mode follow `u_(n+1) = (1 + beta - x) u_n - beta u_(n-1)`, `x = eta c "
            "lambda`.",
        ),
        Step(
            sp.Integer(0),
            Relation.BELOW,
            (1 + root**2 - stable) ** 2 - 4 * root**2,
            "For `x = (1 - b)^2 - h`, `b = sqrt(beta)`, the roots `r1 > r2` of this recursion are real and positive.",
            _random_momentum,
            witness=above * (above + 4 * root),
        ),
        Step(
            large,
            Relation.BELOW,
            large + small - large * small / (large + above),
            "So the ratios `T_n = u_(n+1)/u_n`, with `T_0 = r1 + r2` and `T_n = r1 + r2 - r1 r2 / T_(n-1)`, stay "
            "above `r1`: by induction, from `T_(n-1) = r1 + h`.",
            _random_momentum,
            witness=small * above / (large + above),
        ),
        Step(
            sp.Subs(sp.Derivative(1 + MOMENTUM - moved - MOMENTUM / (ratio - falls * moved), moved), moved, 0),
            Relation.BELOW,
            -sp.Integer(1),
            "`T_0 = 1 + beta - x` falls with `x`. Where `T_(n-1)` falls, at some speed `p`, `T_n` falls too, and "
            "faster than `T_0`. Then `u_k/u_n` rises with `x` for all earlier `k`, the growth of what is learnt, 1 "
            "and `u_n` over the sum of the earlier moves, falls with the eigenvalue, and `R` never rises.",
            _random_momentum,
            witness=MOMENTUM * falls / ratio**2,
        ),
    )


def _weight_decay() -> tuple[Step, ...]:
    """Weight decay kappa adds to every rate."""
    decayed = CURVATURE * EIGENVALUE + WEIGHT_DECAY
    position = sp.Function("w")
    signal = sp.Symbol("delta", real=True)
    rate = decayed / (sp.exp(decayed * TIME) - 1)
    path = signal * (1 - sp.exp(-decayed * TIME)) / decayed
    return (
        Step(
            sp.Derivative(position(TIME), TIME)
            - (signal - CURVATURE * EIGENVALUE * position(TIME))
            + WEIGHT_DECAY * position(TIME),
            Relation.EQUAL,
            sp.Integer(0),
            "Weight decay: what a mode has learnt, with `kappa` beside `c lambda`.",
            where=(sp.Eq(position(TIME), path),),
        ),
        Step(sp.Derivative(sp.log(path / signal), TIME), Relation.EQUAL, rate, "It grows at this rate ..."),
        Step(
            sp.Derivative(rate, EIGENVALUE),
            Relation.BELOW,
            sp.Integer(0),
            "... which falls with the eigenvalue.",
            _random_modes,
            witness=CURVATURE
            * sp.Integral(_DUMMY * sp.exp(_DUMMY), (_DUMMY, 0, decayed * TIME))
            / _exponential_less_one(decayed * TIME) ** 2,
        ),
    )


def _random_modes(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
    """Modes at times from far before to far after their saturation, where rates come near to equality."""
    names = (EIGENVALUE, GAP, SLACK, EXCESS, CURVATURE, WEIGHT_DECAY, STEP_SIZE)
    values = {name: rational(generator, 0.1, 1) for name in names}
    # Two modes that are nearly one; eta c lambda near 1, from below by a larger h and from above by a larger f.
    near = sp.Rational(10) ** int(generator.integers(-4, 1))
    values |= {GAP: values[GAP] * near, SLACK: values[SLACK] * 10, EXCESS: values[EXCESS] / near}
    return values | {TIME: rational(generator, 0.1, 60), STEPS: sp.Integer(int(generator.integers(1, 20)))}


def _random_momentum(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
    """Values over several decades: roots that nearly meet, ratios near their bound and far above it."""
    names = (MOMENTUM, *sp.symbols("r1 r2 h b T p", positive=True))
    return {name: rational(generator, 1, 10) * sp.Rational(10) ** int(generator.integers(-4, 2)) for name in names}


FORGETTING_OF_THE_LEARNT = Theorem(
    name="T4",
    title="Phase III: what has been learnt is forgotten",
    words="`R(s)` is what is explained along `V(s) = span(Sigma^(1/2) phi_s(Sigma) M^T)`, the learnt path: "
    "linearised, from `W(0) = 0`. It never rises, for every spectrum, `M` and `K`, and falls unless `V` is invariant "
    "under `Sigma`. For outputs of a softmax layer it is about the decoder of centred outputs `P W x`, `P = I - "
    "11^T/K`: as they are, they carry the conserved row `1^T W(0)`, whose direction counts at every `sigma0`. A5 is "
    "for gradient descent, A8 for losses that bend, A4 for the logistic loss alone, whose flow is exact there.",
    assumptions=("A4", "A5", "A8"),
    derive=_derivation,
    domain=Domain(),
    corollaries=(
        "Centred outputs `P W x` carry `P W(0)`, which decays, and not the conserved row: from `P W(0) = 0` they "
        "follow the learnt path at any size of the conserved row, and as `sigma0` falls they tend to it where `M` "
        "has rank `K - 1`.",
        "Outputs that learn nothing, `m` of them, explain between the sum of the `m` smallest and of the `m` largest "
        "eigenvalues beside `V`: where the learnt path loses more than the difference, the loss of outputs as they "
        "are ends above its start.",
        "Gradient descent with `eta lambda_1 c <= 1` likewise; with momentum `beta` while `eta c lambda_1 <= (1 - "
        "sqrt(beta))^2`; with weight decay `kappa`, of the flow always and in steps while `eta (c lambda_1 + kappa) "
        "<= 1`, as `c lambda + kappa` rises with `lambda`.",
    ),
    counterexamples=(
        Counterexample(
            "Not of outputs as they are",
            "eigenvalues 1, .2, .05, two classes along `(.1, .9, -.4)`, `W(0) = 10^-9 (0, .6, -1)` in both rows, "
            "linearised softmax at `s = .001`, 18, 90, 112, 1000",
            conserved_row_losses,
        ),
        Counterexample(
            "Not beyond the linearised range",
            "softmax on Gaussian classes as it is (mean field), centred outputs, `W(0) = 0`, eigenvalues 1, .4315, "
            ".1453, class shares .054, .665, .281, `M1 = (.0394, -.0317, .0142)`, `M2 = (.2556, -.0583, .0711)`, at "
            "`s = .1`, 139, 2000",
            softmax_losses,
        ),
    ),
    scope=unmet_conditions,
)
