"""Decoded images: what is shown is what the tracked loss is the mean of."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from empirical.data.images import ImageData, Normalisation
from empirical.networks.network_training import TrainingPlan
from empirical.networks.networks import build_network
from empirical.probes.measures import RECONSTRUCTION
from empirical.probes.standard import ProbePlan
from empirical.studies.decode.decoding import decoded_images, first_of_each_class
from empirical.studies.decode.job import decode
from empirical.studies.decode.plan import DecodePlan
from empirical.studies.decode.report import DecodeReport
from empirical.studies.track.job import track
from empirical.studies.track.plan import TrackPlan
from empirical.studies.track.report import TrackReport
from tests.empirical.studies.test_track import blobs
from theory import InputError

CPU = torch.device("cpu")
PLAN = TrackPlan(
    TrainingPlan("vgg8", base_width=2, steps=4, batch_size=64, step_size=0.05),
    ProbePlan(("block3", "block5"), pooled_features=16),
    classes=(0, 1),
)


@pytest.fixture(scope="module")
def data() -> ImageData:
    return ImageData("blobs", blobs(400, 0), blobs(120, 1), 4, ("a", "b", "c", "d"))


@pytest.fixture(scope="module")
def tracked(data: ImageData, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrackReport, Path]:
    folder = tmp_path_factory.mktemp("run")
    return track(data, PLAN, folder=folder), folder


@pytest.fixture(scope="module")
def report(data: ImageData, tracked: tuple[TrackReport, Path]) -> DecodeReport:
    return decode(tracked[1], data, DecodePlan((0, 4), images=2))


def test_the_losses_of_all_test_images_have_the_tracked_loss_for_their_mean(data: ImageData) -> None:
    network = build_network("vgg8", 4, base_width=2).eval()
    every = np.arange(data.test.labels.size)
    found = decoded_images(network, 0, "block5", data, every, ProbePlan(pooled_features=16), CPU)
    # Moments are sums of products in float32; each image is decoded in float64.
    assert found.image_losses.mean() == pytest.approx(found.loss, rel=1e-4)
    assert np.ptp(found.image_losses) > 0.01


def test_the_shown_loss_is_the_tracked_one(report: DecodeReport, tracked: tuple[TrackReport, Path]) -> None:
    losses = tracked[0].values("block5", RECONSTRUCTION)[0]
    assert [one.step for one in report.decoded] == [0, 4]
    assert [one.loss for one in report.decoded] == pytest.approx([losses[0], losses[-1]], rel=1e-6)


def test_a_loss_is_that_of_the_pixels_shown(data: ImageData, report: DecodeReport) -> None:
    """Up to the rounding to bytes, as these images stay between black and white."""
    images = Normalisation.from_images(data.train)
    variance = images.apply(data.test.images[data.test.labels < 2]).reshape(60, -1).var(axis=0).sum()
    for one in report.decoded:
        assert one.pixels.min() > 0
        assert one.pixels.max() < 255
        errors = (images.apply(one.pixels) - images.apply(report.originals)).reshape(2, -1)
        np.testing.assert_allclose(np.square(errors).sum(axis=1) / variance, one.image_losses, rtol=0.01)


def test_images_are_the_first_of_their_classes(data: ImageData, report: DecodeReport) -> None:
    assert first_of_each_class(np.array([2, 0, 2, 1, 0]), 2).tolist() == [1, 3]
    assert report.numbers.tolist() == [0, 1]
    assert report.names == ("a", "b")
    of_both = data.test.images[data.test.labels < 2]
    assert np.array_equal(report.originals, of_both[:2])


def test_without_steps_the_first_the_recommended_and_the_last_are_shown(
    data: ImageData, tracked: tuple[TrackReport, Path]
) -> None:
    steps = [one.step for one in decode(tracked[1], data, DecodePlan(layer="block3")).decoded]
    assert steps[0] == 0
    assert steps[-1] == 4
    assert 2 <= len(steps) <= 3


def test_the_report_reads_itself_back(report: DecodeReport, tmp_path: Path) -> None:
    report.save(tmp_path)
    again = DecodeReport.read(tmp_path)
    assert again.content() == report.content()
    assert again.lines() == report.lines()
    assert np.array_equal(again.originals, report.originals)
    for own, stored in zip(report.decoded, again.decoded, strict=True):
        assert np.array_equal(own.pixels, stored.pixels)
    assert (tmp_path / "decoded.png").stat().st_size > 5_000


def test_images_that_are_not_passed_on_are_left_out(report: DecodeReport, tmp_path: Path) -> None:
    """What was decoded of them is read, drawn and stored without them."""
    report.save(tmp_path / "whole")
    (tmp_path / "whole" / "images.parquet").unlink()
    rest = DecodeReport.read(tmp_path / "whole")
    assert rest.originals is None
    assert rest.content() == report.content()
    rest.save(tmp_path / "rest")
    assert not (tmp_path / "rest" / "images.parquet").exists()
    assert DecodeReport.read(tmp_path / "rest").lines() == report.lines()
    drawn = [plt.imread(tmp_path / name / "decoded.png").shape[0] for name in ("whole", "rest")]
    assert drawn[1] < drawn[0]


def test_results_that_do_not_fit_together_are_refused(report: DecodeReport, tmp_path: Path) -> None:
    report.save(tmp_path)
    content = json.loads((tmp_path / "result.json").read_text())
    (tmp_path / "result.json").write_text(json.dumps(content | {"shape": [3, 32, 31]}))
    with pytest.raises(InputError, match=r"images\.parquet holds 6144 pixels instead of 5952"):
        DecodeReport.read(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps(content | {"names": ["a"]}))
    with pytest.raises(InputError, match="names and losses of other numbers"):
        DecodeReport.read(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps(content))
    pq.write_table(pa.table({"pixels": [1.0, 2.0]}), tmp_path / "images.parquet")
    with pytest.raises(InputError, match="pixels that are no bytes"):
        DecodeReport.read(tmp_path)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (DecodePlan((0, 3)), "steps: 3 has no checkpoint; give some of 0, 1, 2, 4"),
        (DecodePlan(layer="block9"), "block9"),
    ],
)
def test_what_was_not_tracked_is_refused(
    data: ImageData, tracked: tuple[TrackReport, Path], plan: DecodePlan, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        decode(tracked[1], data, plan)


def test_other_images_and_absent_checkpoints_are_refused(
    data: ImageData, tracked: tuple[TrackReport, Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="tracked: is on blobs classes 0, 1"):
        decode(tracked[1], replace(data, name="others"))
    with pytest.raises(InputError, match="is of other settings, data or seed"):
        decode(tracked[1], replace(data, train=blobs(400, 2)))
    for file in ("run.json", "result.json", "measures.parquet"):
        shutil.copy(tracked[1] / file, tmp_path)
    with pytest.raises(InputError, match="checkpoints is missing; track again"):
        decode(tmp_path, data)
    assert not (tmp_path / "seed-0").exists()


@pytest.mark.parametrize("wrong", [{"steps": (4, 0)}, {"steps": (-1,)}, {"images": 0}, {"images": 17}])
def test_bad_plans_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"(steps|images): "):
        DecodePlan(**wrong)  # type: ignore[arg-type]
