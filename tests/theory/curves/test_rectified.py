"""Moments of rectified Gaussians against samples, exact special cases, and their Hermite series."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.stats import multivariate_normal

from theory import InputError
from theory.curves.rectified import RectifiedMoments, rectified_moments
from theory.validation import FloatArray


def _units(width: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Means and a covariance of units, most of which correlate."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(width, width + 1))
    return generator.normal(size=width), rows @ rows.T / width


def _pair(correlation: float, levels: tuple[float, float] = (0.0, 0.0)) -> RectifiedMoments:
    return rectified_moments(np.array(levels), np.array([[1.0, correlation], [correlation, 1.0]]))


def test_every_moment_agrees_with_samples() -> None:
    """Four standard errors, which are estimated from the samples."""
    means, covariance = _units(4, seed=0)
    found = rectified_moments(means, covariance)
    draws = np.random.default_rng(1).multivariate_normal(means, covariance, size=400_000)
    rectified, on = np.maximum(draws, 0), (draws > 0).astype(np.float64)

    def close(sampled: FloatArray, derived: FloatArray) -> None:
        error = sampled.std(axis=0) / np.sqrt(len(sampled))
        assert np.all(np.abs(sampled.mean(axis=0) - derived) < 4 * error)

    close(on, found.active)
    close(rectified, found.mean)
    close(on[:, :, None] * on[:, None], found.both_active)
    close(on[:, :, None] * rectified[:, None], found.while_active)
    close(rectified[:, :, None] * rectified[:, None], found.second_moment)


def test_what_a_unit_does_at_the_threshold_of_another() -> None:
    """E[f_j | u_i = 0] by the Gaussian conditioned on u_i = 0."""
    means, covariance = _units(3, seed=2)
    found = rectified_moments(means, covariance)
    for given in range(3):
        shift = covariance[:, given] / covariance[given, given]
        conditional = rectified_moments(means - shift * means[given], covariance - np.outer(shift, covariance[given]))
        # The unit itself is 0 there, to the root of rounding.
        np.testing.assert_allclose(found.at_threshold[given], conditional.mean, atol=1e-7)


@pytest.mark.parametrize("correlation", [-1.0, -0.9, -0.3, 0.0, 0.5, 0.95, 1.0])
def test_centred_units_have_the_arc_cosine_kernel(correlation: float) -> None:
    """Cho and Saul 2009: E f f' = (sin t + (pi - t) cos t) / (2 pi) and P = (pi - t) / (2 pi) for cos t = rho."""
    angle = np.arccos(correlation)
    found = _pair(correlation)
    assert found.both_active[0, 1] == pytest.approx((np.pi - angle) / (2 * np.pi), abs=1e-12)
    kernel = (np.sin(angle) + (np.pi - angle) * correlation) / (2 * np.pi)
    # At correlations of 1 and -1 the root of rounding is left.
    assert found.second_moment[0, 1] == pytest.approx(kernel, abs=1e-8)


@pytest.mark.parametrize(("correlation", "accepted"), [(0.5, 1e-13), (-0.9, 1e-9), (0.9, 1e-9), (0.99, 1e-5)])
def test_both_on_as_the_bivariate_normal_distribution_says(correlation: float, accepted: float) -> None:
    for levels in np.random.default_rng(3).normal(size=(12, 2)) * 1.5:
        expected = multivariate_normal([0, 0], [[1, correlation], [correlation, 1]]).cdf(levels)
        assert _pair(correlation, tuple(levels)).both_active[0, 1] == pytest.approx(expected, abs=accepted)


def test_the_hermite_series_with_coefficients_from_sympy() -> None:
    """Cov(f, f') = sum rho^n / n! c_n c'_n, c_n the nth derivative of E f by the mean.

    Fifteen terms at rho = 0.5, where the rest is below 1e-7.
    """
    level = sp.Symbol("a", real=True)
    bell = sp.exp(-(level**2) / 2) / sp.sqrt(2 * sp.pi)
    mean = level * (1 + sp.erf(level / sp.sqrt(2))) / 2 + bell
    coefficients = [mean.diff(level, order) for order in range(16)]
    evaluated = sp.lambdify(level, coefficients, modules=["scipy"])
    levels = (0.7, -0.4)
    one, other = (np.array(evaluated(value), dtype=np.float64) for value in levels)
    factorials = np.array([float(sp.factorial(n)) for n in range(16)])
    found = _pair(0.5, levels)
    assert found.mean == pytest.approx([one[0], other[0]], abs=1e-12)
    series = np.sum(0.5 ** np.arange(1, 16) / factorials[1:] * one[1:] * other[1:])
    assert found.covariance[0, 1] == pytest.approx(series, abs=1e-7)


def test_units_far_above_their_threshold_are_linear_and_far_below_silent() -> None:
    means, covariance = _units(3, seed=4)
    linear = rectified_moments(means + 60, covariance)
    np.testing.assert_allclose(linear.covariance, covariance, atol=1e-11)
    np.testing.assert_allclose(linear.mean, means + 60, rtol=1e-14)
    silent = rectified_moments(means - 60, covariance)
    assert np.abs(silent.covariance).max() == 0
    assert np.abs(silent.mean).max() == 0


def test_a_unit_that_does_not_vary_is_its_rectified_mean() -> None:
    found = rectified_moments(np.array([2.0, -3.0, 0.0]), np.diag([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(found.mean, [2.0, 0.0, 1 / np.sqrt(2 * np.pi)], rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.diag([0, 0, 0.5 - 0.5 / np.pi]), atol=1e-12)
    assert found.density[0] == 0


def test_replicas_and_components_are_independent() -> None:
    means, covariance = _units(3, seed=5)
    together = rectified_moments(np.stack([means, -means])[None], np.stack([covariance, 2 * covariance])[None])
    alone = rectified_moments(-means, 2 * covariance)
    np.testing.assert_array_equal(together.covariance[0, 1], alone.covariance)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="covariances: have shape"):
        rectified_moments(np.zeros(3), np.eye(2))
