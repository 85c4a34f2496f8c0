"""Macros and tables of tracked trainings are the entries of planted ones, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from empirical.networks.network_training import TrainingPlan
from empirical.probes.measures import RECONSTRUCTION, TEST_ACCURACY, WHOLE, Measure, MeasureKind, Measurement
from empirical.probes.probe_tasks import COLOUR
from empirical.probes.standard import ProbePlan
from empirical.studies.decode.decoding import DecodedImages
from empirical.studies.decode.report import DecodeReport
from empirical.studies.track.plan import TrackPlan
from empirical.studies.track.report import TrackReport
from empirical.studies.transfer.comparison import Effect, TransferRow
from empirical.studies.transfer.report import TransferReport
from empirical.tracker.phase_reading import Estimate, PhaseReading
from paper import decoded, published, tracking
from paper.result_folders import ResultFolders
from simulation.runs.run_folder import RunFolder
from tests.paper.test_planted_results import rows_of

#: Two seeds at the steps 0, 1, 2, 4, 8, 16; the mean of two values has half of their difference for its error.
LOSSES = ((0.50, 0.40, 0.30, 0.20, 0.35, 0.45), (0.56, 0.42, 0.25, 0.28, 0.33, 0.55))
COLOURS = ((0.60, 0.70, 0.72, 0.80, 0.70, 0.64), (0.68, 0.70, 0.74, 0.86, 0.60, 0.54))
ACCURACIES = ((0.1, 0.2, 0.3, 0.4, 0.5, 0.70), (0.1, 0.2, 0.3, 0.4, 0.5, 0.84))


NAN = float("nan")
NOTHING = Estimate(NAN, NAN)
NO_TURN = PhaseReading(Estimate(0.001, NAN), Estimate(0.0, NAN), False, False, NOTHING, NOTHING, NOTHING, NAN)
TURN = PhaseReading(
    fall=Estimate(0.12, 0.03),
    rise=Estimate(0.07, 0.04),
    falls=True,
    rises=True,
    near_constant_end=Estimate(2.0, 0.2),
    half_fall=Estimate(3.0, 0.4),
    turning_point=Estimate(5.0, 0.6),
    grid_ratio=4.0,
)


def _tracked(root: Path, name: str, by_seed: list[list[list[Measurement]]], readings: dict[str, PhaseReading]) -> None:
    """A finished run of ``phases track`` whose phases are planted apart from its losses."""
    training = TrainingPlan(network="vgg8", steps=16, batch_size=32, step_size=0.004, momentum=0.8, seed=3)
    plan = TrackPlan(training, ProbePlan(tuple(readings)), len(by_seed), classes=(0, 1, 2))
    report = TrackReport(plan, "CIFAR-10", tuple(tuple(map(tuple, seed)) for seed in by_seed), readings)
    folder = RunFolder(root / name)
    folder.write_json("result.json", report.content())
    for file, columns in report.tables().items():
        folder.write_table(file, columns)


@pytest.fixture
def trainings(tmp_path: Path) -> ResultFolders:
    """The main training, one whose last layer does not turn, and one with a trained decoder at the steps 0, 4, 16."""
    seeds = [
        [
            [
                Measurement(WHOLE, TEST_ACCURACY, accuracy),
                Measurement("first", RECONSTRUCTION, 0.9),
                Measurement("last", RECONSTRUCTION, loss),
                Measurement("last", Measure.probe(COLOUR), colour),
            ]
            for accuracy, loss, colour in zip(*columns, strict=True)
        ]
        for columns in zip(ACCURACIES, LOSSES, COLOURS, strict=True)
    ]
    _tracked(tmp_path, "track-vgg8-cifar10", seeds, {"first": NO_TURN, "last": TURN})
    flat = [[Measurement(WHOLE, TEST_ACCURACY, 0.5), Measurement("last", RECONSTRUCTION, 0.9)] for _ in range(6)]
    _tracked(tmp_path, "track-other", [flat], {"last": NO_TURN})
    decoded = {0: 0.60, 3: 0.30, 5: 0.54}
    rows = [[Measurement("last", RECONSTRUCTION, 0.9)] for _ in range(6)]
    for index, loss in decoded.items():
        rows[index].append(Measurement("last", Measure(MeasureKind.LINEAR_DECODER_LOSS), loss))
    _tracked(tmp_path, "decoder-vgg8", [rows], {"last": TURN})
    return ResultFolders((tmp_path,))


def test_tracking(trainings: ResultFolders) -> None:
    assert tracking.numbers(trainings) == {
        "TrackSteps": "16",
        "TrackSeeds": "2",
        "TrackBatch": "32",
        "TrackStepSize": "$0.004$",
        "TrackMomentum": "$0.8$",
        "TrackStart": r"$0.53 \pm 0.03$",
        "TrackLowest": r"$0.24 \pm 0.04$",  # of both seeds at the mean curve's lowest step
        "TrackEnd": r"$0.50 \pm 0.05$",
        "TrackFlat": r"$2.0 \pm 0.2$",
        "TrackHalf": r"$3.0 \pm 0.4$",
        "TrackTurning": r"$5.0 \pm 0.6$",
        "TrackColourStart": r"$0.64 \pm 0.04$",
        "TrackColourBest": r"$0.83 \pm 0.03$",
        "TrackColourBestStep": "4",
        "TrackColourEnd": r"$0.59 \pm 0.05$",
        "TrackAccuracy": r"$0.77 \pm 0.07$",
        "TrackTrainings": "2",
        "TrackAllPhases": "1",
    }
    table = rows_of(tracking.tables(trainings))
    assert {row[1] for row in table} == {"0--2"}
    assert [row[2:] for row in table][1:] == [
        ["first", "$0.001$", "--", "--", "--", "$0.000$"],
        ["last", r"$0.12 \pm 0.03$", r"$2.0 \pm 0.2$", r"$3.0 \pm 0.4$", r"$5.0 \pm 0.6$", r"$0.07 \pm 0.04$"],
    ]


def test_published(trainings: ResultFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "published.csv"
    file.write_text(
        "iteration,reconstruction_loss_sum_over_79_batches,transfer_test_accuracy\n"
        "0,40,0.7\n2,36,0.75\n4,20,0.9\n8,24,0.85\n16,30,0.8\n32,10,0.6\n"
    )
    monkeypatch.setattr(published, "_FILE", file)
    assert published.numbers(trainings) == {
        # Theirs, up to step 16, in units of the first loss.
        "PublishedLastStep": "16",
        "PublishedFall": "$0.50$",
        "PublishedRise": "$0.25$",
        "PublishedLowestStep": "4",
        "PublishedColourBest": "$0.900$",
        "PublishedColourLast": "$0.600$",
        "PublishedColourLastStep": "32",
        # The mean falls from 0.53 to 0.24 and rises to 0.50.
        "PublishedExactFall": "$0.55$",
        "PublishedExactRise": "$0.49$",
        "PublishedExactLowestStep": "4",
        # 0.60, 0.30, 0.54 beside 0.50, 0.20, 0.45 of the first seed.
        "PublishedTrainedFall": "$0.50$",
        "PublishedTrainedRise": "$0.40$",
        "PublishedTrainedLowestStep": "4",
        "PublishedTrainedExcessLeast": "$1.200$",
        "PublishedTrainedExcessMost": "$1.500$",
        "PublishedOurColourBest": "$0.830$",
        "PublishedOurColourEnd": "$0.590$",
        "PublishedDecoderCheckpoints": "3",
        "PublishedExactSeeds": "2",
    }
    table = rows_of(published.tables(trainings))
    assert [row[0] for row in table] == ["0", "2", "4", "8", "16"]
    colour = r"$0.83 \pm 0.03$"
    assert table[2][1:] == ["$0.500$", "$0.500$", "$0.453$", "$0.300$", r"$0.24 \pm 0.04$", "$0.900$", colour]
    assert table[1][2] == table[1][4] == "--"


def test_decoded(tmp_path: Path) -> None:
    """The losses of block, logits and probabilities apart by a tenth; of two images one is worse at the end."""
    digits = ((0.90, 0.91, 0.92, 0.96, 0.95, 0.90), (0.92, 0.91, 0.92, 0.94, 0.97, 0.94))
    seeds = [
        [
            [
                Measurement("classifier", RECONSTRUCTION, loss + 0.1),
                Measurement("last", RECONSTRUCTION, loss),
                Measurement(WHOLE, Measure(MeasureKind.SOFTMAX_LOSS), loss + 0.2),
                Measurement("last", Measure.probe("MNIST"), right),
            ]
            for loss, right in zip(*columns, strict=True)
        ]
        for columns in zip(LOSSES, digits, strict=True)
    ]
    _tracked(tmp_path, "outputs-vgg8", seeds, {"classifier": TURN, "last": TURN})
    blank = np.zeros((2, 3, 4, 4), np.uint8)
    shown = tuple(
        DecodedImages(step, loss, np.array(own), blank)
        for step, loss, own in ((0, 0.5, [0.4, 0.6]), (4, 0.3, [0.2, 0.5]), (16, 0.45, [0.3, 0.4]))
    )
    report = DecodeReport("vgg8", 16, "CIFAR-10", "last", 3, np.array([3, 5]), ("a", "b"), (3, 4, 4), None, shown)
    folder = RunFolder(tmp_path / "decoded")
    folder.write_json("result.json", report.content())
    for file, columns in report.tables().items():
        folder.write_table(file, columns)
    known = dict.fromkeys(("first", "recommended", "best", "last", "gain", "regret"), Estimate(0.02, 0.004))
    row = TransferRow(
        training=0, network="vgg8", data="CIFAR-10", classes=None, layer="last", task="MNIST", alignment=0.5,
        recommended_steps=(4, 2), best_step=8, last_step=16, half_width=0.051, effect=Effect.UNDECIDED, **known,
    )  # fmt: skip
    compared = TransferReport((row, replace(row, task=COLOUR)), ())
    RunFolder(tmp_path / "transfer-digits").write_json("result.json", compared.content())
    found = decoded.numbers(ResultFolders((tmp_path,)))
    assert found == {
        "DecodedNetwork": "VGG-8",
        "DecodedWidth": "--",  # that of the planted training, which has the default
        "DecodedSeeds": "2",
        "DecodedImages": "2",
        "DecodedFirst": "$0.500$",
        "DecodedBest": "$0.300$",
        "DecodedLast": "$0.450$",
        "DecodedFirstStep": "0",
        "DecodedBestStep": "4",
        "DecodedLastStep": "16",
        "DecodedWorse": "1",
        "DigitsStart": r"$0.910 \pm 0.010$",
        "DigitsBest": r"$0.960 \pm 0.010$",  # at step 8 by the mean, not at each seed's own best step
        "DigitsBestStep": "8",
        "DigitsEnd": r"$0.920 \pm 0.020$",
        "DigitsGain": r"$+0.020 \pm 0.051$",
        "DigitsStops": "2 to 4",
        "BlockStart": r"$0.53 \pm 0.03$",
        "BlockLowest": r"$0.24 \pm 0.04$",
        "BlockLowestStep": "4",
        "BlockEnd": r"$0.50 \pm 0.05$",
        "LogitsStart": r"$0.63 \pm 0.03$",
        "LogitsLowest": r"$0.34 \pm 0.04$",
        "LogitsLowestStep": "4",
        "LogitsEnd": r"$0.60 \pm 0.05$",
        "SoftmaxStart": r"$0.73 \pm 0.03$",
        "SoftmaxLowest": r"$0.44 \pm 0.04$",
        "SoftmaxLowestStep": "4",
        "SoftmaxEnd": r"$0.70 \pm 0.05$",
    }
    rows = rows_of(decoded.tables(ResultFolders((tmp_path,))))
    losses = [r"$0.24 \pm 0.04$", r"$0.34 \pm 0.04$", r"$0.44 \pm 0.04$"]
    assert rows[3] == ["4", *losses, r"$0.950 \pm 0.010$"]
