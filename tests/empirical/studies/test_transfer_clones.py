"""Clones of the data: whether a difference from the derived curve is the model's or that of a small sample."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from empirical import TransferVerification, VerifyTransferPlan, verify_transfer
from empirical.data.datasets import DataSet
from empirical.data.target_tasks import TargetTask, class_task
from empirical.studies.verify_transfer.finding import TransferFinding
from theory import InputError

PLAN = VerifyTransferPlan(steps=128, replicas=2, clones=6)


def _classes(mirrored: float) -> DataSet:
    """Two classes three deviations to either side; a share of each lies on the side of the other."""
    generator = np.random.default_rng(0)
    labels = np.arange(300) % 2
    side = 2 * labels - 1
    inputs = generator.standard_normal((300, 6)) * np.arange(1, 7) ** -0.5
    inputs[:, 0] += 3 * np.where(generator.random(300) < mirrored, -side, side)
    inputs[:, 1] += 0.7 * side
    return DataSet("two classes", inputs.astype(np.float32), labels, 2)


def _findings(data: DataSet, components: int) -> tuple[TransferFinding, ...]:
    inputs = data.inputs.astype(np.float64)
    targets = [class_task(data, "own"), TargetTask("sum", inputs, inputs[:, 0] + inputs[:, 2])]
    return verify_transfer(data, targets, replace(PLAN, components=components)).findings


def test_gaussian_classes_are_like_their_clones() -> None:
    assert all(one.is_like_its_clones for one in _findings(_classes(0.0), 1))


def test_classes_with_a_mirrored_minority_are_like_clones_of_two_gaussians_and_not_of_one() -> None:
    """One Gaussian per class is refuted by more than five standard deviations, though it is within the tolerance."""
    data = _classes(0.2)
    single = _findings(data, 1)
    assert all(one.curve_holds(PLAN) and one.departure is not None and abs(one.departure) > 4.5 for one in single)
    assert not any(one.is_like_its_clones for one in single)
    assert all(one.is_like_its_clones for one in _findings(data, 2))


def test_a_departure_counts_the_sample_and_the_mean_of_its_clones() -> None:
    """From the numbers of the curves at the step where derived and trained differ most."""
    (found, _) = _findings(_classes(0.2), 1)
    assert found.clones is not None
    assert found.clones.replicas == PLAN.clones
    column = int(np.argmax(np.abs(found.comparison.derived.mean - found.comparison.trained.mean)))
    explained, clones = 1 - found.comparison.trained.mean[column], 1 - found.clones.losses[:, column]
    assert found.sampling_deviation == pytest.approx(np.std(clones, ddof=1), rel=1e-12)
    expected = (explained - clones.mean()) / np.std(clones, ddof=1) / np.sqrt(7 / 6)
    assert found.departure == pytest.approx(expected, rel=1e-9)


def test_clones_resume_and_leave_the_trained_curve_as_it_is(tmp_path: Path) -> None:
    """Two more clones train two more; a result of before clones is read as one without."""
    data, short = _classes(0.0), replace(PLAN, components=1, steps=8, clones=0)
    target = [class_task(data, "own")]
    verify_transfer(data, target, short, folder=tmp_path)
    content = json.loads((tmp_path / "result.json").read_text())
    del content["configuration"]["clones"]
    (tmp_path / "result.json").write_text(json.dumps(content))
    older = TransferVerification.read(tmp_path)
    assert older.plan == short
    assert older.findings[0].departure is None
    trained = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "parts").iterdir()}
    verify_transfer(data, target, replace(short, clones=2), folder=tmp_path)
    report = verify_transfer(data, target, replace(short, clones=4), folder=tmp_path)
    parts = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "parts").iterdir()}
    assert parts.items() > trained.items()
    known = TransferVerification.read(tmp_path)
    assert known.lines() == report.lines()
    assert known.content()["targets"][0]["departure"] == pytest.approx(report.findings[0].departure, rel=1e-9)
    assert "where they are apart, over 4 samples of 300 inputs from these Gaussians:" in known.lines()


def test_one_clone_is_refused() -> None:
    with pytest.raises(InputError, match="clones: 1 is not accepted; give 0, or at least 2"):
        replace(PLAN, clones=1)


@pytest.mark.slow
def test_digits_are_like_clones_of_several_gaussians_and_not_of_one() -> None:
    """Ten targets, trained on 0 to 4 to step 4,096: a minute of one core for each model.

    With one Gaussian per class, all ten classes depart by five standard deviations. Of ten comparisons at 95 % two or
    more fail by chance in one of eleven.
    """
    from tests.empirical.studies.test_verify_transfer import PLAN as DIGITS
    from tests.empirical.studies.test_verify_transfer import TARGETS

    plan = replace(DIGITS, classes=tuple(range(5)), clones=16)
    several = verify_transfer("digits", TARGETS, replace(plan, components=None)).findings
    assert sum(bool(one.is_like_its_clones) for one in several) >= 9
    single = {one.target: one for one in verify_transfer("digits", TARGETS, replace(plan, components=1)).findings}
    assert single["digits:0-9"].departure is not None
    assert single["digits:0-9"].departure > 4
    assert not single["digits:0-9"].is_like_its_clones
