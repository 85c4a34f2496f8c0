from __future__ import annotations

import numpy as np
import pytest

from theory import DataModel, OneOutput, SquaredError


def test_the_first_rise_is_that_of_the_annealed_curve() -> None:
    network = OneOutput.from_model(DataModel.power_law(200, 1.0, 2.0, 0.2), SquaredError())
    scale = 1e-3
    times = scale**2 * np.geomspace(1e-2, 1e3, 4000)
    measured = network.relative_loss(scale, times).max() - network.relative_loss(scale, np.array([0.0]))[0]
    border = network.rise_border_formula(measured)
    # The next order is smaller by sigma0 to the power one: s / s1 at the deepest point.
    assert border == pytest.approx(scale, rel=0.01)
