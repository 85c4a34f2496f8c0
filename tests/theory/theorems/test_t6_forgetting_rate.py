from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from theory import DataModel, OneOutput, SquaredError, explained_variance
from theory.assumptions import fit_power_law, power_law_signal, power_law_spectrum
from theory.symbols.complexity import ALPHA, BETA
from theory.symbols.symbolic import TIME
from theory.theorems.t6_forgetting_rate import FORGETTING_RATE
from theory.validation import FloatArray


@pytest.mark.parametrize(
    ("alpha", "beta"),
    [
        *[(2.0, 0.3), (1.5, 0.5), (1.8, 0.6), (1.0, 1.4), (1.5, 1.8), (2.0, 2.0), (1.2, 1.6), (1.0, 3.0), (1.5, 3.5)],
        *[(1.5, 1.0), (2.0, 1.0), (1.0, 2.0), (1.5, 2.5)],
    ],
)
def test_the_slopes_on_two_hundred_thousand_modes(alpha: float, beta: float) -> None:
    """Fitted over two decades well inside 1/lambda_1 << s << 1/lambda_d, within 0.05 of the derived order's.

    The last four pairs are those with logarithms.
    """
    model = DataModel.power_law(200_000, alpha, beta, 1.0)
    network = OneOutput.from_model(model, SquaredError())
    last = 200_000**alpha
    times = np.geomspace(last**0.6, last**0.6 * 100, 9)
    explained = network.explained_variance(1e-12, times)
    order = FORGETTING_RATE.statement.rhs.args[0].subs({ALPHA: sp.nsimplify(alpha), BETA: sp.nsimplify(beta)})
    derived = [float(order.subs(TIME, time)) for time in times]
    slope, expected = (np.polyfit(np.log(times), np.log(values), 1)[0] for values in (explained, derived))
    assert slope == pytest.approx(expected, abs=0.05)


def _forgetting_slope(model: DataModel, times: FloatArray) -> float:
    """Slope of log R against log s along what is learnt from W(0) = 0 under squared error."""
    _, learnt = OneOutput.from_model(model, SquaredError()).modes(times)
    explained = explained_variance(learnt[:, None, :], model.eigenvalues)
    return float(np.polyfit(np.log(times), np.log(explained), 1)[0])


def _exponent(alpha: float, beta: float) -> float:
    """Theorem T6, for 1 < beta < 1 + alpha."""
    assert 1 < beta < 1 + alpha
    return -(1 + alpha - beta) / alpha


def test_the_rate_of_forgetting_fails_without_a_power_law_spectrum() -> None:
    """T6 without A1: an exponential spectrum forgets at another rate than its fitted exponent says."""
    beta, times = 2.5, np.geomspace(1e2, 1e5, 20)
    index = np.arange(1, 201.0)
    power = DataModel.power_law(20_000, 2.0, beta, 1.0)
    exponential = DataModel.two_classes(np.exp(-(index - 1) / 10), index ** (-beta / 2))
    errors = []
    for model in (power, exponential):
        fit = fit_power_law(model.eigenvalues)
        assert fit is not None
        seen, predicted = _forgetting_slope(model, times), _exponent(fit.exponent, beta)
        print(f"alpha {fit.exponent:.2f} (R^2 {fit.determination:.2f}): slope {seen:.2f}, predicted {predicted:.2f}")
        errors.append(abs(seen - predicted))
    assert power_law_spectrum(power).holds
    assert not power_law_spectrum(exponential).holds
    assert errors[0] < 0.05
    assert errors[1] > 0.2


def test_nothing_is_forgotten_without_a_power_law_signal() -> None:
    """T6 without A2: a signal in one mode explains the eigenvalue of this mode at any time."""
    times = np.geomspace(1e2, 1e5, 20)
    spread = DataModel.power_law(20_000, 2.0, 2.0, 1.0)
    one_mode = DataModel.two_classes(spread.eigenvalues, np.where(np.arange(20_000) == 9, 1.0, 0.0))
    slopes = [_forgetting_slope(model, times) for model in (spread, one_mode)]
    print(f"slope of R: {slopes[0]:.3f} with a power-law signal, {slopes[1]:.1e} with a signal in mode 10")
    assert power_law_signal(spread).holds
    assert not power_law_signal(one_mode).holds
    assert abs(slopes[0] - _exponent(2.0, 2.0)) < 0.05
    assert abs(slopes[1]) < 1e-12
