"""Intervals of the fit on data that follow none of its laws: fits to two halves differ as their errors say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from empirical import DataSet, load_images
from empirical.data.images import ImageSplit, Normalisation
from empirical.fit.model_fit import split_for_fit
from empirical.fit.moment_fit import MomentFit, fit_moments
from empirical.fit.split_halves import MOMENT_QUANTITIES, QUANTITIES, split_half_moment_scores, split_half_scores
from empirical.networks.layer_features import layer_features
from empirical.networks.network_training import batch_indices
from empirical.networks.networks import build_network
from theory import Moments
from theory.data.stratified import stratified_parts
from theory.validation import FloatArray, IntArray


def bent_signal(seed: int, count: int = 6000, dimension: int = 100, classes: int = 10) -> DataSet:
    """Classes of heavy tails (Student's t with 8 degrees) whose signal and spectrum bend at rank 30."""
    generator = np.random.default_rng(seed)
    ranks = np.arange(1, dimension + 1)
    bend = (1 + (ranks / 30) ** 4) ** -0.25
    centres = generator.standard_normal((classes, dimension)) * ranks**-1.0 * bend**1.5
    noise = generator.standard_normal((count, dimension)) * ranks**-0.5 * bend**0.5
    noise /= np.sqrt(generator.chisquare(8, count) / 8)[:, None]
    labels = np.arange(count) % classes
    return DataSet("bent", (noise + 0.6 * (centres - centres.mean(axis=0))[labels]).astype(np.float32), labels, classes)


def _root_mean_square(scores: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(scores))))


def test_exponents_of_bent_laws_differ_between_halves_as_their_errors_say() -> None:
    """A range chosen by the data outside of the interval gave beta a root mean square of 2.0 on ten such splits."""
    scores = split_half_moment_scores(bent_signal(0), splits=7)
    assert tuple(scores) == MOMENT_QUANTITIES
    for name, values in scores.items():
        # The square of seven normal scores is chi-square: beyond 1.9 in root mean square with a chance of 0.001.
        assert _root_mean_square(values) < 1.9, (name, values)
    # And not by intervals that hold everything: below 0.6 with a chance of 0.02 each, for all seven with none.
    assert max(map(_root_mean_square, scores.values())) > 0.6


@pytest.mark.slow
@pytest.mark.cifar
def test_every_interval_is_honest_on_early_and_late_layers_of_a_network_trained_on_images() -> None:
    """20,000 images of CIFAR-10, ten splits in halves; the network is trained for a few minutes."""
    images = load_images("cifar10")
    network, normalisation = build_network("resnet10", 10, 3, 8, 0), Normalisation.from_images(images.train)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    for step in range(300):
        chosen = batch_indices(0, step, images.train.labels.size, 128)
        inputs = torch.from_numpy(normalisation.apply(images.train.images[chosen]))
        labels = torch.from_numpy(images.train.labels[chosen]).long()
        loss = torch.nn.functional.cross_entropy(network(inputs), labels)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    part = ImageSplit(images.train.images[:20_000], images.train.labels[:20_000])
    layers = ("stem", "stage4")
    features = layer_features(network.eval(), layers, part, 10, normalisation, 256, torch.device("cpu"))
    for layer in layers:
        scores = split_half_scores(features[layer], splits=10)
        assert tuple(scores) == QUANTITIES
        for name, values in scores.items():
            print(f"{layer} {name}: root mean square {_root_mean_square(values):.2f}")
            # Of ten normal scores: beyond 1.72 or below 0.38 with a chance of 0.001 each.
            assert 0.38 < _root_mean_square(values) < 1.72, (layer, name, values)


def test_each_split_has_a_seed_of_its_own_and_scores_two_fits_by_both_errors() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(240) % 3
    inputs = generator.standard_normal((240, 4)) * np.arange(1, 5) ** -0.5 + 0.8 * np.eye(3, 4)[labels]
    data = DataSet("three", inputs.astype(np.float32), labels, 3)
    scores = split_half_moment_scores(data, splits=2, seed=5)

    def fit(own: IntArray) -> MomentFit:
        shards, (held_out, known) = split_for_fit(DataSet("half", data.inputs[own], labels[own], 3), seed=5)
        parts = [Moments.from_samples(held_out[part], known[part], 3) for part in stratified_parts(known, len(shards))]
        return fit_moments(shards, parts)

    for number in range(2):
        halves = [fit(own) for own in stratified_parts(labels, 2, np.random.default_rng([5, number]))]
        for name, quantity in (("effective rank", "effective_rank"), ("class separation", "class_separation")):
            first, second = (getattr(half, quantity) for half in halves)
            error = np.sqrt(first.standard_error**2 + second.standard_error**2)
            assert scores[name][number] == pytest.approx((first.value - second.value) / error, rel=1e-12)
    assert scores["effective rank"][0] != scores["effective rank"][1]
