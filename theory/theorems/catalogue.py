"""All theorems and lemmas, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from theory.theorems.lemma_draws import turning_point_of_draws
from theory.theorems.lemma_finite_sample import finite_sample
from theory.theorems.lemma_gaussian_rows import gaussian_rows
from theory.theorems.lemma_outputs import turning_point_of_outputs
from theory.theorems.lemma_sums import power_sums
from theory.theorems.t4_forgetting import forgetting_of_the_learnt
from theory.theorems.theorem import Theorem
from theory.theorems.theorem_diagram import phase_diagram
from theory.theorems.theorems_early import alignment, phase_one, prototype_direction, turning_point
from theory.theorems.theorems_late import forgetting, limited_decoder
from theory.validation import one_of

#: What derives each theorem and lemma, by its name; deriving all of them takes half a minute, naming them nothing.
THEOREMS: dict[str, Callable[[], Theorem]] = {
    "T1": prototype_direction,
    "T2": phase_one,
    "T3": alignment,
    "T4": forgetting_of_the_learnt,
    "T5": turning_point,
    "T6": forgetting,
    "T7": phase_diagram,
    "T8": limited_decoder,
}
LEMMAS: dict[str, Callable[[], Theorem]] = {
    "L1": power_sums,
    "L2": finite_sample,
    "L3": turning_point_of_outputs,
    "L4": gaussian_rows,
    "L5": turning_point_of_draws,
}


def theorems() -> tuple[Theorem, ...]:
    """T1 to T8, derived once and kept in memory."""
    return tuple(_derived(name) for name in THEOREMS)


def lemmas() -> tuple[Theorem, ...]:
    """L1 to L5, derived once and kept in memory."""
    return tuple(_derived(name) for name in LEMMAS)


def theorem_named(name: str) -> Theorem:
    """The theorem or lemma of this name; InputError, listing them, otherwise. Nothing else is derived."""
    return _derived(one_of("theorem", name, (*THEOREMS, *LEMMAS)))


@cache
def _derived(name: str) -> Theorem:
    return (THEOREMS | LEMMAS)[name]()
