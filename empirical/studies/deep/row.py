"""One training of a deep network: its boundaries as tracked and as derived from its last layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from empirical.tracker.phase_reading import Estimate

#: Largest accepted relative error of a turning point.
TURNING_TOLERANCE = 0.25


@dataclass(frozen=True)
class DeepRow:
    """The boundaries of one training; values are steps, NaN where a curve has no such boundary.

    Attributes:
        network: its name.
        data: what it was trained on.
        layer: the last one, from which images are reconstructed.
        step_size: eta / (1 - beta), of the derivation.
        derived_half_fall: where the derived loss has half of its fall behind it.
        derived_turning_point: where it is lowest.
        half_fall: the same of the tracked loss.
        turning_point: likewise.
    """

    network: str
    data: str
    layer: str
    step_size: float
    derived_half_fall: Estimate
    derived_turning_point: Estimate
    half_fall: Estimate
    turning_point: Estimate

    @property
    def ratio(self) -> float:
        """Derived turning point over the tracked one; NaN where one of them is missing."""
        return self.derived_turning_point.value / self.turning_point.value

    @property
    def fails(self) -> bool:
        """Whether the turning points differ by more than the tolerance and two standard errors of both."""
        if np.isnan(self.ratio):
            return bool(np.isnan(self.derived_turning_point.value) != np.isnan(self.turning_point.value))
        errors = np.nan_to_num([self.derived_turning_point.error, self.turning_point.error])
        accepted = TURNING_TOLERANCE * self.turning_point.value + 2 * float(np.hypot(*errors))
        return abs(self.derived_turning_point.value - self.turning_point.value) > accepted
