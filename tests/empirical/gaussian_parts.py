"""Moments of shards and of held-out parts drawn from a data model, for the tests of the fit."""

from __future__ import annotations

import numpy as np

from theory import DataModel, Moments
from theory.validation import FloatArray, IntArray


def draw(model: DataModel, count: int, generator: np.random.Generator) -> tuple[FloatArray, IntArray]:
    """Samples (count, d) of the model's Gaussian classes with labels (count,)."""
    directions, shares = model.class_shares
    labels = generator.choice(model.classes, count, p=model.frequencies)
    noise = generator.standard_normal((count, model.dimension))
    noise -= ((noise @ directions) * (1 - np.sqrt(np.maximum(1 - shares, 0.0)))) @ directions.T
    return noise * np.sqrt(model.eigenvalues) + model.means[labels], labels


def parts_of(inputs: FloatArray, labels: IntArray, classes: int, parts: int) -> list[Moments]:
    """Moments of consecutive parts."""
    pieces = zip(np.array_split(inputs, parts), np.array_split(labels, parts), strict=True)
    return [Moments.from_samples(own, known, classes) for own, known in pieces]


def power_law_pair(dimension: int, alpha: float, beta: float) -> DataModel:
    """Two classes with exact power laws that hold half of the variance in the direction where they hold most."""
    model = DataModel.power_law(dimension, alpha, beta, signal=1.0)
    return model.with_signal_scaled(float(np.sqrt(0.5 / model.class_shares[1][0])))
