from __future__ import annotations

import numpy as np
import pytest

from empirical.fit.cross_validated_spectrum import CrossValidatedSpectrum, cross_validated_spectrum
from tests.empirical.gaussian_parts import draw, power_law_pair
from theory import DataModel, InputError, Moments
from theory.validation import FloatArray


def _spectrum(model: DataModel, fitting: int, held_out: int, generator: np.random.Generator) -> CrossValidatedSpectrum:
    halves = [Moments.from_samples(*draw(model, count, generator), model.classes) for count in (fitting, held_out)]
    return cross_validated_spectrum(*halves)


def test_variances_are_those_of_the_samples_along_the_fitted_directions() -> None:
    """Against numpy on the samples themselves."""
    generator = np.random.default_rng(0)
    model = power_law_pair(12, 1.0, 1.0)
    own, other = draw(model, 200, generator), draw(model, 150, generator)
    found = cross_validated_spectrum(Moments.from_samples(*own, 2), Moments.from_samples(*other, 2))
    expected = np.linalg.eigvalsh(np.cov(own[0].T))[::-1]
    np.testing.assert_allclose(found.fitted, expected, rtol=1e-10)  # float error of eigenvalues
    np.testing.assert_allclose(found.held_out, (other[0] @ found.basis).var(axis=0, ddof=1), rtol=1e-10)


def _mean_logs(repetitions: int) -> FloatArray:
    """(repetitions, 3) mean over the middle ranks of log (fitted, held-out, geometric mean) / lambda."""
    model = power_law_pair(40, 1.0, 1.0)
    generator = np.random.default_rng(1)
    found = []
    for _ in range(repetitions):
        one = _spectrum(model, 500, 500, generator)
        logs = np.log(np.stack([one.fitted, one.held_out, one.eigenvalues]) / model.eigenvalues)
        found.append(logs[:, 4:36].mean(axis=1))
    return np.array(found)


def test_the_biases_of_fitted_and_held_out_variances_cancel_in_their_geometric_mean() -> None:
    """The perturbation sum e_i describes both, with opposite signs."""
    logs = _mean_logs(150)
    errors = logs.std(axis=0) / np.sqrt(len(logs))
    values = 1.0 / np.arange(1, 41)
    gaps = values[:, None] - values + np.eye(40)
    expected = np.mean((((values / gaps) * (1 - np.eye(40))).sum(axis=1) / 500)[4:36])
    fitted, held_out, both = logs.mean(axis=0)
    # Second order in d/n = 0.08 is left, and 1/n from the logarithm: about a tenth of the first order.
    assert fitted == pytest.approx(expected, abs=0.2 * abs(expected) + 4 * errors[0])
    assert held_out == pytest.approx(-expected, abs=0.2 * abs(expected) + 4 * errors[1])
    assert abs(expected) > 10 * errors[2]
    assert abs(both) < 0.1 * abs(expected) + 4 * errors[2]


def test_labels_without_meaning_have_no_signal_on_average_and_the_stated_scatter() -> None:
    """Squares of the same coordinates would all be positive."""
    generator = np.random.default_rng(2)
    ratios, squares = [], []
    for _ in range(200):
        halves = [
            Moments.from_samples(generator.standard_normal((300, 8)), generator.integers(0, 3, 300), 3)
            for _ in range(2)
        ]
        found = cross_validated_spectrum(*halves)
        ratios.append(found.signal / np.sqrt(found.signal_variance(np.zeros(8))))
        squares.append(
            np.square(halves[0].prototypes @ found.basis).sum() / np.sqrt(found.signal_variance(np.zeros(8))).sum()
        )
    scatter = np.array(ratios)
    count = scatter.size
    assert abs(scatter.mean()) < 4 / np.sqrt(count)
    # The product of two Gaussian vectors of two coordinates has an excess kurtosis of 3: the variance of the
    # sample variance is 5/count. One per cent is left to n - 1 and to unequal frequencies.
    assert abs(scatter.var() - 1) < 4 * np.sqrt(5 / count) + 0.01
    assert np.mean(squares) > 1


def test_signal_variance_with_a_signal() -> None:
    """Monte Carlo of one strong direction, in which eigenvectors do not mix."""
    model = DataModel.two_classes([100.0, 1.0], [2.0, 0.0])
    generator = np.random.default_rng(3)
    found = [_spectrum(model, 400, 300, generator) for _ in range(600)]
    signals = np.array([one.signal[0] for one in found])
    expected = np.mean([one.signal_variance(np.array([8.0, 0.0]))[0] for one in found])
    # Four standard errors of a variance of 600 draws. Frequencies of the classes are drawn too, which adds
    # less than the share of the signal in the variance, 16 %.
    assert signals.mean() == pytest.approx(8.0, abs=4 * signals.std() / np.sqrt(600))
    assert signals.var() == pytest.approx(expected, rel=4 * np.sqrt(2 / 600) + 0.16)


def test_noise_of_too_few_samples_is_not_resolved() -> None:
    """White noise of 60 samples in 50 directions looks like a falling spectrum to the fit alone."""
    generator = np.random.default_rng(4)
    white = DataModel.two_classes(np.ones(50), np.full(50, 1e-3))
    few, many = (_spectrum(white, count, 500, generator) for count in (60, 20_000))
    assert few.fitted[0] > 4 * few.fitted[25]
    assert few.resolved <= 5
    assert many.resolved == 50


def test_directions_without_variance_are_dropped() -> None:
    generator = np.random.default_rng(5)
    inputs = np.zeros((100, 5))
    inputs[:, :3] = generator.standard_normal((100, 3))
    halves = [Moments.from_samples(inputs[part::2], np.arange(50) % 2, 2) for part in range(2)]
    assert cross_validated_spectrum(*halves).rank == 3


def test_bad_moments_are_refused() -> None:
    generator = np.random.default_rng(6)
    good = Moments.from_samples(generator.standard_normal((20, 3)), np.arange(20) % 2, 2)
    empty = Moments.from_samples(generator.standard_normal((20, 3)), np.zeros(20, dtype=int), 2)
    constant = Moments.from_samples(np.ones((20, 3)), np.arange(20) % 2, 2)
    other = Moments.from_samples(generator.standard_normal((20, 4)), np.arange(20) % 2, 2)
    with pytest.raises(InputError, match="held_out: has"):
        cross_validated_spectrum(good, other)
    with pytest.raises(InputError, match="held_out: class 1 is empty"):
        cross_validated_spectrum(good, empty)
    with pytest.raises(InputError, match="all inputs are equal"):
        cross_validated_spectrum(constant, good)
