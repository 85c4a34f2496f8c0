"""Transfer on digits, trained on 0 to 4, against ten targets: what the theory reaches, and where it ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from empirical import fit_mixture, mixture_model
from empirical.data.datasets import DataSet, load_digits, unit_variance
from empirical.data.target_tasks import TargetTask, chosen_classes, class_task, regression_task, target_task
from empirical.studies.verify_transfer import TransferVerification, VerifyTransferPlan, verify_transfer
from theory import InputError, Stopping

#: sigma0 = .01 and eta = .05 on inputs of unit variance, to step 4,096, where held-out classes have risen and fallen.
PLAN = VerifyTransferPlan(init_scale=0.01, step_size=0.05, steps=4096)


def _whole() -> DataSet:
    digits = load_digits()
    return replace(digits, inputs=unit_variance(digits.inputs))


def _ten_targets(whole: DataSet) -> list[TargetTask]:
    """Five by classes, five by regression."""
    images = whole.inputs.astype(np.float64).reshape(-1, 8, 8)
    ink = images.sum(axis=(1, 2))
    place = (images.sum(axis=1) @ np.arange(8)) / ink
    halves = images[:, :, :4].sum(axis=(1, 2)) - images[:, :, 4:].sum(axis=(1, 2))
    pixels = whole.inputs - whole.inputs.mean(axis=0)
    directions = np.linalg.svd(pixels.astype(np.float64), full_matrices=False)[2]
    return [
        target_task("digits:0-4", whole),
        class_task(whole, "all ten classes"),
        target_task("digits:5-9", whole),
        target_task("digits:6,9", whole),
        target_task("digits:7,8", whole),
        regression_task(whole, ink, "total ink"),
        regression_task(whole, place, "centre of the ink, across"),
        regression_task(whole, images[:, :4].sum(axis=(1, 2)), "ink of the upper half"),
        regression_task(whole, halves, "ink left less right"),
        regression_task(whole, pixels @ directions[4], "fifth principal component"),
    ]


@pytest.fixture(scope="module")
def found() -> TransferVerification:
    whole = _whole()
    return verify_transfer(chosen_classes(whole, range(5)), _ten_targets(whole), PLAN)


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
    for name in ("digits:5-9", "total ink"):
        assert by_name[name].comparison.deviation <= 0.02
    assert sum(one.curve_holds(PLAN) for one in found.findings) >= 6


def test_best_steps_agree_where_the_peak_is_sharp_and_cost_little_where_it_is_flat(found: TransferVerification) -> None:
    """Within 30 %, or else no more than .005 of trained R_T is lost at the derived best step; one target is missed.

    The fifth principal component rises late in training, from directions in which digits are not Gaussian: the mean
    field with class covariances has it fall.
    """
    misses = [one.target for one in found.findings if not one.step_holds(PLAN)]
    assert misses == ["fifth principal component"]
    sharp = ("total ink", "centre of the ink, across", "ink of the upper half", "ink left less right", "digits:6,9")
    for one in found.findings:
        if one.target in sharp:
            assert abs(one.comparison.time_ratio - 1) <= 0.3


@pytest.mark.slow
def test_eight_gaussians_per_class_bring_held_out_classes_and_ink_within_about_a_hundredth() -> None:
    """Measured: .0103 and .0072, with 15,119 numbers in 26 directions where the data have 24,327."""
    whole = _whole()
    source = chosen_classes(whole, range(5))
    fit = fit_mixture(source.inputs, source.labels, source.classes, numbers=(8,))
    mixture = mixture_model(fit, source.inputs, source.labels)
    found = verify_transfer(source, _ten_targets(whole), PLAN, mixture=mixture)
    by_name = {one.target: one for one in found.findings}
    for name in ("digits:5-9", "total ink"):
        assert by_name[name].comparison.deviation <= 0.011
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
    assert lines[-2].startswith("theorem T9 gives the advice of training for 10 of 10 targets")
    assert all(len(line) <= 90 for line in lines)


def test_a_verification_that_holds_says_so() -> None:
    """The first steps on the classes themselves."""
    whole = _whole()
    source = chosen_classes(whole, range(5))
    plan = VerifyTransferPlan(step_size=0.05, steps=8, replicas=2)
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
    with pytest.raises(InputError, match="tasks: is empty"):
        verify_transfer(source, [], PLAN)
    with pytest.raises(InputError, match="step_size: 1 gives eta lambda_1"):
        verify_transfer(source, [class_task(source, "own")], replace(PLAN, step_size=1.0))
    narrow = TargetTask("narrow", whole.inputs[:, :5].astype(np.float64), np.arange(1797.0))
    with pytest.raises(InputError, match="inputs: has 5 coordinates; give 64"):
        verify_transfer(source, [narrow], PLAN)
