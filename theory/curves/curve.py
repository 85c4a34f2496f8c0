"""A curve: the relative reconstruction loss of some replicas over training time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.validation import FloatArray, InputError, IntArray, at_least, finite_array, keep_arrays


@dataclass(frozen=True, eq=False)
class Curve:
    """Relative reconstruction loss L / tr Sigma of one or more replicas.

    Attributes:
        times: (T,) strictly increasing times eta * steps, from 0 on.
        losses: (replica, T), between 0 and 1 up to rounding.

    Raises:
        InputError: shapes that do not fit, times that do not increase, NaN or infinity.
    """

    times: FloatArray
    losses: FloatArray

    def __post_init__(self) -> None:
        times = finite_array("times", self.times, 1)
        losses = finite_array("losses", self.losses, 2)
        if losses.shape[1] != times.shape[0]:
            raise InputError(f"losses: has shape {losses.shape}; give (replica, {times.shape[0]})")
        if times[0] < 0 or np.any(np.diff(times) <= 0):
            raise InputError("times: give strictly increasing numbers from 0 on")
        keep_arrays(self, times=times, losses=losses)

    @property
    def replicas(self) -> int:
        """Number of replicas."""
        return int(self.losses.shape[0])

    @property
    def mean(self) -> FloatArray:
        """(T,) mean over replicas."""
        return np.asarray(self.losses.mean(axis=0), dtype=np.float64)

    @property
    def spread(self) -> FloatArray:
        """(T,) standard deviation over replicas; zeros for one replica."""
        if self.replicas == 1:
            return np.zeros_like(self.times)
        return np.asarray(self.losses.std(axis=0, ddof=1), dtype=np.float64)

    def replica(self, index: int | slice | Sequence[int]) -> Curve:
        """The curve of some replicas only."""
        return Curve(self.times, np.atleast_2d(self.losses[index]))


def logarithmic_steps(last: int, per_decade: int = 28) -> IntArray:
    """Step counts 0, 1, ..., last, about evenly spaced in the logarithm.

    All integers up to ``per_decade`` are included.

    Raises:
        InputError: ``last`` or ``per_decade`` below 1.
    """
    density = at_least("per_decade", per_decade, 1)
    points = int(np.ceil(np.log10(at_least("last", last, 1)) * density)) + 1
    spaced = np.rint(np.geomspace(1, last, max(points, 2))).astype(np.int64)
    small = np.arange(min(last, density) + 1)
    return np.unique(np.concatenate([small, spaced, [last]])).astype(np.int64)
