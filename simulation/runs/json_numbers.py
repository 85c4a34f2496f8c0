"""Numbers of a result in JSON, which has neither NaN nor infinities: an entry is a number or null.

Beside entries that are null because they are infinite stands ``infinite``, their signs by name: the interval
{"low": 2.1, "high": null, "infinite": {"high": 1}} is open above. Other entries that are null are NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulation.runs.json_reader import AnyOf, MapOf, Maybe, Real, Whole, Word

#: The entry that says which others are infinite.
INFINITE = "infinite"

#: The shape of a number; older versions wrote infinite ones as words.
NUMBER = AnyOf((Word(("inf", "-inf")), Maybe(Real())))

#: The shape of the entry INFINITE.
SIGNS = MapOf(Whole(-1, 1))


def plain_numbers(values: Mapping[str, float]) -> dict[str, Any]:
    """The entries as numbers or None, and INFINITE where some are infinite."""
    plain: dict[str, Any] = {name: float(one) if np.isfinite(one) else None for name, one in values.items()}
    signs = {name: int(np.sign(one)) for name, one in values.items() if np.isinf(one)}
    return plain | ({INFINITE: signs} if signs else {})


def number_of(value: float | str | None, name: str, holder: Mapping[str, Any]) -> float:
    """The inverse of ``plain_numbers`` for one entry.

    Args:
        value: as it is written.
        name: of the entry.
        holder: the object in which INFINITE may stand.
    """
    if value is not None:
        return float(value)
    sign = holder.get(INFINITE, {}).get(name, 0)
    return sign * np.inf if sign else np.nan
