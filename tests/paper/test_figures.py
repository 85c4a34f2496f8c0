"""Figures can be read where they stand: on a page whose text is 16 cm wide."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.text import Text

from paper.studies import SOURCE, Run

#: A4 less two margins of 2.5 cm, in inches.
TEXT_WIDTH = 16 / 2.54
LEAST_POINTS = 6


def test_no_text_is_below_six_points(made: Run, figures: dict[str, Figure]) -> None:
    assert set(figures) == {file.name for file in (made.out / "generated").glob("*.pdf")}
    for name, figure in figures.items():
        scale = TEXT_WIDTH / figure.get_figwidth()
        sizes = [one.get_fontsize() for one in figure.findobj(Text)]
        assert min(sizes) * scale >= LEAST_POINTS, name


def test_the_text_of_the_page_is_as_wide_as_that() -> None:
    preamble = (SOURCE / "preamble.tex").read_text(encoding="utf-8")
    assert r"\usepackage[a4paper,margin=2.5cm]{geometry}" in preamble
    assert r"\includegraphics[width=\textwidth]" in preamble
