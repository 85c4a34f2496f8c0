"""The README's examples run, in order, and say what they should."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_examples_run_one_after_the_other(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 4
    names: dict[str, object] = {}
    outputs = []
    for block in blocks:
        assert len(block.strip().splitlines()) <= 12
        exec(block, names)
        outputs.append(capsys.readouterr().out)
    assert "aligned: True" in outputs[0]
    assert "sigma0**(2/3)" in outputs[0]
    assert "THREE_PHASES" in outputs[1]
    assert outputs[2].count("holds") >= 5
    assert "FAILS" not in outputs[2]
    # Noise has no phases, and an untrained network does not change.
    assert "no turning point" in outputs[3]


def test_the_two_commands_are_there() -> None:
    commands = re.findall(r"^    (python -m pip .*)$", README, re.M)
    assert commands == [
        "python -m pip install -e . && phases verify",
        "python -m pip install -e '.[test]' && python -m pytest",
    ]


def test_every_file_that_it_links_is_in_the_repository() -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    assert len(links) >= 3
    tracked = subprocess.run(["git", "ls-files", *links], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    assert sorted(tracked.stdout.split()) == sorted(set(links))
