"""The paper made once, and folders to change results in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from paper.document import make
from paper.result_folders import ResultFolders
from paper.studies import SOURCE, Run


@pytest.fixture(scope="session")
def results() -> ResultFolders:
    """The results that come with the paper."""
    return ResultFolders((SOURCE / "results",))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The paper made once."""
    run = Run(tmp_path_factory.mktemp("paper"))
    make(run, print)
    return run


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the paper's results, to change."""
    return Path(shutil.copytree(SOURCE / "results", tmp_path / "copied"))
