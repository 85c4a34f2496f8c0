"""Theorems T6 and T8: the rate at which phase III forgets, and decoders of limited budget."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theory.symbols.complexity import ALPHA, BETA, Theta, explained_variance_order, saturation_order
from theory.symbols.symbolic import TIME
from theory.theorems.theorem import Relation, Step, Theorem
from theory.theorems.theorems_early import rational

MODES = 3
EIGENVALUES = sp.symbols(f"lambda1:{MODES + 1}", positive=True)
SIGNALS = sp.symbols(f"delta1:{MODES + 1}", real=True)


def weighted_mean(weights: list[sp.Expr]) -> sp.Expr:
    """R of one output, the mean of the eigenvalues under ``weights``."""
    return sp.Add(*[value * weight for value, weight in zip(EIGENVALUES, weights, strict=True)]) / sp.Add(*weights)


def forgetting() -> Theorem:
    """T6: the exponent of R(s) for power laws."""
    alpha, beta = ALPHA, BETA
    excess, scaled, index = sp.symbols("q t i", positive=True)

    def summand(power: sp.Expr) -> sp.Expr:
        return index**power * (1 - sp.exp(-TIME * index**-alpha)) ** 2

    def rescaled(power: sp.Expr) -> sp.Expr:
        wide = TIME ** (1 / alpha)
        return wide * sp.Subs(summand(power), index, wide * scaled)

    numerator_power, denominator_power = (1 - beta) / alpha, (1 + alpha - beta) / alpha
    steps = (
        Step(
            rescaled(-beta),
            Relation.EQUAL,
            TIME**numerator_power * scaled**-beta * (1 - sp.exp(-(scaled**-alpha))) ** 2,
            "In sum l^2 delta^2 phi^2, the sum over i of i^-beta (1 - exp(-s i^-alpha))^2, put i = s^(1/alpha) t.",
        ),
        Step(
            rescaled(alpha - beta),
            Relation.EQUAL,
            TIME**denominator_power * scaled ** (alpha - beta) * (1 - sp.exp(-(scaled**-alpha))) ** 2,
            "Likewise in sum l delta^2 phi^2.",
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
            gain: rational(generator, 1, 10) * sp.Rational(10) ** int(generator.integers(-3, 3)),
            budget: rational(generator, 1, 10) * sp.Rational(10) ** int(generator.integers(-3, 3)),
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
            witness=sp.factor(sp.diff(loss, budget)),
        ),
        Step(
            sp.Derivative(loss, gain),
            Relation.BELOW,
            sp.Integer(0),
            "At a constant R the loss falls as the outputs grow: a phase II that the exact decoder does not see.",
            values,
            witness=sp.factor(-sp.diff(loss, gain)),
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
