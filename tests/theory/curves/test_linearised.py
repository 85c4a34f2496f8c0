from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.linalg import expm

from tests.strategies import data_models, seeds, weights
from theory import (
    DataModel,
    InputError,
    Logistic,
    Loss,
    Softmax,
    SquaredError,
    flow_curve,
    gradient_descent_curve,
    relative_loss,
)
from theory.validation import FloatArray

_LOSSES = st.sampled_from([Softmax(), SquaredError()])


def _start(model: DataModel, loss: Loss, scale: float, seed: int = 0, replicas: int = 2) -> FloatArray:
    shape = (replicas, loss.outputs(model.classes), model.dimension)
    return scale * np.random.default_rng(seed).standard_normal(shape)


def _naive_flow(model: DataModel, loss: Loss, start: FloatArray, time: float) -> FloatArray:
    """W(time) of dW/ds = M - H W Sigma from the exponential of the whole linear system."""
    outputs, dimension = start.shape
    size = outputs * dimension
    system = np.zeros((size + 1, size + 1))
    system[:size, :size] = -np.kron(loss.initial_jacobian(model.classes), np.diag(model.eigenvalues))
    system[:size, size] = loss.signal(model.prototypes).reshape(-1)
    return (expm(system * time) @ np.append(start.reshape(-1), 1.0))[:size].reshape(outputs, dimension)


def _naive_descent(model: DataModel, loss: Loss, start: FloatArray, steps: int, step_size: float) -> FloatArray:
    jacobian, signal = loss.initial_jacobian(model.classes), loss.signal(model.prototypes)
    current = start.copy()
    for _ in range(steps):
        current = current + step_size * (signal - jacobian @ (current * model.eigenvalues))
    return current


@given(data_models(largest_dimension=6), _LOSSES, st.floats(0.01, 15), seeds)
def test_the_flow_solves_its_differential_equation(model: DataModel, loss: Loss, scaled: float, seed: int) -> None:
    start = _start(model, loss, 0.1 / np.sqrt(model.eigenvalues[0]), seed)
    time = scaled / model.eigenvalues[0]
    found = flow_curve(model, loss, start, np.array([time])).losses[:, 0]
    final = np.stack([_naive_flow(model, loss, one, time) for one in start])
    np.testing.assert_allclose(found, relative_loss(final, model.eigenvalues), atol=1e-6)


@given(data_models(), _LOSSES, st.integers(1, 60), st.floats(0.01, 1.9), seeds)
def test_gradient_descent_in_closed_form_is_its_iteration(
    model: DataModel, loss: Loss, steps: int, share: float, seed: int
) -> None:
    start = _start(model, loss, 0.1 / np.sqrt(model.eigenvalues[0]), seed)
    step_size = share / model.eigenvalues[0]
    found = gradient_descent_curve(model, loss, start, np.array([steps]), step_size).losses[:, 0]
    final = np.stack([_naive_descent(model, loss, one, steps, step_size) for one in start])
    np.testing.assert_allclose(found, relative_loss(final, model.eigenvalues), atol=1e-6)


@given(data_models(), st.data())
def test_at_time_zero_the_curve_is_the_level_of_the_initial_weights(model: DataModel, data: st.DataObject) -> None:
    start = data.draw(weights(model.classes, model.dimension))
    found = flow_curve(model, Softmax(), start, np.array([0.0])).losses[:, 0]
    np.testing.assert_allclose(found, relative_loss(start, model.eigenvalues), atol=1e-6)


def test_at_infinity_squared_error_reaches_the_regression_solution() -> None:
    model = DataModel.power_law(8, 1.0, 1.5, 0.02)
    curve = flow_curve(model, SquaredError(), _start(model, SquaredError(), 1.0), np.array([1e6]))
    regression = model.prototypes[1:] / model.eigenvalues
    np.testing.assert_allclose(curve.losses, relative_loss(regression, model.eigenvalues), atol=1e-9)


def test_softmax_never_moves_the_mean_of_its_rows() -> None:
    """So its loss at infinity is that of the regression rows and the initial mean row together."""
    prototypes = 0.1 * np.eye(3, 5)
    model = DataModel(np.array([3.0, 2.0, 1.0, 0.5, 0.25]), prototypes - prototypes.mean(axis=0), np.full(3, 1 / 3))
    start = _start(model, Softmax(), 1.0)
    curve = flow_curve(model, Softmax(), start, np.array([1e6]))
    final = start.mean(axis=1, keepdims=True) + 3 * model.prototypes / model.eigenvalues
    np.testing.assert_allclose(curve.losses[:, 0], relative_loss(final, model.eigenvalues), atol=1e-9)


def test_descent_approaches_the_flow_at_first_order_in_the_step_size() -> None:
    model = DataModel.power_law(10, 1.0, 1.0, 0.02)
    loss = SquaredError()
    start = _start(model, loss, 0.3)
    exact = flow_curve(model, loss, start, np.array([2.0])).losses
    counts = np.array([20, 40, 80, 160, 320])
    errors = [
        np.abs(gradient_descent_curve(model, loss, start, np.array([n]), 2.0 / n).losses - exact).max() for n in counts
    ]
    slope = np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(-1, abs=0.05)  # the next order contributes about 1/20 at the coarsest step


@given(data_models(), _LOSSES, st.floats(0.1, 10), seeds)
def test_scaling_the_inputs_by_c_moves_times_by_one_over_c_squared(
    model: DataModel, loss: Loss, factor: float, seed: int
) -> None:
    """Inputs c x have spectrum c^2 Sigma and prototypes c M; W(0) must shrink by c to give the same outputs."""
    times = np.array([0.1, 1.0, 10.0]) / model.eigenvalues[0]
    start = _start(model, loss, 0.1 / np.sqrt(model.eigenvalues[0]), seed)
    scaled = DataModel(factor**2 * model.eigenvalues, factor * model.prototypes, model.frequencies)
    np.testing.assert_allclose(
        flow_curve(scaled, loss, start / factor, times / factor**2).losses,
        flow_curve(model, loss, start, times).losses,
        atol=1e-6,
    )


@given(data_models(), seeds)
def test_the_order_of_the_classes_does_not_matter(model: DataModel, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(model.classes)
    start = _start(model, Softmax(), 0.1 / np.sqrt(model.eigenvalues[0]), seed)
    times = np.array([1.0, 30.0]) / model.eigenvalues[0]
    permuted = DataModel(model.eigenvalues, model.prototypes[order], model.frequencies[order])
    np.testing.assert_allclose(
        flow_curve(permuted, Softmax(), start[:, order], times).losses,
        flow_curve(model, Softmax(), start, times).losses,
        atol=1e-6,
    )


@given(data_models(), _LOSSES)
def test_without_initial_weights_explained_variance_never_rises(model: DataModel, loss: Loss) -> None:
    """Theorem T4 along span(Sigma^(1/2) phi_s(Sigma) M^T): W(0) = 0."""
    times = np.geomspace(1e-3, 1e2, 40) / model.eigenvalues[0]
    zero = np.zeros((1, loss.outputs(model.classes), model.dimension))
    losses = flow_curve(model, loss, zero, times).losses[0]
    signal = loss.signal(model.prototypes)
    assert losses[0] == pytest.approx(
        relative_loss(signal if len(signal) == 1 else signal[1:], model.eigenvalues), abs=1e-2
    )
    # A direction of the signal weaker than 1e-4 of the strongest is too near to the rounding error of the Gram form.
    singular = np.linalg.svd(signal * np.sqrt(model.eigenvalues))[1]
    rank = min(model.classes - 1, model.dimension)
    assume(singular[rank - 1] > 1e-4 * singular[0])
    assert np.all(np.diff(losses) >= -1e-6)


@pytest.mark.parametrize(
    ("start", "steps", "step_size", "match"),
    [
        pytest.param(np.zeros((1, 2, 3)), [0, 1], 0.1, "initial_weights: has shape", id="wrong shape"),
        pytest.param(np.full((1, 1, 3), np.nan), [0, 1], 0.1, "initial_weights: holds 3 NaN", id="NaN"),
        pytest.param(np.zeros((1, 1, 3)), [1, 0], 0.1, "steps: give strictly increasing", id="descending steps"),
        pytest.param(np.zeros((1, 1, 3)), [0.5], 0.1, "steps: give a non-empty list of integers", id="half a step"),
        pytest.param(np.zeros((1, 1, 3)), [0, 1], 9.0, "step_size: 9 .* at most 8", id="unstable step size"),
    ],
)
def test_bad_arguments_are_refused(start: FloatArray, steps: list[int], step_size: float, match: str) -> None:
    model = DataModel.power_law(3, 1.0, 1.0, 0.01)
    with pytest.raises(InputError, match=match):
        gradient_descent_curve(model, Logistic(), start, np.array(steps), step_size)


@given(data_models(), st.floats(-3, 0), seeds, _LOSSES)
def test_the_fast_curve_is_that_of_the_weights_written_out(
    model: DataModel, log_scale: float, seed: int, loss: Loss
) -> None:
    """Nearly singular spectra and nearly dependent rows included, from the first step to the last mode's saturation."""
    start = _start(model, loss, 10**log_scale * np.sqrt(model.eigenvalues[0]), seed, replicas=1)
    times = np.geomspace(1e-3 / model.eigenvalues[0], 3 / model.eigenvalues[-1], 12)
    values, vectors = np.linalg.eigh(loss.initial_jacobian(model.classes))
    rates = np.where(values > 1e-12 * values[-1], values, 0.0)[:, None] * model.eigenvalues
    exponents = -times[:, None, None] * rates
    growth = np.where(rates > 0, -np.expm1(exponents) / np.where(rates > 0, rates, 1.0), 0.0)
    rows = np.exp(exponents) * (vectors.T @ start[0]) + growth * (vectors.T @ loss.signal(model.prototypes))
    found = flow_curve(model, loss, start, times).losses[0]
    # Rows that are independent by a millionth lose that many digits in the written out sum.
    np.testing.assert_allclose(found, relative_loss(rows, model.eigenvalues), atol=1e-7)


def test_long_after_saturation_an_output_without_a_signal_is_along_the_slowest_mode() -> None:
    """Squared error with three classes: two rows learn, the third fades along the last mode; its direction is left."""
    model = DataModel.power_law_classes(8, 0.5, 1.0, 3, 0.4, seed=0)
    start = np.random.default_rng(0).standard_normal((1, 3, 8))
    times = np.geomspace(10, 1e7, 20)
    losses = flow_curve(model, SquaredError(), start, times).losses[0]
    rows = np.concatenate([model.prototypes[:2] / model.eigenvalues, np.eye(8)[7:]])
    assert losses[-1] == pytest.approx(float(relative_loss(rows, model.eigenvalues)), abs=1e-10)
    assert np.ptp(losses[-8:]) < 1e-10
