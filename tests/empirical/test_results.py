from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from empirical.results import RunFolder, array_digest, part_key
from theory import Curve, InputError


def _curve() -> Curve:
    return Curve(np.array([0.0, 1.0]), np.array([[0.5, 0.25], [0.125, 0.0625]]))


def test_a_finished_part_is_not_computed_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    first = folder.curve_part("trained", "key", _curve)

    def must_not_run() -> Curve:
        raise AssertionError

    again = folder.curve_part("trained", "key", must_not_run)
    np.testing.assert_array_equal(again.losses, first.losses)
    np.testing.assert_array_equal(again.times, first.times)


def test_another_key_is_another_part(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.curve_part("trained", part_key({"seed": 0}), _curve)
    calls = []
    folder.curve_part("trained", part_key({"seed": 1}), lambda: calls.append(1) or _curve())
    assert calls == [1]


def test_a_damaged_part_is_computed_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.curve_part("trained", "key", _curve)
    (path,) = (tmp_path / "parts").iterdir()
    path.write_bytes(path.read_bytes()[:40])
    np.testing.assert_array_equal(folder.curve_part("trained", "key", _curve).losses, _curve().losses)


def test_an_interrupted_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_json("result.json", {"value": 1})

    def interrupted(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        folder.write("result.json", interrupted)
    assert json.loads((tmp_path / "result.json").read_text()) == {"value": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_nan_becomes_null(tmp_path: Path) -> None:
    RunFolder(tmp_path).write_json("result.json", {"a": [float("nan"), 1.0], "b": (float("inf"),)})
    assert json.loads((tmp_path / "result.json").read_text()) == {"a": [None, 1.0], "b": [None]}


def test_an_output_folder_that_is_or_lies_under_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match=r"out: .*file is a file; give a folder"):
            RunFolder(path)


def test_digests_tell_contents_shapes_and_types_apart() -> None:
    digests = {
        array_digest(np.zeros(4)),
        array_digest(np.zeros(4, np.float32)),
        array_digest(np.zeros((2, 2))),
        array_digest(np.ones(4)),
        array_digest(np.zeros(4), np.zeros(4)),
    }
    assert len(digests) == 5
    assert array_digest(np.zeros(4)) == array_digest(np.zeros(4))
