"""Names from files in the paper's source: set as they are written, never obeyed."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from paper.latex_text import latex_text

#: The commands that the escapes themselves use.
_OWN = re.compile(
    r"\\textbackslash\{\}|\\textasciicircum\{\}|\\textasciitilde\{\}|\\textless\{\}|\\textgreater\{\}|\\textbar\{\}"
    r"|\{\\char34\}|\\[%&#$_{}]|\{\}"
)


def test_a_command_in_a_name_is_text() -> None:
    assert latex_text(r"x\input{file}") == r"x\textbackslash{}input\{file\}"
    assert latex_text("a^^5cinput") == r"a\textasciicircum{}\textasciicircum{}5cinput"
    assert latex_text("50 % & $x_1$ #2 ~") == r"50 \% \& \$x\_1\$ \#2 \textasciitilde{}"
    assert latex_text("a\n\nb\x1b\u03bb") == (
        r"a\textbackslash{}n\textbackslash{}nb\textbackslash{}x1b\textbackslash{}u03bb"
    )
    assert latex_text("held-out classes") == "held-out classes"
    assert latex_text("a--b ?`") == "a-{}-b ?{}`"


@given(st.text(st.characters(codec=None)) | st.text(alphabet="\\{}$%&#^_~ab\n"))
def test_nothing_is_left_that_latex_would_obey(name: str) -> None:
    text = latex_text(name)
    assert all(" " <= one <= "~" for one in text)
    # Without the escapes' own commands no special character remains, at any place where they may meet.
    assert not re.search(r"[\\{}$%&#^_~]", _OWN.sub("", text))
