"""The chart has a row for each departure: its worst level, the largest deviation first."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from empirical.studies.robustness.report import RobustnessReport
from simulation.figures.robustness_chart import worst_levels

COMMITTED = Path(__file__).parents[3] / "paper" / "results" / "robustness"


def test_rows_are_the_worst_levels_in_order() -> None:
    found = RobustnessReport.read(COMMITTED).found
    rows = worst_levels(found)
    sizes = [abs(descent.deviation) for _, descent in rows]
    assert sizes == sorted(sizes, reverse=True)
    axes = [point.axis.relaxed for point, _ in rows]
    assert len(set(axes)) == len(axes) == len({point.axis.relaxed for point in found.points})
    for point, descent in rows:
        own = [one.descent.deviation for one in found.along(point.axis) if one.descent is not None]
        assert abs(descent.deviation) == np.abs(own).max()
