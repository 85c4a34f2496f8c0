from __future__ import annotations

import errno
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulation.runs import run_folder as results
from simulation.runs.run_folder import RunFolder
from simulation.runs.schedulers import LocalScheduler
from simulation.runs.sweep import grid, run_sweep
from tests.processes import ready_processes
from tests.simulation.sweep_tasks import (
    failing,
    files_below,
    results_below,
    sweep_of_waits,
    sweep_of_walks,
    walk,
    walks,
)

ONE, TWO = LocalScheduler(1), LocalScheduler(2)


# Kills


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    return ready_processes()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], dict[str, bytes]]:
    """The files of a sweep of so many walks that nothing disturbs."""

    def files(count: int) -> dict[str, bytes]:
        folder = tmp_path_factory.mktemp("undisturbed")
        sweep_of_walks(folder, count, 1)
        return files_below(folder)

    return files


def _run_killed(
    processes: ForkServerContext, folder: Path, count: int, workers: int, kills: int, longest: float, seed: int
) -> None:
    """Start the sweep and kill it ``kills`` times, each up to ``longest`` seconds after its first new result."""
    generator = np.random.default_rng(seed)
    for _ in range(kills):
        before = results_below(folder)
        process = processes.Process(target=sweep_of_walks, args=(folder, count, workers))
        process.start()
        deadline = time.monotonic() + 60
        while len(results_below(folder)) == len(before):
            assert process.is_alive(), "the sweep ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(generator.uniform(0, longest))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the sweep ended before it was killed"
        assert before.items() <= results_below(folder).items(), "a result that was there was written again"
        process.close()


def test_a_sweep_killed_five_times_has_every_result_once(
    tmp_path: Path, processes: ForkServerContext, undisturbed: Callable[[int], dict[str, bytes]]
) -> None:
    _run_killed(processes, tmp_path, 60, workers=1, kills=5, longest=0.02, seed=0)
    kept = results_below(tmp_path)
    assert 5 <= len(kept) < 60
    assert sweep_of_walks(tmp_path, 60, 1).computed == 60 - len(kept)
    assert kept.items() <= results_below(tmp_path).items()
    assert files_below(tmp_path) == undisturbed(60)
    assert len(files_below(tmp_path)) == 60


@pytest.mark.slow
def test_a_sweep_of_many_on_workers_killed_ten_times_has_every_result_once(
    tmp_path: Path, processes: ForkServerContext, undisturbed: Callable[[int], dict[str, bytes]]
) -> None:
    _run_killed(processes, tmp_path, 600, workers=2, kills=10, longest=0.2, seed=1)
    kept = results_below(tmp_path)
    assert 10 <= len(kept) < 600
    assert sweep_of_walks(tmp_path, 600, 2).computed == 600 - len(kept)
    assert files_below(tmp_path) == undisturbed(600)
    assert len(files_below(tmp_path)) == 600


def test_two_processes_on_one_folder_write_the_files_of_one(
    tmp_path: Path, processes: ForkServerContext, undisturbed: Callable[[int], dict[str, bytes]]
) -> None:
    both = [processes.Process(target=sweep_of_walks, args=(tmp_path, 60, 1)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
        process.close()
    assert files_below(tmp_path) == undisturbed(60)


def _start_and_signal(
    processes: ForkServerContext, folder: Path, workers: int, send: Callable[[int], None]
) -> tuple[int | None, set[int]]:
    """Exit code of a sweep after a signal in its midst, and the processes that its tasks ran in."""
    process = processes.Process(target=sweep_of_waits, args=(folder, workers))
    process.start()
    deadline = time.monotonic() + 60
    while len(results_below(folder)) < 3:
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert process.pid is not None
    send(process.pid)
    process.join(60)
    code = process.exitcode
    process.close()
    records = [json.loads((folder / "results" / name).read_text()) for name in results_below(folder)]
    return code, {record["result"]["process"] for record in records}


def _assert_ends(process: int) -> None:
    """The process is gone, or only waits for its parent to take notice, within some seconds."""
    stat = Path(f"/proc/{process}/stat")
    deadline = time.monotonic() + 30
    while stat.exists() and stat.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_from_the_keyboard_ends_everything_and_keeps_what_is_finished(
    tmp_path: Path, processes: ForkServerContext, workers: int
) -> None:
    code, used = _start_and_signal(processes, tmp_path, workers, lambda pid: os.killpg(pid, signal.SIGINT))
    assert code == 130
    for process in used:
        _assert_ends(process)
    files = files_below(tmp_path)
    assert all(json.loads(content)["result"] for content in files.values()), "no half files"
    assert len(files) == len(results_below(tmp_path)), "no temporary files"


@pytest.mark.slow
def test_workers_end_when_the_process_that_started_them_is_killed(tmp_path: Path, processes: ForkServerContext) -> None:
    code, used = _start_and_signal(processes, tmp_path, 2, lambda pid: os.kill(pid, signal.SIGKILL))
    assert code == -signal.SIGKILL
    for process in used:
        _assert_ends(process)


# The disk


@dataclass
class _FullDisk:
    """Stands in for the lowest function that writes: half the text, then an error, from the n-th call on."""

    calls_until_full: int

    def __call__(self, path: Path, text: str) -> None:
        self.calls_until_full -= 1
        path.write_text(text if self.calls_until_full > 0 else text[: len(text) // 2])
        if self.calls_until_full <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(("scheduler", "full_at"), [(ONE, 1), (ONE, 7), (TWO, 7)], ids=["one-1", "one-7", "two-7"])
def test_a_full_disk_ends_with_one_error_and_a_sweep_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheduler: LocalScheduler, full_at: int
) -> None:
    undisturbed = tmp_path / "undisturbed"
    run_sweep(walks(20), walk, RunFolder(undisturbed), ONE)
    folder = tmp_path / "full"
    monkeypatch.setattr(results, "_write_text", _FullDisk(full_at))
    with pytest.raises(OSError, match=r"No space left on device; start the sweep again.*finished results stay.*full"):
        run_sweep(walks(20), walk, RunFolder(folder), scheduler)
    kept = files_below(folder)
    assert len(kept) == full_at - 1
    assert kept.items() <= files_below(undisturbed).items()
    monkeypatch.undo()
    assert run_sweep(walks(20), walk, RunFolder(folder), ONE).computed == 20 - len(kept)
    assert files_below(folder) == files_below(undisturbed)


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_disk_that_fails_at_the_last_moment_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fails(*_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, name, fails)
    with pytest.raises(OSError, match="Input/output error; start the sweep again"):
        run_sweep(walks(2), walk, RunFolder(tmp_path), ONE)
    assert files_below(tmp_path) == {}


def test_a_failure_that_cannot_be_written_down_is_the_same_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_write_text", _FullDisk(1))
    with pytest.raises(OSError, match="No space left on device; start the sweep again"):
        run_sweep(grid(way=["raises"], folder=[str(tmp_path)]), failing, RunFolder(tmp_path), ONE)
    assert files_below(tmp_path) == {}
