"""Names in figures are drawn as written, even where matplotlib would parse them as mathematics."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from simulation.figures.figure_text import LONGEST, figure_text
from simulation.figures.seed_lines import draw_seeds

NAMES = (
    "$x$",
    "$",
    "a$b",
    r"\$",
    r"\frac{",
    "$\\undefined{",
    "^_{}%#&~",
    "_hidden",
    "__",
    "a\nb",
    "\x1b[2J",
    "\u202egnp",
    "\udcff",
    "\u4e2d\u6587",
    "\x00",
    "x" * 500,
    "<script>alert(1)</script>",
)


def _draw(name: str) -> Figure:
    """A figure with the name at every kind of place, next to intended mathematics."""
    figure = Figure(figsize=(2, 1.5))
    axes = figure.subplots()
    axes.set_title(f"{figure_text(name)}, $\\sigma_0$ = 1\nnext", fontsize=5)
    axes.set_ylabel(figure_text(name), fontsize=5)
    draw_seeds(axes, np.arange(3.0), np.ones((2, 3)), name, 0)
    axes.legend(fontsize=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png", dpi=30)
    return figure


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_is_drawn_without_a_fault_or_a_warning(name: str) -> None:
    figure = _draw(name)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert len(legend.get_texts()) == 1  # also where a name begins with an underscore


@settings(max_examples=5, deadline=None)
@given(st.text(alphabet="$\\{}^_%ab \n\u202e\u4e2d", min_size=1, max_size=12))
def test_any_mixture_of_special_characters_is_drawn(name: str) -> None:
    _draw(name)


@given(st.text(st.characters(codec=None), max_size=80))
def test_no_mathematics_begins_in_a_name(name: str) -> None:
    from matplotlib.cbook import is_math_text

    shown = figure_text(name)
    assert not is_math_text(shown)
    assert len(shown.splitlines()) <= 1
    assert len(shown) <= 10 * LONGEST + 1


def test_plain_names_are_left_alone() -> None:
    for name in ("block5", "held-out classes", "CIFAR-10 classes 0, 1", "\u03b1 \u00e9"):
        assert figure_text(name) == name
