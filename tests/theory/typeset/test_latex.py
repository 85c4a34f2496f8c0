from __future__ import annotations

import re

import pytest
import sympy as sp

from theory.theorems.catalogue import LEMMAS, THEOREMS
from theory.theorems.theorem import Theorem
from theory.typeset.display import Shown, displayed, expression_latex
from theory.typeset.inline_math import formula_latex, words_latex
from theory.typeset.theorem_text import theorem_latex

ALL = (*THEOREMS, *LEMMAS)


@pytest.mark.parametrize(
    ("words", "latex"),
    [
        ("It is stationary at s*.", r"It is stationary at ${s^{*}}$."),
        ("Large sigma0: at any fixed time", r"Large $\sigma_{0}$: at any fixed time"),
        ("a sum over pairs, q_i q_j (l_i - l_j)", r"a sum over pairs, $q_{i} q_{j} (\lambda_{i} - \lambda_{j})$"),
        ("while s << 1/lambda_1.", r"while $s \ll 1/\lambda_{1}$."),
        ("at s1 sqrt(tau / (1 - tau))", r"at $s_{1} \sqrt{\tau / (1 - \tau)}$"),
        ("w0 ~ N(0, sigma0^2).", r"$w_{0} \sim N(0, \sigma_{0}^{2})$."),
        ("In phase I a mode, as A4 and T5 say", "In phase I a mode, as A4 and T5 say"),
        ("the ratio A2/A1 of sums", "the ratio $A_{2}/A_{1}$ of sums"),
        ("In sum l^2 delta^2 the sum", r"In $\textstyle\sum \lambda^{2} \delta^{2}$ the sum"),
        ("rows pi_k (mu_k - mean); then", r"rows $\pi_{k} (\mu_{k} - \operatorname{mean})$; then"),
        ("one (of K outputs) ...", r"one (of $K$ outputs) \dots{}"),
        ("one (outputs of K) more", "one (outputs of $K$) more"),
        ("gain & loss of a_b - more", r"gain \& loss of $a_{b}$ -- more"),
    ],
)
def test_formulas_in_words_are_set_as_mathematics_and_words_stay(words: str, latex: str) -> None:
    assert words_latex(words) == latex


@pytest.mark.parametrize(
    ("plain", "latex"),
    [
        # Brackets around an exponent fall away, but not where a minus before them negates all of it.
        ("t^(a + b)", "t^{a + b}"),
        ("t^-(a + b)", "t^{-(a + b)}"),
        ("Sigma_W^-1", r"\Sigma_{W}^{-1}"),
        ("dV/ds = psi V", r"dV/ds = \psi V"),
        ("11^T/K", r"\mathbf{1}\mathbf{1}^{T}/K"),
        ("Theta(sqrt(rho (R2 - R0)))", r"\Theta(\sqrt{\rho (R_{2} - R_{0})})"),
    ],
)
def test_a_formula_in_plain_letters(plain: str, latex: str) -> None:
    assert formula_latex(plain) == latex


@pytest.mark.parametrize("theorem", ALL, ids=lambda theorem: theorem.name)
def test_words_of_theorems_are_balanced_and_hold_no_plain_formula(theorem: Theorem) -> None:
    for words in (theorem.words, theorem.title, *theorem.corollaries, *(step.rule for step in theorem.steps)):
        latex = words_latex(words)
        assert latex.count("$") % 2 == 0
        outside = "".join(latex.split("$")[::2])
        assert not re.search(r"[_^*=]|sigma|lambda|sqrt", outside), latex
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
