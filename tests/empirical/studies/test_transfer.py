"""What the report says of transfer follows from the curves: known turning points, gains and their intervals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from empirical.networks.network_training import TrainingPlan
from empirical.probes.measures import RECONSTRUCTION, Measure, Measurement
from empirical.probes.probe_tasks import COLOUR
from empirical.probes.standard import ProbePlan
from empirical.studies.track.plan import TrackPlan
from empirical.studies.track.report import TrackReport
from empirical.studies.transfer.comparison import Effect, adjusted_half_width, recommended_indices, transfer_rows
from empirical.studies.transfer.job import transfer
from empirical.studies.transfer.report import TransferReport
from simulation.runs.run_folder import RunFolder
from theory import InputError

COMMITTED = Path(__file__).parents[3] / "paper" / "results" / "transfer"

# Steps 0, 1, 2, 4, ..., 64: the loss is smallest at step 8, in one seed at step 4.
VALLEY = np.array([0.40, 0.39, 0.36, 0.33, 0.31, 0.33, 0.36, 0.40])
EARLIER = np.array([0.40, 0.39, 0.34, 0.31, 0.33, 0.35, 0.38, 0.41])
RISE_AND_FALL = np.array([0.70, 0.71, 0.74, 0.78, 0.80, 0.81, 0.77, 0.74])
RISE = np.array([0.50, 0.51, 0.54, 0.58, 0.60, 0.62, 0.64, 0.66])


def tracked(losses, alignment=None, classes=None, **accuracies):
    """A training whose last layer has these losses (seed, T), and these accuracies of tasks."""
    losses = np.atleast_2d(losses)
    plan = TrackPlan(
        TrainingPlan("vgg8", steps=64), ProbePlan(("block4", "block5")), seeds=len(losses), classes=classes
    )
    measured = {RECONSTRUCTION: losses} | {Measure.probe(task): values for task, values in accuracies.items()}
    rows = tuple(
        tuple(
            tuple(Measurement("block5", one, float(values[seed][time])) for one, values in measured.items())
            for time in range(losses.shape[1])
        )
        for seed in range(len(losses))
    )
    return TrackReport(plan, "images", rows, {}, alignment or {})


LOSSES = np.stack([VALLEY, VALLEY, EARLIER])
OFFSETS = np.array([[0.0], [0.01], [-0.01]])


def test_each_seed_is_stopped_at_its_own_smallest_loss():
    assert recommended_indices(tracked(LOSSES)).tolist() == [4, 4, 3]
    # A loss that only falls has not turned: the last checkpoint is the recommended one.
    assert recommended_indices(tracked(np.linspace(0.5, 0.3, 8))).tolist() == [7]


def test_gains_are_paired_by_seed():
    alignment = {"colour": 0.2, "held_out": 0.6}
    run = tracked(LOSSES, alignment, colour=RISE_AND_FALL + OFFSETS, held_out=RISE + OFFSETS)
    colour, held_out = transfer_rows(run)
    assert colour.recommended_steps == (8, 8, 4)
    # By hand: .80 - .74 twice and .78 - .74 once; offsets of seeds cancel.
    assert colour.gain.value == pytest.approx(0.16 / 3)
    assert colour.gain.error == pytest.approx(0.02 / 3)
    assert colour.half_width == pytest.approx(4.303 * 0.02 / 3, rel=1e-3)  # Student's 97.5 % point, 2 degrees
    assert (colour.effect, held_out.effect) == (Effect.HELPS, Effect.HURTS)
    assert (colour.best_step, held_out.best_step, colour.last_step) == (16, 64, 64)
    assert colour.regret.value == pytest.approx((0.01 + 0.01 + 0.03) / 3)
    assert colour.alignment == 0.2
    report = transfer([run])
    lines = [line.split() for line in report.lines()]
    gains = [line for line in lines if "helps" in line]
    assert [line[1:3] + line[-2:] for line in gains] == [  # in the order of the alignment
        ["colour", "0.20", "stopping", "helps"],
        ["held_out", "0.60", "on", "helps"],
    ]
    assert max(map(len, report.lines())) <= 80


def test_noise_between_seeds_leaves_the_effect_open():
    spread = RISE_AND_FALL + np.array([[0.0], [0.0], [0.0]])
    spread[2, -1] += 0.15  # one seed of three gains by training on
    (row,) = transfer_rows(tracked(LOSSES, {"colour": 0.2}, colour=spread))
    assert row.effect is Effect.UNDECIDED
    report = transfer([tracked(VALLEY, {"colour": 0.2}, colour=spread[:1])])
    (single,) = report.rows
    assert report.lines()[-1] == "one seed does not distinguish stopping from training on; track several"
    assert single.effect is Effect.UNDECIDED
    assert np.isnan(single.half_width)


def three_runs():
    """An odd number of panels, gains of one alignment, trainings of one name."""
    alignment = {"colour": 1.0, "held_out": 0.5}
    return [
        tracked(LOSSES, alignment, classes, colour=RISE_AND_FALL + OFFSETS + offset, held_out=RISE + OFFSETS)
        for offset, classes in ((0.0, None), (0.01, (3, 4)), (0.02, None))
    ]


def test_a_report_that_is_read_back_says_the_same(tmp_path):
    report = transfer(three_runs(), folder=tmp_path)
    again = TransferReport.read(tmp_path)
    assert again.content() == report.content()
    assert again.lines() == report.lines()
    assert again.tables() == report.tables()
    assert again.holds == report.holds
    assert (tmp_path / "transfer.png").stat().st_size > 10_000
    again.draw(tmp_path / "again.pdf")
    assert (tmp_path / "again.pdf").read_bytes().startswith(b"%PDF")


def test_the_published_comparison_is_read(tmp_path):
    report = TransferReport.read(COMMITTED)
    assert report.holds
    assert [row.training for row in report.rows] == [0, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert report.rows[2].classes == (0, 1, 2, 3, 4)
    first = report.rows[0]
    assert (first.task, first.recommended_steps, first.classes) == (COLOUR, (256, 256, 256), None)
    assert (first.gain.value, first.half_width) == pytest.approx((0.058, 0.016), abs=5e-4)
    helped = [row.task == COLOUR for row in report.rows if row.effect is Effect.HELPS]
    assert helped == [True] * 6
    assert sum(row.effect is Effect.HURTS for row in report.rows) == 2
    assert max(map(len, report.lines())) <= 80
    # The accuracies of the curves are those of the rows.
    np.testing.assert_allclose(
        [one.accuracy[:, -1].mean() for one in report.curves], [r.last.value for r in report.rows]
    )
    replace(report, curves=()).draw(tmp_path / "gains.png")
    assert (tmp_path / "gains.png").stat().st_size > 10_000


def test_only_a_colour_that_is_hurt_fails(tmp_path):
    def found(task):
        run = tracked(LOSSES, {task: 0.5}, **{task: RISE + OFFSETS})
        return transfer([run])

    assert found("held_out").rows[0].effect is found(COLOUR).rows[0].effect is Effect.HURTS
    assert found("held_out").holds
    assert not found(COLOUR).holds


def test_bad_input_is_named(tmp_path):
    with pytest.raises(InputError, match="folder: images was tracked without a task of transfer"):
        transfer([tracked(LOSSES)])
    with pytest.raises(InputError, match="alignment of 'colour' is missing"):
        transfer([tracked(LOSSES, colour=RISE_AND_FALL + OFFSETS)])
    with pytest.raises(InputError, match="trainings: "):
        transfer([])
    run = three_runs()[0]
    with pytest.raises(InputError, match="training 2 holds the same measurements as training 1"):
        transfer([run, run], folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_table_that_lacks_a_row_is_refused(tmp_path):
    transfer(three_runs(), folder=tmp_path)
    columns = {name: values[1:] for name, values in transfer(three_runs()).tables()["accuracies.parquet"].items()}
    RunFolder(tmp_path).write_table("accuracies.parquet", columns)
    with pytest.raises(InputError, match="does not hold the accuracies of 'colour'"):
        TransferReport.read(tmp_path)


def test_accuracies_are_means_over_seeds_at_one_step_each():
    """The best step is that of the mean, though one seed alone is best elsewhere."""
    own = [0.50, 0.6, 0.90, 0.7, 0.7, 0.80, 0.7, 0.6], [0.53, 0.6, 0.65, 0.7, 0.7, 0.86, 0.7, 0.63]
    (row,) = transfer_rows(
        tracked(LOSSES, {"colour": 0.2}, colour=np.array([*own, [0.56, 0.6, 0.65, 0.7, 0.7, 0.89, 0.7, 0.66]]))
    )
    assert row.best_step == 16
    values = [one.value for one in (row.first, row.recommended, row.best, row.last, row.regret)]
    assert values == pytest.approx([0.53, 0.70, 0.85, 0.63, 0.15])
    assert row.first.error == pytest.approx(0.03 / np.sqrt(3))


def test_an_adjusted_interval_is_students_at_a_tenth_of_the_level() -> None:
    """Two degrees of freedom have the quantile (2p - 1) / sqrt(2 p (1 - p)): 4.303 at .975 and 14.089 at .9975."""
    row = TransferReport.read(COMMITTED).rows[0]
    assert len(row.recommended_steps) == 3
    single, joint = ((2 * p - 1) / np.sqrt(2 * p * (1 - p)) for p in (0.975, 0.9975))
    assert adjusted_half_width(row, 10) == pytest.approx(row.half_width * joint / single, rel=1e-9)
    assert adjusted_half_width(row, 1) == pytest.approx(row.half_width, rel=1e-12)
