"""Theorem T6: the rate at which phase III forgets, for power laws."""

from __future__ import annotations

import sympy as sp

from theory.symbols.complexity import ALPHA, BETA, Theta, explained_variance_order, saturation_order
from theory.symbols.symbolic import TIME
from theory.theorems.domain import Condition, Domain
from theory.theorems.step import Relation, Step
from theory.theorems.theorem import Derivation, Theorem


def _derivation() -> Derivation:
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
            "In `sum l^2 delta^2 phi^2`, the sum over `i` of `i^-beta (1 - exp(-s i^-alpha))^2`, put `i = "
            "s^(1/alpha) t`.",
        ),
        Step(
            rescaled(alpha - beta),
            Relation.EQUAL,
            TIME**denominator_power * scaled ** (alpha - beta) * (1 - sp.exp(-(scaled**-alpha))) ** 2,
            "Likewise in `sum l delta^2 phi^2`.",
        ),
        Step(
            sp.Integral(scaled ** (excess - 1), (scaled, 0, 1)),
            Relation.EQUAL,
            1 / excess,
            "Near `t = 0` the first integral converges for `beta = 1 - q < 1`, the second for `beta = 1 + alpha - "
            "q`; then the powers of `s` stand. Beyond, the first modes dominate and the sums tend to constants.",
        ),
        Step(
            sp.Integral(scaled ** (-1 - excess), (scaled, 1, sp.oo)),
            Relation.EQUAL,
            1 / excess,
            "At large `t` both summands fall as `t^-(alpha + beta)` or faster: they converge for `alpha + beta = 1 + "
            "q > 1`, and the modes near `1/s` decide; the closer to 1, the slower the approach.",
        ),
        Step(
            numerator_power - denominator_power,
            Relation.EQUAL,
            sp.Integer(-1),
            "`beta < 1`: both powers stand and `R` falls as `1/s`. For `1 < beta < 1 + alpha` the numerator is "
            "constant and minus the second power is left.",
        ),
        Step(
            sp.Integral(1 / scaled, (scaled, 1, TIME ** (1 / alpha))),
            Relation.EQUAL,
            sp.log(TIME) / alpha,
            "At `beta = 1` the numerator, at `beta = 1 + alpha` the denominator grows as a logarithm.",
        ),
    )
    return Derivation(
        statement=sp.Eq(sp.Symbol("R(s)"), Theta(explained_variance_order())),
        steps=steps,
        orders=(sp.Eq(sp.Symbol("s_end"), Theta(saturation_order())),),
    )


FORGETTING_RATE = Theorem(
    name="T6",
    title="How fast phase III forgets",
    words="For `l_i ~ i^-alpha`, `delta_i^2 ~ i^-beta`, `alpha + beta > 1` and `1/lambda_1 << s << 1/lambda_d`, up "
    "to a constant factor.",
    assumptions=("A1", "A2", "A8"),
    derive=_derivation,
    domain=Domain(
        ("alpha", "beta", "s"),
        (
            Condition(
                lambda v: v["alpha"] + v["beta"] > 1, "larger exponents: T6 holds above 1 and alpha + beta is at most 1"
            ),
            Condition(lambda v: v["s"] > 1, "a time s above 1/lambda_1 = 1"),
        ),
    ),
    corollaries=("With the constant curvature `c` of a loss at `W = 0`, time counts as `c s`.",),
)
