"""Text on lines that fit a terminal: tables of aligned columns, and wrapped sentences."""

import math
import textwrap
from collections.abc import Sequence

TERMINAL_WIDTH = 80
_GAP = "  "
_INDENT = "  "

Row = Sequence[str]


def text_table(header: Row, rows: Sequence[Row], width: int = TERMINAL_WIDTH) -> list[str]:
    """Format a table as aligned text with no line wider than ``width``.

    Each column is as wide as its widest cell. Where that makes a line too wide, the widest column that still can is
    narrowed repeatedly, and its cells wrap between words. Where words alone make it too wide, the columns that no
    longer fit continue on the next line of each row (and of the header), indented: put the columns that matter least
    last. A word is broken only where it is wider than a whole line.

    A column of numbers (percentages and empty cells or a dash for none among them) is aligned to the right, all others
    to the left. Lines end without spaces.

    Args:
        header: title of each column.
        rows: cells of each row, as many as there are titles.
        width: largest number of characters per line.

    Raises:
        ValueError: a row of another length than the header.
    """
    columns = list(zip(header, *rows, strict=True))
    groups = _groups(columns, width)
    aligned = [_aligned(group, width - len(indent), indent) for indent, group in groups]
    return [line for row in zip(*aligned, strict=True) for lines in row for line in lines]


def or_dash(value: float, form: str) -> str:
    """A number in a format, as ".2f", or a dash for NaN: a cell of a column of numbers."""
    return "-" if math.isnan(value) else format(value, form)


def wrapped(text: str, first: str = "", indent: int = 2) -> list[str]:
    """A text as lines that fit a terminal, broken between words.

    Args:
        text: what is said.
        first: what the first line begins with.
        indent: spaces before the other lines.
    """
    return textwrap.wrap(
        text, TERMINAL_WIDTH, initial_indent=first, subsequent_indent=" " * indent, break_on_hyphens=False
    )


def _groups(columns: Sequence[Row], width: int) -> list[tuple[str, list[Row]]]:
    """The columns that share a line, filled from the left, each group with the indent of its lines."""
    groups: list[tuple[str, list[Row]]] = [("", [])]
    for column in columns:
        indent, group = groups[-1]
        least = len(indent) + _total([*map(_longest_word, group), _longest_word(column)])
        if group and least > width:
            groups.append((_INDENT, [column]))
        else:
            group.append(column)
    return groups


def _aligned(columns: Sequence[Row], width: int, indent: str) -> list[list[str]]:
    """The lines of each row of a group of columns."""
    if not columns:
        return []
    widths = _fitted_widths(columns, width)
    laid_out = [_laid_out(column, size) for column, size in zip(columns, widths, strict=True)]
    rows: list[list[str]] = []
    for cells in zip(*laid_out, strict=True):
        height = max(map(len, cells))
        filled = [cell + [" " * size] * (height - len(cell)) for cell, size in zip(cells, widths, strict=True)]
        rows.append([(indent + _GAP.join(line)).rstrip() for line in zip(*filled, strict=True)])
    return rows


def _fitted_widths(columns: Sequence[Row], width: int) -> list[int]:
    """Width of each column: of its widest cell, narrowed down to its longest word where the line is too wide."""
    widths = [max(map(len, column)) for column in columns]
    least = [min(_longest_word(column), width) for column in columns]
    while _total(widths) > width:
        can = [index for index, size in enumerate(widths) if size > least[index]]
        if not can:
            break
        widths[max(can, key=lambda index: widths[index])] -= 1
    return widths


def _laid_out(column: Row, size: int) -> list[list[str]]:
    """The lines of each cell of a column, each ``size`` characters wide."""
    numeric = all(_is_number(cell) for cell in column[1:])
    laid_out = []
    for cell in column:
        lines = textwrap.wrap(cell, size, break_on_hyphens=False) if len(cell) > size else [cell]
        laid_out.append([line.rjust(size) if numeric else line.ljust(size) for line in lines])
    return laid_out


def _is_number(cell: str) -> bool:
    text = cell.strip().removesuffix("%").replace(",", "")
    if text.strip() in ("", "-"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _longest_word(column: Row) -> int:
    return max(len(word) for cell in column for word in (cell.split() or [""]))


def _total(widths: Sequence[int]) -> int:
    """Width of a line of columns."""
    return sum(widths) + len(_GAP) * (len(widths) - 1)
