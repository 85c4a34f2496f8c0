from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empirical.data.datasets import DataSet, load_digits, load_file
from empirical.data.digit_numbers import DIGIT_NUMBERS
from empirical.data.target_tasks import (
    chosen_classes,
    class_task,
    classes_text,
    parse_class_ranges,
    regression_task,
    target_task,
)
from theory import InputError


@pytest.fixture(scope="module")
def digits() -> DataSet:
    return load_digits()


def test_classes_are_chosen_and_numbered_anew(digits: DataSet) -> None:
    some = chosen_classes(digits, (7, 5, 9))
    assert (some.name, some.classes) == ("digits:5,7,9", 3)
    rows = np.isin(digits.labels, [5, 7, 9])
    np.testing.assert_array_equal(some.inputs, digits.inputs[rows])
    np.testing.assert_array_equal(np.array([5, 7, 9])[some.labels], digits.labels[rows])


def test_classes_of_the_data_are_a_target_of_one_hot_rows(digits: DataSet) -> None:
    found = target_task("digits:5-9", digits)
    expected = class_task(chosen_classes(digits, range(5, 10)), "digits:5-9")
    assert found.name == expected.name == "digits:5-9"
    np.testing.assert_array_equal(found.inputs, expected.inputs)
    np.testing.assert_array_equal(found.values.argmax(axis=1) + 5, digits.labels[digits.labels >= 5])
    np.testing.assert_array_equal(found.values.sum(axis=1), 1)


def test_an_array_of_the_file_is_a_target_of_regression(tmp_path: Path, digits: DataSet) -> None:
    path = tmp_path / "mine.npz"
    ink = digits.inputs.sum(axis=1)
    np.savez(path, inputs=digits.inputs, labels=digits.labels, ink=ink, pair=np.stack([ink, -ink], axis=1), few=ink[:5])
    whole = load_file(path)
    found = target_task("ink", whole, str(path))
    np.testing.assert_array_equal(found.values[:, 0], ink)
    np.testing.assert_array_equal(found.inputs, whole.inputs)
    assert target_task("pair", whole, str(path)).values.shape == (1797, 2)
    assert target_task("mine:0-4", whole, str(path)).values.shape == (901, 5)
    with pytest.raises(InputError, match=r"target: 'few' has shape \(5,\), type float32; give numbers \(1797,\)"):
        target_task("few", whole, str(path))
    with pytest.raises(InputError, match="absent"):
        target_task("absent", whole, str(path))


@given(st.sets(st.integers(0, 40), min_size=1))
def test_ranges_are_read_as_they_are_written(classes: set[int]) -> None:
    assert parse_class_ranges(classes_text(tuple(classes))) == tuple(sorted(classes))


def test_ranges_in_words() -> None:
    assert classes_text((0, 1, 2, 5, 7, 8)) == "0-2,5,7-8"
    assert parse_class_ranges("5, 0-2") == (0, 1, 2, 5)


@pytest.mark.parametrize(
    "text", ["", "5-", "-5", "a", "9-5", "0-999999999999", "1,,2", "1-2-3", "\N{ARABIC-INDIC DIGIT ONE}-"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"classes: .* is not accepted; give numbers and ranges, as in 0-4"):
        parse_class_ranges(text)


def test_targets_that_do_not_fit_are_refused(digits: DataSet) -> None:
    for text, match in (
        ("cifar10:5-9", "target: 'cifar10:5-9' names other data; give digits:CLASSES, as in digits:5-9"),
        ("ink", r"target: 'ink' is not accepted; give digits:CLASSES, as in digits:5-9, one of digits:ink"),
        ("digits:3", "classes: 1 is not enough; give at least 2"),
        ("digits:8-11", "classes: 11 is none of digits; give numbers from 0 to 9"),
    ):
        with pytest.raises(InputError, match=match):
            target_task(text, digits)
    with pytest.raises(InputError, match="values: has shape"):
        regression_task(digits, np.zeros(3), "three")


def test_numbers_of_pixels_need_pixels(digits: DataSet) -> None:
    """As the inputs are no longer once they are reduced to leading directions."""
    reduced = replace(digits, inputs=digits.inputs[:, :10])
    for name in DIGIT_NUMBERS:
        with pytest.raises(InputError, match=rf"target: digits:{name} .* have 10 columns; leave out directions"):
            target_task(f"digits:{name}", reduced)
