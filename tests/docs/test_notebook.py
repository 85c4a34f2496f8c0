"""The tutorial's notebook: its cells are those of the page, and all of them run."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_documentation import blocks_of

pytest.importorskip("mkdocs", reason="needs the extra docs: pip install 'learning-phases[docs]'")

from docs.notebook import TUTORIAL, code_of, notebook


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(notebook(TUTORIAL))
    return found


def sources(content: dict[str, Any], kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == kind]


def test_the_code_cells_are_the_blocks_of_the_page(content: dict[str, Any]) -> None:
    """Each block that runs is one cell, in order, from the marks that Jupyter needs apart; nothing is typed twice."""
    expected = [
        block.text.rstrip("\n")
        for block in blocks_of(TUTORIAL)
        if block.language == "python"
        or (block.commands and all(line.startswith(("phases", "python ")) for line in block.commands))
    ]
    found = [re.sub(r"^(!|%%writefile .*\n)", "", one, flags=re.M) for one in sources(content, "code")]
    assert found == expected
    assert len(found) == 10


def test_the_prose_is_that_of_the_page(content: dict[str, Any]) -> None:
    """Word for word, links within the site apart."""
    page = TUTORIAL.read_text(encoding="utf-8")
    for block in blocks_of(TUTORIAL):
        if code_of(block.language, block.title, block.text) is not None:
            page = re.sub(rf"^```\w+[^\n]*\n{re.escape(block.text)}```$", "", page, count=1, flags=re.M)
    plain = re.sub(r"\]\((?!https?:)[^)]*\)", "", page)
    cells = sources(content, "markdown")
    own = re.sub(r"\]\(attachment:[^)]*\)", "", " ".join([cells[0], *cells[2:]]))
    strip = str.maketrans("", "", "[]!")
    assert own.translate(strip).split() == plain.translate(strip).split()
    assert len(cells) > 10


def test_commands_that_change_the_machine_are_shown_and_not_run(content: dict[str, Any]) -> None:
    assert code_of("sh", None, "source .venv/bin/activate\nphases --version\n") is None
    assert code_of("bash", None, "phases check a.npz\npython a.py\n") == "!phases check a.npz\n!python a.py"
    assert not any("venv" in one or "mkdir" in one for one in sources(content, "code"))
    assert any("python3 -m venv .venv" in one for one in sources(content, "markdown"))


def test_images_are_inside(content: dict[str, Any]) -> None:
    (inside,) = [cell["attachments"] for cell in content["cells"] if "attachments" in cell]
    picture = (TUTORIAL.parent / "figures" / "tracker-digits.png").read_bytes()
    assert base64.b64decode(inside["tracker-digits.png"]["image/png"]) == picture
    assert any("(attachment:tracker-digits.png)" in one for one in sources(content, "markdown"))


def test_it_is_a_valid_notebook(content: dict[str, Any]) -> None:
    nbformat = pytest.importorskip("nbformat", reason="needs the extra docs")
    nbformat.validate(nbformat.from_dict(content))


@pytest.mark.slow
def test_all_cells_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = (pytest.importorskip(name, reason="needs the extra docs") for name in ("nbformat", "nbclient"))
    # The commands are those of this Python, and one thread each is quickest for small data.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    cells = []
    for cell in nbformat.reads(notebook(TUTORIAL), as_version=4).cells:
        cells.append(cell)
        if cell.cell_type == "code" and cell.source.startswith("!"):
            # A command that fails is no error of the cell that runs it.
            cells.append(nbformat.v4.new_code_cell("assert _exit_code == 0"))
    checked = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(checked, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert (tmp_path / "results" / "larger" / "phases.png").is_file()
    assert (tmp_path / "tracked.png").is_file()
