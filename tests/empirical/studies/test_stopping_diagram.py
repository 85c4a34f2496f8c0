"""The diagram of transfer: verdicts where theorem T9 has them in closed form, and the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from empirical import StoppingDiagramPlan, StoppingDiagramReport, stopping_diagram
from theory import InputError, Stopping

PLAN = StoppingDiagramPlan(dimension=16, alpha=0.3, beta=0.5, columns=9, resolution=1e-6, replicas=2)

COMMITTED = Path(__file__).parents[3] / "paper" / "results" / "diagram-transfer"


@pytest.fixture(scope="module")
def report() -> StoppingDiagramReport:
    return stopping_diagram(PLAN)


def test_at_small_scales_the_verdicts_are_those_of_theorem_nine(report: StoppingDiagramReport) -> None:
    """Go on below the first border, stop later between them, stop at the turning point beyond 1."""
    later, turning = report.small_scale
    assert turning == pytest.approx(1)
    for column in report.columns:
        expected = (
            Stopping.GO_ON
            if column.alignment < later
            else Stopping.LATER
            if column.alignment < turning
            else Stopping.TURNING_POINT
        )
        assert column.lowest is expected
    assert {column.lowest for column in report.columns} >= {Stopping.GO_ON, Stopping.TURNING_POINT}


def test_a_report_that_is_read_back_says_the_same(report: StoppingDiagramReport, tmp_path: Path) -> None:
    report.save(tmp_path)
    known = StoppingDiagramReport.read(tmp_path)
    assert known.plan == PLAN
    assert known.columns == report.columns
    assert known.points == report.points
    assert known.content() == report.content()
    assert known.lines() == report.lines()
    assert (tmp_path / "diagram.png").stat().st_size > 10_000
    with pytest.raises(InputError, match="dimension: 4 is not accepted"):
        StoppingDiagramPlan(dimension=4)
    with pytest.raises(InputError, match="replicas: 3 is odd"):
        StoppingDiagramPlan(replicas=3)


def test_the_published_diagram_holds_and_has_every_verdict() -> None:
    known = StoppingDiagramReport.read(COMMITTED)
    assert known.holds
    assert known.away_from_borders > 100
    assert {point.measured for point in known.points} == set(Stopping)
