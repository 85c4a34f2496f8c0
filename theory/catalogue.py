"""All theorems, by name."""

from __future__ import annotations

from functools import lru_cache

from theory.theorem import Theorem
from theory.theorems_early import alignment, phase_diagram, phase_one, prototype_direction, turning_point
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


def theorem_named(name: str) -> Theorem:
    """The theorem called T1 to T8; InputError, listing these, otherwise."""
    known = theorems()
    names = [theorem.name for theorem in known]
    return known[names.index(one_of("theorem", name, names))]
