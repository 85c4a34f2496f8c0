from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import seeds, spectra
from theory import InputError, budgeted_reconstruction_loss, explained_variance, reconstruction_loss
from theory.curves.reconstruction import explained_variance_from_gram
from theory.validation import FloatArray


def _case(eigenvalues: FloatArray, outputs: int, seed: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((min(outputs, eigenvalues.size), eigenvalues.size))


def _naive_budgeted_loss(weights: FloatArray, eigenvalues: FloatArray, budget: float) -> float:
    """Error of the budgeted decoder D = C^T (G + mu)^-1, written out from its definition."""
    sigma = np.diag(eigenvalues)
    gram = weights @ sigma @ weights.T
    decoder = sigma @ weights.T @ np.linalg.inv(gram + budget * np.eye(len(gram)))
    residual = np.eye(eigenvalues.size) - decoder @ weights
    return float(np.trace(residual @ sigma @ residual.T))


@given(spectra(), st.integers(1, 6), seeds)
def test_the_loss_is_that_of_the_best_decoder_found_by_least_squares(
    eigenvalues: FloatArray, outputs: int, seed: int
) -> None:
    weights = _case(eigenvalues, outputs, seed)
    # Inputs Sigma^(1/2) e_i have exactly the covariance Sigma, up to the factor d, and need no sampling.
    inputs = np.diag(np.sqrt(eigenvalues))
    features = inputs @ weights.T
    decoder, *_ = np.linalg.lstsq(features, inputs, rcond=1e-13)
    expected = np.sum((inputs - features @ decoder) ** 2)
    found = reconstruction_loss(weights, eigenvalues)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * eigenvalues.sum())


@given(spectra(), seeds)
def test_one_output_explains_a_weighted_mean_of_the_eigenvalues(eigenvalues: FloatArray, seed: int) -> None:
    weights = _case(eigenvalues, 1, seed)
    expected = np.average(eigenvalues, weights=eigenvalues * weights[0] ** 2)
    np.testing.assert_allclose(explained_variance(weights, eigenvalues), expected, rtol=1e-12)


@given(spectra(), st.integers(1, 6), seeds)
def test_explained_variance_lies_between_the_smallest_and_the_largest_eigenvalues(
    eigenvalues: FloatArray, outputs: int, seed: int
) -> None:
    weights = _case(eigenvalues, outputs, seed)
    rank = weights.shape[0]
    found = explained_variance(weights, eigenvalues)
    slack = 1e-9 * eigenvalues.sum()
    assert eigenvalues[-rank:].sum() - slack <= found <= eigenvalues[:rank].sum() + slack


@given(spectra(), st.integers(1, 6), seeds)
def test_explained_variance_depends_on_the_row_space_alone(eigenvalues: FloatArray, outputs: int, seed: int) -> None:
    weights = _case(eigenvalues, outputs, seed)
    mixing = np.random.default_rng(seed + 1).standard_normal((len(weights), len(weights)))
    mixing += 3 * np.sqrt(len(weights)) * np.eye(len(weights))  # well away from singular
    np.testing.assert_allclose(
        explained_variance(mixing @ weights, eigenvalues), explained_variance(weights, eigenvalues), rtol=1e-6
    )
    repeated = np.concatenate([weights, weights[:1]])
    np.testing.assert_allclose(
        explained_variance(repeated, eigenvalues), explained_variance(weights, eigenvalues), rtol=1e-6
    )


def test_a_row_ten_orders_of_magnitude_smaller_still_counts() -> None:
    eigenvalues = np.array([3.0, 2.0, 1.0])
    weights = np.array([[1.0, 0.0, 0.0], [0.0, 1e-10, 0.0]])
    assert explained_variance(weights, eigenvalues) == pytest.approx(5.0)


def test_no_output_explains_nothing() -> None:
    assert explained_variance(np.zeros((2, 3)), np.array([3.0, 2.0, 1.0])) == 0


@given(spectra(), st.integers(1, 6), seeds)
def test_the_gram_form_agrees_with_the_projector_form(eigenvalues: FloatArray, outputs: int, seed: int) -> None:
    weights = _case(eigenvalues, outputs, seed)
    gram = (weights * eigenvalues) @ weights.T
    squared = (weights * eigenvalues**2) @ weights.T
    # The Gram matrix squares the condition number, at most about 1e4 here.
    np.testing.assert_allclose(
        explained_variance_from_gram(gram, squared), explained_variance(weights, eigenvalues), rtol=1e-5
    )


@given(spectra(), st.integers(1, 6), seeds, st.floats(-6, 3))
def test_the_budgeted_loss_is_that_of_the_ridge_decoder(
    eigenvalues: FloatArray, outputs: int, seed: int, exponent: float
) -> None:
    weights = _case(eigenvalues, outputs, seed)
    budget = 10**exponent * eigenvalues[0]
    expected = _naive_budgeted_loss(weights, eigenvalues, budget)
    found = budgeted_reconstruction_loss(weights, eigenvalues, budget)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * eigenvalues.sum())


@given(spectra(), st.integers(1, 6), seeds)
def test_a_larger_budget_penalty_never_helps_and_its_limits_are_exact(
    eigenvalues: FloatArray, outputs: int, seed: int
) -> None:
    weights = _case(eigenvalues, outputs, seed)
    total = eigenvalues.sum()
    budgets = eigenvalues[0] * np.geomspace(1e-12, 1e9, 22)
    losses = np.array([budgeted_reconstruction_loss(weights, eigenvalues, budget) for budget in budgets])
    assert np.all(np.diff(losses) >= -1e-12 * total)
    exact = reconstruction_loss(weights, eigenvalues)
    assert losses[0] >= exact - 1e-12 * total
    tiny = budgeted_reconstruction_loss(weights, eigenvalues, 1e-30 * eigenvalues[0])
    np.testing.assert_allclose(tiny, exact, rtol=0, atol=1e-9 * total)
    np.testing.assert_allclose(losses[-1], total, rtol=1e-6)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="budget: 0 is not accepted"):
        budgeted_reconstruction_loss(np.ones((1, 2)), np.ones(2), 0)
    with pytest.raises(InputError, match="gram: has shape"):
        explained_variance_from_gram(np.ones((2, 3)), np.ones((2, 3)))
