from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulation import Claim, ClaimKind, Tolerances, compare, initial_weights
from theory import Curve, DataModel, InputError, Logistic, Verdict, gradient_descent_curve, logarithmic_steps

TOLERANCES = Tolerances(0.01, 0.02, 100, 0.01, 64, 0.15)
STEP_SIZE = 0.5


@pytest.fixture(scope="module")
def curve() -> Curve:
    model = DataModel.power_law(100, 1.0, 1.5, 0.05)
    start = initial_weights(6, 1, 100, 0.01, 0)
    return gradient_descent_curve(model, Logistic(), start, logarithmic_steps(2000), STEP_SIZE)


def _failed(derived: Curve, trained: Curve) -> list[str]:
    claims = compare(derived, derived, trained, STEP_SIZE, TOLERANCES).claims
    return [claim.name for claim in claims if claim.verdict is not Verdict.HOLDS]


def test_a_curve_agrees_with_itself_in_every_claim(curve: Curve) -> None:
    claims = compare(curve, curve, curve, STEP_SIZE, TOLERANCES).claims
    assert all(claim.verdict is Verdict.HOLDS for claim in claims)
    assert {claim.deviation for claim in claims} == {0.0}
    assert len(claims) >= 6


def test_a_shifted_level_fails_the_curve_claims_only(curve: Curve) -> None:
    failed = _failed(curve, replace(curve, losses=curve.losses + 0.015))
    assert failed == ["mean-field curve, steps 0 to 100", "linearised curve, steps 0 to 64"]


def test_a_stretched_time_fails_the_boundaries(curve: Curve) -> None:
    stretched = np.stack([np.interp(curve.times / 1.3, curve.times, row) for row in curve.losses])
    failed = _failed(curve, replace(curve, losses=stretched))
    assert "turning point" in failed
    assert "end of phase I (half of the fall)" in failed


def test_a_course_without_a_fall_fails_the_regime(curve: Curve) -> None:
    rising = np.linspace(0.5, 0.9, curve.times.size) + np.zeros_like(curve.losses)
    failed = _failed(curve, replace(curve, losses=rising))
    assert {"regime", "turning point"} <= set(failed)
    claims = compare(curve, curve, replace(curve, losses=rising), STEP_SIZE, TOLERANCES).claims
    turning = next(claim for claim in claims if claim.kind is ClaimKind.TURNING_POINT)
    assert turning.measured == "none: no fall larger than the resolution"


def test_the_spread_over_draws_cancels_but_noise_of_a_draw_does_not(curve: Curve) -> None:
    shifted = compare(curve, curve, replace(curve, losses=curve.losses + 0.001), STEP_SIZE, TOLERANCES).claims[0]
    assert shifted.standard_error < 1e-12
    noise = 0.01 * np.random.default_rng(0).standard_normal(curve.losses.shape)
    noisy = compare(curve, curve, replace(curve, losses=curve.losses + noise), STEP_SIZE, TOLERANCES).claims[0]
    # One standard deviation from six draws is known to a third of itself.
    assert noisy.standard_error == pytest.approx(0.01 / np.sqrt(6), rel=0.8)


def test_the_error_of_a_curve_is_the_spread_of_the_paired_difference_over_the_root_of_the_draws(curve: Curve) -> None:
    """Six draws at plus and minus a known amount: a standard deviation of sqrt(6 / 5) times it."""
    scatter = 0.004 * np.where(np.arange(6) % 2, 1.0, -1.0)[:, None]
    claims = compare(curve, curve, replace(curve, losses=curve.losses + scatter), STEP_SIZE, TOLERANCES).claims
    assert claims[0].standard_error == pytest.approx(0.004 * np.sqrt(6 / 5) / np.sqrt(6), rel=1e-9)


def test_early_and_late_claims_share_no_step(curve: Curve) -> None:
    """A deviation at the last early step alone fails the early claim and not the late one."""
    steps = np.rint(curve.times / STEP_SIZE)
    last = steps[steps <= TOLERANCES.early_steps][-1]
    failed = _failed(curve, replace(curve, losses=curve.losses + 0.03 * (steps == last)))
    assert [name for name in failed if "mean-field" in name] == ["mean-field curve, steps 0 to 100"]


@pytest.mark.parametrize(
    ("deviation", "error", "verdict"),
    [
        (0.1, 0.0, Verdict.HOLDS),
        (0.1, 0.1, Verdict.HOLDS),
        (0.0, 0.2, Verdict.NOT_RESOLVED),
        (0.0, float("inf"), Verdict.NOT_RESOLVED),
        (float("nan"), float("inf"), Verdict.NOT_RESOLVED),
        (0.6, 0.2, Verdict.FAILS),
        (0.101, 0.0, Verdict.FAILS),
        (0.19, 0.05, Verdict.NOT_RESOLVED),
        (0.21, 0.05, Verdict.FAILS),
        (float("nan"), 0.05, Verdict.FAILS),
    ],
)
def test_a_claim_fails_only_where_the_data_resolve_it(deviation: float, error: float, verdict: Verdict) -> None:
    assert Claim(ClaimKind.REGIME, "", "", 1.0, 1.0, deviation, error, 0.1).verdict is verdict


def test_draws_that_are_all_wrong_but_right_on_average_resolve_nothing(curve: Curve) -> None:
    sign = np.where(np.arange(6) % 2, 1.0, -1.0)[:, None]
    scattered = replace(curve, losses=curve.losses + 0.1 * sign)
    claims = compare(curve, curve, scattered, STEP_SIZE, TOLERANCES).claims
    verdicts = {claim.name: claim.verdict for claim in claims if claim.kind.is_curve or claim.kind is ClaimKind.REGIME}
    assert set(verdicts.values()) == {Verdict.NOT_RESOLVED}


def test_a_boundary_just_beyond_the_last_step_is_not_resolved(curve: Curve) -> None:
    """Cut between the derived and a slightly later trained return to the initial level."""
    times = np.geomspace(1, 61, 121)

    def valley(back: float) -> Curve:
        return Curve(times, np.tile(np.interp(np.log(times), np.log([1, 10, back]), [0.5, 0.3, 0.5]), (6, 1)))

    claims = compare(valley(60), valley(60), valley(63), 1.0, TOLERANCES).claims
    (back,) = (claim for claim in claims if claim.kind is ClaimKind.RETURN)
    assert back.measured == "none: not back at the initial level by the end"
    assert back.verdict is Verdict.NOT_RESOLVED


def test_claims_on_a_flat_curve_are_no_evidence_and_a_wrong_level_still_fails(curve: Curve) -> None:
    flat = replace(curve, losses=0.5 + 0.001 * (curve.losses - curve.losses.mean()))
    moved = replace(flat, losses=flat.losses + 0.0005)
    claims = compare(flat, flat, moved, STEP_SIZE, TOLERANCES).claims
    assert {claim.verdict for claim in claims} == {Verdict.NO_PHASES}
    assert claims[0].range_share is None
    wrong = compare(flat, flat, replace(flat, losses=flat.losses + 0.1), STEP_SIZE, TOLERANCES).claims
    assert wrong[0].verdict is Verdict.FAILS


def test_an_error_is_a_share_of_the_range_of_the_derived_curve(curve: Curve) -> None:
    moved = replace(curve, losses=curve.losses + 0.003)
    claims = compare(curve, curve, moved, STEP_SIZE, TOLERANCES).claims
    shares = [claim.range_share for claim in claims if claim.kind.is_curve]
    assert shares == pytest.approx([0.003 / np.ptp(curve.mean)] * len(shares))


def test_curves_that_do_not_fit_are_refused(curve: Curve) -> None:
    with pytest.raises(InputError, match="derived: has other times or replicas"):
        compare(curve.replica(slice(2)), curve, curve, STEP_SIZE, TOLERANCES)


@pytest.mark.parametrize("name", ["early_curve", "boundary"])
def test_tolerances_must_be_positive(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: 0 is not accepted"):
        replace(TOLERANCES, **{name: 0})
