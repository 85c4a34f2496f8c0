"""Results that a user gives are checked against their shape; each fault is named in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.runs.json_reader import (
    AnyOf,
    Flag,
    ListOf,
    MapOf,
    Maybe,
    Misfit,
    Real,
    Record,
    Text,
    Whole,
    Word,
    read_json,
)
from theory import InputError

SHAPE = Record(
    {
        "count": Whole(1, 10),
        "share": Real(0, 1),
        "name": Text(5),
        "kind": Word(("a", "b")),
        "on": Flag(),
        "error": Maybe(Real()),
        "layers": ListOf(Text()),
        "by_name": MapOf(Whole()),
        "level": AnyOf((Whole(), Text())),
    },
    {"extra": Whole()},
)
GOOD: dict[str, Any] = {
    "count": 3,
    "share": 0.5,
    "name": "abc",
    "kind": "b",
    "on": True,
    "error": None,
    "layers": ["one"],
    "by_name": {"x": 1},
    "level": "high",
    "another": [],
}


def test_what_has_its_shape_is_returned_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(GOOD))
    assert read_json(path, SHAPE, "folder") == GOOD


@pytest.mark.parametrize(
    ("entry", "value", "fault"),
    [
        ("count", "3", "count is '3'; give an integer from 1 to 10"),
        ("count", True, "count is true"),
        ("count", 3.0, "count is 3.0"),
        ("count", 10**400, "count is an integer of 1329 bits"),
        ("count", None, "count is null"),
        ("share", 1.5, "share is 1.5; give a number from 0 to 1"),
        ("share", 10**400, "share is an integer of 1329 bits"),
        ("share", True, "share is true"),
        ("name", "abcdef", "name is 'abcdef'; give a string of at most 5 characters"),
        ("name", ["a"], "name is a list of 1"),
        ("kind", "c", "kind is 'c'; give one of a, b"),
        ("kind", {}, "kind is an object"),
        ("on", 1, "on is 1; give true or false"),
        ("error", "no", "error is 'no'"),
        ("layers", [], "layers is a list of 0; give a list of at least 1"),
        ("layers", ["a", 1], r"layers[1] is 1"),
        ("layers", "a", "layers is 'a'"),
        ("by_name", {"x": -1}, "by_name['x'] is -1"),
        ("by_name", [1], "by_name is a list of 1; give an object"),
        ("level", None, "level is null; give a string"),
        ("extra", "1", "extra is '1'"),
    ],
)
def test_each_fault_is_named_with_its_place(tmp_path: Path, entry: str, value: Any, fault: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(GOOD | {entry: value}))
    with pytest.raises(InputError) as refused:
        read_json(path, SHAPE, "folder")
    assert fault in str(refused.value)
    assert str(refused.value).startswith(f"folder: {path}: ")


@pytest.mark.parametrize("entry", sorted(SHAPE.entries))
def test_a_missing_entry_is_named(entry: str) -> None:
    with pytest.raises(Misfit, match=f"the file has no {entry}$"):
        SHAPE.check("", {name: value for name, value in GOOD.items() if name != entry})


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"\xff\xfe", b"[" * 200_000, b'{"a":' * 200_000, b'{"share": NaN}', b"Infinity", b"1" * 5000],
    ids=["empty", "cut", "no UTF-8", "deep list", "deep object", "NaN", "infinity", "long number"],
)
def test_what_is_not_json_is_one_line(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match="is not a JSON result; give the folder of a finished run"):
        read_json(path, SHAPE, "folder")


def test_pipes_folders_and_huge_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "nowhere"):
        with pytest.raises(InputError, match="is missing"):
            read_json(tmp_path / name, SHAPE, "folder")
    (tmp_path / "large").write_text(" " * 2000)
    monkeypatch.setattr("simulation.runs.json_reader.LARGEST_FILE", 1000)
    with pytest.raises(InputError, match="is larger than"):
        read_json(tmp_path / "large", SHAPE, "folder")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(SHAPE.entries)), _VALUES)
def test_any_value_is_taken_or_a_misfit(entry: str, value: Any) -> None:
    fault = entry
    try:
        SHAPE.check("", GOOD | {entry: value})
    except Misfit as misfit:
        fault = str(misfit)
    assert entry in fault
    assert len(fault) < 300
