from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.interpolate import make_interp_spline
from scipy.special import expit

from tests.strategies import gaussian_pairs
from theory import DataModel, InputError, Logistic, explained_variance, mean_field_curve
from theory.curves.logistic_flow import (
    LogisticPath,
    drive_and_curvature,
    laplace_margins,
    log_concavity,
    logistic_path,
)
from theory.curves.mean_field import gaussian_nodes, output_statistics
from theory.validation import FloatArray


def _pair(share: float = 0.6, first: float = 0.3) -> DataModel:
    row = np.array([0.3, 0.1, 0.2, 0.02])
    model = DataModel(np.array([2.0, 1.0, 0.5, 0.02]), np.stack([-row, row]), np.array([first, 1 - first]))
    return model.with_signal_scaled(float(np.sqrt(share / model.class_shares[1][0])))


def _explained(path: LogisticPath) -> FloatArray:
    return explained_variance(path.weights, path.eigenvalues)


@pytest.mark.parametrize("size", [0.1, 1.0, 2.0])
def test_drive_and_curvature_are_the_averages_of_gauss_hermite_for_equal_classes(size: float) -> None:
    """The drive is 2 (a/b + m) with a = E sigmoid(-z), b = E sigmoid'(z), z ~ N(m, v)."""
    model = _pair(first=0.5)
    weights = size * np.array([0.7, -0.4, 0.2, 0.1])
    mean, within = model.means[1] @ weights, np.diag(model.eigenvalues) - np.outer(model.means[1], model.means[1])
    nodes, masses = np.polynomial.hermite_e.hermegauss(200)
    right = expit(mean + np.sqrt(weights @ within @ weights) * nodes)
    a, b = np.array([1 - right, right * (1 - right)]) @ masses / masses.sum()
    # Gauss-Hermite itself is off by 1e-10 of 1/b for outputs of deviation 3, more for larger ones.
    np.testing.assert_allclose(drive_and_curvature(model, weights), [2 * (a / b + mean), b], rtol=1e-9)


def test_the_speed_is_the_gradient_of_the_mean_field() -> None:
    """Unequal classes, against the general mean field with its own quadrature."""
    model = _pair()
    weights = np.array([0.7, 0.4, -0.2, 0.1])
    drive, curvature = drive_and_curvature(model, weights)
    pulls, hessian = output_statistics(model, Logistic(), weights[None, None], gaussian_nodes(1, 1 << 15))
    expected = pulls[0, 0] @ model.means - hessian[0, 0, 0] * weights * model.eigenvalues
    found = curvature * (drive * model.prototypes[1] - model.eigenvalues * weights)
    np.testing.assert_allclose(found, expected, atol=1e-6)  # 32,768 quasi-Monte-Carlo nodes


@pytest.mark.parametrize("first", [0.5, 0.7])
def test_the_drive_starts_at_four_and_grows_by_the_variance_of_the_output(first: float) -> None:
    """It is 4 + w Sigma w to second order in w, whatever the frequencies: the terms of first order cancel."""
    model, weights = _pair(first=first), np.array([0.7, 0.4, -0.2, 0.1])
    sizes = np.array([4e-3, 2e-3, 1e-3])
    drives = np.array([drive_and_curvature(model, size * weights)[0] for size in sizes])
    remainder = np.abs(drives - 4 - sizes**2 * (weights**2 @ model.eigenvalues))
    # What remains is of third order.
    np.testing.assert_allclose(np.log2(remainder[:-1] / remainder[1:]), 3, atol=0.1)


def test_what_is_learnt_is_the_laplace_transform_of_the_drive_and_the_slope_its_derivative() -> None:
    model = _pair()
    path = logistic_path(model, np.geomspace(1e-4, 200, 2000))
    # The start belongs to the table: a spline must not extrapolate to it.
    spline = make_interp_spline(np.append(0.0, path.clock), np.append(4.0, path.drive), k=3)
    nodes, masses = np.polynomial.legendre.leggauss(400)
    for time in (500, 1200, 1999):
        end = path.clock[time]
        # The largest eigenvalue forgets within 1 / 2 of the up to 20 units of clock: 400 nodes resolve it.
        backward = end * (1 + nodes) / 2
        kernel = spline(end - backward) * np.exp(-path.eigenvalues[:, None] * backward) * masses * end / 2
        np.testing.assert_allclose(path.learnt[time], kernel.sum(axis=1), rtol=1e-8)
        np.testing.assert_allclose(path.slope[time], kernel @ backward, rtol=1e-8)


def test_the_path_is_the_limit_of_explicit_euler_steps_at_first_order() -> None:
    model, end = _pair(), 20.0
    exact = logistic_path(model, np.array([end])).weights[0, 0]
    errors = []
    for steps in (500, 1000, 2000):
        weights = np.zeros(4)
        for _ in range(steps):
            drive, curvature = drive_and_curvature(model, weights)
            speed = curvature * (drive * model.prototypes[1] - model.eigenvalues * weights)
            weights = weights + end / steps * speed
        errors.append(np.abs(weights / exact - 1).max())
    assert errors[-1] < 1e-3
    np.testing.assert_allclose(np.log2(errors[:-1]) - np.log2(errors[1:]), 1, atol=0.02)


def test_gradient_descent_of_the_mean_field_tends_to_the_flow_as_its_step_shrinks() -> None:
    model, times = _pair(), np.array([1.0, 4.0, 16.0, 64.0])
    expected = 1 - _explained(logistic_path(model, times)) / model.total_variance
    errors = []
    for step_size in (0.02, 0.01):
        steps = np.rint(times / step_size).astype(np.int64)
        curve = mean_field_curve(model, Logistic(), np.zeros((1, 1, 4)), steps, step_size, nodes=4096, growth=0.01)
        errors.append(np.abs(curve.losses[0] - expected).max())
    assert errors[1] < 5e-4
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)  # first order in the step


def test_a_weak_signal_gives_the_curve_of_the_linearised_loss() -> None:
    """Outputs stay small, the drive constant, and f is phi_s at c = 1/4."""
    model = _pair(share=1e-6)
    path = logistic_path(model, np.geomspace(0.1, 50, 30))
    np.testing.assert_allclose(path.drive, path.drive[0], rtol=1e-5)  # of the order of the share
    np.testing.assert_allclose(path.clock, path.times / 4, rtol=1e-5)
    rates = path.clock[:, None] * path.eigenvalues
    np.testing.assert_allclose(path.learnt, path.drive[0] * -np.expm1(-rates) / path.eigenvalues, rtol=1e-5)
    # With a constant drive the margin is 1 - (1 - (1 + x) e^-x) / (1 - e^-x)^2 at x = lambda B, from 1/2 to 0.
    expected = 1 - (1 - (1 + rates) * np.exp(-rates)) / np.expm1(-rates) ** 2
    np.testing.assert_allclose(laplace_margins(path), expected, atol=1e-5)
    assert np.all(expected > 0)


@given(gaussian_pairs())
@settings(max_examples=25)
def test_explained_variance_falls_wherever_the_inequality_holds(model: DataModel) -> None:
    times = np.geomspace(1e-2 / model.eigenvalues[0], 100 / model.eigenvalues[-1], 150)
    path = logistic_path(model, times)
    margins = laplace_margins(path)
    assert margins[0] == pytest.approx(0.5, abs=0.01)  # the limit at time 0
    explained = _explained(path)
    # R is exact to the tolerance of the integrator.
    holds = np.all(margins[1:] >= 0, axis=1) & np.all(margins[:-1] >= 0, axis=1)
    assert np.all(np.diff(explained)[holds] <= 1e-9 * explained[0])
    assert np.count_nonzero(holds) >= 50  # else the test could not fail


@given(gaussian_pairs())
@settings(max_examples=25)
def test_explained_variance_falls_whether_the_inequality_holds_or_not(model: DataModel) -> None:
    """Seen, not proved: the inequality is sufficient, and searches where it fails found no rise of R."""
    path = logistic_path(model, np.geomspace(1e-2 / model.eigenvalues[0], 100 / model.eigenvalues[-1], 150))
    explained = _explained(path)
    assert np.all(np.diff(explained) <= 1e-9 * explained[0])


def test_the_inequality_can_fail_while_explained_variance_still_falls() -> None:
    """A mode without much signal saturates while the outputs, and with them the drive, still grow faster and faster."""
    row = np.array([1e-3, 0.4])
    model = DataModel.two_classes(np.array([1.0, 0.02]), row)
    model = model.with_signal_scaled(float(np.sqrt(0.9 / model.class_shares[1][0])))
    path = logistic_path(model, np.geomspace(1e-1, 1e4, 200))
    margins = laplace_margins(path)
    print(f"smallest margin {margins.min():.2e} at s = {path.times[np.argmin(margins.min(axis=1))]:.1f}")
    assert margins.min() < -1e-5
    assert np.all(np.diff(_explained(path)) < 0)


def test_margins_are_the_slopes_of_the_growth_rates() -> None:
    """The slope of a rate by lambda is g(0) f1 / f^2 - 1, by differences between modes that carry no signal."""
    eigenvalues = np.sort(np.append(2 * 1.0001 ** -np.arange(5.0), [1.0, 0.5, 0.02]))[::-1].copy()
    row = np.where(np.isin(eigenvalues, [1.0, 0.5, 0.02]), 0.05, 0.0)
    path = logistic_path(DataModel.two_classes(eigenvalues, row), np.geomspace(0.1, 30, 10))
    rates = path.drive[:, None] / path.learnt - path.eigenvalues
    slopes = np.diff(rates[:, :5], axis=1) / np.diff(eigenvalues[:5])
    margins = laplace_margins(path)[:, :5]
    # The second difference over a distance of 2e-4 is cubic in it; the integrator's 1e-11 is divided by it.
    np.testing.assert_allclose(slopes, -(margins[:, 1:] + margins[:, :-1]) / 2, atol=1e-6)


def test_the_drive_is_log_convex_at_first_and_the_inequality_still_holds() -> None:
    """Log g grows as the square of the outputs: log-concavity is sufficient but fails at the start."""
    path = logistic_path(_pair(), np.geomspace(1e-2, 1e3, 200))
    assert np.all(log_concavity(path)[:50] < 0)
    assert np.all(laplace_margins(path)[:50] > 0.4)


def test_log_concavity_is_that_of_known_drives() -> None:
    path = logistic_path(_pair(), np.linspace(0.1, 10, 60))
    concave, convex = np.exp(-(path.clock**2)), np.exp(path.clock**2)
    assert np.all(log_concavity(replace(path, drive=concave)) > 0)
    assert np.all(log_concavity(replace(path, drive=convex)) < 0)


def test_the_flow_ends_at_the_best_discriminant() -> None:
    """At infinity w is along Sigma_W^-1 (mu_1 - mu_0), for equal classes twice Sigma_W^-1 mu_1."""
    model = _pair(first=0.5)
    mean = model.means[1]
    within = np.diag(model.eigenvalues) - np.outer(mean, mean)
    path = logistic_path(model, np.array([1e5]))
    np.testing.assert_allclose(path.weights[0, 0], 2 * np.linalg.solve(within, mean), rtol=1e-7)
    assert path.slope[0] == pytest.approx(path.drive[0] / model.eigenvalues**2, rel=1e-7)


def test_bad_arguments_are_refused() -> None:
    model = _pair()
    for times in ([0.0, 1.0], [2.0, 1.0]):
        with pytest.raises(InputError, match="times: give strictly increasing numbers above 0"):
            logistic_path(model, np.array(times))
    with pytest.raises(InputError, match="model: its signal is too strong"):
        logistic_path(model.with_signal_scaled(2.0), np.array([1.0]))
    three = DataModel(np.ones(3), np.zeros((3, 3)), np.full(3, 1 / 3))
    with pytest.raises(InputError, match="logistic takes two classes"):
        logistic_path(three, np.array([1.0]))
