"""The curves of one training, measured and derived, and what is read off them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from empirical.studies.last_block_study.plan import Setting
from empirical.tracker.phase_reading import PhaseReading, read_phases
from theory import InputError
from theory.validation import FloatArray, IntArray, finite_array

#: Smallest fall or rise of a curve that counts, in shares of the images' variance. Every step is measured on the same
#: images, so that changes are resolved better than levels.
SMALLEST_CHANGE = 0.003

#: What counts as a difference between two curves.
APART = 0.01


class Level(Enum):
    """A curve of the last layers; the values are the names in tables."""

    END_TO_END = "end to end"
    TWO_TRAINED = "two layers trained"
    TWO_DERIVED = "two layers derived"
    ONE_DERIVED = "one layer derived"
    STAGE_TRAINED = "last stage trained"
    TWO_ON_GAUSSIANS = "two on Gaussians"
    PARTS_DERIVED = "two derived, in parts"


#: The curves that are derived over series, in the order of tables.
THEORIES = (Level.ONE_DERIVED, Level.TWO_DERIVED)

#: Two derived layers, from one Gaussian per class and from parts of each class.
TWO_DERIVED = (Level.TWO_DERIVED, Level.PARTS_DERIVED)


@dataclass(frozen=True, eq=False)
class BlockRun:
    """One training.

    Attributes:
        setting: what was trained, and where it was measured.
        curves: losses of each level, (T,) end to end and (T',) of the others, at ``steps(level)``; the last layer's
            are of the features, the others of the images. The last stage is a level of its own where it holds more than
            the last block's two layers; training on Gaussians is one of the trainings that both series share, and
            what is derived from parts of each class is of VGG-8 among them.

    Raises:
        InputError: a curve with another number of losses than there are steps, or the measured ones missing.
    """

    setting: Setting
    curves: dict[Level, FloatArray]

    def __post_init__(self) -> None:
        for level, losses in self.curves.items():
            wanted = self.steps(level).size
            if finite_array(level.name, losses, 1).size != wanted:
                raise InputError(f"{level.name}: {losses.size} losses; give {wanted}, one for each step")
        if not {Level.END_TO_END, Level.TWO_TRAINED} <= self.curves.keys():
            raise InputError("curves: measured ones are missing; give end to end and two layers trained")

    def steps(self, level: Level) -> IntArray:
        """The steps of a curve, those of the shorter one first."""
        return self.setting.steps if level is Level.END_TO_END else self.setting.longer_steps

    def reading(self, level: Level) -> PhaseReading | None:
        """The phases of a curve; None where it was not derived."""
        return self._readings.get(level)

    @cached_property
    def _readings(self) -> dict[Level, PhaseReading]:
        return {
            level: read_phases(self.steps(level), losses[None], SMALLEST_CHANGE)
            for level, losses in self.curves.items()
        }

    def half_fall(self, level: Level) -> float:
        """Step at which half of the fall is done, of the fall so far where the curve has not turned; NaN if none."""
        found = self.reading(level)
        return float("nan") if found is None else found.half_fall.value

    def turning_point(self, level: Level) -> float:
        """Step of the lowest loss; NaN where the curve has not turned."""
        found = self.reading(level)
        return float("nan") if found is None else found.turning_point.value

    def fall(self, level: Level) -> float:
        """The depth of the dip, from the highest earlier loss; NaN where there is no curve."""
        found = self.reading(level)
        return float("nan") if found is None else found.fall.value

    def share(self, level: Level) -> FloatArray:
        """(T,) the fall of a curve since step 0 in units of that end to end; NaN where that is less than APART."""
        whole = self.curves[Level.END_TO_END]
        done = np.where(whole[0] - whole > APART, whole[0] - whole, np.nan)
        own = self._early(level)
        return np.asarray((own[0] - own) / done, dtype=np.float64)

    def distance(self, level: Level, other: Level, last: int) -> float:
        """Largest difference of two curves up to step ``last``; NaN where one is missing."""
        if not {level, other} <= self.curves.keys():
            return float("nan")
        early = self.setting.steps <= last
        return float(np.abs(self._early(level) - self._early(other))[early].max())

    @property
    def drift(self) -> float:
        """First step at which training the layers below has moved the loss by more than APART; NaN if none."""
        apart = np.abs(self._early(Level.END_TO_END) - self._early(Level.TWO_TRAINED)) > APART
        return float(self.setting.steps[np.argmax(apart)]) if apart.any() else float("nan")

    def _early(self, level: Level) -> FloatArray:
        """(T,) the losses of a curve at the steps of the shortest one."""
        return self.curves[level][: self.setting.steps.size]
