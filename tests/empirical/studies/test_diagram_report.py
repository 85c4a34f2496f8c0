from __future__ import annotations

from pathlib import Path

import pytest

from empirical.studies.diagram import DiagramPlan, DiagramReport, diagram
from theory import InputError

COMMITTED = Path(__file__).parents[3] / "paper" / "results" / "diagram"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "diagram"
    return diagram(DiagramPlan(dimension=8, replicas=2), folder=folder), folder


def test_a_report_that_is_read_back_says_the_same(saved) -> None:
    report, folder = saved
    again = DiagramReport.read(folder)
    assert again.content() == report.content()
    assert again.lines() == report.lines()
    assert again.tables() == report.tables()
    assert again.holds == report.holds


def test_regimes_that_few_draws_decide_are_no_failure(saved) -> None:
    """Single draws in eight directions differ at a quarter of the points; the derivation is wrong at none of them."""
    report, _ = saved
    assert report.agreement < 0.95
    assert report.judged.reproduced < report.agreement
    assert report.holds
    assert "give more --replicas" in report.lines()[-1]


def test_the_published_diagram_is_read_and_holds() -> None:
    report = DiagramReport.read(COMMITTED)
    assert len(report.points) == 225
    assert report.holds


def test_the_result_of_another_job_is_refused(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(InputError, match="the file has no configuration"):
        DiagramReport.read(tmp_path)
