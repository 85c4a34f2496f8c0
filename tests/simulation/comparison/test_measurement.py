from __future__ import annotations

import numpy as np
import pytest

from simulation import measured_boundaries
from theory import Curve, Regime
from theory.validation import FloatArray


def _valleys(shifts: FloatArray) -> Curve:
    """Replicas with their minimum at log time 3 + shift."""
    logs = np.linspace(0, 6, 121)
    return Curve(np.exp(logs), 0.5 - 0.2 * np.exp(-((logs - 3 - shifts[:, None]) ** 2) / 4))


@pytest.mark.slow
def test_the_bootstrap_error_is_the_spread_of_the_boundary_over_ensembles() -> None:
    generator = np.random.default_rng(0)
    ensembles = [measured_boundaries(_valleys(generator.normal(0, 0.3, 16))) for _ in range(60)]
    spread = np.std([np.log(one.boundaries.turning_point) for one in ensembles])
    stated = np.mean([one.relative_error("turning_point") for one in ensembles])
    # Bootstrap errors of 16 replicas are low by about sqrt(15/16); 60 ensembles leave 9 %.
    assert stated == pytest.approx(spread, rel=0.3)
    assert spread == pytest.approx(0.3 / 4, rel=0.3)


def test_equal_replicas_have_no_uncertainty_and_one_has_none_stated() -> None:
    many = measured_boundaries(_valleys(np.zeros(5)))
    assert many.boundaries.regime is Regime.THREE_PHASES
    assert many.relative_error("turning_point") == pytest.approx(0, abs=1e-9)
    assert measured_boundaries(_valleys(np.zeros(1))).relative_error("turning_point") is None


def test_more_replicas_give_a_smaller_error_as_the_square_root() -> None:
    generator = np.random.default_rng(1)
    shifts = generator.normal(0, 0.2, 400)
    few = measured_boundaries(_valleys(shifts[:25]), resamples=1000).relative_error("turning_point")
    many = measured_boundaries(_valleys(shifts), resamples=1000).relative_error("turning_point")
    assert few is not None
    assert many is not None
    # A standard deviation from 25 replicas is known to 1/sqrt(50) = 14 %.
    assert few / many == pytest.approx(4, rel=0.3)


def test_errors_of_ratios_are_paired() -> None:
    """The same replicas a little later: each boundary scatters, their ratio does not."""
    shifts = np.random.default_rng(2).normal(0, 0.3, 16)
    early, late = measured_boundaries(_valleys(shifts)), measured_boundaries(_valleys(shifts + 0.1))
    alone = late.relative_error("turning_point")
    paired = late.relative_error_against(early, "turning_point")
    assert alone is not None
    assert paired is not None
    assert paired < 0.05 * alone
