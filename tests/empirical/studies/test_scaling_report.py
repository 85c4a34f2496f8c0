from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from empirical.studies.scaling import ScalingPlan, ScalingReport, scaling
from simulation.comparison.statistics import Slope
from simulation.experiments import scaling_sweep
from simulation.experiments.scaling_law import PowerLaw, Quantity, ScalingLaw
from simulation.experiments.scaling_sweep import ScalingMeasurement
from simulation.runs.run_folder import RunFolder
from simulation.runs.schedulers import LocalScheduler
from theory import InputError

COMMITTED = Path(__file__).parents[3] / "paper" / "results" / "scaling"


def law(quantity: Quantity, derived: float = 0.98, alpha: float = 0.5) -> ScalingLaw:
    values = np.array([1e-3, 1e-2])
    slope = Slope(1.0, 0.9, 1.1, 0.95)
    return ScalingLaw(
        quantity, PowerLaw(alpha, 1.5, 40), values, 2 * values, 0.01 * values, 1.0, derived, slope, slope, 0.0
    )


@pytest.fixture
def report() -> ScalingReport:
    laws = (*(law(quantity) for quantity in Quantity), law(Quantity.TURNING_TIME, 0.95, alpha=0.7))
    return ScalingReport(ScalingPlan(8, 3), laws, {"python": "3"})


def test_a_report_that_is_read_back_says_the_same(report: ScalingReport, tmp_path: Path) -> None:
    report.save(RunFolder(tmp_path, ScalingReport.kind))
    again = ScalingReport.read(tmp_path)
    assert again.content() == report.content()
    assert again.lines() == report.lines()
    assert again.tables() == report.tables()
    assert again.holds
    assert (tmp_path / "scaling.png").stat().st_size > 10_000


def test_one_law_whose_derived_slope_is_outside_its_interval_fails(report: ScalingReport) -> None:
    assert sum(line.endswith("holds") for line in report.lines()) == 5
    failing = replace(report, laws=(*report.laws[:-1], law(Quantity.TURNING_TIME, 2.0, alpha=0.7)))
    assert not failing.holds
    assert sum(line.endswith("FAILS") for line in failing.lines()) == 1
    assert [row["holds"] for row in failing.content()["laws"]] == [True, True, True, True, False]


def test_the_published_laws_are_read_with_their_points_and_hold() -> None:
    report = ScalingReport.read(COMMITTED)
    assert len(report.laws) == 13
    assert report.holds
    first = report.laws[0]
    assert (first.quantity, first.law) == (Quantity.PHASE_ONE_END, PowerLaw(0.4, 1.5, 200))
    # The slope of the points is the published one, to what a fit by least squares of their logarithms is.
    assert np.polyfit(np.log(first.values), np.log(first.measured), 1)[0] == pytest.approx(first.slope.value, abs=1e-9)
    assert max(len(line) for line in report.lines()) <= 80


def test_the_job_measures_saves_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four small configurations instead of the ten of the job."""
    small = [
        ScalingMeasurement("initial scale", PowerLaw(0.5, 1.5, 20), 2, 0, 1),
        ScalingMeasurement("step size", PowerLaw(0.5, 1.5, 20), 2, 1, 1),
        ScalingMeasurement("forgetting", PowerLaw(1.5, 0.5, 40), 2, 2, 1),
    ]
    monkeypatch.setattr("empirical.studies.scaling.scaling_measurements", lambda pairs, seed: small)
    monkeypatch.setattr(scaling_sweep, "SCALED", np.array([3e-3, 3e-2]))
    monkeypatch.setattr(scaling_sweep, "TURNING_STEPS", np.array([50.0, 100.0]))
    report = scaling(ScalingPlan(2, 5), folder=tmp_path, scheduler=LocalScheduler(1))
    assert {one.quantity for one in report.laws} == set(Quantity)
    counted: list[int] = []
    again = scaling(
        ScalingPlan(2, 5),
        folder=str(tmp_path),
        scheduler=LocalScheduler(1),
        progress=lambda items, description=None: counted.append(len(items)) or items,
    )
    assert counted == [0]
    assert again.content() == report.content() == ScalingReport.read(tmp_path).content()


def test_bad_plans_and_folders_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pairs: 1"):
        ScalingPlan(pairs=1)
    with pytest.raises(InputError, match="seed: -1"):
        ScalingPlan(seed=-1)
    (tmp_path / "run.json").write_text('{"command": "phases track"}')
    with pytest.raises(InputError, match="holds results of phases track"):
        scaling(folder=tmp_path)
    with pytest.raises(InputError, match="pairs: would need"):
        scaling(ScalingPlan(pairs=10**9))


def test_a_table_without_the_points_of_a_law_is_refused(report: ScalingReport, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, ScalingReport.kind)
    replace(report, laws=report.laws[:-1]).save(folder)
    folder.write_json("result.json", report.content())
    with pytest.raises(InputError, match="has no points of"):
        ScalingReport.read(tmp_path)
