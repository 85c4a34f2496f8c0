"""Each theorem's assumption matters: without it a counterexample is found and shrunk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp
from scipy.special import expit

from tests.strategies import two_class_models
from theory import (
    DataModel,
    OneOutput,
    Regime,
    Softmax,
    SquaredError,
    explained_variance,
    gradient_descent_curve,
    regime_of,
)
from theory.assumptions import effective_rank, fit_power_law, power_law_signal, power_law_spectrum
from theory.curves.logistic_flow import logistic_path
from theory.curves.mean_field import gaussian_nodes, output_statistics
from theory.validation import FloatArray

_STEPS = np.arange(1, 13)


def _explained(eigenvalues: FloatArray, signal: FloatArray, step_share: float) -> FloatArray:
    """R over R(1) at steps 1 to 12 of gradient descent from W(0) = 0."""
    model = DataModel.two_classes(eigenvalues, signal)
    zero = np.zeros((1, 1, eigenvalues.size))
    losses = gradient_descent_curve(model, SquaredError(), zero, _STEPS, step_share / eigenvalues[0]).losses[0]
    explained = (1 - losses) * eigenvalues.sum()
    return explained / explained[0]


def _rise(instance: tuple[list[float], list[float]], step_share: float) -> float:
    """Largest relative rise of R in a step."""
    spectrum, signal = instance
    eigenvalues = np.sort(np.array(spectrum))[::-1] / max(spectrum)
    explained = _explained(eigenvalues, np.array(signal), step_share)
    return float(np.max(explained[1:] / explained[:-1] - 1))


_TENTHS = st.integers(1, 10).map(lambda number: number / 10)
_SMALL_INSTANCES = st.integers(2, 3).flatmap(
    lambda d: st.tuples(st.lists(_TENTHS, min_size=d, max_size=d), st.lists(_TENTHS, min_size=d, max_size=d))
)


@pytest.mark.parametrize(("step_share", "rise"), [(1.5, 0.05), (1.9, 0.2)])
def test_phase_three_fails_without_a_small_step(step_share: float, rise: float) -> None:
    """T4 without A5: above eta lambda_1 c = 1 modes overshoot and R rises; below 2 descent is still stable."""
    found = find(_SMALL_INSTANCES, lambda one: _rise(one, step_share) > rise, settings=settings(max_examples=2000))
    spectrum, signal = found
    print(
        f"eta lambda_1 = {step_share}: spectrum {spectrum}, signal {signal}, rise of R {_rise(found, step_share):.1%}"
    )
    assert len(spectrum) == 2
    assert _rise(found, 1.0) < 1e-9


@given(two_class_models(), st.floats(0.01, 1.0))
def test_phase_three_holds_with_a_small_step(model: DataModel, step_share: float) -> None:
    explained = _explained(model.eigenvalues, model.prototypes[1], step_share)
    assert np.all(np.diff(explained) <= 1e-9)


def test_phase_two_fails_without_alignment_and_holds_with_it() -> None:
    """T3 without A3, on the same spectrum with the signal reversed."""
    eigenvalues = np.array([4.0, 2.0, 1.0])
    signal = np.array([0.3, 0.1, 0.02])
    aligned = OneOutput(eigenvalues, signal, 1.0)
    reversed_signal = OneOutput(eigenvalues, signal[::-1].copy(), 1.0)
    assert aligned.is_aligned
    assert aligned.turning_point(1e-3).time is not None
    assert not reversed_signal.is_aligned
    assert reversed_signal.turning_point(1e-3).time is None


def test_the_turning_point_formula_fails_without_a_small_initialisation() -> None:
    """T5 without A7: the error grows from below 1 % as s1 comes near 1/lambda_1, and then there is no number."""
    network = OneOutput.from_model(DataModel.power_law(1000, 1.0, 2.0, 0.2), SquaredError())
    errors = []
    for scale in (1e-3, 0.15):
        exact, formula = network.turning_point(scale).time, network.turning_point_formula(scale)
        assert exact is not None
        assert formula is not None
        errors.append(abs(formula / exact - 1))
    assert errors[0] < 0.01
    assert errors[1] > 0.05
    assert network.turning_point_formula(1.0) is None


def _forgetting_slope(model: DataModel, times: FloatArray) -> float:
    """Slope of log R against log s along what is learnt from W(0) = 0 under squared error."""
    _, learnt = OneOutput.from_model(model, SquaredError()).modes(times)
    explained = explained_variance(learnt[:, None, :], model.eigenvalues)
    return float(np.polyfit(np.log(times), np.log(explained), 1)[0])


def _exponent(alpha: float, beta: float) -> float:
    """Theorem T6, for 1 < beta < 1 + alpha."""
    assert 1 < beta < 1 + alpha
    return -(1 + alpha - beta) / alpha


def test_the_rate_of_forgetting_fails_without_a_power_law_spectrum() -> None:
    """T6 without A1: an exponential spectrum forgets at another rate than its fitted exponent says."""
    beta, times = 2.5, np.geomspace(1e2, 1e5, 20)
    index = np.arange(1, 201.0)
    power = DataModel.power_law(20_000, 2.0, beta, 1.0)
    exponential = DataModel.two_classes(np.exp(-(index - 1) / 10), index ** (-beta / 2))
    errors = []
    for model in (power, exponential):
        fit = fit_power_law(model.eigenvalues)
        assert fit is not None
        seen, predicted = _forgetting_slope(model, times), _exponent(fit.exponent, beta)
        print(f"alpha {fit.exponent:.2f} (R^2 {fit.determination:.2f}): slope {seen:.2f}, predicted {predicted:.2f}")
        errors.append(abs(seen - predicted))
    assert power_law_spectrum(power).holds
    assert not power_law_spectrum(exponential).holds
    assert errors[0] < 0.05
    assert errors[1] > 0.2


def test_nothing_is_forgotten_without_a_power_law_signal() -> None:
    """T6 without A2: a signal in one mode explains the eigenvalue of this mode at any time."""
    times = np.geomspace(1e2, 1e5, 20)
    spread = DataModel.power_law(20_000, 2.0, 2.0, 1.0)
    one_mode = DataModel.two_classes(spread.eigenvalues, np.where(np.arange(20_000) == 9, 1.0, 0.0))
    slopes = [_forgetting_slope(model, times) for model in (spread, one_mode)]
    print(f"slope of R: {slopes[0]:.3f} with a power-law signal, {slopes[1]:.1e} with a signal in mode 10")
    assert power_law_signal(spread).holds
    assert not power_law_signal(one_mode).holds
    assert abs(slopes[0] - _exponent(2.0, 2.0)) < 0.05
    assert abs(slopes[1]) < 1e-12


def _logistic_flow(mean: FloatArray, covariances: FloatArray, times: FloatArray) -> FloatArray:
    """(T, d) weights from W(0) = 0 for Gaussian classes at -mean and +mean with covariances of their own.

    Written from the gradient of each class, E[(t - p) x] = E[t - p] mu - E[p (1 - p)] Sigma_k w.
    """
    nodes, masses = np.polynomial.hermite_e.hermegauss(200)
    masses = masses / masses.sum()

    def speed(_: float, weights: FloatArray) -> FloatArray:
        total = np.zeros_like(weights)
        for label, (sign, covariance) in enumerate(zip((-1, 1), covariances, strict=True)):
            right = expit(sign * weights @ mean + np.sqrt(weights @ covariance @ weights) * nodes)
            error, curvature = (label - right) @ masses, (right * (1 - right)) @ masses
            total += (error * sign * mean - curvature * covariance @ weights) / 2
        return total

    found = solve_ivp(speed, (0, times[-1]), np.zeros(mean.size), "LSODA", t_eval=times, rtol=1e-9, atol=1e-12)
    return np.asarray(found.y.T)


def test_phase_three_fails_for_classes_of_unequal_covariance() -> None:
    """T4 without A4: the wide class stops pulling where it is wide, and R rises, in two dimensions.

    With the same means and total covariance but a common one within classes it only falls.
    """
    mean = np.array([0.6, 0.2])
    unequal = np.stack([np.diag([0.08, 0.01]), np.diag([0.01, 1.0])])
    common = np.stack([unequal.mean(axis=0)] * 2)
    sigma = common[0] + np.outer(mean, mean)
    values, basis = np.linalg.eigh(sigma)
    times = np.geomspace(1, 1e5, 100)

    def rise(covariances: FloatArray) -> tuple[FloatArray, float]:
        rows = _logistic_flow(mean, covariances, times) @ basis
        explained = explained_variance(rows[:, None, :], values)
        return explained, float(np.max(np.maximum.accumulate(explained[::-1])[::-1] / explained) - 1)

    _, risen = rise(unequal)
    kept, most = rise(common)
    print(f"unequal: R rises by {risen:.1%}; common: by {most:.0e}, from {kept[0]:.3f} to {kept[-1]:.3f}")
    assert risen > 0.03
    assert most < 1e-6  # the integrator's error
    assert kept[-1] < 0.95 * kept[0]
    # The common covariance is that of theory's own flow, and the unequal ones are not.
    model = DataModel.two_classes(values[::-1], basis[:, ::-1].T @ mean / 2)
    path = logistic_path(model, times)
    np.testing.assert_allclose(explained_variance(path.weights, model.eigenvalues), kept, rtol=1e-5)


def _mean_level(eigenvalues: FloatArray) -> float:
    """Mean over w ~ N(0, I) of R = sum l^2 w^2 / sum l w^2, from 1/B = integral of exp(-t B) over t > 0.

    E[w_i^2 exp(-t sum l w^2)] = (1 + 2 t l_i)^-1 prod_j (1 + 2 t l_j)^(-1/2); t = exp(x).
    """

    def integrand(x: float) -> float:
        factors = 1 + 2 * np.exp(x) * eigenvalues
        return float(np.exp(x - np.log(factors).sum() / 2) * np.sum(eigenvalues**2 / factors))

    return float(quad(integrand, -60, 60, points=[-np.log(eigenvalues.sum())], limit=400, epsabs=1e-12)[0])


def test_the_annealed_level_fails_where_one_eigenvalue_dominates() -> None:
    """T2 without A6: the mean of a ratio is not the ratio of means; a find in two dimensions."""

    def error(eigenvalues: FloatArray) -> float:
        return float(np.sum(eigenvalues**2) / np.sum(eigenvalues) / _mean_level(eigenvalues) - 1)

    small = find(st.integers(1, 20), lambda tenths: error(np.array([1.0, tenths / 20])) > 0.15)
    few, many = np.array([1.0, small / 20]), np.repeat([2.0, 1.0], 200)
    print(f"spectrum {few}: annealed R0 off by {error(few):.1%}; effective rank 360: {error(many):.2%}")
    # In two dimensions the mean over the angle of W(0) is exact on an even grid.
    angles = np.linspace(0, np.pi, 2000, endpoint=False)
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)[:, None]
    assert _mean_level(few) == pytest.approx(explained_variance(rows, few).mean(), rel=1e-9)
    assert not effective_rank(DataModel.two_classes(few, few)).holds
    assert effective_rank(DataModel.two_classes(many, many)).holds
    assert error(few) > 0.15
    assert abs(error(many)) < 0.001


def test_training_does_not_add_prototypes_where_outputs_are_large() -> None:
    """T1 without A8: the negative gradient of softmax is along M at small outputs, far from it at large ones."""
    generator = np.random.default_rng(0)
    eigenvalues = np.arange(1, 21) ** -1.0
    prototypes = generator.standard_normal((4, 20)) * np.sqrt(eigenvalues)
    model = DataModel(eigenvalues, prototypes - prototypes.mean(axis=0), np.full(4, 0.25))
    model = model.with_signal_scaled(float(np.sqrt(0.5 / model.class_shares[1][0])))
    start = generator.standard_normal((20, 4, 20))
    cosines = {}
    for scale in (1e-3, 10.0):
        drive, hessian = output_statistics(model, Softmax(), scale * start, gaussian_nodes(4, 512))
        gradient = drive @ model.means - scale * hessian @ (start * eigenvalues)
        lengths = np.linalg.norm(gradient, axis=(1, 2)) * np.linalg.norm(model.prototypes)
        cosines[scale] = np.sum(gradient * model.prototypes, axis=(1, 2)) / lengths
        size = scale * np.sqrt(np.mean(start**2 @ eigenvalues))
        print(f"rms output {size:.1e}: cosine of gradient and M {cosines[scale].mean():.4f}")
    assert np.all(cosines[1e-3] > 0.9999)
    assert cosines[10.0].mean() < 0.7


def test_misaligned_data_rise_dip_and_rise_from_large_weights() -> None:
    """T3 is the limit of small sigma0: W(0) decays below R2, and what is learnt raises R again."""
    network = OneOutput(np.array([1.0, 0.6, 0.03]), np.array([0.0, 0.28, 0.05]), 1.0)
    assert network.alignment == pytest.approx(0.718, abs=0.001)
    times = np.concatenate([[0.0], np.geomspace(1e-6, 1e4, 400)])
    assert regime_of(network.relative_loss(1.0, times)) is Regime.RISE_DIP_RISE
    assert regime_of(network.relative_loss(1e-4, times)) is Regime.MONOTONE_RISE
