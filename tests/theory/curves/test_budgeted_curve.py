"""Curves for budgeted decoders, against their limits and against networks drawn one by one."""

from __future__ import annotations

import numpy as np
import pytest

from theory import (
    DataModel,
    InputError,
    OneOutput,
    SquaredError,
    budgeted_curve,
    budgeted_reconstruction_loss,
    random_outputs_curve,
    random_sketch_level,
    relative_loss,
)
from theory.validation import FloatArray

DIRECTIONS = 300


def network(alpha: float, beta: float) -> OneOutput:
    return OneOutput.from_model(DataModel.power_law(DIRECTIONS, alpha, beta, 0.04), SquaredError())


def drawn(own: OneOutput, outputs: int, scale: float, times: FloatArray, draws: int) -> FloatArray:
    """(draws, T, K, d) weights, W(0) and the prototypes drawn anew each time."""
    generator = np.random.default_rng(0)
    initial, prototype = generator.standard_normal((2, draws, 1, outputs, own.eigenvalues.size))
    decay, learnt = own.modes(times)
    return scale * initial * decay[:, None] + prototype * learnt[:, None]


def test_without_a_budget_one_output_has_the_annealed_curve() -> None:
    own, times = network(1.0, 2.0), np.geomspace(1e-4, 1e4, 40)
    np.testing.assert_allclose(budgeted_curve(own, 0.01, times, 0.0), own.relative_loss(0.01, times), rtol=1e-13)


@pytest.mark.parametrize("budget", [1e-6, 1e-3, 1.0])
def test_one_output_is_the_ridge_decoder_of_its_mean_square(budget: float) -> None:
    """A row with the entries sqrt(E w^2) has the same sums."""
    own, times = network(1.0, 2.0), np.geomspace(1e-4, 1e4, 40)
    rows = np.sqrt(own.second_moments(0.01, times))[:, None, :]
    expected = budgeted_reconstruction_loss(rows, own.eigenvalues, budget) / own.eigenvalues.sum()
    # Rounding of sums of 300 terms.
    np.testing.assert_allclose(budgeted_curve(own, 0.01, times, budget), expected, rtol=1e-12)


@pytest.mark.parametrize("outputs", [1, 3, 20, 299])
def test_at_the_start_many_outputs_are_a_random_sketch(outputs: int) -> None:
    own = network(0.7, 1.0)
    expected = 1 - random_sketch_level(own.eigenvalues, outputs) / own.eigenvalues.sum()
    # kappa is found to 1e-13 here and to 1e-14 there.
    assert random_outputs_curve(own, outputs, 0.1, np.zeros(1))[0] == pytest.approx(expected, abs=1e-10)


def test_a_large_budget_leaves_everything_and_a_small_one_is_none() -> None:
    own, times = network(1.0, 1.0), np.geomspace(1e-2, 1e3, 9)
    np.testing.assert_allclose(random_outputs_curve(own, 4, 0.1, times, 1e12), 1.0, atol=1e-6)
    exact = random_outputs_curve(own, 4, 0.1, times)
    np.testing.assert_allclose(random_outputs_curve(own, 4, 0.1, times, 1e-14), exact, atol=1e-6)


@pytest.mark.parametrize("budget", [0.0, 1e-4, 1e-1])
@pytest.mark.parametrize("outputs", [2, 8])
@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 1.0), (1.0, 2.0), (1.0, -1.0), (2.0, 4.0)])
def test_it_is_the_mean_over_draws(alpha: float, beta: float, outputs: int, budget: float) -> None:
    own, times, scale = network(alpha, beta), np.geomspace(1e-2, 1e4, 9), 1e-2
    weights = drawn(own, outputs, scale, times, draws=60)
    total = own.eigenvalues.sum()
    if budget:
        losses = budgeted_reconstruction_loss(weights, own.eigenvalues, budget) / total
    else:
        losses = relative_loss(weights, own.eigenvalues)
    error = losses.std(axis=0, ddof=1) / np.sqrt(losses.shape[0])
    found = random_outputs_curve(own, outputs, scale, times, budget)
    # The equivalent says too much of what is explained: over 600 draws by up to 7 % at K = 2 and 4 % at K = 8.
    allowed = 4 * error + {2: 0.07, 8: 0.04}[outputs] * (1 - found)
    assert np.all(np.abs(found - losses.mean(axis=0)) < allowed)
    wrong = random_outputs_curve(own, 2 * outputs, scale, times, budget)
    assert np.any(np.abs(wrong - losses.mean(axis=0)) > allowed)


@pytest.mark.parametrize(
    ("outputs", "budget", "message"),
    [(0, 0.0, "outputs: 0"), (DIRECTIONS, 0.0, "outputs: 300"), (2, -1.0, "budget: -1.0"), (2, np.nan, "budget: nan")],
)
def test_bad_values_are_refused(outputs: int, budget: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        random_outputs_curve(network(1.0, 1.0), outputs, 0.1, np.ones(1), budget)


def test_a_negative_budget_of_one_output_is_refused() -> None:
    with pytest.raises(InputError, match="budget: -1"):
        budgeted_curve(network(1.0, 1.0), 0.1, np.ones(1), -1.0)
