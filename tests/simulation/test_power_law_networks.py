"""Simulated networks on the power-law model, lambda_i = 1/i and delta_i^2 = 0.2/i^2, d = 1000."""

from __future__ import annotations

import numpy as np
import pytest

from simulation import FreshSamples, initial_weights, measured_boundaries, train
from theory import DataModel, OneOutput, SquaredError

REPLICAS = 64


@pytest.mark.parametrize(
    "scale", [pytest.param(1e-3, id="0.001"), pytest.param(1e-2, id="0.01"), pytest.param(1e-1, id="0.1")]
)
def test_networks_turn_where_the_theory_says_within_their_standard_errors(scale: float) -> None:
    """Sixty-four networks on samples of their own, against the annealed closed form.

    The model itself holds more signal than classes can have; scaling signal and W(0) by the same
    factor leaves the curve of squared error unchanged and makes it realisable.
    """
    stated = DataModel.power_law(1000, 1.0, 2.0, 0.2)
    factor = 0.3
    model = stated.with_signal_scaled(factor)
    turning = OneOutput.from_model(stated, SquaredError()).turning_point(scale)
    assert turning is not None
    # Forty steps to the turning point, recorded from a tenth of it to three times it.
    steps = np.union1d([0], np.arange(4, 121))
    start = initial_weights(REPLICAS, 1, 1000, factor * scale, seed=2)
    source = FreshSamples(model, 200, REPLICAS, seed=3)
    trained = train(source, model, SquaredError(), start, steps, turning / 40)
    found = measured_boundaries(trained.curve, resolution=1e-3)
    assert found.boundaries.turning_point is not None
    error = found.relative_error("turning_point")
    assert error is not None
    deviation = np.log(found.boundaries.turning_point / turning)
    assert abs(deviation) < 2 * error
    assert error < 0.15  # else the comparison would say little
