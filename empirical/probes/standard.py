"""Measures one checkpoint of a deep network, as rows of a table.

Batch normalisation is first calibrated on training images. Decoders are fitted on the training split and scored on
the test split, classifiers likewise; the moments of all layers and the network's outputs come from one forward pass
over each split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from empirical.data.images import ImageData, ImageSplit, Normalisation
from empirical.moments.activation_moments import JointAccumulator, JointMoments
from empirical.moments.float_precision import full_precision
from empirical.networks.batch_norm import recalibrated_on
from empirical.networks.capture import read_inside
from empirical.networks.layer_features import CHANNELS, activations_of
from empirical.networks.layer_reading import LayerReader
from empirical.networks.module_names import bare
from empirical.networks.network_training import image_batches
from empirical.probes.linear_probe import fit_logistic_classifier
from empirical.probes.measures import (
    BUDGETS,
    GRADIENT_SHARE,
    RECONSTRUCTION,
    TEST_ACCURACY,
    TRAINING_ACCURACY,
    WHOLE,
    Measure,
    MeasureKind,
    Measurement,
)
from empirical.probes.neural_collapse import neural_collapse
from empirical.probes.probe_tasks import ProbeTask
from empirical.probes.reconstruction_probe import BudgetedDecoders
from simulation.training.gradient_share import sample_gradient_share
from theory import Moments, Softmax
from theory.data.stratified import joint_labels, stratified_sample
from theory.progress import Progress, silent
from theory.validation import at_least

_BATCH = 512

#: The name of the network itself among its modules: what it gives is its output.
_OUTPUT = ""


@dataclass(frozen=True)
class ProbePlan:
    """The layers and limits with which a checkpoint is measured.

    Attributes:
        layers: names of the network's modules; none for every block, where the network is known
            (``empirical.studies.track``).
        pooled_features: largest number of features of a layer; larger feature maps are average-pooled, what is
            still larger is sketched (see ``empirical.networks.capture``). Rows are flattened: the layers are those of
            networks for images, and the rules for tokens (``RowRule``) are for ``capture`` and ``PhaseTracker`` alone.
        classifier_samples: training images, at most, that linear classifiers are fitted to, with the classes of all.
    """

    layers: tuple[str, ...] = ()
    pooled_features: int = 1024
    classifier_samples: int = 10_000

    def __post_init__(self) -> None:
        at_least("pooled_features", self.pooled_features, 1)
        at_least("classifier_samples", self.classifier_samples, 2)


def measure_checkpoint(
    network: nn.Module,
    data: ImageData,
    normalisation: Normalisation,
    tasks: Sequence[ProbeTask],
    plan: ProbePlan,
    device: torch.device,
    progress: Progress = silent,
) -> list[Measurement]:
    """Measure a network at one checkpoint.

    Args:
        network: the classifier; it is left as it was.
        data: what it is trained on; decoders are fitted on its training split and scored on its test split.
        normalisation: of the images, as in training.
        tasks: for the linear classifiers.
        plan: layers and limits.
        device: that computes.
        progress: shows how many layers, then how many groups of tasks on the same images, are done.

    Raises:
        InputError: an unknown layer, NaN in the activations (the layer is named).
    """
    with full_precision(device), recalibrated_on(network, data.train, normalisation, device):
        own = bare(network)
        training, training_outputs = moments_and_outputs(own, data.train, data.classes, normalisation, plan, device)
        held_out, test_outputs = moments_and_outputs(own, data.test, data.classes, normalisation, plan, device)
        rows = [
            _accuracy(TRAINING_ACCURACY, training_outputs, data.train),
            _accuracy(TEST_ACCURACY, test_outputs, data.test),
            _gradient_share(training_outputs, data.train),
        ]
        for layer in progress(list(plan.layers)):
            rows += _reconstruction(layer, training[layer], held_out[layer])
            rows += _collapse(layer, training[layer].activations)
        for group in progress(_on_the_same_images(tasks)):
            rows += _transfer(own, group, normalisation, plan, device)
    return rows


def moments_and_outputs(
    network: nn.Module,
    split: ImageSplit,
    classes: int,
    normalisation: Normalisation,
    plan: ProbePlan,
    device: torch.device,
) -> tuple[dict[str, JointMoments], Tensor]:
    """Moments of every layer's activations with the images, and the (n, K) outputs of the network, in one pass.

    Args:
        network: on the device, inside ``recalibrated_on``.
        split: n images.
        classes: K.
        normalisation: of the images.
        plan: layers and the largest number of their features.
        device: that computes.
    """
    accumulators = {layer: JointAccumulator(classes) for layer in plan.layers}
    outputs: list[Tensor] = []
    batches = image_batches(split, normalisation, _BATCH, device)
    layers, whole = (_OUTPUT, *plan.layers), (_OUTPUT,)
    reader = LayerReader(network, layers, None, plan.pooled_features, torch.float32, CHANNELS, whole)
    for captured in read_inside(network, reader, batches):
        outputs.append(captured.activations[_OUTPUT].cpu())
        assert isinstance(captured.inputs, Tensor), "image_batches gives tensors"
        inputs = captured.inputs.flatten(1)
        for layer, accumulator in accumulators.items():
            accumulator.update(captured.activations[layer], inputs, captured.labels)
    return {layer: accumulator.result() for layer, accumulator in accumulators.items()}, torch.cat(outputs)


def _accuracy(measure: Measure, outputs: Tensor, split: ImageSplit) -> Measurement:
    """The network's own accuracy."""
    correct = outputs.argmax(dim=1).numpy() == split.labels
    share = float(correct.mean())
    return Measurement(WHOLE, measure, share, _binomial_error(share, correct.size))


def _gradient_share(outputs: Tensor, split: ImageSplit) -> Measurement:
    """The share of the samples that carry the gradient."""
    carried = sample_gradient_share(Softmax(), outputs.double().numpy(), np.asarray(split.labels, dtype=np.int64))
    return Measurement(WHOLE, GRADIENT_SHARE, float(carried))


def _reconstruction(layer: str, training: JointMoments, held_out: JointMoments) -> list[Measurement]:
    decoders = BudgetedDecoders.from_moments(training, held_out)
    exact = decoders.exact()
    rows = [
        Measurement(layer, RECONSTRUCTION, exact.relative, note=exact.warning or ""),
        Measurement(layer, Measure(MeasureKind.RANK), exact.rank),
        Measurement(layer, Measure(MeasureKind.FEATURES), decoders.features),
    ]
    budgeted = zip(BUDGETS, decoders.budgeted(BUDGETS), strict=True)
    return rows + [Measurement(layer, Measure.budgeted(budget), loss.relative) for budget, loss in budgeted]


def _collapse(layer: str, moments: Moments) -> list[Measurement]:
    found = neural_collapse(moments)
    values = {
        MeasureKind.COLLAPSE_WITHIN_CLASS: found.within_class,
        MeasureKind.COLLAPSE_VARIANCE_RATIO: found.variance_ratio,
        MeasureKind.COLLAPSE_BETWEEN_RANK: found.between_rank,
        MeasureKind.COLLAPSE_NORM_VARIATION: found.norm_variation,
        MeasureKind.COLLAPSE_COSINE_MEAN: found.cosine_mean,
        MeasureKind.COLLAPSE_COSINE_DEVIATION: found.cosine_deviation,
        MeasureKind.COLLAPSE_ANGLE_DISTANCE: found.angle_distance,
    }
    return [Measurement(layer, Measure(kind), float(value)) for kind, value in values.items()]


def _on_the_same_images(tasks: Sequence[ProbeTask]) -> list[list[ProbeTask]]:
    """The tasks in groups that differ in their labels alone, so that each image goes through the network once."""
    groups: dict[tuple[int, int], list[ProbeTask]] = {}
    for task in tasks:
        groups.setdefault((id(task.train.images), id(task.test.images)), []).append(task)
    return list(groups.values())


def _transfer(
    network: nn.Module, tasks: Sequence[ProbeTask], normalisation: Normalisation, plan: ProbePlan, device: torch.device
) -> list[Measurement]:
    """Held-out accuracy of logistic classifiers on every layer's activations, for tasks on the same images."""
    kept = stratified_sample(joint_labels([task.train.labels for task in tasks]), plan.classifier_samples)
    fitted = ImageSplit(tasks[0].train.images[kept], tasks[0].train.labels[kept])
    train, test = (
        activations_of(network, plan.layers, split, normalisation, plan.pooled_features, device)
        for split in (fitted, tasks[0].test)
    )
    rows = []
    for task in tasks:
        measure = Measure.probe(task.name)
        for layer in plan.layers:
            classifier = fit_logistic_classifier(train[layer].to(device), task.train.labels[kept], task.classes)
            accuracy = classifier.accuracy([(test[layer].to(device), task.test.labels)])
            rows.append(Measurement(layer, measure, accuracy.value, accuracy.standard_error, classifier.warning or ""))
    return rows


def _binomial_error(share: float, count: int) -> float:
    return float(np.sqrt(share * (1 - share) / count))
