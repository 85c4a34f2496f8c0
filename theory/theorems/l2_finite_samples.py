"""Lemma L2: the levels and the boundaries on n samples of two Gaussian classes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theory.curves.finite_sample import (
    CONSTRAINTS,
    FREE_SHARE,
    INVERSE,
    LABEL_VARIANCE,
    MEAN_SUMS,
    NOISE_SUMS,
    SAMPLES,
    label_profile,
    noise_profile,
    residue,
    residue_integrand,
    sample_sums,
)
from theory.symbols.symbolic import CURVATURE, SIGNAL_SUMS, SPECTRUM_SUMS, TIME, boundary_formulas
from theory.theorems.domain import Condition, Domain
from theory.theorems.step import Relation, Step, rational
from theory.theorems.theorem import Derivation, Theorem

#: T_1 T_3 - T_2^2 over T_1: a sum of squares over pairs of modes (theorem T7), 0 for a flat spectrum.
_SPREAD = sp.Symbol("v", nonnegative=True)

#: T_j = A_j / n, which stays fixed when dimension and number of samples grow together.
SHARES = sp.symbols("T1:4", positive=True)
_FREE_SHARES = (*SHARES[:2], _SPREAD)


def _random_shares(generator: np.random.Generator) -> Mapping[sp.Symbol, sp.Rational]:
    """T_1, T_2 and what T_3 exceeds T_2^2/T_1 by, from a share of the samples down to next to none."""
    small = sp.Rational(10) ** int(generator.integers(-6, 1))
    return {
        symbol: rational(generator, 0.1, 2) * small**power
        for symbol, power in zip(_FREE_SHARES, (1, 1, 2), strict=True)
    }


def _moment(power: int, profile: sp.Expr) -> sp.Expr:
    """The residue of ``theory.curves.finite_sample.residue`` as a derivative at x = 0, not yet carried out."""
    order = power + 1
    return sp.Subs(sp.Derivative(residue_integrand(power, profile), (INVERSE, order)), INVERSE, 0) / sp.factorial(order)


def _many_samples(expression: sp.Expr) -> sp.Expr:
    """Limit of many samples, not yet carried out."""
    centred = expression.subs(FREE_SHARE, 1 - sp.Integer(CONSTRAINTS) / SAMPLES)
    return sp.Limit(sp.together(centred), SAMPLES, sp.oo)


def _at_fixed_ratio(expression: sp.Expr) -> sp.Expr:
    """A_j = n T_j put in: a spectrum that grows with the number of samples."""
    return expression.subs({total: SAMPLES * share for total, share in zip(SPECTRUM_SUMS[1:4], SHARES, strict=True)})


def _resolvent_steps() -> tuple[Step, ...]:
    """From Silverstein's equation to the powers of S and to the labels' direction of the Gram matrix."""
    argument, subordinate, inner, eigenvalue = sp.symbols("z w xi tau", positive=True)
    mean, row = sp.symbols("m1:3", real=True), sp.symbols("r1:3", real=True)
    noise = sp.ImmutableMatrix(2, 2, lambda i, j: row[i] * row[j])
    samples = sp.ImmutableMatrix([mean, row])
    gram = samples * samples.T
    vector = sp.ImmutableMatrix(mean)
    inside = (vector.T * (noise - argument * sp.eye(2)).inv() * vector)[0, 0]
    spectrum = sp.symbols("l1:3", positive=True)
    total = sp.diag(*spectrum)
    outside = sum(length**2 / (subordinate - value) for length, value in zip(mean, spectrum, strict=True))
    within = total - vector * vector.T
    t1, t2 = NOISE_SUMS[1:3]
    profile = noise_profile(eigenvalue)
    powers = (
        FREE_SHARE * eigenvalue,
        FREE_SHARE**2 * eigenvalue**2 + FREE_SHARE * t1 * eigenvalue,
        FREE_SHARE**3 * eigenvalue**3
        + 2 * FREE_SHARE**2 * t1 * eigenvalue**2
        + FREE_SHARE * (FREE_SHARE * t2 + t1**2) * eigenvalue,
    )
    return (
        Step(
            sp.Subs(
                1 / (FREE_SHARE * eigenvalue / (1 + inner) - argument), inner, FREE_SHARE * subordinate / argument - 1
            ),
            Relation.EQUAL,
            -subordinate / argument / (subordinate - eigenvalue),
            "Deterministic equivalent: `(S - z)^-1` is `(rho Sigma_W/(1 + xi) - z)^-1`, where `xi` is its own "
            "`tr[Sigma_W (S - z)^-1]/n`. With `rho w = z (1 + xi)` this is `-(w/z)(w - Sigma_W)^-1`.",
        ),
        *(
            Step(
                _moment(order - 1, profile),
                Relation.EQUAL,
                power,
                f"The residue in `w` gives `E S^{order}` where `Sigma_W` has the eigenvalue `tau`; "
                "`t_j = tr Sigma_W^j / n`.",
            )
            for order, power in enumerate(powers, 1)
        ),
        Step(
            (gram - argument * sp.eye(2)).inv()[0, 0],
            Relation.EQUAL,
            1 / (-argument * (1 + inside)),
            "Schur complement: in the direction of the labels the Gram matrix has the resolvent `-1/(z (1 + m^T (S - "
            "z)^-1 m))`; here with one row `r` besides `m`, in two dimensions.",
        ),
        Step(
            (vector.T * (subordinate * sp.eye(2) - within).inv() * vector)[0, 0],
            Relation.EQUAL,
            outside / (1 + outside),
            "Sherman and Morrison: `mu^T (w - Sigma_W)^-1 mu` is `b/(1 + b)` with `b = mu^T (w - Sigma)^-1 mu`, so "
            "that all follows from the spectrum and signal of the population.",
        ),
    )


def _moment_steps() -> tuple[Step, ...]:
    """The residues along the labels are what powers of m m^T + S give."""
    lengths = [
        sp.Add(*[coefficient * _against_mean(power) for (power,), coefficient in _noise_power(order).terms()])
        for order in range(4)
    ]
    q0, q1, q2, q3 = lengths
    by_powers = {
        1: (q0, "`m^T m = q_0`, with `q_j = m^T S^j m`"),
        2: (q0**2 + q1, "`m^T (m m^T + S) m = q_0^2 + q_1`"),
        3: (q0**3 + 2 * q0 * q1 + q2, "the next power is `q_0^3 + 2 q_0 q_1 + q_2`"),
        4: ((q0**2 + q1) ** 2 + q0**2 * q1 + 2 * q0 * q2 + q3, "and the next, from which `B_3` comes"),
    }
    return tuple(
        Step(
            _moment(order, label_profile()),
            Relation.EQUAL,
            value,
            f"Along the labels, moment {order} of the Gram matrix: {words}. The noise of `m` adds `t_(j+1)` to "
            "`v_j = mu^T Sigma_W^j mu`.",
        )
        for order, (value, words) in by_powers.items()
    )


def _noise_power(order: int) -> sp.Poly:
    """E S^order as a polynomial in Sigma_W."""
    eigenvalue = sp.Symbol("tau", positive=True)
    return sp.Poly(residue(order - 1, noise_profile(eigenvalue)) if order else sp.Integer(1), eigenvalue)


def _against_mean(power: int) -> sp.Expr:
    """E m^T Sigma_W^power m."""
    return MEAN_SUMS[power] + NOISE_SUMS[power + 1]


def _level_steps() -> tuple[Step, ...]:
    """The sums of the sample, their limits, and what follows for levels and boundaries."""
    sums = sample_sums()
    b0, b1, b2 = SIGNAL_SUMS[:3]
    t1, t2, t3 = SHARES
    gap, taken, weighted_taken, length, weighted = sp.symbols("g C2 C3 F1 F2", positive=True)
    first_saturation = (weighted - CURVATURE * TIME * weighted_taken) / (length - CURVATURE * TIME * taken)
    spread = (weighted_taken - weighted / length * taken) / length
    crossover = sp.Symbol("s1", positive=True)
    near = -gap * (crossover / TIME) ** 2 - CURVATURE * spread * TIME
    noise_level = (t1**2 + t2) / t1
    random_label_level = ((t1**3 + 3 * t1 * t2 + t3) / (t1**2 + t2)).subs(t3, t2**2 / t1 + _SPREAD)
    shrinking = {share: total / SAMPLES for share, total in zip(SHARES, SPECTRUM_SUMS[1:4], strict=True)}
    sampled_first = b1 + 2 * t1 * b0 + LABEL_VARIANCE * (t1**2 + t2)
    sampled_second = b2 + 3 * t1 * b1 + (3 * t1**2 + 2 * t2) * b0 + LABEL_VARIANCE * (t1**3 + 3 * t1 * t2 + t3)
    gain = (sampled_second / sampled_first - noise_level).subs(shrinking)
    return (
        Step(
            _many_samples(_at_fixed_ratio(sums.spectrum[1] / sums.spectrum[0])),
            Relation.EQUAL,
            t2 / t1 + t1,
            "At a fixed ratio `d/n`, `T_j = A_j/n`: `R0 = A2/A1` is larger by `T_1 = tr Sigma / n`.",
        ),
        Step(
            _many_samples(_at_fixed_ratio(sums.signal[0])),
            Relation.EQUAL,
            sampled_first,
            "`B_1`, which sets `s1 = sigma0 sqrt(A1/B1)`: a finite sample shortens phase I.",
        ),
        Step(
            _many_samples(_at_fixed_ratio(sums.signal[1])),
            Relation.EQUAL,
            sampled_second,
            "`B_2`, and with it `R2 = B2/B1`.",
        ),
        *(
            Step(
                _many_samples(found),
                Relation.EQUAL,
                total,
                "With `n` alone to infinity the sums are those of the population.",
            )
            for found, total in zip(
                (*sums.spectrum, *sums.signal), (*SPECTRUM_SUMS[1:3], *SIGNAL_SUMS[1:4]), strict=True
            )
        ),
        Step(
            noise_level,
            Relation.BELOW,
            random_label_level,
            "With random labels, `B_j = 0`, still `R0 < R2` on the sample: consecutive moments of one spectrum, that "
            "of the Gram matrix, have growing ratios. Here `T_3 = T_2^2/T_1 + v`, and `v` is never below 0. A phase "
            "II exists without a signal.",
            _random_shares,
            witness=sp.factor(random_label_level - noise_level),
        ),
        Step(
            sp.Limit(sp.together(gain), SAMPLES, 0),
            Relation.EQUAL,
            SPECTRUM_SUMS[2] / SPECTRUM_SUMS[1] + b0 / LABEL_VARIANCE,
            "With a signal, few samples leave `R2 - R0` at this positive value, be the population aligned or not.",
        ),
        Step(
            sp.Subs(sp.Derivative(first_saturation, TIME), TIME, 0),
            Relation.EQUAL,
            -CURVATURE * spread,
            "On fresh inputs `R = (F2 - c s C3)/(F1 - c s C2)` once the signal dominates: `F_j = delta^T Sigma^j "
            "delta` with the sample's `delta`, `C_j = delta^T Sigma' Sigma^(j-1) delta` with its covariance `Sigma'` "
            "too.",
        ),
        Step(
            sp.Subs(sp.Derivative(near, TIME), TIME, sp.cbrt(2 * gap * crossover**2 / (CURVATURE * spread))),
            Relation.EQUAL,
            sp.Integer(0),
            "With what phase I still lacks, `g (s1/s)^2` for `g = R2 - R0`, this is stationary at `s*` on fresh "
            "inputs.",
        ),
    )


def _derivation() -> Derivation:
    """L2: R0, R2, s1 and s* of a network that is trained, and measured, on n samples."""
    formulas = boundary_formulas()
    sums = sample_sums()
    sampled = formulas.phase_one_end.subs(
        {SPECTRUM_SUMS[1]: SAMPLES * SHARES[0], SIGNAL_SUMS[1]: _many_samples(_at_fixed_ratio(sums.signal[0])).doit()}
    )
    return Derivation(
        statement=sp.Eq(sp.Symbol("s1"), sampled),
        steps=_resolvent_steps() + _moment_steps() + _level_steps(),
    )


FINITE_SAMPLES = Theorem(
    name="L2",
    title="Finite samples",
    words="On `n` samples of two Gaussian classes the boundaries keep their formulas, with the sample's sums `A_j` "
    "and `B_j`, polynomials in those of the population; here `s1` to leading order at a fixed ratio `d/n`, with `T_j "
    "= A_j/n` and `p = pi_0 pi_1`.",
    assumptions=("A4", "A6", "A7", "A8"),
    derive=_derivation,
    domain=Domain(
        ("B0", "B1", "T1", "T2", "n", "p", "sigma0"),
        (
            Condition(lambda v: v["T2"] <= v["T1"] ** 2 * (1 + 1e-12), "sums of a spectrum, T2 at most T1^2"),
            Condition(lambda v: v["n"] >= 3 and v["n"] == int(v["n"]), "a whole number of samples n, at least 3"),
            Condition(lambda v: v["p"] <= 0.25, "the variance p of labels of two classes, at most 1/4"),
        ),
    ),
    corollaries=(
        "`R0` rises by `tr Sigma / n` on the sample; on fresh inputs it stays.",
        "Phase I is shorter on a finite sample, by more the smaller `n`.",
        "Random labels, and misaligned data on few enough samples, show a phase II.",
    ),
)
