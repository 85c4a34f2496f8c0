"""The paper made once, and folders to change results in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from paper.document import make
from paper.result_folders import ResultFolders
from paper.studies import SOURCE, Run


@pytest.fixture(scope="session")
def results() -> ResultFolders:
    """The results that come with the paper."""
    return ResultFolders((SOURCE / "results",))


@pytest.fixture(scope="session")
def figures() -> dict[str, Figure]:
    """The figures of the paper, by file, once it has been made."""
    return {}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, figures: dict[str, Figure]) -> Run:
    """The paper made once."""
    run, save = Run(tmp_path_factory.mktemp("paper")), Figure.savefig

    def kept(figure: Figure, path: Path, **options: Any) -> None:
        figures[".".join(path.name.split(".")[-2:])] = figure  # it is written under a temporary name
        save(figure, path, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", kept)
        make(run, print)
    return run


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the paper's results, to change."""
    return Path(shutil.copytree(SOURCE / "results", tmp_path / "copied"))
