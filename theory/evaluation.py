"""A theorem's statement at given numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from theory.complexity import ALPHA, BETA, DIMENSION, STRENGTH
from theory.symbolic import CURVATURE, SIGNAL_SUMS, SPECTRUM_SUMS
from theory.theorem import Theorem
from theory.validation import InputError, positive

#: What a power law needs in the place of the sums A_j and B_j.
POWER_LAW = (DIMENSION, ALPHA, BETA, STRENGTH)

#: Largest dimension of a power law: its sums are added up term by term.
LARGEST_DIMENSION = 1e7


def statement_at(theorem: Theorem, values: Mapping[str, float]) -> sp.Basic:
    """The statement of a theorem with numbers for its symbols.

    The sums A_j and B_j may be given themselves, or follow from a power law lambda_i = i^-alpha,
    delta_i^2 = g i^-beta, i = 1 .. d. The curvature c is 1, squared error, unless given.

    Args:
        theorem: whose statement is meant.
        values: by symbol name, such as sigma0, d, alpha, beta, g.

    Raises:
        InputError: a name that the statement does not have, or one that is missing.
    """
    sums = theorem.statement.free_symbols & {*SPECTRUM_SUMS, *SIGNAL_SUMS}
    own = {symbol.name: symbol for symbol in _inputs(theorem)}
    law = {symbol.name: symbol for symbol in POWER_LAW} if sums else {}
    if not own and not law:
        raise InputError(f"theorem: {theorem.name} holds for all values; it has nothing to evaluate")
    unknown = [name for name in values if name not in own | law]
    if unknown:
        accepted = ", ".join(sorted(own)) + (f", or {', '.join(law)} in the place of the sums" if law else "")
        raise InputError(f"values: {unknown[0]} is not in the statement of {theorem.name}; give {accepted}")
    given = {(own | law)[name]: sp.Float(value) for name, value in values.items()}
    if any(symbol in given for symbol in POWER_LAW if symbol.name not in own):
        given = _with_power_law_sums(given, values, sums)
    if theorem.name == "T6" and values.get("alpha", 1.0) + values.get("beta", 1.0) <= 1:
        raise InputError("values: alpha + beta is at most 1; give a sum above 1, where T6 holds")
    if CURVATURE in own.values():
        given.setdefault(CURVATURE, sp.Integer(1))
    missing = sorted(symbol.name for symbol in own.values() if symbol not in given)
    if missing:
        instead = f" (or {', '.join(law)} for the sums)" if set(missing) & {symbol.name for symbol in sums} else ""
        raise InputError(f"values: {', '.join(missing)} of {theorem.name} have no value; give them{instead}")
    found = theorem.statement.subs(given).doit()
    # An inequality between numbers is already true or false.
    result = found if found in (sp.true, sp.false) else found.evalf()
    if result.has(sp.I, sp.nan, sp.zoo, sp.oo):
        raise InputError(f"values: {theorem.name} does not apply to them; give an aligned signal, R2 > R0 (A3)")
    return result


def parse_values(text: str) -> dict[str, float]:
    """Numbers by name from a text such as ``sigma0=1e-3,d=1000``.

    Raises:
        InputError: a part that is not name=number, a name given twice, a number that is not finite and positive.
    """
    values: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        try:
            value = float(number)
        except ValueError:
            raise InputError(
                f"values: {part.strip()!r} is not understood; give name=number, as in sigma0=1e-3"
            ) from None
        if name in values:
            raise InputError(f"values: {name} is given twice; give it once")
        values[name] = positive(f"values: {name}", value)
    return values


def _inputs(theorem: Theorem) -> set[sp.Symbol]:
    """The symbols that the statement needs: none where it is about unknown functions."""
    statement = theorem.statement
    if statement.has(AppliedUndef):
        return set()
    symbols: set[sp.Symbol] = (statement.rhs if isinstance(statement, sp.Eq) else statement).free_symbols
    return {symbol for symbol in symbols if symbol.is_real}


def _with_power_law_sums(
    given: dict[sp.Symbol, sp.Expr], values: Mapping[str, float], sums: set[sp.Symbol]
) -> dict[sp.Symbol, sp.Expr]:
    """The values with the sums of the power law in them."""
    missing = [symbol.name for symbol in POWER_LAW if symbol not in given]
    if missing:
        raise InputError(f"values: {', '.join(missing)} of the power law have no value; give d, alpha, beta and g")
    dimension = values[DIMENSION.name]
    if not 2 <= dimension <= LARGEST_DIMENSION or dimension != int(dimension):
        raise InputError(
            f"values: d = {dimension:g} is not accepted; give a whole number from 2 to {LARGEST_DIMENSION:g}"
        )
    ranks = np.arange(1, int(dimension) + 1, dtype=np.float64)
    spectrum, signal = ranks ** -values[ALPHA.name], values[STRENGTH.name] * ranks ** -values[BETA.name]
    found = {symbol: np.sum(spectrum**power) for power, symbol in enumerate(SPECTRUM_SUMS)}
    found |= {symbol: np.sum(spectrum**power * signal) for power, symbol in enumerate(SIGNAL_SUMS)}
    others = {symbol: value for symbol, value in given.items() if symbol not in POWER_LAW}
    return others | {symbol: sp.Float(float(found[symbol])) for symbol in sums}
