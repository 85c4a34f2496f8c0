"""All theorems and lemmas, by name."""

from __future__ import annotations

from functools import lru_cache

from theory.lemma_draws import turning_point_of_draws
from theory.lemma_finite_sample import finite_sample
from theory.lemma_gaussian_rows import gaussian_rows
from theory.lemma_outputs import turning_point_of_outputs
from theory.lemma_sums import power_sums
from theory.theorem import Theorem
from theory.theorem_diagram import phase_diagram
from theory.theorems_early import alignment, phase_one, prototype_direction, turning_point
from theory.theorems_late import forgetting, limited_decoder, phase_three
from theory.validation import one_of


@lru_cache(maxsize=1)
def theorems() -> tuple[Theorem, ...]:
    """T1 to T8, derived once and kept in memory."""
    return (
        prototype_direction(),
        phase_one(),
        alignment(),
        phase_three(),
        turning_point(),
        forgetting(),
        phase_diagram(),
        limited_decoder(),
    )


@lru_cache(maxsize=1)
def lemmas() -> tuple[Theorem, ...]:
    """L1 to L5, derived once and kept in memory."""
    return (power_sums(), finite_sample(), turning_point_of_outputs(), gaussian_rows(), turning_point_of_draws())


def theorem_named(name: str) -> Theorem:
    """The theorem or lemma of this name; InputError, listing them, otherwise."""
    known = (*theorems(), *lemmas())
    names = [theorem.name for theorem in known]
    return known[names.index(one_of("theorem", name, names))]
