from __future__ import annotations

import numpy as np
import pytest

from theory import InputError, OneOutput, Regime
from theory.catalogue import theorem_named
from theory.phase_diagram import (
    ScaleFamily,
    alignment_range,
    dip_border,
    end_border,
    largest_fall,
    network_with_alignment,
    regimes_at,
    rise_border,
)
from theory.symbolic import CURVATURE, INITIAL_SCALE, SIGNAL_SUMS, SPECTRUM_SUMS

SPECTRUM = np.arange(1, 65) ** -0.5


def test_a_network_has_the_alignment_asked_for() -> None:
    for alignment in (0.7, 1.0, 2.0):
        network = network_with_alignment(SPECTRUM, alignment)
        assert network.signal_level / network.initial_level == pytest.approx(alignment, rel=1e-9)
    lowest, highest = alignment_range(SPECTRUM)
    assert lowest < 1 < highest
    with pytest.raises(InputError, match="alignment: 100 is not accepted"):
        network_with_alignment(SPECTRUM, 100.0)


def test_the_sums_give_the_annealed_curve_at_every_scale() -> None:
    network = network_with_alignment(SPECTRUM, 1.5)
    family = ScaleFamily.of(network)
    scaled = np.array([0.01, 1.0])
    init_scales = scaled / (network.phase_one_end(1.0) * network.eigenvalues[0])
    expected = np.stack([network.relative_loss(scale, family.times) for scale in init_scales])
    np.testing.assert_allclose(family.relative_losses(scaled)[:, 1:], expected, rtol=1e-12)


def test_the_largest_fall_of_known_curves() -> None:
    curves = np.array([[0.5, 0.6, 0.3, 0.4, 0.35], [0.5, 0.5, 0.6, 0.7, 0.7]])
    fall, before, after = largest_fall(curves)
    np.testing.assert_allclose(fall, [0.3, 0.0])
    np.testing.assert_allclose(before, [0.1, 0.0])
    np.testing.assert_allclose(after, [0.1, 0.2])


def test_regions_follow_the_theorems() -> None:
    aligned = ScaleFamily.of(network_with_alignment(SPECTRUM, 2.0))
    assert regimes_at(aligned, np.array([0.01]), 2e-3) == [Regime.THREE_PHASES]
    misaligned = ScaleFamily.of(network_with_alignment(SPECTRUM, 0.7))
    assert regimes_at(misaligned, np.array([0.01, 0.1]), 2e-3) == [Regime.MONOTONE_RISE] * 2


def test_on_a_border_the_quantity_that_defines_it_is_the_resolution() -> None:
    resolution = 1e-3
    aligned = ScaleFamily.of(network_with_alignment(SPECTRUM, 2.0))
    rise, end = rise_border(aligned, resolution), end_border(aligned, resolution)
    assert rise < end
    _, before, _ = largest_fall(aligned.relative_losses(np.array([rise])))
    _, _, after = largest_fall(aligned.relative_losses(np.array([end])))
    np.testing.assert_allclose([before[0], after[0]], resolution, rtol=1e-3)
    around = regimes_at(aligned, np.array([rise * 0.99, rise * 1.01, end * 0.99, end * 1.01]), resolution)
    assert around == [Regime.THREE_PHASES, Regime.RISE_DIP_RISE, Regime.RISE_DIP_RISE, Regime.STILL_FALLING]

    weak = ScaleFamily.of(network_with_alignment(SPECTRUM, 1.2))
    dip = dip_border(weak, resolution)
    fall, _, _ = largest_fall(weak.relative_losses(np.array([dip])))
    assert fall[0] == pytest.approx(resolution, rel=1e-3)
    assert regimes_at(weak, np.array([dip * 1.01]), resolution) == [Regime.MONOTONE_RISE]


def _first_rise(network: OneOutput, scale: float) -> float:
    """Theorem T7's height of the first rise, from the symbols."""
    spectrum = network.eigenvalues ** np.arange(len(SPECTRUM_SUMS))[:, None]
    values = dict(zip(SPECTRUM_SUMS, spectrum.sum(axis=1), strict=True))
    values |= dict(zip(SIGNAL_SUMS, spectrum @ network.signal**2, strict=True))
    return float(theorem_named("T7").statement.rhs.subs({**values, INITIAL_SCALE: scale, CURVATURE: network.curvature}))


def test_the_border_approaches_the_asymptote_of_theorem_seven_at_fine_resolution() -> None:
    """sigma0 = Theta(sqrt(resolution)): the symbolic height at the border tends to the resolution."""
    network = network_with_alignment(SPECTRUM, 2.0)
    family = ScaleFamily.of(network, points=4000)
    per_unit = network.phase_one_end(1.0) * network.eigenvalues[0]
    ratios = []
    for resolution in (1e-3, 1e-4, 1e-5):
        scale = rise_border(family, resolution) / per_unit
        ratios.append(_first_rise(network, scale) / (resolution * SPECTRUM.sum()))
    errors = np.abs(np.array(ratios) - 1)
    assert np.all(np.diff(errors) < 0)
    assert errors[-1] < 0.05
