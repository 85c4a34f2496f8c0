"""Hidden layers on CIFAR-10 pixels: derived from the moments of the pixels against trained, at every recorded step.

All 50,000 images, batches of 1,024, step size 0.005, W(0) of scale 0.01 in both layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from empirical import load
from simulation import MiniBatches
from simulation.training.activations import Rectified
from simulation.training.deep_training import initial_layers, linear_measurement, train_layers
from simulation.training.hidden_units import sampled_measurement
from theory import ClassConditionalModel, ComponentCovariances, DataModel, MixtureModel, Moments, Softmax
from theory.curves.deep_linear import deep_linear_curves
from theory.curves.relu_layer import relu_curve
from theory.validation import FloatArray, IntArray

STEP_SIZE, SCALE = 0.005, 0.01


@dataclass(frozen=True, eq=False)
class Pixels:
    """Centred pixels of unit variance on average, with their moments."""

    inputs: torch.Tensor
    labels: torch.Tensor
    model: DataModel

    @property
    def source(self) -> MiniBatches:
        """Batches of 1,024."""
        return MiniBatches(self.inputs, self.labels, 1024, 1, seed=0)

    @property
    def common(self) -> MixtureModel:
        """One Gaussian per class, with a covariance that is common to all."""
        model = self.model
        within = np.diag(model.eigenvalues) - (model.means.T * model.frequencies) @ model.means
        covariances = ComponentCovariances(within[None], np.zeros(10, dtype=np.int64), np.ones(10))
        return MixtureModel(model, np.arange(10), model.frequencies, model.means, covariances)

    @property
    def gaussians(self) -> MixtureModel:
        """One Gaussian per class, with a covariance of its own."""
        return ClassConditionalModel.from_samples(self.inputs.double().numpy(), self.labels.numpy(), 10)


@pytest.fixture(scope="module")
def pixels(cifar_root: Path) -> Pixels:
    """The data; half a minute on one core."""
    data = load("cifar10", data_root=cifar_root)
    inputs = data.inputs - data.inputs.mean(axis=0)
    model = DataModel.from_moments(Moments.from_samples(inputs, data.labels, data.classes))
    return Pixels(torch.from_numpy(inputs), torch.from_numpy(data.labels), model)


def _doubling(last: int) -> IntArray:
    return np.array([0, *(2 ** np.arange(int(np.log2(last)) + 1))], dtype=np.int64)


@pytest.mark.cifar
@pytest.mark.slow
@pytest.mark.parametrize("width", [32, 128])
def test_linear_hidden_layers_to_step_2048(pixels: Pixels, width: int) -> None:
    """The hidden layer at most .001 off through its dip; the outputs .011, late, by the noise of batches."""
    layers = initial_layers(1, (pixels.inputs.shape[1], width, 10), SCALE, seed=0)
    steps, own = _doubling(2048), (pixels.model.to_eigenbasis(layers[0]), layers[1])
    hidden, outputs = deep_linear_curves(pixels.model, Softmax(), own, steps, STEP_SIZE)
    trained = train_layers(pixels.source, Softmax(), layers, steps, STEP_SIZE, linear_measurement(pixels.model))
    assert np.abs(hidden.losses - trained.losses[:, 0]).max() < 0.003
    assert np.abs(outputs.losses - trained.losses[:, 1]).max() < 0.02
    assert int(np.argmin(hidden.losses)) in range(len(steps) - 3, len(steps))


@pytest.mark.cifar
@pytest.mark.slow
def test_a_rectified_hidden_layer_past_its_turning_point(pixels: Pixels) -> None:
    """32 units: with covariances of the classes at most .008 off to step 1,024, where the loss falls a second time.

    A common covariance has no such fall: it is at most .006 off to step 512, and .033 at 1,024.
    """
    layers, steps = initial_layers(1, (pixels.inputs.shape[1], 32, 10), SCALE, seed=0), _doubling(1024)
    measurement = sampled_measurement(pixels.inputs[:10_000], Rectified())
    trained = train_layers(pixels.source, Softmax(), layers, steps, STEP_SIZE, measurement, Rectified()).losses[:, 0]

    def apart(mixture: MixtureModel) -> FloatArray:
        own = mixture.model.to_eigenbasis(layers[0]), layers[1]
        return np.abs(relu_curve(mixture, Softmax(), own, steps, STEP_SIZE, nodes=128).losses - trained)[0]

    assert trained[0, -1] < trained[0, -3] - 0.01  # the second fall
    assert apart(pixels.gaussians).max() < 0.012
    common = apart(pixels.common)
    assert common[:-1].max() < 0.01
    assert common[-1] > 0.025
