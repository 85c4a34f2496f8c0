"""The last two layers trained on draws from one Gaussian per class, of features and images together.

What differs from training on the features themselves is what is not Gaussian about these, and nothing else. The theory
takes them as Gaussian: what is left of its error here has other reasons.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from empirical.data.gaussian_clone import gaussian_clone, gaussian_features
from empirical.data.images import ImageData, Normalisation
from empirical.networks.network_training import TrainingPlan
from empirical.studies.last_block_study.training import decoder_loss, measured_along, two_layers
from theory.data.stratified import stratified_sample
from theory.validation import FloatArray, IntArray


def losses_on_gaussians(
    network: nn.Sequential, data: ImageData, plan: TrainingPlan, steps: IntArray, images: int
) -> FloatArray:
    """(T,) reconstruction loss of the images' clone from the last block, at each of ``steps``.

    Args:
        network: of ``build_network``; its last two layers are trained.
        data: the images; as many draws of each class are made.
        plan: of the training, whose seed is that of the draws too.
        steps: (T,) strictly increasing step counts from 0 on.
        images: number of draws, at most, on which the loss is measured.
    """
    labels = np.asarray(data.train.labels, dtype=np.int64)
    trained = two_layers(network, data)
    features = gaussian_features(trained.inputs(np.arange(labels.size)), labels, plan.seed)
    drawn = replace(trained, inputs=lambda chosen: features[torch.from_numpy(chosen)])
    sample = stratified_sample(labels, images)
    pixels = gaussian_clone(data.train, Normalisation.from_images(data.train), plan.seed)[torch.from_numpy(sample)]
    measure = decoder_loss(drawn.encoder, drawn.inputs, sample, pixels.flatten(1).numpy())
    return measured_along(drawn, data, plan, steps, measure)
