"""Training of single-layer networks z = W x by gradient descent, many replicas in one program."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch

from simulation.sampling import Batch, BatchSource
from theory import Curve, DataModel, InputError, Logistic, Loss, Softmax, SquaredError, relative_loss
from theory.progress import Progress, silent
from theory.validation import FloatArray, IntArray, at_least, finite_array, non_negative, step_counts


class Status(Enum):
    """How a training run ended."""

    COMPLETED = "completed"
    DIVERGED = "diverged"


@dataclass(frozen=True, eq=False)
class Trained:
    """The outcome of ``train``.

    Attributes:
        status: whether all replicas stayed finite.
        steps: (T,) step counts that were recorded, up to the last finite one.
        curve: relative reconstruction loss at ``steps``.
        weights: (replica, outputs, D) at the last recorded step.
    """

    status: Status
    steps: IntArray
    curve: Curve
    weights: FloatArray


def initial_weights(replicas: int, outputs: int, dimension: int, scale: float, seed: int) -> FloatArray:
    """(replica, outputs, dimension) independent N(0, scale^2) entries, float64.

    Replica r is the same whatever the number of replicas.
    """
    deviation = non_negative("scale", scale)
    for name, value in (("replicas", replicas), ("outputs", outputs), ("dimension", dimension)):
        at_least(name, value, 1)
    at_least("seed", seed, 0)
    children = np.random.SeedSequence(seed).spawn(replicas)
    draws = [np.random.default_rng(child).standard_normal((outputs, dimension)) for child in children]
    return deviation * np.stack(draws)


def train(
    source: BatchSource,
    model: DataModel,
    loss: Loss,
    weights: FloatArray,
    steps: IntArray,
    step_size: float,
    dtype: torch.dtype = torch.float32,
    progress: Progress = silent,
) -> Trained:
    """Train replicas by gradient descent and record the exact reconstruction loss.

    Args:
        source: the batch of every step.
        model: data model whose spectrum measures the reconstruction loss; its basis maps the
            source's coordinates to the eigenbasis.
        loss: the training loss.
        weights: (replica, outputs, D) W(0) in the source's coordinates.
        steps: (T,) strictly increasing step counts to record, the first of them 0.
        step_size: eta, within the loss's stability limit.
        dtype: of weights and gradients; the reconstruction loss is computed in float64.
        progress: wraps the iteration over steps.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a step size that is not stable.
    """
    start = finite_array("weights", weights, 3)
    counts = step_counts("steps", steps)
    if counts[0] != 0:
        raise InputError(f"steps: begin at {counts[0]}; let the first be 0, the initial weights")
    loss.check_step_size(step_size, float(model.eigenvalues[0]))
    classes = int(source.frequencies.numel())
    expected = (loss.outputs(classes), source.dimension)
    if start.shape[1:] != expected:
        raise InputError(f"weights: has shape {start.shape}; give (replica, {expected[0]}, {expected[1]})")
    if start.shape[0] % source.groups:
        raise InputError(
            f"weights: has {start.shape[0]} replicas; give a multiple of the source's {source.groups} groups"
        )
    targets = torch.from_numpy(loss.targets(source.frequencies.numpy())).to(dtype)
    current = _grouped(torch.tensor(start, dtype=dtype), source.groups)  # a copy: steps are taken in place
    if not bool(torch.isfinite(current).all()):
        raise InputError(f"weights: exceed the range of {dtype}; give a smaller initial scale")
    last = start.copy()
    recorded: list[FloatArray] = []
    wanted = set(counts.tolist())
    status = Status.COMPLETED
    for step in progress(range(int(counts[-1]) + 1)):
        if step in wanted:
            state = _ungrouped(current).to(torch.float64).numpy()
            if not np.isfinite(state).all():
                status = Status.DIVERGED
                break
            last = state
            recorded.append(relative_loss(model.to_eigenbasis(state), model.eigenvalues))
        if step < counts[-1]:
            _descend(loss, current, source.batch(step), targets, step_size)
    reached = counts[: len(recorded)]
    times = np.asarray(step_size * reached, dtype=np.float64)
    return Trained(status, reached, Curve(times, np.stack(recorded, axis=1)), last)


def _grouped(weights: torch.Tensor, groups: int) -> torch.Tensor:
    """(replica, outputs, D) -> (group, replicas of the group, outputs, D); replica r is in r mod groups."""
    return weights.view(-1, groups, *weights.shape[1:]).transpose(0, 1).contiguous()


def _ungrouped(weights: torch.Tensor) -> torch.Tensor:
    """The inverse of ``_grouped``."""
    return weights.transpose(0, 1).reshape(-1, *weights.shape[2:])


def _descend(loss: Loss, weights: torch.Tensor, batch: Batch, targets: torch.Tensor, step_size: float) -> None:
    """One step of gradient descent on ``weights`` (group, replica, outputs, D), in place.

    The replicas of a group see the same samples and go through one matrix product.
    """
    _, replicas, outputs, dimension = weights.shape
    for group, inputs, labels in zip(weights, batch.inputs, batch.labels, strict=True):
        flat = group.view(-1, dimension)
        scores = (inputs @ flat.T).view(-1, replicas, outputs)
        error = _predictions(loss, scores) - targets[labels][:, None, :]
        flat.addmm_(error.view(len(labels), -1).T, inputs, alpha=-step_size / len(labels))


def _predictions(loss: Loss, scores: torch.Tensor) -> torch.Tensor:
    """p(z) of the loss, in torch; the output gradient is p - t for all three."""
    match loss:
        case Softmax():
            return torch.softmax(scores, dim=-1)
        case Logistic():
            return torch.sigmoid(scores)
        case SquaredError():
            return scores
    raise InputError(f"loss: {loss.name} has no training program; give softmax, logistic or squared")
