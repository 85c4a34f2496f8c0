"""Each theorem's assumption matters: without it a counterexample is found and shrunk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from tests.strategies import two_class_models
from theory import DataModel, OneOutput, SquaredError, gradient_descent_curve
from theory.validation import FloatArray

_STEPS = np.arange(1, 13)


def _explained(eigenvalues: FloatArray, signal: FloatArray, step_share: float) -> FloatArray:
    """R over R(1) at steps 1 to 12 of gradient descent from W(0) = 0."""
    model = DataModel.two_classes(eigenvalues, signal)
    zero = np.zeros((1, 1, eigenvalues.size))
    losses = gradient_descent_curve(model, SquaredError(), zero, _STEPS, step_share / eigenvalues[0]).losses[0]
    explained = (1 - losses) * eigenvalues.sum()
    return explained / explained[0]


def _rise(instance: tuple[list[float], list[float]], step_share: float) -> float:
    """Largest relative rise of R in a step."""
    spectrum, signal = instance
    eigenvalues = np.sort(np.array(spectrum))[::-1] / max(spectrum)
    explained = _explained(eigenvalues, np.array(signal), step_share)
    return float(np.max(explained[1:] / explained[:-1] - 1))


_TENTHS = st.integers(1, 10).map(lambda number: number / 10)
_SMALL_INSTANCES = st.integers(2, 3).flatmap(
    lambda d: st.tuples(st.lists(_TENTHS, min_size=d, max_size=d), st.lists(_TENTHS, min_size=d, max_size=d))
)


@pytest.mark.parametrize(("step_share", "rise"), [(1.5, 0.05), (1.9, 0.2)])
def test_phase_three_fails_without_a_small_step(step_share: float, rise: float) -> None:
    """T4 without A5: above eta lambda_1 c = 1 modes overshoot and R rises; below 2 descent is still stable."""
    found = find(_SMALL_INSTANCES, lambda one: _rise(one, step_share) > rise, settings=settings(max_examples=2000))
    spectrum, signal = found
    print(
        f"eta lambda_1 = {step_share}: spectrum {spectrum}, signal {signal}, rise of R {_rise(found, step_share):.1%}"
    )
    assert len(spectrum) == 2
    assert _rise(found, 1.0) < 1e-9


@given(two_class_models(), st.floats(0.01, 1.0))
def test_phase_three_holds_with_a_small_step(model: DataModel, step_share: float) -> None:
    explained = _explained(model.eigenvalues, model.prototypes[1], step_share)
    assert np.all(np.diff(explained) <= 1e-9)


def test_phase_two_fails_without_alignment_and_holds_with_it() -> None:
    """T3 without A3, on the same spectrum with the signal reversed."""
    eigenvalues = np.array([4.0, 2.0, 1.0])
    signal = np.array([0.3, 0.1, 0.02])
    aligned = OneOutput(eigenvalues, signal, 1.0)
    reversed_signal = OneOutput(eigenvalues, signal[::-1].copy(), 1.0)
    assert aligned.is_aligned
    assert aligned.turning_point(1e-3) is not None
    assert not reversed_signal.is_aligned
    assert reversed_signal.turning_point(1e-3) is None


def test_the_turning_point_formula_fails_without_a_small_initialisation() -> None:
    """T5 without A7: the error grows from below 1 % to beyond 10 % as s1 comes near 1/lambda_1."""
    network = OneOutput.from_model(DataModel.power_law(1000, 1.0, 2.0, 0.2), SquaredError())
    errors = []
    for scale in (1e-3, 1.0):
        exact, formula = network.turning_point(scale), network.turning_point_formula(scale)
        assert exact is not None
        assert formula is not None
        errors.append(abs(formula / exact - 1))
    assert errors[0] < 0.01
    assert errors[1] > 0.1
