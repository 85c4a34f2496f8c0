"""Numbers as LaTeX: a stated number of significant digits, standard errors, and one macro per number."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np

from theory import InputError


def significant(value: float, digits: int = 3) -> str:
    """A number with ``digits`` significant digits, never with an exponent; a dash where there is none."""
    if not math.isfinite(value):
        return "--"
    # The exponent after rounding: 0.0996 to two digits is 0.10.
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    decimals = digits - 1 - exponent
    return f"${round(value, decimals):.{max(decimals, 0)}f}$"


def plain(value: float) -> str:
    """A number that was chosen, not measured, with as many digits as it needs."""
    return f"${np.format_float_positional(value, trim='-')}$"


def fixed(value: float, decimals: int = 3) -> str:
    """A number with ``decimals`` decimals; a dash where there is none."""
    return f"${value:.{decimals}f}$" if math.isfinite(value) else "--"


def with_error(value: float, error: float, digits: int = 3) -> str:
    """A number with its standard error, both to the error's first digit (the second where the first is 1).

    Args:
        value: the number.
        error: its standard error; NaN, infinite or 0 where there is none.
        digits: significant digits of a number without an error.
    """
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return significant(value, digits)
    place = math.floor(math.log10(error))
    decimals = -place + (1 if error / 10**place < 2 else 0)
    rounded = [round(one, decimals) for one in (value, error)]
    shown = [f"{one:.{max(decimals, 0)}f}" for one in rounded]
    return rf"${shown[0]} \pm {shown[1]}$"


def interval(value: float, low: float, high: float, decimals: int = 2) -> str:
    """An estimate with its confidence interval, or a dash where the estimate is not finite.

    Args:
        value: the estimate.
        low: lower end of the interval.
        high: upper end.
        decimals: of all three, at least 0.
    """
    if not math.isfinite(value):
        return "--"
    return f"${value:.{decimals}f}$ $[{low:.{decimals}f}, {high:.{decimals}f}]$"


def count(number: int) -> str:
    """A whole number with a comma between thousands."""
    return f"{number:,}".replace(",", "{,}")


def step(value: float) -> str:
    """A step to the nearest whole one, or a dash for NaN: there is none."""
    return "--" if math.isnan(value) else count(round(value))


def percent(share: float, decimals: int = 1) -> str:
    """A share in per cent."""
    return rf"{100 * share:.{decimals}f}\,\%"


def newcommands(numbers: Mapping[str, str]) -> str:
    """A file of definitions, one macro per line.

    Raises:
        InputError: a name with other characters than letters.
    """
    for name in numbers:
        if not re.fullmatch("[A-Za-z]+", name):
            raise InputError(f"macro: {name!r} is not accepted; give letters alone")
    return "".join(f"\\newcommand{{\\{name}}}{{{value}}}\n" for name, value in sorted(numbers.items()))
