"""Theorems as data: a statement in words, its domain and a derivation whose every step can be checked again.

Formulas within words are written between backquotes, as in ``"the loss is lowest at `s*`"``. Deriving takes seconds
and is done when a statement or a step is first requested; names, assumptions and domains are known at once.
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

#: The conditions of a theorem on a layer beyond the named assumptions that are not met, in words.
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
    """An instance where a claim stronger than the theorem fails.

    Attributes:
        claim: the claim that does not hold, in words.
        instance: the instance in words, with all numbers needed to reproduce it.
        losses: computes L / tr Sigma there at successive times, which are part of ``instance``.
    """

    claim: str
    instance: str
    losses: Callable[[], tuple[float, ...]]

    def text(self) -> str:
        """The counterexample with its losses, computed now."""
        return f"{self.claim}: {self.instance}: the loss goes {', '.join(f'{loss:.3f}' for loss in self.losses())}."


def applies_to_every_layer(model: DataModel, loss: Loss) -> tuple[str, ...]:
    """The scope of a theorem that needs only its assumptions."""
    return ()


@dataclass(frozen=True)
class PredictedStep:
    """The step of gradient descent that a theorem gives on a data model, or why it gives none.

    Attributes:
        event: what happens at this step, in words.
        step: the time over the step size; None where the theorem gives none.
        reason: why there is no value; empty where there is one.
    """

    event: str
    step: float | None
    reason: str = ""


#: The prediction of a theorem on a data model, given the loss, sigma0 and the step size eta.
Prediction = Callable[[DataModel, Loss, float, float], PredictedStep]


@dataclass(frozen=True)
class Theorem:
    """A statement, its domain and its derivation.

    Attributes:
        name: T and a number, or L and a number for a lemma.
        title: what it is about.
        words: the statement in words, with the meaning of its symbols.
        assumptions: names A1 to A8 of its assumptions.
        derive: derives the result; called once.
        domain: names of the symbols of the statement, and what must hold between their values.
        corollaries: immediate consequences, in words.
        counterexamples: stronger claims, and where they fail.
        scope: conditions on a layer beyond the assumptions.
        predict: gives the step on a data model; None for a theorem that predicts none.
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
        """Result and steps, derived on first access and cached."""
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
        """Whether each step holds; checked on first access and cached."""
        return tuple(check_step(step) for step in self.steps)

    @property
    def verified(self) -> bool:
        """Whether all steps hold."""
        return all(self.outcomes)
