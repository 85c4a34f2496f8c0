"""The commands phases sweep: the figures and tables that they write."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from simulation.comparison.statistics import Slope
from simulation.experiments.large_steps import phase_three_rises
from simulation.experiments.robustness import AXES, Point, Robustness, Setting, measure_robustness
from simulation.experiments.scaling import forgetting_law
from simulation.experiments.scaling_law import PowerLaw, ScalingLaw
from simulation.figures.robustness import draw_robustness, robustness_content, robustness_lines
from simulation.figures.scaling import (
    draw_scaling,
    scaling_columns,
    scaling_lines,
    scaling_rows,
)
from simulation.runs.run_folder import RunFolder


def _laws() -> list[ScalingLaw]:
    """Laws of four kinds; the points of three are made up."""
    forgotten = forgetting_law(PowerLaw(1.5, 0.5, 40), (3.0, 30.0), pairs=2, seed=0)
    values = np.array([1e-3, 1e-2])
    slope = Slope(1.0, 0.9, 1.1, 0.95)
    return [
        forgotten,
        *(
            ScalingLaw(
                quantity, parameter, PowerLaw(0.5, 1.5, 40), values, values, 0.01 * values, 1.0, 0.98, slope, slope, 0.0
            )
            for quantity, parameter in (("a", "sigma0"), ("b", "sigma0"), ("c", "eta"))
        ),
    ]


def test_scaling_laws_are_drawn_listed_and_kept(tmp_path: Path) -> None:
    laws = _laws()
    draw_scaling(laws, tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").stat().st_size > 10_000
    assert len(scaling_lines(laws)) == len(laws)
    assert scaling_lines(laws)[1].endswith("derived 0.9800 here and 1.0000 in the limit: holds")
    assert scaling_lines([replace(laws[1], derived=2.0)])[0].endswith("FAILS")
    rows = json.loads(json.dumps(scaling_rows(laws), allow_nan=False))
    assert [(row["derived"], row["exponent"]) for row in rows[1:]] == [(0.98, 1.0)] * 3
    # The slope of a finite spectrum is not the exponent -1 of theorem T6, and both are told.
    assert rows[0]["exponent"] == -1.0 != rows[0]["derived"]
    columns = scaling_columns(laws)
    assert set(columns["exponent"]) == {-1.0, 1.0}
    assert set(columns["derived"]) == {laws[0].derived, 0.98}
    assert {len(column) for column in columns.values()} == {sum(law.values.size for law in laws)}


def test_departures_are_drawn_and_listed_with_those_that_failed(tmp_path: Path) -> None:
    setting = Setting(dimension=20, samples=200, steps=50, draws=2)
    measured = measure_robustness(setting)
    points = [Point(axis, setting, measured) for axis in AXES]
    points.append(Point(AXES[0], replace(setting, tail_index=3.0), None, "training diverged"))
    found = Robustness(tuple(points), tuple(phase_three_rises()))
    draw_robustness(found, tmp_path / "robustness.png")
    assert (tmp_path / "robustness.png").stat().st_size > 10_000
    draw_robustness(replace(found, points=found.points[-2:]), tmp_path / "two.png")
    assert (tmp_path / "two.png").stat().st_size < (tmp_path / "robustness.png").stat().st_size
    lines = robustness_lines(found)
    assert "tail index of the noise 3: failed, training diverged" in lines
    assert sum(line.startswith("phase III at eta lambda_1") for line in lines) == len(found.rises)
    content = robustness_content(found)
    assert content["points"][0]["level"] == "Gaussian"
    assert content["points"][0]["descent"]["deviation"] == measured["descent"]["deviation"]
    assert content["failures"] == [{"axis": "tail_index", "level": "3", "message": "training diverged"}]
    assert len(content["findings"]) == len(AXES) + 2  # the flow beside descent, and the rises of phase III
    # What has no number is null in the file, with a reason beside it.
    RunFolder(tmp_path).write_json("result.json", content)
    for row in json.loads((tmp_path / "result.json").read_text())["points"][:-1]:
        for boundary in row["descent"]["boundaries"].values():
            assert (boundary["error"] is None) == (boundary["reason"] is not None)
