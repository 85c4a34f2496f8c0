"""Where each theorem's statement can be evaluated: its symbols, and what must hold between their values.

It is a table by name, so that values are refused before a theorem is derived; the tests hold the symbols against those
of the derived statements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from theory.symbols.complexity import ALPHA, BETA, DIMENSION, STRENGTH
from theory.symbols.symbolic import SIGNAL_SUMS, SPECTRUM_SUMS
from theory.validation import InputError, one_of

#: What a power law needs instead of the sums A_j and B_j.
POWER_LAW = tuple(symbol.name for symbol in (DIMENSION, ALPHA, BETA, STRENGTH))

#: Largest dimension of a power law: its sums are added up term by term.
LARGEST_DIMENSION = 1e7

#: Names of all sums.
SUMS = frozenset(symbol.name for symbol in (*SPECTRUM_SUMS, *SIGNAL_SUMS))

Values = Mapping[str, float]


@dataclass(frozen=True)
class Condition:
    """What values must satisfy, and the line that says so."""

    holds: Callable[[Values], bool]
    asked: str


@dataclass(frozen=True)
class Domain:
    """Names of a statement's symbols and the conditions on their values; no names where it holds for all values."""

    names: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = field(default=())

    @property
    def sums(self) -> frozenset[str]:
        """The sums A_j and B_j among the names."""
        return SUMS & set(self.names)


def _gap(v: Values) -> float:
    """R2 - R0."""
    return v["B2"] / v["B1"] - v["A2"] / v["A1"]


def _variance(v: Values) -> float:
    """Var of lambda under the weights lambda delta^2."""
    return v["B3"] / v["B1"] - (v["B2"] / v["B1"]) ** 2


def _falls_before_it_turns(remainder: float, v: Values) -> bool:
    """Whether R = R2 - C (sigma0/s)^2 - c Var s is above R0 at its maximum, where it is R2 - 3/2 c Var s*."""
    drift = v["c"] * _variance(v)
    turning = (2 * remainder / drift) ** (1 / 3) * v["sigma0"] ** (2 / 3)
    return bool(1.5 * drift * turning <= _gap(v))


_ALIGNED = Condition(lambda v: _gap(v) > 0, "an aligned signal, R2 = B2/B1 above R0 = A2/A1 (A3)")
_SPREAD = Condition(lambda v: v["B3"] * v["B1"] > v["B2"] ** 2, "sums of a signal in several modes, B1 B3 above B2^2")
_NOT_FLAT = Condition(lambda v: v["A1"] * v["A3"] > v["A2"] ** 2, "sums of a spectrum, A1 A3 above A2^2")
_SPECTRUM = Condition(lambda v: v["A2"] <= v["A1"] ** 2 * (1 + 1e-12), "sums of a spectrum, A2 at most A1^2")
_CURVATURE = Condition(lambda v: v["c"] <= 1, "a curvature c of at most 1")
_SMALL = "a sigma0 so small that the loss turns below its initial level (3/2 c Var s* at most R2 - R0)"

DOMAINS: dict[str, Domain] = {
    "T1": Domain(),
    "T2": Domain(("A1", "B1", "sigma0")),
    "T3": Domain(("A1", "A2", "B1", "B2"), (_SPECTRUM,)),
    "T4": Domain(),
    "T5": Domain(
        ("A1", "A2", "B1", "B2", "B3", "c", "sigma0"),
        (
            _ALIGNED,
            _SPECTRUM,
            _SPREAD,
            _CURVATURE,
            Condition(lambda v: _falls_before_it_turns(_gap(v) * v["A1"] / v["B1"], v), _SMALL),
        ),
    ),
    "T6": Domain(
        ("alpha", "beta", "s"),
        (
            Condition(
                lambda v: v["alpha"] + v["beta"] > 1, "larger exponents: T6 holds above 1 and alpha + beta is at most 1"
            ),
            Condition(lambda v: v["s"] > 1, "a time s above 1/lambda_1 = 1"),
        ),
    ),
    "T7": Domain(
        ("A1", "A2", "A3", "B1", "B2", "c", "rho"),
        (_ALIGNED, _SPECTRUM, _NOT_FLAT, _CURVATURE, Condition(lambda v: v["rho"] < 1, "a resolution rho below 1")),
    ),
    "T8": Domain(
        ("R", "T", "g", "mu"),
        (Condition(lambda v: v["R"] <= v["T"], "an explained variance R of at most T = tr Sigma"),),
    ),
    "L1": Domain(
        ("d", "p"),
        (Condition(lambda v: v["d"] == int(v["d"]) <= LARGEST_DIMENSION, "a whole number d of at most 1e7"),),
    ),
    "L2": Domain(
        ("B0", "B1", "T1", "T2", "n", "p", "sigma0"),
        (
            Condition(lambda v: v["T2"] <= v["T1"] ** 2 * (1 + 1e-12), "sums of a spectrum, T2 at most T1^2"),
            Condition(lambda v: v["n"] >= 3 and v["n"] == int(v["n"]), "a whole number of samples n, at least 3"),
            Condition(lambda v: v["p"] <= 0.25, "the variance p of labels of two classes, at most 1/4"),
        ),
    ),
    "L3": Domain(("C", "sigma0", "v")),
    "L4": Domain(),
    "L5": Domain(
        ("A1", "A2", "B1", "B2", "B3", "c", "sigma0"),
        (
            _ALIGNED,
            _SPECTRUM,
            _SPREAD,
            _CURVATURE,
            Condition(lambda v: _falls_before_it_turns((_gap(v) * v["A1"] + 4 * _variance(v)) / v["B1"], v), _SMALL),
        ),
    ),
}


def check_names(theorem: str, values: Values) -> Domain:
    """The domain of the theorem of this name, once ``values`` are known to give its symbols and nothing else.

    Raises:
        InputError: an unknown theorem, one without symbols, a name that it does not have, that another one makes
            useless, or that is missing.
    """
    domain = DOMAINS[one_of("theorem", theorem, tuple(DOMAINS))]
    if not domain.names:
        raise InputError(f"theorem: {theorem} holds for all values; it has nothing to evaluate")
    law = tuple(name for name in POWER_LAW if domain.sums and name not in domain.names)
    accepted = ", ".join(domain.names) + (f", or {', '.join(law)} instead of the sums" if law else "")
    for name in values:
        if name not in {*domain.names, *law}:
            raise InputError(f"values: {name} is not in the statement of {theorem}; give {accepted}")
    of_law = [name for name in values if name in law]
    of_sums = [name for name in domain.names if name in domain.sums and name in values]
    if of_law and of_sums:
        raise InputError(
            f"values: {of_sums[0]} follows from {', '.join(of_law)}; give the sums or a power law, not both"
        )
    needed = set(domain.names) - {"c"} - (domain.sums if of_law else set())
    missing = [name for name in domain.names if name in needed and name not in values]
    if of_law:
        left_out = [name for name in law if name not in values]
        if left_out:
            raise InputError(f"values: {', '.join(left_out)} of the power law have no value; give {', '.join(law)}")
    if missing:
        instead = f" (or {', '.join(law)} for the sums)" if set(missing) & domain.sums else ""
        raise InputError(f"values: {', '.join(missing)} of {theorem} have no value; give them{instead}")
    return domain


def check_values(theorem: str, domain: Domain, values: Values) -> None:
    """InputError if values, one for each name of the domain, are outside of it."""
    for condition in domain.conditions:
        try:
            holds = condition.holds(values)
        except (OverflowError, ZeroDivisionError):
            holds = False
        if not holds:
            raise InputError(f"values: {theorem} does not apply to them; give {condition.asked}")
