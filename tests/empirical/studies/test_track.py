"""A small network tracked from end to end: resumption, tables, faults."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from empirical.data.images import ImageData, ImageSplit, Normalisation
from empirical.networks.network_training import TrainingPlan
from empirical.networks.networks import build_network
from empirical.probes.on_request import CONVOLUTIONAL, INFORMATION, LINEAR
from empirical.probes.probe_tasks import COLOUR, HELD_OUT, parse_classes, transfer_tasks
from empirical.probes.standard import (
    PROBE_ACCURACY,
    RECONSTRUCTION,
    TEST_ACCURACY,
    WHOLE,
    Measurement,
    ProbePlan,
    measure_checkpoint,
)
from empirical.probes.trained_decoder import DecoderTraining
from empirical.studies.track import Tracked, TrackPlan, measurement_columns, track
from empirical.studies.track_report import draw_tracked, phase_lines, tracked_as_json
from simulation.runs.run_folder import RunFolder
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
)


@pytest.fixture(scope="module")
def tracked(data, tmp_path_factory):
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    chosen, tasks = transfer_tasks(data, (0, 1), None)
    return track(PLAN, chosen, tasks, folder, CPU), folder, chosen, tasks


def test_the_network_learns_and_every_measure_is_in_its_range(tracked):
    result = tracked[0]
    accuracy = result.values(WHOLE, TEST_ACCURACY)
    assert accuracy.shape == (2, 6)
    assert (accuracy[:, -1] > 0.9).all()  # the corners are told apart by their means alone
    for layer in PLAN.probe.layers:
        loss = result.values(layer, RECONSTRUCTION)
        assert ((loss > 0) & (loss < 1.2)).all()
        for task in ("class", COLOUR, HELD_OUT):
            share = result.values(layer, PROBE_ACCURACY + task)
            assert ((share >= 0) & (share <= 1)).all()
    # An untrained convolutional layer keeps a bright corner apart: chance is one half.
    assert result.values("block3", PROBE_ACCURACY + HELD_OUT)[:, 0].min() > 0.7


def test_a_run_started_again_computes_nothing_and_says_the_same(tracked, monkeypatch):
    result, folder, chosen, tasks = tracked
    monkeypatch.setattr("empirical.studies.track.measure_checkpoint", None)
    again = track(PLAN, chosen, tasks, folder, CPU)
    np.testing.assert_equal(measurement_columns(again), measurement_columns(result))


def test_probes_on_request_join_the_others_without_measuring_those_again(tracked, monkeypatch):
    result, folder, chosen, tasks = tracked
    monkeypatch.setattr("empirical.studies.track.measure_checkpoint", None)
    monkeypatch.setattr("empirical.probes.on_request.DecoderTraining", lambda: DecoderTraining(epochs=2))
    asked = dataclasses.replace(PLAN, seeds=1, also=(LINEAR, CONVOLUTIONAL, INFORMATION))
    found = track(asked, chosen, tasks, folder, CPU)
    trained = found.values("block5", f"reconstruction loss of a trained {LINEAR}")
    # Two epochs of 200 images are far from convergence: no better than the exact decoder.
    assert (trained > found.values("block5", RECONSTRUCTION)).all()
    assert found.values("block5", f"reconstruction loss of a trained {CONVOLUTIONAL}").shape == (1, 6)
    for layer in PLAN.probe.layers:
        about_label = found.values(layer, "information: neighbours, about the label")
        assert (about_label < np.log(2) + 0.05).all()  # no more than the entropy of two classes
    np.testing.assert_array_equal(found.values("block3", RECONSTRUCTION), result.values("block3", RECONSTRUCTION)[:1])


def test_probes_on_request_may_be_made_at_some_checkpoints_only(tracked, monkeypatch):
    _, folder, chosen, tasks = tracked
    monkeypatch.setattr("empirical.probes.on_request.INFORMATION_SAMPLES", 100)
    asked = dataclasses.replace(PLAN, seeds=1, also=(INFORMATION,), also_stride=2)
    found = track(asked, chosen, tasks, folder, CPU)
    made = np.isfinite(found.values("block5", "information: neighbours, about the label")[0])
    assert asked.steps[made].tolist() == asked.also_steps.tolist() == [1, 4, 16]
    assert np.isfinite(found.values("block5", RECONSTRUCTION)).all()


def test_a_measure_that_is_lost_is_made_again_to_the_bit(tracked):
    result, folder, chosen, tasks = tracked
    file = sorted((folder.path / "seed-1" / "measures").glob("step-00000004-*.json"))[0]
    before = file.read_text()
    file.write_text(before[: len(before) // 2])
    again = track(PLAN, chosen, tasks, folder, CPU)
    assert file.read_text() == before
    np.testing.assert_equal(measurement_columns(again), measurement_columns(result))


def test_the_report_is_json_without_nan_and_the_figure_is_written(tracked, tmp_path):
    result = tracked[0]
    folder = RunFolder(tmp_path)
    folder.write_json("result.json", tracked_as_json(result))
    content = json.loads((tmp_path / "result.json").read_text())
    assert content["steps"] == [0, 1, 2, 4, 8, 16]
    assert set(content["phases"]) == {"block3", "block5"}
    assert len(phase_lines(result)) == 2
    draw_tracked(result, tmp_path / "track.png")
    assert (tmp_path / "track.png").stat().st_size > 10_000


def test_an_unknown_layer_or_measure_is_named(data, tmp_path, tracked):
    plan = TrackPlan(PLAN.training, ProbePlan(("blok5",)))
    chosen, tasks = transfer_tasks(data, None, None)
    with pytest.raises(InputError, match="block5"):
        track(plan, chosen, tasks, RunFolder(tmp_path), CPU)
    with pytest.raises(InputError, match="measure: 'beauty' of 'block5' was not measured"):
        tracked[0].values("block5", "beauty")


def test_nan_names_layer_step_and_seed(data, tmp_path, monkeypatch):
    chosen, tasks = transfer_tasks(data, None, None)
    from empirical.studies import track as tracking

    def broken(run, step):
        network = run._new_network().eval()
        with torch.no_grad():
            network.get_submodule("block4.0").weight.fill_(float("nan"))
        return network

    monkeypatch.setattr(tracking.TrainingRun, "network_at", broken)
    with pytest.raises(InputError, match=r"step 0 of seed 0: .*block4"):
        track(PLAN, chosen, tasks, RunFolder(tmp_path), CPU)


def test_the_accuracy_of_a_network_does_not_depend_on_how_far_its_layers_are_pooled(data):
    """With fewer features than classes the network's own outputs were pooled too."""
    network = build_network("vgg8", 4, base_width=2)
    rows = [
        measure_checkpoint(network, data, Normalisation.of(data.train), [], ProbePlan(("block5",), width), CPU)[:3]
        for width in (2, 64)
    ]
    assert rows[0] == rows[1]


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
        (lambda data: parse_classes("0,x"), "classes: '0,x' is not accepted"),
        (lambda data: parse_classes("9" * 5000), r"classes: '9{40}\.\.\.' is not accepted"),
        (lambda data: parse_classes("0,-1"), "classes: -1"),
        (lambda data: TrackPlan(PLAN.training, PLAN.probe, seeds=0), "seeds"),
        (lambda data: TrackPlan(PLAN.training, PLAN.probe, also=("magic",)), "also: 'magic' is unknown"),
        (lambda data: TrackPlan(PLAN.training, PLAN.probe, also_stride=0), "also_stride"),
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
    planted = Tracked(PLAN, "planted", tuple(map(tuple, seeds)))
    fallen, turned = phase_lines(planted)
    assert fallen == "block3  falls by 0.220 +- 0.020 and has not turned"
    reading = planted.phases("block5").turning_point
    assert turned.startswith("block5  falls by 0.310 +- 0.010 (half of it by step ")
    assert f"turns at step {reading.value:.0f} +- {reading.error:.0f}, rises by 0.240 +- 0.010" in turned
    content = tracked_as_json(planted)
    np.testing.assert_allclose(content["means"]["block5"][RECONSTRUCTION], valley.mean(axis=0))
    np.testing.assert_allclose(content["means"][WHOLE][TEST_ACCURACY], valley.mean(axis=0) + 0.1)
    assert content["phases"]["block3"]["fall"] == pytest.approx({"value": 0.22, "error": 0.02})
