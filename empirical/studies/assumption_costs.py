"""Explains why a derived curve misses the trained one: what each assumption costs, rung by rung.

Each rung drops one assumption of the one before: the linearised curve drops A8 for the mean field, the mean field drops
A4 for the gradient on the samples along its path (``theory.curves.gradient_defect``), and what is left beyond it is
what training adds to the gradient descent on these samples: the batches, and terms of second order in the defect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from simulation.runs.text_table import text_table
from theory import Curve, boundaries_of
from theory.curves.boundaries import RESOLUTION
from theory.curves.gradient_defect import DefectResponse
from theory.validation import FloatArray


class Derivation(Enum):
    """The derivation of a curve, in the order of tables; the values are names in files and legends."""

    LINEARISED = "linearised"
    COMMON = "mean field"
    CLASSES = "mean field, class covariances"
    PARAMETRIC = "parametric model, mean field"


LINEARISED, COMMON, CLASSES = Derivation.LINEARISED, Derivation.COMMON, Derivation.CLASSES

#: The part of A4 that is only unequal covariances, and the remainder beyond all rungs.
OF_COVARIANCES, REST = "A4, of this unequal covariances", "rest"

#: The assumption in a few words, for tables.
_SHORT_TITLES = {
    "A8": "A8, small outputs",
    "A4": "A4, Gaussian gradient",
    OF_COVARIANCES: "of A4, unequal covariances",
    REST: "rest",
}

_TITLES = {
    "A8": "outputs are not small, which the linearisation needs (A8)",
    "A4": "along training the gradient on the samples is not that of Gaussian classes with one covariance (A4)",
    OF_COVARIANCES: "of A4, classes with covariances of their own",
    REST: "what is left: mini-batches, and terms of second order",
}


@dataclass(frozen=True)
class Reason:
    """The cost of one assumption at one step, by default where the mean field is farthest from training.

    Attributes:
        assumption: A8, A4, OF_COVARIANCES or REST.
        step: that step.
        deviation: what dropping the assumption adds to L / tr Sigma there; A8, A4 and the rest add up to trained less
            linearised.
        share: the deviation as a share of the trained curve's range; None for one that does not move by more than the
            resolution.
        turning_before: turning point, in steps, of the curve with the assumption; None where it has none.
        turning_after: of the curve without it.
    """

    assumption: str
    step: float
    deviation: float
    share: float | None
    turning_before: float | None
    turning_after: float | None

    @property
    def text(self) -> str:
        """The reason in words."""
        before, after = (
            "none" if one is None else f"step {one:.4g}" for one in (self.turning_before, self.turning_after)
        )
        share = "of a flat curve" if self.share is None else f"{self.share:+.0%} of the range"
        return (
            f"{_TITLES[self.assumption]}: {self.deviation:+.4f} of L / tr Sigma at step {self.step:.0f} "
            f"({share}); turning point {before} with the assumption, {after} without"
        )


def prediction_reasons(
    derived: Mapping[Derivation, Curve],
    defect: DefectResponse,
    trained: Curve,
    step_size: float,
    column: int | None = None,
) -> tuple[Reason, ...]:
    """The costs of A8, A4, unequal covariances and the remainder.

    Args:
        derived: curves LINEARISED, COMMON and CLASSES, at the times of the trained one.
        defect: what the gradient on the samples does to the mean field.
        trained: the trained curve.
        step_size: eta.
        column: of the time at which the costs are stated; where the mean field is farthest from training by default.
    """
    steps = trained.times / step_size
    linear, common, classes = (derived[source].mean for source in (LINEARISED, COMMON, CLASSES))
    # The deviation is known at fewer steps; it is smooth in log time.
    moved = np.interp(np.log1p(steps), np.log1p(defect.steps), defect.deviation)
    samples = common + moved
    rungs = (
        ("A8", linear, common),
        ("A4", common, samples),
        (OF_COVARIANCES, common, classes),
        (REST, samples, trained.mean),
    )
    at = int(np.argmax(np.abs(trained.mean - common))) if column is None else column
    extent = float(np.ptp(trained.mean))

    def turning(losses: FloatArray) -> float | None:
        time = boundaries_of(trained.times, losses).turning_point
        return None if time is None else float(time / step_size)

    return tuple(
        Reason(
            name,
            float(steps[at]),
            float(after[at] - before[at]),
            float((after[at] - before[at]) / extent) if extent > RESOLUTION else None,
            turning(np.asarray(before)),
            turning(np.asarray(after)),
        )
        for name, before, after in rungs
    )


def reason_table(reasons: Sequence[Reason]) -> list[str]:
    """The costs of the assumptions as lines of a table, rung by rung."""
    return text_table(
        ("assumption", "adds", "of range", "turning point with it", "without"),
        [
            (
                _SHORT_TITLES[one.assumption],
                f"{one.deviation:+.4f}",
                "-" if one.share is None else f"{one.share:+.0%}",
                *("none" if step is None else f"step {step:.4g}" for step in (one.turning_before, one.turning_after)),
            )
            for one in reasons
        ],
    )
