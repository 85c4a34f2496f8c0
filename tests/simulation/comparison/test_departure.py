"""What a departure states, on curves whose deviation, errors and boundaries are known."""

from __future__ import annotations

import numpy as np
import pytest

from simulation.comparison.departure import OTHER, Departure, departure
from theory import Curve, Regime
from theory.curves.curve import logarithmic_steps
from theory.validation import FloatArray

STEPS = logarithmic_steps(1000).astype(np.float64)
#: Offsets of four draws: mean 0, and standard deviation 1 by n - 1.
SCATTER = np.array([-1.0, -1.0, 1.0, 1.0])[:, None] * np.sqrt(3) / 2


def _valley(centres: FloatArray | float) -> FloatArray:
    """(draw, T) losses that fall from one half to .3 at ``centres`` in log steps, and rise again."""
    logs = np.log(np.maximum(STEPS, 0.5))
    return 0.5 - 0.2 * np.exp(-((logs - np.reshape(centres, (-1, 1))) ** 2) / 2)


def _curve(losses: FloatArray) -> Curve:
    return Curve(STEPS, np.broadcast_to(losses, (4, STEPS.size)).copy())


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_deviation_is_the_largest_in_size_with_its_sign_step_and_standard_error(sign: float) -> None:
    derived = _curve(_valley(4.0))
    change = np.where(STEPS == 100, 0.03 * sign, 0.0) + np.where(STEPS == 10, -0.02 * sign, 0.0)
    found = departure(derived, _curve(derived.losses + change + 0.004 * SCATTER * (STEPS == 100)))
    assert found.deviation == pytest.approx(0.03 * sign, rel=1e-12)
    assert found.deviation_step == 100
    assert found.deviation_error == pytest.approx(0.004 / np.sqrt(4), rel=1e-12)


def test_the_error_of_the_fall_is_that_of_the_paired_difference() -> None:
    """Derived draws scatter by .02 at their lowest step, trained ones by .004 more; the common part cancels."""
    lowest = np.arange(STEPS.size) == np.argmin(_valley(4.0)[0])
    derived = _curve(_valley(4.0) + 0.02 * SCATTER * lowest)
    trained = _curve(derived.losses - (0.01 + 0.004 * SCATTER) * lowest)
    found = departure(derived, trained)
    assert found.fall_measured - found.fall_derived == pytest.approx(0.01, rel=1e-9)
    assert found.fall_error == pytest.approx(0.004 / np.sqrt(4), rel=1e-9)


def test_moves_of_the_size_of_the_noise_do_not_count() -> None:
    """A rise of .02 before the fall: a move of the curve, and none where its error is .01."""
    losses = _valley(4.0) + 0.02 * np.exp(-((np.log(np.maximum(STEPS, 0.5)) - 1) ** 2) / 0.1)
    clear, noisy = (departure(_curve(losses), _curve(losses + 2 * error * SCATTER)) for error in (0.0, 0.01))
    assert clear.regime_measured is Regime.RISE_DIP_RISE
    assert noisy.regime_measured is Regime.THREE_PHASES


def test_a_slower_clock_is_no_other_shape() -> None:
    found = departure(_curve(_valley(4.0)), _curve(_valley(4.0 + np.log(1.5))))
    turning = found.turning_point
    # The grid has about 20 steps per decade, 12 % apart.
    assert turning.ratio == pytest.approx(1.5, rel=0.02)
    assert abs(found.deviation) > 0.04
    # Interpolation between steps 12 % apart, and the error of the ratio, at slopes of up to .12 in log steps.
    assert found.shape_deviation < 0.005


def test_the_error_of_a_ratio_is_the_spread_over_draws_over_the_root_of_their_number() -> None:
    """Draws move apart in log time by known amounts, and the derived curve stays."""
    centres = 4.0 + 0.1 * SCATTER[:, 0]
    found = departure(_curve(_valley(4.0)), _curve(_valley(centres))).turning_point
    # The mean of valleys turns at their mean centre, whose error is .1 / sqrt(4). A bootstrap of 400 resamples knows
    # it to 1 / sqrt(800) = 3.5 %: four such errors. Without the correction n / (n - 1) it would be 13 % low.
    assert found.error == pytest.approx(0.1 / np.sqrt(4), rel=0.1)


def test_a_departure_comes_back_from_its_values_with_what_older_files_call_other() -> None:
    found = departure(_curve(_valley(4.0)), _curve(_valley(4.0 + np.log(1.5))))
    values = found.as_values()
    assert Departure.from_values(values) == found
    older = Departure.from_values(values | {"regime_measured": OTHER})
    assert older.regime_measured is None
    assert older.as_values()["regime_measured"] == OTHER
    assert not older.keeps_regime
