from __future__ import annotations

import numpy as np
import pytest

from theory import Absence, OneOutput, Regime, regime_of


def test_phase_two_fails_without_alignment_and_holds_with_it() -> None:
    """T3 without A3, on the same spectrum with the signal reversed."""
    eigenvalues, signal = np.array([4.0, 2.0, 1.0]), np.array([0.3, 0.05, 0.0])
    aligned, misaligned = (OneOutput(eigenvalues, one.copy(), 1.0) for one in (signal, signal[::-1]))
    assert aligned.is_aligned
    assert aligned.turning_point(1e-3).time is not None
    assert not misaligned.is_aligned
    assert misaligned.turning_point_formula(1e-3) is None
    assert misaligned.turning_point(1e-3).absence is Absence.NO_FALL
    assert misaligned.return_time(1e-3).absence is Absence.NO_FALL
    assert np.all(np.diff(misaligned.relative_loss(1e-3, np.geomspace(1e-6, 1e2, 400))) >= -1e-12)


def test_misaligned_data_rise_dip_and_rise_from_large_weights() -> None:
    """T3 is the limit of small sigma0: W(0) decays below R2, and what is learnt raises R again."""
    network = OneOutput(np.array([1.0, 0.6, 0.03]), np.array([0.0, 0.28, 0.05]), 1.0)
    assert network.alignment == pytest.approx(0.718, abs=0.001)
    times = np.concatenate([[0.0], np.geomspace(1e-6, 1e4, 400)])
    assert regime_of(network.relative_loss(1.0, times)) is Regime.RISE_DIP_RISE
    assert regime_of(network.relative_loss(1e-4, times)) is Regime.MONOTONE_RISE
