from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import two_class_models
from theory import DataModel, InputError, Logistic, OneOutput, Softmax, SquaredError
from theory.curves.finite_sample import FREE_SHARE, LABEL_VARIANCE, SAMPLES, SampledOneOutput, sample_sums
from theory.symbols.symbolic import SIGNAL_SUMS, SPECTRUM_SUMS
from theory.validation import FloatArray

DIMENSION = 100
INDEX = np.arange(1, DIMENSION + 1)
LEVELS = np.where(INDEX <= DIMENSION // 2, 2.0, 1.0)
ALIGNED = DataModel.two_classes(LEVELS, np.where(LEVELS > 1, 0.07, 0.025))
MISALIGNED = DataModel.two_classes(LEVELS, np.where(LEVELS > 1, 0.01, 0.05))
POWER_LAW = DataModel.two_classes(INDEX**-0.5, 0.12 * INDEX**-0.6)


def _sums(covariance: FloatArray, rows: FloatArray, fresh: FloatArray) -> FloatArray:
    """(..., 9) what ``SampleSums`` lists, of covariances (..., d, d), rows delta (..., d), Sigma = diag(fresh)."""
    once = np.einsum("...ij,...j->...i", covariance, rows)
    twice = np.einsum("...ij,...j->...i", covariance, once)
    pairs = [(rows, once), (once, once), (once, twice)]
    pairs += [(rows * fresh, rows), (rows * fresh**2, rows), (once, fresh * rows), (once, fresh**2 * rows)]
    squares = [np.trace(covariance, axis1=-2, axis2=-1), np.sum(covariance**2, axis=(-2, -1))]
    return np.stack([*squares, *(np.sum(left * right, axis=-1) for left, right in pairs)], axis=-1)


#: sigma0, so small that the turning points are well within the first 1/lambda_1.
SCALE = 1e-3


def _boundaries(sums: FloatArray, eigenvalues: FloatArray) -> FloatArray:
    """(..., 7): R0, R2, s1 and s* at sigma0 = 1 and c = 1 on the sample, then R2, s1 and s* on fresh inputs."""
    a1, a2, b1, b2, b3, f1, f2, c2, c3 = np.moveaxis(sums, -1, 0)
    spread = (b1 * b3 - b2**2) / b1**2
    turning = np.cbrt(2 * (b2 / b1 - a2 / a1) * (a1 / b1) * SCALE**2 / spread)
    total, gap = eigenvalues.sum(), f2 / f1 - np.sum(eigenvalues**2) / eigenvalues.sum()
    late = np.cbrt(2 * gap * total * SCALE**2 / (c3 - f2 / f1 * c2))
    ends = SCALE * np.sqrt(a1 / b1), SCALE * np.sqrt(total / f1)
    return np.stack([a2 / a1, b2 / b1, ends[0], turning, f2 / f1, ends[1], late], axis=-1)


def _predicted(network: SampledOneOutput) -> FloatArray:
    """The same of the formulas; NaN where there is no turning point."""
    turning, late = network.turning_point_formula(SCALE), network.fresh_turning_point_formula(SCALE)
    sampled = [network.initial_level, network.signal_level, network.phase_one_end(SCALE), turning]
    fresh = [network.fresh_signal_level, network.fresh_phase_one_end(SCALE), late]
    return np.array([np.nan if value is None else value for value in (*sampled, *fresh)])


def _draw(model: DataModel, samples: int, data_sets: int, seed: int) -> FloatArray:
    """(data_sets, 9) sums of data sets really drawn, centred by their own means."""
    generator = np.random.default_rng(seed)
    mean = 2 * model.prototypes[1]
    within = np.linalg.cholesky(np.diag(model.eigenvalues) - np.outer(mean, mean))
    labels = np.where(np.arange(samples) % 2, 1.0, -1.0)
    found = []
    for _ in range(data_sets):
        inputs = generator.standard_normal((samples, model.dimension)) @ within.T + labels[:, None] * mean
        inputs -= inputs.mean(axis=0)
        found.append(_sums(inputs.T @ inputs / samples, labels @ inputs / (2 * samples), model.eigenvalues))
    return np.array(found)


@lru_cache(maxsize=1)
def _evaluated() -> Callable[..., list[float]]:
    """The derived sums as a function of A_0..A_4, B_0..B_3, n, rho and p."""
    sums = sample_sums()
    arguments = [*SPECTRUM_SUMS[:5], *SIGNAL_SUMS[:4], SAMPLES, FREE_SHARE, LABEL_VARIANCE]
    expressions = [*sums.spectrum, *sums.signal, *sums.fresh_signal, *sums.fresh_saturation]
    evaluated: Callable[..., list[float]] = sp.lambdify(arguments, expressions, "numpy")
    return evaluated


@lru_cache(maxsize=8)
def _drawn(name: str, samples: int) -> FloatArray:
    """(400, 9) sums, shared by the tests that look at them."""
    return _draw({"aligned": ALIGNED, "power law": POWER_LAW}[name], samples, 400, seed=samples)


@given(two_class_models(), st.integers(3, 10_000), st.floats(0.05, 0.25))
def test_sums_are_those_of_explicit_matrices(model: DataModel, samples: int, label_variance: float) -> None:
    """E S^j from its known polynomials in Sigma_W and powers of m m^T + S, with the matrices written out."""
    delta = model.prototypes[1] * np.sqrt(label_variance / 0.25)
    network = SampledOneOutput(model.eigenvalues, delta, 1.0, samples, label_variance)
    sigma, mean = np.diag(model.eigenvalues), delta / np.sqrt(label_variance)
    within = sigma - np.outer(mean, mean)
    free, noise = samples - 2, within / samples
    first, second = np.trace(within) / free, np.trace(within @ within) / free
    share = free / samples
    powers = [
        np.eye(model.dimension),
        share * within,
        share**2 * (within @ within + first * within),
        share**3 * (within @ within @ within + 2 * first * within @ within + (second + first**2) * within),
    ]
    q0, q1, q2, q3 = (mean @ power @ mean + np.sum(noise * power) for power in powers)
    along = [q0**2 + q1, q0**3 + 2 * q0 * q1 + q2, (q0**2 + q1) ** 2 + q0**2 * q1 + 2 * q0 * q2 + q3]
    f0, f1, f2 = (
        mean @ power @ mean + np.sum(noise * power) for power in (np.eye(model.dimension), sigma, sigma @ sigma)
    )
    c2, c3 = (
        share * (mean @ within @ power @ mean + np.sum((noise @ within) * power)) for power in (sigma, sigma @ sigma)
    )
    expected = [
        np.trace(powers[1]) + q0,
        np.trace(powers[2]) + 2 * q1 + q0**2,
        *(label_variance * np.array([*along, f1, f2, f0 * f1 + c2, f0 * f2 + c3])),
    ]
    powers_of_spectrum = model.eigenvalues ** np.arange(5)[:, None]
    population = (*powers_of_spectrum.sum(axis=1), *(powers_of_spectrum[:4] @ delta**2))
    found = _evaluated()(*population, samples, share, label_variance)
    # Sums of Sigma_W are differences of sums of Sigma: a few digits may cancel.
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    a1, a2, b1, b2 = expected[:4]
    assert network.initial_level == pytest.approx(a2 / a1, rel=1e-9)
    assert network.signal_level == pytest.approx(b2 / b1, rel=1e-9)
    assert network.phase_one_end(0.1) == pytest.approx(0.1 * np.sqrt(a1 / b1), rel=1e-9)


@pytest.mark.parametrize("model", [ALIGNED, POWER_LAW], ids=["aligned", "power law"])
def test_with_ever_more_samples_the_boundaries_become_those_of_the_population_at_the_rate_one_over_n(
    model: DataModel,
) -> None:
    population = OneOutput.from_model(model, Logistic())
    turning = population.turning_point_formula(0.01)
    assert turning is not None

    def distance(samples: int) -> FloatArray:
        network = SampledOneOutput.from_model(model, Logistic(), samples)
        found = network.turning_point_formula(0.01)
        late = network.fresh_turning_point_formula(0.01)
        assert found is not None
        assert late is not None
        ratios = [
            network.initial_level / population.initial_level,
            network.signal_level / population.signal_level,
            network.phase_one_end(0.01) / population.phase_one_end(0.01),
            network.fraction_point(0.01, 0.2) / population.fraction_point(0.01, 0.2),
            found / turning,
            network.fresh_signal_level / population.signal_level,
            network.fresh_phase_one_end(0.01) / population.phase_one_end(0.01),
            late / turning,
        ]
        return np.abs(np.array(ratios) - 1)

    # At a million samples the next order is 1e-4 of the first.
    np.testing.assert_allclose(distance(10**6) / distance(10**7), 10, rtol=0.01)


def test_one_dimension_has_the_population_boundaries_up_to_one_over_n() -> None:
    network = SampledOneOutput(np.array([2.0]), np.array([0.4]), 1.0, 1000)
    assert network.initial_level == pytest.approx(2.0, rel=3 / 1000)
    assert network.signal_level == pytest.approx(2.0, rel=5 / 1000)
    assert network.fresh_signal_level == pytest.approx(2.0, rel=1e-12)
    assert network.fresh_initial_level == 2.0
    assert network.fresh_turning_point_formula(0.1) is None


@pytest.mark.parametrize("ratio", [0.1, 0.5, 1.0, 2.0])
def test_a_flat_spectrum_with_random_labels_has_the_moments_of_marchenko_and_pastur(ratio: float) -> None:
    """R0 and R2 are ratios of consecutive moments of the Gram matrix: c, c + c^2, c + 3 c^2 + c^3."""
    dimension = 10**5
    network = SampledOneOutput(np.full(dimension, 3.0), np.zeros(dimension), 1.0, round(dimension / ratio))
    tolerance = 10 / dimension  # the labels and the mean, two of the n directions
    assert network.initial_level == pytest.approx(3 * (1 + ratio), rel=tolerance)
    assert network.signal_level == pytest.approx(3 * (1 + 3 * ratio + ratio**2) / (1 + ratio), rel=tolerance)
    assert network.fresh_signal_level == pytest.approx(3.0, rel=tolerance)


@given(two_class_models(), st.integers(20, 1000))
def test_random_labels_are_aligned_on_their_sample_and_on_fresh_inputs(model: DataModel, samples: int) -> None:
    """From n = 20 on; on fewer samples the two directions that S lacks matter more than the inequality."""
    network = SampledOneOutput(model.eigenvalues, np.zeros(model.dimension), 1.0, samples)
    assert network.is_aligned
    assert network.fresh_signal_level >= network.fresh_initial_level * (1 - 1e-12)


@pytest.mark.parametrize("samples", [1000, 200, 100], ids=["d/n=0.1", "d/n=0.5", "d/n=1"])
@pytest.mark.parametrize(("name", "model"), [("aligned", ALIGNED), ("power law", POWER_LAW)])
def test_boundaries_of_drawn_data_sets_have_the_predicted_means(name: str, model: DataModel, samples: int) -> None:
    """Within 4 standard errors and twice the order of what is neglected, 1/n + 1/r with r = 90 and 67.

    The formulas of the population fail clearly wherever the correction is larger than that.
    """
    network = SampledOneOutput.from_model(model, SquaredError(), samples)
    population = OneOutput.from_model(model, SquaredError())
    found = _boundaries(_drawn(name, samples), model.eigenvalues)
    mean, error = found.mean(axis=0), found.std(axis=0) / np.sqrt(len(found))
    predicted = _predicted(network)
    tolerance = 4 * error / mean + 2 * (1 / samples + 1 / network.effective_rank)
    assert np.all(np.abs(predicted / mean - 1) < tolerance)
    turning = population.turning_point_formula(SCALE)
    assert turning is not None
    levels = [population.initial_level, population.signal_level]
    uncorrected = np.array([*levels, population.phase_one_end(SCALE), turning])
    miss = np.abs(uncorrected / mean[:4] - 1) / tolerance[:4]
    if name == "aligned":
        assert np.all(miss > 2)
    elif samples < 1000:
        assert np.all(miss[[0, 2, 3]] > 2)


def test_a_perturbed_formula_would_be_caught() -> None:
    """Another number of samples or strength of signal is outside the tolerance of the test above."""
    network = SampledOneOutput.from_model(ALIGNED, SquaredError(), 100)
    found = _boundaries(_drawn("aligned", 100), LEVELS)
    mean, error = found.mean(axis=0), found.std(axis=0) / np.sqrt(len(found))
    tolerance = 4 * error / mean + 2 * (1 / 100 + 1 / network.effective_rank)
    more = _predicted(replace(network, samples=130))
    assert np.all(np.abs(more / mean - 1)[:4] > tolerance[:4])
    weaker = _predicted(replace(network, signal=0.8 * network.signal))
    assert np.all(np.abs(weaker / mean - 1)[[2, 5]] > tolerance[[2, 5]])


def test_the_trace_counts_the_mean_and_the_labels_exactly() -> None:
    """E tr Sigma' is exact: mu^2 + tr Sigma_W (n - 1)/n with the mean taken out, at n = 6 as well."""
    sums = _draw(ALIGNED, 6, 2000, seed=1)
    network = SampledOneOutput.from_model(ALIGNED, SquaredError(), 6)
    level = network.eigenvalues[0]  # the unit of the network's sums
    error = sums[:, 0].std() / np.sqrt(len(sums))
    predicted = level * network._sums[SPECTRUM_SUMS[1]]
    assert abs(sums[:, 0].mean() - predicted) < 4 * error
    assert abs(sums[:, 0].mean() - ALIGNED.total_variance) > 20 * error
    fresh = sums[:, 5:7]
    error = fresh.std(axis=0) / np.sqrt(len(fresh))
    predicted = network._fresh.signal * np.array([level**2, level**3])
    assert np.all(np.abs(fresh.mean(axis=0) - predicted) < 4 * error)


def test_the_error_of_the_formulas_falls_as_one_over_the_dimension() -> None:
    """R0 and s1 at d = n: from d = 16 to d = 64 their errors fall by about 4."""
    dimensions = np.array([16, 32, 64])
    errors = []
    for dimension in dimensions:
        upper = np.arange(dimension) < dimension / 2
        model = DataModel.two_classes(np.where(upper, 2.0, 1.0), np.where(upper, 0.7, 0.25) / np.sqrt(dimension))
        drawn = _boundaries(_draw(model, int(dimension), 200_000 // dimension, seed=2), model.eigenvalues)[:, [0, 2]]
        predicted = _predicted(SampledOneOutput.from_model(model, SquaredError(), int(dimension)))[[0, 2]]
        errors.append(predicted / drawn.mean(axis=0) - 1)
    slopes = np.polyfit(np.log(dimensions), np.log(np.abs(errors)), 1)[0]
    # Standard errors leave 8 % of the errors at d = 64 open for R0, 12 % for s1, a tenth of the slope; the next order,
    # 1/d^2, another tenth. An error that did not fall, or as the square root, would have a slope of 0 or -1/2.
    np.testing.assert_allclose(slopes, -1, atol=0.3)


def test_the_scatter_of_the_strength_is_exact_and_explains_what_the_mean_of_s1_lacks() -> None:
    """E F^(-1/2) = (E F)^(-1/2) (1 + 3/8 var F / (E F)^2 + ...) for the strength F that sets s1."""
    samples = 100
    network = SampledOneOutput.from_model(POWER_LAW, SquaredError(), samples)
    strengths = _draw(POWER_LAW, samples, 4000, seed=6)[:, 5]
    scatter = network.strength_scatter
    # A standard deviation has a relative standard error of 1/sqrt(2 data sets), by half more for these skewed ones.
    assert strengths.std() / strengths.mean() == pytest.approx(scatter, rel=4 * 1.5 / np.sqrt(2 * 4000))
    lacking = np.mean(strengths**-0.5) / strengths.mean() ** -0.5 - 1
    # The next order is -5/16 of the third moment, itself of the order of scatter^3.
    assert lacking == pytest.approx(3 / 8 * scatter**2, abs=scatter**3 / 2)
    ends = np.sqrt(POWER_LAW.total_variance / strengths)
    error = ends.std() / np.sqrt(len(ends)) / ends.mean()
    assert abs(ends.mean() / network.fresh_phase_one_end(1.0) - 1 - 3 / 8 * scatter**2) < 4 * error + scatter**3 / 2
    assert abs(ends.mean() / network.fresh_phase_one_end(1.0) - 1) > 4 * error


def test_a_small_sample_of_misaligned_data_is_aligned() -> None:
    """Lemma L2: the noise of the sample is aligned whatever the signal is."""
    population = OneOutput.from_model(MISALIGNED, SquaredError())
    assert not population.is_aligned
    expected = {1000: False, 200: True, 100: True}
    for samples, aligned in expected.items():
        network = SampledOneOutput.from_model(MISALIGNED, SquaredError(), samples)
        assert network.is_aligned is aligned
        assert (network.turning_point_formula(1e-3) is not None) is aligned
        drawn = _boundaries(_draw(MISALIGNED, samples, 60, seed=3), LEVELS)
        gain = drawn[:, 1] - drawn[:, 0]
        assert (gain.mean() > 0) == aligned
        assert abs(gain.mean()) > 4 * gain.std() / np.sqrt(len(gain))


def test_unequal_classes_enter_by_the_variance_of_their_labels() -> None:
    """Classes of 20 % and 80 %, at d/n = 1: R2 and s1 of data sets really drawn."""
    samples, share = 100, 0.2
    row = ALIGNED.prototypes[1] * 0.8
    model = DataModel(LEVELS, np.stack([-row, row]), np.array([share, 1 - share]))
    network = SampledOneOutput.from_model(model, SquaredError(), samples)
    assert network.label_variance == pytest.approx(0.16)
    generator = np.random.default_rng(4)
    means = model.means
    mean = np.sqrt(0.16) * (means[1] - means[0])
    within = np.linalg.cholesky(np.diag(LEVELS) - np.outer(mean, mean))
    labels = (np.arange(samples) >= share * samples).astype(int)
    drawn = []
    for _ in range(400):
        inputs = generator.standard_normal((samples, DIMENSION)) @ within.T + means[labels]
        inputs -= inputs.mean(axis=0)
        drawn.append(_sums(inputs.T @ inputs / samples, labels @ inputs / samples, LEVELS))
    found = _boundaries(np.array(drawn), LEVELS)
    middle, error = found.mean(axis=0), found.std(axis=0) / np.sqrt(len(found))
    tolerance = 4 * error / middle + 2 * (1 / samples + 1 / network.effective_rank)
    assert np.all(np.abs(_predicted(network) / middle - 1)[:4] < tolerance[:4])
    equal = replace(network, label_variance=0.25)
    assert abs(equal.phase_one_end(SCALE) / middle[2] - 1) > 1.5 * tolerance[2]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"samples": 2}, "samples: 2 is not accepted; give an integer of at least 3"),
        ({"samples": 10.5}, "samples"),
        ({"curvature": 0.0}, "curvature"),
        ({"eigenvalues": np.array([1.0, -1.0])}, "smallest eigenvalue"),
        ({"signal": np.array([1.0])}, "signal: give 2 numbers"),
        ({"signal": np.array([np.nan, 1.0])}, "signal"),
        ({"signal": np.array([1.0, 0.0])}, "multiply it by at most 0.5"),
        ({"label_variance": 0.3}, "label_variance"),
    ],
)
def test_bad_arguments_are_refused(change: dict[str, object], match: str) -> None:
    network = SampledOneOutput(np.array([1.0, 0.5]), np.array([0.1, 0.1]), 1.0, 10)
    with pytest.raises(InputError, match=match):
        replace(network, **change)


def test_networks_with_several_outputs_are_refused() -> None:
    with pytest.raises(InputError, match="softmax with 2 classes has 2 outputs"):
        SampledOneOutput.from_model(ALIGNED, Softmax(), 100)
