from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from empirical.fit.class_shape import tail_index
from empirical.fit.minority import RESAMPLES, SMALLEST_SEPARATION, find_minority, minority_interval
from empirical.fit.two_components import optima
from theory import InputError
from theory.validation import FloatArray, IntArray


def _projections(index: float, seed: int, count: int = 8000) -> tuple[FloatArray, IntArray, list[IntArray]]:
    """Multivariate t of 30 coordinates projected on 20 directions, in classes of other means and variances."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    inputs = generator.standard_normal((count, 30)) * np.arange(1, 31) ** -0.5
    if np.isfinite(index):
        inputs /= np.sqrt(generator.chisquare(index, count) / index)[:, None]
    inputs = inputs * (1 + labels[:, None]) + 10 * labels[:, None]
    return inputs @ generator.standard_normal((30, 20)), labels, np.array_split(np.arange(count), 10)


@pytest.mark.parametrize("index", [3.0, 5.0, 12.0])
def test_the_tail_index_of_t_is_recovered(index: float) -> None:
    found = tail_index(*_projections(index, seed=0))
    assert found.low < found.value < found.high
    # The ratio of quantiles of 8,000 samples has a relative error of about 0.015; the index, ten times as much.
    assert found.value == pytest.approx(index, rel=0.35)
    assert found.low / 1.2 < index < found.high * 1.2


def test_gaussians_have_an_infinite_index_inside_the_interval() -> None:
    found = tail_index(*_projections(np.inf, seed=1))
    assert found.high == np.inf
    assert found.low > 30


def test_the_inverse_index_goes_through_zero_without_a_jump() -> None:
    """Where nu leaps from large to infinite: uniform samples have lighter tails than a Gaussian."""
    generator = np.random.default_rng(5)
    labels, parts = np.zeros(4000, dtype=np.int64), np.array_split(np.arange(4000), 10)
    light = tail_index(generator.uniform(-1, 1, (4000, 10)), labels, parts)
    assert light.inverse.high < 0
    assert light.value == light.low == light.high == np.inf
    gaussian = tail_index(generator.standard_normal((4000, 10)), labels, parts)
    assert 0.0 in gaussian.inverse
    assert gaussian.inverse.standard_error < 0.02


@pytest.mark.slow
def test_the_interval_of_the_share_holds_the_choices_of_every_resample() -> None:
    """Two humps at the limit of what counts: some samples have a minority and others none, and the error says so."""
    found = [minority_interval([_class_with_minority(0.25, 0.0, 2.5, seed, count=500)], seed) for seed in range(8)]
    spread = np.std([one.value for one in found], ddof=1)
    errors = np.sqrt(np.mean([one.standard_error**2 for one in found]))
    # The standard deviation of eight estimates is known to 27 %; three times that, and what smoothing leaves.
    assert 0.4 < spread / errors < 1.8


def test_tails_do_not_depend_on_means_and_scales_of_classes() -> None:
    projections, labels, parts = _projections(5.0, seed=2)
    moved = tail_index(projections * np.array([1.0, 3.0, 0.1, 7.0])[labels, None] - 5 * labels[:, None], labels, parts)
    assert moved.value == pytest.approx(tail_index(projections, labels, parts).value, rel=1e-9)  # float error


def _class_with_minority(share: float, position: float, separation: float, seed: int, count: int = 3000) -> FloatArray:
    generator = np.random.default_rng(seed)
    away = generator.random(count) < share
    deviation = abs(1 - position) / separation
    return np.where(away, position, 1.0) + deviation * generator.standard_normal(count)


@pytest.mark.parametrize(("share", "position", "separation"), [(0.1, -1.0, 4.0), (0.3, -1.0, 3.5), (0.2, 0.0, 5.0)])
def test_share_and_position_of_a_minority_are_recovered(share: float, position: float, separation: float) -> None:
    found = find_minority(_class_with_minority(share, position, separation, seed=0))
    # Four standard errors of a share of 3,000 samples, twice the counting error where components overlap.
    assert found.share == pytest.approx(share, abs=8 * np.sqrt(share * (1 - share) / 3000))
    assert found.position == pytest.approx(position, abs=0.15)
    assert found.separation == pytest.approx(separation, rel=0.1)


def test_one_hump_has_no_minority() -> None:
    generator = np.random.default_rng(1)
    assert find_minority(1 + generator.standard_normal(3000)).share == 0
    # Two humps that are one: components half a standard deviation apart.
    assert find_minority(_class_with_minority(0.3, 0.0, 0.5, seed=2)).share == 0
    # Skewness is described better by two components, which are closer than 2.5 standard deviations.
    assert find_minority(generator.gamma(40.0, size=3000)).share == 0


@pytest.mark.slow
def test_the_share_of_all_samples_has_an_interval_that_covers() -> None:
    generator = np.random.default_rng(3)
    covered = []
    for seed in range(6):
        positions = [_class_with_minority(0.2, -1.0, 4.0, seed, count=600), generator.standard_normal(600)]
        interval = minority_interval(positions, seed)
        covered.append(0.1 in interval)
        assert 0 < interval.standard_error < 0.03
    # 95 % of 6 are 5.7; four standard errors are 2.1.
    assert sum(covered) >= 4


def test_bad_samples_are_refused() -> None:
    with pytest.raises(InputError, match="positions: are all equal"):
        find_minority(np.ones(10))
    assert find_minority(np.array([1.0, 2.0])).share == 0  # too few for two components
    parts = [np.array([0]), np.array([1])]
    with pytest.raises(InputError, match="class 1 has 1 sample;"):
        tail_index(np.arange(5.0)[:, None], np.array([0, 0, 0, 0, 1]), parts)
    with pytest.raises(InputError, match="inputs: class 0 does not vary along a direction"):
        tail_index(np.ones((6, 1)), np.zeros(6, dtype=np.int64), parts)


def test_small_classes_of_different_sizes_pass_for_gaussian() -> None:
    """A sample of two deviates from their mean by sqrt(1/2) of what one of 29 does, which looks like a heavy tail."""
    sizes = np.array([2] * 400 + [29] * 30)
    labels = np.repeat(np.arange(sizes.size), sizes)
    projections = np.random.default_rng(0).standard_normal((labels.size, 30))
    found = tail_index(projections, labels, np.array_split(np.random.default_rng(1).permutation(labels.size), 10))
    assert 0.0 in found.inverse
    assert found.inverse.standard_error < 0.03


def test_the_ends_of_the_interval_of_a_share_are_normal_quantiles() -> None:
    positions = [_class_with_minority(0.2, -1.0, 5.0, seed=0, count=300)]
    for level, quantile in ((0.95, 1.959964), (0.5, 0.674490)):
        found = minority_interval(positions, level=level)
        reaches = [found.high - found.value, found.value - found.low]
        np.testing.assert_allclose(reaches, quantile * found.standard_error, rtol=1e-6)


def test_classes_count_by_their_sizes_and_along_the_resampled_prototypes() -> None:
    large, small = _class_with_minority(0.2, -1.0, 6.0, seed=0, count=900), _class_with_minority(0.0, 0, 1, 1, 300)
    share = float(np.mean(large < 0))
    found = minority_interval([large, small])
    # The mean over 30 resamples of a share with a standard error of .01.
    assert found.value == pytest.approx(0.75 * share, abs=4 * 0.01 / np.sqrt(30))
    # Along the prototypes of resamples there may be one hump where the sample itself has two.
    along = np.concatenate([large[None], np.random.default_rng(2).standard_normal((RESAMPLES, 900))])
    assert minority_interval([along]).value < 0.02


def test_two_components_are_accepted_by_the_criterion_of_schwarz() -> None:
    accepted = []
    for seed in range(8):
        values = _class_with_minority(0.25, -1.0, 3.2, seed, count=40)
        first, second = (
            GaussianMixture(number, covariance_type="tied", tol=1e-7, max_iter=1000, random_state=0).fit(
                values[:, None]
            )
            for number in (1, 2)
        )
        found = optima(values)[0]
        gain = values.size * (second.score(values[:, None]) - first.score(values[:, None]))
        # A step that gains less than 1e-4 per sample is the last; and a start may lead higher than k-means does.
        assert found.gain > gain - 0.05
        preferred = bool(second.bic(values[:, None]) < first.bic(values[:, None]))
        close = abs(second.bic(values[:, None]) - first.bic(values[:, None])) < 0.2
        if found.separation > SMALLEST_SEPARATION and not close:
            assert (find_minority(values).share > 0) is preferred
            accepted.append(preferred)
    assert {True, False} <= set(accepted)


def test_a_mixture_moves_and_stretches_with_its_sample() -> None:
    values = _class_with_minority(0.2, -1.0, 4.0, 0, count=300)
    plain, moved = optima(values)[0], optima(1e6 * values - 3e7)[0]
    np.testing.assert_allclose(moved.means, 1e6 * plain.means - 3e7, rtol=1e-6)
    assert moved.deviation == pytest.approx(1e6 * plain.deviation, rel=1e-6)
    assert moved.gain == pytest.approx(plain.gain, rel=1e-6)


def test_the_share_of_a_few_samples_of_one_hump_is_nearly_nothing() -> None:
    """Two components overfit fifty samples; their evidence says so."""
    generator = np.random.default_rng(4)
    assert np.mean([minority_interval([generator.standard_normal(50)], seed).value for seed in range(4)]) < 0.04


def test_resamples_follow_the_seed() -> None:
    positions = [_class_with_minority(0.25, 0.0, 3.0, 3, count=120)]
    first, again, other = (minority_interval(positions, seed) for seed in (0, 0, 1))
    assert first == again
    assert first.value != other.value
