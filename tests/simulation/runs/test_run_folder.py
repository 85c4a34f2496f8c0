from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import theory
from simulation.runs import run_folder as results
from simulation.runs.run_folder import (
    ABANDONED_AFTER,
    RunFolder,
    array_digest,
    part_key,
    software_versions,
    source_digest,
)
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


def test_a_file_reaches_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, original=original: (seen.append(name), original(*args)))
    RunFolder(tmp_path).write_text("note", "text")
    assert seen == ["fsync", "replace"]


def test_the_rest_of_a_killed_run_is_removed_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = platform.node()
    killed = f".{here}-{ended.pid}-0123abcd.a.json"
    forgotten = ".elsewhere-1-0123abcd.a.json"
    living = f".{here}-{os.getpid()}-0123abcd.a.json"
    other_machine = f".elsewhere-{ended.pid}-0123abcd.a.json"
    foreign = (f".{here}-{ended.pid}-nothex.a.json", ".hidden", f"{here}-{ended.pid}-0123abcd.a.json")
    for name in (killed, forgotten, living, other_machine, *foreign):
        (tmp_path / name).write_text("half")
    old = time.time() - ABANDONED_AFTER - 60
    os.utime(tmp_path / forgotten, (old, old))
    RunFolder(tmp_path).remove_abandoned(".")
    assert {path.name for path in tmp_path.iterdir()} == {living, other_machine, *foreign}


def test_a_part_computed_anew_clears_what_a_killed_run_left_of_it(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / f".{platform.node()}-{ended.pid}-0123abcd.a.parquet").write_text("half")
    RunFolder(tmp_path).curve_part("a", "key", lambda: Curve(np.arange(2.0), np.ones((1, 2))))
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["a-key.parquet"]


def test_the_source_of_a_package_is_all_its_files_and_that_of_a_module_one(tmp_path: Path) -> None:
    assert source_digest(theory) != source_digest(theory.validation)
    assert source_digest(results) == source_digest(results)
    assert source_digest(theory, results) != source_digest(theory)


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


def test_the_version_of_torch_names_its_build(monkeypatch: pytest.MonkeyPatch) -> None:
    # pip's record of an installed wheel may lack the local part, which says what the numbers were computed with.
    monkeypatch.setattr("simulation.runs.run_folder.version", lambda name: "2.14.1")
    monkeypatch.setattr(torch, "__version__", "2.14.1+cu130")
    versions = software_versions()
    assert (versions["torch"], versions["numpy"]) == ("2.14.1+cu130", "2.14.1")


def test_versions_name_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CUDA GPU is reported by name; the GPU is simulated, so that the test needs none."""
    assert software_versions()["device"] == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device.index}")
    assert software_versions("cuda:1")["device"] == "GPU 1"
    with pytest.raises(InputError, match=r"device: cuda:2 does not exist, torch sees 2 CUDA GPUs; give cpu"):
        software_versions("cuda:2")
