"""The assessment of an assumption or a claim: a value, its interval, a limit and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from theory.validation import InputError


class Verdict(Enum):
    """The outcome for an assumption or a claim."""

    HOLDS = "holds"
    FAILS = "FAILS"
    NOT_RESOLVED = "not resolved"
    #: For a claim on a curve that does not move by its resolution: met, but not evidence.
    NO_PHASES = "no phases to speak of"


class Side(Enum):
    """The side of its limit on which an assumption holds."""

    AT_MOST = "at most"
    AT_LEAST = "at least"
    ABOVE = "above"

    def admits(self, value: float, limit: float) -> bool:
        """Whether ``value`` is on this side of ``limit``; NaN is on none."""
        match self:
            case Side.AT_MOST:
                return value <= limit
            case Side.AT_LEAST:
                return value >= limit
            case Side.ABOVE:
                return value > limit


@dataclass(frozen=True)
class Assessment:
    """One assumption, evaluated on a data model or on a sample.

    Attributes:
        name: A1 to A8.
        statement: the assumption in words.
        measure: the quantity that ``value`` measures.
        value: the measured number; NaN where there is none.
        limit: where the assumption ends, not zero.
        side: on which side of the limit it holds.
        interval: lower and upper end at 95 % from a sample: infinite ends where it leaves the value
            open, NaN where the sample gives none. None for a data model, whose numbers are exact.

    Raises:
        InputError: a lower end above the upper one.
    """

    name: str
    statement: str
    measure: str
    value: float
    limit: float
    side: Side
    interval: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.interval is not None and self.interval[0] > self.interval[1]:
            raise InputError(f"interval: {self.interval} is not accepted; give the lower end first")

    @property
    def verdict(self) -> Verdict:
        """HOLDS or FAILS where value and interval are on one side of the limit, NOT_RESOLVED where it divides them.

        An exact value that does not exist (NaN) fails; a sample without an interval is not resolved.
        """
        ends = (self.value,) if self.interval is None else self.interval
        if self.interval is not None and np.isnan(ends).any():
            return Verdict.NOT_RESOLVED
        inside = {self.side.admits(end, self.limit) for end in ends}
        if len(inside) > 1:
            return Verdict.NOT_RESOLVED
        return Verdict.HOLDS if inside.pop() else Verdict.FAILS

    @property
    def holds(self) -> bool:
        """Whether the verdict is HOLDS."""
        return self.verdict is Verdict.HOLDS

    @property
    def margin(self) -> float:
        """Distance of the value from the limit as a share of it, positive on the side where the assumption holds."""
        distance = abs(self.value - self.limit) / abs(self.limit)
        return distance if self.side.admits(self.value, self.limit) else -distance
