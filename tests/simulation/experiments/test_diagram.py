from __future__ import annotations

import numpy as np
import pytest

from simulation.experiments.diagram import DiagramGrid, DiagramPoint, simulate_diagram
from simulation.experiments.grid_agreement import GridAgreement
from theory import Regime
from theory.assumptions import Verdict


def test_networks_fall_into_the_regions_that_are_derived() -> None:
    """A coarse diagram; points near a border are left out."""
    scales, alignments = np.array([0.01, 0.1, 10.0]), np.array([0.8, 1.4, 2.0])
    points = simulate_diagram(DiagramGrid(np.arange(1, 33) ** -0.5, scales, alignments, 4e-3), replicas=16, seed=0)
    assert len(points) == 9
    assert GridAgreement.from_points(points).share == 1.0
    assert sum(bool(point.reproduced) for point in points) >= 8  # halves of 8 draws differ at most near a border
    regimes = {point.measured for point in points if not point.near_border}
    assert {Regime.THREE_PHASES, Regime.MONOTONE_RISE} <= regimes


def _point(agrees: bool, near: bool = False, reproduced: bool | None = True) -> DiagramPoint:
    measured = Regime.THREE_PHASES if agrees else Regime.MONOTONE_RISE
    return DiagramPoint(1.0, 1.0, Regime.THREE_PHASES, measured, near, reproduced)


def test_agreement_counts_only_points_away_from_borders() -> None:
    found = GridAgreement.from_points([_point(True), _point(False), _point(False, near=True)])
    assert (found.share, found.points) == (0.5, 2)
    assert np.isnan(GridAgreement.from_points([_point(True, near=True)]).share)


@pytest.mark.parametrize(
    ("wrong", "unsettled", "verdict"),
    [
        (5, 0, Verdict.HOLDS),  # 5 % may disagree
        (6, 0, Verdict.FAILS),
        (20, 15, Verdict.NOT_RESOLVED),  # chance decides 15 %
        (21, 15, Verdict.FAILS),
        (5, 100, Verdict.HOLDS),
    ],
)
def test_more_disagreement_than_chance_decides_is_a_failure(wrong: int, unsettled: int, verdict: Verdict) -> None:
    points = [_point(number >= wrong, reproduced=number < 100 - unsettled) for number in range(100)]
    assert GridAgreement.from_points(points).verdict is verdict


def test_one_draw_resolves_no_disagreement() -> None:
    """Eight directions: the first loss of a single draw scatters by a fifth, and a fifth of the regimes with it."""
    scales, alignments = np.array([0.003, 0.1, 4.0]), np.array([0.9, 1.1, 1.33])
    grid = DiagramGrid(np.arange(1, 9) ** -0.5, scales, alignments, 8e-3)
    found = GridAgreement.from_points(simulate_diagram(grid, replicas=1, seed=0))
    assert found.share < 0.95
    assert found.verdict is Verdict.NOT_RESOLVED
    assert "give more --replicas" in found.lines()[-1]
    assert GridAgreement.from_points([]).verdict is Verdict.NOT_RESOLVED
