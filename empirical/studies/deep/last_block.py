"""The last two layers of an untrained VGG-8 or ResNet-10, derived: features at positions, averaged, and a classifier.

In VGG-8 block 5 reads maps of 2 x 2 pixels through 3 x 3 windows of stride two: one position, and nothing to average.
In ResNet-10 the second half of stage 4 has 4 x 4 positions and two branches, the second convolution and the shortcut.
Both are networks of one rectified hidden layer with weights that positions share (``theory.curves.tied_units``), which
is exact. What is approximated: features that stay, one Gaussian per class for them, outputs that are Gaussian (theorem
T11), and batch statistics of all images instead of those of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from empirical.data.images import ImageData, Normalisation
from empirical.fit.class_parts import cut_classes
from empirical.networks.network_training import TrainingPlan
from empirical.studies.deep.last_two_layers import LastUnits, branch_parts, last_two_layers, window_entries
from theory import ComponentCovariances, Curve, DataModel, MixtureModel, Softmax, TiedBranch, TiedUnits, relu_curve
from theory.curves.relu_parameters import Parameters
from theory.data.component_target import MomentsTarget
from theory.validation import FloatArray, IntArray, at_least

#: Leading principal directions of the images that are the target; the rest counts as not explained.
DIRECTIONS = 400


@dataclass(frozen=True, eq=False)
class LastBlock:
    """What the curve of the last block is derived from.

    Attributes:
        classes: what the block reads, a Gaussian for each class or for each of its parts.
        images: the images, by their moments with these features.
        rule: how parameters make the block's units.
        parameters: of the rule, as the network begins.
    """

    classes: MixtureModel
    images: MomentsTarget
    rule: TiedUnits
    parameters: Parameters

    def scaled(self, factor: float) -> LastBlock:
        """The same with the classifier's initial weights and biases times ``factor``."""
        output, bias, *units = self.parameters
        return replace(self, parameters=(factor * output, factor * bias, *units))

    def curve(self, plan: TrainingPlan, steps: IntArray, nodes: int = 128) -> Curve:
        """The share of the images' variance that the best linear decoder of the block leaves, at each of ``steps``.

        It decodes the units at all positions, before they are averaged.

        Args:
            plan: its step size and momentum count.
            steps: (T,) strictly increasing step counts from 0 on.
            nodes: quasi-Monte-Carlo nodes per class, a power of two.
        """
        return relu_curve(
            self.classes,
            Softmax(),
            self.parameters,
            steps,
            plan.step_size,
            self.rule,
            plan.momentum,
            nodes,
            target=self.images,
        )


def last_block(
    network: nn.Sequential, data: ImageData, device: torch.device, directions: int = DIRECTIONS, parts: int = 1
) -> LastBlock:
    """The last block of a VGG-8 or ResNet-10 with its classifier, before training.

    Args:
        network: of ``build_network``, on the device; its classifier may have been rescaled.
        data: what it is to be trained on.
        device: that computes the features.
        directions: leading principal directions of the images that are the target.
        parts: of each class, cut by k-means in the leading directions of what the block reads, with a Gaussian each; 1
            is one Gaussian per class.

    Raises:
        InputError: another network, or fewer images of a class than parts.
    """
    wanted = at_least("directions", directions, 1)
    normalisation = Normalisation.from_images(data.train)
    layers = last_two_layers(network, data.train, normalisation, device)
    features, labels = layers.features.flatten(1).double().numpy(), np.asarray(data.train.labels, dtype=np.int64)
    part = _part_of_each(features, labels, data.classes, at_least("parts", parts, 1))
    classes = _part_moments(features, labels, part)
    mean = features.mean(axis=0)
    rule, units = tied_units(layers.units, layers.features.shape[2:], mean, classes.model)
    parameters = (_values(layers.classifier.weight), _values(layers.classifier.bias), *units)
    images = torch.from_numpy(normalisation.apply(data.train.images)).flatten(1)
    rows = classes.model.to_eigenbasis(features - mean)
    target = _target(rows, _leading(images, wanted), _variance(images), part)
    return LastBlock(classes, target, rule, parameters)


def tied_units(units: LastUnits, size: torch.Size, mean: FloatArray, model: DataModel) -> tuple[TiedUnits, Parameters]:
    """The units of a block as the theory has them, and the parameters of its branches.

    Args:
        units: of the block.
        size: height and width of the maps that it reads.
        mean: (channels height width,) of the maps.
        model: of the maps.
    """
    height, width = size
    branches, parameters, first = [], [], 0
    for convolution, normalised in branch_parts(units):
        windows = window_entries(convolution, height, width)
        on_map = (windows >= 0).any(axis=1)  # the others are idle: they read the frame at every position
        shifted = np.where(windows >= 0, windows + first, -1)[on_map]
        branches.append(TiedBranch.from_windows(shifted, mean, model))
        weights = _values(convolution.weight.flatten(1))[..., on_map]
        parameters += [weights, _values(normalised.weight), _values(normalised.bias)]
        first += convolution.in_channels * height * width
    return TiedUnits(tuple(branches), branch_parts(units)[0][1].eps), tuple(parameters)


def _leading(images: torch.Tensor, directions: int) -> FloatArray:
    """(n, q) leading principal coordinates of images (n, D), centred."""
    return np.asarray(PCA(directions, random_state=0).fit_transform(images.numpy()), dtype=np.float64)


def _variance(images: torch.Tensor) -> float:
    """The trace of the images' covariance."""
    return float(images.var(dim=0, correction=0).double().sum())


def _part_of_each(features: FloatArray, labels: IntArray, classes: int, parts: int) -> IntArray:
    """(n,) number of the part of each row; parts are numbered class by class, each with at least one row."""
    if parts == 1:
        return labels
    division = cut_classes(features, labels, classes, parts)
    found = np.empty_like(labels)
    for label in range(classes):
        own = labels == label
        found[own] = parts * label + division.belongs(label, division.leading(features[own])).argmax(axis=1)
    return np.asarray(np.unique(found, return_inverse=True)[1], dtype=np.int64)


def _part_moments(features: FloatArray, labels: IntArray, part: IntArray) -> MixtureModel:
    """The data model of features (n, D) with a Gaussian for each part."""
    rows = [features[part == one] for one in range(int(part.max()) + 1)]
    owners = [int(labels[np.argmax(part == one)]) for one in range(len(rows))]
    covariances = np.stack([np.cov(own.T, bias=True) for own in rows])
    return MixtureModel.from_components(
        np.bincount(part) / part.size,
        owners,
        np.stack([own.mean(axis=0) for own in rows]),
        ComponentCovariances.from_dense(covariances),
    )


def _target(features: FloatArray, values: FloatArray, variance: float, labels: IntArray) -> MomentsTarget:
    """Moments of values (n, q) with features (n, d), both centred, within each class or part."""
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
