"""Lossless JSON: values are read back bit for bit as they were written.

Numbers carry the digits that give the same float64 again. JSON has neither NaN nor infinity nor arrays:
they are written as ``{"__float__": "nan"}`` and ``{"__array__": [...], "dtype": "float32", "shape": [2, 3]}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from theory import InputError
from theory.validation import quoted

_FLOAT, _ARRAY, _CLASS = "__float__", "__array__", "__class__"
_NUMBERS = "None, bool, int, float, str"
_RESULTS = (
    f"{_NUMBERS}, a list, a tuple, a mapping with names as keys, or a real numpy array of at most 64 bits a number"
)
_CONFIGURATIONS = (
    f"{_NUMBERS}, a list, a tuple, a mapping with names as keys, a frozen dataclass, or a real numpy array"
)


def result_text(name: str, value: Any) -> str:
    """``value`` as one line of JSON.

    Args:
        name: what the value is called in an error.
        value: None, bool, int, float (NaN and infinity too), str, numpy scalars and arrays of bool, integers
            or floats up to 64 bits, and lists, tuples and mappings of these. Tuples come back as lists,
            numpy scalars as numbers, arrays with their type and shape. Keys of a mapping are strings that do
            not begin with two underscores.

    Raises:
        InputError: anything else inside.
    """
    return json.dumps(_result(name, value), allow_nan=False)


def result_from(text: str) -> Any:
    """Read what ``result_text`` wrote.

    Raises:
        ValueError: not JSON, or a number or array written in another way.
    """
    try:
        return json.loads(text, object_hook=_restored)
    except RecursionError:
        raise ValueError("lists and mappings are nested too deeply") from None


def configuration_as_json(name: str, value: Any) -> Any:
    """``value`` as it is represented in a key: plain JSON values, a dataclass with the name of its class.

    Takes what ``result_text`` does and frozen dataclasses, but no numpy scalars and no subclasses of numbers
    and strings: a task may compute something else with them than with the number of equal value (float32
    arrays times a numpy float64 are float64), and they would share its key.

    Raises:
        InputError: anything else inside.
    """
    if is_dataclass(value) and not isinstance(value, type):
        if not value.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            raise InputError(f"{name}: {type(value).__qualname__} can change; give a frozen dataclass")
        entries = {
            field.name: configuration_as_json(f"{name}.{field.name}", getattr(value, field.name))
            for field in fields(value)
        }
        return {_CLASS: f"{type(value).__module__}.{type(value).__qualname__}"} | entries
    if isinstance(value, Mapping):
        return {key: configuration_as_json(f"{name}.{key}", entry) for key, entry in _named(name, value)}
    if isinstance(value, list | tuple):
        return [configuration_as_json(f"{name}[{index}]", entry) for index, entry in enumerate(value)]
    if isinstance(value, np.ndarray):
        return _array(name, value, _CONFIGURATIONS)
    if value is None or type(value) in (bool, int, float, str):
        return _float(value) if isinstance(value, float) else value
    plain = "; value.item() is one" if isinstance(value, np.generic) else ""
    raise InputError(f"{name}: has type {type(value).__name__}; give {_CONFIGURATIONS}{plain}")


def _result(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _result(f"{name}.{key}", entry) for key, entry in _named(name, value)}
    if isinstance(value, list | tuple):
        return [_result(f"{name}[{index}]", entry) for index, entry in enumerate(value)]
    if isinstance(value, np.ndarray):
        return _array(name, value, _RESULTS)
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(number, float):
        return _float(float(number))
    if number is None or isinstance(number, bool | int | str):
        return number
    raise InputError(f"{name}: has type {type(value).__name__}; give {_RESULTS}")


def _named(name: str, value: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    """The entries, if all keys are names that mean nothing here."""
    for key in value:
        if not isinstance(key, str) or key.startswith("__"):
            raise InputError(f"{name}: has the key {quoted(key)}; give strings that do not begin with two underscores")
    return list(value.items())


def _float(value: float) -> Any:
    return value if np.isfinite(value) else {_FLOAT: str(value)}


def _array(name: str, array: np.ndarray[Any, Any], accepted: str) -> dict[str, Any]:
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise InputError(f"{name}: is an array of {array.dtype}; give {accepted}")
    numbers = array.ravel().tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        numbers = [_float(number) for number in numbers]
    return {_ARRAY: numbers, "dtype": array.dtype.name, "shape": list(array.shape)}


def _restored(entries: dict[str, Any]) -> Any:
    try:
        if _FLOAT in entries:
            return float(entries[_FLOAT])
        if _ARRAY in entries:
            return np.array(entries[_ARRAY], dtype=entries["dtype"]).reshape(entries["shape"])
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"not as a number or an array is written ({error})") from None
    return entries
