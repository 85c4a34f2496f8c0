"""What is of another kind than asked for is named before any work: plans, losses, lists of targets and of classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from empirical import (
    CheckPlan,
    TrackPlan,
    VerifyHiddenPlan,
    VerifyPlan,
    VerifyTransferPlan,
    check,
    choose,
    decode,
    diagram,
    fit_features,
    fit_layer,
    predict,
    robustness,
    scaling,
    stopping_diagram,
    track,
    verify,
    verify_hidden,
    verify_transfer,
)
from empirical.data.datasets import load_digits
from empirical.data.target_tasks import chosen_classes
from simulation import FullBatch, train
from theory import DataModel, InputError, expected_turning_point, gradient_descent_curve, mean_field_curve
from theory.assumptions import assess

JOBS: dict[str, Callable[[object], object]] = {
    "check": lambda plan: check("digits", plan),  # type: ignore[arg-type]
    "choose": lambda plan: choose(["a-1.pt", "a-2.pt"], "vgg8", "own.npz", plan),  # type: ignore[arg-type]
    "decode": lambda plan: decode("tracked", "cifar10", plan),  # type: ignore[arg-type]
    "diagram": lambda plan: diagram(plan),  # type: ignore[arg-type]
    "fit_features": lambda plan: fit_features("digits", plan),  # type: ignore[arg-type]
    "fit_layer": lambda plan: fit_layer("cifar10", None, plan),  # type: ignore[arg-type]
    "predict": lambda plan: predict("cifar10", plan),  # type: ignore[arg-type]
    "robustness": lambda plan: robustness(plan),  # type: ignore[arg-type]
    "scaling": lambda plan: scaling(plan),  # type: ignore[arg-type]
    "stopping_diagram": lambda plan: stopping_diagram(plan),  # type: ignore[arg-type]
    "track": lambda plan: track("cifar10", plan),  # type: ignore[arg-type]
    "verify": lambda plan: verify("digits", plan),  # type: ignore[arg-type]
    "verify_hidden": lambda plan: verify_hidden("digits", plan),  # type: ignore[arg-type]
    "verify_transfer": lambda plan: verify_transfer("digits", ["digits:5-9"], plan),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("plan", [{"steps": 3}, (), "quick"], ids=repr)
def test_a_plan_of_another_kind_is_refused(job: str, plan: object) -> None:
    with pytest.raises(InputError, match=r"plan: .* is not accepted; give an? [A-Za-z]*Plan$"):
        JOBS[job](plan)


@pytest.mark.parametrize("plan", [CheckPlan, VerifyPlan, VerifyHiddenPlan, VerifyTransferPlan])
def test_a_loss_is_one_of_the_package(plan: Callable[..., object]) -> None:
    with pytest.raises(InputError, match=r"loss: 'softmax' is not accepted; give one of Softmax\(\), Logistic\(\), Sq"):
        plan(loss="softmax")


def test_so_it_is_for_every_level_of_the_theory_and_for_training() -> None:
    model, weights, steps = DataModel.power_law(4, 1.0, 1.0, 0.1), np.ones((1, 2, 4)), np.array([0, 1])
    calls: tuple[Callable[[object], object], ...] = (
        lambda loss: gradient_descent_curve(model, loss, weights, steps, 0.1),  # type: ignore[arg-type]
        lambda loss: mean_field_curve(model, loss, weights, steps, 0.1),  # type: ignore[arg-type]
        lambda loss: expected_turning_point(model, loss, 0.1),  # type: ignore[arg-type]
        lambda loss: assess(model, loss, 0.1, 0.1),  # type: ignore[arg-type]
        lambda loss: train(FullBatch(*_batch()), model, loss, weights, steps, 0.1),  # type: ignore[arg-type]
    )
    for call in calls:
        with pytest.raises(InputError, match="loss: 'softmax' is not accepted; give one of"):
            call("softmax")


def _batch() -> tuple[object, object]:
    import torch

    return torch.zeros(2, 4), torch.tensor([0, 1])


def test_targets_are_a_list_of_names_or_tasks() -> None:
    with pytest.raises(InputError, match="targets: 'digits:5-9' is one target; give a list of them"):
        verify_transfer("digits", "digits:5-9")
    with pytest.raises(InputError, match="targets: 3 is not accepted; give names or a TargetTask"):
        verify_transfer("digits", [3])  # type: ignore[list-item]


def test_classes_are_a_list_of_integers() -> None:
    for call in (
        lambda: VerifyTransferPlan(classes=5),  # type: ignore[arg-type]
        lambda: TrackPlan(classes=5),  # type: ignore[arg-type]
        lambda: chosen_classes(load_digits(), 5),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError, match="classes: 5 is not accepted; give a list of integers"):
            call()
    with pytest.raises(InputError, match="classes: '0' is not accepted; give an integer of at least 0"):
        VerifyTransferPlan(classes="0-4")  # type: ignore[arg-type]
