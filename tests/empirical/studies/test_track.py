"""A small network tracked from end to end: resumption, tables, faults."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

from empirical.data.images import ImageData, ImageSplit, Normalisation
from empirical.networks.network_training import TrainingPlan
from empirical.networks.networks import build_network
from empirical.probes.measures import RECONSTRUCTION, TEST_ACCURACY, WHOLE, Measure, MeasureKind, Measurement
from empirical.probes.on_request import CONVOLUTIONAL, INFORMATION, LINEAR, SOFTMAX
from empirical.probes.probe_tasks import COLOUR, HELD_OUT, parse_classes, transfer_tasks
from empirical.probes.standard import ProbePlan, measure_checkpoint
from empirical.probes.trained_decoder import DecoderTraining
from empirical.studies.track.job import track
from empirical.studies.track.plan import TrackPlan
from empirical.studies.track.report import TrackReport
from empirical.studies.track.trainings import readings_of
from theory import InputError

CPU = torch.device("cpu")


def blobs(count, seed):
    """Four classes: a bright square in one of four corners, in noise."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    pixels = generator.integers(0, 120, (count, 3, 32, 32))
    for corner in range(4):
        row, column = 16 * (corner // 2), 16 * (corner % 2)
        pixels[labels == corner, :, row : row + 16, column : column + 16] += 100
    return ImageSplit(pixels.astype(np.uint8), labels)


@pytest.fixture(scope="module")
def data():
    return ImageData("blobs", blobs(400, 0), blobs(200, 1), 4, ("a", "b", "c", "d"))


PLAN = TrackPlan(
    TrainingPlan("vgg8", base_width=2, steps=16, batch_size=64, step_size=0.05),
    ProbePlan(("block3", "block5"), pooled_features=32),
    seeds=2,
    classes=(0, 1),
)


@pytest.fixture(scope="module")
def tracked(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return track(data, PLAN, folder=folder), folder


def test_the_network_learns_and_every_measure_is_in_its_range(tracked):
    result = tracked[0]
    accuracy = result.values(WHOLE, TEST_ACCURACY)
    assert accuracy.shape == (2, 6)
    assert (accuracy[:, -1] > 0.9).all()  # their means alone distinguish the corners
    for layer in PLAN.probe.layers:
        loss = result.values(layer, RECONSTRUCTION)
        assert ((loss > 0) & (loss < 1.2)).all()
        for task in ("class", COLOUR, HELD_OUT):
            share = result.values(layer, Measure.probe(task))
            assert ((share >= 0) & (share <= 1)).all()
    # An untrained convolutional layer keeps a bright corner apart: chance is one half.
    assert result.values("block3", Measure.probe(HELD_OUT))[:, 0].min() > 0.7


def test_a_run_started_again_computes_nothing_and_says_the_same(data, tracked, monkeypatch):
    result, folder = tracked
    monkeypatch.setattr("empirical.studies.track.measuring.measure_checkpoint", None)
    again = track(data, PLAN, folder=folder)
    np.testing.assert_equal(again.tables(), result.tables())


def test_probes_on_request_join_the_others_without_measuring_those_again(data, tracked, tmp_path, monkeypatch):
    result, folder = tracked
    shutil.copytree(folder / "seed-0", tmp_path / "seed-0")
    monkeypatch.setattr("empirical.studies.track.measuring.measure_checkpoint", None)
    monkeypatch.setattr("empirical.probes.on_request.DecoderTraining", lambda: DecoderTraining(epochs=2))
    asked = dataclasses.replace(PLAN, seeds=1, also=(LINEAR, CONVOLUTIONAL, SOFTMAX, INFORMATION))
    found = track(data, asked, folder=tmp_path)
    trained = found.values("block5", Measure(MeasureKind.LINEAR_DECODER_LOSS))
    # Two epochs of 200 images are far from convergence: no better than the exact decoder.
    assert (trained > found.values("block5", RECONSTRUCTION)).all()
    assert found.values("block5", Measure(MeasureKind.CONVOLUTIONAL_DECODER_LOSS)).shape == (1, 6)
    # Two probabilities that sum to one reach the images on one line, of which that of the largest variance is the best.
    known = data.test.images[np.isin(data.test.labels, PLAN.classes)]
    pixels = Normalisation.from_images(data.train).apply(known).reshape(len(known), -1)
    variances = np.linalg.svd(pixels - pixels.mean(axis=0), compute_uv=False) ** 2
    softmax = found.values(WHOLE, Measure(MeasureKind.SOFTMAX_LOSS))
    assert (softmax >= 1 - variances[0] / variances.sum() - 1e-6).all()
    for layer in PLAN.probe.layers:
        about_label = found.values(layer, Measure(MeasureKind.INFORMATION_NEIGHBOURS_LABEL))
        assert (about_label < np.log(2) + 0.05).all()  # no more than the entropy of two classes
    np.testing.assert_array_equal(found.values("block3", RECONSTRUCTION), result.values("block3", RECONSTRUCTION)[:1])


def test_probes_on_request_may_be_made_at_some_checkpoints_only(data, tracked, tmp_path, monkeypatch):
    shutil.copytree(tracked[1] / "seed-0", tmp_path / "seed-0")
    monkeypatch.setattr("empirical.probes.on_request.INFORMATION_SAMPLES", 100)
    asked = dataclasses.replace(PLAN, seeds=1, also=(INFORMATION,), also_stride=2)
    found = track(data, asked, folder=tmp_path)
    made = np.isfinite(found.values("block5", Measure(MeasureKind.INFORMATION_NEIGHBOURS_LABEL))[0])
    assert asked.steps[made].tolist() == asked.also_steps.tolist() == [1, 4, 16]
    assert np.isfinite(found.values("block5", RECONSTRUCTION)).all()


def test_a_measure_that_is_lost_is_made_again_to_the_bit(data, tracked):
    result, folder = tracked
    file = sorted((folder / "seed-1" / "measures").glob("step-00000004-*.json"))[0]
    before = file.read_text()
    file.write_text(before[: len(before) // 2])
    again = track(data, PLAN, folder=folder)
    assert file.read_text() == before
    np.testing.assert_equal(again.tables(), result.tables())


def test_the_folder_holds_json_without_nan_a_table_and_the_figure(tracked):
    _, folder = tracked
    content = json.loads((folder / "result.json").read_text())
    assert content["steps"] == [0, 1, 2, 4, 8, 16]
    assert set(content["phases"]) == {"block3", "block5"}
    assert content["plan"]["classes"] == [0, 1]
    assert (folder / "track.png").stat().st_size > 10_000
    assert (folder / "measures.parquet").is_file()


def test_the_layers_of_a_network_are_its_blocks_where_none_are_named():
    assert TrackPlan().probe.layers == ("block1", "block2", "block3", "block4", "block5")
    assert TrackPlan(TrainingPlan("resnet10")).probe.layers[-1] == "stage4"


def test_without_a_folder_nothing_is_kept(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    training = TrainingPlan("vgg8", base_width=2, steps=1, batch_size=32)
    found = track(data, TrackPlan(training, ProbePlan(("block5",), 16, 100)))
    assert found.values("block5", RECONSTRUCTION).shape == (1, 2)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_layer_or_measure_is_named(data, tmp_path, tracked):
    with pytest.raises(InputError, match="block5"):
        track(data, TrackPlan(PLAN.training, ProbePlan(("blok5",))), folder=tmp_path)
    with pytest.raises(InputError, match="measure: 'probe accuracy: beauty' of 'block5' was not measured"):
        tracked[0].values("block5", Measure.probe("beauty"))


def test_a_folder_of_another_job_is_refused_before_the_images_are_loaded(tmp_path):
    (tmp_path / "run.json").write_text('{"command": "phases verify"}')
    with pytest.raises(InputError, match="holds results of phases verify"):
        track(lambda: pytest.fail("loaded"), PLAN, folder=tmp_path)


def test_nan_names_layer_step_and_seed(data, tmp_path, monkeypatch):
    from empirical.studies.track import measuring

    def broken(run, step):
        network = run._new_network().eval()
        with torch.no_grad():
            network.get_submodule("block4.0").weight.fill_(float("nan"))
        return network

    monkeypatch.setattr(measuring.TrainingRun, "network_at", broken)
    with pytest.raises(InputError, match=r"step 0 of seed 0: .*block4"):
        track(data, PLAN, folder=tmp_path)


def test_the_accuracy_of_a_network_does_not_depend_on_how_far_its_layers_are_pooled(data):
    """With fewer features than classes the network's own outputs were pooled too."""
    network = build_network("vgg8", 4, base_width=2)
    rows = [
        measure_checkpoint(
            network, data, Normalisation.from_images(data.train), [], ProbePlan(("block5",), width), CPU
        )[:3]
        for width in (2, 64)
    ]
    assert rows[0] == rows[1]


def test_gray_images_reach_a_network_for_colour_in_equal_channels(data):
    one_channel = [ImageSplit(split.images[:, 1:2], split.labels) for split in (data.train, data.test)]
    other = ImageData("gray", *one_channel, 4, data.class_names)
    task = transfer_tasks(data, None, other)[1][-1]
    assert task.name == "gray"
    for own, split in zip((task.train, task.test), (data.train, data.test), strict=True):
        assert own.images.shape == split.images.shape
        for channel in range(3):
            assert np.array_equal(own.images[:, channel], split.images[:, 1])
        assert np.array_equal(own.labels, split.labels)


def test_colour_images_are_not_made_gray(data):
    one_channel = [ImageSplit(split.images[:, 1:2], split.labels) for split in (data.train, data.test)]
    with pytest.raises(InputError, match=r"transfer_data: images have shape \(3, 32, 32\); give \(1, 32, 32\)"):
        transfer_tasks(ImageData("gray", *one_channel, 4, data.class_names), None, data)


def grey(split):
    return ImageSplit(np.full_like(split.images, 7), split.labels)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data: transfer_tasks(data, (0, 1, 2), None), "classes: 1 of 4 are left"),
        (lambda data: transfer_tasks(data, (0,), None), "classes"),
        (lambda data: transfer_tasks(data, (0, 9), None), "classes"),
        (
            lambda data: transfer_tasks(dataclasses.replace(data, test=data.train), None, None),
            "data: the test images of blobs are",
        ),
        (
            lambda data: transfer_tasks(dataclasses.replace(data, test=grey(data.test)), None, None),
            "data: all test images of blobs",
        ),
        (
            lambda data: transfer_tasks(dataclasses.replace(data, train=grey(data.train)), None, None),
            "data: all training images",
        ),
        (
            lambda data: transfer_tasks(data, None, dataclasses.replace(data, name="colour dominance")),
            "transfer_data: the name 'colour dominance' is that of another task",
        ),
        (lambda data: parse_classes("0,x"), "classes: '0,x' is not accepted"),
        (lambda data: parse_classes("9" * 5000), r"classes: '9{59}\.\.\. is not accepted"),
        (lambda data: parse_classes("0,-1"), "classes: -1"),
        (lambda data: TrackPlan(PLAN.training, PLAN.probe, seeds=0), "seeds"),
        (lambda data: TrackPlan(PLAN.training, PLAN.probe, also=("magic",)), "also: 'magic' is unknown"),
        (lambda data: TrackPlan(PLAN.training, PLAN.probe, also_stride=0), "also_stride"),
        (lambda data: TrackPlan(PLAN.training, PLAN.probe, classes=(0, -1)), "classes: -1"),
        (lambda data: Measure(MeasureKind.PROBE_ACCURACY), "task: is None for probe accuracy"),
        (lambda data: Measure(MeasureKind.RANK, budget=1.0), "budget: is 1.0 for rank"),
        (lambda data: Measure.budgeted(-1.0), "budget"),
        (lambda data: ProbePlan(("a",), pooled_features=0), "pooled_features"),
    ],
)
def test_bad_plans_are_named(data, call, message):
    with pytest.raises(InputError, match=message):
        call(data)


def test_the_report_states_means_over_seeds_with_their_errors():
    """Two seeds, whose mean has half of their difference for its error."""
    falling = np.array([[0.50, 0.40, 0.36, 0.33, 0.31, 0.30], [0.54, 0.40, 0.36, 0.33, 0.31, 0.30]])
    valley = np.array([[0.50, 0.40, 0.30, 0.20, 0.35, 0.45], [0.56, 0.42, 0.33, 0.24, 0.36, 0.47]])
    layers, measures = ("block3", "block5", WHOLE), (RECONSTRUCTION, RECONSTRUCTION, TEST_ACCURACY)
    seeds = [
        [
            tuple(Measurement(*one) for one in zip(layers, measures, values, strict=True))
            for values in zip(*columns, strict=True)
        ]
        for columns in zip(falling, valley, valley + 0.1, strict=True)
    ]
    rows = tuple(map(tuple, seeds))
    planted = TrackReport(PLAN, "planted", rows, readings_of(PLAN, rows))
    _, fallen, turned, *_ = planted.lines()
    reading = planted.readings["block5"]
    for shown in (
        "I II III",
        "0.310 +- 0.010",
        f"{reading.near_constant_end.value:.0f} +- {reading.near_constant_end.error:.0f}",
        f"{reading.half_fall.value:.0f} +- {reading.half_fall.error:.0f}",
        f"{reading.turning_point.value:.0f} +- {reading.turning_point.error:.0f}",
        "0.240 +- 0.010",
    ):
        assert shown in turned
        turned = turned.partition(shown)[2]
    assert "0.220 +- 0.020" in fallen
    assert "I II" in fallen
    assert "III" not in fallen
    content = planted.content()
    np.testing.assert_allclose(content["means"]["block5"][RECONSTRUCTION.name], valley.mean(axis=0))
    np.testing.assert_allclose(content["means"][WHOLE][TEST_ACCURACY.name], valley.mean(axis=0) + 0.1)
    assert content["phases"]["block3"]["fall"] == pytest.approx({"value": 0.22, "error": 0.02})
