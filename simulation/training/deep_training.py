"""Training of networks with hidden layers, z = W_L f(... f(W_1 x)), many replicas in one program.

Layers are (replica, h_l, h_(l-1)), h_0 the dimension of the inputs and h_L the number of outputs. As in
``simulation.training.training``, replica r is in group r mod (number of groups) and sees its samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from simulation.devices import checked_dtype
from simulation.training.activations import Activation, Identity
from simulation.training.batches import Batch, BatchSource
from simulation.training.descent import grouped, multiply, predictions
from simulation.training.training import LARGEST_WEIGHT, MEMORY_BUDGET, Status, Trained, initial_weights
from theory import DataModel, InputError, Loss, relative_loss
from theory.curves.deep_linear import Layers, check_layers, partial_products
from theory.curves.losses import loss_argument
from theory.curves.reconstruction import rounding
from theory.progress import Progress, silent
from theory.validation import FloatArray, IntArray, at_least, positive, step_counts

#: From the layers of some replicas and the number of steps that made them: the (replica, layer) relative reconstruction
#: loss of the network's inputs from each layer's output.
Measurement = Callable[[Layers, int], FloatArray]


@dataclass(frozen=True, eq=False)
class DeepTrained:
    """The outcome of ``train_layers``.

    Attributes:
        status: whether all replicas stayed finite.
        steps: (T,) step counts that were recorded; fewer than requested if every replica diverged.
        losses: (replica, layer, T) relative reconstruction loss of the inputs from each layer's output; NaN once a
            replica has diverged.
        step_sizes: (replica,) eta.
        layers: W_1, ..., W_L, each (replica, h_l, h_(l-1)), at the last recorded step at which the replica was finite.
    """

    status: Status
    steps: IntArray
    losses: FloatArray
    step_sizes: FloatArray
    layers: Layers

    def layer(self, number: int) -> Trained:
        """Layer ``number``, from 1 on, with its own weights."""
        if at_least("number", number, 1) > len(self.layers):
            raise InputError(f"number: {number} is not accepted; give 1 to {len(self.layers)}, a layer of the network")
        own = self.losses[:, number - 1]
        probes = np.empty((0, *own.shape))
        return Trained(self.status, self.steps, own, self.step_sizes, self.layers[number - 1], probes)


def initial_layers(replicas: int, widths: Sequence[int], scales: float | Sequence[float], seed: int) -> Layers:
    """W_1, ..., W_L with independent N(0, sigma_l^2) entries, float64.

    Args:
        replicas: number of draws; replica r does not depend on it.
        widths: h_0, ..., h_L, from the dimension of the inputs to the number of outputs.
        scales: sigma_l of each layer, or one for all.
        seed: of the draws.

    Raises:
        InputError: fewer than two widths, or widths and scales that do not match.
    """
    if len(widths) < 2:
        raise InputError(
            f"widths: {list(widths)} is not accepted; give the dimension of the inputs and those of layers"
        )
    depth = len(widths) - 1
    deviations = [scales] * depth if isinstance(scales, float | int) else list(scales)
    if len(deviations) != depth:
        raise InputError(f"scales: has {len(deviations)} entries; give one, or one for each of the {depth} layers")
    seeds = np.random.SeedSequence(at_least("seed", seed, 0)).generate_state(depth)
    return tuple(
        initial_weights(replicas, rows, columns, scale, int(own))
        for columns, rows, scale, own in zip(widths, widths[1:], deviations, seeds, strict=False)
    )


def linear_measurement(model: DataModel, dtype: torch.dtype = torch.float32) -> Measurement:
    """The exact reconstruction loss of the best linear decoder at each layer of a linear network.

    Args:
        model: its spectrum measures the loss; its basis maps the inputs' coordinates to the eigenbasis.
        dtype: in which the layers are trained; outputs count by the rule of ``theory.curves.reconstruction``.
    """

    def losses(layers: Layers, steps: int) -> FloatArray:
        resolution = rounding(steps, torch.finfo(dtype).eps)
        products = partial_products((model.to_eigenbasis(layers[0]), *layers[1:]))
        return np.stack([relative_loss(rows, model.eigenvalues, resolution) for rows in products], axis=1)

    return losses


def train_layers(
    source: BatchSource,
    loss: Loss,
    layers: Sequence[FloatArray],
    steps: IntArray,
    step_size: float,
    measurement: Measurement,
    activation: Activation | None = None,
    dtype: torch.dtype = torch.float32,
    memory_budget: int = MEMORY_BUDGET,
    progress: Progress = silent,
) -> DeepTrained:
    """Train all layers of replicas by gradient descent and record how well the inputs can be reconstructed.

    Args:
        source: the batch of every step, on the device that trains.
        loss: the training loss.
        layers: W_1(0), ..., W_L(0), the columns of W_1 in the source's coordinates.
        steps: (T,) strictly increasing step counts to record, the first of them 0.
        step_size: eta, the same for all layers. No limit on it is known in advance; a step size that is too
            large gives the status ``DIVERGED``.
        measurement: what is recorded; ``linear_measurement`` for a linear network.
        activation: of the hidden units; none if left out, a linear network.
        dtype: of weights and gradients, that of the source.
        memory_budget: bytes for the units of all layers; replicas take turns within a step to keep to it.
        progress: shows how many steps are done.

    Raises:
        InputError: shapes or number types that do not fit, NaN or infinity, a step size that is not positive, a memory
            budget that is too small for one replica.
    """
    loss_argument(loss)
    classes = int(source.group_frequencies.shape[1])
    start = check_layers(layers, source.dimension, loss.outputs(classes))
    counts = step_counts("steps", steps)
    if counts[0] != 0:
        raise InputError(f"steps: begin at {counts[0]}; let the first be 0, the initial weights")
    replicas = start[0].shape[0]
    if replicas % source.groups:
        raise InputError(f"layer 1: has {replicas} replicas; give a multiple of the source's {source.groups} groups")
    if checked_dtype(dtype) != source.dtype:
        raise InputError(f"dtype: {dtype} is not that of the source's inputs, {source.dtype}; give one for both")
    function = activation if activation is not None else Identity()
    run = _DeepDescent(loss, function, source, start, positive("step_size", step_size), memory_budget)
    last = tuple(layer.copy() for layer in start)
    recorded: list[FloatArray] = []
    wanted = set(counts.tolist())
    finite = np.ones(replicas, dtype=np.bool_)
    for step in progress(range(int(counts[-1]) + 1)):
        if step in wanted:
            state = run.layers()
            for layer in state:
                finite &= (np.abs(layer) < LARGEST_WEIGHT).all(axis=(1, 2))
            if not finite.any():
                break
            losses = np.full((replicas, len(state)), np.nan)
            losses[finite] = measurement(tuple(layer[finite] for layer in state), step)
            recorded.append(losses)
            for kept, layer in zip(last, state, strict=True):
                kept[finite] = layer[finite]
        if step < counts[-1]:
            run.advance(source, step)
    status = Status.COMPLETED if finite.all() else Status.DIVERGED
    sizes = np.full(replicas, float(step_size))
    return DeepTrained(status, counts[: len(recorded)], np.stack(recorded, axis=-1), sizes, last)


class _DeepDescent:
    """Layers of replicas in training, (group, replicas of the group, h_l, h_(l-1)) each."""

    def __init__(
        self,
        loss: Loss,
        activation: Activation,
        source: BatchSource,
        layers: Layers,
        step_size: float,
        memory_budget: int,
    ) -> None:
        """InputError: the budget is too small for the units of one replica."""
        self._loss, self._activation, self._step_size = loss, activation, step_size
        frequencies = source.group_frequencies
        self._layers = [
            grouped(torch.tensor(layer, dtype=source.dtype, device=frequencies.device), source.groups)
            for layer in layers
        ]
        targets = [torch.from_numpy(loss.targets(own)) for own in frequencies.cpu().numpy()]
        self._targets = torch.stack(targets).to(self._layers[0])  # (group, label, outputs)
        # Units, what is passed back through them, and predictions.
        unit = source.size * source.dtype.itemsize * (2 * sum(layer.shape[1] for layer in layers) + layers[-1].shape[1])
        if memory_budget < unit:
            raise InputError(f"memory_budget: {memory_budget} is not accepted; give at least {unit} bytes")
        self._replicas_at_once = memory_budget // unit

    def layers(self) -> Layers:
        """W_1, ..., W_L now, (replica, h_l, h_(l-1)), float64."""
        return tuple(
            layer.transpose(0, 1).reshape(-1, *layer.shape[2:]).to("cpu", torch.float64).numpy()
            for layer in self._layers
        )

    @torch.no_grad()
    def advance(self, source: BatchSource, step: int) -> None:
        """One step of every replica; the batches cover the groups in their order."""
        first = 0
        for batch in source.batches(step):
            own = slice(first, first + len(batch.labels))
            first += len(batch.labels)
            groups, replicas = len(batch.labels), self._layers[0].shape[1]
            at_once = max(1, self._replicas_at_once // groups)
            for begin in range(0, replicas, at_once):
                turn = slice(begin, begin + at_once)
                self._move([layer[own, turn] for layer in self._layers], self._targets[own], batch)

    def _move(self, layers: list[torch.Tensor], targets: torch.Tensor, batch: Batch) -> None:
        """One step of some replicas, in place: layers (group, replica, h_l, h_(l-1)), targets (group, label, outputs).

        Samples are the last axis of units, so that the first product of all replicas of a group is one.
        """
        inputs, labels = batch.inputs, batch.labels
        groups, replicas, rows, dimension = layers[0].shape
        samples = inputs.shape[1]
        units = inputs.new_empty(groups, replicas * rows, samples)
        multiply(layers[0].reshape(groups, replicas * rows, dimension), inputs.transpose(1, 2), units)
        values = [units.view(groups, replicas, rows, samples)]
        for layer in layers[1:]:
            values[-1] = self._activation.value(values[-1])
            values.append(layer @ values[-1])
        wanted = targets.gather(1, labels[..., None].expand(-1, -1, targets.shape[-1])).transpose(1, 2)
        error = predictions(self._loss, values[-1], torch.empty_like(values[-1])).sub_(wanted[:, None])
        share = self._step_size / samples
        for number in range(len(layers) - 1, 0, -1):
            below = values[number - 1]
            move = error @ below.transpose(2, 3)
            error = self._activation.back(layers[number].transpose(2, 3) @ error, below)
            layers[number].sub_(move, alpha=share)
        move = inputs.new_empty(groups, replicas * rows, dimension)
        multiply(error.reshape(groups, replicas * rows, samples), inputs, move)
        layers[0].sub_(move.view_as(layers[0]), alpha=share)
