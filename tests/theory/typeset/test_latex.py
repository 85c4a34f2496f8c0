from __future__ import annotations

import re

import pytest
import sympy as sp

from theory import InputError
from theory.theorems.catalogue import LEMMAS, THEOREMS
from theory.theorems.theorem import Theorem
from theory.typeset.display import Shown, displayed, expression_latex
from theory.typeset.inline_math import formula_latex, plain_text, words_latex
from theory.typeset.theorem_latex import theorem_latex

ALL = (*THEOREMS, *LEMMAS)


def test_a_marked_formula_is_set_as_mathematics_and_text_stays() -> None:
    words = "At `s1 = sigma0 u` a phase I, as A4 says & (of `K` outputs) ...: 1,000 of x_i."
    assert plain_text(words) == "At s1 = sigma0 u a phase I, as A4 says & (of K outputs) ...: 1,000 of x_i."
    assert words_latex(words) == (
        r"At $s_{1} = \sigma_{0} u$ a phase I, as A4 says \& (of $K$ outputs) \dots{}: 1,000 of x\_i."
    )
    for set_for in (plain_text, words_latex):
        with pytest.raises(InputError, match="backquote has no partner in 'at `s1 the'"):
            set_for("at `s1 the")


@pytest.mark.parametrize(
    ("plain", "latex"),
    [
        # Brackets around an exponent fall away, but not where a minus before them negates all of it.
        ("t^(a + b)", "t^{a + b}"),
        ("t^-(a + b)", "t^{-(a + b)}"),
        ("Sigma_W^-1", r"\Sigma_{W}^{-1}"),
        ("dV/ds = psi V", r"dV/ds = \psi V"),
        ("s* = s1 sqrt(tau / (1 - tau))", r"{s^{*}} = s_{1} \sqrt{\tau / (1 - \tau)}"),
        ("w0 ~ N(0, sigma0^2)", r"w_{0} \sim N(0, \sigma_{0}^{2})"),
        ("s << 1/lambda_1 -> 0", r"s \ll 1/\lambda_{1} \to 0"),
        ("sum l^2 <= pi_k (mu_k - mean)", r"\textstyle\sum \lambda^{2} \leq \pi_{k} (\mu_{k} - \operatorname{mean})"),
        ("11^T/K", r"\mathbf{1}\mathbf{1}^{T}/K"),
        ("Theta(sqrt(rho (R2 - R0)))", r"\Theta(\sqrt{\rho (R_{2} - R_{0})})"),
    ],
)
def test_a_formula_in_plain_letters(plain: str, latex: str) -> None:
    assert formula_latex(plain) == latex


@pytest.mark.parametrize("theorem", ALL, ids=lambda theorem: theorem.name)
def test_formulas_of_theorems_are_marked_and_balanced(theorem: Theorem) -> None:
    rules = [step.rule for step in theorem.steps]
    fails = [words for one in theorem.counterexamples for words in (one.claim, one.instance)]
    for words in (theorem.words, theorem.title, *theorem.corollaries, *rules, *fails):
        latex = words_latex(words)
        outside = "".join(latex.split("$")[::2])
        names = re.sub(r"\b[ALT]\d\b", "", outside)
        assert not re.search(r"[_^*=<>+/]| - |->|[A-Za-z]\d|sigma|lambda|sqrt|(?<!')\b[b-zB-HJ-Z]\b", names), outside
        for formula in latex.split("$")[1::2]:
            assert formula.count("(") == formula.count(")"), latex


def test_a_short_relation_is_one_line_without_names() -> None:
    x, y = sp.symbols("x y")
    assert displayed([Shown(x + y, "<", sp.Integer(2))]) == r"\[ x + y < 2 \]"


def test_a_long_sum_is_broken_and_all_terms_stay() -> None:
    terms = sp.symbols("x1:60")
    shown = displayed([Shown(sp.Add(*terms), "=", sp.Integer(0))])
    assert "X_" not in shown
    assert shown.count(r"\\") >= 2
    assert len(re.findall(r"x_\{\d+\}", shown)) == 59


def test_a_wide_fraction_is_named_and_stated() -> None:
    terms = sp.symbols("x1:60")
    shown = displayed([Shown(1 / sp.Add(*terms), "=", sp.Integer(0))])
    assert r"\frac{1}{X_{1}}" in shown
    assert "& X_{1} = " in shown


@pytest.mark.parametrize("theorem", ALL, ids=lambda theorem: theorem.name)
def test_every_name_of_a_display_is_stated_once_and_not_by_itself(theorem: Theorem) -> None:
    for display in re.findall(r"\\begin{align\*}\n(.*?)\n\\end{align\*}", theorem_latex(theorem), re.S):
        definitions: dict[str, str] = {}
        current = ""
        for line in display.split("\n"):
            stated = re.match(r"& (X_\{\d+\}) = ", line)
            if stated:
                current = stated[1]
                assert current not in definitions
            definitions[current] = definitions.get(current, "") + line.removeprefix(f"& {current} = ")
        used = set(re.findall(r"X_\{\d+\}", "".join(definitions.values())))
        assert used == set(definitions) - {""}
        # Names can be replaced one after the other until none is left: no circle.
        left = dict(definitions)
        while left:
            free = [name for name, text in left.items() if not set(re.findall(r"X_\{\d+\}", text)) & set(left)]
            assert free
            for name in free:
                del left[name]


def test_symbols_with_a_star_or_a_word() -> None:
    assert expression_latex(sp.Symbol("s*")) == "s^{*}"
    assert expression_latex(sp.Symbol("sigma0_border")) == r"\sigma_{0\,\mathrm{border}}"
    assert expression_latex(sp.Symbol("s_end")) == r"s_{\mathrm{end}}"
