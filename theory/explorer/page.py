"""The explorer: one web page that evaluates the theory as a reader moves its parameters.

The page's formulas are SymPy expressions of theory/, printed as JavaScript when the page is made; what the template
contains only takes sums over modes, finds roots and draws.

It draws in SVG by itself. A plotting library (uPlot was weighed) would draw two of the four charts, the curves; shaded
phases, boundaries and their labels would still be drawn by hand, on a canvas, which has no text for screen readers and
does not follow the colour scheme, and the page would be twice as large.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import sympy as sp

from theory.symbols.complexity import ALPHA, BETA, STRENGTH
from theory.symbols.curve_terms import (
    BUDGET,
    MOMENT,
    MOMENT_SPEED,
    OUTPUTS,
    TOTAL,
    WIDTH,
    Balance,
    LossFormula,
    gaussian_rows_balance,
    gaussian_rows_formula,
    moment_parts,
    one_output_formula,
)
from theory.symbols.symbolic import (
    CURVATURE,
    EIGENVALUE,
    INITIAL_SCALE,
    SIGNAL,
    SIGNAL_SUMS,
    SPECTRUM_SUMS,
    TIME,
    boundary_formulas,
)

#: Directions d, and squared signal g of the first; g and sigma0^2 and mu have one unit, so that it only sets scales.
DIMENSION = 300
FIRST_SIGNAL = 0.04

#: Squared error has curvature 1 at W = 0, and everywhere else.
SQUARED_ERROR = 1

RANK = sp.Symbol("i", positive=True, integer=True)

_PLACE = "/* formulas */"


def power_law_mode() -> tuple[sp.Expr, sp.Expr]:
    """lambda_i = i^-alpha and delta_i = sqrt(g) i^(-beta/2), as in ``DataModel.power_law``."""
    return RANK**-ALPHA, sp.sqrt(STRENGTH) * RANK ** (-BETA / 2)


def javascript_function(
    name: str, arguments: Sequence[sp.Symbol], results: Sequence[sp.Expr], sums: Sequence[sp.Symbol] = ()
) -> str:
    """A function of numbers that returns the values of ``results`` as an array.

    Args:
        name: of the function.
        arguments: its arguments, numbers.
        results: expressions in these and in ``sums``.
        sums: numbers that come in this order in a last argument, the array ``sums``.
    """
    used = set().union(*(result.free_symbols for result in results))
    given = [f"const {symbol} = sums[{place}];" for place, symbol in enumerate(sums) if symbol in used]
    parts, reduced = sp.cse(results, symbols=sp.numbered_symbols("x_"))
    lines = [f"const {symbol} = {_code(part)};" for symbol, part in parts]
    last = [sp.Symbol("sums")] if sums else []
    return _function(name, [*arguments, *last], [*given, *lines, f"return [{', '.join(map(_code, reduced))}];"])


def javascript_sums(name: str, arguments: Sequence[sp.Symbol], terms: Sequence[sp.Expr]) -> str:
    """A function that adds the terms of one mode to the first entries of an array, its first argument ``sums``.

    Args:
        name: of the function.
        arguments: its further arguments, numbers.
        terms: of one mode, in these arguments.
    """
    parts, reduced = sp.cse(terms, symbols=sp.numbered_symbols("x_"))
    lines = [f"const {symbol} = {_code(part)};" for symbol, part in parts]
    lines += [f"sums[{place}] += {_code(term)};" for place, term in enumerate(reduced)]
    return _function(name, [sp.Symbol("sums"), *arguments], lines)


def formulas() -> str:
    """All of the page's formulas, as JavaScript."""
    constants = {STRENGTH: FIRST_SIGNAL, CURVATURE: SQUARED_ERROR}
    parts = moment_parts()
    moments = [parts.left, parts.learnt, parts.left_speed, parts.learnt_speed]
    derived = boundary_formulas()
    # At s* the expansion of theorem T5 is R2 less this; it must not be below R0.
    taken = sp.Rational(3, 2) * CURVATURE * derived.spread * derived.turning_point
    laws = [derived.phase_one_end, derived.turning_point, derived.initial_level, derived.signal_level, taken]
    sums = [*SPECTRUM_SUMS, *SIGNAL_SUMS]
    powers = [EIGENVALUE**power for power in range(len(SPECTRUM_SUMS))]
    sum_terms = [*powers, *(power * SIGNAL**2 for power in powers)]
    pieces = [
        f"const DIMENSION = {DIMENSION};",
        f"const SUMS = {len(sums)};",
        javascript_function("powerLawMode", [RANK, ALPHA, BETA], _at(power_law_mode(), constants)),
        javascript_function("momentParts", [EIGENVALUE, SIGNAL, TIME], _at(moments, constants)),
        javascript_function("saturation", [EIGENVALUE], _at([1 / (CURVATURE * EIGENVALUE)], constants)),
        javascript_sums("addToSums", [EIGENVALUE, SIGNAL], sum_terms),
        javascript_function("laws", [INITIAL_SCALE], _at(laws, constants), sums),
        *_loss_functions("oneOutput", one_output_formula()),
        *_loss_functions("manyOutputs", gaussian_rows_formula()),
        *_balance_functions(gaussian_rows_balance()),
    ]
    return "\n".join(pieces)


def explorer_page() -> str:
    """The page as self-contained HTML."""
    template = files("theory.explorer").joinpath("explorer.html").read_text(encoding="utf-8")
    return template.replace(_PLACE, formulas())


def _loss_functions(name: str, formula: LossFormula) -> list[str]:
    """``nameTerms`` adds a mode's terms to the sums, ``name`` makes [loss, speed] of them."""
    known = [TOTAL, OUTPUTS, BUDGET, WIDTH]
    return [
        f"const {name}Sums = {len(formula.terms)};",
        javascript_sums(f"{name}Terms", [EIGENVALUE, MOMENT, MOMENT_SPEED, WIDTH], list(formula.terms.values())),
        javascript_function(name, known, [formula.loss, formula.speed], list(formula.terms)),
    ]


def _balance_functions(balance: Balance) -> list[str]:
    """``balance`` and ``balanceTerms``: the same for the equation of kappa, [excess, slope]."""
    known = [OUTPUTS, BUDGET, WIDTH]
    return [
        f"const balanceSums = {len(balance.terms)};",
        javascript_sums("balanceTerms", [EIGENVALUE, MOMENT, WIDTH], list(balance.terms.values())),
        javascript_function("balance", known, [balance.excess, balance.slope], list(balance.terms)),
    ]


def _at(expressions: Sequence[sp.Expr], constants: dict[sp.Symbol, float]) -> list[sp.Expr]:
    return [expression.subs(constants) for expression in expressions]


def _function(name: str, arguments: Sequence[sp.Symbol], lines: Sequence[str]) -> str:
    body = "".join(f"\n  {line}" for line in lines)
    return f"function {name}({', '.join(map(str, arguments))}) {{{body}\n}}"


def _code(expression: sp.Expr) -> str:
    return str(sp.jscode(expression, user_functions={"expm1": "Math.expm1"}))
