"""What the documentation takes from elsewhere in the repository, so that each thing has one source.

MkDocs calls ``on_files`` and ``on_page_markdown``. The figures are those under paper/results, the page of the commands
is their own help, the explorer is rebuilt, and two pages are files of the repository's top folder. Formulas, written in
LaTeX, become MathML, which browsers draw without a script.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from phases import app
from theory.explorer.page import explorer_page

ROOT = Path(__file__).resolve().parents[1]

#: Pages that are files of the top folder, by their names there.
TOP_PAGES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}

COMMANDS_PAGE = "reference/commands.md"

#: What `phases explore` writes, as a file of the site.
EXPLORER = "explorer.html"


def figures() -> dict[str, Path]:
    """The committed figures by their places in the documentation: figures/RUN.png."""
    found = sorted((ROOT / "paper" / "results").glob("*/*.png"))
    return {f"figures/{file.parent.name}.png": file for file in found}


def commands_page() -> str:
    """The help of every command, as the commands print it."""
    command = typer.main.get_command(app)
    parts = [
        "# Commands",
        "What `phases COMMAND --help` prints, made from the commands themselves.",
        *_help_of(command),
    ]
    return "\n\n".join(parts) + "\n"


def _help_of(command: Any, parent: Any = None) -> list[str]:
    """Headings and help of a command and of those below it, in order."""
    name = "phases" if parent is None else command.name
    context = command.make_context(name, [], parent=parent, resilient_parsing=True, terminal_width=100)
    parts = [f"## {context.command_path}", f"```text\n{context.get_help().rstrip()}\n```"]
    for child in getattr(command, "commands", {}).values():
        parts += _help_of(child, context)
    return parts


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the figures and the pages that are made."""
    for place, file in figures().items():
        files.append(File.generated(config, place, abs_src_path=str(file)))
    for page, name in TOP_PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / name)))
    files.append(File.generated(config, COMMANDS_PAGE, content=commands_page()))
    files.append(File.generated(config, EXPLORER, content=explorer_page()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn formulas into MathML, and links of the top folder's pages into docs/ into links between pages.

    Args:
        markdown: text of the page.
        page: which page it is.
        config: not used.
        files: not used.
    """
    del config, files
    drawn = with_formulas(markdown)
    return drawn.replace("](docs/", "](") if page.file.src_uri in TOP_PAGES else drawn


def with_formulas(markdown: str) -> str:
    """A page with its formulas as MathML: blocks fenced as ``math``, and ``$`...`$`` within a line."""
    fenced = re.compile(r"^```math\n(.*?)^```$", re.M | re.S)
    blocks = fenced.sub(lambda found: str(convert(found[1].strip(), display="block")), markdown)
    return re.sub(r"\$`([^`\n]+)`\$", lambda found: str(convert(found[1])), blocks)
