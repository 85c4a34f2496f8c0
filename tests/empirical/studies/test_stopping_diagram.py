from __future__ import annotations

from pathlib import Path

import pytest

from empirical import StoppingDiagramPlan, StoppingDiagramReport, stopping_diagram
from theory import InputError, Stopping

COMMITTED = Path(__file__).parents[3] / "paper" / "results" / "diagram-transfer"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[StoppingDiagramReport, Path]:
    folder = tmp_path_factory.mktemp("runs") / "diagram"
    return stopping_diagram(StoppingDiagramPlan(dimension=8, alpha=0.2, replicas=2), folder=folder), folder


def test_a_report_that_is_read_back_says_the_same(saved: tuple[StoppingDiagramReport, Path]) -> None:
    report, folder = saved
    again = StoppingDiagramReport.read(folder)
    assert again.content() == report.content()
    assert again.lines() == report.lines()
    assert again.tables() == report.tables()
    assert len(report.points) == 169
    assert (folder / "diagram.png").stat().st_size > 10_000


def test_the_published_diagram_holds_and_has_every_verdict() -> None:
    report = StoppingDiagramReport.read(COMMITTED)
    assert report.holds
    assert report.away_from_borders > 100
    assert {point.measured for point in report.points} == set(Stopping)


def test_pairs_of_opposite_sign_need_an_even_number() -> None:
    with pytest.raises(InputError, match="replicas: 3 is odd"):
        StoppingDiagramPlan(replicas=3)


def test_the_result_of_another_job_is_refused(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(InputError, match="the file has no configuration"):
        StoppingDiagramReport.read(tmp_path)
