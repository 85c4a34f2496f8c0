"""Samples of mixtures, and networks trained on them against the mean field."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import kurtosis

from simulation import FreshSamples, MixtureSampler, initial_weights, train
from theory import ClassConditionalModel, ComponentCovariances, MixtureModel, Softmax, class_mean_field_curve
from theory.validation import InputError


def _mixture(seed: int, separation: float, ratio: float, dimension: int = 12) -> MixtureModel:
    """Three classes of three components each, whose means are apart and whose sizes go from ratio to 1 / ratio."""
    generator, spectrum = np.random.default_rng(seed), np.arange(1, dimension + 1) ** -1.0
    labels = np.repeat(np.arange(3), 3)
    centres = generator.standard_normal((3, dimension)) * np.sqrt(spectrum)
    means = centres[labels] + separation * generator.standard_normal((9, dimension)) * np.sqrt(spectrum)
    sizes = np.tile(ratio ** np.array([1.0, 0.0, -1.0]), 3)
    covariances = ComponentCovariances(np.diag(spectrum)[None], np.zeros(9, int), sizes)
    return MixtureModel.from_components(generator.dirichlet(np.full(9, 8.0)), labels, means, covariances)


def test_samples_have_the_moments_of_their_components() -> None:
    """Within five standard errors, for covariances of a shared matrix and a factor, of a factor alone, and singular."""
    generator = np.random.default_rng(0)
    shared = np.diag([2.0, 1.0, 0.5, 0.0])
    factors = tuple(generator.standard_normal((rank, 4)) for rank in (2, 1, 0))
    covariances = ComponentCovariances(shared[None], np.zeros(3, int), np.array([0.5, 0.0, 1.0]), factors)
    mixture = MixtureModel.from_components(
        [0.2, 0.3, 0.5], [0, 1, 1], 3 * generator.standard_normal((3, 4)), covariances
    )
    count = 200_000
    inputs, labels = MixtureSampler(mixture, 0, torch.float64).draw(count)
    shares = np.bincount(labels.numpy()) / count
    np.testing.assert_allclose(shares, [0.2, 0.8], atol=5 * np.sqrt(0.16 / count))
    classes, rows = ClassConditionalModel.from_mixture(mixture), inputs.numpy()
    for label in range(2):
        own = rows[labels.numpy() == label]
        error = own.std(axis=0) / np.sqrt(len(own))
        assert np.all(np.abs(own.mean(axis=0) - mixture.model.means[label]) <= 5 * error)
        centred = own - mixture.model.means[label]
        products = centred[:, :, None] * centred[:, None, :]
        error = products.std(axis=0) / np.sqrt(len(own))
        assert np.all(np.abs(products.mean(axis=0) - classes.within[label]) <= 5 * error)
    # The second class is not Gaussian: its two components are nine deviations apart.
    own = rows[labels.numpy() == 1] @ (mixture.means[1] - mixture.means[2])
    assert kurtosis(own) < -1


def test_a_sampler_draws_for_given_labels_and_refuses_others() -> None:
    sampler = MixtureSampler(_mixture(0, 1.0, 4.0), 0)
    drawn = sampler.draw_for(torch.tensor([2, 0, 0]))
    assert drawn.shape == (3, 12)
    assert drawn.dtype is torch.float32
    assert torch.equal(drawn, MixtureSampler(_mixture(0, 1.0, 4.0), 0).draw_for(torch.tensor([2, 0, 0])))
    with pytest.raises(InputError, match="labels: holds the label 3"):
        sampler.draw_for(torch.tensor([3]))


@pytest.mark.parametrize(("seed", "separation", "ratio"), [(0, 1.0, 4.0), (3, 1.5, 1.0)])
def test_networks_follow_the_mixture_and_not_one_gaussian_per_class(seed: int, separation: float, ratio: float) -> None:
    """Trained on new samples at each step, 300 steps, six draws of W(0), each with its own samples.

    The seeds are of models on which the two mean fields differ by more than 0.01. The tolerance is five standard errors
    over the draws, and 0.001 for blocks, quadrature and what the noise of batches adds on average.
    """
    mixture, loss, replicas = _mixture(seed, separation, ratio), Softmax(), 6
    model = mixture.model
    weights = initial_weights(replicas, 3, model.dimension, 0.01, seed=0)
    steps, step_size = np.array([0, 3, 10, 30, 100, 300]), float(0.6 / model.eigenvalues[0])
    source = FreshSamples(mixture, 2000, replicas, seed=0)
    # Samples are drawn in the eigenbasis, where the weights are too.
    trained = train(source, replace(model, basis=None), loss, weights, steps, step_size).curve.losses
    own = trained - class_mean_field_curve(mixture, loss, weights, steps, step_size).losses
    classes = ClassConditionalModel.from_mixture(mixture)
    single = trained - class_mean_field_curve(classes, loss, weights, steps, step_size).losses
    tolerance = 5 * own.std(axis=0, ddof=1) / np.sqrt(replicas) + 0.001
    off, off_single = np.abs(own.mean(axis=0)), np.abs(single.mean(axis=0))
    assert np.all(off <= tolerance)
    assert np.any(off_single > 1.5 * tolerance)
    assert off_single.max() > 3 * off.max()
