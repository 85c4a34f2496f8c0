"""Which outputs count: one rule at every level, against descent in 60 digits and step by step."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest

from theory import (
    ClassConditionalModel,
    DataModel,
    Loss,
    Softmax,
    SquaredError,
    class_mean_field_curve,
    expected_curve,
    flow_curve,
    gradient_descent_curve,
    mean_field_curve,
    relative_loss,
)
from theory.curves.reconstruction import explained_variance, rounding
from theory.curves.signal_outputs import SignalOutputs
from theory.validation import FloatArray


def _three_classes(dimension: int) -> DataModel:
    return DataModel.power_law_classes(dimension, 1.0, 1.5, 3, 0.5, 0)


def _shared(model: DataModel) -> ClassConditionalModel:
    """Gaussian classes with the common covariance that the mean field assumes."""
    within = np.diag(model.eigenvalues) - model.means.T @ model.prototypes
    return ClassConditionalModel(model, np.repeat(within[None], model.classes, axis=0))


def test_from_zero_weights_the_rows_of_softmax_have_rank_two_however_long_they_are_trained() -> None:
    """Their sum is rounding; counted as an output it gave .590 and .543."""
    model = _three_classes(10)
    zero, steps = np.zeros((1, 3, 10)), np.array([1_000, 32_000])
    found = mean_field_curve(model, Softmax(), zero, steps, 1.0).losses[0]
    np.testing.assert_allclose(found, 0.805, atol=5e-4)
    own = class_mean_field_curve(_shared(model), Softmax(), zero, steps, 1.0, nodes=64).losses[0]
    np.testing.assert_allclose(own, found, atol=5e-3)  # 64 nodes for 512


@pytest.mark.parametrize("angle", [0.0, 1e-16, -3e-16], ids=str)
def test_opposite_rows_are_one_output_whatever_the_rounding_of_the_basis(
    angle: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sum of the rows is 0; in a basis off by an eps, as LAPACK returns on some CPUs, it is 1e-17 of a row."""
    model = DataModel.power_law_classes(10, 1.0, 1.5, 2, 0.5, 0)
    row = np.random.default_rng(0).standard_normal((1, 1, 10))
    pair, steps = np.concatenate([-row, row], axis=1), np.array([0, 10, 1_000])
    exact = SignalOutputs.from_model(model, Softmax())
    turn = np.array([[1.0, angle], [-angle, 1.0]])
    monkeypatch.setattr(SignalOutputs, "from_model", lambda model, loss: replace(exact, basis=exact.basis @ turn))
    curves = [one(model, Softmax(), pair, steps, 0.5) for one in (mean_field_curve, gradient_descent_curve)]
    for curve in curves:
        assert curve.losses[0, 0] == pytest.approx(relative_loss(row, model.eigenvalues)[0], rel=1e-12)


@pytest.mark.parametrize("loss", [Softmax(), SquaredError()], ids=lambda loss: loss.name)
def test_an_output_without_a_signal_counts_as_in_exact_arithmetic_at_every_level(loss: Loss) -> None:
    """Squared error, three classes: the third output has decayed below 1e-16 of the others; .9278 is without it."""
    model, steps, step_size = _three_classes(30), np.array([300, 3000]), 0.5
    start = 0.01 * np.random.default_rng(0).standard_normal((1, 3, 30))
    linear = gradient_descent_curve(model, loss, start, steps, step_size).losses[0]
    if isinstance(loss, SquaredError):
        assert linear[1] == pytest.approx(0.9177, abs=5e-5)
        for curve in (
            mean_field_curve(model, loss, start, steps, step_size),
            class_mean_field_curve(_shared(model), loss, start, steps, step_size, nodes=64),
        ):
            np.testing.assert_allclose(curve.losses[0], linear, atol=1e-9)
    jacobian, signal = loss.initial_jacobian(3), loss.signal(model.prototypes)
    with mpmath.workdps(60):
        values, vectors = mpmath.eigsy(mpmath.matrix(jacobian.tolist()))
        # Prototypes that sum to zero in all digits, not in sixteen.
        exact_signal = [[mpmath.mpf(value) for value in row] for row in signal[:2]]
        exact_signal.append([-first - second for first, second in zip(*exact_signal, strict=True)])
        # In the basis of the Jacobian every mode is a geometric series.
        rows = mpmath.matrix(3, 30)
        for k in range(3):
            turn = [vectors[i, k] for i in range(3)]
            for j in range(30):
                w0 = mpmath.fsum(turn[i] * mpmath.mpf(start[0, i, j]) for i in range(3))
                m = mpmath.fsum(turn[i] * exact_signal[i][j] for i in range(3))
                rate = values[k] * mpmath.mpf(model.eigenvalues[j]) if abs(values[k]) > mpmath.mpf(10) ** -12 else 0
                kept = (1 - step_size * rate) ** 3000
                rows[k, j] = kept * w0 + (m * (1 - kept) / rate if rate else 0)
        # Gram-Schmidt of Sigma^(1/2) W^T.
        basis: list[list[mpmath.mpf]] = []
        sigma = [mpmath.mpf(value) for value in model.eigenvalues]
        for k in range(3):
            vector = [rows[k, j] * mpmath.sqrt(sigma[j]) for j in range(30)]
            for one in basis * 2:
                inner = mpmath.fsum(x * y for x, y in zip(vector, one, strict=True))
                vector = [x - inner * y for x, y in zip(vector, one, strict=True)]
            length = mpmath.sqrt(mpmath.fsum(x * x for x in vector))
            basis.append([x / length for x in vector])
        explained = mpmath.fsum(x * x * s for one in basis for x, s in zip(one, sigma, strict=True))
        exact = float(1 - explained / mpmath.fsum(sigma))
    assert linear[1] == pytest.approx(exact, abs=1e-5)


def test_collinear_means_leave_a_decaying_output_beside_the_conserved_one() -> None:
    """Softmax, four classes on a line: of three outputs without a signal one stays and two decay, at every level."""
    eigenvalues = np.arange(1, 9) ** -0.7
    row = 0.2 * np.random.default_rng(0).standard_normal(8) * eigenvalues
    model = DataModel(eigenvalues, np.outer([-3.0, -1.0, 1.0, 3.0], row), np.full(4, 0.25))
    start = 0.1 * np.random.default_rng(1).standard_normal((2000, 4, 8))
    times = np.array([0.1, 10.0, 300.0])
    drawn = flow_curve(model, Softmax(), start, times)
    found = expected_curve(model, Softmax(), 0.1, times).losses[0]
    # The equivalent is good to a share of the inverse effective rank, here a fifth.
    np.testing.assert_allclose(found, drawn.mean, atol=0.02)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_weights_that_descent_made_from_zero_have_the_rank_of_exact_arithmetic(kind: type[np.floating]) -> None:
    """2,000 steps of softmax on samples: the sum of the rows is rounding, in either precision."""
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((60, 6)) * np.arange(1, 7) ** -0.5
    labels = generator.integers(0, 3, 60)
    inputs += 0.5 * generator.standard_normal((3, 6))[labels]
    values, basis = np.linalg.eigh(np.cov(inputs.T, bias=True))
    rows = ((inputs - inputs.mean(axis=0)) @ basis[:, ::-1]).astype(kind)
    weights, targets = np.zeros((3, 6), kind), np.eye(3, dtype=kind)[labels]
    for _ in range(2000):
        weights = weights + kind(0.5) * (
            targets - Softmax().predictions(rows @ weights.T).astype(kind)
        ).T @ rows / kind(60)
    eigenvalues = values[::-1]
    found = relative_loss(weights.astype(np.float64), eigenvalues, rounding(2000, float(np.finfo(kind).eps)))
    two = relative_loss(weights[:2].astype(np.float64), eigenvalues)
    assert found == pytest.approx(float(two), abs=1e-4 if kind is np.float32 else 1e-10)


def test_a_row_of_its_own_counts_at_every_length() -> None:
    """The conserved row at 1e-9 and far below: R ignores length."""
    eigenvalues = np.array([1.0, 0.2, 0.05])
    row = np.array([0.1, 0.9, -0.4])
    model = DataModel.two_classes(eigenvalues, 0.3 * row / np.linalg.norm(row))
    levels = []
    for scale in (1e-9, 1e-15, 1e-160):
        start = scale * np.array([[[0.0, 0.6, -1.0]] * 2])
        levels.append(flow_curve(model, Softmax(), start, np.array([1.0, 10.0, 400.0])).losses[0])
        steps = np.array([4, 400])
        np.testing.assert_allclose(
            mean_field_curve(model, SquaredError(), start[:, :1], steps, 0.1).losses,
            gradient_descent_curve(model, SquaredError(), start[:, :1], steps, 0.1).losses,
            atol=1e-9,
        )
    # Each is far below what is learnt, by a millionth at the largest, and the loss falls in the end.
    np.testing.assert_allclose(levels, np.repeat(levels[:1], 3, axis=0), atol=1e-6)
    assert levels[0][2] < levels[0][1] - 0.2


def _unit(weights: FloatArray) -> FloatArray:
    return np.asarray(weights / np.linalg.norm(weights), dtype=np.float64)


def test_a_direction_below_the_rounding_of_the_weights_does_not_count() -> None:
    eigenvalues = np.array([3.0, 2.0, 1.0])
    first, second = _unit(np.array([1.0, 1.0, 1.0])), _unit(np.array([1.0, -1.0, 0.0]))
    one = explained_variance(first[None], eigenvalues)
    for angle, counts in ((1e-11, True), (1e-14, False)):
        pair = np.stack([first, first + angle * second])
        assert bool(abs(explained_variance(pair, eigenvalues) - one) > 0.1) is counts
