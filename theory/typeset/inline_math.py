"""Sentences with formulas between backquotes, as ``the time `s = sigma0 u` ends``: plain, or set for print.

A terminal shows the words of derivations without the marks; in print the marked parts are formulas of LaTeX.
"""

from __future__ import annotations

import re

from theory.validation import InputError

GREEK = frozenset(
    (
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "kappa",
        "lambda",
        "mu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "phi",
        "psi",
        "Theta",
        "Pi",
        "Sigma",
    )
)
_OPERATORS = {
    "=": "=",
    "<": "<",
    ">": ">",
    "<<": r"\ll",
    "<=": r"\leq",
    "->": r"\to",
    "-": "-",
    "+": "+",
    "/": "/",
    "~": r"\sim",
}
_LONG = ("<<", "<=", "->")
_FUNCTIONS = {"exp": r"\exp", "log": r"\log", "sum": r"\textstyle\sum"}
_NAME = re.compile(r"([A-Za-z]+)(\d*)")
_GROUP = re.compile(r"(-?)(\(([^()]*)\)|[A-Za-z]+|\d+)")
_TEXT = {"\\": r"\textbackslash{}", "^": r"\^{}", "_": r"\_", "&": r"\&", "%": r"\%", "#": r"\#", "$": r"\$"}


def plain_text(words: str) -> str:
    """A marked sentence as a terminal shows it."""
    return "".join(_pieces(words))


def words_latex(words: str) -> str:
    """A marked sentence as LaTeX, its formulas between dollar signs."""
    return "".join(
        f"${formula_latex(piece)}$" if place % 2 else _text_latex(piece) for place, piece in enumerate(_pieces(words))
    )


def _pieces(words: str) -> list[str]:
    """Text and formulas in turn, text first."""
    pieces = words.split("`")
    if len(pieces) % 2 == 0:
        raise InputError(f"words: a backquote has no partner in {words!r}; mark a formula at both ends")
    return pieces


def formula_latex(text: str) -> str:
    """A formula in plain letters, as ``s1 sqrt(tau / (1 - tau))``, as LaTeX without delimiters."""
    written: list[str] = []
    place = 0
    while place < len(text):
        name = _NAME.match(text, place)
        if text.startswith("11^T", place):
            written.append(r"\mathbf{1}\mathbf{1}")
            place += 2
        elif text.startswith("s*", place):
            written.append("{s^{*}}")
            place += 2
        elif text.startswith("sqrt(", place):
            end = _closing(text, place + 4)
            written.append(rf"\sqrt{{{formula_latex(text[place + 5 : end])}}}")
            place = end + 1
        elif name:
            written.append(_name(*name.groups()))
            place = name.end()
        elif text[place] in "_^" and (group := _GROUP.match(text, place + 1)):
            sign, whole, inner = group.groups()
            # Brackets around an exponent are dropped, unless a minus before them applies to all of it.
            raised = whole if inner is None or sign else inner
            written.append(f"{text[place]}{{{sign}{formula_latex(raised)}}}")
            place = group.end()
        else:
            operator = next((one for one in _LONG if text.startswith(one, place)), text[place])
            written.append(_OPERATORS.get(operator, operator))
            place += len(operator)
    return _spaced(written)


def _spaced(parts: list[str]) -> str:
    r"""The parts joined, with a blank where a command would run into a letter: ``\pi V``."""
    joined = ""
    for part in parts:
        command = re.search(r"\\[A-Za-z]+$", joined)
        joined += (" " if command and part[:1].isalpha() else "") + part
    return joined


def _name(letters: str, digits: str) -> str:
    index = f"_{{{digits}}}" if digits else ""
    if letters == "l":
        return rf"\lambda{index}"
    if letters in GREEK:
        return rf"\{letters}{index}"
    if letters in _FUNCTIONS:
        return _FUNCTIONS[letters]
    if len(letters) == 1 or (len(letters) == 2 and letters[0] == "d"):
        return letters + index
    return rf"\operatorname{{{letters}}}{index}"


def _closing(text: str, opening: int) -> int:
    """Index of the bracket that closes the bracket at ``opening``."""
    depth = 0
    for place in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return len(text)


def _text_latex(text: str) -> str:
    return "".join(_TEXT.get(one, one) for one in text.replace("...", "\0")).replace("\0", r"\dots{}")
