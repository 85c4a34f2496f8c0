"""Theorem T10: depth. Hidden layers have the three phases too, at times that depend on the depth.

The early law of two layers of any width; its level and the condition for a phase II; one output through a chain of L
layers, up to its turning point; orders in sigma0. What is not proved, phase III of a hidden layer, is called a
conjecture.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theory.symbols.complexity import STEP_SIZE, Theta
from theory.symbols.depth_terms import (
    AMPLITUDE,
    DEPTH,
    FIRST_SCALE,
    GAIN,
    GROWING,
    RATIO,
    RESOLUTION_OF_SKETCH,
    STEPS,
    STRENGTH,
    chain,
    early_law,
    explained_by_sketch,
    growth_speed,
    growth_time,
    one_unit_level,
    phase_one_gain,
    phase_one_time,
    signal_norm,
    two_layer_turning_point,
)
from theory.symbols.symbolic import (
    CURVATURE,
    EIGENVALUE,
    FRACTION,
    INITIAL_SCALE,
    SIGNAL_SUMS,
    SPECTRUM_SUMS,
    TIME,
    boundary_formulas,
)
from theory.theorems.domain import ALIGNED, CURVED_AT_MOST_ONE, SPECTRUM, SPREAD, Condition, Domain, Values, gap
from theory.theorems.step import Relation, Step, rational
from theory.theorems.theorem import Derivation, Theorem

#: L - 2, of three layers or more; and L - 2 of two or more.
_BEYOND, _MORE = sp.Symbol("m", positive=True, integer=True), sp.Symbol("m", nonnegative=True, integer=True)
_SHARE = sp.Symbol("q2", positive=True)


def _derivation() -> Derivation:
    """T10: phases I and II of the hidden layers of a linear network."""
    return Derivation(
        statement=sp.Eq(sp.Symbol("s*"), two_layer_turning_point()),
        steps=(*_two_layers(), *_scale(), *_phase_two_at_a_width(), *_one_unit(), *_turning_point(), *_orders()),
        orders=(
            sp.Eq(sp.Symbol("s1"), Theta(INITIAL_SCALE ** (2 - DEPTH))),
            sp.Eq(sp.Symbol("s*"), Theta(sp.log(1 / INITIAL_SCALE))),
        ),
    )


def _two_layers() -> tuple[Step, ...]:
    """What two layers exchange along a singular direction of M."""
    law = early_law()
    first, second = law.starts
    densities = sp.exp(-(first**2) / 2 - second**2 / (2 * RATIO**2)) / (2 * sp.pi * RATIO)
    along, across = sp.symbols("x y", real=True)
    mixed, reached = along * first + across * second, STRENGTH * TIME
    step = STEP_SIZE * STRENGTH
    before = (first + second) * (1 + step) ** STEPS / 2, (first - second) * (1 - step) ** STEPS / 2
    after = (first + second) * (1 + step) ** (STEPS + 1) / 2 + (first - second) * (1 - step) ** (STEPS + 1) / 2
    return (
        Step(
            sp.Derivative(law.first, TIME),
            Relation.EQUAL,
            STRENGTH * law.second,
            "Two layers, `M = U S V'`. While the gradient by the product is `M` (T1), `dW1/ds = W2' M` and `dW2/ds = "
            "M W1'`. So for each singular direction `a = W1 v` and `b = W2' u`, which are vectors over the hidden "
            "units, follow `da/ds = S b` ...",
        ),
        Step(
            sp.Derivative(law.second, TIME),
            Relation.EQUAL,
            STRENGTH * law.first,
            "... and `db/ds = S a`; orthogonal to all `v` nothing moves.",
        ),
        Step(
            sp.Integral(sp.expand(mixed**2) * densities, (first, -sp.oo, sp.oo), (second, -sp.oo, sp.oo)),
            Relation.EQUAL,
            along**2 + RATIO**2 * across**2,
            "With `x = cosh(S s)` and `y = sinh(S s)`, `a = x a0 + y b0`. Over independent `W1 ~ N(0, sigma1^2)` "
            "and `W2 ~ N(0, sigma2^2)`, `rho = sigma2/sigma1`, entries of `a` have this variance, in units of "
            "`sigma1^2`: call it `gamma`. The rows of `W1` stay independent and Gaussian, with covariance `sigma1^2 "
            "C`, `C = I + sum (gamma_k - 1) v_k v_k'`.",
        ),
        Step(
            sp.Subs(along**2 + RATIO**2 * across**2, (along, across), (sp.cosh(reached), sp.sinh(reached))),
            Relation.EQUAL,
            1 + (1 + RATIO**2) * sp.sinh(STRENGTH * TIME) ** 2,
            "It only grows, and `sigma1` is in it by the ratio `rho` alone.",
        ),
        Step(
            before[0] + before[1] + step * (before[0] - before[1]),
            Relation.EQUAL,
            after,
            "Gradient descent: `a + b` grows by `1 + eta S` in a step and `a - b` by `1 - eta S`.",
        ),
    )


def _scale() -> tuple[Step, ...]:
    """How the early law of any depth and widths scales with the weights."""
    weight, clock = sp.Function("w"), sp.Symbol("t", positive=True)
    inner = INITIAL_SCALE ** (DEPTH - 2) * TIME
    eigenvalues, row = sp.IndexedBase("l", real=True), sp.IndexedBase("w", real=True)
    mode = sp.Symbol("i", positive=True, integer=True)

    def explained(scale: sp.Expr) -> sp.Expr:
        squares, modes = (scale * row[mode]) ** 2, (mode, 1, sp.Symbol("d", positive=True, integer=True))
        return sp.Sum(eigenvalues[mode] ** 2 * squares, modes) / sp.Sum(eigenvalues[mode] * squares, modes)

    return (
        Step(
            sp.Derivative(INITIAL_SCALE * weight(inner), TIME),
            Relation.EQUAL,
            INITIAL_SCALE ** (DEPTH - 1) * sp.Subs(sp.Derivative(weight(clock), clock), clock, inner),
            "Any depth `L` and widths: the speed of a layer is a product of `M` with the other `L - 1` layers, so at "
            "weights `sigma0` times as large it is `sigma0^(L-1)` times as large. If `w` solves the early law from "
            "`W(0)` of scale 1, `sigma0 w(sigma0^(L-2) s)` does from scale `sigma0`, ...",
        ),
        Step(
            explained(INITIAL_SCALE),
            Relation.EQUAL,
            explained(sp.Integer(1)),
            "... and what a layer explains does not depend on its length, shown for one row. So phase I of every layer "
            "ends at `sigma0^(2-L)` times the time that it has at scale 1. For `L = 1` this is T2; for `L = 2` it does "
            "not depend on `sigma0`.",
        ),
    )


def _phase_two_at_a_width() -> tuple[Step, ...]:
    """Whether R rises from its start, at h hidden units."""
    gain = sp.Symbol("x", positive=True)
    resolution, kappa = sp.Function("k"), RESOLUTION_OF_SKETCH
    moved = sp.Symbol("p", real=True)
    counted, explained = explained_by_sketch(EIGENVALUE, 1 + gain * _SHARE, resolution(gain))
    plain, squared, plain_signal, squared_signal = sp.symbols("N1 N2 Q1 Q2", positive=True)
    weight = (EIGENVALUE + kappa) ** -2
    at_start = (sp.Eq(resolution(gain), kappa + moved * gain),)

    def slope(what: sp.Expr) -> sp.Expr:
        return sp.Subs(sp.Derivative(what, gain), gain, 0)

    return (
        Step(
            slope(counted),
            Relation.EQUAL,
            weight * (kappa * EIGENVALUE * _SHARE - moved * EIGENVALUE),
            "`h` hidden units explain `sum l T/(T + kappa)` where `sum T/(T + kappa) = h` (L4), `T = C^(1/2) Sigma "
            "C^(1/2)`. To first order in `C - I = x Q` only the diagonal of `Q` counts, `q2 = sum S_k^2 v_k^2`, the "
            "diagonal of `M'M`. With `kappa` moving at the speed `p`, a mode changes its term of the first sum so ...",
            where=at_start,
        ),
        Step(
            slope(explained),
            Relation.EQUAL,
            weight * (kappa * EIGENVALUE**2 * _SHARE - moved * EIGENVALUE**2),
            "... and its term of the second so.",
            where=at_start,
        ),
        Step(
            sp.Subs(kappa * squared_signal - moved * squared, moved, kappa * plain_signal / plain),
            Relation.EQUAL,
            kappa * plain_signal * (squared_signal / plain_signal - squared / plain),
            "The first sum stays `h`, which sets `p`; with `N_j = sum l^j/(l + kappa)^2` and `Q_j = sum l^j q2/(l + "
            "kappa)^2` the second has this slope. So phase II begins if and only if `Q2/Q1` is above `N2/N1`: the "
            "mean eigenvalue under weights `l q2/(l + kappa)^2` above that under `l/(l + kappa)^2`. For one "
            "eigenvector `v` the first is its `lambda_v`.",
        ),
        Step(
            sp.Limit(kappa**2 * weight * EIGENVALUE * _SHARE, kappa, sp.oo),
            Relation.EQUAL,
            EIGENVALUE * _SHARE,
            "Where `kappa` is above all eigenvalues, few units in many directions, these weights are those of T3: `R2` "
            "above `R0`. The more units, the smaller `kappa`, and the less large eigenvalues count, which are "
            "explained anyway.",
        ),
    )


def _one_unit() -> tuple[Step, ...]:
    """Phase I of one hidden unit below one output, averaged over W(0)."""
    formulas, level = boundary_formulas(), one_unit_level()
    won = (level - formulas.initial_level) / (formulas.signal_level - formulas.initial_level)
    growth = early_law().growth.subs({STRENGTH: signal_norm(), TIME: phase_one_time()})
    return (
        Step(
            sp.Limit(level, GAIN, sp.oo),
            Relation.EQUAL,
            formulas.signal_level,
            "One hidden unit below one output, `S = D = sqrt(B0)`. At the gain `G = gamma - 1` it explains `sum "
            "l^2 (1 + G delta^2/B0) / sum l (1 + G delta^2/B0)`, from `R0` to `R2`.",
        ),
        Step(
            sp.Subs(won, GAIN, phase_one_gain()),
            Relation.EQUAL,
            FRACTION,
            "The fraction `tau` of `R2 - R0` is won at this gain, ...",
        ),
        Step(
            growth - 1,
            Relation.EQUAL,
            phase_one_gain(),
            "... reached at this time, `Theta(1/D)`: `sigma1` and `sigma2` count by their ratio alone.",
        ),
        Step(
            sp.Derivative(sp.asinh(sp.sqrt(GAIN / (1 + RATIO**2))) / signal_norm(), RATIO),
            Relation.BELOW,
            sp.Integer(0),
            "At any gain it is the earlier, the larger the second layer begins: its weights carry the gradient to the "
            "first. Outputs of a single layer have the other sign (`s1` of T2).",
            witness=RATIO * sp.sqrt(GAIN) / (signal_norm() * (1 + RATIO**2) * sp.sqrt(1 + RATIO**2 + GAIN)),
        ),
    )


def _turning_point() -> tuple[Step, ...]:
    """A chain of L layers of one unit."""
    links = chain()
    formulas = boundary_formulas()
    small = sp.Symbol("epsilon", positive=True)
    noise, bend = links.noise, links.bend
    zoomed = links.explained.subs({noise: small * noise, bend: small * bend}, simultaneous=True)
    excess = formulas.signal_level - formulas.initial_level
    to_first_order = -excess * SPECTRUM_SUMS[1] * SIGNAL_SUMS[0] / SIGNAL_SUMS[1] * noise - 2 * formulas.spread * bend
    power = sp.Symbol("v", positive=True)
    slope = sp.powsimp(sp.expand(AMPLITUDE**3 * sp.diff(links.balance, AMPLITUDE)))
    drift, remainder = sp.symbols("V C", positive=True)
    deep = -remainder / AMPLITUDE**2 - drift * AMPLITUDE ** (_MORE + 2)
    return (
        Step(
            sp.Derivative(AMPLITUDE * links.saturation, AMPLITUDE),
            Relation.EQUAL,
            CURVATURE * EIGENVALUE * AMPLITUDE * AMPLITUDE ** (2 * (DEPTH - 1)) / growth_speed(AMPLITUDE, DEPTH),
            "A chain of `L` layers of one unit. The first follows `dw/ds = P (delta - c P Sigma w)`, `P` the product "
            "of the others. Balanced layers have `P = a^(L-1)`, `a` the amplitude of `w` along `delta`, and `da/ds = "
            "D P`. So a mode lacks `c l P^2 a` per time of its share `delta/D` of `a`, which adds up to `c l "
            "a^L/((L+1) D)` of it.",
        ),
        Step(
            sp.Subs(sp.Derivative(zoomed, small), small, 0),
            Relation.EQUAL,
            to_first_order,
            "With `x = sigma1^2/a^2` and `y = c a^L/((L+1) D)` to first order: what phase I still lacks, and what "
            "saturation takes.",
        ),
        Step(
            sp.Subs(slope.subs(AMPLITUDE ** (DEPTH + 3), power * AMPLITUDE), power, links.turning_power),
            Relation.EQUAL,
            sp.Integer(0),
            "It is stationary at `a*^(L+2) = (L+1) D^3 sigma1^2 (A1 B2 - A2 B1) / (L c (B1 B3 - B2^2))`; shown is the "
            "slope times `a^3`, at `a^(L+2) = v`.",
        ),
        Step(
            sp.Derivative(deep, AMPLITUDE, 2),
            Relation.BELOW,
            sp.Integer(0),
            "And largest there for `L = m + 2`, as both terms bend it down, their coefficients `C` and `V` being "
            "positive.",
            _random_chain,
            witness=6 * remainder / AMPLITUDE**4 + drift * (_MORE + 2) * (_MORE + 1) * AMPLITUDE**_MORE,
        ),
        Step(
            sp.Subs(links.turning_power / signal_norm() ** 3, DEPTH, 1),
            Relation.EQUAL,
            formulas.turning_point.subs(INITIAL_SCALE, FIRST_SCALE) ** 3,
            "One layer, `a = D s`: `s*` of T5.",
        ),
        Step(
            sp.Subs((GROWING * sp.exp(signal_norm() * TIME)) ** 4, TIME, two_layer_turning_point()),
            Relation.EQUAL,
            links.turning_power.subs(DEPTH, 2),
            "Two layers: `a = q exp(D s)`, `q = (a0 + b0)/2` the part of `W(0)` that grows; `a*` is reached at `s*`.",
        ),
        Step(
            sp.Derivative(growth_time(AMPLITUDE, _BEYOND + 2), AMPLITUDE),
            Relation.EQUAL,
            1 / growth_speed(AMPLITUDE, _BEYOND + 2),
            "Three or more, `L = m + 2`: from `q` to `a` it takes `(q^-m - a^-m)/(m D)`.",
        ),
    )


def _orders() -> tuple[Step, ...]:
    """How s* depends on sigma0, with q and sigma1 in proportion to it."""
    scale = {GROWING: GROWING * INITIAL_SCALE, FIRST_SCALE: FIRST_SCALE * INITIAL_SCALE}
    turning = two_layer_turning_point().subs(scale, simultaneous=True)
    deeper = _BEYOND + 2
    return (
        Step(
            sp.Derivative(turning, INITIAL_SCALE),
            Relation.EQUAL,
            -1 / (2 * signal_norm() * INITIAL_SCALE),
            "Two layers, `q` and `sigma1` in proportion to `sigma0`: `s* = log(1/sigma0)/(2 D)` and a constant.",
        ),
        Step(
            sp.Integer(0),
            Relation.BELOW,
            (2 - deeper) * (sp.Integer(2) / (deeper + 2) - 1),
            "Three or more: `a*/q` goes as `sigma0^(2/(L+2) - 1)`, so that `(a*/q)^(2-L)` vanishes with `sigma0`, by "
            "this power, and `s*` tends to `q^(2-L)/((L-2) D)`: `Theta(sigma0^(2-L))`, like phase I.",
            witness=_BEYOND * (_BEYOND + 2) / (_BEYOND + 4),
        ),
    )


def _random_chain(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
    """Amplitudes and coefficients over some decades, so that the bend is near zero in some."""
    values = {name: rational(generator, 0.1, 2) for name in sp.symbols("V C a", positive=True)}
    values = {name: value * sp.Rational(10) ** int(generator.integers(-4, 1)) for name, value in values.items()}
    return values | {AMPLITUDE: rational(generator, 0.5, 3), _MORE: sp.Integer(int(generator.integers(0, 4)))}


def _turns_after_the_start(v: Values) -> bool:
    """Whether a* is above q, and so small that the loss turns below its start."""
    excess = v["A1"] * v["B2"] - v["A2"] * v["B1"]
    drift = v["c"] * (v["B1"] * v["B3"] - v["B2"] ** 2)
    power = 1.5 * v["B0"] ** 1.5 * v["sigma1"] ** 2 * excess / drift
    # At a*, of two layers, the two small terms are equal.
    lacking = 2 * gap(v) * v["A1"] * v["B0"] / v["B1"] * v["sigma1"] ** 2 / power**0.5
    return bool(power > v["q"] ** 4 and lacking <= gap(v))


DEPTH_OF_A_NETWORK = Theorem(
    name="T10",
    title="Hidden layers of linear networks",
    words="One output through two layers of one unit: the annealed loss of the hidden unit is lowest at `s*`, for "
    "small `sigma1` and `q`. `q = (a0 + b0)/2` is the part of `W(0)` that grows, `a0` the first layer along "
    "`delta` and `b0` the second. Two layers of any width and any number of outputs follow the early law of the first "
    "steps, and any depth `L` scales as they do: phase I ends at `Theta(sigma0^(2-L))`, and phase II begins at "
    "width `h` if and only if `Q2/Q1` is above `N2/N1`.",
    assumptions=("A3", "A6", "A7", "A8"),
    derive=_derivation,
    domain=Domain(
        ("A1", "A2", "B0", "B1", "B2", "B3", "c", "q", "sigma1"),
        (
            ALIGNED,
            SPECTRUM,
            SPREAD,
            CURVED_AT_MOST_ONE,
            Condition(_turns_after_the_start, "a small sigma1 and q, so that a* is above q and turns below the start"),
        ),
    ),
    corollaries=(
        "`s*` is `Theta(sigma0^(2/3))` for `L = 1`, `Theta(log(1/sigma0))` for `L = 2`, and `Theta(sigma0^(2-L))` from "
        "`L = 3` on.",
        "A layer of `d` or more linear units explains everything at all times: no phases.",
        "`s*` is of the mean over the part of `W(0)` orthogonal to `delta`. One draw has a term linear in it, of order "
        "`sigma1/a`, which for small `sigma1` is the larger one (as in L5): where it lowers `R` the draw turns "
        "at `a*^(L+1) ~ sigma1`, for two layers at `log(1/sigma0) 2/(3 D)` instead of `log(1/sigma0)/(2 D)`.",
        "Conjecture, not proved: along what one output learns through a chain of units, from weights that vanish, `R` "
        "never rises (phase III). It is no theorem of several outputs: where their strengths `S_k` differ, `R` of two "
        "units rises in many instances while the weaker one is still to be learnt.",
    ),
)
