"""Trains a network, or its last block with the classifier on features that stay, and measures the last block.

Both see the same batches in the same order from the same weights, so that what differs between their curves is what
training the layers below does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from empirical.data.images import ImageData, Normalisation
from empirical.networks.batch_norm import recalibrated
from empirical.networks.network_training import TrainingPlan, batch_indices, fast_layout, use_fast_layout
from empirical.networks.networks import build_network
from empirical.probes.sampled_probe import sampled_loss
from empirical.studies.deep.last_two_layers import last_two_layers, untrained_outputs
from empirical.studies.last_block_study.plan import Setting
from theory import InputError
from theory.data.stratified import stratified_sample
from theory.progress import Progress, silent
from theory.validation import FloatArray, IntArray, step_counts

_CPU = torch.device("cpu")
_BATCH = 500


@dataclass(frozen=True, eq=False)
class Trained:
    """What is trained, and on what.

    Attributes:
        body: from the inputs to the outputs.
        encoder: its part up to the end of the last block.
        inputs: those of the training images with these numbers.
    """

    body: nn.Module
    encoder: nn.Module
    inputs: Callable[[IntArray], Tensor]


def untrained(setting: Setting, data: ImageData) -> nn.Sequential:
    """The network of a training at step 0, its classifier's weights and biases scaled."""
    plan = setting.training
    network = build_network(plan.network, data.classes, data.channels, plan.base_width, plan.seed)
    classifier = network[-1]
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.mul_(setting.scale)
    use_fast_layout(network)
    return network


def whole_network(network: nn.Sequential, data: ImageData) -> Trained:
    """All layers, on the images."""
    normalisation, layout = Normalisation.from_images(data.train), fast_layout(network)

    def inputs(chosen: IntArray) -> Tensor:
        return torch.from_numpy(normalisation.apply(data.train.images[chosen])).contiguous(memory_format=layout)

    return Trained(network, nn.Sequential(*list(network)[:-2]), inputs)


def two_layers(network: nn.Sequential, data: ImageData) -> Trained:
    """The last two layers, on what the layers below give before training."""
    layers = last_two_layers(network, data.train, Normalisation.from_images(data.train), _CPU)
    body = nn.Sequential(layers.units, network[-2], layers.classifier)
    return Trained(body, nn.Sequential(layers.units), _rows(layers.features, network))


def last_stage(network: nn.Sequential, data: ImageData) -> Trained:
    """The last stage and the classifier, likewise: in ResNet-10 three layers."""
    below = nn.Sequential(*list(network)[:-3])
    features = untrained_outputs(below, network, data.train, Normalisation.from_images(data.train), _CPU)
    return Trained(nn.Sequential(*list(network)[-3:]), nn.Sequential(network[-3]), _rows(features, network))


def _rows(features: Tensor, network: nn.Module) -> Callable[[IntArray], Tensor]:
    """Features of the images with given numbers."""
    layout = fast_layout(network)
    return lambda chosen: features[torch.from_numpy(chosen)].contiguous(memory_format=layout)


def trained_losses(
    trained: Trained, data: ImageData, plan: TrainingPlan, steps: IntArray, images: int, progress: Progress = silent
) -> FloatArray:
    """(T,) reconstruction loss of the images from the last block, at each of ``steps``.

    Args:
        trained: which layers; their weights are changed.
        data: the images.
        plan: its batches, step size, momentum and weight decay; its last step does not count.
        steps: (T,) strictly increasing step counts from 0 on, of which the last one ends the training.
        images: number of training images, at most, on which the loss is measured.
        progress: shows how many of the measurements are done.

    Raises:
        InputError: training that diverges; too few images for the block's features.
    """
    measure = block_loss(trained.encoder, trained.inputs, data, images)
    return measured_along(trained, data, plan, steps, measure, progress)


def measured_along(
    trained: Trained,
    data: ImageData,
    plan: TrainingPlan,
    steps: IntArray,
    measure: Callable[[], float | FloatArray],
    progress: Progress = silent,
) -> FloatArray:
    """(T, ...) what ``measure`` finds at each of ``steps``; the other arguments are those of ``trained_losses``.

    Raises:
        InputError: training that diverges.
    """
    labels = torch.from_numpy(np.asarray(data.train.labels, dtype=np.int64))
    optimiser = torch.optim.SGD(
        trained.body.parameters(), plan.step_size, plan.momentum, weight_decay=plan.weight_decay
    )
    done, found = 0, []
    for wanted in progress(step_counts("steps", steps).tolist()):
        trained.body.train()
        for step in range(done, wanted):
            chosen = batch_indices(plan.seed, step, labels.numel(), plan.batch_size)
            loss = nn.functional.cross_entropy(trained.body(trained.inputs(chosen)), labels[torch.from_numpy(chosen)])
            if not bool(torch.isfinite(loss)):
                raise InputError(f"step_size: training diverged at step {step}; give less than {plan.step_size}")
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
        done = wanted
        found.append(measure())
    return np.array(found)


def batches_of(sample: IntArray) -> list[IntArray]:
    """The numbers of a sample, in batches of at most _BATCH that differ by one in size."""
    return np.array_split(sample, -(-sample.size // _BATCH))


def block_loss(
    encoder: nn.Module, inputs: Callable[[IntArray], Tensor], data: ImageData, images: int
) -> Callable[[], float]:
    """Measures the loss of the best linear decoder on always the same images, unbiased in their number.

    Statistics of batch normalisation are those of these images.

    Args:
        encoder: up to the end of the last block, as its weights are when it is measured.
        inputs: of the encoder, for the training images with some numbers.
        data: the images.
        images: number of training images, at most.
    """
    sample = stratified_sample(np.asarray(data.train.labels, dtype=np.int64), images)
    pixels: np.ndarray[Any, Any] = Normalisation.from_images(data.train).apply(data.train.images[sample])
    return decoder_loss(encoder, inputs, sample, pixels.reshape(sample.size, -1))


def decoder_loss(
    encoder: nn.Module, inputs: Callable[[IntArray], Tensor], sample: IntArray, pixels: np.ndarray[Any, Any]
) -> Callable[[], float]:
    """Measures the loss of the best linear decoder on inputs with the numbers of ``sample``, of pixels (n, D)."""
    parts = batches_of(sample)

    def measure() -> float:
        calibrated = recalibrated(encoder, (inputs(part) for part in parts))
        with torch.no_grad():
            units = torch.cat([calibrated(inputs(part)).flatten(1) for part in parts])
        return sampled_loss(units.double().numpy(), pixels).relative

    return measure
