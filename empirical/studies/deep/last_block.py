"""The last block of an untrained VGG-8 with the classifier: a network of one batch-normalised hidden layer.

Block 5 reads maps of 2 x 2 pixels through 3 x 3 windows of stride two. Four entries of a window fall on the map, the
others on its frame, and there is one position: the block is a dense layer on all features of block 4, and the pooling
after it has nothing to pool. This is exact. What is approximated: features that stay, one Gaussian per class for them,
outputs that are Gaussian (theorem T11), and batch statistics of all images instead of those of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from empirical.data.images import ImageData, Normalisation
from empirical.networks.batch_norm import recalibrated_on
from empirical.networks.layer_features import activations_of
from empirical.networks.network_training import TrainingPlan
from theory import ClassConditionalModel, Curve, InputError, Softmax
from theory.curves.relu_layer import relu_curve
from theory.curves.relu_parameters import BatchNormalised, Parameters
from theory.data.component_target import MomentsTarget
from theory.validation import FloatArray, IntArray, at_least

_BELOW = "block4"

#: Leading principal directions of the images that are the target; the rest counts as not explained.
DIRECTIONS = 400


@dataclass(frozen=True, eq=False)
class LastBlock:
    """What the curve of the last block is derived from.

    Attributes:
        classes: the features of block 4, a Gaussian for each class.
        images: the images, by their moments with these features.
        parameters: W1, W2, gains, shifts and the classifier's biases, as the network begins.
        epsilon: of the batch normalisation.
    """

    classes: ClassConditionalModel
    images: MomentsTarget
    parameters: Parameters
    epsilon: float

    def scaled(self, factor: float) -> LastBlock:
        """The same with the classifier's initial weights and biases times ``factor``."""
        weights, output, gains, shifts, bias = self.parameters
        return replace(self, parameters=(weights, factor * output, gains, shifts, factor * bias))

    def curve(self, plan: TrainingPlan, steps: IntArray, nodes: int = 128) -> Curve:
        """The share of the images' variance that the best linear decoder of block 5 leaves, at each of ``steps``.

        Args:
            plan: its step size and momentum count.
            steps: (T,) strictly increasing step counts from 0 on.
            nodes: quasi-Monte-Carlo nodes per class, a power of two.
        """
        rule = BatchNormalised(self.epsilon)
        return relu_curve(
            self.classes,
            Softmax(),
            self.parameters,
            steps,
            plan.step_size,
            rule,
            plan.momentum,
            nodes,
            target=self.images,
        )


def last_block(
    network: nn.Sequential, data: ImageData, device: torch.device, directions: int = DIRECTIONS
) -> LastBlock:
    """The last block of a VGG-8 with its classifier, before training.

    Args:
        network: of ``build_network``, on the device; its classifier may have been rescaled.
        data: what it is to be trained on, images of 32 x 32 pixels.
        device: that computes the features.
        directions: leading principal directions of the images that are the target.

    Raises:
        InputError: another network: one of several convolutions in the block, or with residual connections, whose
            outputs are means over positions.
    """
    convolution, normalised, classifier = _parts(network)
    normalisation = Normalisation.from_images(data.train)
    with recalibrated_on(network, data.train, normalisation, device):
        found = activations_of(network.eval(), (_BELOW,), data.train, normalisation, 2**30, device)[_BELOW]
    features, labels = found.double().numpy(), np.asarray(data.train.labels, dtype=np.int64)
    weights = dense_weights(convolution)
    if features.shape[1] != weights.shape[1]:
        raise InputError(f"data: images give {features.shape[1]} features below the last block; give 32 x 32 pixels")
    classes = ClassConditionalModel.from_samples(features, labels, data.classes)
    rows = classes.model.to_eigenbasis(features - features.mean(axis=0))
    images = torch.from_numpy(normalisation.apply(data.train.images)).flatten(1)
    parameters = (
        classes.model.to_eigenbasis(weights[None]),
        _values(classifier.weight),
        _values(normalised.weight),
        _values(normalised.bias),
        _values(classifier.bias),
    )
    target = _target(rows, _leading(images, at_least("directions", directions, 1)), _variance(images), labels)
    return LastBlock(classes, target, parameters, normalised.eps)


def dense_weights(convolution: nn.Conv2d) -> FloatArray:
    """(h, 4 c) weights of a 3 x 3 convolution of stride two on c maps of 2 x 2 pixels, as a dense layer."""
    window = convolution.weight.detach().cpu().double().numpy()[:, :, 1:, 1:]
    return np.asarray(window.reshape(window.shape[0], -1), dtype=np.float64)


def _parts(network: nn.Sequential) -> tuple[nn.Conv2d, nn.BatchNorm2d, nn.Linear]:
    """Convolution and normalisation of the last block, and the classifier; InputError for another network."""
    block, last = dict(network.named_children()).get("block5"), network[-1]
    if isinstance(block, nn.Sequential) and len(block) == 3 and isinstance(last, nn.Linear):
        convolution, normalised, _ = block
        if isinstance(convolution, nn.Conv2d) and isinstance(normalised, nn.BatchNorm2d):
            return convolution, normalised, last
    raise InputError("network: its last block is not one convolution on maps of 2 x 2 pixels; give vgg8")


def _leading(images: torch.Tensor, directions: int) -> FloatArray:
    """(n, q) leading principal coordinates of images (n, D), centred."""
    return np.asarray(PCA(directions, random_state=0).fit_transform(images.numpy()), dtype=np.float64)


def _variance(images: torch.Tensor) -> float:
    """The trace of the images' covariance."""
    return float(images.var(dim=0, correction=0).double().sum())


def _target(features: FloatArray, values: FloatArray, variance: float, labels: IntArray) -> MomentsTarget:
    """Moments of values (n, q) with features (n, d), both centred, within each class."""
    means, covariances = [], []
    for label in range(int(labels.max()) + 1):
        own, wanted = features[labels == label], values[labels == label]
        means.append(wanted.mean(axis=0))
        covariances.append((own - own.mean(axis=0)).T @ (wanted - means[-1]) / len(own))
    centres = np.stack(means)
    shares = np.bincount(labels) / labels.size
    return MomentsTarget(centres - shares @ centres, np.stack(covariances), variance)


def _values(parameter: torch.Tensor) -> FloatArray:
    """(1, ...) float64."""
    return np.asarray(parameter.detach().cpu().double().numpy()[None], dtype=np.float64)
