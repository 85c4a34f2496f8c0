"""Tables in the style of booktabs."""

from __future__ import annotations

from collections.abc import Sequence

from theory import InputError


def table(alignment: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A ``tabular``: a header between rules, then the rows.

    Args:
        alignment: a letter per column, as ``lrr``.
        header: a cell per column, as LaTeX.
        rows: cells, as LaTeX.

    Raises:
        InputError: a row with another number of cells than there are columns.
    """
    for row in (header, *rows):
        if len(row) != len(alignment):
            raise InputError(f"rows: a row has {len(row)} cells for {len(alignment)} columns")
    lines = [" & ".join(row) + r" \\" for row in rows]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            " & ".join(header) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )
