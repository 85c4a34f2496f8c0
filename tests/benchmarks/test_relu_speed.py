"""The derived curve of a rectified hidden layer beside training on 50,000 samples.

    python -m pytest -m slow tests/benchmarks/test_relu_speed.py -s

Ten Gaussian classes with covariances of their own in 64 directions, 20 hidden units, full batches, 1,024 steps. The
derived curve is timed whole, training by its steps at one thread each; both in the same run.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from simulation import FullBatch
from simulation.training.activations import Rectified
from simulation.training.deep_training import initial_layers, train_layers
from tests.benchmarks.timing import seconds
from theory import Softmax
from theory.curves.deep_linear import Layers
from theory.curves.relu_layer import relu_curve
from theory.data.class_covariances import ClassConditionalModel
from theory.validation import FloatArray

SAMPLES, DIMENSION, WIDTH, CLASSES, LAST, TIMED = 50_000, 64, 20, 10, 1024, 20


def _nothing(layers: Layers, steps: int) -> FloatArray:
    """A measurement that takes no time."""
    return np.zeros((layers[0].shape[0], len(layers)))


@pytest.mark.slow
def test_deriving_is_at_least_twenty_times_cheaper_than_training() -> None:
    """Seen on one thread of a loaded machine: see the ratio that is printed."""
    generator = np.random.default_rng(0)
    labels = np.arange(SAMPLES) % CLASSES
    deviations = np.arange(1, DIMENSION + 1) ** -0.5
    centres = generator.normal(size=(CLASSES, DIMENSION)) * deviations / 2
    inputs = centres[labels] + generator.normal(size=(SAMPLES, DIMENSION)) * deviations
    model = ClassConditionalModel.from_samples(inputs, labels, CLASSES)
    layers = initial_layers(1, (DIMENSION, WIDTH, CLASSES), 0.1, seed=0)
    own = (model.model.to_eigenbasis(layers[0]), layers[1])
    steps = np.array([0, *(2 ** np.arange(11))])
    source = FullBatch(torch.from_numpy(inputs.astype(np.float32)), torch.from_numpy(labels))

    def train() -> None:
        train_layers(source, Softmax(), layers, np.array([0, TIMED]), 0.05, _nothing, Rectified())

    derived = seconds(lambda: relu_curve(model, Softmax(), own, steps, 0.05, nodes=256), rounds=2)
    trained = seconds(train, rounds=2) * LAST / TIMED
    print(f"\nderived {derived:.2f} s, trained {trained:.1f} s, ratio {trained / derived:.1f}")
    assert trained > 20 * derived
