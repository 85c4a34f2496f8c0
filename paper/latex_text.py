"""Text as LaTeX: what a file calls something is set as it is written, and never obeyed."""

from __future__ import annotations

import re

_COMMANDS = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",
    **{one: f"\\{one}" for one in "%&#$_{}"},
}


def latex_text(text: str) -> str:
    r"""``text`` with every character that LaTeX would obey or lacks set as itself or written as an escape.

    Printable characters of ASCII are themselves. Others, control characters and line breaks among them, are written as
    Python does, as ``\x1b`` or ``\u03b1``, of which no font of the paper lacks a letter.
    """
    plain = "".join(one if " " <= one <= "~" else one.encode("unicode_escape").decode("ascii") for one in text)
    # A question or exclamation mark before a backquote, and runs of hyphens, would be joined to other signs.
    return re.sub(r"(?<=[-?!'`,])(?=[-'`,])", "{}", "".join(_COMMANDS.get(one, one) for one in plain))
