"""How weights move along a gradient: gradient descent, with optional momentum and weight decay, and Adam.

The theory is about plain gradient descent. The others show where it stops holding. Each works on many replicas
at once, every replica with its own step size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch

from theory import InputError, Loss
from theory.validation import non_negative, positive


class Optimiser(ABC):
    """A rule that moves weights (group, replica, outputs, D) along gradients of the same shape."""

    @abstractmethod
    def check_step_size(self, loss: Loss, step_size: float, largest_eigenvalue: float) -> None:
        """InputError if training with this step size is known to be unstable.

        Args:
            loss: the training loss.
            step_size: eta.
            largest_eigenvalue: lambda_1 of the inputs' covariance.
        """

    @abstractmethod
    def start(self, weights: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The memory of the rule before the first step."""

    @abstractmethod
    def move(
        self,
        weights: torch.Tensor,
        gradient: torch.Tensor,
        step_sizes: torch.Tensor,
        memory: tuple[torch.Tensor, ...],
        step: int,
    ) -> None:
        """Change ``weights`` and ``memory`` in place; ``gradient`` may be overwritten.

        Args:
            weights: (group, replica, outputs, D).
            gradient: of the loss there.
            step_sizes: (group, replica, 1, 1).
            memory: from ``start``.
            step: 0, 1, 2, ...
        """


@dataclass(frozen=True)
class GradientDescent(Optimiser):
    """W <- W - eta B, B <- momentum B + gradient + weight_decay W (Polyak 1964; the convention of torch).

    Attributes:
        momentum: from 0 to below 1; 0 is plain gradient descent.
        weight_decay: at least 0.
    """

    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        if non_negative("momentum", self.momentum) >= 1:
            raise InputError(f"momentum: {self.momentum!r} is not accepted; give a number from 0 to below 1")
        non_negative("weight_decay", self.weight_decay)

    def check_step_size(self, loss: Loss, step_size: float, largest_eigenvalue: float) -> None:
        """InputError beyond the stability limit of heavy-ball descent, eta (lambda_1 c + decay) <= 2 (1 + momentum)."""
        # In these units the limit is that of plain descent on the loss.
        decay_as_variance = self.weight_decay / loss.largest_curvature
        loss.check_step_size(step_size / (1 + self.momentum), largest_eigenvalue + decay_as_variance)

    def start(self, weights: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (torch.zeros_like(weights),) if self.momentum else ()

    def move(
        self,
        weights: torch.Tensor,
        gradient: torch.Tensor,
        step_sizes: torch.Tensor,
        memory: tuple[torch.Tensor, ...],
        step: int,
    ) -> None:
        del step
        if self.weight_decay:
            gradient.add_(weights, alpha=self.weight_decay)
        if memory:
            (velocity,) = memory
            gradient = velocity.mul_(self.momentum).add_(gradient)
        weights.addcmul_(gradient, step_sizes, value=-1)


@dataclass(frozen=True)
class Adam(Optimiser):
    """Adam (Kingma & Ba 2015, algorithm 1).

    Attributes:
        first_decay: beta_1 of the mean gradient, from 0 to below 1.
        second_decay: beta_2 of the mean squared gradient, from 0 to below 1.
        epsilon: added to the root of the latter, positive.
    """

    first_decay: float = 0.9
    second_decay: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("first_decay", "second_decay"):
            if non_negative(name, getattr(self, name)) >= 1:
                raise InputError(f"{name}: {getattr(self, name)!r} is not accepted; give a number from 0 to below 1")
        positive("epsilon", self.epsilon)

    def check_step_size(self, loss: Loss, step_size: float, largest_eigenvalue: float) -> None:
        """InputError unless positive: steps are bounded by eta for any curvature."""
        del loss, largest_eigenvalue
        positive("step_size", step_size)

    def start(self, weights: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.zeros_like(weights), torch.zeros_like(weights)

    def move(
        self,
        weights: torch.Tensor,
        gradient: torch.Tensor,
        step_sizes: torch.Tensor,
        memory: tuple[torch.Tensor, ...],
        step: int,
    ) -> None:
        mean, square = memory
        mean.mul_(self.first_decay).add_(gradient, alpha=1 - self.first_decay)
        square.mul_(self.second_decay).addcmul_(gradient, gradient, value=1 - self.second_decay)
        # Both start at zero; dividing by what they would sum to by now removes that bias.
        root = (square / (1 - self.second_decay ** (step + 1))).sqrt_().add_(self.epsilon)
        direction = mean / (1 - self.first_decay ** (step + 1)) / root
        weights.addcmul_(direction, step_sizes, value=-1)
