"""Theorem T1: at W = 0 the negative gradient is the prototype matrix."""

from __future__ import annotations

import sympy as sp

from theory.symbols.symbolic import CURVATURE, EIGENVALUE, SIGNAL, SPECTRUM_SUMS, TIME, mode_solution
from theory.theorems.domain import Domain
from theory.theorems.step import Relation, Step
from theory.theorems.theorem import Derivation, Theorem

CLASSES = sp.Symbol("K", positive=True)


def _derivation() -> Derivation:
    """T1: at W = 0 the negative gradient of the cross-entropy is M."""
    logit, other, weight, value = sp.symbols("z z' w x", real=True)
    shares = sp.symbols("pi1:4", positive=True)
    means = sp.symbols("mu1:4", real=True)
    in_class = sp.Symbol("t", real=True)
    # The other K - 1 (or K - 2) outputs are zero, so their exponentials are ones.
    loss = sp.log(sp.exp(logit) + CLASSES - 1) - in_class * logit
    pair_loss = sp.log(sp.exp(logit) + sp.exp(other) + CLASSES - 2)
    centred = means[2], -(shares[0] * means[0] + shares[1] * means[1]) / shares[2]
    average = sp.Add(
        *[
            share * (sp.Rational(1, 3) - int(k == 0)) * mean
            for k, (share, mean) in enumerate(zip(shares, means, strict=True))
        ]
    )
    initial = sp.Symbol("w0", real=True)
    a1, a2, a3 = SPECTRUM_SUMS[1:4]
    # To first order in s a mode keeps 1 - c l s of W(0), and 1 - 2 c l s of its square.
    fading = (a2 - 2 * CURVATURE * TIME * a3) / (a1 - 2 * CURVATURE * TIME * a2)
    steps = (
        Step(
            sp.Subs(sp.Derivative(loss, logit), logit, 0),
            Relation.EQUAL,
            1 / CLASSES - in_class,
            "Differentiate the cross-entropy of a sample by one output, at outputs zero; `t = 1` in that class, else "
            "0.",
        ),
        Step(
            sp.Subs(sp.Derivative(pair_loss, logit, 2), (logit, other), (0, 0)),
            Relation.EQUAL,
            1 / CLASSES - 1 / CLASSES**2,
            "Differentiate again: the diagonal of the Jacobian `(I - 11^T/K)/K`.",
        ),
        Step(
            sp.Subs(sp.Derivative(pair_loss, logit, other), (logit, other), (0, 0)),
            Relation.EQUAL,
            -1 / CLASSES**2,
            "And by another output: the rest of the Jacobian.",
        ),
        Step(
            sp.Subs(average, *centred),
            Relation.EQUAL,
            -shares[0] * means[0],
            "Average `(1/K - t) x` over three classes with centred inputs: minus the row `pi_1 mu_1` of `M`.",
        ),
        Step(
            sp.Subs(sp.Derivative(sp.log(1 + sp.exp(weight * value)) - in_class * weight * value, weight), weight, 0),
            Relation.EQUAL,
            (sp.Rational(1, 2) - in_class) * value,
            "The logistic loss likewise; its average is minus the row of class 1.",
        ),
        Step(
            sp.Limit((mode_solution(initial) - initial) / TIME, TIME, 0),
            Relation.EQUAL,
            SIGNAL - CURVATURE * EIGENVALUE * initial,
            "From `W(0)` the flow linearised at `W = 0` begins with the prototype less what `W(0)` loses, mode by "
            "mode: `M - c W(0) Sigma` (for softmax, of the centred outputs; the sum of the rows stays).",
        ),
        Step(
            sp.Subs(sp.Derivative(fading, TIME), TIME, 0),
            Relation.EQUAL,
            -2 * CURVATURE * (a1 * a3 - a2**2) / a1**2,
            "Without a prototype that loss lowers `R = sum l^2 E w^2 / sum l E w^2` at this speed: the first rise of "
            "T7.",
        ),
    )
    return Derivation(
        statement=sp.Eq(sp.Symbol("-dL/dW|_{W=0}"), sp.Symbol("M")),
        steps=steps,
    )


PROTOTYPE_DIRECTION = Theorem(
    name="T1",
    title="Prototype direction",
    words="At `W = 0` the negative gradient is the prototype matrix `M` with rows `pi_k (mu_k - mean)`; with outputs "
    "of order one it stays nearly that.",
    assumptions=("A8",),
    derive=_derivation,
    domain=Domain(),
    corollaries=(
        "Early training adds prototypes and shrinks `W(0)`: `W(s) = W(0) + s (M - c W(0) Sigma) + O(s^2)`, with the "
        "centred `W(0)` for softmax. The second term is larger where `sigma0` is above `|M| / (c lambda)`, and is "
        "the first rise of T7 at every `sigma0`.",
    ),
)
