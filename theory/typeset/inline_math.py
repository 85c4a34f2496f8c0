"""Sentences with formulas in plain letters, as ``s1 = sigma0 u``, set for print: formulas as mathematics.

Derivations state their rules in plain text, which a terminal shows as it is. Here a run of words that can only be part
of a formula (Greek names, single letters, numbers, powers and what joins them) becomes one formula of LaTeX.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

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
_OPERATORS = {"=": "=", "<": "<", ">": ">", "<<": r"\ll", "<=": r"\leq", "-": "-", "+": "+", "/": "/", "~": r"\sim"}
_FUNCTIONS = {"exp": r"\exp", "log": r"\log", "sum": r"\textstyle\sum"}
_NAMED = frozenset({"tr", "Var", "sqrt", *_FUNCTIONS})
#: One-letter words of English, and the number of a phase: part of a formula only beside an operator.
_ARTICLES = frozenset({"a", "A", "I"})
_ASSUMPTION = re.compile(r"[ATL]\d")
_NAME = re.compile(r"([A-Za-z]+)(\d*)")
_GROUP = re.compile(r"(-?)(\(([^()]*)\)|[A-Za-z]+|\d+)")
_TEXT = {"\\": r"\textbackslash{}", "^": r"\^{}", "_": r"\_", "&": r"\&", "%": r"\%", "#": r"\#", "$": r"\$"}


def words_latex(words: str) -> str:
    """A sentence as LaTeX, its formulas between dollar signs."""
    tokens = words.split()
    written: list[str] = []
    run = _Run()
    for place, token in enumerate(tokens):
        following = tokens[place + 1] if place + 1 < len(tokens) else ""
        if not run.takes(token, following):
            written += run.closed()
            run = _Run()
        if not run.takes(token, following):
            written.append(_text(token))
        elif run.add(token):
            written += run.closed()
            run = _Run()
    return " ".join(written + run.closed())


@dataclass
class _Run:
    """The words of one formula so far."""

    words: list[str] = field(default_factory=list)

    @property
    def depth(self) -> int:
        """Brackets that are still open."""
        joined = " ".join(self.words)
        return sum(joined.count(one) for one in "([") - sum(joined.count(one) for one in ")]")

    def takes(self, token: str, following: str) -> bool:
        """Whether ``token`` belongs to the formula, given the word after it."""
        if token in _OPERATORS:
            return bool(self.words) and (_is_formula(following) or self.depth > 0 or _bare(following) in _ARTICLES)
        if _bare(token) in _ARTICLES:
            return following in _OPERATORS or (bool(self.words) and self.words[-1] in _OPERATORS)
        if _bare(token) == "sum":
            return _is_formula(following)
        # Within brackets, after an operator, a word is a name: pi_k (mu_k - mean).
        named = self.depth > 0 and self.words[-1] in _OPERATORS
        return _is_formula(token) or named

    def add(self, token: str) -> bool:
        """Take ``token``; returns whether it ends the formula."""
        self.words.append(token)
        return token not in _OPERATORS and token[-1] in ".,:;" and self.depth <= 0

    def closed(self) -> list[str]:
        """The formula as LaTeX with the punctuation after it; nothing for an empty one."""
        if not self.words:
            return []
        body = " ".join(self.words)
        bare = body.rstrip(".,:;")
        before = after = ""
        if bare.count("(") > bare.count(")"):
            before, bare = bare[: bare.index("(") + 1], bare[bare.index("(") + 1 :]
        elif bare.count(")") > bare.count("("):
            bare, after = bare[:-1], bare[-1]
        return [f"{before}${formula_latex(bare)}${after}{body[len(body.rstrip('.,:;')) :]}"]


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
            # Brackets around an exponent fall away, unless a minus before them stands for all of it.
            raised = whole if inner is None or sign else inner
            written.append(f"{text[place]}{{{sign}{formula_latex(raised)}}}")
            place = group.end()
        else:
            operator = next((one for one in ("<<", "<=", "~") if text.startswith(one, place)), text[place])
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
    """Place of the bracket that closes the one at ``opening``."""
    depth = 0
    for place in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return len(text)


def _bare(token: str) -> str:
    return token.strip("()[].,:;'")


def _is_formula(token: str) -> bool:
    """Whether a word can only be part of a formula."""
    core = token.rstrip(".,:;")
    if not core or _bare(core) in _ARTICLES or _ASSUMPTION.fullmatch(_bare(core)):
        return False
    if any(sign in core for sign in "_^/*="):
        return True
    names = re.findall(r"[A-Za-z]+", core)
    known = all(name in GREEK or name in _NAMED or len(name) == 1 for name in names)
    return known and bool(names or re.search(r"\d", core)) and not core.startswith("'")


def _text(token: str) -> str:
    if token == "-":
        return "--"
    operators = {"<": "$<$", ">": "$>$"}
    plain = token.replace("...", "\0")
    return "".join(operators.get(one) or _TEXT.get(one, one) for one in plain).replace("\0", r"\dots{}")
