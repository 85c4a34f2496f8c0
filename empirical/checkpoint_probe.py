"""All that is measured of one checkpoint of a deep network, as rows of a table.

Batch normalisation is measured anew on training images first. Decoders are fitted on the training split and scored on
the test split, classifiers likewise; the moments of all layers come from one forward pass over each split.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn

from empirical.activation_moments import JointAccumulator, JointMoments
from empirical.batch_norm import recalibrated_on
from empirical.capture import capture
from empirical.images import ImageData, ImageSplit, Normalisation
from empirical.layer_features import activations_of
from empirical.linear_probe import fit_logistic_classifier
from empirical.network_training import image_batches
from empirical.neural_collapse import neural_collapse
from empirical.probe_tasks import ProbeTask
from empirical.reconstruction_probe import RidgeDecoders
from simulation.gradient_share import sample_gradient_share
from theory import Moments, Softmax
from theory.progress import Progress, silent
from theory.validation import at_least

#: Penalties mu of the budgeted decoders, in squared units of the activations: two a decade.
BUDGETS = tuple(float(budget) for budget in np.geomspace(1e-4, 1e3, 15))

_BATCH = 512

#: Names of the measures that a report looks for.
RECONSTRUCTION = "reconstruction loss"
GRADIENT_SHARE = "gradient share"
TRAINING_ACCURACY = "training accuracy"
TEST_ACCURACY = "test accuracy"
PROBE_ACCURACY = "probe accuracy: "
BUDGETED = "reconstruction loss at budget "
COLLAPSE = "collapse: "

#: In the place of a layer, for what is measured of the whole network.
WHOLE = "network"


@dataclass(frozen=True)
class Measurement:
    """One number of one layer at one checkpoint.

    Attributes:
        layer: its name, or WHOLE.
        measure: what was measured; losses are L / tr Sigma, accuracies and shares are between 0 and 1.
        value: the number.
        standard_error: over test samples, where one is known; NaN otherwise.
        note: a warning that goes with the number; empty without one.
    """

    layer: str
    measure: str
    value: float
    standard_error: float = float("nan")
    note: str = ""


@dataclass(frozen=True)
class ProbePlan:
    """How a checkpoint is measured.

    Attributes:
        layers: names of the network's modules.
        pooled_features: largest number of features of a layer; larger feature maps are average-pooled (see
            ``empirical.capture``).
        classifier_samples: training images, at most, that the linear classifiers are fitted to.
    """

    layers: tuple[str, ...]
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
        progress: wraps the layers and tasks.

    Raises:
        InputError: an unknown layer, NaN in the activations (the layer is named).
    """
    own = recalibrated_on(network, data.train, normalisation, device)
    rows = list(_classification(own, data, normalisation, device))
    training = _moments(own, data.train, data.classes, normalisation, plan, device)
    held_out = _moments(own, data.test, data.classes, normalisation, plan, device)
    for layer in progress(list(plan.layers)):
        rows += _reconstruction(layer, training[layer], held_out[layer])
        rows += _collapse(layer, training[layer].activations)
    for task in progress(list(tasks)):
        rows += _transfer(own, task, normalisation, plan, device)
    return rows


def _classification(
    network: nn.Module, data: ImageData, normalisation: Normalisation, device: torch.device
) -> Iterator[Measurement]:
    """The network's own accuracy, and the share of the training samples that carry its gradient."""
    outputs = {}
    for measure, split in ((TRAINING_ACCURACY, data.train), (TEST_ACCURACY, data.test)):
        outputs[measure] = _outputs(network, split, normalisation, device)
        correct = outputs[measure].argmax(dim=1).numpy() == split.labels
        share = float(correct.mean())
        yield Measurement(WHOLE, measure, share, _binomial_error(share, correct.size))
    scores = outputs[TRAINING_ACCURACY].double().numpy()
    carried = sample_gradient_share(Softmax(), scores, np.asarray(data.train.labels, dtype=np.int64))
    yield Measurement(WHOLE, GRADIENT_SHARE, float(carried))


@torch.inference_mode()
def _outputs(network: nn.Module, split: ImageSplit, normalisation: Normalisation, device: torch.device) -> Tensor:
    return torch.cat([network(inputs).cpu() for inputs, _ in image_batches(split, normalisation, _BATCH, device)])


def _moments(
    network: nn.Module,
    split: ImageSplit,
    classes: int,
    normalisation: Normalisation,
    plan: ProbePlan,
    device: torch.device,
) -> dict[str, JointMoments]:
    """Moments of every layer's activations with the images, from one forward pass."""
    accumulators = {layer: JointAccumulator(classes) for layer in plan.layers}
    batches = image_batches(split, normalisation, _BATCH, device)
    for captured in capture(network, plan.layers, batches, plan.pooled_features):
        inputs = captured.inputs.flatten(1)
        for layer, activations in captured.activations.items():
            accumulators[layer].update(activations, inputs, captured.labels)
    return {layer: accumulator.result() for layer, accumulator in accumulators.items()}


def _reconstruction(layer: str, training: JointMoments, held_out: JointMoments) -> list[Measurement]:
    decoders = RidgeDecoders.fit(training, held_out)
    exact = decoders.exact()
    rows = [
        Measurement(layer, RECONSTRUCTION, exact.relative, note=exact.warning or ""),
        Measurement(layer, "rank", exact.rank),
        Measurement(layer, "features", decoders.features),
    ]
    budgeted = zip(BUDGETS, decoders.budgeted(BUDGETS), strict=True)
    return rows + [Measurement(layer, f"{BUDGETED}{budget:.2e}", loss.relative) for budget, loss in budgeted]


def _collapse(layer: str, moments: Moments) -> list[Measurement]:
    found = asdict(neural_collapse(moments))
    return [Measurement(layer, f"{COLLAPSE}{name.replace('_', ' ')}", float(value)) for name, value in found.items()]


def _transfer(
    network: nn.Module, task: ProbeTask, normalisation: Normalisation, plan: ProbePlan, device: torch.device
) -> list[Measurement]:
    """Held-out accuracy of a logistic classifier on every layer's activations."""
    count = min(plan.classifier_samples, task.train.labels.size)
    fitted = ImageSplit(task.train.images[:count], task.train.labels[:count])
    train, test = (
        activations_of(network, plan.layers, split, normalisation, plan.pooled_features, device)
        for split in (fitted, task.test)
    )
    rows = []
    for layer in plan.layers:
        classifier = fit_logistic_classifier(train[layer], fitted.labels, task.classes)
        accuracy = classifier.accuracy([(test[layer], task.test.labels)])
        name = f"{PROBE_ACCURACY}{task.name}"
        rows.append(Measurement(layer, name, accuracy.value, accuracy.standard_error, classifier.warning or ""))
    return rows


def _binomial_error(share: float, count: int) -> float:
    return float(np.sqrt(share * (1 - share) / count))
