"""Paths: text and pathlib are the same everywhere, and what is neither is refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from empirical import (
    CheckReport,
    NetworkLayer,
    PredictPlan,
    check,
    choose,
    load,
    load_images,
    load_target,
    track,
    verify,
)
from empirical.data.datasets import load_file
from theory import InputError

#: What takes a name or a path, or data.
TAKES_DATA: dict[str, Callable[..., object]] = {
    "load": load,
    "load_images": load_images,
    "load_target": load_target,
    "check": check,
    "verify": verify,
    "track": track,
}

NO_PATHS = (3, None, b"own.npz", ["own.npz"])


@pytest.fixture
def own(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    file = tmp_path / "own.npz"
    np.savez(file, inputs=generator.standard_normal((40, 3)).astype(np.float32), labels=np.arange(40) % 2)
    return file


@pytest.mark.parametrize("read", [load, load_file, load_target])
def test_text_and_pathlib_are_the_same(read: Callable[..., object], own: Path) -> None:
    first, second = read(own), read(str(own))
    np.testing.assert_array_equal(np.asarray(first.inputs), np.asarray(second.inputs))  # type: ignore[attr-defined]


@pytest.mark.parametrize("given", NO_PATHS, ids=repr)
@pytest.mark.parametrize("name", TAKES_DATA)
def test_data_that_are_neither_are_refused(name: str, given: object) -> None:
    with pytest.raises(InputError, match=r"data: .* is not accepted; give .*a name.* a path"):
        TAKES_DATA[name](given)


@pytest.mark.parametrize("given", NO_PATHS[::2], ids=repr)
def test_folders_and_files_that_are_no_paths_are_refused(given: object) -> None:
    refused: dict[str, Callable[[], object]] = {
        "path": lambda: load_file(given),  # type: ignore[arg-type]
        "data_root": lambda: load("cifar10", data_root=given),  # type: ignore[arg-type]
        "folder": lambda: CheckReport.read(given),  # type: ignore[arg-type]
        "checkpoint": lambda: NetworkLayer(checkpoint=given),  # type: ignore[arg-type]
        "checkpoints": lambda: PredictPlan(checkpoints=(given,)),  # type: ignore[arg-type]
    }
    for name, call in refused.items():
        with pytest.raises(InputError, match=f"^{name}: .* is not accepted; give a path$"):
            call()


def test_a_root_may_be_text(tmp_path: Path) -> None:
    for read in (load, load_images):
        with pytest.raises(InputError, match=r"data_root: .*cifar-10-batches-bin does not exist"):
            read("cifar10", data_root=str(tmp_path))
    with pytest.raises(InputError, match="data_root: '' is not accepted; give a path"):
        load("cifar10", data_root="")


def test_a_home_folder_that_there_is_not_is_named() -> None:
    with pytest.raises(InputError, match=r"path: '~nobody-of-that-name/own.npz' is in a home folder that there is not"):
        load_file("~nobody-of-that-name/own.npz")
    with pytest.raises(InputError, match=r"path: .* is not accepted; give a path"):
        load_file("own\0.npz")


def test_checkpoints_that_are_no_paths_are_refused(own: Path) -> None:
    with pytest.raises(InputError, match="checkpoints: 3 is not accepted; give a path"):
        choose([3, 4], "vgg8", own)  # type: ignore[list-item, arg-type]
