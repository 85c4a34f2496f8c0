"""What a theorem is here: a statement in words, where it holds, and a derivation whose every step can be checked again.

Formulas within words stand between backquotes, as in ``"the loss is lowest at `s*`"``. Deriving takes seconds and is
done when a statement or a step is first asked for; names, assumptions and domains are known at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from theory.curves.losses import Loss
from theory.data.data_model import DataModel
from theory.theorems.domain import Domain
from theory.theorems.step import Step, check_step

#: What a theorem asks of a layer beyond the named assumptions: the conditions that are not met, in words.
Scope = Callable[[DataModel, Loss], tuple[str, ...]]


@dataclass(frozen=True)
class Derivation:
    """A result and the steps that lead to it.

    Attributes:
        statement: the result, an equation or inequality.
        steps: the derivation.
        orders: for power laws, equations between a quantity and its Theta.
    """

    statement: sp.Basic
    steps: tuple[Step, ...]
    orders: tuple[sp.Eq, ...] = ()


@dataclass(frozen=True)
class Counterexample:
    """Where a claim fails that goes further than the theorem.

    Attributes:
        claim: what does not hold, in words.
        instance: where, in words with all numbers that are needed to see it.
        losses: computes L / tr Sigma there at successive times, which are part of ``instance``.
    """

    claim: str
    instance: str
    losses: Callable[[], tuple[float, ...]]

    def text(self) -> str:
        """The counterexample with its losses, computed now."""
        return f"{self.claim}: {self.instance}: the loss goes {', '.join(f'{loss:.3f}' for loss in self.losses())}."


def applies_to_every_layer(model: DataModel, loss: Loss) -> tuple[str, ...]:
    """The scope of a theorem that asks for nothing but its assumptions."""
    return ()


@dataclass(frozen=True)
class PredictedStep:
    """The step of gradient descent that a theorem gives on a data model, or why it gives none.

    Attributes:
        event: what happens then, in words.
        step: the time over the step size; None where the theorem gives none.
        reason: why there is none; empty where there is one.
    """

    event: str
    step: float | None
    reason: str = ""


#: What a theorem predicts of a data model, given the loss, sigma0 and the step size eta.
Prediction = Callable[[DataModel, Loss, float, float], PredictedStep]


@dataclass(frozen=True)
class Theorem:
    """A statement, where it holds, and its derivation.

    Attributes:
        name: T and a number, or L and a number for a lemma.
        title: what it is about.
        words: the statement in words, with the meaning of its symbols.
        assumptions: names A1 to A8 of what it takes for granted.
        derive: derives the result; called once.
        domain: names of the symbols of the statement, and what must hold between their values.
        corollaries: what follows at once, in words.
        counterexamples: claims that go further, and where they fail.
        scope: conditions on a layer beyond the assumptions.
        predict: the step that it gives on a data model; None for a theorem that gives none.
    """

    name: str
    title: str
    words: str
    assumptions: tuple[str, ...]
    derive: Callable[[], Derivation]
    domain: Domain
    corollaries: tuple[str, ...] = ()
    counterexamples: tuple[Counterexample, ...] = ()
    scope: Scope = applies_to_every_layer
    predict: Prediction | None = None

    @cached_property
    def derivation(self) -> Derivation:
        """Result and steps, derived when first asked for and kept."""
        return self.derive()

    @property
    def statement(self) -> sp.Basic:
        """The result, an equation or inequality."""
        return self.derivation.statement

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the derivation."""
        return self.derivation.steps

    @cached_property
    def outcomes(self) -> tuple[bool, ...]:
        """Whether each step holds; checked when first asked for and kept."""
        return tuple(check_step(step) for step in self.steps)

    @property
    def verified(self) -> bool:
        """Whether all steps hold."""
        return all(self.outcomes)
