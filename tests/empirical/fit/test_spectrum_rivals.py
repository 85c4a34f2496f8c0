from __future__ import annotations

import numpy as np
import pytest

from empirical.fit.spectrum_rivals import compare_spectra
from theory import InputError
from theory.validation import FloatArray

RANKS = np.arange(1, 101, dtype=np.float64)
TRUTHS = {
    "power law": RANKS**-1.2,
    "broken power law": np.where(RANKS < 18, RANKS**-0.5, 18**1.5 * RANKS**-2.0),
    "exponential": np.exp(-RANKS / 30),
    "spikes and bulk": np.where(RANKS <= 5, 100 / RANKS, 1.0),
}


def _variances(spectrum: FloatArray, seed: int, parts: int = 10, size: int = 300) -> FloatArray:
    """Variances of Gaussian samples along directions that do not depend on them."""
    chi = np.random.default_rng(seed).chisquare(size - 1, (parts, spectrum.size))
    return spectrum * chi / (size - 1)


@pytest.mark.parametrize("name", TRUTHS)
def test_the_spectrum_that_made_the_samples_is_not_beaten(name: str) -> None:
    """It wins, or a curve that contains it is ahead by less than three of its errors."""
    rivals = compare_spectra(_variances(TRUTHS[name], seed=0), samples=3000)
    assert [one.place for one in rivals] == [1, 2, 3, 4]
    assert rivals[0].behind == 0
    own = next(one for one in rivals if one.name == name)
    assert own.behind <= 3 * own.behind_error
    for other in rivals:
        contains_it = (name, other.name) == ("power law", "broken power law")
        if other.name != name and not contains_it:
            assert other.behind - own.behind > 3 * other.behind_error
    # Chi-square noise of a half of 1,500 samples in fit and score: (1 + parameters / 100) / 3,000 or less.
    assert 0 < own.loss < 3 / 3000


def test_parameters_are_recovered() -> None:
    found = {
        name: next(one for one in compare_spectra(_variances(TRUTHS[name], seed=1), 3000) if one.name == name)
        for name in TRUTHS
    }
    parameters = {name: dict(one.parameters) for name, one in found.items()}
    # The standard error of a slope from 100 chi-squares of 3,000 degrees is 0.003.
    assert parameters["power law"]["alpha"] == pytest.approx(1.2, abs=0.012)
    assert parameters["broken power law"]["alpha"] == pytest.approx(0.5, abs=0.05)
    assert parameters["broken power law"]["alpha beyond"] == pytest.approx(2.0, abs=0.05)
    assert parameters["broken power law"]["break"] == pytest.approx(17.5, abs=0.6)
    assert parameters["exponential"]["decay"] == pytest.approx(1 / 30, abs=4e-4)
    assert parameters["spikes and bulk"]["spikes"] == 5
    assert parameters["spikes and bulk"]["bulk"] == pytest.approx(1.0, abs=0.01)


def test_a_piece_of_a_power_law_keeps_its_exponent() -> None:
    """Ranks count from the first of the whole spectrum."""
    rivals = compare_spectra(_variances(TRUTHS["power law"], seed=2)[:, 20:], 3000, first_rank=21)
    law = dict(next(one for one in rivals if one.name == "power law").parameters)
    assert law["alpha"] == pytest.approx(1.2, abs=0.03)  # four standard errors over a factor of 5 in rank
    assert law["amplitude"] == pytest.approx(1.0, abs=0.12)


def test_bad_variances_are_refused() -> None:
    good = _variances(TRUTHS["power law"], seed=3)
    with pytest.raises(InputError, match="parts"):
        compare_spectra(good[:3], 900)
    with pytest.raises(InputError, match="directions"):
        compare_spectra(good[:, :7], 3000)
    with pytest.raises(InputError, match="variances: a direction has none"):
        compare_spectra(good * (RANKS < 50), 3000)
