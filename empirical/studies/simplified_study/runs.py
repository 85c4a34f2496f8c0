"""The curves of one network's training on images and of its two simplifications, and where these leave it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from empirical.studies.last_block_study.plan import Setting, half_powers
from empirical.studies.last_block_study.runs import APART
from empirical.studies.simplified_study.plan import Training
from theory import InputError
from theory.validation import FloatArray, IntArray, finite_array

#: A difference of two shares of wrong classes that counts: three standard errors of 5,000 images of which a tenth are
#: wrong in one training alone.
ERROR_APART = 0.015


@dataclass(frozen=True, eq=False)
class SimplifiedRun:
    """One network.

    Attributes:
        setting: its training.
        losses: of each training, (T,) reconstruction loss of the images from the last block, in units of their
            variance.
        errors: likewise, (T,) share of test images whose class is not predicted.

    Raises:
        InputError: a training without curves, or a curve with another number of values than there are steps.
    """

    setting: Setting
    losses: dict[Training, FloatArray]
    errors: dict[Training, FloatArray]

    def __post_init__(self) -> None:
        for name, curves in (("losses", self.losses), ("errors", self.errors)):
            if set(curves) != set(Training):
                raise InputError(f"{name}: are of {len(curves)} trainings; give a curve for each of {len(Training)}")
            for training, curve in curves.items():
                if finite_array(f"{name} of {training.value}", curve, 1).size != self.steps.size:
                    raise InputError(f"{name}: {curve.size} values of {training.value}; give {self.steps.size}")

    @property
    def steps(self) -> IntArray:
        """(T,) where every training is measured."""
        return half_powers(self.setting.training.steps)

    def loss_departure(self, training: Training) -> float:
        """First measured step at which the loss is more than APART off that of the training on the images; or NaN."""
        return self._first(np.abs(self.losses[training] - self.losses[Training.IMAGES]) > APART)

    def error_departure(self, training: Training) -> float:
        """The same of the errors, and ERROR_APART."""
        return self._first(np.abs(self.errors[training] - self.errors[Training.IMAGES]) > ERROR_APART)

    def fall(self, training: Training) -> float:
        """How far the loss has fallen below its value at step 0 at its lowest; 0 where it never does."""
        return float(self.losses[training][0] - self.losses[training].min())

    def _first(self, apart: NDArray[np.bool_]) -> float:
        return float(self.steps[np.argmax(apart)]) if apart.any() else float("nan")
