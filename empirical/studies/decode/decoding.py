"""The exact linear decoder of one layer of one checkpoint, and what it makes of a few images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from empirical.data.images import ImageData, ImageSplit, Normalisation
from empirical.moments.float_precision import full_precision
from empirical.networks.batch_norm import recalibrated_on
from empirical.networks.layer_features import activations_of
from empirical.networks.module_names import bare
from empirical.probes.reconstruction_probe import BudgetedDecoders, MomentDecoder
from empirical.probes.standard import ProbePlan, moments_and_outputs
from theory.validation import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class DecodedImages:
    """What the decoder of one checkpoint makes of n images.

    Attributes:
        step: of the checkpoint.
        loss: of all test images, as a share of their variance.
        image_losses: (n,) squared error of each image in units of the variance of all, so that the mean over all test
            images is ``loss``.
        pixels: (n, channels, height, width) what the decoder returns, as bytes; values beyond black and white are cut.
    """

    step: int
    loss: float
    image_losses: FloatArray
    pixels: NDArray[np.uint8]


def first_of_each_class(labels: IntArray, images: int) -> IntArray:
    """The number of the first image of each class, for the first ``images`` classes; no image is chosen by its look."""
    _, first = np.unique(labels, return_index=True)
    return np.asarray(first[:images], dtype=np.int64)


def decoded_images(
    network: nn.Module,
    step: int,
    layer: str,
    data: ImageData,
    numbers: IntArray,
    plan: ProbePlan,
    device: torch.device,
) -> DecodedImages:
    """Fit the exact decoder of a layer to all training images, and decode some test images.

    Args:
        network: at ``step``; it is left as it was.
        step: of the checkpoint.
        layer: name of a module.
        data: what the network is trained on.
        numbers: (n,) of test images.
        plan: with the largest number of features.
        device: that computes.

    Raises:
        InputError: an unknown layer, NaN in its activations.
    """
    normalisation = Normalisation.from_images(data.train)
    own = replace(plan, layers=(layer,))
    shown = ImageSplit(data.test.images[numbers], data.test.labels[numbers])
    with full_precision(device), recalibrated_on(network, data.train, normalisation, device):
        training, held_out = (
            moments_and_outputs(bare(network), split, data.classes, normalisation, own, device)[0][layer]
            for split in (data.train, data.test)
        )
        activations = activations_of(network, (layer,), shown, normalisation, plan.pooled_features, device)[layer]
    found = MomentDecoder.exact(training).reconstruct(activations.double().numpy())
    images = normalisation.apply(shown.images).astype(np.float64)
    errors = np.square(found - images.reshape(found.shape)).sum(axis=1)
    return DecodedImages(
        step,
        BudgetedDecoders.from_moments(training, held_out).exact().relative,
        errors / held_out.input_variance,
        _as_bytes(found.reshape(images.shape), normalisation),
    )


def _as_bytes(values: FloatArray, normalisation: Normalisation) -> NDArray[np.uint8]:
    """Normalised values as gray values; those beyond black and white are cut."""
    gray = values * normalisation.deviation[:, None, None] + normalisation.mean[:, None, None]
    return np.clip(np.rint(255 * gray), 0, 255).astype(np.uint8)
