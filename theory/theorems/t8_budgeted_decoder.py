"""Theorem T8: a budgeted decoder has a phase I and a phase II of its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from theory.theorems.domain import Condition, Domain
from theory.theorems.step import Relation, Step, rational
from theory.theorems.theorem import Derivation, Theorem


def _derivation() -> Derivation:
    """T8: a budgeted decoder has a phase I and a phase II of its own."""
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
            "One output with variance `g`: the budgeted decoder `D Sigma w` is best at `D = 1/(g + mu)`; "
            "`|Sigma w|^2 = g R`.",
        ),
        Step(
            (penalised - budget * size**2 * gain * explained).subs(size, 1 / (gain + budget)),
            Relation.EQUAL,
            loss,
            "Its squared error, without the penalty.",
        ),
        Step(sp.Limit(loss, budget, 0), Relation.EQUAL, total - explained, "Without a penalty the loss is `L`."),
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
            "At a constant `R` the loss falls as the outputs grow: a phase II that the exact decoder does not see.",
            values,
            witness=sp.factor(-sp.diff(loss, gain)),
        ),
    )
    return Derivation(
        statement=sp.Eq(sp.Symbol("L_mu"), loss),
        steps=steps,
    )


BUDGETED_DECODER = Theorem(
    name="T8",
    title="Budgeted decoders",
    words="The loss of a budgeted decoder for an output of variance `g` that explains `R` of `T = tr Sigma`.",
    assumptions=(),
    derive=_derivation,
    domain=Domain(
        ("R", "T", "g", "mu"),
        (Condition(lambda v: v["R"] <= v["T"], "an explained variance R of at most T = tr Sigma"),),
    ),
    corollaries=("Exact and budgeted decoders can disagree on whether phases I and II exist: report both.",),
)
