"""Instances at which claims that go further than theorem T9 fail; what a linear probe misses there, 1 - R_T."""

from __future__ import annotations

import numpy as np

from theory.curves.annealed import OneOutput
from theory.curves.annealed_transfer import AnnealedTransfer
from theory.curves.centred_outputs import CentredOutputs
from theory.curves.learnt_transfer import LearntTransfer
from theory.curves.losses import Loss, SquaredError
from theory.data.data_model import DataModel
from theory.data.target import Target
from theory.validation import FloatArray

_SPECTRUM = np.array([1.0, 0.1, 0.01])


def _missed(model: DataModel, target: Target, times: list[float], loss: Loss | None = None) -> tuple[float, ...]:
    """1 - R_T along what is learnt, with squared error if no loss is named."""
    shares = LearntTransfer.from_model(model, loss if loss is not None else SquaredError(), target).shares(
        np.array(times)
    )
    return tuple(max(0.0, float(1 - share)) for share in shares)


def _without_noise(eigenvalues: FloatArray, row: FloatArray) -> Target:
    """The target with T = ``row`` (d,) that is linear in the inputs."""
    return Target(eigenvalues, row[:, None], float(np.sum(row**2 / eigenvalues)))


def falling_then_rising() -> tuple[float, ...]:
    """A target that falls after phase II and is higher in the end; at s = .001, 4.8, 3000."""
    model = DataModel.two_classes(_SPECTRUM, [1.0, 1.0, -0.5])
    return _missed(model, _without_noise(_SPECTRUM, np.array([1.0, -0.2, 0.1])), [1e-3, 4.8, 3e3])


def rows_that_dip() -> tuple[float, ...]:
    """The task that is trained on, with three centred outputs; at s = .001, 13, 3000."""
    rows = np.array([[1.0, -0.369, 0.079], [0.012, 0.003, -0.012]])
    model = DataModel(_SPECTRUM, np.concatenate([rows, -rows.sum(axis=0)[None]]), np.full(3, 1 / 3))
    # Without noise: what the best linear predictor explains is all.
    target = Target(_SPECTRUM, model.prototypes.T, float(np.sum(model.prototypes**2 / _SPECTRUM)))
    return _missed(model, target, [1e-3, 13.0, 3e3], CentredOutputs(SquaredError()))


def other_inputs() -> tuple[float, ...]:
    """The task that is trained on, by a probe that is fitted on inputs of another covariance; at s = .001, 3000."""
    model = DataModel.two_classes([1.0, 0.1], [1.0, 0.3])
    return _missed(model, Target(np.diag([1.0, 4.0]), np.array([[1.0], [0.3]]), 1.1), [1e-3, 3e3])


def start_is_best() -> tuple[float, ...]:
    """A target that random outputs show best; at s = 0, .1, 3000."""
    model = DataModel.two_classes([1.0, 0.1], [0.1, 1.0])
    network = OneOutput.from_model(model, SquaredError())
    target = _without_noise(model.eigenvalues, np.array([1.0, 0.0]))
    shares = AnnealedTransfer(network, target).shares(1e-3, np.array([0.0, 0.1, 3e3]))
    return tuple(max(0.0, float(1 - share)) for share in shares)
