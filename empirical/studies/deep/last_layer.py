"""The classifier of an untrained network, as a single layer on the features that it begins with.

Of a network that trains this keeps the last layer alone: its features do not move. Momentum beta counts as the step
size eta / (1 - beta), weight decay not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from empirical.data.images import ImageData, Normalisation
from empirical.networks.batch_norm import recalibrated_on
from empirical.networks.layer_features import activations_of
from empirical.networks.network_training import TrainingPlan
from empirical.networks.networks import build_network
from theory import Curve, DataModel, Moments, Softmax, logarithmic_steps, mean_field_curve
from theory.validation import FloatArray, IntArray

#: The part whose output the classifier reads.
_POOL = "pool"

#: More features than any of the package's networks has before its classifier.
_ALL_FEATURES = 1_000_000


def effective_step_size(plan: TrainingPlan) -> float:
    """Eta / (1 - beta): the step size of plain descent that momentum amounts to while gradients change slowly."""
    return plan.step_size / (1 - plan.momentum)


@dataclass(frozen=True, eq=False)
class LastLayer:
    """The classifier on the features that the untrained network gives it.

    Attributes:
        model: of the features, with a common covariance within classes.
        weights: (1, K, d) that the classifier begins with, in the eigenbasis of the features' covariance.
    """

    model: DataModel
    weights: FloatArray

    def scaled(self, factor: float) -> LastLayer:
        """The same with the classifier's initial weights times ``factor``."""
        return replace(self, weights=factor * self.weights)

    def curve(self, plan: TrainingPlan, steps: IntArray) -> Curve:
        """Reconstruction loss of the features from the classifier's outputs, by the mean field.

        Args:
            plan: its step size and momentum count.
            steps: (T,) strictly increasing step counts from 0 on.

        Raises:
            InputError: a step size at which training the last layer alone is not stable.
        """
        return mean_field_curve(self.model, Softmax(), self.weights, steps, effective_step_size(plan))


def last_layer(network: nn.Sequential, data: ImageData, device: torch.device) -> LastLayer:
    """The last layer of a network before training.

    Args:
        network: of ``build_network``, on the device.
        data: what it is to be trained on.
        device: that computes the features.
    """
    normalisation = Normalisation.from_images(data.train)
    with recalibrated_on(network, data.train, normalisation, device):
        found = activations_of(network.eval(), (_POOL,), data.train, normalisation, _ALL_FEATURES, device)
    labels = np.asarray(data.train.labels, dtype=np.int64)
    model = DataModel.from_moments(Moments.from_samples(found[_POOL].double().numpy(), labels, data.classes))
    return LastLayer(model, model.to_eigenbasis(_classifier(network).weight.detach().cpu().double().numpy()[None]))


def last_layer_curve(plan: TrainingPlan, data: ImageData, device: torch.device) -> Curve:
    """The derived curve of the classifier on the pooled features of the untrained network.

    The mean field with a common covariance within classes, from the weights that the classifier begins with, at steps
    spaced evenly in their logarithm up to the plan's last one. What is reconstructed is the features.

    Args:
        plan: of the training; its seed is that of the network.
        data: what it is to be trained on.
        device: that computes the features.

    Raises:
        InputError: as ``build_network``; a step size at which training the last layer alone is not stable.
    """
    network = build_network(plan.network, data.classes, data.channels, plan.base_width, plan.seed).eval().to(device)
    return last_layer(network, data, device).curve(plan, logarithmic_steps(plan.steps))


def _classifier(network: nn.Sequential) -> nn.Linear:
    last = network[-1]
    assert isinstance(last, nn.Linear)  # all of NETWORK_NAMES end in it
    return last
