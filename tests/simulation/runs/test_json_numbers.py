from __future__ import annotations

import json

import numpy as np
import pytest

from simulation.runs.json_numbers import number_of, plain_numbers


def test_every_float_comes_back_and_json_holds_numbers_and_null_alone() -> None:
    values = {"finite": 0.1, "none": np.nan, "above": np.inf, "below": -np.inf, "largest": np.finfo(np.float64).max}
    plain = json.loads(json.dumps(plain_numbers(values), allow_nan=False))
    assert plain.pop("infinite") == {"above": 1, "below": -1}
    assert [plain[name] for name in ("none", "above", "below")] == [None] * 3
    stored = plain_numbers(values)
    np.testing.assert_equal({name: number_of(stored[name], name, stored) for name in values}, values)


def test_finite_numbers_stand_alone() -> None:
    assert plain_numbers({"a": 1.0}) == {"a": 1.0}


@pytest.mark.parametrize(("word", "number"), [("inf", np.inf), ("-inf", -np.inf)])
def test_words_of_older_results_are_read(word: str, number: float) -> None:
    assert number_of(word, "a", {}) == number
