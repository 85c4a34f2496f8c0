"""Counts the updates of one network's weights where optimisers make them.

A trainer's own count is of all optimisers, or of batches: two that step in turn count twice as many, and a batch
whose gradients are only accumulated, or whose step is left out because they overflow, is no update.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook


class UpdateCount:
    """Counts the batches in which an optimiser steps that owns weights of the network with a gradient.

    An optimiser that steps several times within a batch counts as often; of several that step within one batch the one
    with the most steps counts. For optimisers other than torch's the trainer's count is used.

    Args:
        network: whose weights are meant; those of its parts are.

    Attributes:
        updates: so far.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self.updates = 0
        self._steps: Counter[int] = Counter()
        self._seen = False
        self._trainer_steps = 0
        self._own: set[int] = set()
        self._handle: Any = None

    def start(self, trainer_steps: int, optimisers: Iterable[Any]) -> None:
        """Begin to watch all optimisers of the process.

        Args:
            trainer_steps: the trainer's own count now.
            optimisers: the trainer's, as far as it knows them.
        """
        plain = [getattr(one, "optimizer", one) for one in optimisers]
        self._seen = self._seen or (bool(plain) and all(isinstance(one, torch.optim.Optimizer) for one in plain))
        self.stop()
        self._trainer_steps = trainer_steps
        self._own = {id(one) for one in self._network.parameters()}
        self._handle = register_optimizer_step_post_hook(self._stepped)

    def stop(self) -> None:
        """Watch no longer."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def batch_ended(self, trainer_steps: int) -> int:
        """Close a batch; returns the updates so far.

        Args:
            trainer_steps: the trainer's own count now.
        """
        if self._seen:
            self.updates += max(self._steps.values(), default=0)
        else:
            self.updates += max(trainer_steps - self._trainer_steps, 0)
        self._trainer_steps = trainer_steps
        self._steps.clear()
        return self.updates

    def _stepped(self, optimiser: torch.optim.Optimizer, *_: object) -> None:
        self._seen = True
        if self._owns(optimiser):
            self._steps[id(optimiser)] += 1

    def _owns(self, optimiser: torch.optim.Optimizer) -> bool:
        tensors = [one for group in optimiser.param_groups for one in group["params"]]
        if not any(id(one) in self._own for one in tensors):  # parts may have been replaced or added
            self._own = {id(one) for one in self._network.parameters()}
        return any(id(one) in self._own and one.grad is not None for one in tensors)
