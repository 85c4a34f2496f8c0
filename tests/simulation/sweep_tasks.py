"""Tasks and whole sweeps of the tests on sweeps, in a module that worker processes can import."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from simulation.runs.run_folder import RunFolder
from simulation.runs.schedulers import LocalScheduler
from simulation.runs.sweep import SweepResult, grid, run_sweep


@dataclass(frozen=True)
class Walk:
    """A random walk to draw."""

    seed: int
    scale: float


def walk(configuration: Walk) -> dict[str, Any]:
    """Some numbers of every type that a result can hold."""
    positions = configuration.scale * np.random.default_rng(configuration.seed).standard_normal(50).cumsum()
    return {
        "last": positions[-1],
        "missing": float("nan"),
        "positions": positions,
        "single": positions.astype(np.float32),
        "sign": "up" if positions[-1] > 0 else "down",
        "counts": [int(np.count_nonzero(positions > 0)), configuration.seed],
    }


def slow_walk(configuration: Walk) -> dict[str, Any]:
    """``walk`` that takes some milliseconds."""
    time.sleep(0.004)
    return walk(configuration)


def walks(count: int) -> list[Walk]:
    return [Walk(seed, scale) for seed in range(count // 2) for scale in (0.1, 1 / 3)]


def sweep_of_walks(folder: Path, count: int, workers: int) -> SweepResult:
    """The sweep that is killed; a target for processes."""
    return run_sweep(walks(count), slow_walk, RunFolder(folder), LocalScheduler(workers))


@contextmanager
def two_threads() -> Iterator[None]:
    """Two threads for torch and BLAS in this process, as a user with two cores has."""
    before = torch.get_num_threads()
    with threadpool_limits(limits=2):
        torch.set_num_threads(2)
        yield
        torch.set_num_threads(before)


def product_bits(configuration: dict[str, Any]) -> dict[str, Any]:
    """The bits of products that torch and BLAS split over threads, and how many threads torch may use."""
    generator = torch.Generator().manual_seed(configuration["seed"])
    left, right = (torch.randn(shape, generator=generator) for shape in ((64, 20_000), (20_000, 48)))
    matrix = left[:, :4096].numpy().astype(np.float64)
    parts = (left @ right).numpy(), np.vdot(matrix, matrix), matrix.T[:300] @ matrix, np.linalg.eigvalsh(matrix[:, :64])
    bits = [hashlib.sha256(np.asarray(part).tobytes()).hexdigest() for part in parts]
    return {"bits": bits, "threads": torch.get_num_threads()}


def running_together(configuration: dict[str, Any]) -> dict[str, Any]:
    """How many calls run in this process at once."""
    folder = Path(configuration["folder"])
    mine = folder / f"running-{configuration['number']}"
    mine.touch()
    time.sleep(0.01)
    together = len(list(folder.glob("running-*")))
    mine.unlink()
    return {"together": together}


def failing(configuration: dict[str, Any]) -> dict[str, Any]:
    """Fails in one of several ways unless a file called ``repaired`` is in the folder."""
    if not Path(configuration["folder"], "repaired").exists():
        match configuration["way"]:
            case "raises":
                raise ZeroDivisionError("no such walk")
            case "exits":
                raise SystemExit(3)
            case "returns a list":
                return [1]  # type: ignore[return-value]
            case "returns a tensor":
                return {"inner": [torch.zeros(2)]}
    return {"way": configuration["way"]}


def changes_its_configuration(configuration: dict[str, Any]) -> dict[str, Any]:
    """Returns how long a list of the configuration is after one more entry."""
    configuration["shared"].append(configuration["number"])
    return {"length": len(configuration["shared"])}


def ends_its_worker(configuration: dict[str, Any]) -> dict[str, Any]:
    """Number 5 ends its process as if killed for memory, as often as ``times`` says."""
    marks = Path(configuration["folder"], "marks")
    if configuration["number"] == 5 and (not marks.exists() or len(marks.read_text()) < configuration["times"]):
        with marks.open("a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return {"number": configuration["number"]}


def waits(configuration: dict[str, Any]) -> dict[str, Any]:
    """Takes a while and tells where it ran."""
    time.sleep(0.05)
    return {"process": os.getpid()}


def sweep_of_waits(folder: Path, workers: int) -> None:
    """Start a sweep to interrupt, as leader of a process group, like a command in a terminal."""
    os.setpgrp()
    # Tests that a shell runs in the background are started with interrupts ignored, and so is what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run_sweep(grid(number=range(400)), waits, RunFolder(folder), LocalScheduler(workers))
    except KeyboardInterrupt:
        sys.exit(130)


def files_below(folder: Path) -> dict[str, bytes]:
    """Content of every file below the folder by its path there, hidden files too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def results_below(folder: Path) -> dict[str, tuple[int, int]]:
    """What changes when a result is written again: its inode and time."""
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (folder / "results").glob("[!.]*.json")
    }
