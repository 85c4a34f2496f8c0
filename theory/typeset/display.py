"""Relations as displayed LaTeX that fits a page: sums broken over lines, repeated or wide parts named.

An expression cannot be broken within a fraction or an operator. Where such a part is wider than a line, subexpressions
in it are named X_1, X_2, ... and stated below, repeated ones first. Nothing is rewritten: names replace equals.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter

#: Widest line, in units of about a letter of 10 points; it fits a column of 16 cm.
LINE_WIDTH = 72.0

#: Width of a name such as X_1, and the least width of a part that is named.
_NAME_WIDTH, _WORTH = 2.2, 7.0

#: Width that an operator adds to its operand.
_OVERHEAD = {"Derivative": 2.5, "Integral": 4.0, "Limit": 4.0, "Sum": 3.0, "Subs": 3.5}


@dataclass(frozen=True)
class Shown:
    """Two expressions and the sign between them, as LaTeX writes it."""

    left: sp.Basic
    sign: str
    right: sp.Basic


@dataclass
class _Names:
    """Names of subexpressions, in the order in which they were given."""

    known: dict[sp.Basic, str] = field(default_factory=dict)

    def give(self, expression: sp.Basic) -> None:
        self.known[expression] = f"X_{{{len(self.known) + 1}}}"

    def without(self, expression: sp.Basic) -> dict[sp.Basic, str]:
        """All names but the one of ``expression``, for its own definition."""
        return {one: name for one, name in self.known.items() if one != expression}


def displayed(relations: Sequence[Shown]) -> str:
    """Relations below each other as one display that needs only amsmath."""
    names = _Names()
    sides = [side for one in relations for side in (one.left, one.right)]
    while _name_one(names, sides):
        pass
    lines = [line for one in relations for line in _lines(one, names.known)]
    for expression, name in names.known.items():
        lines += _broken(rf"{name} = ", expression, names.without(expression))
    if len(lines) == 1:
        return rf"\[ {lines[0]} \]"
    body = " \\\\\n".join(f"& {line}" for line in lines)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def expression_latex(expression: sp.Basic) -> str:
    """One expression as LaTeX, in this project's way of writing symbols."""
    return str(_Printer({}).doprint(expression))


def _name_one(names: _Names, sides: Sequence[sp.Basic]) -> bool:
    """Name one subexpression of a part that is too wide; False where all parts fit."""
    owners = [(side, names.known) for side in sides] + [(one, names.without(one)) for one in names.known]
    for expression, known in owners:
        for part in _parts(expression):
            if _width(part, known) <= LINE_WIDTH:
                continue
            found = list(_candidates(part, known))
            if found:
                names.give(_best(found, known))
                return True
    return False


def _best(found: list[sp.Basic], known: dict[sp.Basic, str]) -> sp.Basic:
    """The candidate that saves most by being written once; without repetition the widest that fits a line."""
    counts = {one: found.count(one) for one in found}
    repeated = [one for one, count in counts.items() if count > 1]
    if repeated:
        return max(repeated, key=lambda one: (counts[one] - 1) * (_width(one, known) - _NAME_WIDTH))
    fitting = [one for one in counts if _width(one, known) <= LINE_WIDTH]
    return max(fitting or counts, key=lambda one: _width(one, known))


def _candidates(part: sp.Basic, known: dict[sp.Basic, str]) -> Iterator[sp.Basic]:
    """Sums, and powers of sums, strictly within ``part``: what can be named, with repetitions."""
    for child in part.args:
        if child in known or isinstance(child, sp.Tuple):
            continue
        positive_power = isinstance(child, sp.Pow) and isinstance(child.base, sp.Add) and child.exp.is_positive
        if (isinstance(child, sp.Add) or positive_power) and _width(child, known) >= _WORTH:
            yield child
        yield from _candidates(child, known)


def _parts(expression: sp.Basic) -> tuple[sp.Basic, ...]:
    """The parts that stay on one line: the terms of a sum, or the whole."""
    return tuple(expression.args) if isinstance(expression, sp.Add) else (expression,)


def _lines(one: Shown, known: dict[sp.Basic, str]) -> list[str]:
    printed = _Printer(known)
    if _width(one.left, known) + _width(one.right, known) + 3 <= LINE_WIDTH:
        return [f"{printed.doprint(one.left)} {one.sign} {printed.doprint(one.right)}"]
    if _width(one.left, known) <= LINE_WIDTH / 4:
        return _broken(f"{printed.doprint(one.left)} {one.sign} ", one.right, known)
    return _broken("", one.left, known) + _broken(rf"\quad {one.sign} ", one.right, known)


def _broken(lead: str, expression: sp.Basic, known: dict[sp.Basic, str]) -> list[str]:
    """``expression`` after ``lead``, a sum over as many lines as it needs."""
    printer = _Printer(known)
    if not isinstance(expression, sp.Add):
        return [lead + printer.doprint(expression)]
    lines, used = [lead], 6.0 if lead else 0.0
    for number, term in enumerate(printer.terms(expression)):
        text = printer.doprint(term)
        sign = "" if number == 0 or text.startswith("-") else "+ "
        width = _width(term, known) + 2.5
        if number and used + width > LINE_WIDTH:
            lines.append(r"\qquad {} ")
            used = 4.0
        lines[-1] += f"{sign}{text} "
        used += width
    return [line.rstrip() for line in lines]


def _width(one: sp.Basic, known: dict[sp.Basic, str]) -> float:
    """Estimated width in print, in units of a letter."""
    if one in known:
        return _NAME_WIDTH
    match one:
        case sp.Symbol():
            return 1.1 + 0.6 * sum(letter.isdigit() for letter in str(one.name))
        case sp.Integer():
            return float(len(str(one)))
        case sp.Add():
            return math.fsum(_width(term, known) + 2.2 for term in one.args) - 2.2
        case sp.Mul():
            numerator, denominator = sp.fraction(one, exact=True)
            if denominator != 1:
                return max(_factors(numerator, known), _factors(denominator, known)) + 0.5
            return _factors(one, known)
        case sp.exp():
            return 1.0 + 0.7 * _width(one.args[0], known)
        case sp.Pow():
            if one.exp.could_extract_minus_sign():
                return max(1.0, _width(one.base**-one.exp, known)) + 0.5
            bracket = 1.5 if one.base.args and one.base not in known else 0.0
            return _width(one.base, known) + bracket + 0.7 * _width(one.exp, known)
        case sp.Piecewise():
            return max(_width(value, known) + _width(when, known) for value, when in one.args) + 5
        case AppliedUndef():
            return 2.5 + sum(_width(argument, known) + 0.6 for argument in one.args)
    head = _OVERHEAD.get(type(one).__name__)
    if head is not None:
        return head + _width(one.args[0], known) + 0.6 * max(_tuple_width(other, known) for other in one.args[1:])
    return 2.5 + sum(_width(argument, known) for argument in one.args)


def _factors(product: sp.Basic, known: dict[sp.Basic, str]) -> float:
    factors = sp.Mul.make_args(product)
    brackets = sum(1.5 for one in factors if isinstance(one, sp.Add) and one not in known and len(factors) > 1)
    return sum(_width(one, known) + 0.3 for one in factors) + brackets


def _tuple_width(one: sp.Basic, known: dict[sp.Basic, str]) -> float:
    """Width of limits, or of the values at which an expression is taken: of the longest."""
    return max((_width(entry, known) for entry in one.args), default=1.0)


#: A symbol whose index is a word, as sigma0_border.
_WORD = re.compile(r"(?P<letter>[A-Za-z]+)(?P<digits>\d*)_(?P<word>[a-z]{3,})")


class _Printer(LatexPrinter):  # type: ignore[misc]  # SymPy has no types
    """SymPy's printer, writing a named subexpression as its name."""

    def __init__(self, known: dict[sp.Basic, str]) -> None:
        super().__init__()
        self._known = known

    def terms(self, expression: sp.Add) -> list[sp.Basic]:
        """The terms of a sum in the order in which they are printed."""
        return list(self._as_ordered_terms(expression))

    def _print(self, expr: sp.Basic, **kwargs: object) -> str:
        name = self._known.get(expr) if isinstance(expr, sp.Basic) else None
        return name if name is not None else str(super()._print(expr, **kwargs))

    def _print_Symbol(self, expr: sp.Symbol, style: str = "plain") -> str:  # noqa: N802
        if expr.name.endswith("*"):
            return f"{expr.name[:-1]}^{{*}}"
        word = _WORD.fullmatch(expr.name)
        if word:
            letter = super()._print_Symbol(sp.Symbol(word["letter"]), style)
            gap = r"\," if word["digits"] else ""
            return rf"{letter}_{{{word['digits']}{gap}\mathrm{{{word['word']}}}}}"
        return str(super()._print_Symbol(expr, style))

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:  # noqa: N802
        rows = [
            rf"\displaystyle {self._print(value)} & "
            + (r"\text{otherwise}" if when == sp.true else rf"\text{{for }} {self._print(when)}")
            for value, when in expr.args
        ]
        return r"\begin{cases} " + r" \\[1ex] ".join(rows) + r" \end{cases}"

    def _needs_brackets(self, expr: sp.Basic) -> bool:
        return expr not in self._known and bool(super()._needs_brackets(expr))

    def _needs_mul_brackets(self, expr: sp.Basic, first: bool = False, last: bool = False) -> bool:
        return expr not in self._known and bool(super()._needs_mul_brackets(expr, first, last))

    def _needs_add_brackets(self, expr: sp.Basic) -> bool:
        return expr not in self._known and bool(super()._needs_add_brackets(expr))

    def parenthesize(self, item: sp.Basic, level: int, is_neg: bool = False, strict: bool = False) -> str:
        """The item, in brackets where its precedence requires them and it has no name."""
        name = self._known.get(item) if isinstance(item, sp.Basic) else None
        return name if name is not None else str(super().parenthesize(item, level, is_neg, strict))
