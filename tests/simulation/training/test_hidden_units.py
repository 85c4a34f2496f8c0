"""Rectified hidden layers: trained networks against the curve derived from the moments of their inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from simulation import FullBatch
from simulation.training.activations import Rectified
from simulation.training.deep_training import initial_layers, train_layers
from simulation.training.hidden_units import sampled_measurement
from theory import InputError, MixtureModel, Softmax, SquaredError
from theory.curves.relu_layer import relu_curve
from theory.data.component_covariances import ComponentCovariances
from theory.validation import FloatArray, IntArray

CLASSES, DIMENSION, SAMPLES = 4, 12, 1000


def _gaussian_classes(seed: int) -> tuple[FloatArray, IntArray, MixtureModel]:
    """Samples of Gaussian classes with covariances of their own, and the model with exactly the samples' moments."""
    generator = np.random.default_rng(seed)
    deviations = 1 / np.sqrt(np.arange(1, DIMENSION + 1))
    rows, means, covariances = [], [], []
    for _ in range(CLASSES):
        turned = np.linalg.qr(generator.normal(size=(DIMENSION, DIMENSION)))[0]
        mixing = 0.8 * np.diag(deviations) + 0.3 * (turned * deviations) @ turned.T
        half = generator.normal(size=(SAMPLES // 2, DIMENSION)) @ mixing
        own = generator.normal(size=DIMENSION) * deviations + np.concatenate([half, -half])
        rows.append(own)
        means.append(own.mean(axis=0))
        covariances.append(np.cov(own.T, bias=True))
    inputs = np.concatenate(rows)
    inputs, centres = inputs - inputs.mean(axis=0), np.stack(means) - inputs.mean(axis=0)
    shares = np.full(CLASSES, 1 / CLASSES)
    model = MixtureModel.from_components(
        shares, np.arange(CLASSES), centres, ComponentCovariances.from_dense(np.stack(covariances))
    )
    return inputs, np.repeat(np.arange(CLASSES), SAMPLES), model


@pytest.mark.parametrize("width", [6, 20])
def test_the_derived_curve_on_gaussian_classes(width: int) -> None:
    """Two draws of W(0), through the dip and beyond it: within 0.005 at every recorded step."""
    inputs, labels, model = _gaussian_classes(0)
    layers = initial_layers(2, (DIMENSION, width, CLASSES), 0.1, seed=0)
    steps = np.array([0, 8, 32, 64, 128, 256, 512])
    source = FullBatch(torch.from_numpy(inputs), torch.from_numpy(labels))
    measurement = sampled_measurement(torch.from_numpy(inputs), Rectified())
    trained = train_layers(source, Softmax(), layers, steps, 0.1, measurement, Rectified(), dtype=torch.float64)
    own = (model.model.to_eigenbasis(layers[0]), layers[1])
    derived = relu_curve(model, Softmax(), own, steps, 0.1, nodes=256)
    assert np.ptp(trained.losses[:, 0], axis=-1).min() > 0.025
    assert np.abs(derived.losses - trained.losses[:, 0]).max() < 0.005


def test_a_step_of_a_rectified_network_is_what_autograd_says() -> None:
    """Three layers of two replicas, squared error, double precision."""
    inputs, labels, model = _gaussian_classes(1)
    layers = initial_layers(2, (DIMENSION, 6, 5, CLASSES), 0.4, seed=1)
    source = FullBatch(torch.from_numpy(inputs), torch.from_numpy(labels))
    trained = train_layers(
        source,
        SquaredError(),
        layers,
        np.array([0, 1]),
        0.1,
        sampled_measurement(torch.from_numpy(inputs), Rectified()),
        Rectified(),
        dtype=torch.float64,
    )
    targets = torch.from_numpy(SquaredError().targets(model.model.frequencies))[torch.from_numpy(labels)]
    for replica in range(2):
        own = [torch.tensor(layer[replica], requires_grad=True) for layer in layers]
        units = torch.from_numpy(inputs)
        for layer in own[:-1]:
            units = torch.relu(units @ layer.T)
        slopes = torch.autograd.grad((units @ own[-1].T - targets).square().sum() / 2 / len(inputs), own)
        for layer, slope, found in zip(own, slopes, trained.layers, strict=True):
            np.testing.assert_allclose(found[replica], (layer - 0.1 * slope).detach().numpy(), atol=1e-13)


def test_what_is_measured_is_what_least_squares_leaves() -> None:
    inputs, labels, _ = _gaussian_classes(2)
    layers = initial_layers(1, (DIMENSION, 5, CLASSES), 0.5, seed=2)
    values = np.eye(CLASSES)[labels]
    measured = sampled_measurement(torch.from_numpy(inputs), Rectified(), torch.from_numpy(values))(layers, 0)
    hidden = np.maximum(inputs @ layers[0][0].T, 0)
    for number, units in enumerate((hidden, hidden @ layers[1][0].T)):
        fitted = np.column_stack([units, np.ones(len(units))])
        left = values - fitted @ np.linalg.lstsq(fitted, values, rcond=None)[0]
        share = np.square(left).sum() / np.square(values - values.mean(axis=0)).sum()
        assert measured[0, number] == pytest.approx(share, abs=1e-10)


def test_a_target_that_does_not_fit_is_refused() -> None:
    inputs = torch.zeros(4, 2, dtype=torch.float64)
    with pytest.raises(InputError, match="values: has 3 rows"):
        sampled_measurement(inputs, Rectified(), torch.zeros(3, 1))
    with pytest.raises(InputError, match="values: do not vary"):
        sampled_measurement(inputs, Rectified(), torch.ones(4, 1))
