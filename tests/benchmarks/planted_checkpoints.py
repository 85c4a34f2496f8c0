"""Planted problems of choice: a layer's features at 13 steps, and the classes of a target.

Wandering: latent factors enter the features with weights that drift and wander; the classes read a few of the factors.

Learning: inputs of a power-law spectrum; the layer learns the directions of a source one after the other and forgets
the others in part. The target's classes are Gaussians whose means share the source's directions to a random degree.

Trained: a network of two hidden layers, trained on a source's classes that read 8 of 32 factors; the target reads some
of these and some others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

STEPS = np.array([0, *(2**power for power in range(12))])
LABELS, FRESH, FEATURES = 50, 4000, 64


@dataclass(frozen=True, eq=False)
class Problem:
    """Features and classes, the labelled samples first.

    Attributes:
        features: at each step, (n + FRESH, p).
        labels: (n + FRESH,).
        classes: number of them; n is LABELS for each.
    """

    features: list[np.ndarray]
    labels: np.ndarray
    classes: int

    @property
    def labelled(self) -> int:
        return LABELS * self.classes


Generator = Callable[[np.random.Generator], Problem]


def wandering(draw: np.random.Generator) -> Problem:
    factors_count, steps = 24, STEPS.size
    classes = int(draw.choice([2, 3, 5, 10]))
    samples = LABELS * classes + FRESH
    move = float(draw.choice([0.15, 0.3, 0.6]))
    walk = np.cumsum(draw.standard_normal((steps, factors_count)) * move / np.sqrt(steps), axis=0)
    walk -= walk[draw.integers(steps)]
    weights = np.exp(walk + np.outer(np.linspace(-1, 1, steps), draw.standard_normal(factors_count)) * move)
    first, second = (draw.standard_normal((factors_count, FEATURES)) / np.sqrt(factors_count) for _ in range(2))
    used = draw.permutation(factors_count)[: draw.integers(2, 8)]
    readout = draw.standard_normal((used.size, classes))
    factors = draw.standard_normal((samples, factors_count))
    margin = 0.3 * np.linalg.norm(readout, axis=0).mean() * draw.standard_normal((samples, classes))
    labels = (factors[:, used] @ readout + margin).argmax(axis=1)
    noise = 0.5 * draw.standard_normal((samples, FEATURES))
    angles = np.pi / 2 * np.arange(steps) / steps
    features = [
        np.maximum((factors * own) @ (np.cos(angle) * first + np.sin(angle) * second) + noise, 0)
        for own, angle in zip(weights, angles, strict=True)
    ]
    return Problem(features, labels, classes)


def learning(draw: np.random.Generator) -> Problem:
    inputs, steps = 48, STEPS.size
    classes = int(draw.choice([2, 3, 5, 10]))
    samples = LABELS * classes + FRESH
    deviation = np.arange(1, inputs + 1.0) ** (-draw.uniform(0.3, 1.2) / 2)
    # Half of the directions are the source's, each with a strength of its own.
    source = draw.permutation(np.exp(draw.standard_normal(inputs)) * (np.arange(inputs) < inputs // 2))
    shared = draw.random()
    strengths = shared * source / source.mean() + (1 - shared) * np.exp(draw.standard_normal(inputs))
    means = draw.standard_normal((classes, inputs)) * np.sqrt(strengths)
    means *= 2.5 * draw.uniform(0.5, 1.5) / np.sqrt(np.square(means).sum(axis=1).mean())
    labels = draw.integers(0, classes, samples)
    rows = (means[labels] + draw.standard_normal((samples, inputs))) * deviation
    start, goal = (draw.standard_normal((inputs, FEATURES)) / np.sqrt(inputs) for _ in range(2))
    onset, rate, forgotten = draw.uniform(2, 11, inputs), draw.uniform(0.8, 2.0), draw.uniform(0.0, 0.9)
    noise = float(draw.choice([0.05, 0.15, 0.4])) * draw.standard_normal((samples, FEATURES))
    features = []
    for place in range(steps):
        learnt = 1 / (1 + np.exp(-rate * (place - onset)))
        own = 2 * np.sqrt(source / source.max()) * learnt
        features.append(np.maximum(rows @ ((1 - forgotten * learnt.mean()) * start + own[:, None] * goal) + noise, 0))
    return Problem(features, labels, classes)


def trained(draw: np.random.Generator) -> Problem:
    inputs, known = 32, 8
    classes = int(draw.choice([2, 3, 5, 10]))
    deviation = np.arange(1, inputs + 1.0) ** (-draw.uniform(0.0, 0.8) / 2)
    turn = np.linalg.qr(draw.standard_normal((inputs, inputs)))[0]
    hidden, source_readout = draw.standard_normal((known, 16)), draw.standard_normal((16, 5))
    order, common, others = draw.permutation(inputs), int(draw.integers(0, 6)), int(draw.integers(1, 6))
    used = np.concatenate([order[:common], order[known : known + others]])
    mixing, readout = draw.standard_normal((used.size, 12)), draw.standard_normal((12, classes))
    bend = float(draw.choice([0.0, 0.5, 1.0]))

    def seen(factors: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(((factors * deviation) @ turn).astype(np.float32))

    source = draw.standard_normal((8000, inputs))
    source_labels = torch.from_numpy((np.tanh(source[:, order[:known]] @ hidden) @ source_readout).argmax(axis=1))
    factors = draw.standard_normal((LABELS * classes + FRESH, inputs))
    mixed = factors[:, used] @ mixing
    scores = ((1 - bend) * mixed + bend * np.maximum(mixed, 0)) @ readout
    scores -= scores.mean(axis=0)
    labels = (scores + 0.3 * scores.std() * draw.standard_normal(scores.shape)).argmax(axis=1)
    return Problem(_trained_features(draw, seen(source), source_labels, seen(factors)), labels, classes)


def _trained_features(
    draw: np.random.Generator, images: torch.Tensor, labels: torch.Tensor, target: torch.Tensor
) -> list[np.ndarray]:
    """The last hidden layer's activations of the target, at each step of a training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(draw.integers(2**31)))
        layers = [nn.Linear(images.shape[1], FEATURES), nn.ReLU(), nn.Linear(FEATURES, FEATURES), nn.ReLU()]
        network = nn.Sequential(*layers, nn.Linear(FEATURES, int(labels.max()) + 1))
    optimiser = torch.optim.SGD(network.parameters(), lr=float(draw.choice([0.02, 0.05])), momentum=0.9)
    features = []
    for step in range(int(STEPS[-1]) + 1):
        if step in STEPS:
            with torch.no_grad():
                features.append(network[:4](target).double().numpy())
        chosen = torch.from_numpy(draw.integers(0, images.shape[0], 64))
        loss = nn.functional.cross_entropy(network(images[chosen]), labels[chosen])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    return features


#: By name: the generator, and how many problems of it are compared.
GENERATORS: dict[str, tuple[Generator, int]] = {
    "wandering": (wandering, 100),
    "learning": (learning, 100),
    "trained": (trained, 30),
}
