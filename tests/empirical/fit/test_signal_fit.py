from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empirical.fit.signal_fit import fit_signal, signal_range
from tests.empirical.fit.test_spectrum_fit import exact


@given(st.floats(-0.9, 4.0), st.integers(20, 300), st.floats(1e-6, 1e6))
def test_an_exact_power_law_is_recovered(beta: float, dimension: int, scale: float) -> None:
    ranks = np.arange(1, dimension + 1, dtype=np.float64)
    # Enough samples for the weakest direction to be seen.
    spectrum = exact(scale * ranks**-1.0, scale * ranks**-beta, count=10**12)
    assert signal_range(spectrum) == (1, dimension)
    law = fit_signal(spectrum, 1, dimension)
    assert law is not None
    # The scoring stops at steps below 1e-10.
    assert law.exponent == pytest.approx(beta, abs=1e-7)
    np.testing.assert_allclose(law.values(dimension), scale * ranks**-beta, rtol=1e-6)
    assert law.determination == pytest.approx(1.0)


def test_the_fit_copes_with_negative_products_without_bias() -> None:
    """A tail deep in noise: half of its products are negative, and the exponent is right on average."""
    generator = np.random.default_rng(0)
    ranks = np.arange(1, 201, dtype=np.float64)
    clean = exact(ranks**-0.5, ranks**-1.5, count=60)
    deviation = np.sqrt(clean.signal_variance(clean.signal))
    exponents, negative = [], []
    for _ in range(150):
        noisy = replace(clean, signal=clean.signal + deviation * generator.standard_normal(200))
        law = fit_signal(noisy, 1, 200)
        assert law is not None
        exponents.append(law.exponent)
        negative.append(np.mean(noisy.signal[100:] < 0))
    assert np.mean(negative) > 0.2
    error = np.std(exponents) / np.sqrt(150)
    # Four standard errors, and a second-order bias below the variance of one estimate.
    assert abs(np.mean(exponents) - 1.5) < 4 * error + np.var(exponents)


def test_the_range_ends_where_the_signal_is_lost() -> None:
    ranks = np.arange(1, 301, dtype=np.float64)
    signal = np.where(ranks <= 100, ranks**-1.0, 0.0)
    found = signal_range(exact(ranks**-1.0, signal, count=10**8))
    assert found is not None
    assert found[0] == 1
    # The bin that holds rank 100 is the last with a signal.
    assert found[1] in (99, 133)


def test_no_signal_has_no_law() -> None:
    ranks = np.arange(1, 101, dtype=np.float64)
    assert signal_range(exact(ranks**-1.0, np.zeros(100))) is None
    assert signal_range(exact(ranks**-1.0, -(ranks**-1.0))) is None
    assert fit_signal(exact(ranks**-1.0, -(ranks**-1.0)), 1, 100) is None
