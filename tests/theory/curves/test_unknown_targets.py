"""Why unlabelled inputs give no verdict: the average of T9 over targets falls, stays or rises.

A target that weighs the inputs' directions at random, with mean square f(lambda) where these have unit variance, has
E[T T^T] = Sigma f(Sigma), and a layer explains tr[Pi f(Sigma)] of it on average. Chebyshev's inequality, which proves
T4 for f = lambda (reconstruction), holds for every increasing f; turned around it holds for every decreasing one.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import data_models
from theory import CentredOutputs, DataModel, LearntTransfer, SquaredError, Target
from theory.validation import FloatArray

#: Rounding of a share, and of the rank of the learnt rows, which counts no direction below 1e-10 of the largest.
ROUNDING = 1e-6


def average(model: DataModel, exponent: float) -> FloatArray:
    """The mean share along the learnt path of targets with f(lambda) = lambda^exponent."""
    values = model.eigenvalues
    weights = (values / values[0]) ** exponent
    target = Target(values, np.sqrt(values * weights), float(weights.sum()))
    loss = SquaredError() if model.classes == 2 else CentredOutputs(SquaredError())
    path = LearntTransfer.from_model(model, loss, target)
    return path.shares(np.array([0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]) / values[0])


@given(
    data_models(largest_dimension=12).filter(lambda one: one.dimension > one.classes),
    st.sampled_from([0.25, 0.5, 1.0, 2.0]),
)
@settings(max_examples=30)
def test_the_average_over_targets_falls_stays_or_rises_with_the_prior(model: DataModel, power: float) -> None:
    falls, stays, rises = (np.diff(average(model, exponent)) for exponent in (power, 0.0, -power))
    assert (falls <= ROUNDING).all()
    assert (np.abs(stays) <= ROUNDING).all()
    assert (rises >= -ROUNDING).all()


def test_the_same_inputs_and_layer_stand_for_opposite_advice() -> None:
    """A power law: beside reconstruction, which says stop, a prior that says go on by as much as a fifth."""
    model = DataModel.power_law(100, 1.0, 1.0, 0.2)
    reconstruction, level, small = (average(model, exponent) for exponent in (1.0, 0.0, -1.0))
    assert reconstruction[-1] < 0.8 * reconstruction[0]
    assert level == pytest.approx(1 / 100, abs=ROUNDING)
    assert small[-1] > 1.2 * small[0]
