"""The README's examples run, in order, and say what they should."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from empirical.probes.probe_tasks import COLOUR, HELD_OUT
from empirical.studies.assumption_costs import Derivation
from empirical.studies.predict.report import PredictReport

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_examples_run_one_after_the_other(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 2
    names: dict[str, object] = {}
    outputs = []
    for block in blocks:
        assert len(block.strip().splitlines()) <= 12
        exec(block, names)
        outputs.append(capsys.readouterr().out)
    # Noise has no phases, and an untrained network does not change.
    assert "no turning point" in outputs[0]
    assert "aligned: True" in outputs[1]
    assert "sigma0**(2/3)" in outputs[1]


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


def test_what_it_says_of_the_first_figure_is_so() -> None:
    predictions = PredictReport.read(ROOT / "paper/results/predict-vgg8").predictions
    early = {one.features.name: one.agreement(Derivation.COMMON).early for one in predictions}
    assert len(early) == 6
    within, beyond = [{name for name, value in early.items() if (value < 0.006) is close} for close in (True, False)]
    assert beyond == {"block3, untrained"}
    assert len(within) == 5
    assert "the mean field is within .006 of training up to step 1,024 in five of six panels" in " ".join(
        README.split()
    )


def _transfer_rows(task: str) -> list[dict[str, Any]]:
    rows = json.loads((ROOT / "paper/results/transfer/result.json").read_text())["rows"]
    return [row for row in rows if row["task"] == task]


def test_what_it_says_of_transfer_is_so() -> None:
    text = " ".join(README.split())
    colour, held_out = (_transfer_rows(task) for task in (COLOUR, HELD_OUT))
    (row,) = [one for one in colour if (one["network"], one["data"]) == ("vgg8", "CIFAR-10")]
    gained = f"{row['gain']['value']:.3f} +- {row['half_width']:.3f}".replace("0.", ".")
    (step,) = set(row["recommended_steps"])
    assert f"recommends step {step} for VGG-8 on CIFAR-10, where a probe of the dominant colour gains {gained}" in text
    assert {one["effect"] for one in colour} == {"helps"}
    assert f"stopping helps that task in all {len(colour)} trainings" in text
    assert {one["effect"] for one in held_out} == {"hurts", "no difference seen"}
    hurts = sum(one["effect"] == "hurts" for one in held_out)
    assert f"classes held out of training it helps in none of {len(held_out)} and hurts in {hurts}" in text
