from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empirical.fit.cross_validated_spectrum import CrossValidatedSpectrum
from empirical.fit.spectrum_fit import fit_spectrum, spectrum_range
from theory.validation import FloatArray


def exact(eigenvalues: FloatArray, signal: FloatArray, count: int = 100_000) -> CrossValidatedSpectrum:
    """The spectrum that infinitely many samples would give, with the errors of ``count``."""
    return CrossValidatedSpectrum(
        eigenvalues, eigenvalues, signal, count, count, np.full(5, 0.2), np.eye(eigenvalues.size)
    )


@given(st.floats(0.1, 4.0), st.integers(20, 400), st.floats(1e-6, 1e6))
def test_an_exact_power_law_is_recovered_over_its_whole_range(alpha: float, dimension: int, scale: float) -> None:
    eigenvalues = scale * np.arange(1, dimension + 1) ** -alpha
    spectrum = exact(eigenvalues, np.zeros(dimension))
    assert spectrum_range(spectrum) == (1, dimension)
    law = fit_spectrum(spectrum, 1, dimension)
    # Float error of a line through logarithms.
    assert law.exponent == pytest.approx(alpha, abs=1e-9)
    np.testing.assert_allclose(law.values(dimension), eigenvalues, rtol=1e-8)
    assert law.determination == pytest.approx(1.0)
    assert law.deviation < 1e-6


@pytest.mark.parametrize(("first", "last"), [(1, 56), (10, 300), (7, 177)])
def test_the_rule_finds_the_part_that_is_a_power_law(first: int, last: int) -> None:
    """A flat head and an exponential tail are left out, to within the bins that the tolerance lets pass."""
    ranks = np.arange(1, 501, dtype=np.float64)
    inside = np.clip(ranks, first, last)
    eigenvalues = inside**-1.2 * np.exp(-np.maximum(ranks - last, 0) / (0.15 * last))
    spectrum = exact(eigenvalues, np.zeros(500))
    found = spectrum_range(spectrum)
    assert found is not None
    # One bin is a factor of 1.33 in rank; a head that is 1.33^1.2 off passes in one bin, not in two.
    assert first / 1.8 <= found[0] <= first * 1.4
    assert last / 1.4 <= found[1] <= last * 1.4
    # A bin at an end that is off by two tolerances moves the slope by less than 0.06.
    assert fit_spectrum(spectrum, *found).exponent == pytest.approx(1.2, abs=0.06)


def test_too_few_directions_have_no_law() -> None:
    assert spectrum_range(exact(np.array([3.0, 2.0, 1.0]), np.zeros(3))) is None
