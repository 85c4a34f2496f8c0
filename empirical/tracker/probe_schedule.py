"""The steps at which a tracked training is probed."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from theory import InputError
from theory.validation import at_least, positive, quoted


@dataclass(frozen=True)
class ProbeSchedule:
    """The steps that are probed: the first one that a tracker sees, then first * ratio^k, rounded, k = 0, 1, 2, ...

    Attributes:
        first: from 1 to 10^15. Early steps are close to each other and expensive in units of the training between them.
        ratio: above 1.
    """

    first: int = 16
    ratio: float = math.sqrt(2)

    def __post_init__(self) -> None:
        if at_least("first", self.first, 1) > 10**15:
            raise InputError(f"first: {quoted(self.first)} is not accepted; give at most 10^15")
        if positive("ratio", self.ratio) <= 1:
            raise InputError(f"ratio: {quoted(self.ratio)} is not accepted; give a number above 1")

    def after(self, step: int) -> int:
        """The first scheduled step that comes after ``step``."""
        if step < self.first:
            return self.first
        if step >= sys.maxsize:
            return step + 1
        # first * ratio^power rounds to more than step from step + 1/2 on; a power less, as logarithms are rounded.
        power = math.ceil(math.log((step + 0.5) / self.first) / math.log(self.ratio)) - 1
        while (found := self._at(max(power, 0))) <= step:
            power += 1
        return found

    def _at(self, power: int) -> int:
        try:
            return round(self.first * self.ratio**power)
        except OverflowError:  # a step that no training reaches
            return sys.maxsize
