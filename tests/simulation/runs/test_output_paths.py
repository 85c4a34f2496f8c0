"""Existing files that block a run's files are left as they are; a folder belongs to one kind of run."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest
from safetensors import SafetensorError

from simulation.runs.run_folder import RunFolder
from simulation.runs.run_kinds import CHECK, RUN_KINDS, TRACK, TRANSFER, VERIFY, RunKind, owner_of
from theory import InputError


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "mine.json").write_text("old")
    (tmp_path / "run").symlink_to("real")
    (tmp_path / "real" / "result.json").symlink_to("mine.json")
    written = RunFolder(tmp_path / "run").write_text("result.json", "new")
    assert written == tmp_path / "run" / "result.json"
    assert (tmp_path / "run").is_symlink()
    assert (tmp_path / "real" / "result.json").is_symlink()
    assert (tmp_path / "real" / "mine.json").read_text() == "new"
    assert not list((tmp_path / "real").glob(".*"))


@pytest.mark.parametrize("kind", ["pipe", "folder", "dangling", "loop", "device"])
def test_what_is_no_regular_file_is_refused_and_kept(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "result.json"
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "folder":
            place.mkdir()
        case "dangling":
            place.symlink_to("nowhere")
        case "loop":
            place.symlink_to("result.json")
        case "device":
            place.symlink_to("/dev/null")
    before = place.lstat()
    with pytest.raises(InputError, match=r"^out: .*result\.json is a"):
        RunFolder(tmp_path).write_text("result.json", "new")
    with pytest.raises(InputError, match=r"^out: .*result\.json is a"):
        RunFolder(tmp_path, VERIFY)
    after = place.lstat()
    assert (stat.S_IFMT(after.st_mode), after.st_ino) == (stat.S_IFMT(before.st_mode), before.st_ino)
    assert list(tmp_path.iterdir()) == [place]
    assert Path("/dev/null").is_char_device()


def test_a_folder_that_cannot_be_written_is_found_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(InputError, match="is not writable; give a folder that is"):
        RunFolder(tmp_path / "new" / "deep")


@pytest.mark.parametrize("kind", RUN_KINDS, ids=[one.command for one in RUN_KINDS])
def test_a_folder_belongs_to_the_kind_of_run_that_wrote_it(tmp_path: Path, kind: RunKind) -> None:
    RunFolder(tmp_path, kind).write_text(kind.files[-1], "{}")
    RunFolder(tmp_path, kind)
    for other in RUN_KINDS:
        if other is not kind:
            with pytest.raises(InputError, match=f"holds results of {kind.command}; give another folder"):
                RunFolder(tmp_path, other)


def test_folders_without_a_marker_are_known_by_what_they_hold(tmp_path: Path) -> None:
    assert owner_of(tmp_path) is None
    (tmp_path / "check.json").write_text("{}")
    assert owner_of(tmp_path) == CHECK.command
    # Results as the repository keeps them, of every command but check.
    results = Path(__file__).resolve().parents[3] / "paper" / "results"
    for name, command in (
        ("verify-digits", "phases verify"),
        ("diagram", "phases diagram"),
        ("scaling", "phases sweep scaling"),
        ("robustness", "phases sweep robustness"),
        ("track-vgg8-cifar10", "phases track"),
        ("transfer", "phases transfer"),
        ("predict-vgg8", "phases predict"),
        ("fits/vgg8-trained-block5", "phases fit"),
    ):
        assert owner_of(results / name) == command


@pytest.mark.parametrize("text", ["{}", "[1]", '{"mine": 1}', "not JSON", "[" * 100_000])
def test_a_result_of_something_else_is_not_written_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "result.json").write_text(text)
    for kind in (TRACK, TRANSFER):
        with pytest.raises(InputError, match="was not written by this package; give another folder"):
            RunFolder(tmp_path, kind)


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), errno.ENOSPC),
        (OSError("write failed"), errno.EIO),
        (SafetensorError('IoError(Os { message: "No space left on device" }) (os error 28)'), errno.ENOSPC),
        (SafetensorError("header too large"), errno.EIO),
    ],
)
def test_a_full_disk_is_reported_with_the_path(tmp_path: Path, error: Exception, number: int) -> None:
    def fails(path: Path) -> None:
        path.write_text("half")
        raise error

    with pytest.raises(OSError, match=r"table\.parquet") as failed:
        RunFolder(tmp_path).write("table.parquet", fails)
    assert failed.value.errno == number
    assert list(tmp_path.iterdir()) == []


def test_the_marker_is_written_with_the_first_file_and_not_before(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", VERIFY)
    assert not (tmp_path / "run").exists()
    folder.write_text("parts/one", "1")
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == {"command": "phases verify"}
