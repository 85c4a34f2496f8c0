"""Gains over the last checkpoint: limits of many and of few labels, coverage under the prior, and the verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from empirical.probes.gain_curve import CHANGE_PER_DOUBLING, Verdict, gain_curve
from theory import InputError

STEPS = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])


def scored(gains: np.ndarray, samples: int, draw: np.random.Generator, noise: float = 0.4) -> np.ndarray:
    """(T, n) scores with these mean gains; samples differ from each other and from step to step."""
    own = noise * draw.standard_normal((gains.size, samples))
    return gains[:, None] + own + draw.standard_normal(samples)


def prior_draw(draw: np.random.Generator) -> np.ndarray:
    moves = CHANGE_PER_DOUBLING * draw.standard_normal(STEPS.size - 1)
    return np.append(np.cumsum(moves[::-1])[::-1], 0.0)


def test_many_labels_give_the_measured_gains_and_few_the_last_checkpoint() -> None:
    gains = np.linspace(0.1, 0, STEPS.size)
    draw = np.random.default_rng(0)
    many = gain_curve(STEPS, scored(gains, 100_000, draw, noise=0.01))
    np.testing.assert_allclose(many.mean, gains, atol=3 * 0.01 * np.sqrt(2 / 100_000))
    few = gain_curve(STEPS, 1e4 * draw.standard_normal((STEPS.size, 5)))
    assert np.abs(few.mean).max() < 1e-4


def test_a_lone_peak_counts_less_than_a_broad_one_of_the_same_height() -> None:
    draw = np.random.default_rng(0)
    noise = scored(np.zeros(STEPS.size), 200, draw)
    noise -= noise.mean(axis=1, keepdims=True)
    lone, broad = (np.isin(STEPS, steps) * 0.05 for steps in ([128], [32, 64, 128, 256, 512]))
    found = [gain_curve(STEPS, noise + gains[:, None]).mean[8] for gains in (lone, broad)]
    assert 0 < found[0] < 0.8 * found[1] < 0.05


def test_the_band_of_the_chosen_step_covers_where_the_prior_holds() -> None:
    """At least 95 % less three standard errors, although the step is the best of twelve."""
    draw = np.random.default_rng(0)
    covered = []
    for _ in range(100):
        gains = prior_draw(draw)
        found = gain_curve(STEPS, scored(gains, 100, draw))
        covered.append(found.lower[found.leading] <= gains[found.leading] <= found.upper[found.leading])
    assert np.mean(covered) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 100)


def test_a_few_samples_that_tell_no_checkpoints_apart_decide_nothing() -> None:
    assert gain_curve(STEPS, np.ones((STEPS.size, 4))).verdict is Verdict.UNDECIDED
    assert gain_curve(STEPS, np.ones((STEPS.size, 4000))).verdict is Verdict.LAST


def test_verdicts() -> None:
    draw = np.random.default_rng(0)
    hump = 0.1 * np.exp(-np.square(np.log2(STEPS + 0.5) - 6) / 8) - 0.001
    hump[-1] = 0
    take = gain_curve(STEPS, scored(hump, 2000, draw))
    assert take.verdict is Verdict.TAKE
    assert 16 <= STEPS[take.chosen] <= 256
    rising = np.linspace(-0.5, 0, STEPS.size)
    last = gain_curve(STEPS, scored(rising, 20_000, draw, noise=0.1))
    assert last.verdict is Verdict.LAST
    assert last.chosen == STEPS.size - 1
    unclear = gain_curve(STEPS, scored(hump / 5, 50, draw))
    assert unclear.verdict is Verdict.UNDECIDED
    assert unclear.chosen == STEPS.size - 1
    assert unclear.best_guess == unclear.leading
    assert unclear.more_samples > 0
    assert take.more_samples == last.more_samples == 0


def test_scores_that_order_the_steps_decide_which_one_leads_and_move_no_band() -> None:
    draw = np.random.default_rng(0)
    scores = scored(np.zeros(STEPS.size), 50, draw)
    sharp = scored(0.1 * (STEPS == 64), 10_000, draw, noise=0.01)
    plain, ordered = gain_curve(STEPS, scores), gain_curve(STEPS, scores, ordered_by=sharp)
    assert STEPS[plain.leading] != STEPS[ordered.leading] == 64
    np.testing.assert_array_equal(plain.mean, ordered.mean)
    np.testing.assert_array_equal(plain.upper, ordered.upper)
    assert ordered.best_guess == ordered.leading
    with pytest.raises(InputError, match="ordered_by"):
        gain_curve(STEPS, scores, ordered_by=sharp[1:])


def test_so_many_more_labels_decide() -> None:
    """Scores as before, only more of them: bands shrink with the root of their number, or a little faster."""
    draw = np.random.default_rng(3)
    hump = 0.04 * np.exp(-np.square(np.log2(STEPS + 0.5) - 6) / 8) - 0.001
    few = scored(hump, 100, draw)
    few += (hump - (few - few[-1]).mean(axis=1))[:, None] * (STEPS < 1024)[:, None]
    found = gain_curve(STEPS, few)
    assert found.verdict is Verdict.UNDECIDED
    more = int(np.ceil((found.samples + found.more_samples) / found.samples))
    assert gain_curve(STEPS, np.tile(few, (1, more))).verdict is Verdict.TAKE


def test_so_many_more_labels_decide_about_half_of_the_choices_where_the_prior_holds() -> None:
    """A quarter of the number decides .15 of them and four times the number .62; the standard error is .05."""
    draw = np.random.default_rng(0)
    kept = []
    for _ in range(100):
        gains = prior_draw(draw)
        few = scored(gains, 200, draw)
        found = gain_curve(STEPS, few)
        if 0 < found.more_samples < 20_000:
            more = np.hstack([few, scored(gains, found.more_samples, draw)])
            kept.append(gain_curve(STEPS, more).verdict is not Verdict.UNDECIDED)
    assert 0.25 < np.mean(kept) < 0.6


@pytest.mark.parametrize(
    ("steps", "scores", "message"),
    [
        ([1, 2], np.zeros((3, 4)), "scores: have shape"),
        ([2, 1], np.zeros((2, 4)), "strictly increasing"),
        ([1, 2], np.full((2, 4), np.nan), "scores"),
        ([1], np.zeros((1, 4)), "at least 2 steps"),
        ([1, 2], np.zeros((2, 1)), "at least 2 steps and samples"),
    ],
    ids=["shape", "order", "nan", "one step", "one sample"],
)
def test_bad_scores_are_refused(steps: list[int], scores: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        gain_curve(np.array(steps), scores)
