"""SymPy derivation of the effects of depth: the early law of hidden layers, and the turning point of a chain of units.

Early, the gradient by the product of the layers is M, its value at W = 0. Between a singular direction v_k of M, with
singular value S, and its u_k, two layers then drive each other: a = W1 v_k and b = W2^T u_k. In a chain of L
layers of one unit each, with one output, the first layer's weights are a along the signal, the other layers' grow with
a (balanced layers), and D = |delta| = sqrt(B0).

Symbols beyond those of ``theory.symbols.symbolic``: S, rho = sigma2 / sigma1, a, q the amplitude that grows from W(0),
L, kappa the resolution of a random sketch, and the sums of the width's condition.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from theory.symbols.complexity import STEP_SIZE
from theory.symbols.symbolic import (
    CURVATURE,
    EIGENVALUE,
    FRACTION,
    SIGNAL_SUMS,
    SPECTRUM_SUMS,
    TIME,
    boundary_formulas,
)

STRENGTH = sp.Symbol("S", positive=True)
RATIO = sp.Symbol("rho", positive=True)
FIRST_SCALE, SECOND_SCALE = sp.symbols("sigma1 sigma2", positive=True)
AMPLITUDE = sp.Symbol("a", positive=True)
GROWING = sp.Symbol("q", positive=True)
STEPS = sp.Symbol("n", positive=True, integer=True)
DEPTH = sp.Symbol("L", positive=True, integer=True)
#: gamma - 1, by how much the variance of the first layer's rows has grown along a direction.
GAIN = sp.Symbol("G", positive=True)
RESOLUTION_OF_SKETCH = sp.Symbol("kappa", positive=True)

_FIRST_START, _SECOND_START = sp.symbols("a0 b0", real=True)


@dataclass(frozen=True)
class EarlyLaw:
    """Two layers along one singular direction of M.

    Attributes:
        starts: a(0) and b(0).
        first: a(s), of the first layer.
        second: b(s), of the second.
        growth: gamma(s), E a(s)^2 / sigma1^2 over independent draws of the layers.
        growth_in_steps: the same after n steps of gradient descent.
    """

    starts: tuple[sp.Symbol, sp.Symbol]
    first: sp.Expr
    second: sp.Expr
    growth: sp.Expr
    growth_in_steps: sp.Expr


def averaged(square: sp.Expr) -> sp.Expr:
    """E of a polynomial in a(0) ~ N(0, 1) and b(0) ~ N(0, rho^2), independent, of degree 2."""
    polynomial = sp.Poly(sp.expand(square), _FIRST_START, _SECOND_START)
    moments = {(2, 0): sp.Integer(1), (0, 2): RATIO**2, (1, 1): sp.Integer(0)}
    return sp.Add(*[moments[powers] * factor for powers, factor in polynomial.terms()])


@lru_cache(maxsize=1)
def early_law() -> EarlyLaw:
    """Solve da/ds = S b, db/ds = S a, and the same in steps; the result is cached."""
    exchange = sp.Matrix([[0, STRENGTH], [STRENGTH, 0]])
    start = sp.Matrix([_FIRST_START, _SECOND_START])
    modes, values = exchange.diagonalize()
    # Along the diagonal both the exponential and the power of a step are those of numbers.
    factors = sp.diag(*[(1 + STEP_SIZE * values[k, k]) ** STEPS for k in range(2)])
    flow = modes * (values * TIME).exp() * modes.inv()
    descent = modes * factors * modes.inv() * start
    first, second = (flow.applyfunc(lambda entry: sp.simplify(entry.rewrite(sp.cosh))) * start)[:, 0]
    return EarlyLaw(
        starts=(_FIRST_START, _SECOND_START),
        first=first,
        second=second,
        growth=averaged(first**2),
        growth_in_steps=averaged(descent[0] ** 2),
    )


def explained_by_sketch(eigenvalue: sp.Expr, variance: sp.Expr, resolution: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """What a mode adds to the number of rows and to R, in the deterministic equivalent of Gaussian rows (lemma L4).

    Args:
        eigenvalue: l of the mode.
        variance: of the rows' entries in it, in units in which it is 1 at time 0.
        resolution: kappa, at which the modes add up to the number of rows.
    """
    counted = eigenvalue * variance / (eigenvalue * variance + resolution)
    return counted, eigenvalue * counted


@lru_cache(maxsize=1)
def one_unit_level() -> sp.Expr:
    """R of one hidden unit below one output, at the gain G of the variance along the signal's direction.

    E w_i^2 is proportional to 1 + G delta_i^2 / B0.
    """
    spectrum, signal = SPECTRUM_SUMS, SIGNAL_SUMS
    share = GAIN / signal[0]
    return (spectrum[2] + share * signal[2]) / (spectrum[1] + share * signal[1])


@lru_cache(maxsize=1)
def phase_one_gain() -> sp.Expr:
    """The gain at which a fraction tau of R2 - R0 has been won."""
    level, formulas = one_unit_level(), boundary_formulas()
    won = (level - formulas.initial_level) / (formulas.signal_level - formulas.initial_level)
    (gain,) = sp.solve(sp.Eq(sp.cancel(won), FRACTION), GAIN)
    return -sp.cancel(gain * (FRACTION - 1)) / (1 - FRACTION)


@lru_cache(maxsize=1)
def phase_one_time() -> sp.Expr:
    """The time of this gain, from gamma - 1 = (1 + rho^2) sinh(S s)^2; S = D = sqrt(B0) for one output."""
    return sp.asinh(sp.sqrt(phase_one_gain() / (1 + RATIO**2))) / sp.sqrt(SIGNAL_SUMS[0])


@dataclass(frozen=True)
class Chain:
    """A chain of L layers of one unit, near its turning point.

    Attributes:
        saturation: what a mode of eigenvalue l lacks of a delta / D, as a share of it, to first order in c.
        explained: R at the amplitude a, with saturations expanded: terms of W(0) and of saturation are both small.
        noise: sigma1^2 / a^2, one of them.
        bend: c a^L / ((L + 1) D), the other.
        balance: the first order of ``explained`` in both.
        turning_power: a*^(L + 2), where the balance is largest.
    """

    saturation: sp.Expr
    explained: sp.Expr
    noise: sp.Symbol
    bend: sp.Symbol
    balance: sp.Expr
    turning_power: sp.Expr


def signal_norm() -> sp.Expr:
    """D = |delta|."""
    return sp.sqrt(SIGNAL_SUMS[0])


def growth_speed(amplitude: sp.Expr, depth: sp.Expr) -> sp.Expr:
    """da/ds = D a^(L - 1) of balanced layers, while the gradient by the product is M."""
    return signal_norm() * amplitude ** (depth - 1)


def growth_time(amplitude: sp.Expr, depth: sp.Expr) -> sp.Expr:
    """The time from q to a, for a depth other than 2."""
    return (GROWING ** (2 - depth) - amplitude ** (2 - depth)) / ((depth - 2) * signal_norm())


@lru_cache(maxsize=1)
def chain() -> Chain:
    """Derive the balance of a chain; the result is cached."""
    noise, bend, small = sp.symbols("x y epsilon", positive=True)
    # dw/ds = P (delta - c P Sigma w), P = a^(L - 1): a mode lacks the integral of c l P^2 a delta / D by s, and
    # ds = da / (D P).
    height = sp.Symbol("t", positive=True)
    lost = CURVATURE * EIGENVALUE * height ** (2 * DEPTH - 1) / growth_speed(height, DEPTH)
    saturation = sp.simplify(sp.integrate(sp.powsimp(lost), (height, 0, AMPLITUDE)) / AMPLITUDE)
    spectrum, signal = SPECTRUM_SUMS, SIGNAL_SUMS

    def second_moments(power: int) -> sp.Expr:
        """Sum of l^power E w^2 over a^2: from W(0), and (delta / D)^2 (1 - y l)^2."""
        learnt = signal[power] - 2 * bend * signal[power + 1] + bend**2 * signal[power + 2]
        return noise * spectrum[power] + learnt / signal[0]

    explained = second_moments(2) / second_moments(1)
    zoomed = explained.subs({noise: small * noise, bend: small * bend}, simultaneous=True)
    balance = sp.expand(sp.simplify(sp.diff(zoomed, small).subs(small, 0)))
    at_amplitude = balance.subs(
        {noise: FIRST_SCALE**2 / AMPLITUDE**2, bend: saturation / EIGENVALUE}, simultaneous=True
    )
    # Stationary where the powers a^-3 and a^(L - 1) balance.
    from_noise = balance.coeff(noise) * FIRST_SCALE**2
    from_bend = balance.coeff(bend) * CURVATURE / ((DEPTH + 1) * signal_norm())
    turning_power = sp.factor(sp.cancel(2 * from_noise / (DEPTH * from_bend)))
    return Chain(saturation, explained, noise, bend, at_amplitude, turning_power)


@lru_cache(maxsize=1)
def two_layer_turning_point() -> sp.Expr:
    """s* of two layers of one unit: the time at which q exp(D s) has reached a*."""
    return sp.log(chain().turning_power.subs(DEPTH, 2) / GROWING**4) / (4 * signal_norm())
