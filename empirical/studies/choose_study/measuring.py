"""The measurements of a training on all its targets: what rules read, and accuracies of the probe on fresh images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from empirical.data.images import Normalisation
from empirical.networks.checkpoint_series import default_layer
from empirical.probes.gain_curve import gain_curve
from empirical.probes.input_reconstruction import InputReconstruction
from empirical.probes.ridge_probe import RidgeProbe
from empirical.probes.target_features import features_of
from empirical.probes.target_probe import target_scores
from empirical.probes.weight_tails import mean_weight_exponent
from empirical.studies.choose.measuring import MeasuredCheckpoint, indicators_of, target_curve
from empirical.studies.choose.rules import RIVALS, seen_checkpoints
from empirical.studies.choose_study.pairs import PairResult
from empirical.studies.choose_study.plan import CIFAR_FIVE, StudyPlan
from empirical.studies.choose_study.targets import CIFAR_POOL, DIGITS_POOL, Pool, StudyTarget, study_targets
from empirical.studies.choose_study.training import StudyTraining
from theory.progress import Progress, silent
from theory.validation import FloatArray, IntArray

_POOLED_FEATURES, _SOURCE_IMAGES = 512, 1000


@dataclass(frozen=True, eq=False)
class _Seen:
    """One checkpoint on one target."""

    measured: MeasuredCheckpoint
    worth: float


def pairs_of(
    training: StudyTraining, plan: StudyPlan, pools: dict[str, Pool], progress: Progress = silent
) -> list[PairResult]:
    """The pairs of one finished training.

    Args:
        training: whose checkpoints are all there.
        plan: with the number of labels.
        pools: of images.
        progress: shows how many checkpoints are read.
    """
    targets = study_targets(training.source, pools, plan.labels_per_class)
    used = {name: pools[name] for name in sorted({target.pool for target in targets})}
    seen: dict[str, list[_Seen]] = {target.name: [] for target in targets}
    source_accuracy = []
    for step in progress(plan.checkpoints.tolist()):
        network = training.run.network_at(step)
        layer, weights = default_layer(network), mean_weight_exponent(network)
        features = dict(pool_features(network, layer, used, training.run.normalisation))
        losses = {name: _loss(features[name][0], pool, training.run.normalisation) for name, pool in used.items()}
        source_accuracy.append(_source_accuracy(training, network, pools))
        for target in targets:
            known, fresh = features[target.pool]
            seen[target.name].append(_seen(step, weights, known, fresh, target, losses[target.pool], plan.seed))
    return [_pair(training, target, seen[target.name], np.array(source_accuracy)) for target in targets]


def pool_features(
    network: nn.Module, layer: str, pools: dict[str, Pool], normalisation: Normalisation
) -> Iterator[tuple[str, tuple[Tensor, Tensor]]]:
    """By the name of a pool: (n, p) and (m, p) activations of its known and its fresh images."""
    for name, pool in pools.items():
        known, fresh = (
            features_of(network, layer, torch.from_numpy(normalisation.apply(one.images)), _POOLED_FEATURES)
            for one in (pool.known, pool.fresh)
        )
        yield name, (known, fresh)


def _loss(features: Tensor, pool: Pool, normalisation: Normalisation) -> float:
    images = torch.from_numpy(normalisation.apply(pool.known.images))
    return InputReconstruction.from_inputs(images, images.shape[0] // 4).loss(features)


def _source_accuracy(training: StudyTraining, network: nn.Module, pools: dict[str, Pool]) -> float:
    """Held-out accuracy of the network itself on the classes that it is trained on."""
    split = pools[CIFAR_POOL if training.source == CIFAR_FIVE else DIGITS_POOL].fresh
    kept = np.flatnonzero(split.labels < training.run.classes)[:_SOURCE_IMAGES]
    images = torch.from_numpy(training.run.normalisation.apply(split.images[kept]))
    outputs = features_of(network, "", images, _POOLED_FEATURES)
    return float((outputs.argmax(dim=1).numpy() == split.labels[kept]).mean())


def _seen(
    step: int, weights: float | None, known: Tensor, fresh: Tensor, target: StudyTarget, loss: float, seed: int
) -> _Seen:
    """One checkpoint on one target: scores on its labels, and the worth of the probe fitted to them on fresh images."""
    own: FloatArray = known[torch.from_numpy(target.labelled)].double().numpy()
    new: FloatArray = fresh[torch.from_numpy(target.fresh)].double().numpy()
    labels = None if target.labels is None else target.labels[0]
    scores = target_scores(own, target.values[0], labels, seed)
    worth = worth_on_fresh(own, new, target.values, target.labels, scores.penalty)
    indicators = indicators_of(weights, known, own, target.values[0], labels)
    return _Seen(MeasuredCheckpoint(step, loss, scores, indicators), worth)


def worth_on_fresh(
    own: FloatArray,
    new: FloatArray,
    values: tuple[FloatArray, FloatArray],
    labels: tuple[IntArray, IntArray] | None,
    penalty: float,
) -> float:
    """Accuracy, or explained variance of numbers, on fresh images of a probe that is fitted to labelled ones.

    Args:
        own: (n, p) features of the labelled images.
        new: (m, p) of the fresh ones.
        values: (n, q) and (m, q) of both.
        labels: (n,) and (m,) classes of both; None for numbers.
        penalty: mu of the probe.
    """
    predicted = RidgeProbe.from_features(own).predict(values[0], penalty, new)
    if labels is None:
        deviation = np.square(values[1] - values[1].mean(axis=0)).sum()
        return 1 - float(np.square(predicted - values[1]).sum() / deviation)
    return float((predicted.argmax(axis=1) == labels[1]).mean())


def _pair(
    training: StudyTraining, target: StudyTarget, seen: Sequence[_Seen], source_accuracy: FloatArray
) -> PairResult:
    measured = [one.measured for one in seen]
    steps = np.array([one.step for one in measured])
    curve = target_curve(measured)
    assert curve is not None
    by_accuracy = gain_curve(steps, np.stack([one.target.scores for one in measured if one.target is not None]))
    losses = np.array([one.loss for one in measured])
    rules = seen_checkpoints(measured, curve, source_accuracy)
    picks = {rule.name: rule.pick(rules) for rule in RIVALS}
    return PairResult(
        training.source,
        training.network,
        training.number,
        target.name,
        tuple(steps.tolist()),
        tuple(one.worth for one in seen),
        tuple(losses.tolist()),
        {name: place for name, place in picks.items() if place is not None},
        curve.verdict.value,
        curve.leading,
        by_accuracy.leading,
        tuple(curve.mean.tolist()),
        tuple(curve.lower.tolist()),
        tuple(curve.upper.tolist()),
    )
