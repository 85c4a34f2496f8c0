"""A4's measure against what it is to foretell: the error of the mean field, over data of many kinds."""

from __future__ import annotations

import numpy as np
import sklearn.datasets
import torch
from scipy.stats import spearmanr

from empirical.data.datasets import unit_variance
from simulation import FullBatch, train
from theory import DataModel, Moments, Softmax, logarithmic_steps, mean_field_curve
from theory.theorems.sampled_assumptions import SampledAssumptions

STEPS = 96


def _sets():
    """Tables as they are and standardised, and classes of other shapes than Gaussian."""
    generator = np.random.default_rng(0)
    for name in ("iris", "wine", "breast_cancer"):
        inputs, labels = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
        yield inputs, labels
        yield (inputs - inputs.mean(axis=0)) / inputs.std(axis=0), labels
    labels = np.arange(400) % 3
    centres = 0.6 * generator.standard_normal((3, 10))[labels]
    scales = np.arange(1, 11) ** -0.5
    shapes = (
        generator.standard_normal((400, 10)),
        generator.standard_t(2.5, (400, 10)),
        generator.exponential(size=(400, 10)) - 1,
        generator.standard_normal((400, 10)) * np.array([0.2, 1.0, 3.0])[labels][:, None],
        np.where(generator.random((400, 10)) < 0.1, 3.0, -1 / 3),
    )
    for noise in shapes:
        yield (centres + noise) * scales, labels


def _error_and_measure(inputs, labels):
    scaled = unit_variance((inputs - inputs.mean(axis=0)).astype(np.float32)).astype(np.float64)
    own = DataModel.from_moments(Moments.from_samples(scaled, labels, int(labels.max()) + 1))
    rows = own.to_eigenbasis(scaled - scaled.mean(axis=0))
    model = DataModel(own.eigenvalues, own.prototypes, own.frequencies)
    loss, step_size = Softmax(), 0.2 / float(model.eigenvalues[0])
    start = 0.01 * np.random.default_rng(1).standard_normal((1, model.classes, model.dimension))
    steps = logarithmic_steps(STEPS)
    source = FullBatch(torch.from_numpy(rows), torch.from_numpy(labels))
    trained = train(source, model, loss, start, steps, step_size, dtype=torch.float64).curve
    derived = mean_field_curve(model, loss, start, steps, step_size)
    measure = SampledAssumptions(model, rows, labels).defect(loss, step_size, start, STEPS)
    return float(np.abs(trained.mean - derived.mean).max()), measure.largest


def test_the_measure_ranks_sets_as_the_error_of_the_mean_field_does():
    """Tails and variances along random directions, an earlier measure, had a rank correlation of -.1 on real sets."""
    errors, measures = np.transpose([_error_and_measure(inputs, labels.astype(np.int64)) for inputs, labels in _sets()])
    assert errors.max() > 10 * errors.min()
    # Eleven sets: by chance .8 is passed with a probability of .002.
    assert spearmanr(errors, measures).statistic > 0.8
    np.testing.assert_allclose(measures, errors, rtol=0.6, atol=5e-4)
