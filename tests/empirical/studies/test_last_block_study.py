"""The study of the last layers: what its curves are, what is read off them, and a run on blobs that resumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from empirical import ImageData
from empirical.studies.last_block_study.agreement import HALF_FALL, TURNING_POINT, Agreement, agreements
from empirical.studies.last_block_study.job import last_block_study
from empirical.studies.last_block_study.plan import LastBlockPlan, Setting, half_powers
from empirical.studies.last_block_study.report import LastBlockReport
from empirical.studies.last_block_study.runs import BlockRun, Level
from empirical.studies.last_block_study.training import (
    Trained,
    last_stage,
    trained_losses,
    two_layers,
    untrained,
    whole_network,
)
from tests.empirical.studies.test_track import blobs
from theory import InputError

#: A ResNet of width 1 has 128 features in its last stage, which need 512 images.
PLAN = LastBlockPlan((0.02, 0.04), (0.1, 1.0), 0.02, steps=4, batch_size=64, widths=(2, 1), images=600, parts=2)


@pytest.fixture(scope="module")
def data() -> ImageData:
    return ImageData("blobs", blobs(600, 0), blobs(40, 1), 4, ("a", "b", "c", "d"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def report(data: ImageData, place: Path) -> LastBlockReport:
    return last_block_study(PLAN, data=data, folder=place)


def test_measurements_are_evenly_spaced_in_log_steps() -> None:
    assert half_powers(64).tolist() == [0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64]
    assert half_powers(5).tolist() == [0, 1, 2, 3, 4]
    assert half_powers(1).tolist() == [0, 1]


def test_every_step_size_is_trained_for_the_same_time() -> None:
    plan = LastBlockPlan()
    assert [one.training.steps for one in plan.by_step_size] == [8192, 2048, 512, 128]
    assert set(plan.by_step_size) & set(plan.by_scale) == {plan.shared}
    assert len(plan.settings) == 7
    with pytest.raises(InputError, match="step_sizes: "):
        LastBlockPlan(step_sizes=(0.1,))
    for networks in ((), ("resnet10",), ("vgg8", "vgg8"), ("vgg11",)):
        with pytest.raises(InputError, match="networks: "):
            LastBlockPlan(networks=networks)


def test_both_trainings_begin_at_the_same_loss(data: ImageData) -> None:
    """At step 0 the layers below have not moved: the same network, to the rounding of single precision."""
    few = replace(data, train=blobs(400, 0))  # one batch of the images has their statistics
    first = [
        trained_losses(choose(untrained(PLAN.shared, few), few), few, PLAN.shared.training, np.array([0]), 400)
        for choose in (whole_network, last_stage, two_layers)
    ]
    assert first[0] == pytest.approx(first[1], abs=1e-5)


def _moved(setting: Setting, choose: Callable[[nn.Sequential, ImageData], Trained], data: ImageData) -> set[str]:
    """The parameters that one step moves, but for the last part of their names."""
    start, network = untrained(setting, data), untrained(setting, data)
    trained_losses(choose(network, data), data, setting.training, np.array([0, 1]), 600)
    pairs = zip(network.named_parameters(), start.parameters(), strict=True)
    return {name.rpartition(".")[0] for (name, one), other in pairs if not torch.equal(one, other)}


def test_only_the_last_two_layers_are_trained_on_features_that_stay(data: ImageData) -> None:
    residual = {"stage4.0." + name for name in ("second", "second_norm", "shortcut.0", "shortcut.1")}
    first = {"stage4.0.first", "stage4.0.first_norm"}
    vgg, resnet = PLAN.of_each_network
    assert _moved(vgg, two_layers, data) == {"block5.0", "block5.1", "classifier"}
    assert _moved(resnet, two_layers, data) == {*residual, "classifier"}
    assert _moved(resnet, last_stage, data) == {*residual, *first, "classifier"}


def test_the_scale_is_of_the_classifier_alone(data: ImageData) -> None:
    """Reconstruction from the block does not see it before training; after one step it does."""
    losses = [
        trained_losses(two_layers(untrained(one, data), data), data, one.training, np.array([0, 1, 4]), 600)
        for one in (replace(PLAN.shared, scale=scale) for scale in (0.1, 10.0))
    ]
    assert losses[0][0] == losses[1][0]
    assert abs(losses[0][-1] - losses[1][-1]) > 1e-4


def planted(end_to_end: list[float], two: list[float], derived: list[float] | None = None) -> BlockRun:
    """A run of 4 steps, measured at 0, 1, 2, 3, 4; two layers stay where they are until step 16."""
    curves = {Level.END_TO_END: np.array(end_to_end)}
    longer = {Level.TWO_TRAINED: two, Level.ONE_DERIVED: two, Level.TWO_DERIVED: derived}
    for level, losses in longer.items():
        if losses is not None:
            curves[level] = np.array(losses + losses[-1:] * 4)
    return BlockRun(PLAN.shared, curves)


RUN = planted([0.6, 0.5, 0.4, 0.5, 0.55], [0.6, 0.595, 0.55, 0.54, 0.52], [0.6, 0.55, 0.5, 0.5, 0.5])


def test_boundaries_are_read_off_each_curve() -> None:
    assert RUN.half_fall(Level.END_TO_END) == pytest.approx(1)
    assert 1 < RUN.turning_point(Level.END_TO_END) < 3
    assert np.isnan(RUN.turning_point(Level.TWO_TRAINED))
    assert RUN.fall(Level.TWO_TRAINED) == pytest.approx(0.08)
    missing = planted([0.6, 0.5, 0.4, 0.5, 0.55], [0.6] * 5)
    assert np.isnan([missing.half_fall(Level.TWO_DERIVED), missing.fall(Level.TWO_DERIVED)]).all()


def test_the_share_of_the_fall_and_the_drift() -> None:
    np.testing.assert_allclose(RUN.share(Level.TWO_DERIVED), [np.nan, 0.5, 0.5, 1, 2])
    assert RUN.drift == 1
    assert RUN.distance(Level.TWO_DERIVED, Level.TWO_TRAINED, 2) == pytest.approx(0.05)
    assert np.isnan(planted([0.6] * 5, [0.6] * 5).drift)


def test_a_series_agrees_in_order_and_within_a_factor() -> None:
    """Derived twice and half as late: a factor of two, and of two still with the best constant, which is one."""
    one = Agreement("scale", Level.TWO_DERIVED, Level.END_TO_END, TURNING_POINT, (20.0, 50.0), (10.0, 100.0))
    assert one.in_order
    assert one.factor == pytest.approx(2)
    assert one.factor_after_constant == pytest.approx(2)
    assert not one.holds
    late = replace(one, derived=(14.0, 140.0))
    assert late.factor == pytest.approx(1.4)
    assert late.factor_after_constant == pytest.approx(1)
    assert late.holds
    assert not replace(late, derived=(140.0, 14.0)).in_order
    missing = replace(late, derived=(14.0, float("nan")))
    assert missing.factor == pytest.approx(1.4)
    assert not missing.holds


def test_two_derived_layers_are_compared_with_these_and_with_all_layers_trained() -> None:
    found = agreements("series", [RUN])
    halves = {(one.theory, one.training): one.measured[0] for one in found if one.boundary == HALF_FALL}
    assert halves == {
        (Level.TWO_DERIVED, Level.TWO_TRAINED): RUN.half_fall(Level.TWO_TRAINED),
        (Level.TWO_DERIVED, Level.END_TO_END): RUN.half_fall(Level.END_TO_END),
        (Level.ONE_DERIVED, Level.END_TO_END): RUN.half_fall(Level.END_TO_END),
    }
    assert len(found) == 6


def test_a_study_has_every_curve_that_can_be_derived(report: LastBlockReport) -> None:
    assert [run.setting for run in report.runs] == list(PLAN.settings)
    assert {level for run in report.runs[:-1] for level in run.curves} == set(Level) - {Level.STAGE_TRAINED}
    shared = [run.setting in PLAN.of_each_network for run in report.runs]
    assert [Level.TWO_ON_GAUSSIANS in run.curves for run in report.runs] == shared
    assert set(report.runs[-1].curves) == set(Level) - {Level.PARTS_DERIVED}
    assert [run.setting for run in report.runs if Level.PARTS_DERIVED in run.curves] == [PLAN.shared]
    assert [Level.STAGE_TRAINED in run.curves for run in report.runs] == [False] * 3 + [True]
    text = str(report)
    assert "ResNet-10" in text
    assert "largest difference up to step 1,024" in text
    assert report.distance("resnet10", Level.STAGE_TRAINED) >= 0


def test_a_study_resumes_with_what_is_finished(report: LastBlockReport, data: ImageData, place: Path) -> None:
    written = {file: file.stat().st_mtime_ns for file in (place / "parts").iterdir()}
    assert len(written) == 3 * 4 + 5 + 3
    next(iter(written)).unlink()
    again = last_block_study(PLAN, data=data, folder=place)
    assert again.lines() == report.lines()
    kept = [file for file, time in written.items() if file.stat().st_mtime_ns == time]
    assert len(kept) == len(written) - 1


def test_the_report_reads_itself_back(report: LastBlockReport, place: Path) -> None:
    again = LastBlockReport.read(place)
    np.testing.assert_equal(again.content(), report.content())
    assert again.lines() == report.lines()
    assert (place / "last-block.png").stat().st_size > 10_000


def test_curves_that_do_not_fit_their_steps_are_refused() -> None:
    setting = Setting(PLAN.training("vgg8", 0.02), 1.0)
    with pytest.raises(InputError, match="END_TO_END: 2 losses; give 5, one"):
        BlockRun(setting, {Level.END_TO_END: np.ones(2), Level.TWO_TRAINED: np.ones(9)})
    with pytest.raises(InputError, match="curves: "):
        BlockRun(setting, {Level.END_TO_END: np.ones(5)})
