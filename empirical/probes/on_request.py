"""Probes of a checkpoint that run on request only: trained decoders, one of the softmax outputs, the information plane.

They are measures used in other work. A trained decoder need not have converged, and what it shows depends on how long
it was trained; the information of a deterministic layer is that of its bins or of a few of its directions. Both are
reported next to the exact decoder's loss on the same checkpoints, so that they can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from empirical.data.images import ImageData, ImageSplit, Normalisation
from empirical.moments.activation_moments import JointAccumulator
from empirical.networks.batch_norm import recalibrated_on
from empirical.networks.layer_features import activations_of
from empirical.probes.binned_information import binned_information, equal_frequency_edges
from empirical.probes.measures import WHOLE, Measure, MeasureKind, Measurement
from empirical.probes.neighbour_information import (
    label_information,
    leading_directions,
    neighbour_information,
    uniform_ranks,
)
from empirical.probes.reconstruction_probe import BudgetedDecoders
from empirical.probes.standard import ProbePlan
from empirical.probes.trained_decoder import (
    PUBLISHED_BATCH,
    DecoderTraining,
    convolutional_decoder,
    held_out_error,
    linear_decoder,
    shuffled_epochs,
    train_decoder,
)
from theory import InputError
from theory.data.stratified import stratified_sample
from theory.progress import Progress, silent
from theory.validation import quoted

_BATCH = 512

#: Directions, bins per direction and samples of the information plane.
DIRECTIONS, BINS, INFORMATION_SAMPLES = 3, 30, 5000

#: Probes that can be requested.
LINEAR, CONVOLUTIONAL, SOFTMAX = "linear decoder", "convolutional decoder", "softmax decoder"
INFORMATION = "information"

#: The name of the network itself among its modules: what it gives is its output.
_OUTPUT = ""

#: A probe of the last of the plan's layers, of a network that is left as it was.
RequestedProbe = Callable[[nn.Module, ImageData, Normalisation, ProbePlan, torch.device, Progress], list[Measurement]]


def requested_probe(name: str) -> RequestedProbe:
    """The probe called LINEAR, CONVOLUTIONAL, SOFTMAX or INFORMATION.

    Raises:
        InputError: another name.
    """
    known: dict[str, RequestedProbe] = {
        LINEAR: partial(_trained, _LINEAR_DECODER),
        CONVOLUTIONAL: partial(_trained, _CONVOLUTIONAL_DECODER),
        SOFTMAX: _softmax_decoder,
        INFORMATION: _information,
    }
    if name not in known:
        raise InputError(f"also: {quoted(name)} is unknown; give one of {', '.join(known)}")
    return known[name]


def _linear_decoder_for(features: int, data: ImageData) -> nn.Module:
    return linear_decoder(features, data.channels * data.size[0] * data.size[1], seed=0)


def _convolutional_decoder_for(features: int, data: ImageData) -> nn.Module:
    return convolutional_decoder(features, data.channels, data.size[0], seed=0)


@dataclass(frozen=True)
class _TrainedDecoder:
    """A decoder of the last layer, and what is measured of it.

    Attributes:
        build: the untrained decoder, from the number of features and the images.
        loss: held out, relative to the variance.
        error: held out, per pixel.
        training_error: the same in the last epoch of training.
    """

    build: Callable[[int, ImageData], nn.Module]
    loss: MeasureKind
    error: MeasureKind
    training_error: MeasureKind


_LINEAR_DECODER = _TrainedDecoder(
    _linear_decoder_for,
    MeasureKind.LINEAR_DECODER_LOSS,
    MeasureKind.LINEAR_DECODER_ERROR,
    MeasureKind.LINEAR_DECODER_TRAINING_ERROR,
)
_CONVOLUTIONAL_DECODER = _TrainedDecoder(
    _convolutional_decoder_for,
    MeasureKind.CONVOLUTIONAL_DECODER_LOSS,
    MeasureKind.CONVOLUTIONAL_DECODER_ERROR,
    MeasureKind.CONVOLUTIONAL_DECODER_TRAINING_ERROR,
)


def _trained(
    kind: _TrainedDecoder,
    network: nn.Module,
    data: ImageData,
    normalisation: Normalisation,
    plan: ProbePlan,
    device: torch.device,
    progress: Progress,
) -> list[Measurement]:
    """Held-out loss, relative to the variance of the test images, of a decoder trained on the last layer."""
    layer = plan.layers[-1]
    with recalibrated_on(network, data.train, normalisation, device):
        activations, inputs = _with_inputs(network, layer, data.train, normalisation, plan, device)
        test, pixels = _with_inputs(network, layer, data.test, normalisation, plan, device)
    decoder = kind.build(activations.shape[1], data).to(device)
    training = DecoderTraining()
    losses = train_decoder(decoder, shuffled_epochs(activations, inputs, PUBLISHED_BATCH, seed=0), training, progress)
    error = held_out_error(decoder, zip(torch.split(test, _BATCH), torch.split(pixels, _BATCH), strict=True))
    variance = float((pixels - pixels.mean(dim=0)).square().sum(dtype=torch.float64)) / pixels.numel()
    return [
        Measurement(layer, Measure(kind.loss), error / variance),
        Measurement(layer, Measure(kind.error), error),
        Measurement(layer, Measure(kind.training_error), losses[-1]),
    ]


def _softmax_decoder(
    network: nn.Module,
    data: ImageData,
    normalisation: Normalisation,
    plan: ProbePlan,
    device: torch.device,
    progress: Progress = silent,
) -> list[Measurement]:
    """Held-out loss of the exact linear decoder of the network's probabilities: what its answers say of the image."""
    moments = []
    with recalibrated_on(network, data.train, normalisation, device):
        for split in progress([data.train, data.test]):
            outputs, pixels = _with_inputs(network, _OUTPUT, split, normalisation, plan, device)
            accumulator = JointAccumulator(data.classes)
            accumulator.update(torch.softmax(outputs.double(), dim=1), pixels, torch.from_numpy(split.labels))
            moments.append(accumulator.result())
    exact = BudgetedDecoders.from_moments(*moments).exact()
    return [Measurement(WHOLE, Measure(MeasureKind.SOFTMAX_LOSS), exact.relative, note=exact.warning or "")]


def _information(
    network: nn.Module,
    data: ImageData,
    normalisation: Normalisation,
    plan: ProbePlan,
    device: torch.device,
    progress: Progress = silent,
) -> list[Measurement]:
    """Every layer's place in the information plane, on test images, in nats.

    From DIRECTIONS leading directions of the layer: by bins of equal frequency, and by nearest neighbours, there with
    as many leading directions of the image.
    """
    kept = stratified_sample(data.test.labels, INFORMATION_SAMPLES)
    split = ImageSplit(data.test.images[kept], data.test.labels[kept])
    labels = np.asarray(split.labels, dtype=np.int64)
    rows = []
    with recalibrated_on(network, data.train, normalisation, device):
        captured = activations_of(network, plan.layers, split, normalisation, plan.pooled_features, device)
    inputs = torch.from_numpy(normalisation.apply(split.images)).flatten(1)
    for layer in progress(list(plan.layers)):
        activations = captured[layer]
        leading = leading_directions(activations.double().numpy(), DIRECTIONS)
        image = uniform_ranks(leading_directions(inputs.flatten(1).double().numpy(), DIRECTIONS).values)
        ranks = uniform_ranks(leading.values)
        binned = binned_information(leading.values, labels, equal_frequency_edges(leading.values, BINS))
        values = {
            MeasureKind.INFORMATION_VARIANCE_SHARE: leading.variance_share,
            MeasureKind.INFORMATION_BINNED_INPUT: binned.about_input,
            MeasureKind.INFORMATION_BINNED_LABEL: binned.about_label,
            MeasureKind.INFORMATION_NEIGHBOURS_INPUT: neighbour_information(ranks, image),
            MeasureKind.INFORMATION_NEIGHBOURS_LABEL: label_information(ranks, labels),
        }
        rows += [Measurement(layer, Measure(kind), value) for kind, value in values.items()]
    return rows


def _with_inputs(
    network: nn.Module,
    layer: str,
    split: ImageSplit,
    normalisation: Normalisation,
    plan: ProbePlan,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """(n, p) activations of one layer and (n, D) flat images, on the CPU."""
    activations = activations_of(network, (layer,), split, normalisation, plan.pooled_features, device)[layer]
    return activations, torch.from_numpy(normalisation.apply(split.images)).flatten(1)
