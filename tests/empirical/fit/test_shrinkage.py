from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import OAS

from empirical.fit.shrinkage import shrinkage_intensity, shrunk
from tests.strategies import seeds
from theory import Moments


@given(seeds, st.integers(2, 40), st.integers(2, 60))
def test_intensity_and_covariance_are_those_of_scikit_learn(seed: int, dimension: int, count: int) -> None:
    """Moments alone give what scikit-learn computes from the samples."""
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((count, dimension)) * np.arange(1, dimension + 1) ** -0.7 + 3
    moments = Moments.from_samples(inputs, np.arange(count) % 2, 2)
    expected = OAS().fit(inputs)
    intensity = shrinkage_intensity(moments)
    # Float error of means of squares.
    np.testing.assert_allclose(intensity, expected.shrinkage_, rtol=1e-9)
    np.testing.assert_allclose(shrunk(moments, intensity).covariance, expected.covariance_, atol=1e-11)


def test_total_variance_is_kept_and_the_intensity_falls_as_the_inverse_of_the_samples() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((40_000, 10)) * np.arange(1, 11)
    half, whole = (Moments.from_samples(inputs[:count], np.arange(count) % 2, 2) for count in (20_000, 40_000))
    np.testing.assert_allclose(shrunk(whole, 0.3).total_variance, whole.total_variance, rtol=1e-12)
    # tr S^2 of either has a relative standard error of about 1 %.
    np.testing.assert_allclose(shrinkage_intensity(half), 2 * shrinkage_intensity(whole), rtol=0.04)
