from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from empirical.studies.robustness.job import robustness
from empirical.studies.robustness.report import RobustnessPlan, RobustnessReport
from simulation.comparison.departure import Departure
from simulation.experiments.large_steps import phase_three_rises
from simulation.experiments.robustness import AXES, MOMENTUM, Point, Relaxed, Robustness, Setting, measure_robustness
from simulation.runs.run_folder import RunFolder, json_text
from simulation.runs.schedulers import LocalScheduler
from theory import InputError

COMMITTED = Path(__file__).parents[3] / "paper" / "results" / "robustness"


@pytest.fixture(scope="module")
def report() -> RobustnessReport:
    """The first level of every axis with one and the same departure, and a level that failed."""
    measured = measure_robustness(Setting(dimension=20, samples=200, steps=50, draws=2))
    descent, flow = (Departure.from_values(measured[name]) for name in ("descent", "flow"))
    settings = [(axis, replace(axis.setting(axis.levels[0]), draws=2, seed=4)) for axis in AXES]
    points = [Point(axis, setting, descent, flow) for axis, setting in settings]
    failing = replace(settings[0][1], tail_index=3.0)
    points.append(Point(AXES[0], failing, None, None, "training diverged"))
    plan = RobustnessPlan(draws=2, seed=4)
    return RobustnessReport(plan, Robustness(tuple(points), tuple(phase_three_rises())), {"python": "3"})


@pytest.fixture(scope="module")
def saved(report: RobustnessReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the report."""
    folder = tmp_path_factory.mktemp("saved")
    report.save(RunFolder(folder, RobustnessReport.kind))
    return folder


def test_a_report_that_is_read_back_says_the_same(report: RobustnessReport, saved: Path) -> None:
    again = RobustnessReport.read(saved)
    assert json_text(again.content()) == json_text(report.content())
    assert again.plan == report.plan
    assert again.lines() == report.lines()
    assert again.failures == report.failures
    assert [one.setting for one in again.found.points] == [one.setting for one in report.found.points]
    assert (saved / "robustness.png").stat().st_size > 10_000


def test_a_level_that_failed_is_a_failure_and_the_others_are_in_the_tables(report: RobustnessReport) -> None:
    assert report.failures == ("tail index of the noise 3: training diverged",)
    lines = report.lines()
    assert lines[1].split()[:2] == ["level", "deviation"]
    assert next(line for line in lines if line.startswith("3 ")).split()[1] == "failed"
    assert max(len(line) for line in lines) <= 80
    content = report.content()
    assert content["points"][0]["level"] == "Gaussian"
    assert content["failures"] == [{"axis": "tail_index", "level": "3", "message": "training diverged"}]
    assert len(content["findings"]) == len(AXES) + 2  # the flow beside descent, and the rises of phase III


def test_a_figure_of_two_axes_is_smaller_than_that_of_all(
    report: RobustnessReport, saved: Path, tmp_path: Path
) -> None:
    few = replace(report.found, points=report.found.points[-2:])
    replace(report, found=few).draw(tmp_path / "two.png")
    assert (tmp_path / "two.png").stat().st_size < (saved / "robustness.png").stat().st_size


def test_what_has_no_number_is_null_in_the_file_with_a_reason_beside_it(report: RobustnessReport) -> None:
    for point in report.found.points:
        if point.descent is not None:
            for boundary in point.descent.boundaries.values():
                assert np.isnan(boundary.error) == (boundary.reason is not None)


def test_the_published_sweep_is_read() -> None:
    report = RobustnessReport.read(COMMITTED)
    assert len(report.found.points) == 47
    assert report.failures == ()
    momentum = report.at(Relaxed.OPTIMISER, MOMENTUM).descent
    assert momentum is not None
    assert momentum.turning_point.ratio == pytest.approx(1.416, abs=5e-4)
    # Two levels whose regime older versions could not name.
    assert [one.level for one in report.found.points if one.descent and one.descent.regime_derived is None] == [
        1.6,
        1.9,
    ]
    with pytest.raises(InputError, match="level: optimiser rmsprop was not measured"):
        report.at(Relaxed.OPTIMISER, "rmsprop")


def test_the_job_trains_saves_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    axis = AXES[4]
    small = Setting(spectrum="spikes", classes=2, loss="squared", samples=200, steps=20, draws=2)
    chosen = [(axis, small), (axis, replace(small, step_share=2.5))]
    monkeypatch.setattr("empirical.studies.robustness.job.settings", lambda draws, seed, axes: chosen)
    plan = RobustnessPlan(draws=2, axes=("step_share",))
    report = robustness(plan, folder=tmp_path, scheduler=LocalScheduler(1))
    assert [one.descent is None for one in report.found.points] == [False, True]
    assert "not stable" in report.failures[0]
    kept = RobustnessReport.read(tmp_path)
    assert kept.failures == report.failures
    assert kept.plan == plan


def test_bad_plans_and_folders_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="draws: 1"):
        RobustnessPlan(draws=1)
    with pytest.raises(InputError, match="axis: 'tails' is unknown"):
        RobustnessPlan(axes=("tails",))
    (tmp_path / "run.json").write_text('{"command": "phases track"}')
    with pytest.raises(InputError, match="holds results of phases track"):
        robustness(folder=tmp_path)
    with pytest.raises(InputError, match="draws: would need"):
        robustness(RobustnessPlan(draws=10**9))
