"""The measurements of each checkpoint of a series on a target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from empirical.data.transfer_target import TransferTarget
from empirical.networks.checkpoint_file import with_weights_from
from empirical.networks.checkpoint_series import CheckpointSeries
from empirical.probes.gain_curve import TOLERANCE, GainCurve
from empirical.probes.input_reconstruction import InputReconstruction
from empirical.probes.neural_collapse import neural_collapse
from empirical.probes.target_features import features_of
from empirical.probes.target_probe import TargetScores, target_gains, target_scores
from empirical.probes.transferability import class_separation, logme, rank_me, spectrum_exponent
from empirical.probes.weight_tails import mean_weight_exponent
from empirical.studies.choose.plan import ChoosePlan
from theory import InputError, Moments
from theory.progress import Progress, silent
from theory.validation import FloatArray, IntArray


@dataclass(frozen=True)
class Indicators:
    """What rivals read of a checkpoint; None where it cannot be had.

    Attributes:
        logme: of the labelled samples; see ``empirical.probes.transferability``, as are the next.
        collapse: NC1 of the target's classes.
        separation: of the target's classes.
        rank: RankMe of all inputs.
        spectrum: alpha of alpha-ReQ, of all inputs.
        weights: mean alpha of the weights.
    """

    logme: float | None
    collapse: float | None
    separation: float | None
    rank: float | None
    spectrum: float | None
    weights: float | None


@dataclass(frozen=True, eq=False)
class MeasuredCheckpoint:
    """One checkpoint on a target.

    Attributes:
        step: of the checkpoint.
        loss: reconstruction loss L / tr Sigma of the target's inputs.
        target: scores of the linear probe; None without labels.
        indicators: what rivals read; None unless they are compared.
    """

    step: int
    loss: float
    target: TargetScores | None
    indicators: Indicators | None = None


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
    inputs = InputReconstruction.sketched(target.reconstructed, target.count // 4)
    found = []
    with put_back(network):
        for step, path in zip(series.steps.tolist(), progress(list(series.paths)), strict=True):
            with_weights_from(network, path)
            try:
                features = features_of(network, layer, target.inputs, plan.pooled_features, plan.rows)
                found.append(_measured(step, network, features, inputs, target, kept, plan))
            except InputError as error:
                raise InputError(f"step {step}: {error}") from None
    return tuple(found)


def target_curve(measured: Sequence[MeasuredCheckpoint], tolerance: float = TOLERANCE) -> GainCurve | None:
    """The gains of measured checkpoints, ordered by the squared error of their probes; None without labels.

    Args:
        measured: in the order of their steps.
        tolerance: as in ``target_gains``.
    """
    targets = [one.target for one in measured if one.target is not None]
    if not targets:
        return None
    steps = np.array([one.step for one in measured], dtype=np.int64)
    scores, shares = np.stack([one.scores for one in targets]), np.stack([one.shares for one in targets])
    return target_gains(steps, scores, shares, tolerance)


def labelled_samples(target: TransferTarget, plan: ChoosePlan) -> IntArray:
    """The numbers of the samples whose labels are used; none where the plan or the target has none."""
    if plan.labels_per_class == 0 or target.values is None:
        return np.zeros(0, dtype=np.int64)
    return target.labelled(plan.labels_per_class)


def _measured(
    step: int,
    network: nn.Module,
    features: Tensor,
    inputs: InputReconstruction,
    target: TransferTarget,
    kept: IntArray,
    plan: ChoosePlan,
) -> MeasuredCheckpoint:
    loss = inputs.loss(features)
    values = target.values if kept.size else None
    own: FloatArray = features[torch.from_numpy(kept)].double().numpy()
    values = None if values is None else values[kept]
    labels = None if values is None or target.labels is None else target.labels[kept]
    scores = None if values is None else target_scores(own, values, labels, plan.seed)
    indicators = indicators_of(mean_weight_exponent(network), features, own, values, labels) if plan.compare else None
    return MeasuredCheckpoint(step, loss, scores, indicators)


def indicators_of(
    weights: float | None, features: Tensor, own: FloatArray, values: FloatArray | None, labels: IntArray | None
) -> Indicators:
    """What rivals read of a checkpoint.

    Args:
        weights: mean alpha of the checkpoint's weights.
        features: (n, p) activations of all inputs.
        own: (m, p) of the labelled ones.
        values: (m, q) one-hot rows or numbers; None without labels.
        labels: (m,) classes; None without.
    """
    every = features.double().numpy()
    return Indicators(
        None if values is None else logme(own, values),
        None if labels is None else _known(lambda: neural_collapse(_moments(own, labels)).within_class),
        None if labels is None else class_separation(own, labels),
        _known(lambda: rank_me(every)),
        _known(lambda: spectrum_exponent(every)),
        weights,
    )


def _moments(features: FloatArray, labels: IntArray) -> Moments:
    return Moments.from_samples(features, labels, int(labels.max()) + 1)


def _known(measure: Callable[[], float]) -> float | None:
    """A number, or None of a degenerate layer."""
    try:
        return measure()
    except InputError:
        return None


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
