"""What one probe of a tracked network found, the same in every process of a distributed training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from torch import distributed

from empirical.probes.target_probe import TargetScores
from theory.validation import FloatArray

Found = TypeVar("Found")

# Kinds of faults of a probe.
NONE, INPUT, OTHER, POSTPONED = "none", "input", "other", "postponed"


@dataclass(frozen=True, eq=False)
class Probed:
    """The measurements of a probe, or its fault.

    Attributes:
        losses: (G,) of each layer; empty with a fault.
        target: what the layer shows of a target; None without one.
        accuracy: of the training task; None where nobody asks for it.
        fault: what was wrong, in a line; None for nothing.
        kind: of the fault.
    """

    losses: dict[str, FloatArray] = field(default_factory=dict)
    target: TargetScores | None = None
    accuracy: float | None = None
    fault: str | None = None
    kind: str = NONE


def described_error(error: Exception) -> str:
    """Describe an exception in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def process() -> int:
    """Number of this process in a distributed training; 0 in others."""
    return distributed.get_rank() if _is_distributed() else 0


def of_first_process(found: Found) -> Found:
    """Broadcast the results of the first process to all."""
    if not _is_distributed():
        return found
    box = [found]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def _is_distributed() -> bool:
    return distributed.is_available() and distributed.is_initialized()
