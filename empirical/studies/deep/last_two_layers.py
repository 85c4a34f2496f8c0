"""The last two layers of a network, and what the layers below give them before training.

Of VGG-8 these are block 5, one convolution, and the classifier. Of ResNet-10 they are the second half of stage 4 and
the classifier: the second convolution reads the units of the first one, the shortcut the stage's inputs at every other
pixel, and their sum is rectified. Units are averaged over positions before they are classified.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from empirical.data.images import ImageSplit, Normalisation
from empirical.networks.batch_norm import recalibrated_on
from empirical.networks.network_training import image_batches
from empirical.networks.networks import ResidualBlock
from theory import InputError
from theory.validation import IntArray

_BATCH = 500


class LastUnits(nn.Module):
    """max(sum of branches, 0): a branch is a convolution with batch normalisation, on channels of its own.

    Args:
        branches: convolution and normalisation of each, in the order of the channels.
    """

    def __init__(self, *branches: tuple[nn.Conv2d, nn.BatchNorm2d]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*one) for one in branches)
        self.channels = [convolution.in_channels for convolution, _ in branches]

    def forward(self, maps: Tensor) -> Tensor:
        """(n, channels of all branches, height, width) -> (n, h, height / stride, width / stride)."""
        parts = torch.split(maps, self.channels, dim=1)
        found = [branch(part) for branch, part in zip(self.branches, parts, strict=True)]
        return torch.relu(torch.stack(found).sum(dim=0))


def branch_parts(units: LastUnits) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Convolution and normalisation of each branch."""
    found = []
    for branch in units.branches:
        assert isinstance(branch, nn.Sequential)
        convolution, normalised = branch
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(normalised, nn.BatchNorm2d)
        found.append((convolution, normalised))
    return found


def window_entries(convolution: nn.Conv2d, height: int, width: int) -> IntArray:
    """(n, P) entry of the maps (channels, height, width) that each weight of a filter reads at each position.

    Entries are numbered as they are flattened; -1 stands for the frame of zeros.
    """
    count = convolution.in_channels * height * width
    numbers = torch.arange(1, count + 1, dtype=torch.float64).reshape(1, -1, height, width)
    size, stride, padding = convolution.kernel_size, convolution.stride, convolution.padding
    assert not isinstance(padding, str)
    unfolded = nn.functional.unfold(numbers, size, padding=padding, stride=stride)[0]
    return np.asarray(unfolded.numpy().round().astype(np.int64) - 1)


@dataclass(frozen=True, eq=False)
class LastTwoLayers:
    """What is trained of a network, sharing its weights, and on what.

    Attributes:
        units: of the last block.
        classifier: reads their means over positions.
        features: (n, channels, height, width) of the images, that the untrained layers below give.
    """

    units: LastUnits
    classifier: nn.Linear
    features: Tensor


def last_two_layers(
    network: nn.Sequential, images: ImageSplit, normalisation: Normalisation, device: torch.device
) -> LastTwoLayers:
    """The last two layers of VGG-8 or ResNet-10, before training.

    Args:
        network: of ``build_network``, on the device; its classifier may have been rescaled.
        images: what it is to be trained on.
        normalisation: of the images.
        device: that computes the features.

    Raises:
        InputError: another network: one with several convolutions in its last block, or several blocks in its last
            stage.
    """
    last, classifier = network[-3], network[-1]
    assert isinstance(classifier, nn.Linear)
    below = nn.Sequential(*list(network)[:-3])
    if isinstance(last, nn.Sequential):
        match list(last):
            case [nn.Conv2d() as convolution, nn.BatchNorm2d() as normalised, nn.ReLU()]:
                features = untrained_outputs(below, network, images, normalisation, device)
                return LastTwoLayers(LastUnits((convolution, normalised)), classifier, features)
            case [ResidualBlock() as block] if isinstance(block.shortcut, nn.Sequential):
                features = untrained_outputs(nn.Sequential(below, _Read(block)), network, images, normalisation, device)
                units = LastUnits((block.second, block.second_norm), _shortcut(block.shortcut))
                return LastTwoLayers(units, classifier, features)
    raise InputError("network: its last block is not one convolution or one residual block; give vgg8 or resnet10")


class _Read(nn.Module):
    """What the second half of a residual block reads: the first half's units, and inputs at the shortcut's pixels."""

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.first, self.first_norm = block.first, block.first_norm

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, width_in, h, w) -> (n, width_out + width_in, h / stride, w / stride)."""
        down, across = self.first.stride
        return torch.cat([torch.relu(self.first_norm(self.first(inputs))), inputs[:, :, ::down, ::across]], dim=1)


def _shortcut(shortcut: nn.Sequential) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """The shortcut on inputs at its pixels alone, with the same weights."""
    strided, normalised = shortcut
    assert isinstance(strided, nn.Conv2d)
    assert isinstance(normalised, nn.BatchNorm2d)
    convolution = nn.Conv2d(strided.in_channels, strided.out_channels, 1, bias=False)
    convolution.weight = strided.weight
    return convolution, normalised


def untrained_outputs(
    below: nn.Module, network: nn.Sequential, images: ImageSplit, normalisation: Normalisation, device: torch.device
) -> Tensor:
    """(n, ...) outputs of a part of a network for all images, in evaluation mode with the statistics of images.

    Args:
        below: the part, with weights of the network.
        network: whose statistics are recomputed, and are its own again at the end.
        images: n of them.
        normalisation: of the images.
        device: that computes.
    """
    with recalibrated_on(network.eval(), images, normalisation, device), torch.no_grad():
        batches = image_batches(images, normalisation, _BATCH, device)
        return torch.cat([below.eval()(inputs).cpu() for inputs, _ in batches])
