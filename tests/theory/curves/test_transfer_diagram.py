from __future__ import annotations

import numpy as np
import pytest

from theory import DataModel, InputError, Logistic, OneOutput, SquaredError, Stopping, transfer_verdict
from theory.curves.transfer_diagram import (
    alignment_range,
    own_verdict,
    shared_alignment,
    shared_target,
    small_scale_borders,
    transfer_column,
    transfer_diagram,
)
from theory.validation import FloatArray

MODEL = DataModel.power_law(30, 1.0, 0.0, 0.2)
NETWORK = OneOutput.from_model(MODEL, SquaredError())


def _brute_verdict(network: OneOutput, row: FloatArray, init_scale: float) -> Stopping:
    """The verdict of a curve on a fine grid of times, written out.

    Whether the best time moves with sigma0 is seen by the same on 2 % larger and smaller scales.
    """
    rates = network.curvature * network.eigenvalues
    times = np.geomspace(1e-4 * min(1 / rates.max(), network.phase_one_end(init_scale)), 200 / rates.min(), 15_000)
    decay, learnt = network.modes(times)
    noises = decay**2 @ np.stack([row**2, network.eigenvalues], axis=1)
    signals = (learnt @ row) ** 2, learnt**2 @ network.eigenvalues

    def shares(scale: float) -> FloatArray:
        return (scale**2 * noises[:, 0] + signals[0]) / (scale**2 * noises[:, 1] + signals[1])

    start = np.sum(row**2) / network.eigenvalues.sum()
    solution = network.signal / network.eigenvalues
    end = (solution @ row) ** 2 / (solution**2 @ network.eigenvalues)
    best = max(start, end, shares(init_scale).max()) * (1 - 1e-9)
    if end >= best or start >= best:
        return Stopping.GO_ON if end >= best else Stopping.BEFORE_TRAINING
    # A parabola through the highest point and its neighbours, in log time.
    peaks = []
    for scale in (init_scale / 1.02, init_scale * 1.02):
        near = shares(scale)
        top = slice(int(np.argmax(near)) - 10, int(np.argmax(near)) + 11)
        bend = np.polyfit(np.log(times[top]), near[top], 2)
        peaks.append(-bend[1] / (2 * bend[0]))
    exponent = (peaks[1] - peaks[0]) / (2 * np.log(1.02))
    return Stopping.TURNING_POINT if exponent > 1 / 3 else Stopping.LATER


def test_the_alignment_is_a_ratio_of_mean_eigenvalues_and_rises_with_the_exponent() -> None:
    squares, levels = MODEL.prototypes[1] ** 2, MODEL.eigenvalues
    for exponent in (-1.0, 0.0, 0.7, 2.0):
        row = squares * levels**exponent
        expected = np.average(levels, weights=row) / np.average(levels, weights=levels * squares)
        assert shared_alignment(NETWORK, exponent) == pytest.approx(expected)
    found = [shared_alignment(NETWORK, exponent) for exponent in np.linspace(-20, 20, 41)]
    assert np.all(np.diff(found) > 0)
    low, high = alignment_range(NETWORK)
    assert (found[0], found[-1]) == (pytest.approx(low), pytest.approx(high))
    for alignment in (1.01 * low, 0.5, 1.0, 0.99 * high):
        target = shared_target(NETWORK, alignment)
        shared = MODEL.prototypes[1] * target.cross_covariance[:, 0]
        found_alignment = np.average(levels, weights=shared) / np.average(levels, weights=levels * squares)
        assert found_alignment == pytest.approx(alignment, rel=1e-9)
        # Without noise: the inputs explain all of it.
        assert target.explained_by_inputs == pytest.approx(target.variance)


def test_at_small_scales_the_borders_are_those_of_the_theorem() -> None:
    """Go on below B1^2 / (B0 B2), stop later up to 1, the turning point above; so say the verdicts in closed form."""
    first, second = small_scale_borders(NETWORK)
    squares, levels = MODEL.prototypes[1] ** 2, MODEL.eigenvalues
    assert first == pytest.approx((levels @ squares) ** 2 / (squares.sum() * (levels**2 @ squares)))
    assert second == pytest.approx(1.0)
    for alignment, expected in (
        (0.98 * first, Stopping.GO_ON),
        (1.02 * first, Stopping.LATER),
        (0.98, Stopping.LATER),
        (1.02, Stopping.TURNING_POINT),
    ):
        assert own_verdict(NETWORK, shared_target(NETWORK, alignment), 1e-9) is expected
        assert transfer_verdict(MODEL, shared_target(NETWORK, alignment), SquaredError()).stopping is expected


ALIGNMENTS = np.geomspace(1.05 * alignment_range(NETWORK)[0], 0.98 * alignment_range(NETWORK)[1], 7)


@pytest.fixture(scope="module")
def diagram() -> dict[float, object]:
    return {column.alignment: column for column in transfer_diagram(NETWORK, ALIGNMENTS)}


def test_the_regions_are_the_verdicts_of_the_curves_themselves(diagram: dict[float, object]) -> None:
    """On a grid of alignment and scale, by a second program; points within 5 % of a border in scale are left out."""
    seen, checked = set(), 0
    for alignment in ALIGNMENTS:
        row = shared_target(NETWORK, float(alignment)).cross_covariance[:, 0]
        for scaled in np.geomspace(2e-4, 500, 7):
            unit = scaled / NETWORK.phase_one_end(1.0) / NETWORK.eigenvalues[0]
            (expected, *others) = (_brute_verdict(NETWORK, row, float(unit * factor)) for factor in (1, 1.05, 1 / 1.05))
            if any(other is not expected for other in others):
                continue
            checked += 1
            seen.add(expected)
            assert diagram[float(alignment)].at(float(scaled)) is expected, (alignment, scaled)
    assert seen == set(Stopping)
    assert checked > 40


def test_at_a_border_the_verdict_changes(diagram: dict[float, object]) -> None:
    borders = [(column, border) for column in diagram.values() for border in column.borders]
    assert borders
    for column, border in borders:
        target = shared_target(NETWORK, column.alignment)
        assert own_verdict(NETWORK, target, border.scaled / 1.001) is border.below
        assert own_verdict(NETWORK, target, border.scaled * 1.001) is border.above
        assert column.at(border.scaled * 1.001) is border.above


def test_the_curvature_of_the_loss_moves_no_border() -> None:
    """It sets the units of time and of W(0) alone, and scaled initialisations are in these: c lambda_1 s1."""
    logistic = OneOutput.from_model(MODEL, Logistic())
    for alignment in (0.3, 1.8):
        here = transfer_column(NETWORK, alignment).borders
        there = transfer_column(logistic, alignment).borders
        assert len(here) == len(there)
        for one, other in zip(here, there, strict=True):
            assert other.scaled * logistic.curvature == pytest.approx(one.scaled, rel=1e-4)


def test_a_resolution_makes_going_on_right_more_often() -> None:
    column = transfer_column(NETWORK, 0.33)
    assert column.lowest is Stopping.LATER
    assert transfer_column(NETWORK, 0.33, resolution=0.9).lowest is Stopping.GO_ON


def test_what_is_outside_is_refused() -> None:
    with pytest.raises(InputError, match="alignment: 100 is not accepted; give"):
        shared_target(NETWORK, 100.0)
    with pytest.raises(InputError, match="scaled: 1e-05 is not accepted"):
        transfer_column(NETWORK, 0.33).at(1e-5)
