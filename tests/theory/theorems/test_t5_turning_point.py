from __future__ import annotations

import numpy as np
import pytest

from theory import DataModel, InputError, OneOutput, SquaredError
from theory.theorems.evaluation import complete_values
from theory.theorems.l5_turning_point_of_draws import TURNING_POINT_OF_DRAWS
from theory.theorems.t5_turning_point import TURNING_POINT


def test_the_turning_point_formula_fails_without_a_small_initialisation() -> None:
    """T5 without A7: the error grows from below 1 % as s1 comes near 1/lambda_1; beyond, the formula gives no time."""
    network = OneOutput.from_model(DataModel.power_law(1000, 1.0, 2.0, 0.2), SquaredError())
    errors = []
    for scale in (1e-3, 0.15):
        exact, formula = network.turning_point(scale).time, network.turning_point_formula(scale)
        assert exact is not None
        assert formula is not None
        errors.append(abs(formula / exact - 1))
    assert errors[0] < 0.01
    assert errors[1] > 0.05
    assert network.turning_point_formula(1.0) is None
    assert network.turning_point_formula(0.1) == pytest.approx(2.01, abs=0.01)


def test_the_largest_scale_of_the_turning_point_by_hand() -> None:
    """R2 - R0 = 1/2, Var = 1, A1 = 2, B1 = 1: 3/2 s* = 1/2 with s*^3 = 2 C sigma0^2, C = 1 in T5 and 5 in L5."""
    sums = {"A1": 2.0, "A2": 1.0, "B1": 1.0, "B2": 1.0, "B3": 2.0}
    for theorem, remainder in ((TURNING_POINT, 1), (TURNING_POINT_OF_DRAWS, 5)):
        largest = 3**-1.5 / np.sqrt(2 * remainder)
        found = complete_values(theorem, {**sums, "sigma0": 0.99 * largest})
        assert found["c"] == 1
        with pytest.raises(InputError, match="give a sigma0 so small"):
            complete_values(theorem, {**sums, "sigma0": 1.01 * largest})
    # The network has the same range: sigma0^2 = 4/27 (R2 - R0)^2 B1 / (A1 (c Var)^2).
    spectrum, squares, c = np.array([1.0, 0.5, 0.2]), np.array([0.04, 0.01, 0.001]), 0.25
    level = float(np.average(spectrum, weights=spectrum * squares))
    spread = float(np.average((spectrum - level) ** 2, weights=spectrum * squares))
    gap = level - np.sum(spectrum**2) / spectrum.sum()
    largest = np.sqrt(4 / 27 * gap**2 * (spectrum @ squares) / (spectrum.sum() * (c * spread) ** 2))
    network = OneOutput(spectrum, np.sqrt(squares), c)
    assert network.turning_point_formula(1.01 * largest) is None
    assert network.turning_point_formula(0.99 * largest) is not None
