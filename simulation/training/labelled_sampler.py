"""The base of all samplers: labels at their frequencies, and an input for each label."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from simulation.devices import seeded_generator
from theory.validation import FloatArray, at_least, class_labels


class LabelledSampler(ABC):
    """Draws of labelled inputs on a device, from a seeded generator.

    The same seed gives the same numbers on one kind of device, and different numbers on another.

    Args:
        frequencies: (K,) of the labels.
        seed: of the draws, 0 to 2^63 - 1.
        device: that draws.

    Attributes:
        frequencies: (K,) of the labels, float64, on the device.
    """

    def __init__(self, frequencies: FloatArray, seed: int, device: torch.device) -> None:
        self.frequencies = torch.from_numpy(frequencies).to(device)
        self._generator = seeded_generator(seed, device)

    def draw(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """``count`` independent inputs (count, d) with labels (count,) drawn at their frequencies."""
        labels = torch.multinomial(
            self.frequencies, at_least("count", count, 1), replacement=True, generator=self._generator
        )
        return self._inputs(labels), labels

    def draw_for(self, labels: torch.Tensor) -> torch.Tensor:
        """An independent input for each of ``labels`` (n,), the labels observed in a population: (n, d).

        Raises:
            InputError: labels that are not integers from 0 to K - 1.
        """
        known = class_labels("labels", labels.cpu().numpy(), len(labels), len(self.frequencies))
        return self._inputs(torch.from_numpy(known).to(self.frequencies.device))

    @abstractmethod
    def _inputs(self, labels: torch.Tensor) -> torch.Tensor:
        """An input for each of ``labels``, which have been checked."""
