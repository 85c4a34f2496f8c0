"""Whether networks trained over a grid agree with what is derived there, and whether their draws of W(0) decide it.

The mean curve of a few draws of W(0) is not the mean over all of them, so that points disagree by chance. How many is
seen by comparing the draws with themselves: two halves of them differ at as many points as chance decides, and at a
few more, as the mean over half of the draws is noisier than the mean over all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from theory.assumptions import Verdict

#: Share of the points away from the borders that must agree with the derivation.
LEAST_AGREEMENT = 0.95


class GridPoint(Protocol):
    """Trained networks at one place of a grid."""

    @property
    def agrees(self) -> bool:
        """Whether what is measured is what is derived."""

    @property
    def near_border(self) -> bool:
        """Whether a small change of an axis changes what is derived."""

    @property
    def reproduced(self) -> bool | None:
        """Whether two halves of the draws of W(0) show the same; None where there are too few draws for halves."""


@dataclass(frozen=True)
class GridAgreement:
    """The agreement over the points away from the borders.

    Attributes:
        points: number of these points.
        share: of them that agree, 0 to 1; NaN without points.
        reproduced: share of them at which two halves of the draws show the same, 0 to 1; None where it is not known.
    """

    points: int
    share: float
    reproduced: float | None

    @classmethod
    def from_points(cls, points: Sequence[GridPoint]) -> GridAgreement:
        """The agreement of points, of which those near a border do not count."""
        far = [point for point in points if not point.near_border]
        known = [point.reproduced for point in far if point.reproduced is not None]
        return cls(len(far), _share([point.agrees for point in far]), _share(known) if known else None)

    @property
    def verdict(self) -> Verdict:
        """HOLDS from LEAST_AGREEMENT on; FAILS where more points disagree than that allows and chance explains.

        NOT_RESOLVED in between, without points, and where too few draws leave no halves to compare.
        """
        if self.share >= LEAST_AGREEMENT:
            return Verdict.HOLDS
        if self.reproduced is None or not self.points:
            return Verdict.NOT_RESOLVED
        allowed = (1 - LEAST_AGREEMENT) + (1 - self.reproduced)
        return Verdict.FAILS if 1 - self.share > allowed else Verdict.NOT_RESOLVED

    def lines(self) -> list[str]:
        """The verdict and, where it is not resolved, what chance decides."""
        lines = [f"at least {LEAST_AGREEMENT:.0%} are to agree: {self.verdict.value}"]
        if self.verdict is not Verdict.NOT_RESOLVED or not self.points:
            return lines
        if self.reproduced is None:
            return [*lines, "too few draws of W(0) to tell a disagreement from chance: give more --replicas"]
        return [
            *lines,
            f"two halves of the draws of W(0) differ at {1 - self.reproduced:.1%} of the points: give more --replicas",
        ]


def reproduced_column(points: Sequence[GridPoint]) -> dict[str, list[bool]]:
    """The column ``reproduced`` of a table of points; none where it is not known."""
    known = [point.reproduced for point in points if point.reproduced is not None]
    return {"reproduced": known} if len(known) == len(points) else {}


def reproduced_flags(table: Mapping[str, Any], count: int) -> list[bool | None]:
    """``reproduced`` of each of ``count`` points of a table; None each where the table has no such column."""
    return [bool(one) for one in table["reproduced"]] if "reproduced" in table else [None] * count


def _share(flags: Sequence[bool]) -> float:
    return float(np.mean(flags)) if flags else float("nan")
