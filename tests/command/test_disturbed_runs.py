"""verify and track interrupted, killed, run twice at once and with parts cut off: the files are those of a quiet run.

The same of sweeps: ``tests/simulation/runs/test_sweep_interruptions.py`` and ``test_sweep.py``.
"""

from __future__ import annotations

import shutil
import signal
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.command.disturbed_command import disturbed
from tests.empirical.studies.test_track import blobs

COMMANDS = ("verify", "track")

#: Files written when the signal comes: some parts are whole, others are missing.
HALF_WAY = {"verify": 3, "track": 5}

INTERRUPTED = 130


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Starts processes that have imported the jobs already."""
    context = get_context("forkserver")
    context.set_forkserver_preload(
        [
            "tests.command.disturbed_command",
            "empirical.studies.verify.job",
            "empirical.studies.track.job",
            "empirical.studies.verify.figure",
        ]
    )
    return context


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a data set for each command."""
    folder = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    labels = np.arange(120) % 3
    inputs = generator.standard_normal((120, 8)) + np.eye(3, 8)[labels]
    np.savez(folder / "verify.npz", inputs=inputs, labels=labels)
    train, test = blobs(60, 0), blobs(30, 1)
    arrays = {"train_images": train.images, "train_labels": train.labels}
    np.savez(folder / "track.npz", **arrays, test_images=test.images, test_labels=test.labels)
    return folder


def words(command: str, data: Path, out: Path) -> tuple[str, ...]:
    own = {
        "verify": ("--init-scale", "0.01", "--steps", "32", "--replicas", "2"),
        "track": ("--base-width", "2", "--pooled-features", "8", "--steps", "2", "--batch-size", "16"),
    }
    layers = ("--layer", "block5") if command == "track" else ()
    return (command, str(data / f"{command}.npz"), *own[command], *layers, "--out", str(out))


def ended(
    processes: ForkServerContext, calls: list[tuple[str, ...]], number: int | None = None, write: int = 0
) -> list[int | None]:
    """Exit codes of commands that run at the same time."""
    running = [processes.Process(target=disturbed, args=(call, number, write)) for call in calls]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    return [process.exitcode for process in running]


@pytest.fixture(scope="module")
def quiet(processes: ForkServerContext, data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of an undisturbed run of each command."""
    folder = tmp_path_factory.mktemp("quiet")
    for command in COMMANDS:
        assert ended(processes, [words(command, data, folder / command)])[0] in (0, 1)
    return {command: folder / command for command in COMMANDS}


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def assert_same(found: Path, quiet: Path) -> None:
    """The same files, to the byte; of checkpoints the tensors, as the order of entries in a header is open.

    The state from which a training resumes is of any step: of two processes, the later one may have written it.
    """
    names = files_of(quiet)
    assert files_of(found) == names
    for name in names:
        if name.endswith("state.safetensors"):
            continue
        if name.endswith(".safetensors"):
            one, other = load_file(found / name), load_file(quiet / name)
            assert one.keys() == other.keys()
            for key in one:
                np.testing.assert_array_equal(one[key], other[key])
        else:
            assert (found / name).read_bytes() == (quiet / name).read_bytes(), name


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, INTERRUPTED), pytest.param(signal.SIGKILL, -signal.SIGKILL, marks=pytest.mark.slow)],
)
def test_a_run_that_was_stopped_half_way_ends_as_a_quiet_one(
    processes: ForkServerContext,
    data: Path,
    quiet: dict[str, Path],
    tmp_path: Path,
    command: str,
    number: int,
    code: int,
) -> None:
    call = words(command, data, tmp_path / "run")
    assert ended(processes, [call], number, HALF_WAY[command]) == [code]
    left = {path for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert any("run.json" not in path.name for path in left), "nothing was finished"
    assert not (tmp_path / "run" / "result.json").exists()
    if number == signal.SIGINT:
        assert not any(path.name.startswith(".") for path in left), "a temporary file is left"
    assert ended(processes, [call])[0] in (0, 1)
    assert_same(tmp_path / "run", quiet[command])


@pytest.mark.parametrize("command", COMMANDS)
def test_two_processes_on_one_folder_leave_the_files_of_one(
    processes: ForkServerContext, data: Path, quiet: dict[str, Path], tmp_path: Path, command: str
) -> None:
    codes = ended(processes, [words(command, data, tmp_path / "run")] * 2)
    assert set(codes) <= {0, 1}
    assert_same(tmp_path / "run", quiet[command])


@pytest.mark.parametrize("command", COMMANDS)
def test_parts_that_are_cut_off_are_computed_to_the_same_bytes(
    processes: ForkServerContext, data: Path, quiet: dict[str, Path], tmp_path: Path, command: str
) -> None:
    folder = shutil.copytree(quiet[command], tmp_path / "run")
    cut = [path for part in ("*.parquet", "measures/*.json") for path in folder.rglob(part)]
    assert len(cut) >= 3
    for path in cut:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert ended(processes, [words(command, data, folder)])[0] in (0, 1)
    assert_same(folder, quiet[command])
