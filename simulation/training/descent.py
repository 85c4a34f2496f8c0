"""A step of many single-layer networks at once: outputs, gradient and move, within a budget of memory."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from simulation.training.batches import Batch, BatchSource, groups_in_turns
from simulation.training.optimisers import Optimiser
from theory import InputError, Logistic, Loss, Softmax, SquaredError


class Descent:
    """Weights of replicas in training; replica r is in group r mod (number of groups)."""

    def __init__(
        self,
        loss: Loss,
        optimiser: Optimiser,
        source: BatchSource,
        weights: torch.Tensor,
        step_sizes: torch.Tensor,
        memory_budget: int,
    ) -> None:
        """Weights (replica, outputs, D) and step sizes (replica,), on any device, and a budget in bytes.

        Args:
            loss: the training loss.
            optimiser: the rule that moves the weights.
            source: of the batches, on the device that trains.
            weights: (replica, outputs, D) W(0).
            step_sizes: (replica,) eta.
            memory_budget: bytes for the batch and the outputs of a step.

        Raises:
            InputError: the budget is too small for the source's batches or for the outputs of one replica.
        """
        self._loss, self._optimiser, groups = loss, optimiser, source.groups
        frequencies = source.group_frequencies
        self._weights = grouped(weights.to(frequencies.device), groups)
        self._step_sizes = grouped(step_sizes[:, None, None].to(self._weights), groups)
        self._gradient = torch.empty_like(self._weights)
        self._memory = optimiser.start(self._weights)
        targets = [torch.from_numpy(loss.targets(own)) for own in frequencies.cpu().numpy()]
        self._targets = torch.stack(targets).to(self._weights)  # (group, label, outputs)
        replicas, outputs = self._weights.shape[1:3]
        self._groups_at_once, self._replicas_at_once = _at_once(source, replicas, outputs, memory_budget)
        # Reused between steps: allocating at each step takes as long as the outputs' functions.
        largest = min(groups, self._groups_at_once) * self._replicas_at_once * outputs * source.size
        self._work = self._weights.new_empty(2, largest)

    def weights(self) -> torch.Tensor:
        """(replica, outputs, D) now."""
        return self._weights.transpose(0, 1).reshape(-1, *self._weights.shape[2:])

    @torch.no_grad()
    def advance(self, batches: Iterable[Batch], step: int) -> None:
        """One step of every replica; the batches cover the groups in their order."""
        first = 0
        for batch in batches:
            for turn in groups_in_turns(len(batch.labels), self._groups_at_once):
                own = slice(first + turn.start, first + turn.stop)
                self._move(own, batch.inputs[turn], batch.labels[turn], step)
            first += len(batch.labels)
            del batch  # before the next is drawn

    def _move(self, groups: slice, inputs: torch.Tensor, labels: torch.Tensor, step: int) -> None:
        """One step of some groups, on inputs (group, n, D) with labels (group, n)."""
        weights, gradient = self._weights[groups], self._gradient[groups]
        targets = self._targets[groups]
        targets = targets.gather(1, labels[..., None].expand(-1, -1, targets.shape[-1])).transpose(1, 2).contiguous()
        for first in range(0, weights.shape[1], self._replicas_at_once):
            own = slice(first, first + self._replicas_at_once)
            self._differentiate(weights[:, own], inputs, targets, gradient[:, own])
        memory = tuple(part[groups] for part in self._memory)
        self._optimiser.move(weights, gradient, self._step_sizes[groups], memory, step)

    def _differentiate(
        self, weights: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor, gradient: torch.Tensor
    ) -> None:
        """The mean gradient over a batch into ``gradient``; targets are (group, outputs, n).

        Samples are the last axis of the outputs, so that the softmax runs along contiguous memory.
        """
        groups, replicas, outputs, dimension = weights.shape
        samples = inputs.shape[1]
        if isinstance(self._loss, Softmax) and outputs == 2:
            # The logistic function of the difference: half the work, and no rounding in the mean row.
            difference = weights[:, :, 1] - weights[:, :, 0]
            error = self._work[0, : groups * replicas * samples].view(groups, replicas, samples)
            multiply(difference, inputs.transpose(1, 2), error)
            error.sigmoid_().sub_(targets[:, 1:])
            of_difference = difference  # its memory: a product into every other row of the gradient is slower
            multiply(error, inputs, of_difference)
            half = torch.div(of_difference, samples, out=gradient[:, :, 1])
            torch.neg(half, out=gradient[:, :, 0])
            return
        scores, spare = self._work[:, : groups * replicas * outputs * samples]
        rows = (groups, replicas * outputs)
        multiply(weights.view(*rows, dimension), inputs.transpose(1, 2), scores.view(*rows, samples))
        each = (groups, replicas, outputs, samples)
        error = predictions(self._loss, scores.view(each), spare.view(each)).sub_(targets[:, None])
        multiply(error.view(*rows, samples), inputs, gradient.view(*rows, dimension))
        gradient.div_(samples)


def _at_once(source: BatchSource, replicas: int, outputs: int, memory_budget: int) -> tuple[int, int]:
    """How many groups, and replicas of each, fit the budget together with the source's batch.

    Scores and predictions of a replica take as much as the labels' targets of its group before and after they are
    turned.
    """
    unit = 2 * source.size * outputs * source.dtype.itemsize
    least = source.working_bytes + 2 * unit
    if memory_budget < least:
        raise InputError(
            f"memory_budget: {memory_budget} is not accepted; give at least {least} bytes, for a batch and the outputs "
            "of one replica"
        )
    units = (memory_budget - source.working_bytes) // unit
    return max(1, units // (1 + replicas)), min(replicas, units - 1)


def grouped(replicas: torch.Tensor, groups: int) -> torch.Tensor:
    """(replica, ...) -> (group, replicas of the group, ...)."""
    return replicas.view(-1, groups, *replicas.shape[1:]).transpose(0, 1).contiguous()


def multiply(left: torch.Tensor, right: torch.Tensor, product: torch.Tensor) -> None:
    """(group, a, b) times (group, b, c) into (group, a, c).

    Args:
        left: (group, a, b).
        right: (group, b, c).
        product: (group, a, c), overwritten.
    """
    if len(left) == 1:  # the plain product is faster
        torch.mm(left[0], right[0], out=product[0])
    else:
        torch.bmm(left, right, out=product)


def predictions(loss: Loss, scores: torch.Tensor, spare: torch.Tensor) -> torch.Tensor:
    """Predictions p(z) of the loss for (group, replica, outputs, n), in ``scores`` or ``spare``.

    The output gradient is p - t for all three.

    Args:
        loss: softmax, logistic or squared.
        scores: (group, replica, outputs, n) z, which may be overwritten.
        spare: memory of the same shape, which may be overwritten.
    """
    match loss:
        case Softmax():
            return torch.softmax(scores, dim=2, out=spare)
        case Logistic():
            return scores.sigmoid_()
        case SquaredError():
            return scores
    raise InputError(f"loss: {loss.name} is not supported in training; give softmax, logistic or squared")
