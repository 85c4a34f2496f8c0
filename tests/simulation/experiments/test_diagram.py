from __future__ import annotations

import numpy as np

from simulation.experiments.diagram import DiagramGrid, DiagramPoint, agreement, simulate_diagram
from theory import Regime


def test_networks_fall_into_the_regions_that_are_derived() -> None:
    """A coarse diagram; points near a border are left out."""
    scales, alignments = np.array([0.01, 0.1, 10.0]), np.array([0.8, 1.4, 2.0])
    points = simulate_diagram(DiagramGrid(np.arange(1, 33) ** -0.5, scales, alignments, 4e-3), replicas=16, seed=0)
    assert len(points) == 9
    assert agreement(points) == 1.0
    regimes = {point.measured for point in points if not point.near_border}
    assert {Regime.THREE_PHASES, Regime.MONOTONE_RISE} <= regimes


def test_agreement_counts_only_points_away_from_borders() -> None:
    def point(measured: Regime, near: bool) -> DiagramPoint:
        return DiagramPoint(1.0, 1.0, Regime.THREE_PHASES, measured, near)

    right, wrong = point(Regime.THREE_PHASES, False), point(Regime.MONOTONE_RISE, False)
    assert agreement([right, wrong, point(Regime.MONOTONE_RISE, True)]) == 0.5
    assert np.isnan(agreement([point(Regime.THREE_PHASES, True)]))
