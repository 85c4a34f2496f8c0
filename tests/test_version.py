"""One version, from one place."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

from typer.testing import CliRunner

from phases import app
from simulation.runs.run_folder import software_versions

ROOT = Path(__file__).resolve().parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_what_cites_the_version_has_that_of_pyproject() -> None:
    cited = re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)
    assert cited == [VERSION]
    changed = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert changed[0] == VERSION


def test_the_command_and_the_results_state_the_installed_version() -> None:
    assert version("learning-phases") == VERSION
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"phases {VERSION}\n")
    assert software_versions()["learning-phases"] == VERSION
