"""A rectified hidden layer on the digits: derived from one or four Gaussians per class, against trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from empirical import load
from simulation import FullBatch
from simulation.training.activations import Rectified
from simulation.training.deep_training import initial_layers, train_layers
from simulation.training.hidden_units import sampled_measurement
from theory import MixtureModel, Softmax
from theory.curves.relu_layer import relu_curve
from theory.data.component_covariances import ComponentCovariances
from theory.validation import FloatArray, IntArray

STEPS = np.array([0, *(2 ** np.arange(11))])


def _mixture(inputs: FloatArray, labels: IntArray, components: int) -> MixtureModel:
    """Each class cut by k-means, with the moments of each part."""
    parts = np.empty_like(labels)
    for label in np.unique(labels):
        own = labels == label
        found = KMeans(components, n_init=4, random_state=0).fit_predict(inputs[own])
        parts[own] = label * components + found
    rows = [inputs[parts == part] for part in np.unique(parts)]
    covariances = np.stack([np.cov(one.T, bias=True) for one in rows])
    return MixtureModel.from_components(
        [len(one) / len(inputs) for one in rows],
        np.repeat(np.unique(labels), components),
        np.stack([one.mean(axis=0) for one in rows]),
        ComponentCovariances.from_dense(covariances),
    )


@pytest.mark.slow
def test_mixtures_come_nearer_to_training_than_one_gaussian_per_class() -> None:
    """20 units, eta 0.05, to step 1,024: within 0.015 with four Gaussians per class, 0.03 with one, which is worse."""
    data = load("digits")
    raw = data.inputs.astype(np.float64)
    inputs = (raw - raw.mean(axis=0)) / np.sqrt(raw.var(axis=0).mean())
    layers = initial_layers(1, (64, 20, 10), 0.1, seed=0)
    source = FullBatch(torch.from_numpy(inputs), torch.from_numpy(data.labels))
    measurement = sampled_measurement(torch.from_numpy(inputs), Rectified())
    trained = train_layers(source, Softmax(), layers, STEPS, 0.05, measurement, Rectified(), dtype=torch.float64)
    distances = {}
    for components in (1, 4):
        model = _mixture(inputs, data.labels, components)
        own = (model.model.to_eigenbasis(layers[0]), layers[1])
        derived = relu_curve(model, Softmax(), own, STEPS, 0.05, nodes=256).losses
        distances[components] = float(np.abs(derived - trained.losses[:, 0]).max())
    assert distances[4] < 0.015
    assert distances[4] < distances[1] < 0.03
