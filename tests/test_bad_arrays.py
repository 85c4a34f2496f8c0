"""Arrays of a user that NumPy cannot read are bad input wherever an array is taken, not errors of NumPy or of torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from empirical.data.datasets import DataSet
from empirical.data.target_tasks import TargetTask, chosen_classes, regression_task
from empirical.probes.binned_information import binned_information
from empirical.probes.gain_curve import gain_curve
from empirical.probes.neighbour_information import label_information
from empirical.tracker.phase_reading import read_phases
from simulation import FullBatch, SampleProbe, train
from simulation.experiments.chains import balanced_chains, random_chains
from theory import DataModel, InputError, SquaredError
from theory.curves.relu_parameters import WeightsAlone
from theory.data.jackknife import jackknife_error
from theory.data.target import Target

_MODEL = DataModel.two_classes([1.0, 0.5], np.array([0.1, 0.2]))
_DATA = DataSet("two", np.eye(2, dtype=np.float32), np.array([0, 1]), 2)


def _trained(step_size: object) -> object:
    batch = FullBatch(torch.eye(2, dtype=torch.float64), torch.tensor([0, 1]))
    weights, steps = np.zeros((2, 1, 2)), np.array([0, 1])
    return train(batch, _MODEL, SquaredError(), weights, steps, step_size, dtype=torch.float64)


_TAKES_AN_ARRAY: dict[str, Callable[[object], object]] = {
    "parameters": lambda value: WeightsAlone().checked((value, value), 2, 1),
    "step_size": _trained,
    "inputs of a probe": lambda value: SampleProbe(value, [1.0, 2.0]),
    "values of a probe": lambda value: SampleProbe([[1.0], [2.0]], value),
    "values of a target": lambda value: Target.from_samples(_MODEL, np.eye(2), value),
    "values of a task": lambda value: TargetTask("task", np.eye(2), value),
    "values of a regression": lambda value: regression_task(_DATA, value, "task"),
    "replicates": jackknife_error,
    "steps of a reading": lambda value: read_phases(value, np.zeros((1, 2))),
    "steps of gains": lambda value: gain_curve(value, np.zeros((2, 3))),
    "labels of binned information": lambda value: binned_information(np.eye(2), value, np.zeros(1)),
    "labels of neighbours": lambda value: label_information(np.eye(2), value),
    "signal of random chains": lambda value: random_chains(value, 1, 1.0, 1, 0),
    "signal of balanced chains": lambda value: balanced_chains(value, 1, 1.0, 1, 0),
}


@pytest.mark.parametrize("take", _TAKES_AN_ARRAY.values(), ids=_TAKES_AN_ARRAY)
@pytest.mark.parametrize(
    "value",
    [torch.ones(2, requires_grad=True), [torch.ones(2, requires_grad=True)] * 2, [[1.0], [1.0, 2.0]], ["a", "b"]],
    ids=["gradient", "list of gradients", "ragged", "text"],
)
def test_what_is_no_array_of_numbers_is_bad_input(take: Callable[[object], object], value: object) -> None:
    with pytest.raises(InputError) as refused:
        take(value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("step_size", "fault"),
    [
        (True, "step_size: True is not accepted"),
        ([0.1, -0.1], "smallest step_size: -0.1 is not accepted"),
        ([0.1, np.inf], "step_size: holds 1 NaN or infinite"),
        (np.ma.masked_array([0.1, 0.1], [False, True]), "step_size: has masked entries"),
        ([0.1], r"step_size: has shape \(1,\); give a positive number, or 2 of them"),
    ],
)
def test_step_sizes_are_positive_numbers(step_size: object, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        _trained(step_size)


def test_classes_are_integers() -> None:
    """Half a class is none, and would be class 0 once it is cut off."""
    with pytest.raises(InputError, match=r"classes: 0\.5 is not accepted; give an integer"):
        chosen_classes(_DATA, (0.5, 1.5))
