"""A probe of VGG-8's layers against the published way to measure one layer, at 50,000 images.

    python -m pytest -m slow tests/benchmarks/test_probe_speed.py -s

The probe is what ``phases track`` does at a checkpoint for the exact decoder: one forward pass over the training images
and one over 10,000 held-out ones, the moments of every layer with the image, and the decoders. The published way trains
a linear decoder of the last layer for 20 epochs of Adam; its activations are given, and one epoch is timed, as all cost
the same. Pixels are noise: no time here depends on what is in them.
"""

from __future__ import annotations

import time

import pytest
import torch
from torch import nn

from empirical.moments.activation_moments import JointAccumulator
from empirical.networks.capture import capture
from empirical.networks.networks import build_network, layer_names
from empirical.probes.reconstruction_probe import BudgetedDecoders
from empirical.probes.sampled_probe import sampled_reconstruction
from empirical.probes.trained_decoder import (
    PUBLISHED_BATCH,
    DecoderTraining,
    linear_decoder,
    shuffled_epochs,
    train_decoder,
)

COUNT, HELD_OUT, POOLED, LAST = 50_000, 10_000, 1024, "block5"


def _moments(network: nn.Module, layers: tuple[str, ...], images: torch.Tensor, labels: torch.Tensor):
    accumulators = {layer: JointAccumulator(10) for layer in layers}
    batches = zip(images.split(512), labels.split(512), strict=True)
    for captured in capture(network, layers, batches, POOLED):
        for layer, accumulator in accumulators.items():
            accumulator.update(captured.activations[layer], captured.inputs.flatten(1), captured.labels)
    return {layer: accumulator.result() for layer, accumulator in accumulators.items()}


@pytest.mark.slow
def test_a_probe_of_all_layers_takes_a_fraction_of_a_trained_decoder_of_one() -> None:
    """Operations bound the ratio: 8 for all layers, 60 for the last one, were the forward passes free.

    The products of all layers' 3,872 features with the image are an eighth of the operations of Adam's 20 epochs on 512
    features, three products a step; those of the last layer alone a sixtieth. The forward passes come on top, for the
    probe alone, since the trained decoder is given its activations.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(COUNT + HELD_OUT, 3, 32, 32, generator=generator)
    labels = torch.randint(10, (COUNT + HELD_OUT,), generator=generator)
    network = build_network("vgg8", 10).eval()
    fit, test = slice(0, COUNT), slice(COUNT, None)

    found = {}
    for name, layers in (("all layers", layer_names(network)), ("the last layer", (LAST,))):
        started = time.perf_counter()
        training, held_out = (_moments(network, layers, images[own], labels[own]) for own in (fit, test))
        for layer in layers:
            BudgetedDecoders.from_moments(training[layer], held_out[layer]).exact()
        found[name] = time.perf_counter() - started

    started = time.perf_counter()
    sampled = sampled_reconstruction(network, LAST, images[fit], standard_error=0.002)
    found["the last layer, to a standard error of .002"] = time.perf_counter() - started
    assert sampled.reached

    batches = zip(images[fit].split(512), labels[fit].split(512), strict=True)
    features = torch.cat([one.activations[LAST] for one in capture(network, (LAST,), batches, POOLED)])
    epochs = shuffled_epochs(features, images[fit].flatten(1), PUBLISHED_BATCH, seed=0)
    started = time.perf_counter()
    train_decoder(linear_decoder(features.shape[1], 3 * 32 * 32, seed=0), epochs, DecoderTraining(epochs=1))
    published = DecoderTraining().epochs * (time.perf_counter() - started)

    print(f"\ntrained decoder of {LAST}: {published:.0f} s")
    for name, seconds in found.items():
        print(f"exact probe of {name}: {seconds:.1f} s, {published / seconds:.1f} times as fast")
    assert published / found["all layers"] > 2
    assert published / found["the last layer"] > 5
    assert published / found["the last layer, to a standard error of .002"] > 50
