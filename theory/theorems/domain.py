"""Where a theorem's statement can be evaluated: its symbols, and what must hold between their values.

A domain is declared and not read off the statement, so that values are refused before a theorem is derived; the tests
compare the symbols with those of the derived statements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from theory.symbols.symbolic import SIGNAL_SUMS, SPECTRUM_SUMS

#: Largest dimension of a power law: its sums are added up term by term.
LARGEST_DIMENSION = 1e7

#: Names of all sums.
SUMS = frozenset(symbol.name for symbol in (*SPECTRUM_SUMS, *SIGNAL_SUMS))

Values = Mapping[str, float]


@dataclass(frozen=True)
class Condition:
    """A condition on values, and its text."""

    holds: Callable[[Values], bool]
    asked: str


@dataclass(frozen=True)
class Domain:
    """Names of a statement's symbols and the conditions on their values; no names where it holds for all values."""

    names: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()

    @property
    def sums(self) -> frozenset[str]:
        """The sums A_j and B_j among the names."""
        return SUMS & set(self.names)


def gap(v: Values) -> float:
    """R2 - R0."""
    return v["B2"] / v["B1"] - v["A2"] / v["A1"]


def variance(v: Values) -> float:
    """Var of lambda under the weights lambda delta^2."""
    return v["B3"] / v["B1"] - (v["B2"] / v["B1"]) ** 2


#: Conditions on the sums and the curvature.
ALIGNED = Condition(lambda v: gap(v) > 0, "an aligned signal, R2 = B2/B1 above R0 = A2/A1 (A3)")
SPREAD = Condition(lambda v: v["B3"] * v["B1"] > v["B2"] ** 2, "sums of a signal in several modes, B1 B3 above B2^2")
SPECTRUM = Condition(lambda v: v["A2"] <= v["A1"] ** 2 * (1 + 1e-12), "sums of a spectrum, A2 at most A1^2")
CURVED_AT_MOST_ONE = Condition(lambda v: v["c"] <= 1, "a curvature c of at most 1")


def turns_below_the_start(remainder: Callable[[Values], float]) -> Condition:
    """The condition that R = R2 - C (sigma0/s)^2 - c Var s is above R0 at its maximum, R2 - 3/2 c Var s*.

    Args:
        remainder: gives C of the values.
    """

    def holds(v: Values) -> bool:
        drift = v["c"] * variance(v)
        turning = (2 * remainder(v) / drift) ** (1 / 3) * v["sigma0"] ** (2 / 3)
        return bool(1.5 * drift * turning <= gap(v))

    return Condition(
        holds, "a sigma0 so small that the loss turns below its initial level (3/2 c Var s* at most R2 - R0)"
    )
