"""The site that MkDocs builds, where it is installed: extra ``docs``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import empirical
import simulation
import theory

pytest.importorskip("mkdocs", reason="needs the extra docs: pip install 'learning-phases[docs]'")

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_the_commands_holds_all_of_them_with_all_options() -> None:
    from docs.hooks import commands_page

    page = commands_page()
    names = re.findall(r"^## (.*)$", page, re.M)
    assert {"phases", "phases verify", "phases sweep", "phases sweep robustness"} <= set(names)
    assert len(names) == page.count("```text\nUsage: phases")
    command = ROOT / "empirical" / "command"
    files = (ROOT / "phases.py", *sorted(command.glob("*_command*.py")))
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    assert len(names) == 1 + len(re.findall(r"\.command\(", source)) + source.count("add_typer")
    for option in re.findall(r'"(--[a-z-]+)"', source):
        assert option in page


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= 16
    for page in pages:
        text = page.read_text(encoding="utf-8")
        # What a browser loads by itself; links that a reader may follow are free.
        loaded = re.findall(r'<(?:script|img|iframe)[^>]*\bsrc="(https?:[^"]+)"', text)
        loaded += re.findall(r'<link[^>]*rel="(?:stylesheet|preconnect|icon)"[^>]*href="(https?:[^"]+)"', text)
        assert not loaded, f"{page.name}: {loaded}"
    formulas = (tmp_path / "site" / "explanation" / "three-phases" / "index.html").read_text(encoding="utf-8")
    assert formulas.count('<math xmlns="http://www.w3.org/1998/Math/MathML"') >= 5
    assert "\\frac" not in formulas
    for package in (theory, simulation, empirical):
        name = package.__name__
        page = (tmp_path / "site" / "reference" / name / "index.html").read_text(encoding="utf-8")
        assert [one for one in package.__all__ if f'id="{name}.{one}"' not in page] == []
