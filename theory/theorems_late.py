"""Theorems T4, T6 and T8: phase III, the rate at which it forgets, and decoders of limited budget."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import sympy as sp

from theory.complexity import ALPHA, BETA, STEP_SIZE, Theta, explained_variance_order, saturation_order
from theory.frame import COVARIANCE, entry, explained_variance
from theory.symbolic import EIGENVALUE, TIME
from theory.theorem import Relation, Sampler, Step, Theorem
from theory.theorems_early import rational

MODES = 3
EIGENVALUES = sp.symbols(f"lambda1:{MODES + 1}", positive=True)
SIGNALS = sp.symbols(f"delta1:{MODES + 1}", real=True)
STEPS = sp.Symbol("n", positive=True, integer=True)


def learnt(eigenvalue: sp.Expr) -> sp.Expr:
    """phi_s(l) = (1 - exp(-l s)) / l, what a mode has learnt of its signal at time s."""
    return (1 - sp.exp(-eigenvalue * TIME)) / eigenvalue


def growth_rate(eigenvalue: sp.Expr) -> sp.Expr:
    """psi_s(l) = l / (exp(l s) - 1), the rate at which it grows."""
    return eigenvalue / (sp.exp(eigenvalue * TIME) - 1)


def learnt_in_steps(eigenvalue: sp.Expr, steps: sp.Expr) -> sp.Expr:
    """(1 - (1 - eta l)^n) / l, the same after n steps of gradient descent."""
    return (1 - (1 - STEP_SIZE * eigenvalue) ** steps) / eigenvalue


def growth_in_a_step(eigenvalue: sp.Expr) -> sp.Expr:
    """Factor by which a mode grows in step n + 1."""
    decay = (1 - STEP_SIZE * eigenvalue) ** STEPS
    return 1 + STEP_SIZE * eigenvalue * decay / (1 - decay)


def weighted_mean(weights: list[sp.Expr]) -> sp.Expr:
    """R of one output, the mean of the eigenvalues under ``weights``."""
    return sp.Add(*[value * weight for value, weight in zip(EIGENVALUES, weights, strict=True)]) / sp.Add(*weights)


def random_modes(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
    """Three distinct eigenvalues, a signal, a time, a step size with eta lambda_1 < 1, a step count."""
    values = {symbol: rational(generator, 0.1, 1) for symbol in EIGENVALUES}
    values |= {symbol: rational(generator, -1, 1) for symbol in SIGNALS}
    return values | {
        TIME: rational(generator, 0.1, 5),
        STEP_SIZE: rational(generator, 0.05, 0.99),
        STEPS: sp.Integer(int(generator.integers(1, 20))),
        EIGENVALUE: rational(generator, 0.1, 1),
    }


def _pairs(weights: list[sp.Expr], rates: list[sp.Expr]) -> sp.Expr:
    """Sum over pairs of p_i p_j (l_i - l_j)(r_i - r_j)."""
    return sp.Add(
        *[
            weights[i] * weights[j] * (EIGENVALUES[i] - EIGENVALUES[j]) * (rates[i] - rates[j])
            for i, j in combinations(range(MODES), 2)
        ]
    )


def phase_three() -> Theorem:
    """T4: along what is learnt, explained variance never rises."""
    rates = [growth_rate(value) for value in EIGENVALUES]
    weights = [value * signal**2 * learnt(value) ** 2 for value, signal in zip(EIGENVALUES, SIGNALS, strict=True)]
    before = [
        value * signal**2 * learnt_in_steps(value, STEPS) ** 2
        for value, signal in zip(EIGENVALUES, SIGNALS, strict=True)
    ]
    factors = [growth_in_a_step(value) ** 2 for value in EIGENVALUES]
    after = [weight * factor for weight, factor in zip(before, factors, strict=True)]
    shares = [*sp.symbols("q1:3", positive=True)]
    shares = [*shares, 1 - shares[0] - shares[1]]
    free_rates = list(sp.symbols("r1:4", real=True))
    mean_of = [
        sp.Add(*[share * value for share, value in zip(shares, values, strict=True)])
        for values in (
            EIGENVALUES,
            free_rates,
            [value * rate for value, rate in zip(EIGENVALUES, free_rates, strict=True)],
        )
    ]
    explained = sp.Function("R")
    # Rates in the frame of two outputs: another symmetric matrix, psi(Sigma), with entries b.
    rates_in_frame = {key: sp.Symbol(f"b{key[0]}{key[1]}", real=True) for key in COVARIANCE}
    outputs = sp.Matrix(2, 3, lambda k, i: int(k == i) + TIME * rates_in_frame[min(k, i) + 1, max(k, i) + 1])
    outside = {k: entry(k, 3) * rates_in_frame[k, 3] for k in (1, 2)}
    product = sp.Add(*[entry(1, i) * rates_in_frame[1, i] for i in (1, 2, 3)])

    def frame_values(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
        symbols = (*COVARIANCE.values(), *rates_in_frame.values())
        return {symbol: rational(generator, -1, 1) for symbol in symbols}

    steps = (
        Step(
            sp.Derivative(sp.log(learnt(EIGENVALUE)), TIME),
            Relation.EQUAL,
            growth_rate(EIGENVALUE),
            "A learnt mode phi_s(l) grows at the rate psi_s(l).",
        ),
        Step(
            sp.Derivative(growth_rate(EIGENVALUE), EIGENVALUE),
            Relation.BELOW,
            sp.Integer(0),
            "The rate falls with the eigenvalue: large ones have saturated.",
            random_modes,
        ),
        Step(
            sp.Subs(sp.Derivative(explained(TIME), TIME), TIME, 0),
            Relation.EQUAL,
            2 * (outside[1] + outside[2]),
            "Two outputs, in a frame that begins with them; Sigma has the entries a, psi(Sigma) the entries b. With "
            "V = span(Sigma^(1/2) phi_s M^T), dV/ds = psi V: dR/ds = 2 [tr(Pi Sigma psi) - tr(Pi Sigma Pi psi)].",
            frame_values,
            (sp.Eq(explained(TIME), explained_variance(outputs)),),
        ),
        Step(
            sp.Subs(sp.UnevaluatedExpr(product) - entry(1, 1) * rates_in_frame[1, 1], entry(1, 2), 0),
            Relation.EQUAL,
            outside[1],
            "Choose the outputs so that Pi Sigma Pi is diagonal, a12 = 0. Then each term is a covariance of l and psi: "
            "(Sigma psi)_11 - Sigma_11 psi_11, under the shares q_i = v_i^2 that the output has in mode i.",
        ),
        Step(
            mean_of[2] - mean_of[0] * mean_of[1],
            Relation.EQUAL,
            _pairs(shares, free_rates),
            "Chebyshev's identity: a covariance under shares q_i is a sum over pairs, q_i q_j (l_i - l_j)(r_i - r_j).",
        ),
        Step(
            (EIGENVALUES[0] - EIGENVALUES[1]) * (rates[0] - rates[1]),
            Relation.BELOW,
            sp.Integer(0),
            "Each pair is negative, unless its eigenvalues are equal, as psi falls.",
            random_modes,
        ),
        Step(
            sp.Derivative(weighted_mean(weights), TIME),
            Relation.EQUAL,
            2 * _pairs(weights, rates) / sp.Add(*weights) ** 2,
            "One output, written out.",
            random_modes,
        ),
        Step(
            learnt_in_steps(EIGENVALUE, STEPS + 1) / learnt_in_steps(EIGENVALUE, STEPS),
            Relation.EQUAL,
            growth_in_a_step(EIGENVALUE),
            "In a step of gradient descent a mode grows by this factor.",
        ),
        Step(
            sp.Derivative(growth_in_a_step(EIGENVALUE), EIGENVALUE),
            Relation.BELOW,
            sp.Integer(0),
            "It falls with the eigenvalue while eta l < 1.",
            random_modes,
        ),
        Step(
            weighted_mean(after) - weighted_mean(before),
            Relation.EQUAL,
            _pairs(before, factors) / (sp.Add(*before) * sp.Add(*after)),
            "So R falls in every step, by the same identity.",
            random_modes,
        ),
    )
    return Theorem(
        name="T4",
        title="Phase III: what has been learnt is forgotten, always",
        statement=sp.Le(sp.Derivative(sp.Function("R")(TIME), TIME), 0),
        words="Along span(Sigma^(1/2) phi_s(Sigma) M^T) explained variance never rises, for every spectrum, M and K. "
        "A4 is for the logistic loss alone, whose flow is exact there; A5 for gradient descent.",
        assumptions=("A4", "A5"),
        steps=steps,
        corollaries=(
            "Strictly, unless Sigma is constant on the span of the signal.",
            "Gradient descent with eta lambda_1 c <= 1 likewise; with a larger step it can rise.",
        ),
    )


def forgetting() -> Theorem:
    """T6: the exponent of R(s) for power laws."""
    alpha, beta = ALPHA, BETA
    excess, scaled, index = sp.symbols("q t i", positive=True)

    def summand(power: sp.Expr) -> sp.Expr:
        return index**power * (1 - sp.exp(-TIME * index**-alpha)) ** 2

    def rescaled(power: sp.Expr) -> sp.Expr:
        wide = TIME ** (1 / alpha)
        return wide * sp.Subs(summand(power), index, wide * scaled)

    def exponents(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
        return {
            alpha: rational(generator, 0.5, 2),
            beta: rational(generator, 0.1, 3),
            scaled: rational(generator, 0.5, 2),
            TIME: rational(generator, 1, 100),
        }

    sampler: Sampler = exponents
    numerator_power, denominator_power = (1 - beta) / alpha, (1 + alpha - beta) / alpha
    steps = (
        Step(
            rescaled(-beta),
            Relation.EQUAL,
            TIME**numerator_power * scaled**-beta * (1 - sp.exp(-(scaled**-alpha))) ** 2,
            "In sum l^2 delta^2 phi^2, the sum over i of i^-beta (1 - exp(-s i^-alpha))^2, put i = s^(1/alpha) t.",
            sampler,
        ),
        Step(
            rescaled(alpha - beta),
            Relation.EQUAL,
            TIME**denominator_power * scaled ** (alpha - beta) * (1 - sp.exp(-(scaled**-alpha))) ** 2,
            "Likewise in sum l delta^2 phi^2.",
            sampler,
        ),
        Step(
            sp.Integral(scaled ** (excess - 1), (scaled, 0, 1)),
            Relation.EQUAL,
            1 / excess,
            "Near t = 0 the first integral converges for beta = 1 - q < 1, the second for beta = 1 + alpha - q; then "
            "the powers of s stand. Beyond, the first modes dominate and the sums tend to constants.",
        ),
        Step(
            sp.Integral(scaled ** (-1 - excess), (scaled, 1, sp.oo)),
            Relation.EQUAL,
            1 / excess,
            "At large t both summands fall as t^-(alpha + beta) or faster: they converge for alpha + beta = 1 + q > 1, "
            "and the modes near 1/s decide; the closer to 1, the slower the approach.",
        ),
        Step(
            numerator_power - denominator_power,
            Relation.EQUAL,
            sp.Integer(-1),
            "beta < 1: both powers stand and R falls as 1/s. For 1 < beta < 1 + alpha the numerator is constant and "
            "minus the second power is left.",
        ),
        Step(
            sp.Integral(1 / scaled, (scaled, 1, TIME ** (1 / alpha))),
            Relation.EQUAL,
            sp.log(TIME) / alpha,
            "At beta = 1 the numerator, at beta = 1 + alpha the denominator grows as a logarithm.",
        ),
    )
    return Theorem(
        name="T6",
        title="How fast phase III forgets",
        statement=sp.Eq(sp.Symbol("R(s)"), Theta(explained_variance_order())),
        words="For l_i ~ i^-alpha, delta_i^2 ~ i^-beta, alpha + beta > 1 and 1/lambda_1 << s << 1/lambda_d, up to a "
        "constant factor.",
        assumptions=("A1", "A2", "A8"),
        steps=steps,
        corollaries=("With the constant curvature c of a loss at W = 0, time counts as c s.",),
        orders=(sp.Eq(sp.Symbol("s_end"), Theta(saturation_order())),),
    )


def limited_decoder() -> Theorem:
    """T8: a decoder of limited budget has a phase I and a phase II of its own."""
    gain, budget, explained, total, size = sp.symbols("g mu R T D", positive=True)
    penalised = total - 2 * size * gain * explained + (gain + budget) * size**2 * gain * explained
    loss = total - explained * gain * (gain + 2 * budget) / (gain + budget) ** 2

    def values(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
        return {
            gain: rational(generator, 0.01, 10),
            budget: rational(generator, 0.01, 10),
            explained: rational(generator, 0.1, 1),
            total: rational(generator, 1, 2),
        }

    steps = (
        Step(
            sp.Subs(sp.Derivative(penalised, size), size, 1 / (gain + budget)),
            Relation.EQUAL,
            sp.Integer(0),
            "One output with variance g: the ridge decoder D Sigma w is best at D = 1/(g + mu); |Sigma w|^2 = g R.",
        ),
        Step(
            (penalised - budget * size**2 * gain * explained).subs(size, 1 / (gain + budget)),
            Relation.EQUAL,
            loss,
            "Its squared error, without the penalty.",
        ),
        Step(sp.Limit(loss, budget, 0), Relation.EQUAL, total - explained, "An unlimited decoder has the loss L."),
        Step(
            sp.Limit(loss, gain, 0),
            Relation.EQUAL,
            total,
            "Outputs far below the budget give nothing: a phase I.",
        ),
        Step(
            -sp.Derivative(loss, budget),
            Relation.BELOW,
            sp.Integer(0),
            "A smaller budget never helps.",
            values,
        ),
        Step(
            sp.Derivative(loss, gain),
            Relation.BELOW,
            sp.Integer(0),
            "At a constant R the loss falls as the outputs grow: a phase II that the exact decoder does not see.",
            values,
        ),
    )
    return Theorem(
        name="T8",
        title="Decoders of limited budget",
        statement=sp.Eq(sp.Symbol("L_mu"), loss),
        words="The loss of a ridge decoder for an output of variance g that explains R of T = tr Sigma.",
        assumptions=(),
        steps=steps,
        corollaries=("Exact and limited decoders can disagree on whether phases I and II exist: report both.",),
    )
