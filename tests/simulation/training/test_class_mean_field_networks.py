"""The mean field of class covariances against autograd and against networks trained on Gaussian classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from simulation import FreshSamples, initial_weights, train
from theory import Softmax, mean_field_curve
from theory.curves.class_mean_field import class_gradient, class_mean_field_curve
from theory.curves.mean_field import gaussian_nodes
from theory.data.class_covariances import ClassConditionalModel
from theory.validation import FloatArray


def _gaussian_classes(classes: int, dimension: int, seed: int) -> ClassConditionalModel:
    """Covariances of the spectrum i^-1, from 4 times it to a quarter of it, each in its own directions."""
    generator = np.random.default_rng(seed)
    covariances = []
    for size in 4.0 ** np.linspace(1, -1, classes):
        variances = size * generator.permutation(np.arange(1, dimension + 1) ** -1.0)
        rotation = np.linalg.qr(np.eye(dimension) + 0.1 * generator.standard_normal((dimension, dimension))).Q
        covariances.append((rotation * variances) @ rotation.T)
    counts = generator.integers(5, 15, classes)
    means = generator.standard_normal((classes, dimension)) * np.arange(1, dimension + 1) ** -0.5
    return ClassConditionalModel.from_class_moments(counts, means, np.stack(covariances))


def test_the_gradient_is_that_of_autograd_on_samples() -> None:
    """Within five standard errors of torch's cross-entropy gradient over 100 batches of 4,000 Gaussian samples."""
    conditional = _gaussian_classes(3, 6, seed=0)
    weights = initial_weights(1, 3, 6, 1.0, seed=0)
    expected = class_gradient(conditional, Softmax(), weights, gaussian_nodes(3, 1 << 14))[0][0]
    source, descents = FreshSamples(conditional, 4000, 1, seed=0), []
    for step in range(100):
        (batch,) = source.batches(step)
        layer = torch.tensor(weights[0], dtype=torch.float32, requires_grad=True)
        torch.nn.functional.cross_entropy(batch.inputs[0] @ layer.T, batch.labels[0]).backward()  # type: ignore[no-untyped-call]
        assert layer.grad is not None
        descents.append(-layer.grad.numpy())
    found: FloatArray = np.stack(descents).astype(np.float64)
    standard_error = found.std(axis=0, ddof=1) / 10
    assert np.all(np.abs(found.mean(axis=0) - expected) <= 5 * standard_error)
    assert np.all(standard_error < 0.02 * np.abs(expected).max())  # else the check could not fail


@pytest.mark.parametrize(("classes", "seed"), [(2, 7), (3, 1), (10, 2)])
def test_networks_follow_the_class_covariances_and_not_the_common_one(classes: int, seed: int) -> None:
    """Trained on new samples at each step, 300 steps, six draws of W(0), each with its own samples.

    The seeds are of models on which the two mean fields differ by more than 0.005. The tolerance is five standard
    errors over the draws, and 0.001 for blocks, quadrature and what the noise of batches adds on average.
    """
    conditional, loss, replicas = _gaussian_classes(classes, 12, seed), Softmax(), 6
    model = conditional.model
    weights = initial_weights(replicas, classes, model.dimension, 0.01, seed=0)
    steps = np.array([0, 3, 10, 30, 100, 300])
    step_size = float(0.2 / (loss.initial_curvature(classes) * model.eigenvalues[0]))
    source = FreshSamples(conditional, 2000, replicas, seed=0)
    # Samples are drawn in the eigenbasis, where the weights are too.
    trained = train(source, replace(model, basis=None), loss, weights, steps, step_size).curve.losses
    own = trained - class_mean_field_curve(conditional, loss, weights, steps, step_size).losses
    common = trained - mean_field_curve(model, loss, weights, steps, step_size).losses
    tolerance = 5 * own.std(axis=0, ddof=1) / np.sqrt(replicas) + 0.001
    off, off_common = np.abs(own.mean(axis=0)), np.abs(common.mean(axis=0))
    assert np.all(off <= tolerance)
    assert np.any(off_common > 1.5 * tolerance)
    assert off_common.max() > 3 * off.max()
