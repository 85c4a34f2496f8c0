"""Checks what a run needs before it starts: memory for features and moments, samples for its batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from empirical.data.images import ImageData, ImageSplit, Normalisation
from empirical.networks.capture import capture
from empirical.networks.network_training import image_batches
from theory import InputError, Loss
from theory.data.memory_limit import array_bytes, check_memory

# Arrays of the size of the features' covariance that are held at once: sums of two splits, eigenvectors, products.
_COVARIANCES = 6


def check_batches(batch_size: int, replicas: int, count: int) -> None:
    """Refuse batches that the data do not fill.

    Args:
        batch_size: samples per step.
        replicas: draws, each with different batches.
        count: samples of the data.

    Raises:
        InputError: fewer samples than all draws take at a step.
    """
    if batch_size * replicas > count:
        draws = f" for each of {replicas} draws" if replicas > 1 else ""
        raise InputError(
            f"batch_size: {batch_size}{draws} is more than {count} inputs; give less, as draws see different batches "
            "at a step"
        )


def check_step_share(step_share: float, loss: Loss) -> None:
    """Refuse an eta lambda_1 beyond the stability limit of a loss; InputError names it."""
    if step_share > loss.stability_limit:
        raise InputError(
            f"step_share: {step_share:g} is not stable for {loss.name}; give at most {loss.stability_limit:g}"
        )


def feature_counts(network: nn.Module, layers: Sequence[str], data: ImageData, pooled_features: int) -> dict[str, int]:
    """The number of features of each layer, from one pass of two images.

    Args:
        network: any module that takes such images.
        layers: names of its modules.
        data: at least two training images.
        pooled_features: largest number of features of a layer, as in ``capture``.

    Raises:
        InputError: as ``capture``: an unknown layer, among others.
    """
    first = ImageSplit(data.train.images[:2], data.train.labels[:2])
    batches = image_batches(first, Normalisation.from_images(first), 2, torch.device("cpu"))
    captured = next(iter(capture(network, layers, batches, pooled_features)))
    return {layer: activations.shape[1] for layer, activations in captured.activations.items()}


def check_features(network: nn.Module, layers: Sequence[str], data: ImageData, pooled_features: int) -> dict[str, int]:
    """``feature_counts``, refused where the moments of a layer, or its features, do not fit in memory.

    Args:
        network: as in ``feature_counts``, and so are the others.
        layers: names of its modules.
        data: images.
        pooled_features: largest number of features of a layer.

    Raises:
        InputError: what does not fit, with the bytes; an unknown layer.
    """
    found = feature_counts(network, layers, data, pooled_features)
    for layer, count in found.items():
        moments = _COVARIANCES * array_bytes((count, count))
        check_memory(
            f"pooled_features: {count:,} features of {layer}", moments, "give fewer pooled features, or other layers"
        )
    return found
