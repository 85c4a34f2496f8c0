from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import two_class_models
from theory import DataModel, InputError, OneOutput, Regime, SquaredError, regime_of
from theory.curves.phase_diagram import (
    Border,
    ScaleFamily,
    alignment_range,
    borders,
    dip_border,
    end_border,
    fall_alignment,
    late_fall,
    late_fall_alignment,
    late_fall_border,
    network_with_alignment,
    regimes_at,
    rise_border,
    rise_border_asymptote,
)
from theory.curves.regimes import moves_of
from theory.validation import FloatArray

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
    family = ScaleFamily.from_network(network)
    scaled = np.array([0.01, 1.0])
    init_scales = scaled / (network.phase_one_end(1.0) * network.eigenvalues[0])
    expected = np.stack([network.relative_loss(scale, family.times) for scale in init_scales])
    np.testing.assert_allclose(family.relative_losses(scaled)[:, 1:], expected, rtol=1e-12)


def test_regions_follow_the_theorems() -> None:
    aligned = ScaleFamily.from_network(network_with_alignment(SPECTRUM, 2.0))
    assert regimes_at(aligned, np.array([0.01]), 2e-3) == [Regime.THREE_PHASES]
    misaligned = ScaleFamily.from_network(network_with_alignment(SPECTRUM, 0.7))
    assert regimes_at(misaligned, np.array([0.01, 0.1]), 2e-3) == [Regime.MONOTONE_RISE] * 2


def test_on_a_border_the_move_that_appears_or_vanishes_is_the_resolution() -> None:
    resolution = 1e-3
    aligned = ScaleFamily.from_network(network_with_alignment(SPECTRUM, 2.0))
    found = borders(aligned, resolution)
    rise, end = rise_border(found), end_border(found)
    assert [one.scaled for one in found] == [rise, end]
    assert [found[0].below, found[0].above, found[1].above] == [
        Regime.THREE_PHASES,
        Regime.RISE_DIP_RISE,
        Regime.RISE_FALL,
    ]
    start, crest, *_ = _levels(aligned, rise)
    *_, valley, last = _levels(aligned, end)
    np.testing.assert_allclose([crest - start, last - valley], resolution, rtol=1e-3)

    weak = ScaleFamily.from_network(network_with_alignment(SPECTRUM, 1.2))
    dip = dip_border(borders(weak, resolution))
    *_, crest, valley, _ = _levels(weak, dip / 1.0001)
    assert crest - valley == pytest.approx(resolution, rel=1e-3)
    assert regimes_at(weak, np.array([dip * 1.01]), resolution) == [Regime.MONOTONE_RISE]


def test_each_border_is_the_first_at_which_its_move_comes_or_goes() -> None:
    """A course through all regions, with a scale of its own for each border; and none of them on another course."""
    course = [
        Border(0.1, Regime.THREE_PHASES, Regime.RISE_DIP_RISE),
        Border(0.5, Regime.RISE_DIP_RISE, Regime.RISE_FALL),
        Border(2.0, Regime.RISE_FALL, Regime.MONOTONE_RISE),
        Border(9.0, Regime.MONOTONE_RISE, Regime.RISE_FALL),
    ]
    kinds = (rise_border, end_border, dip_border, late_fall_border)
    assert [one(course) for one in kinds] == [0.1, 0.5, 2.0, 9.0]
    assert np.isnan([one([]) for one in kinds]).all()
    assert np.isnan([one([Border(1.0, Regime.CONSTANT, Regime.MONOTONE_RISE)]) for one in kinds]).all()


def _levels(family: ScaleFamily, scaled: float) -> FloatArray:
    """The values between which the curve moves by a tenth of the resolution and more."""
    losses = family.relative_losses(np.array([scaled]))[0]
    return np.asarray(losses[list(moves_of(losses, 1e-4).indices)])


@given(two_class_models(), st.floats(-4, 2), st.sampled_from([1e-2, 1e-3, 1e-4]))
@settings(max_examples=30)
def test_the_regions_are_the_regimes_of_the_curves(model: DataModel, exponent: float, resolution: float) -> None:
    """At many scales on a grid of times, and at one scale by the extrema: the same, but for what the grid misses."""
    network = OneOutput.from_model(model, SquaredError())
    scaled = 10.0**exponent
    init_scale = scaled / (network.phase_one_end(1.0) * network.eigenvalues[0])
    family = ScaleFamily.from_network(network)
    (found,) = regimes_at(family, np.array([scaled]), resolution)
    assert found == regime_of(family.relative_losses(np.array([scaled]))[0], resolution)
    # Between times 7 % apart or so an extremum is missed by less than a hundredth of its move.
    near = {network.regime(init_scale, factor * resolution) for factor in (0.97, 1.0, 1.03)}
    assert found in near


def test_a_fourth_phase_is_found_at_every_level() -> None:
    """Two learnt modes and a thousand without signal, in which W(0) decays last: the loss falls once more."""
    network = OneOutput(np.r_[1.0, 0.3, np.full(1000, 1e-3)], np.r_[0.3, 0.15, np.zeros(1000)], 1.0)
    scaled = 0.1 * network.phase_one_end(1.0)
    expected = {1e-2: "rise-fall-rise-fall", 1.1e-2: "fall-rise-fall", 5e-2: "three phases", 0.2: "constant"}
    times = np.concatenate([[0.0], np.geomspace(1e-4, 1e5, 2000)])
    for resolution, name in expected.items():
        assert network.regime(0.1, resolution) is Regime.from_name(name)
        assert regimes_at(ScaleFamily.from_network(network), np.array([scaled]), resolution) == [Regime.from_name(name)]
        assert regime_of(network.relative_loss(0.1, times), resolution) is Regime.from_name(name)


@pytest.mark.parametrize("wanted", [(1, -1, 1, -1), (-1, 1, -1, 1, -1), (1, -1, 1, -1, 1, -1)])
def test_modes_that_saturate_one_after_another_make_any_sequence_of_moves(wanted: tuple[int, ...]) -> None:
    """Theorem T7: the loss falls where W(0) outweighs what a mode learns, and rises where it does not."""
    levels = 10.0 ** (-1.5 * np.arange(len(wanted) + 1))
    # At sigma0 = 1 W(0) weighs l; what is learnt weighs ten times that, three times or nothing.
    weights = levels * np.array([10.0, *(3.0 if move > 0 else 0.0 for move in wanted)])
    moves = OneOutput(levels, np.sqrt(weights * levels), 1.0).regime(1.0, 0.0).moves
    # After the first rise and the fall to the first mode.
    assert moves[-len(wanted) :] == wanted


def test_the_number_of_moves_is_bounded() -> None:
    """2 d - 1 for d distinct eigenvalues, conjectured, in place of the proven 2 d^2; reached for d = 2 and 3."""
    generator, most = np.random.default_rng(0), {2: 0, 3: 0}
    for dimension in most:
        for _ in range(30):
            eigenvalues = 10.0 ** -np.sort(generator.uniform(0, 3, dimension))
            network = OneOutput(eigenvalues, 10.0 ** -generator.uniform(0, 3, dimension), 1.0)
            moves = len(network.regime(10.0 ** generator.uniform(-3, 1), 0.0).moves)
            most[dimension] = max(most[dimension], moves)
    assert most[2] == 3
    assert 3 <= most[3] <= 5


def test_the_border_of_the_first_rise_tends_to_its_asymptote_with_the_resolution() -> None:
    family = ScaleFamily.from_network(network_with_alignment(SPECTRUM, 1.5), points=2000)
    errors = [
        abs(rise_border(borders(family, resolution)) / rise_border_asymptote(family, resolution) - 1)
        for resolution in (1e-5, 1e-7)
    ]
    # The next order is s / s1 at the deepest point, as the square root of the resolution: tenfold less, within a factor
    # of two for what comes after.
    assert errors[0] < 0.05
    assert errors[1] < errors[0] / 5
    assert np.isnan(rise_border_asymptote(ScaleFamily.from_network(network_with_alignment(SPECTRUM, 0.9)), 1e-5))


def test_for_small_initial_weights_the_fall_begins_at_its_alignment() -> None:
    resolution = 1e-3
    alignment = fall_alignment(SPECTRUM, resolution)
    around = [
        regimes_at(
            ScaleFamily.from_network(network_with_alignment(SPECTRUM, factor * alignment)), np.array([2e-4]), resolution
        )[0]
        for factor in (0.999, 1.003)
    ]
    assert around == [Regime.MONOTONE_RISE, Regime.THREE_PHASES]


def test_a_late_fall_begins_at_its_border_and_for_large_weights_at_its_alignment() -> None:
    family = ScaleFamily.from_network(network_with_alignment(SPECTRUM, 1.2))
    border = late_fall_border(borders(family, 1e-3))
    assert regimes_at(family, border * np.array([0.99, 1.01]), 1e-3) == [Regime.MONOTONE_RISE, Regime.RISE_FALL]
    # Few and well separated eigenvalues: elsewhere the last two part only for sigma0 above exp(l_d / (l_(d-1) - l_d)).
    misaligned = ScaleFamily.from_network(network_with_alignment(np.array([1.0, 0.5, 0.1]), 0.7))
    _, crest, end = _levels(misaligned, 1e12)
    assert crest - end == pytest.approx(late_fall(misaligned.network), rel=1e-3)
    resolution = 1e-3
    alignment = late_fall_alignment(SPECTRUM, resolution)
    assert late_fall(network_with_alignment(SPECTRUM, alignment)) == pytest.approx(resolution, rel=1e-8)
    assert np.isnan(late_fall_alignment(SPECTRUM, 0.9))
