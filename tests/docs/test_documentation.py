"""The documentation does what it says: its code and commands run, its links lead somewhere, its build has no warning.

Blocks of a page run one after the other in a folder of the page's own:

    python                  runs, with the names of the blocks before it
    python title="FILE"     is saved as FILE
    bash                    each line runs: phases ... or python FILE, both in this process; exit code 0
    sh                      is for the reader: what takes long, changes the machine, or needs CIFAR-10 or a cluster. Its
                            phases commands are parsed, and run by the slow test where they need nothing more.
"""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from phases import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = (*sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")

#: Words in a command that say what the tests do not have.
ABSENT = ("cifar10", "--scheduler", "--download", "DIR")

#: Optional trainers, and the packages that each needs.
EXTRAS = {"transformers": ("transformers", "accelerate"), "lightning": ("lightning",)}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file that it is to be saved as, its lines and where it stands."""

    language: str
    title: str | None
    text: str
    line: int

    @property
    def commands(self) -> list[str]:
        return self.text.splitlines() if self.language in ("bash", "sh") else []


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    fences = re.finditer(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', text, re.M | re.S)
    return [Block(*fence.groups(), text[: fence.start()].count("\n") + 1) for fence in fences]


def runs(block: Block) -> bool:
    return block.language == "bash" or (block.language == "python" and block.title is None)


def parse(line: str) -> None:
    """Parse a phases command without running it; typer's error, which names the option, where it cannot be."""
    program, *arguments = shlex.split(line)
    assert program == "phases"
    if arguments == ["--version"]:
        return
    command = typer.main.get_command(app)
    path = [program]
    while isinstance(command, typer.core.TyperGroup):
        assert arguments, f"{' '.join(path)}: no such command without a name"
        assert arguments[0] in command.commands, f"{' '.join(path)}: no such command: {arguments[0]}"
        command, path = command.commands[arguments[0]], [*path, arguments.pop(0)]
    command.make_context(" ".join(path), arguments)


def run(command: str, folder: Path) -> None:
    """Run a command of a page in ``folder``, which is the current one."""
    program, *arguments = shlex.split(command)
    if program == "phases":
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, f"{command}\n{done.output}"
        return
    assert (program, len(arguments)) == ("python", 1), f"{command}: neither phases nor python FILE; use sh"
    known = set(sys.modules)
    runpy.run_path(arguments[0], run_name="__main__")
    for name in set(sys.modules) - known:
        if Path(getattr(sys.modules[name], "__file__", None) or ROOT).is_relative_to(folder):
            del sys.modules[name]


def skip_without_extras(page: Path) -> None:
    """Skip a page whose code imports a trainer that is not installed."""
    code = "\n".join(block.text for block in blocks_of(page) if runs(block))
    for extra, packages in EXTRAS.items():
        if re.search(rf"^(?:from|import) {extra}\b", code, re.M):
            for package in packages:
                pytest.importorskip(package, reason=f"needs the extra {extra}: pip install 'learning-phases[{extra}]'")


def run_page(page: Path, folder: Path, with_sh: bool) -> None:
    names: dict[str, object] = {"__name__": "documentation"}
    for block in blocks_of(page):
        place = f"{name_of(page)}:{block.line}"
        if block.language == "python" and block.title:
            compile(block.text, place, "exec")
            (folder / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            exec(compile("\n" * block.line + block.text, place, "exec"), names)
        elif block.language == "bash":
            for command in block.commands:
                run(command, folder)
        elif block.language == "sh" and with_sh:
            for command in block.commands:
                if command.startswith("phases") and not any(word in command for word in ABSENT):
                    run(command, folder)


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(runs, blocks_of(page)))], ids=name_of)
def test_code_and_commands_of_a_page_run_in_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_without_extras(page)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    run_page(page, tmp_path, with_sh=False)


@pytest.mark.slow
def test_the_long_commands_of_the_tutorial_run_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    run_page(ROOT / "docs" / "tutorial.md", tmp_path, with_sh=True)
    assert (tmp_path / "results" / "larger" / "phases.png").is_file()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_is_of_a_known_kind_and_every_command_parses(page: Path) -> None:
    blocks = blocks_of(page)
    assert page.read_text(encoding="utf-8").count("```") == 2 * len(blocks)
    assert {block.language for block in blocks} <= {"python", "bash", "sh", "text", "math"}
    for block in blocks:
        for command in block.commands:
            if command.startswith("phases"):
                parse(command)


def test_a_command_with_an_unknown_option_does_not_parse() -> None:
    for command in ("phases verify --data x.npz --epochs 3", "phases sweep scaling --epochs 3", "phases tutorial"):
        with pytest.raises(Exception, match=r"(?i)no such"):
            parse(command)


def test_every_file_that_is_saved_is_run_or_imported_or_needs_an_extra() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in blocks_of(page):
            if block.title:
                stem = Path(block.title).stem
                used = f"\npython {block.title}\n" in text or f"from {stem} import" in text
                assert used or "from empirical.tracker." in block.text, block.title


def links_of(page: Path) -> list[str]:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.findall(r"\]\((?!https?:)([^)]+)\)", prose)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_pages_figures_and_headings(page: Path) -> None:
    made = {f"figures/{file.parent.name}.png": file for file in (ROOT / "paper" / "results").glob("*/*.png")}
    made |= {"contributing.md": ROOT / "CONTRIBUTING.md", "changelog.md": ROOT / "CHANGELOG.md"}
    for link in links_of(page):
        place, _, heading = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        within = target.relative_to(ROOT / "docs").as_posix() if target.is_relative_to(ROOT / "docs") else ""
        if within in ("reference/commands.md", "explorer.html", "tutorial.ipynb"):
            continue
        found = made.get(within, target)
        assert found.is_file(), link
        if heading:
            titles = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.M)
            assert heading in {re.sub(r"[^\w\s-]", "", one).lower().replace(" ", "-") for one in titles}, link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_that_it_names_is_in_the_repository(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:theory|simulation|empirical|tests|docs|paper)/[\w/-]+\.\w+)`", text):
        assert (ROOT / name).is_file() or "_NAME" in name, name
    for test in re.findall(r"`(test_\w+)`", text.replace("`test_images`", "").replace("`test_labels`", "")):
        assert any(f"def {test}(" in file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"^ +- .*: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M))
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert listed == pages | {"reference/commands.md", "contributing.md", "changelog.md"}
