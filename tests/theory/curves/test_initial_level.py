from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import spectra
from theory import (
    DataModel,
    InputError,
    OneOutput,
    Softmax,
    SquaredError,
    crossovers,
    explained_variance,
    random_sketch_level,
)
from theory.curves.initial_level import random_output_level, random_sketch_spread
from theory.validation import FloatArray


@pytest.mark.parametrize("outputs", [10, 50, 200])
@pytest.mark.parametrize("alpha", [0.8, 1.2, 2.0])
def test_random_outputs_explain_what_the_deterministic_equivalent_says(outputs: int, alpha: float) -> None:
    eigenvalues = np.arange(1, 1001) ** -alpha
    draws = np.random.default_rng(0).standard_normal((20, outputs, 1000))
    measured = explained_variance(draws, eigenvalues)
    error = measured.std(ddof=1) / np.sqrt(20)
    # Beyond sampling error the equivalent is off by up to 4 % of the level where few eigenvalues dominate.
    assert abs(measured.mean() - random_sketch_level(eigenvalues, outputs)) < 4 * error + 0.04 * measured.mean()


def test_a_flat_spectrum_is_explained_in_proportion_to_the_outputs() -> None:
    assert random_sketch_level(np.full(100, 2.0), 25) == pytest.approx(2.0 * 25)


def test_with_one_output_the_only_crossover_is_the_end_of_phase_one() -> None:
    model = DataModel.power_law(50, 1.0, 1.5, 0.02)
    expected = OneOutput.from_model(model, SquaredError()).phase_one_end(1e-3)
    np.testing.assert_allclose(crossovers(model, SquaredError(), 1e-3), [expected], rtol=1e-10)


def test_there_are_one_crossover_fewer_than_classes_and_they_grow_with_the_scale() -> None:
    generator = np.random.default_rng(0)
    prototypes = 0.01 * generator.standard_normal((4, 30))
    model = DataModel(np.arange(1, 31) ** -1.0, prototypes - prototypes.mean(axis=0), np.full(4, 0.25))
    found = crossovers(model, Softmax(), 1e-3)
    assert found.size == 3
    np.testing.assert_allclose(crossovers(model, Softmax(), 3e-3), 3 * found, rtol=1e-12)


def test_crossovers_by_hand_come_in_the_order_of_the_strengths() -> None:
    """Rows (a, 0), (0, b), (-a, -b): M M^T has the eigenvalues a^2 + b^2 +- (a^4 + b^4 - a^2 b^2)^(1/2)."""
    rows = np.zeros((3, 20))
    rows[:, :2] = np.array([[0.1, 0], [0, 0.05], [-0.1, -0.05]])
    model = DataModel(np.ones(20), rows, np.full(3, 1 / 3))
    root = np.sqrt(0.1**4 + 0.05**4 - (0.1 * 0.05) ** 2)
    strengths = np.array([0.0125 + root, 0.0125 - root])
    np.testing.assert_allclose(crossovers(model, Softmax(), 0.01), 0.01 * np.sqrt(20 / strengths), rtol=1e-9)


@pytest.mark.parametrize("outputs", [0, 5, 2.5])
def test_bad_numbers_of_outputs_are_refused(outputs: int) -> None:
    with pytest.raises(InputError, match="outputs"):
        random_sketch_level(np.ones(5), outputs)


@pytest.mark.parametrize(("outputs", "count"), [(2, 2000), (10, 2000), (50, 300)])
@pytest.mark.parametrize("alpha", [0.5, 1.2, 2.0])
def test_the_spread_over_draws_is_that_of_random_outputs(outputs: int, count: int, alpha: float) -> None:
    eigenvalues = np.arange(1, 501) ** -alpha
    measured = explained_variance(np.random.default_rng(0).standard_normal((count, outputs, 500)), eigenvalues)
    spread = measured.std(ddof=1)
    kurtosis = np.mean((measured - measured.mean()) ** 4) / spread**4
    error = spread * np.sqrt((kurtosis - 1) / (4 * count))
    # Beyond sampling error the formula, a limit of many directions, is off by up to 5 % of the spread,
    # and by up to a fifth where a few eigenvalues dominate and the distribution has a tail.
    systematic = (0.05 if alpha < 1 else 0.2) * spread
    assert abs(spread - random_sketch_spread(eigenvalues, outputs)) < 4 * error + systematic


@pytest.mark.parametrize("alpha", [0.0, 0.8, 2.0])
def test_one_output_explains_on_average_what_the_integrals_say(alpha: float) -> None:
    eigenvalues = np.arange(1, 31) ** -alpha
    level = random_output_level(eigenvalues)
    count = 200_000
    measured = explained_variance(np.random.default_rng(0).standard_normal((count, 1, 30)), eigenvalues)
    error = level.spread / np.sqrt(count)
    assert abs(measured.mean() - level.mean) <= 4 * error + 1e-9
    # Twice the error of a Gaussian's standard deviation covers the tails of a bounded ratio.
    assert measured.std(ddof=1) == pytest.approx(level.spread, rel=4 * 2 / np.sqrt(2 * count), abs=1e-6)


def test_two_directions_give_the_arcsine_law() -> None:
    """With l = (1, b), R = (c^2 + b^2 s^2) / (c^2 + b s^2) for a uniform angle; its mean is (1 + b - sqrt b)."""
    for small in (0.5, 1e-2, 1e-6):
        assert random_output_level(np.array([1.0, small])).mean == pytest.approx(1 + small - np.sqrt(small), rel=1e-9)


def test_where_many_directions_share_the_variance_exact_and_asymptotic_levels_agree() -> None:
    """They differ by the inverse effective rank, about 1/d on this spectrum: fourfold less for tenfold d, at least."""
    gaps = []
    for dimension in (100, 1000, 10_000):
        eigenvalues = np.arange(1, dimension + 1) ** -0.3
        exact = random_output_level(eigenvalues)
        gaps.append(abs(random_sketch_level(eigenvalues, 1) / exact.mean - 1))
        assert random_sketch_spread(eigenvalues, 1) == pytest.approx(exact.spread, rel=0.1)
    assert gaps[0] > 4 * gaps[1] > 16 * gaps[2]


@given(spectra(smallest=3), st.floats(0.1, 10))
def test_level_and_spread_scale_with_the_variance_and_a_flat_spectrum_has_no_spread(
    eigenvalues: FloatArray, factor: float
) -> None:
    level, spread = random_sketch_level(eigenvalues, 2), random_sketch_spread(eigenvalues, 2)
    assert random_sketch_level(factor * eigenvalues, 2) == pytest.approx(factor * level, rel=1e-9)
    assert random_sketch_spread(factor * eigenvalues, 2) == pytest.approx(factor * spread, rel=1e-6, abs=1e-7 * level)
    assert random_sketch_spread(np.full(20, factor), 2) == pytest.approx(0, abs=1e-7 * factor)


def test_a_single_direction_is_refused() -> None:
    with pytest.raises(InputError, match="eigenvalues: has one entry"):
        random_output_level(np.array([1.0]))
