"""A theorem's statement at given numbers."""

from __future__ import annotations

import numpy as np
import sympy as sp

from theory.symbols.complexity import ALPHA, BETA, DIMENSION, STRENGTH
from theory.symbols.symbolic import SIGNAL_SUMS, SPECTRUM_SUMS
from theory.theorems.domain import LARGEST_DIMENSION, Values
from theory.theorems.theorem import Theorem
from theory.validation import InputError, positive, quoted

#: The parameters of a power law, which replace the sums A_j and B_j.
POWER_LAW = tuple(symbol.name for symbol in (DIMENSION, ALPHA, BETA, STRENGTH))

#: Largest ratio of eigenvalues of a power law whose sums, up to the fifth power, are floats.
_LARGEST_RATIO = 1e60


def statement_at(theorem: Theorem, values: Values) -> sp.Basic:
    """The statement of a theorem with numbers for its symbols.

    The sums A_j and B_j may be given themselves, or follow from a power law lambda_i = i^-alpha,
    delta_i^2 = g i^-beta, i = 1 .. d. The curvature c is 1, squared error, unless given.

    Args:
        theorem: the theorem.
        values: by symbol name, such as sigma0, d, alpha, beta, g.

    Raises:
        InputError: as ``complete_values``, or a result that is not a number.
    """
    given = complete_values(theorem, values)
    statement = theorem.statement
    symbols = {symbol for symbol in statement.free_symbols if symbol.name in given and symbol.is_real}
    found = statement.subs({symbol: sp.Float(given[symbol.name]) for symbol in symbols}).doit()
    # An inequality between numbers is already true or false.
    result = found if found in (sp.true, sp.false) else found.evalf()
    if result.has(sp.I, sp.nan, sp.zoo, sp.oo) or any(not 1e-300 < abs(number) < 1e300 for number in _numbers(result)):
        raise InputError(f"values: {theorem.name} gives no finite number for them; give less extreme ones")
    return result


def complete_values(theorem: Theorem, values: Values) -> dict[str, float]:
    """A value for each symbol of a theorem's statement, within its domain; nothing is derived.

    Raises:
        InputError: a name that the statement does not have or that another makes useless, one that
            is missing, a value that is not positive and finite, or values outside of the domain of the theorem.
    """
    given = {name: positive(f"values: {name}", value) for name, value in values.items()}
    _check_names(theorem, given)
    domain = theorem.domain
    complete = {name: given[name] for name in domain.names if name in given}
    if "c" in domain.names:
        complete.setdefault("c", 1.0)
    if any(name not in complete for name in domain.names):
        complete |= {name: value for name, value in _power_law_sums(given).items() if name in domain.sums}
    _check_values(theorem, complete)
    return complete


def parse_values(text: str) -> dict[str, float]:
    """Numbers by name from a text such as ``sigma0=1e-3,d=1000``.

    Raises:
        InputError: a part that is not name=number, a name given twice, a number that is not finite and positive.
    """
    values: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        try:
            value = float(number if name else "")
        except ValueError:
            raise InputError(
                f"values: {quoted(part.strip())} is not understood; give name=number, as in sigma0=1e-3"
            ) from None
        if name in values:
            raise InputError(f"values: {name} is given twice; give it once")
        values[name] = positive(f"values: {name}", value)
    return values


def _check_names(theorem: Theorem, values: Values) -> None:
    """InputError unless ``values`` give the symbols of the theorem's statement and nothing else."""
    domain = theorem.domain
    if not domain.names:
        raise InputError(f"theorem: {theorem.name} holds for all values; it has nothing to evaluate")
    law = tuple(name for name in POWER_LAW if domain.sums and name not in domain.names)
    accepted = ", ".join(domain.names) + (f", or {', '.join(law)} instead of the sums" if law else "")
    for name in values:
        if name not in {*domain.names, *law}:
            raise InputError(f"values: {name} is not in the statement of {theorem.name}; give {accepted}")
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
        raise InputError(f"values: {', '.join(missing)} of {theorem.name} have no value; give them{instead}")


def _check_values(theorem: Theorem, values: Values) -> None:
    """InputError if values, one for each name of the theorem's domain, are outside of it."""
    for condition in theorem.domain.conditions:
        try:
            holds = condition.holds(values)
        except (OverflowError, ZeroDivisionError):
            holds = False
        if not holds:
            raise InputError(f"values: {theorem.name} does not apply to them; give {condition.asked}")


def _numbers(result: sp.Basic) -> list[float]:
    """The numbers on the right side of an equation, but for zeros."""
    right = result.rhs if isinstance(result, sp.Eq) else sp.Integer(1)
    return [float(number) for number in right.atoms(sp.Float) if number != 0]


def _power_law_sums(values: Values) -> dict[str, float]:
    """The sums A_j and B_j of a power law."""
    dimension, alpha, beta, strength = (values[name] for name in ("d", "alpha", "beta", "g"))
    if not 2 <= dimension <= LARGEST_DIMENSION or dimension != int(dimension):
        raise InputError(
            f"values: d = {dimension:g} is not accepted; give a whole number from 2 to {LARGEST_DIMENSION:g}"
        )
    for name, exponent in (("alpha", alpha), ("beta", beta)):
        if exponent * np.log10(dimension) > np.log10(_LARGEST_RATIO):
            largest = np.log10(_LARGEST_RATIO) / np.log10(dimension)
            raise InputError(f"values: {name} = {exponent:g} is not accepted; give at most {largest:.3g} at this d")
    ranks = np.arange(1, int(dimension) + 1, dtype=np.float64)
    spectrum, signal = ranks**-alpha, strength * ranks**-beta
    found = {symbol.name: float(np.sum(spectrum**power)) for power, symbol in enumerate(SPECTRUM_SUMS)}
    return found | {symbol.name: float(np.sum(spectrum**power * signal)) for power, symbol in enumerate(SIGNAL_SUMS)}
