"""A table in text keeps every word, lines its columns up and fits its width."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.runs.text_table import text_table

HEADER = ("source", "sigma0", "claim", "verdict")
ROWS = [("linearised", "0.01", "turning point", "holds"), ("mean field", "0.001", "lowest loss", "not resolved")]


def test_columns_line_up_with_numbers_to_the_right() -> None:
    assert text_table(HEADER, ROWS) == [
        "source      sigma0  claim          verdict",
        "linearised    0.01  turning point  holds",
        "mean field   0.001  lowest loss    not resolved",
    ]


def test_percentages_thousands_and_cells_without_a_value_count_as_numbers() -> None:
    assert text_table(("range", "steps"), [("7.5%", "-"), ("", "1,024"), ("73 %", "8")]) == [
        "range  steps",
        " 7.5%      -",
        "       1,024",
        " 73 %      8",
    ]


def test_the_widest_columns_wrap_between_words_where_the_line_is_too_wide() -> None:
    assert text_table(HEADER, ROWS, width=40) == [
        "source      sigma0  claim      verdict",
        "linearised    0.01  turning    holds",
        "                    point",
        "mean field   0.001  lowest     not",
        "                    loss       resolved",
    ]


def test_columns_that_do_not_fit_continue_on_an_indented_line() -> None:
    assert text_table(("name", "value", "of"), [("a" * 8, "1", "long words"), ("b", "20", "c")], width=14) == [
        "name",
        "  value  of",
        "aaaaaaaa",
        "      1  long",
        "         words",
        "b",
        "     20  c",
    ]


def test_a_word_wider_than_a_line_is_broken() -> None:
    lines = text_table(("name",), [("x" * 25,)], width=10)
    assert lines == ["name", "x" * 10, "x" * 10, "x" * 5]


def test_a_table_without_rows_is_its_header() -> None:
    assert text_table(("a", "b"), []) == ["a  b"]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        text_table(("a", "b"), [("1",)])


WORDS = st.text(alphabet="ab1.-%", min_size=1, max_size=12)
CELLS = st.lists(WORDS, max_size=4).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 6).flatmap(lambda count: st.lists(st.tuples(*[CELLS] * count), min_size=1, max_size=5)),
    st.integers(14, 60),
)
def test_no_line_is_too_wide_and_no_character_is_lost(table: list[tuple[str, ...]], width: int) -> None:
    lines = text_table(table[0], table[1:], width)
    assert max(map(len, lines)) <= width
    assert sorted("".join(lines).replace(" ", "")) == sorted("".join(map("".join, table)).replace(" ", ""))
