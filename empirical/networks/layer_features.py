"""The activations of layers as data sets of features, ready for the single-layer theory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from empirical.data.datasets import DataSet, unit_variance
from empirical.data.images import ImageData, ImageSplit, Normalisation
from empirical.moments.float_precision import full_precision
from empirical.networks.batch_norm import recalibrated_on
from empirical.networks.capture import read_inside
from empirical.networks.checkpoint_file import with_weights_from
from empirical.networks.layer_reading import LayerReader
from empirical.networks.module_names import bare
from empirical.networks.network_training import image_batches
from empirical.networks.networks import build_network, layer_names
from empirical.networks.row_rule import Rows
from theory import InputError
from theory.validation import IntArray

_BATCH = 512

#: Axis of the channels in the maps of networks for images, (n, c, h, w), unless something indicates another.
CHANNELS = 1


def activations_of(
    network: nn.Module,
    layers: Sequence[str],
    split: ImageSplit,
    normalisation: Normalisation,
    pooled_features: int,
    device: torch.device,
    rows: Rows = None,
) -> dict[str, Tensor]:
    """(n, p) activations of every layer on the images of a split, on the CPU.

    The network has to be on the device, inside ``undisturbed``.

    Args:
        network: in evaluation mode.
        layers: names of its modules.
        split: n images.
        normalisation: of the images.
        pooled_features: largest number of features of a layer.
        device: that computes.
        rows: what becomes a row, as in ``capture``.

    Raises:
        InputError: as ``capture``.
    """
    parts: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    reader = LayerReader(bare(network), layers, rows, pooled_features, torch.float32, CHANNELS)
    with full_precision(device):
        for captured in read_inside(network, reader, image_batches(split, normalisation, _BATCH, device)):
            for layer, activations in captured.activations.items():
                parts[layer].append(activations.cpu())
    return {layer: torch.cat(found) for layer, found in parts.items()}


def layer_features(
    network: nn.Module,
    layers: Sequence[str],
    split: ImageSplit,
    classes: int,
    normalisation: Normalisation,
    pooled_features: int,
    device: torch.device,
    rows: Rows = None,
) -> dict[str, DataSet]:
    """Features of every layer, centred and scaled to unit mean variance.

    Statistics of batch normalisation are recomputed from the first images of the split.

    Args:
        network: left as it was.
        layers: names of its modules.
        split: n images with labels.
        classes: K.
        normalisation: of the images.
        pooled_features: largest number of features; wider layers are pooled or sketched (see
            ``empirical.networks.capture``).
        device: that computes.
        rows: what becomes a row, as in ``empirical.networks.capture``; a map's channels come before positions unless
            something indicates otherwise.

    Returns:
        A data set (n, p) for each layer, by the layer's name.

    Raises:
        InputError: an unknown layer; NaN or infinity, or activations that do not vary, with the layer's name.
    """
    with recalibrated_on(network, split, normalisation, device):
        found = activations_of(network, layers, split, normalisation, pooled_features, device, rows)
    labels = np.asarray(split.labels, dtype=np.int64)
    return {layer: _data_set(layer, rows.numpy(), labels, classes) for layer, rows in found.items()}


def _data_set(layer: str, features: NDArray[np.float32], labels: IntArray, classes: int) -> DataSet:
    try:
        centred = features - features.mean(axis=0, dtype=np.float64).astype(np.float32)
        return DataSet(layer, unit_variance(centred), labels, classes)
    except InputError as error:
        raise InputError(f"layer {layer}: {error}") from None


def network_with_weights(
    data: ImageData, name: str, base_width: int | None, checkpoint: Path | None, seed: int
) -> nn.Sequential:
    """One of the package's networks for the classes of ``data``.

    Args:
        data: images.
        name: of ``empirical.networks.networks.NETWORK_NAMES``.
        base_width: None for the default.
        checkpoint: file of its weights; None for an untrained network.
        seed: of the untrained network.

    Raises:
        InputError: as ``build_network`` and ``with_weights_from``.
    """
    network = build_network(name, data.classes, data.channels, base_width, seed)
    return network.eval() if checkpoint is None else with_weights_from(network, checkpoint)


def training_features(
    network: nn.Sequential,
    data: ImageData,
    layers: Sequence[str] | None,
    pooled_features: int,
    device: torch.device,
) -> dict[str, DataSet]:
    """``layer_features`` of the training split.

    Args:
        network: one of the package's; left as it was.
        data: images.
        layers: names of its modules; None or none for every block.
        pooled_features: largest number of features of a layer.
        device: that computes.

    Raises:
        InputError: as ``layer_features``.
    """
    chosen = tuple(layers) if layers else layer_names(network)
    return layer_features(
        network, chosen, data.train, data.classes, Normalisation.from_images(data.train), pooled_features, device
    )
