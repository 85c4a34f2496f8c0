"""What a choice lists of each checkpoint, and the choice without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from empirical.studies.choose.measuring import MeasuredCheckpoint
from empirical.tracker.phase_reading import phases_at
from theory.curves.regimes import RESOLUTION, Absence, lowest_descent
from theory.validation import FloatArray

#: Without labels, the last step after the turning point whose loss is within this of its loss is taken.
UNLABELLED_TOLERANCE = 0.02


@dataclass(frozen=True)
class CheckpointRow:
    """One checkpoint on the target.

    Attributes:
        step: of the checkpoint.
        phase: of the reconstruction loss that it is in; see ``phases_at``.
        loss: reconstruction loss L / tr Sigma.
        explained_variance: of the cross-fitted linear probe; None without labels.
        accuracy: of the same; None without classes.
    """

    step: int
    phase: str
    loss: float
    explained_variance: float | None = None
    accuracy: float | None = None


def checkpoint_rows(measured: Sequence[MeasuredCheckpoint]) -> tuple[CheckpointRow, ...]:
    """The rows of measured checkpoints."""
    phases = phases_at([one.step for one in measured], [one.loss for one in measured])
    return tuple(
        CheckpointRow(one.step, phase, one.loss)
        if one.target is None
        else CheckpointRow(one.step, phase, one.loss, one.target.explained_variance, one.target.accuracy)
        for one, phase in zip(measured, phases, strict=True)
    )


def unlabelled_choice(losses: FloatArray) -> int:
    """Index of the checkpoint that reconstruction alone chooses.

    Where the loss has fallen and risen again, it is the last one after its turning point whose loss is within
    UNLABELLED_TOLERANCE of the lowest; otherwise the last one. A low loss before the fall is no turning point: random
    features reconstruct well.
    """
    found = lowest_descent(losses, RESOLUTION)
    if isinstance(found, Absence) or found.stop is None:
        return losses.size - 1
    within = losses[found.lowest :] <= losses[found.lowest] + UNLABELLED_TOLERANCE
    return found.lowest + int(np.flatnonzero(within)[-1])
