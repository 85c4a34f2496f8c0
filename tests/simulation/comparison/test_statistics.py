from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from simulation import MeasuredBoundaries, Slope, equality_test, holm, measured_boundaries, slope_with_interval
from tests.strategies import seeds
from theory import Boundaries, Curve, InputError, Regime
from theory.validation import FloatArray

LEVEL = 0.05
probabilities = st.lists(st.floats(0, 1) | st.just(float("nan")), min_size=1, max_size=12)


def _naive_holm(p_values: Sequence[float], level: float) -> set[int]:
    """The step-down procedure: reject the smallest while it is small enough for those that are left."""
    left = {index: 1.0 if np.isnan(value) else value for index, value in enumerate(p_values)}
    rejected = set()
    while left:
        smallest = min(left, key=left.__getitem__)
        if left.pop(smallest) > level / (len(left) + 1):
            break
        rejected.add(smallest)
    return rejected


@given(probabilities, st.floats(0.001, 0.5))
def test_holm_is_the_step_down(p_values: list[float], level: float) -> None:
    scaled = np.array(p_values) ** 4  # small ones are frequent, so that rejections are
    assert set(np.flatnonzero(holm(scaled, level))) == _naive_holm(list(scaled), level)


@given(probabilities, seeds)
def test_holm_does_not_depend_on_the_order_and_rejects_whatever_bonferroni_does(
    p_values: list[float], seed: int
) -> None:
    scaled = np.array(p_values) ** 4
    rejected = holm(scaled, LEVEL)
    order = np.random.default_rng(seed).permutation(scaled.size)
    np.testing.assert_array_equal(holm(scaled[order], LEVEL), rejected[order])
    assert np.all(rejected[scaled <= LEVEL / scaled.size])


def test_holm_rejects_more_than_bonferroni_and_less_than_each_test_alone() -> None:
    table = np.array([[0.001, 0.03], [0.02, np.nan]])
    np.testing.assert_array_equal(holm(table, LEVEL), [[True, False], [False, False]])
    np.testing.assert_array_equal(holm([0.02, 0.03, 0.04, 0.9], LEVEL), [False] * 4)
    np.testing.assert_array_equal(holm([0.01, 0.02, 0.03], LEVEL), [True] * 3)


@pytest.mark.parametrize("place", range(5))
def test_a_p_value_is_rejected_up_to_the_level_over_the_number_left(place: int) -> None:
    thresholds = LEVEL / np.arange(5, 0, -1)
    assert holm(thresholds, LEVEL).all()
    thresholds[place] *= 1 + 1e-9
    np.testing.assert_array_equal(holm(thresholds, LEVEL), np.arange(5) < place)


def test_a_missing_value_counts_as_one() -> None:
    np.testing.assert_array_equal(holm([0.02, np.nan, np.nan], LEVEL), holm([0.02, 1.0, 1.0], LEVEL))
    assert not holm([0.02, np.nan, np.nan], LEVEL).any()
    assert holm([0.02], LEVEL).all()
    assert holm([], LEVEL).shape == (0,)


@pytest.mark.parametrize("false_ones", [0, 6])
def test_the_family_wise_error_rate_is_the_level(false_ones: int) -> None:
    """Ten independent hypotheses; false ones are rejected always and make room, which Holm uses up.

    With m true ones the rate is 1 - (1 - level / m)^m, just below the level.
    """
    tables, true_ones = 4000, 10 - false_ones
    p_values = np.random.default_rng(false_ones).uniform(size=(tables, 10))
    p_values[:, :false_ones] *= 1e-9
    wrong = np.array([holm(row, LEVEL)[false_ones:].any() for row in p_values])
    expected = 1 - (1 - LEVEL / true_ones) ** true_ones
    error = np.sqrt(expected * (1 - expected) / tables)
    assert wrong.mean() < LEVEL + 4 * error
    assert abs(wrong.mean() - expected) < 4 * error


@pytest.mark.parametrize(
    ("p_values", "level", "match"),
    [([-0.1], 0.05, "p_values"), ([1.1], 0.05, "p_values"), ([0.5], 0.0, "level"), ([0.5], 1.0, "level")],
)
def test_what_is_no_probability_is_refused(p_values: list[float], level: float, match: str) -> None:
    with pytest.raises(InputError, match=match):
        holm(p_values, level)


def _bootstrap_error(logarithms: FloatArray) -> FloatArray:
    """What a bootstrap of the mean over the last axis tends to with many resamples."""
    return logarithms.std(axis=-1) / np.sqrt(logarithms.shape[-1])


@pytest.mark.parametrize("replicas", [3, 30])
def test_p_values_are_uniform_where_derived_and_measured_are_equal(replicas: int) -> None:
    """With three replicas a Gaussian test, or errors not corrected for their small number, would fail."""
    logarithms = np.random.default_rng(0).normal(np.log(7), 0.3, size=(4000, replicas))
    derived = np.full(4000, 7.0)
    table = equality_test(derived, np.exp(logarithms.mean(axis=1)), _bootstrap_error(logarithms), replicas)
    assert stats.kstest(table.p_values, "uniform").pvalue > 0.01
    assert not np.isnan(table.p_values).any()


def test_a_table_of_equal_values_is_rejected_at_the_stated_rate() -> None:
    """2,000 tables of 20 boundaries with 8 replicas each, within four standard errors."""
    logarithms = np.random.default_rng(1).normal(0, 0.2, size=(2000, 20, 8))
    measured, errors = np.exp(logarithms.mean(axis=-1)), _bootstrap_error(logarithms)
    anywhere = [
        equality_test(np.ones(20), row, error, 8, LEVEL).rejected.any()
        for row, error in zip(measured, errors, strict=True)
    ]
    pointwise = stats.ttest_1samp(logarithms, 0, axis=-1).pvalue.min(axis=1) <= LEVEL
    assert np.mean(anywhere) < LEVEL + 4 * np.sqrt(LEVEL * (1 - LEVEL) / 2000)
    assert pointwise.mean() > 0.5  # what point by point would have done


def test_one_wrong_value_in_a_table_is_found_and_named() -> None:
    logarithms = np.random.default_rng(2).normal(0, 0.02, size=(4, 5, 16))
    logarithms[2, 3] += np.log(1.2)
    table = equality_test(np.ones((4, 5)), np.exp(logarithms.mean(axis=-1)), _bootstrap_error(logarithms), 16)
    assert np.argwhere(table.rejected).tolist() == [[2, 3]]
    assert table.deviations[2, 3] == pytest.approx(np.log(1.2), abs=5 * 0.02 / 4)


@pytest.mark.parametrize(
    ("derived", "measured", "error", "expected"),
    [
        pytest.param(1.0, np.nan, 0.1, np.nan, id="not measured"),
        pytest.param(np.nan, 1.0, 0.1, np.nan, id="not derived"),
        pytest.param(1.0, 2.0, np.nan, np.nan, id="no error known"),
        pytest.param(1.0, 2.0, np.inf, 1.0, id="not resolved"),
        pytest.param(1.0, 1.0, 0.0, 1.0, id="equal without scatter"),
        pytest.param(1.0, 2.0, 0.0, 0.0, id="different without scatter"),
    ],
)
def test_values_that_are_missing_or_exact(derived: float, measured: float, error: float, expected: float) -> None:
    table = equality_test([derived], [measured], [error], 5)
    np.testing.assert_array_equal(table.p_values, [expected])
    assert np.isnan(table.p_values[0]) == np.isnan(expected)
    assert table.rejected[0] == (expected == 0)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"derived": [1.0, 0.0]}, "derived: holds a number that is not positive"),
        ({"measured": [1.0, np.inf]}, "measured: holds a number that is not positive"),
        ({"measured": [1.0]}, "measured: has shape"),
        ({"relative_errors": [0.1, -0.1]}, "relative_errors: holds a negative"),
        ({"relative_errors": [0.1] * 3}, "relative_errors: has shape"),
        ({"replicas": 1}, "replicas: 1 is not accepted"),
        ({"replicas": [4, 2.5]}, "replicas: 4.0 is not accepted|replicas: 2.5 is not accepted"),
    ],
)
def test_bad_tables_are_refused(changes: dict[str, list[float]], match: str) -> None:
    arguments = {"derived": [1.0, 2.0], "measured": [1.0, 2.0], "relative_errors": 0.1, "replicas": 4}
    with pytest.raises(InputError, match=match):
        equality_test(**(arguments | changes))


PARAMETERS = np.geomspace(1e-4, 1e-2, 5)


def _boundary(logarithm: float, resampled: FloatArray) -> MeasuredBoundaries:
    turning = float(np.exp(logarithm))
    missing = np.full_like(resampled, np.nan)
    return MeasuredBoundaries(
        Boundaries(Regime.THREE_PHASES, None, turning, None), np.stack([missing, resampled, missing])
    )


def _ensembles(repetitions: int, replicas: int, exponent: float, scatter: FloatArray) -> list[list[MeasuredBoundaries]]:
    """Boundaries whose logarithm is a mean over independent Gaussian replicas, resampled alike at each parameter."""
    generator = np.random.default_rng(3)
    noise = generator.standard_normal((repetitions, PARAMETERS.size, replicas)) * scatter[:, None]
    logarithms = exponent * np.log(PARAMETERS)[:, None] + noise
    chosen = generator.multinomial(replicas, np.full(replicas, 1 / replicas), size=400) / replicas
    resampled = logarithms @ chosen.T  # (repetition, parameter, resample)
    return [
        [_boundary(own.mean(), again) for own, again in zip(row, rows, strict=True)]
        for row, rows in zip(logarithms, resampled, strict=True)
    ]


@pytest.mark.parametrize("scatter", [np.full(5, 0.3), np.array([1.0, 0.3, 0.1, 0.05, 0.02])], ids=["equal", "unequal"])
@pytest.mark.parametrize("replicas", [6, 32])
def test_intervals_of_slopes_hold_the_true_one_as_often_as_they_say(replicas: int, scatter: FloatArray) -> None:
    """500 repetitions: 95 % of intervals, within three standard errors of 1 %."""
    slopes = [
        slope_with_interval(PARAMETERS, found, "turning_point", replicas)
        for found in _ensembles(500, replicas, 2 / 3, scatter)
    ]
    assert 0.92 <= np.mean([slope.contains(2 / 3) for slope in slopes]) <= 0.98
    # Twice the quantile of t for as many replicas as one parameter value has is the widest that is needed.
    spread = np.std([slope.value for slope in slopes])
    widths = np.mean([slope.high - slope.low for slope in slopes])
    assert widths / (2 * spread) < 1.2 * stats.t.isf(0.025, replicas - 1)
    assert np.mean([slope.value for slope in slopes]) == pytest.approx(2 / 3, abs=4 * spread / np.sqrt(500))


def test_percentiles_of_resampled_slopes_would_hold_it_less_often() -> None:
    """Why the interval is not read off the resamples: 86 % in 500 repetitions with six replicas, to three errors."""
    offsets = np.log(PARAMETERS) - np.log(PARAMETERS).mean()
    rows = np.stack(
        [[one.resampled[1] for one in found] for found in _ensembles(500, 6, 2 / 3, np.full(5, 0.3))]
    )  # (repetition, parameter, resample)
    low, high = np.percentile(np.einsum("p,rpb->rb", offsets, rows) / np.sum(offsets**2), [2.5, 97.5], axis=1)
    assert np.mean((low <= 2 / 3) & (high >= 2 / 3)) == pytest.approx(0.86, abs=3 * np.sqrt(0.86 * 0.14 / 500))


def test_a_power_law_without_scatter_gives_its_exponent_without_width() -> None:
    found = [_boundary(-0.5 * np.log(value) + 3, np.full(10, 1.0)) for value in PARAMETERS]
    slope = slope_with_interval(PARAMETERS, found, "turning_point", replicas=4)
    assert slope.value == pytest.approx(-0.5, abs=1e-12)
    assert slope.low == slope.value == slope.high


def test_a_slope_is_that_of_least_squares_and_wider_at_a_higher_level() -> None:
    found = _ensembles(1, 8, 1.0, np.full(5, 0.5))[0]
    slope, wider = (slope_with_interval(PARAMETERS, found, "turning_point", 8, level) for level in (0.95, 0.99))
    times = [one.time("turning_point") for one in found]
    assert slope.value == pytest.approx(stats.linregress(np.log(PARAMETERS), np.log(times)).slope, abs=1e-12)
    assert wider.low < slope.low < slope.value < slope.high < wider.high
    assert slope.high - slope.value == pytest.approx(slope.value - slope.low)


def test_a_slope_has_the_half_width_of_students_t_with_the_degrees_of_welch_and_satterthwaite() -> None:
    """Three parameters a factor e apart, bootstrap errors of .1 and five replicas, by hand.

    The slope weighs the logarithms by -1/2, 0 and 1/2; each has the variance .01 * 5/4, and the sum of two equal ones
    has 2 * 4 degrees of freedom, for which the 97.5 % point of Student's t is 2.306. With an error of 0 at one end a
    single variance is left, with 4 degrees, for which it is 2.776.
    """
    scattered = _boundary(1.0, np.array([-1.0, 1.0]) * 0.1 / np.sqrt(2))
    certain = _boundary(1.0, np.zeros(2))
    assert scattered.relative_error("turning_point") == pytest.approx(0.1, rel=1e-12)
    parameters = np.exp([0.0, 1.0, 2.0])
    for found, quantile, terms in (([scattered] * 3, 2.306, 2), ([certain, scattered, scattered], 2.776, 1)):
        slope = slope_with_interval(parameters, found, "turning_point", replicas=5)
        half_width = quantile * np.sqrt(terms * 0.25 * 0.1**2 * 5 / 4)
        assert slope.high - slope.value == pytest.approx(half_width, rel=3e-4)  # four digits of the quantile
        assert slope.level == 0.95


def test_boundaries_of_curves_have_the_slope_by_which_they_move() -> None:
    """Valleys in log time whose centre moves with the exponent 2/3 of the parameter."""
    generator = np.random.default_rng(4)
    logs = np.linspace(0, 12, 241)
    found = []
    for parameter in PARAMETERS:
        centres = 10 + 2 / 3 * np.log(parameter) + generator.normal(0, 0.3, 16)
        losses = 0.5 - 0.2 * np.exp(-((logs - centres[:, None]) ** 2) / 4)
        found.append(measured_boundaries(Curve(np.exp(logs), losses)))
    slope = slope_with_interval(PARAMETERS, found, "turning_point", replicas=16)
    assert slope.contains(2 / 3)
    # The centre of a mean curve scatters by 0.3 / 4, and the slope by that over the root of sum (x - mean)^2.
    expected = 2 * stats.norm.isf(0.025) * 0.3 / 4 / np.sqrt(np.sum((np.log(PARAMETERS) + 6.9) ** 2))
    assert slope.high - slope.low == pytest.approx(expected, rel=0.4)


_SOLID = _boundary(1.0, np.linspace(0, 1, 10))
_VAGUE = _boundary(1.0, np.where(np.arange(10) < 3, np.nan, 1.0))


@pytest.mark.parametrize(
    ("parameters", "found", "name", "match"),
    [
        pytest.param([1.0, 2.0], [_SOLID], "turning_point", "give one for each", id="too few"),
        pytest.param([1.0, 1.0], [_SOLID] * 2, "turning_point", "not all the same", id="one value"),
        pytest.param([0.0, 1.0], [_SOLID] * 2, "turning_point", "parameters: 0.0 is not accepted", id="zero"),
        pytest.param([1.0, 2.0], [_SOLID] * 2, "return_time", "at parameter 1 the return_time has no", id="missing"),
        pytest.param([1.0, 2.0], [_SOLID, _VAGUE], "turning_point", "at parameter 2 the turning_point", id="vague"),
    ],
)
def test_slopes_that_cannot_be_fitted_are_refused(
    parameters: list[float], found: list[MeasuredBoundaries], name: str, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        slope_with_interval(parameters, found, name, replicas=4)


def test_a_slope_contains_its_ends() -> None:
    assert Slope(1.0, 0.9, 1.1, 0.95).contains(1.1)
    assert not Slope(1.0, 0.9, 1.1, 0.95).contains(1.11)
