from __future__ import annotations

import numpy as np
import pytest

from simulation.experiments.grid_agreement import GridAgreement
from simulation.experiments.transfer_diagram import (
    TransferGrid,
    simulate_transfer_diagram,
    stopping_of,
    transfer_grid,
)
from theory import Curve, InputError, Stopping


def test_networks_give_the_verdicts_that_are_derived() -> None:
    """Four alignments by three scales, of which those near a border are left out."""
    whole = transfer_grid(12, 0.5)
    grid = TransferGrid(whole.model, np.array([0.03, 1.0, 50.0]), whole.alignments[[1, 6, 8, 11]], 0.005)
    points = simulate_transfer_diagram(grid, replicas=16, seed=0)
    assert len(points) == 12
    assert sum(not point.near_border for point in points) >= 8
    assert GridAgreement.from_points(points).share == 1.0
    assert sum(bool(point.reproduced) for point in points) >= 10
    assert {point.measured for point in points if not point.near_border} >= {Stopping.TURNING_POINT, Stopping.GO_ON}


@pytest.mark.parametrize(
    ("power", "expected"), [(2 / 3, Stopping.TURNING_POINT), (0.5, Stopping.TURNING_POINT), (0.0, Stopping.LATER)]
)
def test_a_peak_that_moves_with_the_initial_scale_is_the_turning_point(power: float, expected: Stopping) -> None:
    times = np.geomspace(0.01, 100, 200)

    def curve(scale: float) -> Curve:
        return Curve(times, 0.5 + 0.05 * np.square(np.log(times / scale**power))[None])

    assert stopping_of(curve(1 / 1.1), curve(1.1), 1.21, 0.005) is expected


def test_a_curve_that_is_best_at_an_end_says_so_and_the_end_of_training_comes_first() -> None:
    times = np.array([0.0, 1.0, 2.0, 3.0])

    def verdict(*shares: float) -> Stopping:
        curve = Curve(times, 1 - np.array([shares]))
        return stopping_of(curve, curve, 1.21, 0.005)

    assert verdict(0.1, 0.2, 0.3, 0.4) is Stopping.GO_ON
    assert verdict(0.1, 0.4, 0.39, 0.396) is Stopping.GO_ON  # .004 below the best does not count
    assert verdict(0.4, 0.3, 0.2, 0.1) is Stopping.BEFORE_TRAINING
    assert verdict(0.4, 0.4, 0.4, 0.4) is Stopping.GO_ON


def test_one_pair_of_draws_has_no_halves() -> None:
    whole = transfer_grid(8, 0.5)
    grid = TransferGrid(whole.model, np.array([0.1]), whole.alignments[[1]], 0.005)
    for replicas, known in ((2, False), (4, True)):
        (point,) = simulate_transfer_diagram(grid, replicas, seed=0)
        assert (point.reproduced is not None) is known


def test_a_spectrum_that_takes_too_long_is_refused() -> None:
    with pytest.raises(InputError, match="alpha: at 2 the last of 64 modes takes more than 20,000 steps"):
        transfer_grid(64, 2.0)
