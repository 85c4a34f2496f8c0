from __future__ import annotations

import numpy as np
import pytest

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


@pytest.mark.parametrize("outputs", [0, 5, 2.5])
def test_bad_numbers_of_outputs_are_refused(outputs: int) -> None:
    with pytest.raises(InputError, match="outputs"):
        random_sketch_level(np.ones(5), outputs)
