from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empirical.fit.cross_validated_spectrum import CrossValidatedSpectrum
from empirical.fit.exponent_dependence import (
    BULK,
    LEAST_SQUARES,
    LIKELIHOOD,
    LOWER_HALF,
    UPPER_HALF,
    spectrum_variants,
)
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


def test_determination_is_the_share_of_the_logarithms_that_the_line_explains() -> None:
    """The first five ranks have a bin each."""
    eigenvalues = np.arange(1, 11) ** -1.0 * np.array([1.1, 0.8, 1.3, 0.9, 1.2, 0.7, 1.0, 1, 1, 1])
    law = fit_spectrum(exact(eigenvalues, np.zeros(10)), 1, 5)
    logs, fitted = np.log(eigenvalues[:5]), np.log(law.values(5))
    assert law.determination == pytest.approx(1 - np.sum((logs - fitted) ** 2) / np.sum((logs - logs.mean()) ** 2))


def test_directions_in_which_hardly_anything_varies_do_not_bend_the_law() -> None:
    ranks = np.arange(1, 61, dtype=np.float64)
    edge = np.where(ranks <= 42, ranks**-1.0, 1e-7)
    assert fit_spectrum(exact(edge, np.zeros(60)), 1, 60).exponent == pytest.approx(1.0, abs=0.01)


def test_bins_whose_halves_disagree_fade() -> None:
    """Fitted variances fall far below the held-out ones in the tail, where their geometric mean is no estimate."""
    ranks = np.arange(1, 101, dtype=np.float64)
    law = ranks**-1.0
    noisy = replace(exact(law, np.zeros(100)), fitted=np.where(ranks > 56, 1e-4 * law, law))
    assert fit_spectrum(noisy, 1, 100).exponent == pytest.approx(1.0, abs=0.02)


def test_other_ranks_and_another_estimator_give_their_own_exponents() -> None:
    """A law that is steeper from rank 30 on; fitted and held-out variances differ by a power of the rank."""
    ranks = np.arange(1, 101, dtype=np.float64)
    spectrum = exact(np.minimum(ranks**-0.5, 30**1.5 * ranks**-2.0), np.zeros(100), count=10**9)
    found = {(one.ranks, one.estimator): one for one in spectrum_variants(spectrum, 4)}
    lower, upper = found[LOWER_HALF, LEAST_SQUARES], found[UPPER_HALF, LEAST_SQUARES]
    assert lower.first > 4
    assert lower.last + 1 == upper.first
    assert lower.exponent == pytest.approx(0.5, abs=0.1)
    assert upper.exponent == pytest.approx(2.0, abs=0.1)
    tilted = exact(ranks**-1.0, np.zeros(100))
    tilted = replace(tilted, fitted=ranks**-1.1, held_out=ranks**-0.9)
    (likely,) = (one for one in spectrum_variants(tilted, 9) if one.estimator == LIKELIHOOD)
    assert (likely.ranks, likely.first, likely.last) == (BULK, 10, min(tilted.resolved, 100))
    assert likely.exponent == pytest.approx(1.0, abs=1e-6)  # the optimiser's tolerance
