"""The paper's table of simpler trainings is that of their curves, read off by hand for planted ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from empirical.studies.simplified_study.plan import SimplifiedPlan, Training
from empirical.studies.simplified_study.report import SimplifiedReport
from empirical.studies.simplified_study.runs import SimplifiedRun
from paper import simplified
from paper.result_folders import ResultFolders


def test_each_training_has_its_row(tmp_path: Path) -> None:
    """On the images the loss falls by .3 to step 8; a clone has half of it, a tangent none."""
    plan = SimplifiedPlan(("vgg8",), steps=8)
    steps = plan.measured_steps
    fall = 0.3 * np.log2(steps + 1.0) / np.log2(9)
    losses = dict(zip(Training, (0.6 - fall, 0.6 - fall / 2, 0.6 + 0 * fall), strict=True))
    errors = dict(zip(Training, (0.9 - fall, 0.9 - fall, 0.9 - fall + 0.02 * (steps > 4)), strict=True))
    run = SimplifiedRun(plan.setting("vgg8"), losses, errors)
    SimplifiedReport(plan, "planted", (run,)).save(tmp_path / "simplified")
    folders = ResultFolders((tmp_path,))
    rows = [
        line.removesuffix(r" \\").split(" & ")
        for line in simplified.tables(folders)["simplified.tex"].splitlines()
        if line.endswith(r"\\")
    ][1:]
    assert [row[0] for row in rows] == ["VGG-8"] * 3
    assert [row[1] for row in rows] == ["images", "Gaussian clone", "linear in weights"]
    assert [row[2] for row in rows] == ["", "1", "1"]
    assert [row[3] for row in rows] == ["", "--", "6"]
    assert [row[4] for row in rows] == ["$0.300$", "$0.150$", "$0.000$"]
    assert [row[6] for row in rows] == ["$0.600$", "$0.600$", "$0.620$"]
    found = simplified.numbers(folders)
    assert found["SimplerSteps"] == "8"
    assert found["SimplerCloneShare"] == "$0.50$"
    assert found["SimplerTangentShare"] == "$0.00$"
