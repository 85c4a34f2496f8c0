from __future__ import annotations

import numpy as np
import pytest

from simulation.comparison.transfer import compare_transfer, read_transfer
from theory import Curve, InputError, Stopping

TIMES = np.array([0.0, 1.0, 2.0, 4.0, 8.0])


def _curve(*shares: float) -> Curve:
    """A curve with these R_T, of two replicas that are .1 apart."""
    missed = 1 - np.array(shares)
    return Curve(TIMES, np.stack([missed - 0.05, missed + 0.05]))


@pytest.mark.parametrize(
    ("shares", "stopping", "time"),
    [
        ((0.1, 0.2, 0.3, 0.4, 0.5), Stopping.GO_ON, 8.0),
        ((0.1, 0.2, 0.5, 0.4, 0.3), Stopping.TURNING_POINT, 2.0),
        ((0.1, 0.2, 0.3, 0.5, 0.3), Stopping.LATER, 4.0),
        ((0.5, 0.2, 0.3, 0.4, 0.3), Stopping.BEFORE_TRAINING, 0.0),
        # Stopping gains less than the resolution.
        ((0.1, 0.2, 0.504, 0.4, 0.5), Stopping.GO_ON, 2.0),
        ((0.5, 0.2, 0.504, 0.4, 0.3), Stopping.BEFORE_TRAINING, 2.0),
    ],
)
def test_a_curve_is_read_by_where_its_mean_is_highest(
    shares: tuple[float, ...], stopping: Stopping, time: float
) -> None:
    found = read_transfer(_curve(*shares), saturation=3.0)
    assert (found.stopping, found.time) == (stopping, time)
    assert found.share == pytest.approx(max(shares))
    assert (found.first, found.last) == (pytest.approx(shares[0]), pytest.approx(shares[-1]))


def test_two_curves_are_compared_by_their_means_best_times_and_what_the_derived_time_costs() -> None:
    trained, derived = _curve(0.1, 0.2, 0.5, 0.4, 0.3), _curve(0.1, 0.25, 0.44, 0.45, 0.35)
    found = compare_transfer(derived, trained, saturation=3.0)
    assert (found.expected.stopping, found.found.stopping) == (Stopping.LATER, Stopping.TURNING_POINT)
    assert found.agrees
    assert (found.deviation, found.deviation_time) == (pytest.approx(0.06), 2.0)
    assert found.time_ratio == pytest.approx(2.0)
    assert found.regret == pytest.approx(0.1)
    other = compare_transfer(_curve(0.6, 0.2, 0.5, 0.4, 0.3), trained, saturation=3.0)
    assert not other.agrees
    assert other.time_ratio == 0
    assert compare_transfer(trained, _curve(0.6, 0.2, 0.5, 0.4, 0.3), saturation=3.0).time_ratio == float("inf")
    same = compare_transfer(trained, trained, saturation=3.0)
    assert (same.deviation, same.time_ratio, same.regret) == (0.0, 1.0, 0.0)


def test_what_does_not_fit_is_refused() -> None:
    curve = _curve(0.1, 0.2, 0.3, 0.4, 0.5)
    with pytest.raises(InputError, match="derived: has other times or replicas"):
        compare_transfer(curve.replica(0), curve, 3.0)
    with pytest.raises(InputError, match="resolution: 0 is not accepted"):
        read_transfer(curve, 3.0, resolution=0)
    with pytest.raises(InputError, match="saturation: 0 is not accepted"):
        read_transfer(_curve(0.1, 0.2, 0.5, 0.4, 0.3), 0)
