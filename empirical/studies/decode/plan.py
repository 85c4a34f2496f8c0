"""Plans of decoded images: which checkpoints, and how many images."""

from __future__ import annotations

from dataclasses import dataclass

from theory import InputError
from theory.validation import at_least

#: Most images of a figure that is still legible.
LARGEST_IMAGES = 16


@dataclass(frozen=True)
class DecodePlan:
    """The images and checkpoints that are shown.

    Attributes:
        steps: of the checkpoints, ascending; none for the first, the one that the stop rule recommends, and the last.
        images: the first test image of each of so many classes, at most.
        layer: that is decoded; None for the last one that was tracked.

    Raises:
        InputError: a value out of its range, or steps that do not ascend.
    """

    steps: tuple[int, ...] = ()
    images: int = 8
    layer: str | None = None

    def __post_init__(self) -> None:
        for step in self.steps:
            at_least("steps", step, 0)
        if list(self.steps) != sorted(set(self.steps)):
            raise InputError(f"steps: {list(self.steps)} do not ascend; give different ones in ascending order")
        if at_least("images", self.images, 1) > LARGEST_IMAGES:
            raise InputError(f"images: {self.images} is not accepted; give an integer from 1 to {LARGEST_IMAGES}")
