"""Training of single-layer networks z = W x, many replicas in one program.

Replicas may differ in W(0), in step size and, through the groups of their source, in the samples and the data model.
All groups with equally many samples go through the same two matrix products per step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
from numpy.typing import NDArray

from simulation.devices import checked_dtype
from simulation.training.batches import BatchSource
from simulation.training.descent import Descent
from simulation.training.optimisers import GradientDescent, Optimiser
from simulation.training.sample_probe import Probe
from theory import Curve, DataModel, InputError, Loss, relative_loss
from theory.curves.losses import loss_argument
from theory.curves.reconstruction import rounding
from theory.data.memory_limit import array_bytes, check_memory
from theory.progress import Progress, silent
from theory.validation import (
    FloatArray,
    IntArray,
    at_least,
    finite_array,
    non_negative,
    plain_array,
    positive,
    step_counts,
)

#: Bytes for the batch and the outputs of a step, beyond which replicas take turns.
MEMORY_BUDGET = 2**28

#: Weights beyond this have diverged: their squares, which measure the loss, approach the limit of float64.
LARGEST_WEIGHT = 1e100


class Status(Enum):
    """How a training run ended."""

    COMPLETED = "completed"
    DIVERGED = "diverged"


@dataclass(frozen=True, eq=False)
class Trained:
    """The outcome of ``train``.

    Attributes:
        status: whether all replicas stayed finite.
        steps: (T,) step counts that were recorded; fewer than requested if every replica diverged.
        losses: (replica, T) relative reconstruction loss at ``steps``; NaN once a replica has diverged.
        step_sizes: (replica,) eta.
        weights: (replica, outputs, D) at the last recorded step at which the replica was finite.
        missed: (probe, replica, T) share of its target that each probe misses at ``steps``, likewise.
    """

    status: Status
    steps: IntArray
    losses: FloatArray
    step_sizes: FloatArray
    weights: FloatArray
    missed: FloatArray

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """(replica,) whether each replica diverged."""
        return np.isnan(self.losses[:, -1])

    @property
    def curve(self) -> Curve:
        """The curve of all replicas, as far as all of them are finite; see ``curve_of``."""
        return self.curve_of(slice(None))

    def curve_of(self, replicas: slice | Sequence[int]) -> Curve:
        """The curve of some replicas with one step size, as far as all of them are finite.

        Raises:
            InputError: their step sizes differ, so that they share no times.
        """
        return self._curve(self.losses, replicas)

    def transfer_curves(self, replicas: slice | Sequence[int] = slice(None)) -> list[Curve]:
        """A curve for each probe, of what it misses of its target; as ``curve_of``."""
        return [self._curve(missed, replicas) for missed in self.missed]

    def _curve(self, values: FloatArray, replicas: slice | Sequence[int]) -> Curve:
        sizes, own = self.step_sizes[replicas], values[replicas]
        if np.unique(sizes).size != 1:
            raise InputError(f"replicas: have {np.unique(sizes).size} step sizes; give replicas of one, by curve_of")
        finite = np.isfinite(own).all(axis=0)
        return Curve(np.asarray(sizes[0] * self.steps[finite], dtype=np.float64), own[:, finite])


# Bytes of a replica's generator, and arrays of the size of all weights that are held at once: the weights in two bases
# and two precisions, their gradients and products.
_GENERATOR_BYTES, _WEIGHT_COPIES = 1000, 8


def check_weights(replicas: int, outputs: int, dimension: int, argument: str = "replicas") -> None:
    """Check that memory holds this many replicas in training.

    Args:
        replicas: draws of W(0).
        outputs: rows of W.
        dimension: columns of W.
        argument: name of the argument that sets their number.

    Raises:
        InputError: with the number of bytes.
    """
    held = _WEIGHT_COPIES * array_bytes((replicas, outputs, dimension)) + _GENERATOR_BYTES * int(replicas)
    check_memory(argument, held, "give fewer")


def initial_weights(replicas: int, outputs: int, dimension: int, scale: float, seed: int) -> FloatArray:
    """(replica, outputs, dimension) independent N(0, scale^2) entries, float64.

    Replica r does not depend on the number of replicas.

    Args:
        replicas: number of draws.
        outputs: rows of W.
        dimension: columns of W.
        scale: sigma0.
        seed: of the draws.
    """
    deviation = non_negative("scale", scale)
    for name, value in (("replicas", replicas), ("outputs", outputs), ("dimension", dimension)):
        at_least(name, value, 1)
    at_least("seed", seed, 0)
    check_weights(replicas, outputs, dimension)
    children = np.random.SeedSequence(seed).spawn(replicas)
    draws = [np.random.default_rng(child).standard_normal((outputs, dimension)) for child in children]
    return deviation * np.stack(draws)


def train(
    source: BatchSource,
    model: DataModel | Sequence[DataModel],
    loss: Loss,
    weights: FloatArray,
    steps: IntArray,
    step_size: float | FloatArray,
    optimiser: Optimiser | None = None,
    dtype: torch.dtype = torch.float32,
    memory_budget: int = MEMORY_BUDGET,
    progress: Progress = silent,
    probes: Sequence[Probe] = (),
) -> Trained:
    """Train replicas and record the exact reconstruction loss, and what probes miss of their targets.

    Args:
        source: the batch of every step, on the device that trains.
        model: data model whose spectrum measures the reconstruction loss; its basis maps the
            source's coordinates to the eigenbasis. One for all, or one for each group of the source.
        loss: the training loss.
        weights: (replica, outputs, D) W(0) in the source's coordinates.
        steps: (T,) strictly increasing step counts to record, the first of them 0.
        step_size: eta, one for all or (replica,), at which the optimiser is stable.
        optimiser: plain gradient descent if left out.
        dtype: of weights and gradients, that of the source; the reconstruction loss is computed in float64.
        memory_budget: bytes for a batch, its making and its outputs; replicas take turns within a step to keep to it.
            The data of the source and what has the size of the weights (the gradient, the optimiser's memory) come on
            top.
        progress: shows how many steps are done.
        probes: measured at the same steps as the reconstruction loss, in the source's coordinates.

    Raises:
        InputError: shapes or number types that do not fit, NaN or infinity, a step size that is not stable, a memory
            budget that is too small for one replica.
    """
    loss_argument(loss)
    start = finite_array("weights", weights, 3)
    counts = step_counts("steps", steps)
    if counts[0] != 0:
        raise InputError(f"steps: begin at {counts[0]}; let the first be 0, the initial weights")
    at_least("memory_budget", memory_budget, 1)
    rule = optimiser if optimiser is not None else GradientDescent()
    replicas, groups = start.shape[0], source.groups
    classes = int(source.group_frequencies.shape[1])
    expected = (loss.outputs(classes), source.dimension)
    if start.shape[1:] != expected:
        raise InputError(f"weights: has shape {start.shape}; give (replica, {expected[0]}, {expected[1]})")
    if replicas % groups:
        raise InputError(f"weights: has {replicas} replicas; give a multiple of the source's {groups} groups")
    models = [model] * groups if isinstance(model, DataModel) else list(model)
    if len(models) != groups:
        raise InputError(f"model: has {len(models)} entries; give one for each of the source's {groups} groups")
    sizes = _step_sizes(step_size, replicas)
    for group, own in enumerate(models):
        width = own.dimension if own.basis is None else own.basis.shape[0]
        if width != source.dimension:
            raise InputError(f"model: has {width} coordinates; give a model with the source's {source.dimension}")
        rule.check_step_size(loss, float(sizes[group::groups].max()), float(own.eigenvalues[0]))

    current = torch.tensor(start, dtype=checked_dtype(dtype))  # a copy: steps are taken in place
    if not bool(torch.isfinite(current).all()):
        raise InputError(f"weights: exceed the range of {dtype}; give a smaller initial scale")
    if dtype != source.dtype:
        raise InputError(f"dtype: {dtype} is not that of the source's inputs, {source.dtype}; give one for both")
    run = Descent(loss, rule, source, current, torch.from_numpy(sizes), memory_budget)
    last = start.copy()
    recorded: list[FloatArray] = []
    missed: list[FloatArray] = []
    wanted = set(counts.tolist())
    finite = np.ones(replicas, dtype=np.bool_)
    for step in progress(range(int(counts[-1]) + 1)):
        if step in wanted:
            state = run.weights().to("cpu", torch.float64).numpy()
            finite &= (np.abs(state) < LARGEST_WEIGHT).all(axis=(1, 2))
            if not finite.any():
                break
            last[finite] = state[finite]
            resolution = rounding(step, torch.finfo(dtype).eps)
            recorded.append(_measured(last, finite, models, resolution))
            missed.append(np.full((len(probes), replicas), np.nan))
            for number, probe in enumerate(probes):
                missed[-1][number, finite] = probe.missed(last[finite], resolution)
        if step < counts[-1]:
            run.advance(source.batches(step), step)
    status = Status.COMPLETED if finite.all() else Status.DIVERGED
    losses = np.stack(recorded, axis=1)
    return Trained(status, counts[: len(recorded)], losses, sizes, last, np.stack(missed, axis=-1))


def _step_sizes(step_size: float | FloatArray, replicas: int) -> FloatArray:
    """(replica,) step sizes; InputError where they are not positive numbers, one or one for each replica."""
    given = plain_array("step_size", step_size)
    if given.ndim == 0:
        return np.full(replicas, positive("step_size", given.item()))
    sizes = finite_array("step_size", given)
    if sizes.shape != (replicas,):
        raise InputError(f"step_size: has shape {sizes.shape}; give a positive number, or {replicas} of them")
    positive("smallest step_size", float(sizes.min()))
    return sizes.copy()


def _measured(weights: FloatArray, finite: NDArray[np.bool_], models: list[DataModel], resolution: float) -> FloatArray:
    """(replica,) reconstruction loss, of each replica by the model of its group; NaN where not finite.

    Outputs count by the rule of ``theory.curves.reconstruction``, at the rounding of the steps and the number type.
    """
    losses = np.full(weights.shape[0], np.nan)
    groups = len(models)
    first = models[0]
    if all(model is first for model in models):
        losses[finite] = relative_loss(first.to_eigenbasis(weights[finite]), first.eigenvalues, resolution)
        return losses
    for group, model in enumerate(models):
        own = np.flatnonzero(finite[group::groups]) * groups + group
        losses[own] = relative_loss(model.to_eigenbasis(weights[own]), model.eigenvalues, resolution)
    return losses
