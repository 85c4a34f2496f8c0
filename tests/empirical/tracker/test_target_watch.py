"""A tracker that is given a target: what it recommends follows the target, and the training stays as it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from empirical import PhaseTracker, ProbeSchedule
from empirical.probes.target_probe import TargetScores
from empirical.studies.choose.measuring import MeasuredCheckpoint, target_curve
from empirical.tracker.target_watch import TargetWatch
from theory import InputError

SCHEDULE = ProbeSchedule(first=1, ratio=2)


def _network() -> nn.Module:
    """Shows its inputs times gains that training sets, and a constant noise that hides what has no gain."""
    network = nn.Sequential(nn.Linear(6, 6, bias=False), nn.Linear(6, 2))
    with torch.no_grad():
        network[0].weight.copy_(torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])))
    return network


def _inputs(count: int = 400) -> torch.Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(0))


def _watched(network: nn.Module, folder: Path, direction: int, count: int = 400) -> PhaseTracker:
    """A target of two classes: the sign of one input."""
    inputs = _inputs(count)
    target = (inputs, (inputs[:, direction] > 0).long())
    return PhaseTracker(network, inputs, ["0"], folder, SCHEDULE, target=target)


def _show(network: nn.Module, directions: list[int]) -> None:
    with torch.no_grad():
        network[0].weight.copy_(torch.diag(torch.tensor([float(one in directions) for one in range(6)])))


#: What the layer shows at steps 0, 1, 2, 4, 8: input 1 is forgotten after step 2, input 4 is learnt at step 4.
_SHOWN = {0: [0], 1: [0, 1], 2: [0, 1], 4: [0, 4], 8: [0, 4]}


def _trained(folder: Path, direction: int) -> PhaseTracker:
    network = _network()
    tracker = _watched(network, folder, direction)
    for step in range(9):
        if step in _SHOWN:
            _show(network, _SHOWN[step])
        tracker.update(step)
    return tracker


def _right(right: np.ndarray, shares: np.ndarray | None = None) -> TargetScores:
    """Scores of labels that are right or not, with squared errors that say the same unless others are given."""
    scores = right.astype(float)
    return TargetScores(scores, scores if shares is None else shares, 0.0, float(scores.mean()), 1.0)


def test_a_target_that_is_forgotten_takes_its_step_and_keeps_that_checkpoint(tmp_path: Path) -> None:
    tracker = _trained(tmp_path, 1)
    assert tracker.recommendation in (1, 2)
    assert "the target's accuracy is +" in tracker.reason
    assert tracker.checkpoint is not None
    assert tracker.checkpoint.is_file()


def test_a_target_that_is_learnt_late_takes_the_latest_step(tmp_path: Path) -> None:
    tracker = _trained(tmp_path, 4)
    assert tracker.recommendation == 8
    assert "the target's accuracy is nowhere 0.01 above that of step 8" in tracker.reason
    assert tracker.checkpoint == tmp_path / "step-00000008.safetensors"


def test_with_few_labels_it_says_that_it_cannot_tell_and_how_many_would() -> None:
    """Of 40 labels, 24 are right at step 1 and 22 at step 2, by other samples: nobody can tell from these."""
    inputs = _inputs(40)
    watch = TargetWatch((inputs, (inputs[:, 0] > 0).long()), "0", 512, None)
    watch.update(1, _right(np.arange(40) < 24))
    watch.update(2, _right(np.arange(40) >= 18))
    assert watch.recommendation == 2
    assert "cannot tell with 40 labels of the target: step" in watch.reason
    assert "more would tell" in watch.reason


def test_of_steps_with_the_same_accuracy_that_of_the_smallest_squared_error_leads_as_in_a_choice() -> None:
    """All 400 labels are predicted as often at steps 1 and 2, at step 2 with a tenth less of the variance missed."""
    watch = TargetWatch((_inputs(), (_inputs()[:, 0] > 0).long()), "0", 512, None)
    draw = np.random.default_rng(0)
    errors = draw.exponential(0.5, 400)
    right = np.arange(400) % 4 > 0
    measured = [_right(right, 1 - errors), _right(right, 1.1 - errors), _right(np.arange(400) % 4 > 1, 0.5 - errors)]
    for step, found in zip((1, 2, 4), measured, strict=True):
        watch.update(step, found)
    assert watch.leading == 2
    rows = [MeasuredCheckpoint(step, 0.5, found) for step, found in zip((1, 2, 4), measured, strict=True)]
    choice = target_curve(rows)
    assert choice is not None
    assert watch.leading == choice.steps[choice.leading]


def test_where_the_latest_step_leads_it_says_what_another_may_gain() -> None:
    """Of 40 labels, 24 are right at the latest step, and 22, other ones, before."""
    inputs = _inputs(40)
    watch = TargetWatch((inputs, (inputs[:, 0] > 0).long()), "0", 512, None)
    watch.update(1, _right(np.arange(40) >= 18))
    watch.update(2, _right(np.arange(40) < 24))
    assert watch.leading == 2
    assert "step 2, the latest, leads; step 1 may gain up to +0." in watch.reason


def test_state_and_curve_file_hold_what_was_measured(tmp_path: Path) -> None:
    tracker = _trained(tmp_path, 1)
    state = json.loads(json.dumps(tracker.state_dict()))
    resumed = _watched(_network(), tmp_path, 1)
    resumed.load_state_dict(state)
    assert (resumed.recommendation, resumed.reason) == (tracker.recommendation, tracker.reason)
    stored = json.loads((tmp_path / "curve.json").read_text())
    assert stored["steps"] == [0, 1, 2, 4, 8]
    assert stored["recommendation"] == tracker.recommendation
    assert len(stored["losses"]["0"]) == len(stored["target"]["means"]) == 5
    assert max(stored["target"]["means"]) > 0.9
    with pytest.raises(InputError, match="state: was measured on another target"):
        _watched(_network(), tmp_path, 2).load_state_dict(state)
    with pytest.raises(InputError, match="state: has no measurements of a target"):
        _watched(_network(), tmp_path, 1).load_state_dict(state | {"target": None})


def test_the_cost_of_stopping_is_in_accuracy_of_the_training_task(tmp_path: Path) -> None:
    network, inputs = _network(), _inputs()
    accuracies = iter((0.1, 0.5, 0.6, 0.7, 0.8))
    target = (inputs, (inputs[:, 1] > 0).long())
    tracker = PhaseTracker(
        network, inputs, ["0"], tmp_path, SCHEDULE, target=target, accuracy=lambda _: next(accuracies)
    )
    for step in _SHOWN:
        _show(network, _SHOWN[step])
        tracker.update(step)
    own = {1: "0.500", 2: "0.600"}[tracker.recommendation or 0]
    assert f"accuracy of the training task: {own} there, 0.800 at step 8" in tracker.reason


def test_the_peak_of_a_parabola_in_log_steps_is_found_and_far_ones_are_not_believed() -> None:
    inputs = _inputs()
    watch = TargetWatch((inputs, (inputs[:, 0] > 0).long()), "0", 512, None)
    for power in range(6):
        # Highest at 2^7, two doublings beyond the last step.
        share = 0.9 - 0.01 * (7 - power) ** 2
        watch.update(2**power, _right(np.arange(400) < 400 * share))
    assert watch.peak == pytest.approx(2**7, rel=0.05)
    straight = TargetWatch((inputs, (inputs[:, 0] > 0).long()), "0", 512, None)
    for power in range(6):
        straight.update(2**power, _right(np.arange(400) < 100 + 40 * power))
    assert straight.peak is None


def test_figure_and_words_of_a_tracker(tmp_path: Path) -> None:
    tracker = _trained(tmp_path, 1)
    figure = tracker.plot(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 10_000
    assert [axes.get_ylabel().splitlines()[0] for axes in figure.axes] == ["reconstruction loss", "target's accuracy"]
    assert repr(tracker).startswith("<PhaseTracker of 0: 5 measurements, latest step 8, recommends step")
    fresh = PhaseTracker(_network(), _inputs(), ["0"], tmp_path / "new", SCHEDULE)
    assert repr(fresh) == "<PhaseTracker of 0: 0 measurements, recommends step None>"
    fresh.plot()
