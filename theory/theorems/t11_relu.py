"""Theorem T11: a rectified hidden layer on Gaussian components, closed by Gaussian outputs.

What is exact: all moments of the rectified units, how they change with means and covariances of the units, and what the
best linear decoder of the units leaves. What is an approximation: the outputs are taken as Gaussian with the moments
that they have, which many units of small weight make true and which squared error does not need. The steps derive the
moments and their derivatives; by them the gradient is the chain rule.
"""

from __future__ import annotations

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from theory.theorems.domain import Domain
from theory.theorems.step import Relation, Step
from theory.theorems.theorem import Derivation, Theorem

#: Levels a = m / s of two units, in their own deviations, and their correlation.
LEVELS = sp.symbols("a1:3", real=True)
CORRELATION = sp.Symbol("rho", real=True)
MEAN = sp.Symbol("m", real=True)
DEVIATION = sp.Symbol("s", positive=True)

_NODE = sp.Symbol("t", real=True)


def bell(point: sp.Expr) -> sp.Expr:
    """The standard normal density."""
    return sp.exp(-(point**2) / 2) / sp.sqrt(2 * sp.pi)


def share_below(point: sp.Expr) -> sp.Expr:
    """The standard normal distribution function."""
    return (1 + sp.erf(point / sp.sqrt(2))) / 2


def gate(one: sp.Expr, other: sp.Expr, correlation: sp.Expr) -> sp.Expr:
    """Density of the first unit at its threshold, times the probability that the other is on there."""
    return bell(one) * share_below((other - correlation * one) / sp.sqrt(1 - correlation**2))


def corner(one: sp.Expr, other: sp.Expr, correlation: sp.Expr) -> sp.Expr:
    """Joint density of two units at their thresholds."""
    rest = sp.sqrt(1 - correlation**2)
    return bell(one) * bell((other - correlation * one) / rest) / rest


class _OfTwoUnits(sp.Function):  # type: ignore[misc]
    """A function of two levels and a correlation, printed as a letter."""

    nargs = 3
    letter = ""

    def _sympystr(self, printer: StrPrinter) -> str:
        return f"{self.letter}({', '.join(map(printer.doprint, self.args))})"

    def _latex(self, printer: LatexPrinter) -> str:
        return f"{self.letter}({', '.join(map(printer.doprint, self.args))})"


class Corner(_OfTwoUnits):
    """D(a, b, rho), which is ``corner``; symmetric in the levels."""

    letter = "D"

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """By a level and by the correlation, what steps of T11 derive from ``corner``."""
        one, other, correlation = self.args
        rest = 1 - correlation**2
        if argindex == 3:
            by_both = (correlation * one - other) * (correlation * other - one) / rest
            return self * (correlation + by_both) / rest
        own, beside = (one, other) if argindex == 1 else (other, one)
        return self * (correlation * beside - own) / rest

    @classmethod
    def eval(cls, one: sp.Expr, other: sp.Expr, correlation: sp.Expr) -> sp.Expr | None:
        """The levels in one order."""
        return None if sp.default_sort_key(one) <= sp.default_sort_key(other) else cls(other, one, correlation)


class Gate(_OfTwoUnits):
    """G(a, b, rho), which is ``gate``, by its derivatives."""

    letter = "G"

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """What steps of T11 derive from ``gate``."""
        one, other, correlation = self.args
        density = Corner(one, other, correlation)
        match argindex:
            case 1:
                return -one * self - correlation * density
            case 2:
                return density
        return density * (correlation * other - one) / (1 - correlation**2)


class BothActive(_OfTwoUnits):
    """P(a, b, rho), the probability that units at levels a and b are on together, by its derivatives."""

    letter = "P"

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """What steps of T11 derive from the density whose integral over a quadrant P is."""
        one, other, correlation = self.args
        if argindex == 3:
            return Corner(one, other, correlation)
        return Gate(one, other, correlation) if argindex == 1 else Gate(other, one, correlation)


def pair_moments() -> tuple[sp.Expr, sp.Expr, sp.Expr, sp.Expr]:
    """P, E[f2; u1 > 0], the density of u1 at 0 times E[f2 | u1 = 0], and E[f1 f2], for deviations 1."""
    one, other = LEVELS
    both = BothActive(one, other, CORRELATION)
    beside = Gate(one, other, CORRELATION)
    active = other * both + Gate(other, one, CORRELATION) + CORRELATION * beside
    threshold = (other - CORRELATION * one) * beside + (1 - CORRELATION**2) * Corner(one, other, CORRELATION)
    return both, active, threshold, one * active + CORRELATION * both + threshold


def _derivation() -> Derivation:
    """T11: moments of rectified units and the derivatives that make the gradient."""
    return Derivation(
        statement=sp.Eq(sp.Symbol("E_f1_f2"), _stated(pair_moments()[3])),
        steps=(*_one_unit(), *_rules(), *_two_units(), *_outputs()),
    )


def _stated(expression: sp.Expr) -> sp.Expr:
    """With functions of which nothing is known, as a statement has them that is not for numbers."""
    for known in (BothActive, Gate, Corner):
        expression = expression.replace(known, sp.Function(known.letter))
    return expression


def _one_unit() -> tuple[Step, ...]:
    """Moments of one unit."""
    level, size = MEAN / DEVIATION, sp.Symbol("v", positive=True)
    value = MEAN * share_below(level) + DEVIATION * bell(level)
    first = MEAN * share_below(_NODE) - DEVIATION * bell(_NODE)
    second = DEVIATION**2 * share_below(_NODE) - DEVIATION * (MEAN + DEVIATION * _NODE) * bell(_NODE)
    hermite = -((LEVELS[0] + _NODE) * _NODE + 1) * bell(_NODE)
    return (
        Step(
            sp.Derivative(first, _NODE),
            Relation.EQUAL,
            (MEAN + DEVIATION * _NODE) * bell(_NODE),
            "One unit `u = m + s t` on a Gaussian component. `E f` is the integral of `m + s t` from `t = -m/s` on; "
            "its antiderivative ...",
        ),
        Step(
            MEAN - sp.Subs(first, _NODE, -level),
            Relation.EQUAL,
            value,
            "... between `-m/s` and infinity: the mean of `f = max(u, 0)`.",
        ),
        Step(
            sp.Derivative(value, MEAN),
            Relation.EQUAL,
            share_below(level),
            "By the mean it grows as the probability that the unit is on.",
        ),
        Step(
            sp.Derivative(value.subs(DEVIATION, sp.sqrt(size)), size),
            Relation.EQUAL,
            bell(MEAN / sp.sqrt(size)) / (2 * sp.sqrt(size)),
            "By the variance `v = s^2`, as half the density of `u` at its threshold.",
        ),
        Step(
            sp.Derivative(second, _NODE),
            Relation.EQUAL,
            DEVIATION * _NODE * (MEAN + DEVIATION * _NODE) * bell(_NODE),
            "`Cov(u, f)` is the integral of `s t (m + s t)` likewise ...",
        ),
        Step(
            DEVIATION**2 - sp.Subs(second, _NODE, -level),
            Relation.EQUAL,
            DEVIATION**2 * share_below(level),
            "... which is Stein's lemma, `Cov(u, f) = s^2 P(u > 0)`. What of `x` is independent of `u` does not "
            "correlate with `f`: `Cov(x, f) = Sigma w P(u > 0)`, which is what a linear decoder sees.",
        ),
        Step(
            sp.Derivative(hermite, _NODE),
            Relation.EQUAL,
            (LEVELS[0] + _NODE) * (_NODE**2 - 1) * bell(_NODE),
            "The Hermite series is `Cov(f1, f2) = s1 s2 sum rho^n c_n(a1) c_n(a2) / n!`, `c_n = E[f He_n]` "
            "at `s = 1`. `c1` is `P(u > 0)`; between `-a` and infinity this antiderivative gives `c2`, the density "
            "at the threshold, and each further one is the derivative of the last by `a`. The series is slow for "
            "strong correlations; the moments below are closed.",
        ),
    )


def _rules() -> tuple[Step, ...]:
    """Derivatives of the probability that two units are on, and of what they are made of."""
    one, other = LEVELS
    density, beside = (made(one, other, CORRELATION) for made in (corner, gate))
    return (
        Step(
            sp.Derivative(density, CORRELATION),
            Relation.EQUAL,
            sp.diff(density, one, other),
            "Two units, in their deviations, at levels `a1`, `a2`. Plackett: their joint density `D` at the thresholds "
            "changes with the correlation as with both levels. `P(a1, a2, rho)`, the probability that both are on, is "
            "its integral over both levels, so that `P` grows with `rho` as `D`.",
        ),
        Step(
            sp.Derivative(beside, other),
            Relation.EQUAL,
            density,
            "By `a1` it grows as `G(a1, a2, rho)`, the density of `u1` at its threshold times `P(u2 > 0 | u1 = 0)`, "
            "since `G` in its turn grows with `a2` as `D`.",
        ),
        Step(
            sp.Derivative(beside, one),
            Relation.EQUAL,
            -one * beside - CORRELATION * density,
            "By its first level `G` changes so ...",
        ),
        Step(
            sp.Derivative(beside, CORRELATION),
            Relation.EQUAL,
            density * (CORRELATION * other - one) / (1 - CORRELATION**2),
            "... and so by the correlation.",
        ),
        Step(
            one**2 + (other - CORRELATION * one) ** 2 / (1 - CORRELATION**2),
            Relation.EQUAL,
            (one**2 + other**2 - 2 * CORRELATION * one * other) / (1 - CORRELATION**2),
            "The exponent of `D`, times -2: it does not depend on the order of the units ...",
        ),
        Step(
            sp.Derivative(density, other),
            Relation.EQUAL,
            density * (CORRELATION * one - other) / (1 - CORRELATION**2),
            "... and changes with a level so; by both levels, and with the correlation, as follows from this.",
        ),
        Step(
            sp.Derivative(sp.asin(CORRELATION) / (2 * sp.pi), CORRELATION),
            Relation.EQUAL,
            corner(sp.Integer(0), sp.Integer(0), CORRELATION),
            "Centred units are on together with probability `1/4 + asin(rho)/(2 pi)`: this grows as `D`.",
        ),
    )


def _two_units() -> tuple[Step, ...]:
    """Moments of two units, by their derivatives."""
    one, other = LEVELS
    both, active, threshold, product = pair_moments()
    return (
        Step(
            sp.Derivative(active, CORRELATION),
            Relation.EQUAL,
            Gate(one, other, CORRELATION),
            "Price: the mean of a function of Gaussians grows with their covariance as the mean of its mixed "
            "derivative. For `E[f2; u1 > 0] = a2 P + G(a2, a1) + rho G(a1, a2)` that is `G(a1, a2)` ...",
        ),
        Step(
            sp.Derivative(product, CORRELATION),
            Relation.EQUAL,
            both,
            "... and for `E[f1 f2]`, the statement, it is `P`. At `rho = 0` the units are independent, and both "
            "formulas are products of those of one unit, which fixes the constants.",
        ),
        Step(
            sp.Derivative(threshold, other),
            Relation.EQUAL,
            Gate(one, other, CORRELATION),
            "The density of `u1` at 0 times `E[f2 | u1 = 0]` is `(a2 - rho a1) G + (1 - rho^2) D`: it grows with `a2` "
            "as the probability that `u2` is on there.",
        ),
        Step(
            sp.Derivative(product, one),
            Relation.EQUAL,
            active,
            "By a mean, `E[f1 f2]` grows as `E[f2; u1 > 0]`.",
        ),
        Step(
            product - one * sp.Derivative(product, one) - CORRELATION * sp.Derivative(product, CORRELATION),
            Relation.EQUAL,
            threshold,
            "By a variance, as half the density of `u1` at 0 times `E[f2 | u1 = 0]`: with `a = m/s`, `rho = g/(s1 s2)` "
            "and `s1 s2` in front, `2 s1^2 d/d(s1^2)` is this. So the derivatives by means, covariances and variances "
            "are known, which is all that the gradient by `W1` needs: it enters by `W1 mu + b1` and `W1 Sigma W1'` "
            "alone.",
        ),
    )


def _outputs() -> tuple[Step, ...]:
    """How the loss of Gaussian outputs depends on their moments."""
    output, mean, variance = sp.Symbol("z", real=True), sp.Symbol("m", real=True), sp.Symbol("v", positive=True)
    density = bell((output - mean) / sp.sqrt(variance)) / sp.sqrt(variance)
    return (
        Step(
            sp.Derivative(density, variance),
            Relation.EQUAL,
            sp.diff(density, output, 2) / 2,
            "Outputs taken as Gaussian, the one approximation. By parts, the mean loss grows with their mean as `-r = "
            "E[p - t]`, and with their covariance as half of `J = E[dp/dz]`. So the closed loss changes by `-r dE z + "
            "tr(J dCov z)/2`, and with `E z = W2 E f + b2`, `Cov z = W2 Cov(f) W2'` its gradient is the chain rule.",
        ),
    )


RECTIFIED_LAYER = Theorem(
    name="T11",
    title="A rectified hidden layer",
    words="Two units at levels `a = m/s` on a Gaussian component, in their own deviations and with correlation `rho`, "
    "have this mean of `f1 f2`, `f = max(u, 0)`: `P` the probability that both are on, `G` the density of one at its "
    "threshold times the probability that the other is on there, `D` their joint density there. With it the population "
    "gradient of `W2 f(W1 x + b1) + b2` closes in `(W1, W2, b1, b2)`: exactly for squared error, and for other losses "
    "if the outputs are taken as Gaussian in each component, an approximation. The best linear decoder of the units "
    "explains `tr C' V^-1 C` with `C = Cov(f, x)` and `V = Cov(f)` over the mixture.",
    assumptions=("A4",),
    derive=_derivation,
    domain=Domain(),
    corollaries=(
        "What of `f` is not linear in `x` within a component acts as noise, that is as a decoder's budget does (T8).",
        "The gradient of the closed loss is the first order of the true one in the correlation of an output with a "
        "unit: `Cov(p, h) = J Cov(z, h)` for functions `h` of the units.",
    ),
)
