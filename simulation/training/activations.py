"""Activation functions between the layers of a network, with their derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch


class Activation(Protocol):
    """A function applied to every hidden unit."""

    @property
    def name(self) -> str:
        """The word used for it on the command line."""

    def value(self, units: torch.Tensor) -> torch.Tensor:
        """f(u), of the shape of ``units``, which may be overwritten."""

    def back(self, gradient: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """The gradient by u from that by f(u), which may be overwritten, and f(u) itself."""


@dataclass(frozen=True)
class Identity:
    """No function: a linear network."""

    name = "linear"

    def value(self, units: torch.Tensor) -> torch.Tensor:
        """The units themselves."""
        return units

    def back(self, gradient: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """The gradient itself."""
        return gradient


@dataclass(frozen=True)
class Rectified:
    """max(u, 0), with slope 0 at 0."""

    name = "relu"

    def value(self, units: torch.Tensor) -> torch.Tensor:
        return units.clamp_(min=0)

    def back(self, gradient: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return gradient.mul_(value > 0)
