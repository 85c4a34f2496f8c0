"""Transfer on digits, trained on 0 to 4, against ten targets: what the theory reaches, and where it ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from empirical import TransferVerification, VerifyTransferPlan, verify_transfer
from empirical.data.datasets import DataSet, load_digits, unit_variance
from empirical.data.target_tasks import TargetTask, chosen_classes, class_task
from theory import InputError, Stopping

#: sigma0 = .01 and eta = .05 on inputs of unit variance, to step 4,096, where held-out classes have risen and fallen.
PLAN = VerifyTransferPlan(components=1, init_scale=0.01, step_size=0.05, steps=4096)


def _whole() -> DataSet:
    digits = load_digits()
    return replace(digits, inputs=unit_variance(digits.inputs))


#: Five by classes, five by regression.
TARGETS = (
    "digits:0-4",
    "digits:0-9",
    "digits:5-9",
    "digits:6,9",
    "digits:7,8",
    "digits:ink",
    "digits:centre",
    "digits:upper",
    "digits:left-right",
    "component:5",
)


@pytest.fixture(scope="module")
def found() -> TransferVerification:
    return verify_transfer("digits", TARGETS, replace(PLAN, classes=tuple(range(5))))


def test_the_verdict_of_theorem_nine_is_right_for_all_ten_targets(found: TransferVerification) -> None:
    print("\n".join(found.lines()))
    wrong = [one.target for one in found.findings if not one.verdict_agrees]
    assert not wrong
    advice = [one.comparison.found.stopping for one in found.findings]
    assert advice.count(Stopping.GO_ON) >= 3
    assert sum(one.is_between for one in advice) >= 3
    assert Stopping.BEFORE_TRAINING in advice


def test_held_out_classes_and_total_ink_are_within_two_hundredths_at_every_step(found: TransferVerification) -> None:
    by_name = {one.target: one for one in found.findings}
    for name in ("digits:5-9", "digits:ink"):
        assert by_name[name].comparison.deviation <= 0.02
    assert sum(one.curve_holds(PLAN) for one in found.findings) >= 6


def test_best_steps_agree_where_the_peak_is_sharp_and_cost_little_where_it_is_flat(found: TransferVerification) -> None:
    """Within 30 %, or else no more than .005 of trained R_T is lost at the derived best step; one target is missed.

    The fifth principal component rises late in training, from directions in which digits are not Gaussian: the mean
    field with class covariances has it fall.
    """
    misses = [one.target for one in found.findings if not one.step_holds(PLAN)]
    assert misses == ["component:5"]
    sharp = ("digits:ink", "digits:centre", "digits:upper", "digits:left-right", "digits:6,9")
    for one in found.findings:
        if one.target in sharp:
            assert abs(one.comparison.time_ratio - 1) <= 0.3


@pytest.mark.slow
def test_ten_parts_of_each_class_bring_held_out_classes_and_ink_within_about_a_hundredth() -> None:
    """Measured: .0055 and .0114, with 18,899 numbers in 26 directions where the data have 24,327."""
    found = verify_transfer("digits", TARGETS, replace(PLAN, classes=tuple(range(5)), components=10))
    by_name = {one.target: one for one in found.findings}
    for name, accepted in (("digits:5-9", 0.008), ("digits:ink", 0.013)):
        assert by_name[name].comparison.deviation <= accepted
        assert by_name[name].comparison.agrees
    assert sum(one.curve_holds(PLAN) for one in found.findings) >= 9


def test_the_linearised_curve_holds_early_and_the_mean_field_longer(found: TransferVerification) -> None:
    """At step 16 both are within .005; at the end the linearised one is far off for some."""
    for one in found.findings:
        steps = np.rint(one.linearised.times / PLAN.step_size)
        early = steps <= 16
        trained, linear = one.comparison.trained.mean, one.linearised.mean
        assert np.abs(one.comparison.derived.mean - trained)[early].max() < 0.01
        assert np.abs(linear - trained)[steps <= 2].max() < 0.01
    assert max(np.abs(one.linearised.mean - one.comparison.trained.mean).max() for one in found.findings) > 0.04


def test_what_was_found_is_plain_values(found: TransferVerification) -> None:
    content = found.content()
    assert content["source"] == "digits:0-4"
    assert [one["target"] for one in content["targets"]] == [one.target for one in found.findings]
    assert content["configuration"]["step_size"] == 0.05
    held = content["targets"][2]
    assert held["trained"]["stopping"] in {one.value for one in Stopping}
    assert held["derived"]["step"] == round(held["derived"]["time"] / 0.05)
    assert content["holds"] is found.holds is False
    lines = found.lines()
    assert lines[-4].startswith("theorem T9 gives the advice of training for 10 of 10 targets")
    assert all(len(line) <= 90 for line in lines)


def test_a_verification_that_holds_says_so() -> None:
    """The first steps on the classes themselves."""
    whole = _whole()
    source = chosen_classes(whole, range(5))
    plan = VerifyTransferPlan(components=1, step_size=0.05, steps=8, replicas=2)
    short = verify_transfer(source, [class_task(source, "own")], plan)
    assert short.holds
    assert short.findings[0].verdict.stopping is Stopping.GO_ON
    assert short.findings[0].verdict.time == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"init_scale": 0}, "init_scale: 0 is not accepted"),
        ({"step_size": -1.0}, "step_size: -1.0 is not accepted"),
        ({"steps": 0}, "steps: 0 is not accepted"),
        ({"seed": -1}, "seed: -1 is not accepted"),
    ],
)
def test_a_plan_out_of_range_is_refused(changes: dict[str, float], match: str) -> None:
    with pytest.raises(InputError, match=match):
        replace(PLAN, **changes)


def test_what_does_not_fit_is_refused_before_any_training() -> None:
    whole = _whole()
    source = chosen_classes(whole, range(5))
    with pytest.raises(InputError, match="targets: is empty"):
        verify_transfer(source, [], PLAN)
    with pytest.raises(InputError, match="step_size: 1 gives eta lambda_1"):
        verify_transfer(source, [class_task(source, "own")], replace(PLAN, step_size=1.0))
    narrow = TargetTask("narrow", whole.inputs[:, :5].astype(np.float64), np.arange(1797.0))
    with pytest.raises(InputError, match="inputs: has 5 coordinates; give 64"):
        verify_transfer(source, [narrow], PLAN)
    with pytest.raises(InputError, match=r"targets: digits:ink is given twice"):
        verify_transfer("digits", ["digits:ink", "digits:ink"], PLAN)


def test_a_folder_holds_the_whole_report_and_a_finished_training(tmp_path: Path) -> None:
    """Read back, it says the same; started again, nothing is trained."""
    plan = VerifyTransferPlan(classes=(0, 1, 2), components=2, steps=8, replicas=2)
    report = verify_transfer("digits", ["digits:7,8", "component:2"], plan, folder=tmp_path)
    known = TransferVerification.read(tmp_path)
    assert known.lines() == report.lines()
    assert known.plan == plan
    assert known.mixture is not None
    assert known.mixture.components == (2, 2, 2)
    assert [one.verdict for one in known.findings] == [one.verdict for one in report.findings]
    assert (tmp_path / "transfer.png").stat().st_size > 10_000
    parts = {file: file.stat().st_mtime_ns for file in (tmp_path / "parts").iterdir()}
    again = verify_transfer("digits", ["digits:7,8", "component:2"], plan, folder=tmp_path)
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "parts").iterdir()} == parts
    assert again.lines() == report.lines()
