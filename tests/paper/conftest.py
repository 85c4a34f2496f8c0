"""Results of the studies that do not come with the paper, made small, and folders to change results in."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from paper.document import make
from paper.result_folders import ResultFolders
from paper.studies import SOURCE, Run
from phases import app
from tests.empirical.test_tracking import blobs

SMALL = ("--network", "vgg8", "--base-width", "4", "--pooled-features", "32", "--layer", "block4")


@pytest.fixture(scope="session")
def small_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small ``predict-vgg8``, a small fit, a small trained decoder and what transfer says of it."""
    folder = tmp_path_factory.mktemp("results")
    train, test = blobs(400, 0), blobs(120, 1)
    images = folder / "blobs.npz"
    arrays = {"train_images": train.images, "train_labels": train.labels}
    np.savez(images, test_images=test.images, test_labels=test.labels, **arrays)
    own = ("--data", str(images), *SMALL)
    commands = (
        ("predict-vgg8", "predict", *own, "--steps", "16", "--batch-size", "100", "--replicas", "2"),
        ("fits/vgg8-untrained-block4", "fit", *own, "--steps", "16"),
        ("decoder-vgg8", "track", *own, "--steps", "4", "--batch-size", "64", "--also", "linear decoder"),
        ("transfer", "transfer", str(folder / "decoder-vgg8")),
    )
    for result, *words in commands:
        done = CliRunner().invoke(app, [*words, "--out", str(folder / result)])
        assert done.exit_code in (0, 1), done.output
    return folder


@pytest.fixture(scope="session")
def results(small_results: Path) -> ResultFolders:
    """The results that come with the paper, and small ones of the other studies."""
    return ResultFolders((SOURCE / "results", small_results))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, small_results: Path) -> Run:
    """The paper made once, with every part present."""
    out = tmp_path_factory.mktemp("paper")
    shutil.copytree(small_results, out / "results", ignore=shutil.ignore_patterns("*.npz"))
    run = Run(out)
    make(run, print)
    return run


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the paper's results, to change."""
    return Path(shutil.copytree(SOURCE / "results", tmp_path / "copied"))
