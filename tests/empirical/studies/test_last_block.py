"""The last block of VGG-8 with its classifier: derived as two layers, against these two layers trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from torch import nn

from empirical import ImageData, Normalisation, TrainingPlan, build_network, load_images
from empirical.networks.batch_norm import recalibrated_on
from empirical.networks.network_training import batch_indices
from empirical.studies.deep.last_block import last_block, tied_units
from empirical.studies.deep.last_two_layers import LastUnits, last_two_layers, window_entries
from simulation.training.hidden_units import sampled_measurement
from tests.empirical.studies.test_track import blobs
from theory import ClassConditionalModel, InputError, Softmax, relu_curve
from theory.validation import FloatArray, IntArray

CPU = torch.device("cpu")


class AsTheyAre:
    """The activation of units that are measured and not made."""

    name = "none"

    def value(self, units: torch.Tensor) -> torch.Tensor:
        return units

    def back(self, gradient: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return gradient


@pytest.mark.parametrize(("size", "stride", "padding"), [(3, 1, 1), (3, 2, 1), (1, 1, 0)])
def test_windows_are_what_a_convolution_reads(size: int, stride: int, padding: int) -> None:
    convolution = nn.Conv2d(2, 3, size, stride, padding, bias=False, dtype=torch.float64)
    maps = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    padded = np.append(maps.flatten().numpy(), 0.0)  # entry -1
    found = convolution.weight.detach().flatten(1).numpy() @ padded[window_entries(convolution, 4, 5)]
    np.testing.assert_allclose(found, convolution(maps[None])[0].detach().flatten(1).numpy(), atol=1e-12)


@pytest.mark.parametrize(("name", "width"), [("vgg8", 4), ("resnet10", 1)])
def test_the_derived_network_is_the_network(name: str, width: int) -> None:
    """Outputs, in training mode on all images: to 1e-9, as the layers below are in single precision for both."""
    data = ImageData("blobs", blobs(300, 0), blobs(20, 1), 4, ("a", "b", "c", "d"))
    network = build_network(name, 4, 3, width)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network[-3].parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    block = last_block(network, data, CPU, directions=8)
    layers = last_two_layers(network, data.train, Normalisation.from_images(data.train), CPU)
    features = layers.features.double()
    top = nn.Sequential(layers.units, network.pool, layers.classifier).double().train()
    with torch.no_grad():
        expected = top(features).numpy()
    rows = features.flatten(1).numpy()
    centred = block.classes.model.to_eigenbasis(rows - rows.mean(axis=0))
    found = block.rule.network(block.parameters, block.classes.model.eigenvalues)
    units = np.maximum(centred @ found.hidden[0].T + found.hidden_bias[0], 0)
    np.testing.assert_allclose(units @ found.output[0].T + found.output_bias[0], expected, atol=1e-9)


def test_the_second_half_of_a_residual_block_is_the_block() -> None:
    """On what the first half gives, in evaluation mode: the outputs of the whole network."""
    data = ImageData("blobs", blobs(40, 0), blobs(20, 1), 4, ("a", "b", "c", "d"))
    network, normalisation = build_network("resnet10", 4, 3, 2), Normalisation.from_images(data.train)
    layers = last_two_layers(network, data.train, normalisation, CPU)
    images = torch.from_numpy(normalisation.apply(data.train.images))
    with recalibrated_on(network.eval(), data.train, normalisation, CPU), torch.no_grad():
        expected = network.stage4(network[:-3](images))
        np.testing.assert_allclose(layers.units.eval()(layers.features), expected, atol=1e-5)


def test_another_network_is_refused() -> None:
    data = ImageData("blobs", blobs(40, 0), blobs(20, 1), 4, ("a", "b", "c", "d"))
    for name in ("vgg11", "resnet18", "resnet20"):
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
        """What the last block reads, and leading coordinates of the images; ``lost`` is the variance these lack."""
        normalisation = Normalisation.from_images(data.train)
        maps = last_two_layers(network, data.train, normalisation, CPU).features
        images = torch.from_numpy(normalisation.apply(data.train.images)).flatten(1)
        leading = torch.pca_lowrank(images - images.mean(dim=0), directions, center=False)[2]
        values = (images - images.mean(dim=0)) @ leading
        lost = 1 - float(values.var(dim=0, correction=0).sum() / images.var(dim=0, correction=0).sum())
        return cls(maps, torch.from_numpy(np.asarray(data.train.labels, dtype=np.int64)), values, lost)

    def trained(self, network: nn.Sequential, data: ImageData, plan: TrainingPlan, steps: IntArray) -> FloatArray:
        """Loss of the images from the last block while it trains with the classifier."""
        layers = last_two_layers(network, data.train, Normalisation.from_images(data.train), CPU)
        top = nn.Sequential(layers.units, network.pool, layers.classifier).train()
        optimiser = torch.optim.SGD(top.parameters(), plan.step_size, plan.momentum)
        found = []
        for step in range(int(steps[-1]) + 1):
            if step in steps:
                with torch.no_grad():
                    units = layers.units(self.maps).flatten(1)  # in training mode: normalised over all images
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
    trained = Frozen.from_network(network, data, 8).trained(network, data, plan, steps)
    np.testing.assert_allclose(derived, trained, atol=0.025)


def test_on_gaussian_maps_two_branches_follow_their_derived_curve() -> None:
    """Two units at four positions, 20 inputs, full batches: the loss rises by .17 and falls again.

    Within .01 of the inputs' variance, which is what outputs taken as Gaussian cost as they grow.
    """
    generator = np.random.default_rng(0)
    labels = np.arange(2_000) % 3
    mixing = generator.normal(size=(20, 20)) * np.arange(1, 21) ** -0.5
    inputs = generator.normal(size=(2_000, 20)) @ mixing.T + 1.5 * generator.normal(size=(3, 20))[labels] + 0.5
    torch.manual_seed(0)
    units = LastUnits(
        (nn.Conv2d(3, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2)),
        (nn.Conv2d(2, 2, 1, bias=False), nn.BatchNorm2d(2)),
    )
    classifier = nn.Linear(2, 3)
    top = nn.Sequential(units, nn.AdaptiveAvgPool2d(1), nn.Flatten(), classifier).double().train()

    model = ClassConditionalModel.from_samples(inputs, labels, 3)
    rule, own = tied_units(units, torch.Size((2, 2)), inputs.mean(axis=0), model.model)
    start = (*(one.detach().numpy()[None].copy() for one in (classifier.weight, classifier.bias)), *own)
    steps = np.array([0, 4, 12, 40])
    derived = relu_curve(model, Softmax(), start, steps, 0.5, rule, 0.5, 256).mean

    maps, wanted = torch.from_numpy(inputs).view(-1, 5, 2, 2), torch.from_numpy(labels)
    optimiser, trained = torch.optim.SGD(top.parameters(), 0.5, 0.5), []
    for step in range(int(steps[-1]) + 1):
        if step in steps:
            with torch.no_grad():
                found = units(maps).flatten(1).numpy()
            trained.append(
                1 - LinearRegression().fit(found, inputs).predict(found).var(axis=0).sum() / inputs.var(axis=0).sum()
            )
        optimiser.zero_grad()
        nn.functional.cross_entropy(top(maps), wanted).backward()
        optimiser.step()
    assert np.ptp(trained) > 0.1
    np.testing.assert_allclose(derived, trained, atol=0.01)


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
        trained = frozen.trained(network, data, plan, steps)
        print(scale, np.round(derived.mean, 4), np.round(trained, 4))
        assert np.abs(derived.mean - trained).max() < 0.025
        falls.append([one[0] - one[-1] for one in (derived.mean, trained)])
    assert np.all(np.array(falls[1]) > 4 * np.array(falls[0]))
    assert np.all(np.array(falls[0]) > 0.001)
