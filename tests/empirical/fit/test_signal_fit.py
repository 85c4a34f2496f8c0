from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empirical.fit.signal_fit import SIGNAL_TOLERANCE, fit_signal, is_signal_seen, signal_range
from empirical.fit.spectrum_fit import NEGLIGIBLE
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


def test_a_signal_is_seen_where_three_bins_exceed_two_standard_errors() -> None:
    """Errors by their formula: lambda^2 |diag pi - pi pi^T|^2 / (n m) a rank, over the ranks of a bin."""
    ranks = np.arange(1, 6, dtype=np.float64)  # a bin each
    noise = ranks**-1.0 * np.sqrt(np.square(np.eye(5) / 5 - 1 / 25).sum()) / 1000
    for multiples, seen in (((3, 3, 3, 0, 0), True), ((3, 3, 1.9, 1.9, 0), False)):
        spectrum = exact(ranks**-1.0, noise * np.array(multiples), count=1000)
        assert is_signal_seen(spectrum, 1, 5) is seen
    assert not is_signal_seen(exact(ranks**-1.0, 9 * noise, count=1000), 1, 2)


def test_the_weights_of_bins_are_those_of_the_stated_variance() -> None:
    """The estimating equations, written out with the bins' variances, have their root at the fitted law."""
    ranks = np.arange(1, 6, dtype=np.float64)  # a bin each
    spectrum = exact(ranks**-0.5, ranks**-1.2 * np.array([1.2, 0.7, 1.4, 0.8, 1.3]) * 1e-3, count=2000)
    law = fit_signal(spectrum, 1, 5)
    assert law is not None
    expected = law.values(5)
    variance = spectrum.signal_variance(expected) + 2 / 4 * expected**2 + (SIGNAL_TOLERANCE * expected) ** 2
    variance += (NEGLIGIBLE * spectrum.signal.mean()) ** 2
    residuals = (spectrum.signal - expected) / variance
    for slope in (expected, expected * np.log(ranks)):
        assert abs(np.sum(slope * residuals)) < 1e-6 * np.sum(np.abs(slope * residuals))
