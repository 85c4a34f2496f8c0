"""The last block of VGG-8 with its classifier: derived as two layers, against these two layers trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from empirical import ImageData, Normalisation, TrainingPlan, build_network, load_images
from empirical.networks.batch_norm import recalibrated_on
from empirical.networks.layer_features import activations_of
from empirical.networks.network_training import batch_indices
from empirical.studies.deep.last_block import dense_weights, last_block
from simulation.training.hidden_units import sampled_measurement
from tests.empirical.studies.test_track import blobs
from theory import InputError
from theory.validation import FloatArray, IntArray

CPU = torch.device("cpu")


class AsTheyAre:
    """The activation of units that are measured and not made."""

    name = "none"

    def value(self, units: torch.Tensor) -> torch.Tensor:
        return units

    def back(self, gradient: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return gradient


def test_the_block_is_a_dense_layer() -> None:
    block = build_network("vgg8", 4, 3, 4).block5
    maps = torch.randn(5, 32, 2, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = block[0](maps).flatten(1)
    np.testing.assert_allclose(found, maps.flatten(1).numpy() @ dense_weights(block[0]).T, atol=1e-6)


def test_another_network_is_refused() -> None:
    data = ImageData("blobs", blobs(40, 0), blobs(20, 1), 4, ("a", "b", "c", "d"))
    for name in ("vgg11", "resnet10"):
        with pytest.raises(InputError, match="network: its last block"):
            last_block(build_network(name, 4, 3, 4), data, CPU)


@dataclass(frozen=True, eq=False)
class Frozen:
    """What the last block and the classifier are trained and measured on: features that stay, and images."""

    maps: torch.Tensor
    labels: torch.Tensor
    values: torch.Tensor
    lost: float

    @classmethod
    def from_network(cls, network: nn.Sequential, data: ImageData, directions: int) -> Frozen:
        """Maps of block 4, and leading coordinates of the images; ``lost`` is the variance that these lack."""
        normalisation = Normalisation.from_images(data.train)
        with recalibrated_on(network, data.train, normalisation, CPU):
            below = activations_of(network.eval(), ("block4",), data.train, normalisation, 2**30, CPU)["block4"]
        images = torch.from_numpy(normalisation.apply(data.train.images)).flatten(1)
        leading = torch.pca_lowrank(images - images.mean(dim=0), directions, center=False)[2]
        values = (images - images.mean(dim=0)) @ leading
        lost = 1 - float(values.var(dim=0, correction=0).sum() / images.var(dim=0, correction=0).sum())
        labels = torch.from_numpy(np.asarray(data.train.labels, dtype=np.int64))
        return cls(below.view(len(below), -1, 2, 2), labels, values, lost)

    def trained(self, network: nn.Sequential, plan: TrainingPlan, steps: IntArray) -> FloatArray:
        """Loss of the images from block 5 while it trains with the classifier."""
        top = nn.Sequential(network.block5, network.pool, network.classifier).train()
        optimiser = torch.optim.SGD(top.parameters(), plan.step_size, plan.momentum)
        found = []
        for step in range(int(steps[-1]) + 1):
            if step in steps:
                with torch.no_grad():
                    units = network.block5(self.maps).flatten(1)  # in training mode: normalised over all images
                measure = sampled_measurement(units, AsTheyAre(), self.values)
                found.append(self.lost + (1 - self.lost) * measure((np.eye(units.shape[1])[None],), step)[0, 0])
            chosen = torch.from_numpy(batch_indices(0, step, len(self.labels), plan.batch_size))
            optimiser.zero_grad()
            nn.functional.cross_entropy(top(self.maps[chosen]), self.labels[chosen]).backward()
            optimiser.step()
        return np.array(found)


def test_blobs_follow_the_derived_curve() -> None:
    """Full batches, 64 units: the start and the fall within .025 of the images' variance; classes of blobs are
    not Gaussian after four blocks.
    """
    data = ImageData("blobs", blobs(400, 0), blobs(20, 1), 4, ("a", "b", "c", "d"))
    plan = TrainingPlan("vgg8", base_width=4, steps=32, batch_size=400, step_size=0.1, momentum=0.5)
    steps = np.array([0, 1, 2, 4, 8, 16, 32])
    network = build_network("vgg8", 4, 3, 4)
    derived = last_block(network, data, CPU, directions=8).curve(plan, steps).mean
    trained = Frozen.from_network(network, data, 8).trained(network, plan, steps)
    np.testing.assert_allclose(derived, trained, atol=0.025)


@pytest.mark.cifar
@pytest.mark.slow
def test_on_cifar10_the_classifier_sets_the_pace_of_the_block_below(cifar_root: Path) -> None:
    """Base width 12, step size .002, momentum .9, to step 64, classifier's scale x .1 and x 10: curves within .02.

    Both fall, and with the larger classifier ten times as far by then.
    """
    data = load_images("cifar10", cifar_root)
    plan, steps = TrainingPlan("vgg8", base_width=12), np.array([0, 8, 64])
    untrained = build_network("vgg8", 10, 3, 12)
    block, frozen = last_block(untrained, data, CPU), Frozen.from_network(untrained, data, 200)
    falls = []
    for scale in (0.1, 10.0):
        network = build_network("vgg8", 10, 3, 12)
        with torch.no_grad():
            network.classifier.weight *= scale
            network.classifier.bias *= scale
        derived = block.scaled(scale).curve(plan, steps)
        trained = frozen.trained(network, plan, steps)
        print(scale, np.round(derived.mean, 4), np.round(trained, 4))
        assert np.abs(derived.mean - trained).max() < 0.025
        falls.append([one[0] - one[-1] for one in (derived.mean, trained)])
    assert np.all(np.array(falls[1]) > 4 * np.array(falls[0]))
    assert np.all(np.array(falls[0]) > 0.001)
