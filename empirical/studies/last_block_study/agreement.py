"""Whether a derived boundary moves through a series as the measured one does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import gmean

from empirical.studies.last_block_study.runs import BlockRun, Level
from theory.validation import FloatArray

#: Largest accepted factor between a derived and a measured boundary.
ACCEPTED_FACTOR = 1.5

HALF_FALL, TURNING_POINT = "half of the fall", "turning point"
BOUNDARIES = (HALF_FALL, TURNING_POINT)


@dataclass(frozen=True)
class Agreement:
    """One boundary of one theory over one series.

    Attributes:
        series: its name.
        theory: what derives.
        training: what is measured.
        boundary: of BOUNDARIES.
        derived: steps, in the order of the series; NaN where there is none.
        measured: likewise.
    """

    series: str
    theory: Level
    training: Level
    boundary: str
    derived: tuple[float, ...]
    measured: tuple[float, ...]

    @property
    def complete(self) -> bool:
        """Whether every curve of the series has the boundary."""
        return bool(np.isfinite([*self.derived, *self.measured]).all())

    @property
    def in_order(self) -> bool:
        """Whether both sort the series alike; not where a boundary is missing."""
        return self.complete and bool(np.array_equal(np.argsort(self.derived), np.argsort(self.measured)))

    @property
    def factor(self) -> float:
        """The largest factor between derived and measured, where both exist; NaN where that is nowhere."""
        return _largest(self._ratios)

    @property
    def factor_after_constant(self) -> float:
        """The same once all derived steps are multiplied by the one constant that fits best."""
        return _largest(self._ratios / gmean(self._ratios)) if self._ratios.size else float("nan")

    @property
    def holds(self) -> bool:
        """Whether every boundary exists, the order is right and no factor is above ACCEPTED_FACTOR."""
        return self.in_order and self.factor <= ACCEPTED_FACTOR

    @property
    def _ratios(self) -> FloatArray:
        ratios = np.array(self.derived) / np.array(self.measured)
        return np.asarray(ratios[np.isfinite(ratios)], dtype=np.float64)


def boundary_of(run: BlockRun, level: Level, boundary: str) -> float:
    """The step of a boundary of a curve; NaN where there is none."""
    return run.half_fall(level) if boundary == HALF_FALL else run.turning_point(level)


def agreements(series: str, runs: Sequence[BlockRun]) -> list[Agreement]:
    """Both boundaries by both theories over a series; that of two layers is about two layers trained as well."""
    pairs = (
        (Level.TWO_DERIVED, Level.TWO_TRAINED),
        (Level.TWO_DERIVED, Level.END_TO_END),
        (Level.ONE_DERIVED, Level.END_TO_END),
    )
    return [
        Agreement(
            series,
            theory,
            training,
            boundary,
            tuple(boundary_of(run, theory, boundary) for run in runs),
            tuple(boundary_of(run, training, boundary) for run in runs),
        )
        for theory, training in pairs
        for boundary in BOUNDARIES
    ]


def _largest(ratios: FloatArray) -> float:
    return float(np.exp(np.abs(np.log(ratios)).max())) if ratios.size else float("nan")
