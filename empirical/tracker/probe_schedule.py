"""The steps at which a tracked training is probed."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from theory import InputError
from theory.validation import at_least, positive, quoted

#: From this step on probes are to be cheap beside the training; before it they are few and the steps go by quickly.
CHEAP_FROM = 128


@dataclass(frozen=True)
class ProbeSchedule:
    """The steps that are probed: the first one that a tracker sees, then first * ratio^k, rounded, k = 0, 1, 2, ...

    From step CHEAP_FROM on, those that follow the last probe by fewer than ``least_gap`` are left out. A probe with
    2,000 images costs about six steps of a network with batch normalisation at batches of 128: one in 160 steps is less
    than a twentieth, and all to step 8,192 are less than a hundredth and a half.

    Attributes:
        first: from 1 to 10^15. Early steps are close to each other and expensive in units of the training between them.
        ratio: above 1.
        least_gap: from 1 to 10^15; 1 leaves out none.
    """

    first: int = 16
    ratio: float = math.sqrt(2)
    least_gap: int = 160

    def __post_init__(self) -> None:
        for name, value in (("first", self.first), ("least_gap", self.least_gap)):
            if at_least(name, value, 1) > 10**15:
                raise InputError(f"{name}: {quoted(value)} is not accepted; give at most 10^15")
        if positive("ratio", self.ratio) <= 1:
            raise InputError(f"ratio: {quoted(self.ratio)} is not accepted; give a number above 1")

    def after(self, step: int) -> int:
        """The first scheduled step that comes after ``step``."""
        if step < self.first:
            return self.first
        if step >= sys.maxsize:
            return step + 1
        if step >= CHEAP_FROM:
            step += self.least_gap - 1
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
