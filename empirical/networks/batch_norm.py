"""Statistics of batch normalisation that belong to the weights of a checkpoint.

The running averages that training keeps lag behind the weights: at step 0 they are 0 and 1 and describe no data at all,
and in the first steps they are mostly that. A probe of an early checkpoint would measure the lag. Here they are
recomputed for the current weights (the "precise" statistics of Wu & Johnson 2021).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from empirical.data.finite import all_finite
from empirical.data.images import ImageSplit, Normalisation
from empirical.data.network_inputs import Inputs
from empirical.moments.float_precision import full_precision
from empirical.networks.layer_reading import run
from empirical.networks.module_names import checked_network
from empirical.networks.network_training import image_batches
from empirical.networks.undisturbed import undisturbed
from theory import InputError
from theory.data.stratified import stratified_parts, stratified_sample

#: Batches of this size, and at most this many of them, recalibrate a network on images.
CALIBRATION_SIZE, CALIBRATION_BATCHES = 512, 10

Network = TypeVar("Network", bound=nn.Module)


def recalibrated(network: Network, batches: Iterable[Inputs]) -> Network:
    """A copy of a network, in evaluation mode, whose batch normalisation holds the mean statistics of the batches.

    A network without batch normalisation is copied as it is, and so is a layer that keeps no running statistics.

    Args:
        network: any module that can be copied; it is left as it was.
        batches: inputs (n, ...) on the network's device; all of one size, as every batch has the same weight.

    Raises:
        InputError: no batch, a network that cannot be copied, or statistics that are not finite, with the layer's name.
    """
    checked_network("network", network)
    try:
        own = copy.deepcopy(network)
    except Exception as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(
            f"network: cannot be copied ({reason}); use PhaseTracker or capture, which copy none"
        ) from None
    with torch.inference_mode(False), torch.no_grad():
        measure_statistics(own.eval(), batches)
    return own.eval()


def measure_statistics(network: nn.Module, batches: Iterable[Inputs]) -> None:
    """Recompute the statistics of batch normalisation in the network itself, which is in evaluation mode.

    Args:
        network: any module; inside ``undisturbed`` it gets its own statistics back at the end.
        batches: as in ``recalibrated``.

    Raises:
        InputError: as ``recalibrated``.
    """
    layers = {
        name: one for name, one in network.named_modules() if isinstance(one, _BatchNorm) and one.track_running_stats
    }
    if not layers:
        return
    kept = {name: one.momentum for name, one in layers.items()}
    for layer in layers.values():
        layer.reset_running_stats()
        layer.momentum = None  # torch then keeps the plain mean over batches
        layer.training = True
    count = 0
    for count, inputs in enumerate(batches, start=1):  # noqa: B007
        run(network, inputs)
    if count == 0:
        raise InputError("batches: none was given; give at least one")
    for name, layer in layers.items():
        layer.momentum = kept[name]
        layer.training = False
        if not all(all_finite(one) for one in (layer.running_mean, layer.running_var) if one is not None):
            raise InputError(f"batches: the inputs of layer {name} hold NaN or infinite numbers; give finite ones")


@contextmanager
def recalibrated_on(
    network: nn.Module, split: ImageSplit, normalisation: Normalisation, device: torch.device
) -> Iterator[None]:
    """``undisturbed``, on ``device``, with the statistics of images of a split.

    At most CALIBRATION_BATCHES of CALIBRATION_SIZE images are used. They are drawn with the classes of all, each batch
    likewise: a split may be sorted by class.

    Args:
        network: any module for such images.
        split: images with labels.
        normalisation: of the images.
        device: that computes.

    Raises:
        InputError: as ``recalibrated``.
    """
    count = min(split.labels.size, CALIBRATION_BATCHES * CALIBRATION_SIZE)
    if count > CALIBRATION_SIZE:  # whole batches, as every one counts the same
        count -= count % CALIBRATION_SIZE
    drawn = stratified_sample(split.labels, count)
    parts = stratified_parts(split.labels[drawn], -(-count // CALIBRATION_SIZE))
    order = drawn[np.concatenate(parts)]
    mixed = ImageSplit(split.images[order], split.labels[order])
    with undisturbed(checked_network("network", network)):
        network.to(device)
        batches = image_batches(mixed, normalisation, CALIBRATION_SIZE, device)
        with full_precision(device):
            measure_statistics(network, (inputs for inputs, _ in batches))
        yield
