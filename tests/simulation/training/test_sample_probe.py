from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation import FullBatch, MiniBatches, SampleProbe, Status, initial_weights, train
from theory import (
    DataModel,
    InputError,
    Moments,
    Softmax,
    SquaredError,
    Target,
    gradient_descent_curve,
    unexplained_share,
)
from theory.validation import FloatArray


def _data(seed: int = 0, count: int = 90) -> tuple[FloatArray, FloatArray, FloatArray]:
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    inputs = generator.standard_normal((count, 6)) * 0.8 ** np.arange(6) + 0.5 * np.eye(3, 6)[labels]
    values = np.stack([inputs[:, 0] * inputs[:, 1], inputs[:, 2] + 0.3 * generator.standard_normal(count)], axis=1)
    return inputs - inputs.mean(axis=0), labels, values


@given(st.integers(0, 1000), st.integers(1, 4))
@settings(max_examples=30)
def test_a_probe_misses_what_least_squares_with_an_intercept_leaves(seed: int, outputs: int) -> None:
    inputs, _, values = _data(seed)
    rows = np.random.default_rng(seed + 1).standard_normal((2, outputs, 6))
    found = SampleProbe(inputs + 3, values + 5).missed(rows)
    for replica, share in zip(rows, found, strict=True):
        design = np.concatenate([np.ones((90, 1)), inputs @ replica.T], axis=1)
        fit, *_ = np.linalg.lstsq(design, values, rcond=None)
        left = np.square(values - design @ fit).sum() / np.square(values - values.mean(axis=0)).sum()
        assert share == pytest.approx(left, rel=1e-9)


def test_it_depends_on_the_moments_of_the_samples_alone() -> None:
    """The theory's R_T with these moments, without any samples, is the same number; outputs of rank two of three."""
    inputs, labels, values = _data()
    model = DataModel.from_moments(Moments.from_samples(inputs, labels, 3))
    rows = np.random.default_rng(1).standard_normal((4, 3, 6))
    rows[:, 2] = -rows[:, 0] - rows[:, 1]
    for chosen in (np.full(90, True), labels > 0):
        probe = SampleProbe(inputs[chosen], values[chosen])
        target = Target.from_samples(model, inputs[chosen], values[chosen])
        np.testing.assert_allclose(probe.missed(rows), unexplained_share(model.to_eigenbasis(rows), target), atol=1e-9)


def test_probes_are_fitted_along_training() -> None:
    """Squared error is linear, so that the derived curve of the samples' own moments is exact at every step."""
    inputs, labels, values = _data()
    model = DataModel.from_moments(Moments.from_samples(inputs, labels, 3))
    start, steps = initial_weights(3, 3, 6, 0.1, 0), np.array([0, 1, 4, 40])
    probes = [SampleProbe(inputs, values), SampleProbe(inputs[labels > 0], values[labels > 0, 0])]
    source = FullBatch(torch.from_numpy(inputs), torch.from_numpy(labels))
    trained = train(source, model, SquaredError(), start, steps, 0.3, dtype=torch.float64, probes=probes)
    assert trained.missed.shape == (2, 3, 4)
    targets = [
        Target.from_samples(model, inputs, values),
        Target.from_samples(model, inputs[labels > 0], values[labels > 0, 0]),
    ]
    for curve, target in zip(trained.transfer_curves(), targets, strict=True):
        expected = gradient_descent_curve(model, SquaredError(), model.to_eigenbasis(start), steps, 0.3, target)
        np.testing.assert_allclose(curve.times, expected.times)
        np.testing.assert_allclose(curve.losses, expected.losses, atol=1e-9)
    some = trained.transfer_curves([0, 2])
    np.testing.assert_array_equal(some[1].losses, trained.missed[1, [0, 2]])


def test_without_probes_nothing_is_measured_and_a_replica_that_diverges_has_no_number() -> None:
    inputs, labels, values = _data()
    model = DataModel.from_moments(Moments.from_samples(inputs, labels, 3))
    start, steps = initial_weights(2, 3, 6, 0.1, 0), np.array([0, 2])
    source = MiniBatches(torch.from_numpy(inputs), torch.from_numpy(labels), 30, 2, 0)
    assert train(source, model, Softmax(), start, steps, 0.3, dtype=torch.float64).missed.shape == (0, 2, 2)
    start[1] *= 1e200
    probed = train(
        FullBatch(torch.from_numpy(inputs), torch.from_numpy(labels)),
        model,
        Softmax(),
        start,
        steps,
        0.3,
        dtype=torch.float64,
        probes=[SampleProbe(inputs, values)],
    )
    assert probed.status is Status.DIVERGED
    assert np.isfinite(probed.missed[0, 0]).all()
    assert np.isnan(probed.missed[0, 1]).all()


@pytest.mark.parametrize(
    ("inputs", "values", "match"),
    [
        (np.ones((3, 2)), np.arange(2.0), r"values: has shape \(2,\); give one row for each of 3 inputs"),
        (np.ones((3, 2)), np.ones(3), "values: do not vary"),
        (np.full((3, 2), np.nan), np.arange(3.0), "inputs: holds 6 NaN"),
    ],
)
def test_samples_that_do_not_fit_are_refused(inputs: FloatArray, values: FloatArray, match: str) -> None:
    with pytest.raises(InputError, match=match):
        SampleProbe(inputs, values)
    with pytest.raises(InputError, match="weights: has shape"):
        SampleProbe(np.eye(3), np.arange(3.0)).missed(np.ones((1, 2, 5)))
