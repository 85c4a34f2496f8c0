"""What the report says of transfer follows from the curves: known turning points, gains and their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from empirical.networks.network_training import TrainingPlan
from empirical.probes.standard import PROBE_ACCURACY, RECONSTRUCTION, Measurement, ProbePlan
from empirical.studies.track import Tracked, TrackPlan
from empirical.studies.transfer import Effect, recommended_indices, transfer_as_json, transfer_lines, transfer_rows
from empirical.studies.transfer_figure import draw_transfer
from theory import InputError

# Steps 0, 1, 2, 4, ..., 64: the loss is smallest at step 8, in one seed at step 4.
VALLEY = np.array([0.40, 0.39, 0.36, 0.33, 0.31, 0.33, 0.36, 0.40])
EARLIER = np.array([0.40, 0.39, 0.34, 0.31, 0.33, 0.35, 0.38, 0.41])
RISE_AND_FALL = np.array([0.70, 0.71, 0.74, 0.78, 0.80, 0.81, 0.77, 0.74])
RISE = np.array([0.50, 0.51, 0.54, 0.58, 0.60, 0.62, 0.64, 0.66])


def tracked(losses, **accuracies):
    """A training whose last layer has these losses (seed, T), and these accuracies of tasks."""
    losses = np.atleast_2d(losses)
    plan = TrackPlan(TrainingPlan("vgg8", steps=64), ProbePlan(("block4", "block5")), seeds=len(losses))
    measured = {RECONSTRUCTION: losses} | {PROBE_ACCURACY + task: values for task, values in accuracies.items()}
    rows = tuple(
        tuple(
            tuple(Measurement("block5", name, float(values[seed][time])) for name, values in measured.items())
            for time in range(losses.shape[1])
        )
        for seed in range(len(losses))
    )
    return Tracked(plan, "images", rows)


LOSSES = np.stack([VALLEY, VALLEY, EARLIER])
OFFSETS = np.array([[0.0], [0.01], [-0.01]])


def test_each_seed_is_stopped_at_its_own_smallest_loss():
    assert recommended_indices(tracked(LOSSES)).tolist() == [4, 4, 3]
    # A loss that only falls has not turned: the last checkpoint is the recommended one.
    assert recommended_indices(tracked(np.linspace(0.5, 0.3, 8))).tolist() == [7]


def test_gains_are_paired_by_seed():
    run = tracked(LOSSES, colour=RISE_AND_FALL + OFFSETS, held_out=RISE + OFFSETS)
    colour, held_out = transfer_rows(run, {"colour": 0.2, "held_out": 0.6})
    assert colour.recommended_steps == (8, 8, 4)
    # By hand: .80 - .74 twice and .78 - .74 once; offsets of seeds cancel.
    assert colour.gain.value == pytest.approx(0.16 / 3)
    assert colour.gain.error == pytest.approx(0.02 / 3)
    assert colour.half_width == pytest.approx(4.303 * 0.02 / 3, rel=1e-3)  # Student's 97.5 % point, 2 degrees
    assert (colour.effect, held_out.effect) == (Effect.HELPS, Effect.HURTS)
    assert (colour.best_step, held_out.best_step, colour.last_step) == (16, 64, 64)
    assert colour.regret.value == pytest.approx((0.01 + 0.01 + 0.03) / 3)
    assert colour.alignment == 0.2
    lines = transfer_lines([held_out, colour])
    assert ["colour" in line for line in lines[1:]] == [True, False] * 2  # in the order of the alignment
    assert lines[3].endswith("colour: stopping helps")
    assert lines[4].endswith("held_out: stopping does not help, training on does")


def test_noise_between_seeds_leaves_the_effect_open():
    spread = RISE_AND_FALL + np.array([[0.0], [0.0], [0.0]])
    spread[2, -1] += 0.15  # one seed of three gains by training on
    (row,) = transfer_rows(tracked(LOSSES, colour=spread), {"colour": 0.2})
    assert row.effect is Effect.UNDECIDED
    (single,) = transfer_rows(tracked(VALLEY, colour=spread[:1]), {"colour": 0.2})
    assert single.effect is Effect.UNDECIDED
    assert np.isnan(single.half_width)


def test_a_figure_and_plain_data_come_of_it(tmp_path):
    run = tracked(LOSSES, colour=RISE_AND_FALL + OFFSETS)
    runs = [(run, transfer_rows(run, {"colour": 1.0}))] * 3  # an odd number of panels, gains of one alignment
    draw_transfer(runs, tmp_path / "transfer.png")
    assert (tmp_path / "transfer.png").stat().st_size > 10_000
    assert transfer_as_json(runs[0][1])[0]["effect"] == "helps"


def test_bad_input_is_named():
    with pytest.raises(InputError, match="folder: images was tracked without a task of transfer"):
        transfer_rows(tracked(LOSSES), {})
    with pytest.raises(InputError, match="alignment of 'colour' is missing"):
        transfer_rows(tracked(LOSSES, colour=RISE_AND_FALL + OFFSETS), {})


def test_accuracies_are_means_over_seeds_at_one_step_each():
    """The best step is that of the mean, though one seed alone is best elsewhere."""
    own = [0.50, 0.6, 0.90, 0.7, 0.7, 0.80, 0.7, 0.6], [0.53, 0.6, 0.65, 0.7, 0.7, 0.86, 0.7, 0.63]
    (row,) = transfer_rows(
        tracked(LOSSES, colour=np.array([*own, [0.56, 0.6, 0.65, 0.7, 0.7, 0.89, 0.7, 0.66]])), {"colour": 0.2}
    )
    assert row.best_step == 16
    values = [one.value for one in (row.first, row.recommended, row.best, row.last, row.regret)]
    assert values == pytest.approx([0.53, 0.70, 0.85, 0.63, 0.15])
    assert row.first.error == pytest.approx(0.03 / np.sqrt(3))
