"""Turning points derived from the untrained last layer, beside those of tracked trainings."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from empirical import (
    DeepReport,
    ImageData,
    Normalisation,
    ProbePlan,
    TrackPlan,
    TrackReport,
    TrainingPlan,
    deep,
    track,
)
from empirical.networks.networks import build_network
from empirical.studies.deep.last_layer import effective_step_size, last_layer_curve
from empirical.studies.deep.row import DeepRow
from empirical.tracker.phase_reading import Estimate
from tests.empirical.studies.test_track import blobs
from theory import InputError

PLAN = TrainingPlan("vgg8", base_width=4, steps=8, batch_size=32, step_size=0.05)


def _row(derived: float, tracked: float, error: float = np.nan) -> DeepRow:
    nothing = Estimate(np.nan, np.nan)
    return DeepRow(
        "vgg8", "blobs", "block5", 0.5, nothing, Estimate(derived, np.nan), nothing, Estimate(tracked, error)
    )


@pytest.mark.parametrize(
    ("derived", "tracked", "error", "fails"),
    [
        (120, 100, np.nan, False),
        (130, 100, np.nan, True),
        (130, 100, 3, False),  # two errors and the tolerance
        (130, 100, 2, True),
        (np.nan, 100, np.nan, True),
        (np.nan, np.nan, np.nan, False),
    ],
)
def test_a_turning_point_fails_beyond_the_tolerance_and_two_errors(
    derived: float, tracked: float, error: float, fails: bool
) -> None:
    assert _row(derived, tracked, error).fails is fails


def test_the_typical_factor_is_that_of_the_logarithms() -> None:
    """Twice too late and twice too early: a factor of two, as of one constant for a factor of four."""
    report = DeepReport((_row(200, 100), _row(200, 400)))
    assert report.factor == pytest.approx(2)
    assert report.constant_factor == pytest.approx(2)
    assert not report.holds


def test_momentum_counts_as_a_longer_step() -> None:
    assert effective_step_size(replace(PLAN, momentum=0.75)) == pytest.approx(0.2)


@pytest.fixture(scope="module")
def data() -> ImageData:
    return ImageData("blobs", blobs(400, 0), blobs(120, 1), 4, ("a", "b", "c", "d"))


@pytest.fixture(scope="module")
def tracked(data: ImageData) -> TrackReport:
    return track(data, TrackPlan(PLAN, ProbePlan(("block5",), pooled_features=64), seeds=2, classes=(0, 1)))


@pytest.fixture(scope="module")
def report(tracked: TrackReport, data: ImageData) -> DeepReport:
    return deep([tracked], data)


def test_the_curve_is_that_of_the_classifier_trained_on_features_that_stay(data: ImageData) -> None:
    """By torch's own descent on the features: within .02 of their variance, as classes of blobs are not Gaussian."""
    plan = replace(PLAN, momentum=0.0, step_size=0.2, steps=32)
    curve = last_layer_curve(plan, data, torch.device("cpu"))
    network = build_network("vgg8", 4, 3, 4, 0)
    normalisation = Normalisation.from_images(data.train)
    inputs, labels = torch.from_numpy(normalisation.apply(data.train.images)), torch.from_numpy(data.train.labels)
    with torch.no_grad():
        features = network[:-1].train()(inputs)  # one batch: its statistics are those of all images
    features = (features - features.mean(dim=0)).double()
    classifier = torch.nn.Linear(64, 4, bias=False).double()
    classifier.weight.data = network[-1].weight.detach().double()
    covariance = (features.T @ features / 400).numpy()
    optimiser = torch.optim.SGD(classifier.parameters(), lr=0.2)
    measured = {}
    for step in range(33):
        rows = classifier.weight.detach().numpy()
        crossed = rows @ covariance
        explained = np.trace(np.linalg.pinv(crossed @ rows.T) @ crossed @ crossed.T)
        measured[step] = 1 - explained / np.trace(covariance)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(classifier(features), labels).backward()
        optimiser.step()
    steps = np.rint(curve.times / 0.2).astype(int)
    np.testing.assert_allclose(curve.mean, [measured[step] for step in steps], atol=0.02)
    assert np.ptp(curve.mean) > 0.05


def test_a_row_holds_what_was_tracked_and_the_effective_step(report: DeepReport, tracked: TrackReport) -> None:
    (row,) = report.rows
    assert (row.network, row.data, row.layer) == ("vgg8", tracked.data, "block5")
    assert row.step_size == pytest.approx(0.5)
    np.testing.assert_equal(asdict(row)["turning_point"], asdict(tracked.readings["block5"])["turning_point"])


def test_the_report_reads_itself_back(report: DeepReport, tmp_path: Path) -> None:
    report.save(tmp_path)
    again = DeepReport.read(tmp_path)
    np.testing.assert_equal(again.content(), report.content())
    assert again.lines() == report.lines()
    assert (tmp_path / "deep.png").stat().st_size > 10_000


def test_images_of_another_name_are_refused(tracked: TrackReport, data: ImageData) -> None:
    with pytest.raises(InputError, match="trainings: one is on blobs classes"):
        deep([tracked], replace(data, name="others"))
    with pytest.raises(InputError, match="trainings: "):
        deep([], data)
