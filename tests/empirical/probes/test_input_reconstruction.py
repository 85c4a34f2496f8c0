"""Reconstruction of fixed inputs from layer after layer: beside least squares written out, and where nothing varies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from empirical.probes.input_reconstruction import InputReconstruction
from theory import InputError

SAMPLES, HELD_OUT, FEATURES, COORDINATES = 400, 100, 12, 30

#: Variances of the activations' directions.
SPREAD = np.geomspace(1, 1e-4, FEATURES)


@pytest.fixture(scope="module")
def inputs() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((SAMPLES, COORDINATES)).astype(np.float32)) + 3


def activations(inputs: torch.Tensor) -> torch.Tensor:
    draw = np.random.default_rng(1)
    mixed = inputs.double().numpy() @ draw.standard_normal((COORDINATES, FEATURES)) + 5
    turn = np.linalg.qr(draw.standard_normal((FEATURES, FEATURES)))[0]
    return torch.from_numpy((mixed * np.sqrt(SPREAD)) @ turn.T).float()


def written_out(inputs: torch.Tensor, features: torch.Tensor) -> float:
    """The smallest score of generalised cross-validation over all budgets, each by an inverse, all in float64."""
    x, a = inputs.double().numpy(), features.double().numpy()
    known, rest = slice(0, HELD_OUT), slice(HELD_OUT, None)
    a, x = a - a[rest].mean(axis=0), x - x[rest].mean(axis=0)
    count = SAMPLES - HELD_OUT
    covariance = a[rest].T @ a[rest] / count
    largest = np.linalg.eigvalsh(covariance)[-1]
    best, loss = np.inf, np.nan
    for budget in largest * np.geomspace(1e-6, 1e4, 101):
        decoder = np.linalg.solve(covariance + budget * np.eye(FEATURES), a[rest].T @ x[rest] / count)
        left = np.square(x[rest] - a[rest] @ decoder).sum() / count
        used = 1 + np.trace(np.linalg.solve(covariance + budget * np.eye(FEATURES), covariance))
        score = left / (1 - used / count) ** 2
        if score < best:
            variance = np.square(x[known] - x[known].mean(axis=0)).sum()
            best, loss = score, np.square(x[known] - a[known] @ decoder).sum() / variance
    return float(loss)


def test_the_loss_is_that_of_the_decoder_written_out(inputs: torch.Tensor) -> None:
    """Covariances of float32 products are off by 1e-7 of the largest, which is 1e-3 of the smallest."""
    features = activations(inputs)
    found = InputReconstruction.from_inputs(inputs, HELD_OUT).loss(features)
    assert 0.5 < found < 0.8
    assert found == pytest.approx(written_out(inputs, features), abs=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_scale_of_the_activations_does_not_matter(inputs: torch.Tensor, scale: float) -> None:
    own = InputReconstruction.from_inputs(inputs, HELD_OUT)
    # As above.
    assert own.loss(activations(inputs) * scale) == pytest.approx(own.loss(activations(inputs)), abs=1e-5)


def test_all_inputs_shown_are_reconstructed_and_none_from_a_constant(inputs: torch.Tensor) -> None:
    own = InputReconstruction.from_inputs(inputs, HELD_OUT)
    assert own.loss(inputs) < 1e-6
    errors = own.relative_errors(torch.ones(SAMPLES, 3))
    offset = inputs[:HELD_OUT].double() - inputs[HELD_OUT:].double().mean(dim=0)
    expected = offset.square().sum(dim=1).numpy() / inputs[:HELD_OUT].double().numpy().var(axis=0).sum()
    np.testing.assert_allclose(errors, expected, rtol=1e-6)


def test_inputs_of_maps_count_as_flat_and_bad_ones_are_refused(inputs: torch.Tensor) -> None:
    maps = InputReconstruction.from_inputs(inputs.reshape(SAMPLES, 5, 6), HELD_OUT)
    assert maps.loss(activations(inputs)) == InputReconstruction.from_inputs(inputs, HELD_OUT).loss(activations(inputs))
    with pytest.raises(InputError, match="do not vary"):
        InputReconstruction.from_inputs(torch.ones(SAMPLES, 3), HELD_OUT)
    with pytest.raises(InputError, match="NaN"):
        maps.loss(torch.full((SAMPLES, 3), torch.nan))
