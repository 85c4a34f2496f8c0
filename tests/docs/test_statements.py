"""What a page says of committed results is what they hold."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_gains_of_stopping_are_those_of_the_result() -> None:
    page = (ROOT / "docs" / "how-to" / "when-to-stop.md").read_text(encoding="utf-8")
    content = json.loads((ROOT / "paper" / "results" / "transfer" / "result.json").read_text(encoding="utf-8"))
    places = {"CIFAR-10": 1, "0, 1, 2, 3, 4": 2, "0, 1, 8, 9": 3, "2, 3, 4, 5, 6, 7": 4}
    table = [line.split("|")[2:6] for line in page.splitlines() if line.startswith("| ") and "classes, VGG" not in line]
    cells = [[cell.strip() for cell in line] for line in table if len(line) == 4]
    shown = {cell for line in cells for cell in line if "+-" in cell}
    assert len(shown) == len(content["rows"])
    for row in content["rows"]:
        column = 2 * (row["task"] == "held-out classes") + (row["network"] == "resnet10")
        line = cells[places[row["data"].removeprefix("CIFAR-10 classes ")]]
        expected = f"{row['gain']['value']:.3f} +- {row['half_width']:.3f}".replace("0.", ".")
        assert line[column] == expected, row
    relations = {one["task"]: one for one in content["alignment"]}
    for task, name in (("colour dominance", "the colour"), ("held-out classes", "held-out classes")):
        one = relations[task]
        said = f"{one['rank_correlation']:+.2f}, p = {one['p_value']:.2f}, for {name}".replace("0.", ".")
        assert said in page
