"""Predicts the boundaries of a single layer trained on a data model, at two levels of the theory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Self

import numpy as np

from simulation import initial_weights
from theory import (
    Boundaries,
    Curve,
    DataModel,
    Loss,
    boundaries_of,
    expected_curve,
    logarithmic_steps,
    mean_field_curve,
)
from theory.progress import Progress, silent
from theory.validation import IntArray, at_least, positive


class Source(Enum):
    """The data model that a prediction comes from; the values are names in tables and files."""

    FULL = "full moments"
    PARAMETRIC = "parametric model"


class Level(Enum):
    """Level of the theory; the values are names in tables and files."""

    LINEARISED = "linearised"
    MEAN_FIELD = "mean field"


@dataclass(frozen=True, eq=False)
class Training:
    """The training of the layer.

    Attributes:
        loss: the training loss.
        step_size: eta, positive.
        init_scale: sigma0, positive.
        steps: last step, at least 1.
        replicas: draws of W(0) for the mean field, at least 1.
        seed: of these draws.
    """

    loss: Loss
    step_size: float
    init_scale: float
    steps: int
    replicas: int
    seed: int

    def __post_init__(self) -> None:
        positive("step_size", self.step_size)
        positive("init_scale", self.init_scale)
        at_least("steps", self.steps, 1)
        at_least("replicas", self.replicas, 1)
        at_least("seed", self.seed, 0)

    @property
    def recorded(self) -> IntArray:
        """(T,) steps of the curves."""
        return logarithmic_steps(self.steps)


@dataclass(frozen=True, eq=False)
class Prediction:
    """A predicted curve and its boundaries.

    Attributes:
        source: which data model it comes from.
        level: LINEARISED, the flow's mean over W(0), or MEAN_FIELD, the mean of its draws.
        curve: L / tr Sigma of that model.
        boundaries: its regime and boundary times; divided by the step size they are steps.
    """

    source: Source
    level: Level
    curve: Curve
    boundaries: Boundaries

    @classmethod
    def from_curve(cls, source: Source, level: Level, curve: Curve) -> Self:
        """The prediction of a curve, whose boundaries are read off its mean.

        Args:
            source: which data model it is.
            level: of the theory.
            curve: derived at that level.
        """
        return cls(source, level, curve, boundaries_of(curve.times, curve.mean))


def predict_boundaries(
    source: Source, model: DataModel, training: Training, progress: Progress = silent
) -> tuple[Prediction, Prediction]:
    """The linearised and the mean-field prediction.

    Args:
        source: which data model it is.
        model: the data model.
        training: how the layer is trained.
        progress: shows how many steps of the mean field are done.

    Raises:
        InputError: a step size that is not stable, or as many outputs as directions.
    """
    loss, steps = training.loss, training.recorded
    loss.check_step_size(training.step_size, float(model.eigenvalues[0]))
    linearised = expected_curve(model, loss, training.init_scale, np.asarray(training.step_size * steps))
    # W(0) is isotropic: drawn in the eigenbasis it is as good as in the coordinates of the inputs.
    outputs = loss.outputs(model.classes)
    start = initial_weights(training.replicas, outputs, model.dimension, training.init_scale, training.seed)
    followed = mean_field_curve(model, loss, start, steps, training.step_size, progress=progress)
    return Prediction.from_curve(source, Level.LINEARISED, linearised), Prediction.from_curve(
        source, Level.MEAN_FIELD, followed
    )
