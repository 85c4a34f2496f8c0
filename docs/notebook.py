"""The tutorial as a Jupyter notebook, made from its page, which is the only source.

MkDocs calls ``on_files``, so that the site offers the notebook as tutorial.ipynb. Prose and expected outputs are
Markdown cells; commands, files that are to be saved, and Python are code cells. Commands that set up the machine are
shown and not run: a notebook runs in an environment that exists.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

TUTORIAL = Path(__file__).resolve().parent / "tutorial.md"

#: The notebook's place in the site.
NOTEBOOK = "tutorial.ipynb"

_FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```\n', re.M | re.S)
_RUN = re.compile(r"(phases|python [\w.]+)( |$)")

_WHERE = (
    "Start Jupyter from the environment in which `phases` is installed (step 1), in an empty folder: "
    "files and results are written where this notebook lies."
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the notebook to the site."""
    files.append(File.generated(config, NOTEBOOK, content=notebook(TUTORIAL)))
    return files


def notebook(page: Path) -> str:
    """A page as a notebook of format 4.5, in JSON."""
    cells = cells_of(page)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=1) + "\n"


def cells_of(page: Path) -> list[dict[str, Any]]:
    """The cells of a page, in order; the second one says where the notebook is to run."""
    text = page.read_text(encoding="utf-8")
    cells: list[dict[str, Any]] = []
    prose, end = "", 0
    for fence in _FENCE.finditer(text):
        language, title, block = fence.groups()
        prose += text[end : fence.start()]
        end = fence.end()
        source = code_of(language, title, block)
        if source is None:
            prose += fence[0]
            continue
        cells += [*_prose(prose, page.parent), _code(source)]
        prose = ""
    cells += _prose(prose + text[end:], page.parent)
    return [cells[0], *_prose(_WHERE, page.parent), *cells[1:]]


def code_of(language: str, title: str | None, block: str) -> str | None:
    """The code cell of a fenced block; None for one that is shown and not run."""
    text = block.rstrip("\n")
    if language == "python":
        return text if title is None else f"%%writefile {title}\n{text}"
    lines = text.splitlines()
    if language in ("bash", "sh") and all(_RUN.match(line) for line in lines):
        return "\n".join(f"!{line}" for line in lines)
    return None


def _code(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": _lines(source)}


def _prose(text: str, folder: Path) -> list[dict[str, Any]]:
    """A Markdown cell, with its images inside; links within the site, which lead nowhere from here, become text."""
    images = re.findall(r"!\[[^\]]*\]\((?!https?:)([^)]+)\)", text)
    inside = {Path(one).name: (folder / one).read_bytes() for one in images}
    shown = re.sub(r"(!\[[^\]]*\])\((?!https?:)(?:[^)]*/)?([^)/]+)\)", r"\1(attachment:\2)", text)
    shown = re.sub(r"(?<!!)\[([^\]]*)\]\((?!https?:)[^)]*\)", r"\1", shown).strip()
    if not shown:
        return []
    cell: dict[str, Any] = {"cell_type": "markdown", "metadata": {}, "source": _lines(shown)}
    if inside:
        cell["attachments"] = {
            name: {"image/png": base64.b64encode(picture).decode()} for name, picture in inside.items()
        }
    return [cell]


def _lines(text: str) -> list[str]:
    """Lines with their ends, as notebooks store them."""
    return text.splitlines(keepends=True)
