"""What a page says of committed results is what they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "when-to-stop.md").read_text(encoding="utf-8")

#: Lines of the table, by what the result calls the data.
LINES = {
    "CIFAR-10": "all ten classes",
    "CIFAR-10 classes 0, 1, 2, 3, 4": "0 to 4",
    "CIFAR-10 classes 0, 1, 8, 9": "the four vehicles",
    "CIFAR-10 classes 2, 3, 4, 5, 6, 7": "the six animals",
}


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    return dict(json.loads((ROOT / "paper" / "results" / "transfer" / "result.json").read_text(encoding="utf-8")))


def short(value: float, digits: int = 3) -> str:
    """A number as the page writes it: no zero before the point."""
    return f"{value:.{digits}f}".replace("0.", ".")


def test_the_gains_of_stopping_are_those_of_the_result(content: dict[str, Any]) -> None:
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line.startswith("|")]
    header = next(line for line in table if line[0] == "trained on")
    found = {
        (line[0], column): cell
        for line in table
        if line[0] in LINES.values()
        for column, cell in zip(header[1:], line[1:], strict=True)
        if cell
    }
    tasks, networks = {"colour dominance": "dominant colour"}, {"vgg8": "VGG-8", "resnet10": "ResNet-10"}
    expected = {
        (LINES[row["data"]], f"{tasks.get(row['task'], row['task'])}, {networks[row['network']]}"): (
            f"{short(row['gain']['value'])} +- {short(row['half_width'])}"
        )
        for row in content["rows"]
    }
    assert found == expected


def test_what_is_said_of_the_gains_is_so(content: dict[str, Any]) -> None:
    rows = {
        task: [row for row in content["rows"] if row["task"] == task]
        for task in ("colour dominance", "held-out classes")
    }
    (relation,) = content["alignment"]
    assert (
        f"Spearman's +{short(relation['rank_correlation'], 2)}, p = {short(relation['p_value'], 2)}, over six" in PAGE
    )
    assert relation["trainings"] == 6
    # "up to .02 more for the colour", "at 512 to 2,048, and has up to .06 more"
    most = {task: max(row["regret"]["value"] for row in own) for task, own in rows.items()}
    assert (round(most["colour dominance"], 2), round(most["held-out classes"], 2)) == (0.02, 0.06)
    steps = [row["best_step"] for row in rows["held-out classes"]]
    assert (min(steps), max(steps)) == (512, 2048)
    # "two of them just miss zero"
    margins = [abs(row["gain"]["value"]) - row["half_width"] for row in content["rows"]]
    assert sum(0 < margin < 0.002 for margin in margins) == 2
    # Recommended steps: one for VGG-8 on CIFAR-10, and a range for ResNet-10.
    whole = {row["network"]: row["recommended_steps"] for row in content["rows"] if row["data"] == "CIFAR-10"}
    assert set(whole["vgg8"]) == {256}
    assert (min(whole["resnet10"]), max(whole["resnet10"])) == (64, 1024)


def test_what_is_said_of_digits_is_so() -> None:
    place = ROOT / "paper" / "results" / "transfer-digits" / "result.json"
    (row,) = [one for one in json.loads(place.read_text(encoding="utf-8"))["rows"] if one["task"] == "MNIST"]
    assert (row["network"], row["base_width"], row["data"]) == ("vgg8", 16, "CIFAR-10")
    recommended, last = short(row["recommended"]["value"]), short(row["last"]["value"])
    gain = f"-{short(-row['gain']['value'])} +- {short(row['half_width'])}"
    assert f"right for {recommended} of them at the recommended step and for {last} at the last one" in PAGE
    assert f"a gain of {gain}" in PAGE
