from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from simulation.runs.exact_json import result_from, result_text
from theory import InputError

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5).filter(lambda key: not key.startswith("__")), inner, max_size=4)
    ),
    max_leaves=12,
)
_arrays = stn.arrays(
    st.sampled_from([np.bool_, np.int8, np.uint64, np.int64, np.float16, np.float32, np.float64]),
    stn.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@given(_values)
def test_values_come_back_with_every_bit(value: object) -> None:
    # repr distinguishes 1 from 1.0 and True, and -0.0 from 0.0, and has one text for NaN.
    assert repr(result_from(result_text("value", value))) == repr(value)


@given(_arrays)
def test_arrays_come_back_with_type_shape_and_bits(array: np.ndarray) -> None:
    found = result_from(result_text("value", [array]))[0]
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)
    if array.dtype.kind == "f":
        finite = np.isfinite(array)
        np.testing.assert_array_equal(np.signbit(found[finite]), np.signbit(array[finite]))


@pytest.mark.parametrize("scalar", [np.float32(0.1), np.float64(0.1), np.int8(3), np.bool_(True), np.float64("nan")])
def test_numpy_scalars_come_back_as_numbers(scalar: np.generic) -> None:
    found = result_from(result_text("value", scalar))
    assert type(found) is type(scalar.item())
    assert repr(found) == repr(scalar.item())


def test_tuples_come_back_as_lists() -> None:
    assert result_from(result_text("value", (1, (2,)))) == [1, [2]]


def test_the_text_is_strict_json_in_one_line() -> None:
    text = result_text("value", {"a": [math.inf, -math.inf, math.nan], "b": np.array([1.5, np.nan], np.float32)})

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(text, parse_constant=refuse) == {
        "a": [{"__float__": "inf"}, {"__float__": "-inf"}, {"__float__": "nan"}],
        "b": {"__array__": [1.5, {"__float__": "nan"}], "dtype": "float32", "shape": [2]},
    }
    assert "\n" not in text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1j]}, r"result\.a\[0\]: has type complex; give None, bool, int, float, str"),
        ({"a": {1}}, r"result\.a: has type set"),
        ({1: "a"}, "result: has the key 1; give strings"),
        ({"__array__": []}, "result: has the key '__array__'; give strings that do not begin with two underscores"),
        (np.array(["a"]), "result: is an array of <U1"),
        (np.zeros(1, np.longdouble), "result: is an array of longdouble|float128"),
        (np.longdouble(1), "result: has type longdouble"),
        (np.array([object()]), "result: is an array of object"),
    ],
)
def test_what_cannot_be_kept_is_refused(value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        result_text("result", value)


@pytest.mark.parametrize("text", ["{", '{"__array__": [1]}', '{"__array__": [1, 2], "dtype": "int8", "shape": [3]}'])
def test_text_of_another_form_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|not as a number or an array|cannot reshape"):
        result_from(text)
