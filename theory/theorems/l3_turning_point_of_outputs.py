"""Lemma L3: the turning point of K outputs, by second-order perturbation in W(0).

Two learnt outputs, in an orthonormal frame that begins with them: R depends on the span of the whitened outputs alone,
so any basis of the inputs serves. Here b_1 and b_2 span the outputs, the others are orthogonal to them, and Sigma is a
full symmetric matrix.
"""

from __future__ import annotations

import sympy as sp

from theory.symbols.symbolic import CURVATURE, INITIAL_SCALE, TIME
from theory.theorems.domain import Domain
from theory.theorems.step import Relation, Step
from theory.theorems.theorem import Derivation, Theorem

NOISE = sp.symbols("z1:5", real=True)
STRENGTHS = sp.symbols("gamma1:3", positive=True)

#: Sigma in the frame of two outputs (1, 2) and two other directions (3, 4); row and column first.
COVARIANCE = {(i, j): sp.Symbol(f"a{i}{j}", real=True) for i in range(1, 5) for j in range(i, 5)}


def entry(i: int, j: int) -> sp.Symbol:
    """The entry (i, j) of Sigma in the frame, counted from 1."""
    return COVARIANCE[min(i, j), max(i, j)]


def explained_variance(rows: sp.Matrix) -> sp.Expr:
    """R = tr[(X X^T)^-1 X Sigma X^T] of two whitened rows X in the frame."""
    sigma = sp.Matrix(rows.cols, rows.cols, lambda i, j: entry(i + 1, j + 1))
    gram, image = rows * rows.T, rows * sigma * rows.T
    crossed = gram[1, 1] * image[0, 0] - 2 * gram[0, 1] * image[0, 1] + gram[0, 0] * image[1, 1]
    return crossed / (gram[0, 0] * gram[1, 1] - gram[0, 1] ** 2)


def _derivation() -> Derivation:
    """L3: s* = (2 C sigma0^2 / v)^(1/3) for K outputs."""
    remainder, drift = sp.symbols("C v", positive=True)
    explained = sp.Function("R")
    first, second = (sp.sqrt(strength) for strength in STRENGTHS)
    noisy = sp.Matrix([[first + NOISE[0], *NOISE[1:]], [0, second, 0, 0]])
    laplacian = sp.Add(
        *[
            entry(i, j) / 2 * sp.Derivative(explained(*NOISE), NOISE[i - 1], NOISE[j - 1])
            for i in range(1, 5)
            for j in range(1, 5)
        ]
    )
    rest = entry(3, 3) ** 2 + 2 * entry(3, 4) ** 2 + entry(4, 4) ** 2
    outside = (entry(3, 3) + entry(4, 4)) * entry(1, 1) + 2 * (entry(1, 3) ** 2 + entry(1, 4) ** 2)
    # Rows that have learnt for a short time: phi_s = s (1 - c l s / 2), and s is a common factor.
    frame = sp.Matrix([[1, 0, 0, 0], [0, 1, 0, 0]])
    sigma = sp.Matrix(4, 4, lambda i, j: entry(i + 1, j + 1))
    delayed = frame - CURVATURE * TIME / 2 * frame * sigma
    crossed = sp.Add(*[entry(i, o) ** 2 for i in (1, 2) for o in (3, 4)])
    law = -remainder * INITIAL_SCALE**2 / TIME**2 - drift * TIME
    turning = sp.cbrt(2 * remainder * INITIAL_SCALE**2 / drift)
    steps = (
        Step(
            sp.Subs(laplacian, NOISE, (0, 0, 0, 0)),
            Relation.EQUAL,
            -(outside - rest) / STRENGTHS[0],
            "In a frame of two whitened learnt outputs, of lengths `sqrt(gamma)`, and two further directions: noise "
            "`z` with the covariance `Sigma` (entries `a`) in the first output lowers `R`, to second order, by `[tr(O "
            "Sigma) a11 + 2 |O Sigma b1|^2 - tr(O Sigma O Sigma)] / gamma1`. The outputs add up; with `gamma s^2` "
            "instead of `gamma` this is `C / s^2`.",
            where=(sp.Eq(explained(*NOISE), explained_variance(noisy)),),
        ),
        Step(
            sp.Subs(sp.Derivative(explained(TIME), TIME), TIME, 0),
            Relation.EQUAL,
            -CURVATURE * crossed,
            "The first saturation: `R` falls at the speed `v = c |O Sigma Pi|^2`.",
            where=(sp.Eq(explained(TIME), explained_variance(delayed)),),
        ),
        Step(
            sp.Subs(sp.Derivative(law, TIME), TIME, turning),
            Relation.EQUAL,
            sp.Integer(0),
            "Their sum is stationary at `s*` ...",
        ),
        Step(
            sp.Subs(sp.Derivative(law, TIME, 2), TIME, turning),
            Relation.BELOW,
            sp.Integer(0),
            "... and largest there.",
            witness=-sp.diff(law, TIME, 2).subs(TIME, turning),
        ),
    )
    return Derivation(
        statement=sp.Eq(sp.Symbol("s*"), turning),
        steps=steps,
    )


TURNING_POINT_OF_OUTPUTS = Theorem(
    name="L3",
    title="Turning point of `K` outputs",
    words="The loss is lowest at `s*` once every output has outgrown `W(0)`, if `C > 0`: `C` from the second-order "
    "effect of `W(0)` on `R`, `v` from the first saturation of modes.",
    assumptions=("A6", "A7", "A8"),
    derive=_derivation,
    domain=Domain(("C", "sigma0", "v")),
    corollaries=(
        "`s* = Theta(sigma0^(2/3))` for every `K`.",
        "`C <= 0` where weak outputs point at less variance than random ones: the curve then turns before they are "
        "learnt, and the deterministic equivalent finds the turning point.",
    ),
)
