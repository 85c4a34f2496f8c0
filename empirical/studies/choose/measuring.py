"""The measurements of each checkpoint of a series on a target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from empirical.data.transfer_target import TransferTarget
from empirical.networks.checkpoint_file import with_weights_from
from empirical.networks.checkpoint_series import CheckpointSeries
from empirical.probes.target_features import features_of
from empirical.probes.target_probe import TargetScores, reconstruction_of, target_scores
from empirical.studies.choose.plan import ChoosePlan
from theory import InputError
from theory.progress import Progress, silent
from theory.validation import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class MeasuredCheckpoint:
    """One checkpoint on a target.

    Attributes:
        step: of the checkpoint.
        loss: reconstruction loss L / tr Sigma of the target's inputs.
        target: scores of the linear probe; None without labels.
    """

    step: int
    loss: float
    target: TargetScores | None


def measured_checkpoints(
    series: CheckpointSeries,
    network: nn.Module,
    layer: str,
    target: TransferTarget,
    plan: ChoosePlan,
    progress: Progress = silent,
) -> tuple[MeasuredCheckpoint, ...]:
    """Measure every checkpoint.

    Args:
        series: the checkpoints.
        network: of their architecture; left as it was.
        layer: that is read.
        target: inputs in random order.
        plan: number of labels and limits.
        progress: shows how many checkpoints are done.

    Raises:
        InputError: as ``choose``; the checkpoint is named.
    """
    kept = labelled_samples(target, plan)
    found = []
    with put_back(network):
        for step, path in zip(series.steps.tolist(), progress(list(series.paths)), strict=True):
            with_weights_from(network, path)
            try:
                features = features_of(network, layer, target.inputs, plan.pooled_features)
                found.append(_measured(step, features, target, kept, plan.seed))
            except InputError as error:
                raise InputError(f"step {step}: {error}") from None
    return tuple(found)


def labelled_samples(target: TransferTarget, plan: ChoosePlan) -> IntArray:
    """The numbers of the samples whose labels are used; none where the plan or the target has none."""
    if plan.labels_per_class == 0 or target.values is None:
        return np.zeros(0, dtype=np.int64)
    return target.labelled(plan.labels_per_class)


def _measured(step: int, features: Tensor, target: TransferTarget, kept: IntArray, seed: int) -> MeasuredCheckpoint:
    loss = reconstruction_of(features, target.inputs.flatten(1))
    values = target.values
    if kept.size == 0 or values is None:
        return MeasuredCheckpoint(step, loss, None)
    own: FloatArray = features[torch.from_numpy(kept)].double().numpy()
    labels = None if target.labels is None else target.labels[kept]
    return MeasuredCheckpoint(step, loss, target_scores(own, values[kept], labels, seed))


@contextmanager
def put_back(network: nn.Module) -> Iterator[None]:
    """Give a network its weights and mode back at the end."""
    kept = {name: one.detach().clone() for name, one in network.state_dict().items()}
    modes = {part: part.training for part in network.modules()}
    try:
        yield
    finally:
        network.load_state_dict(kept)
        for part, mode in modes.items():
            part.training = mode
