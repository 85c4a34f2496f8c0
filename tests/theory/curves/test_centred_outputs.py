"""The decoder of centred outputs: contrasts of a layer are P W, at every level of the theory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import data_models, seeds
from theory import (
    CentredOutputs,
    DataModel,
    InputError,
    Logistic,
    Loss,
    Softmax,
    SquaredError,
    centred_rows,
    expected_curve,
    explained_variance,
    flow_curve,
    gradient_share,
    relative_loss,
)
from theory.curves.centred_outputs import contrasts
from theory.curves.mean_field import gaussian_nodes, mean_field_path
from theory.curves.phase_three import learnt_rows


@given(data_models(), st.floats(-6, 0), seeds)
def test_centred_rows_explain_what_the_projected_outputs_do(model: DataModel, log_scale: float, seed: int) -> None:
    """However large the mean row that P takes out is."""
    classes = model.classes
    weights = np.random.default_rng(seed).standard_normal((classes, model.dimension))
    projected = weights - weights.mean(axis=0)
    shifted = projected + 10.0**-log_scale
    # Any K - 1 rows of P W span it; the last one is minus their sum.
    np.testing.assert_allclose(
        explained_variance(centred_rows(shifted), model.eigenvalues),
        explained_variance(projected[:-1], model.eigenvalues),
        rtol=1e-7,  # a common part a million times larger leaves ten digits, nearly dependent rows some fewer
    )


def test_contrasts_are_an_orthonormal_basis_of_what_adds_up_to_zero() -> None:
    for outputs in (2, 3, 10, 100):
        basis = contrasts(outputs)
        np.testing.assert_allclose(basis @ basis.T, np.eye(outputs - 1), atol=1e-14)
        np.testing.assert_allclose(basis.T @ basis, np.eye(outputs) - 1 / outputs, atol=1e-14)


@pytest.mark.parametrize("loss", [Softmax(), SquaredError()], ids=lambda loss: loss.name)
def test_training_in_contrasts_is_training_of_all_outputs_seen_through_them(loss: Loss) -> None:
    """Mean field, one step at a time, where quadrature in K and K - 1 dimensions agrees to its own error."""
    model = DataModel.power_law_classes(8, 0.8, 1.5, 4, 0.5, 0)
    start = 0.3 * np.random.default_rng(0).standard_normal((2, 4, 8))
    steps = np.arange(25)
    centred = CentredOutputs(loss)
    whole = mean_field_path(model, loss, start, steps, 0.5, nodes=8192)
    seen = mean_field_path(model, centred, centred_rows(start), steps, 0.5, nodes=8192)
    for all_rows, rows in zip(whole, seen, strict=True):
        np.testing.assert_allclose(rows, centred_rows(all_rows), atol=2e-4)
    assert np.abs(all_rows - start).max() > 0.1


def test_predictions_slopes_and_shares_are_those_of_softmax() -> None:
    """The Jacobian in contrasts against a difference quotient, probabilities against those of all outputs."""
    loss, centred = Softmax(), CentredOutputs(Softmax())
    outputs = np.random.default_rng(0).standard_normal((6, 4))
    seen, basis = outputs @ contrasts(4).T, contrasts(4)
    np.testing.assert_allclose(centred.predictions(seen) @ basis + 1 / 4, loss.predictions(outputs), atol=1e-14)
    step = 1e-6
    quotient = (centred.predictions(seen[:1] + step * np.eye(3)) - centred.predictions(seen[:1] - step * np.eye(3))) / (
        2 * step
    )
    np.testing.assert_allclose(centred.mean_jacobian(centred.predictions(seen[:1])), quotient.T, atol=1e-9)
    np.testing.assert_allclose(centred.initial_jacobian(4), np.eye(3) / 4, atol=1e-15)
    model = DataModel.power_law_classes(8, 0.8, 1.5, 4, 0.5, 0)
    weights = np.random.default_rng(1).standard_normal((1, 4, 8))
    shares = (
        gradient_share(model, loss, weights, gaussian_nodes(4, 8192)),
        gradient_share(model, centred, centred_rows(weights), gaussian_nodes(3, 8192)),
    )
    assert shares[0] == pytest.approx(shares[1], rel=5e-3)  # of the quadrature


@given(data_models(largest_dimension=8), st.sampled_from([1e-9, 1.0, 1e6]), seeds)
def test_from_equal_rows_the_centred_loss_never_falls_at_any_size_of_the_conserved_row(
    model: DataModel, scale: float, seed: int
) -> None:
    """Theorem T4 for P W x where P W(0) = 0, whatever 1^T W(0) is; with outputs as they are this fails."""
    row = scale * np.random.default_rng(seed).standard_normal(model.dimension)
    start = centred_rows(np.tile(row, (1, model.classes, 1)))
    # Contrasts of equal rows are zero up to rounding, which is taken out: rounding would count as a row.
    start[np.abs(start) < 1e-12 * scale * np.sqrt(model.dimension)] = 0.0
    assert not start.any()
    curvature = 1 / model.classes
    times = np.geomspace(1e-2, 20, 30) / (curvature * model.eigenvalues[0])
    basis = np.linalg.svd(model.prototypes, full_matrices=False)[2][: min(model.classes - 1, model.dimension)]
    levels = [
        float(relative_loss(learnt_rows(basis, model.eigenvalues, s, curvature), model.eigenvalues)) for s in times
    ]
    losses = flow_curve(model, CentredOutputs(Softmax()), start, times).losses[0]
    assert np.all(np.diff(levels) >= -1e-7)  # rounding of nearly dependent rows
    np.testing.assert_allclose(losses, levels, atol=1e-6)


def test_as_sigma0_falls_the_centred_curve_tends_to_the_learnt_path_and_the_other_does_not() -> None:
    """Of a fixed draw, linearly in sigma0: outputs as they are keep the direction of their mean row."""
    model = DataModel.power_law_classes(12, 0.8, 1.5, 3, 0.5, 0)
    draw = np.random.default_rng(0).standard_normal((1, 3, 12))
    times = np.geomspace(1, 100, 20)
    limit = flow_curve(model, CentredOutputs(Softmax()), np.zeros((1, 2, 12)), times).losses
    centred, whole = (
        [np.abs(curve(scale) - limit).max() for scale in (1e-3, 1e-4, 1e-5)]
        for curve in (
            lambda scale: flow_curve(model, CentredOutputs(Softmax()), centred_rows(scale * draw), times).losses,
            lambda scale: flow_curve(model, Softmax(), scale * draw, times).losses,
        )
    )
    assert centred[0] / centred[1] == pytest.approx(10, rel=0.1)
    assert centred[2] < 1e-3
    assert min(whole) > 0.03
    mean = expected_curve(model, CentredOutputs(Softmax()), 1e-6, times).losses
    np.testing.assert_allclose(mean, limit, atol=1e-5)


def test_what_has_no_mean_row_is_refused() -> None:
    with pytest.raises(InputError, match="loss: logistic with 2 classes has one output and no mean row"):
        CentredOutputs(Logistic()).outputs(2)
    with pytest.raises(InputError, match="outputs: 1 is not accepted; give at least 2"):
        centred_rows(np.ones((1, 3)))
    with pytest.raises(InputError, match=r"weights: has shape \(3,\)"):
        centred_rows(np.ones(3))
    with pytest.raises(InputError, match="weights: holds 1 NaN"):
        centred_rows(np.array([[1.0, np.nan], [0.0, 1.0]]))
    with pytest.raises(InputError, match="squared error gives no probabilities"):
        CentredOutputs(SquaredError()).class_errors(np.zeros((1, 2)))
