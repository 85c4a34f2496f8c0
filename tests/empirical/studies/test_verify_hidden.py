"""Hidden layers of digits verified: the claims of theorems T10 and T11 on data, and their report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from empirical import HiddenUnits, HiddenVerification, VerifyHiddenPlan, verify_hidden
from empirical.studies.verify_hidden.finding import LayerFinding
from theory import Curve, InputError

LINEAR = VerifyHiddenPlan(widths=(10,), components=1, init_scale=0.01, step_size=0.02, steps=2048, replicas=1)


@pytest.fixture(scope="module")
def linear() -> HiddenVerification:
    return verify_hidden("digits", LINEAR)


def test_a_linear_hidden_layer_turns_where_it_was_derived(linear: HiddenVerification) -> None:
    """Three phases within .01 at every recorded step, and the output likewise."""
    hidden, output = linear.findings
    assert linear.holds
    assert hidden.deviation < 0.01
    assert output.deviation < 0.01
    derived, trained = hidden.derived_turning_point, hidden.trained_turning_point
    assert derived is not None
    assert trained is not None
    assert derived == pytest.approx(trained, rel=0.25)


def test_a_wrong_theory_fails(linear: HiddenVerification) -> None:
    """A curve that is .02 off, and one that turns at half of the time, are not accepted."""
    finding = linear.findings[0]
    shifted = Curve(finding.derived.times, finding.derived.losses + 0.02)
    early = Curve(finding.derived.times / 2, finding.derived.losses)
    assert not replace(finding, derived=shifted).holds(LINEAR)
    assert not replace(finding, derived=early).turning_holds(LINEAR)


def test_where_one_curve_alone_turns_the_dips_decide() -> None:
    times = np.array([0.0, 1.0, 2.0])
    deep, shallow, none = (Curve(times, np.array([[0.5, low, 0.5]])) for low in (0.45, 0.494, 0.496))
    assert LayerFinding("hidden layer", none, shallow).turning_holds(LINEAR)
    assert not LayerFinding("hidden layer", none, deep).turning_holds(LINEAR)
    assert LayerFinding("hidden layer", none, none).turning_holds(LINEAR)


def test_a_rectified_layer_follows_the_closure_with_several_gaussians_per_class() -> None:
    """To step 512 within .015 of the variance."""
    plan = VerifyHiddenPlan(
        (20,), HiddenUnits.RELU, components=4, init_scale=0.1, step_size=0.05, steps=512, replicas=1
    )
    report = verify_hidden("digits", plan)
    assert [one.layer for one in report.findings] == ["hidden layer"]
    assert report.findings[0].deviation < 0.015
    assert report.mixture is not None


def test_a_folder_holds_the_whole_report_and_a_finished_training(tmp_path: Path) -> None:
    plan = VerifyHiddenPlan(widths=(6, 5), components=1, steps=4, replicas=2)
    report = verify_hidden("digits", plan, folder=tmp_path)
    known = HiddenVerification.read(tmp_path)
    assert known.lines() == report.lines()
    assert known.plan == plan
    assert [one.layer for one in known.findings] == ["hidden layer 1", "hidden layer 2", "output"]
    assert (tmp_path / "hidden.png").stat().st_size > 10_000
    parts = {file: file.stat().st_mtime_ns for file in (tmp_path / "parts").iterdir()}
    assert verify_hidden("digits", plan, folder=tmp_path).lines() == report.lines()
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "parts").iterdir()} == parts


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"widths": ()}, "widths: is empty"),
        ({"widths": (0,)}, "hidden_width: 0 is not accepted"),
        ({"widths": (3, 3), "units": HiddenUnits.RELU}, "widths: 2 rectified layers are not derived"),
        ({"init_scale": 0.0}, "init_scale: 0.0 is not accepted"),
        ({"components": 0}, "components: 0 is not accepted"),
        ({"seed": 2**63}, "seed: 9223372036854775808 is not accepted"),
    ],
)
def test_a_plan_out_of_range_is_refused(changes: dict[str, object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        replace(LINEAR, **changes)


def test_a_step_size_that_diverges_is_one_line() -> None:
    with pytest.raises(InputError, match="step_size"):
        verify_hidden("digits", replace(LINEAR, step_size=50.0, steps=64))
