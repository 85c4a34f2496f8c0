"""Names in figures: names from files and users are drawn as written and never parsed as mathematics."""

from __future__ import annotations

from functools import lru_cache

from matplotlib.font_manager import FontProperties, findfont, get_font

#: Characters of a name that are drawn, at most; a longer one would push the panels off the page.
LONGEST = 60


def figure_text(name: str) -> str:
    r"""``name`` for matplotlib: dollar signs as themselves, and what the font cannot draw as an escape, as ``\x1b``.

    Control characters, line breaks and marks of direction have no glyph and come out as escapes too. A leading
    underscore, which would keep a curve out of the legend, has a space before it.
    """
    shown = name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
    drawn = "".join(one if _is_drawn(one) else one.encode("unicode_escape").decode("ascii") for one in shown)
    escaped = drawn.replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped


def _is_drawn(character: str) -> bool:
    return character.isprintable() and ord(character) in _drawn_characters()


@lru_cache(maxsize=1)
def _drawn_characters() -> frozenset[int]:
    """Code points that the font of the figures has."""
    return frozenset(get_font(findfont(FontProperties())).get_charmap())
