from __future__ import annotations

import numpy as np
import pytest

from theory import InputError, Regime
from theory.phase_diagram import (
    ScaleFamily,
    alignment_range,
    dip_border,
    end_border,
    fall_alignment,
    largest_fall,
    late_fall,
    late_fall_alignment,
    late_fall_border,
    network_with_alignment,
    regimes_at,
    rise_border,
    rise_border_asymptote,
)

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


def test_the_border_of_the_first_rise_tends_to_its_asymptote_with_the_resolution() -> None:
    family = ScaleFamily.of(network_with_alignment(SPECTRUM, 1.5))
    errors = [
        abs(rise_border(family, resolution) / rise_border_asymptote(family, resolution) - 1)
        for resolution in (1e-5, 1e-7)
    ]
    # The next order is s / s1 at the deepest point, as the square root of the resolution: tenfold less, within a factor
    # of two for what comes after.
    assert errors[0] < 0.05
    assert errors[1] < errors[0] / 5
    assert np.isnan(rise_border_asymptote(ScaleFamily.of(network_with_alignment(SPECTRUM, 0.9)), 1e-5))


def test_for_small_initial_weights_the_fall_begins_at_its_alignment() -> None:
    resolution = 1e-3
    alignment = fall_alignment(SPECTRUM, resolution)
    around = [
        regimes_at(ScaleFamily.of(network_with_alignment(SPECTRUM, factor * alignment)), np.array([2e-4]), resolution)[
            0
        ]
        for factor in (0.999, 1.003)
    ]
    assert around == [Regime.MONOTONE_RISE, Regime.THREE_PHASES]


def test_a_late_fall_begins_at_its_border_and_for_large_weights_at_its_alignment() -> None:
    family = ScaleFamily.of(network_with_alignment(SPECTRUM, 1.2))
    border = late_fall_border(family, 1e-3)
    assert regimes_at(family, border * np.array([0.99, 1.01]), 1e-3) == [Regime.MONOTONE_RISE, Regime.STILL_FALLING]
    # Few and well separated eigenvalues: elsewhere the last two part only for sigma0 above exp(l_d / (l_(d-1) - l_d)).
    misaligned = ScaleFamily.of(network_with_alignment(np.array([1.0, 0.5, 0.1]), 0.7))
    fall = largest_fall(misaligned.relative_losses(np.array([1e12])))[0][0]
    assert fall == pytest.approx(late_fall(misaligned.network), rel=1e-3)
    resolution = 1e-3
    alignment = late_fall_alignment(SPECTRUM, resolution)
    assert late_fall(network_with_alignment(SPECTRUM, alignment)) == pytest.approx(resolution, rel=1e-8)
    assert np.isnan(late_fall_alignment(SPECTRUM, 0.9))
