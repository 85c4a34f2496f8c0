from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from theory import DataModel, InputError, Logistic, Loss, Softmax, SquaredError, loss_named
from theory.curves.losses import LOSSES

_CLASSES = {"softmax": 4, "squared": 4, "logistic": 2}


def _symbolic_loss(loss: Loss, outputs: list[sp.Symbol], label: int) -> sp.Expr:
    if loss.name == "softmax":
        return sp.log(sp.Add(*[sp.exp(z) for z in outputs])) - outputs[label]
    if loss.name == "logistic":
        return sp.log(1 + sp.exp(outputs[0])) - label * outputs[0]
    frequencies = np.full(_CLASSES["squared"], 0.25)
    targets = loss.targets(frequencies)[label]
    return sp.Add(*[(z - sp.Float(t, 20)) ** 2 for z, t in zip(outputs, targets, strict=True)]) / 2


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_the_initial_jacobian_is_the_hessian_that_differentiation_gives(loss: Loss) -> None:
    classes = _CLASSES[loss.name]
    outputs = list(sp.symbols(f"z:{loss.outputs(classes)}", real=True))
    hessian = sp.hessian(_symbolic_loss(loss, outputs, 1), outputs).subs(dict.fromkeys(outputs, 0))
    np.testing.assert_allclose(np.array(hessian, dtype=float), loss.initial_jacobian(classes), atol=1e-14)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_predictions_minus_targets_is_the_gradient(loss: Loss) -> None:
    classes = _CLASSES[loss.name]
    outputs = list(sp.symbols(f"z:{loss.outputs(classes)}", real=True))
    point = np.linspace(-1.5, 2, len(outputs))
    frequencies = np.full(classes, 1 / classes)
    for label in range(classes):
        expression = _symbolic_loss(loss, outputs, label)
        gradient = [float(sp.diff(expression, z).subs(dict(zip(outputs, point, strict=True)))) for z in outputs]
        found = loss.predictions(point) - loss.targets(frequencies)[label]
        np.testing.assert_allclose(found, gradient, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_the_mean_jacobian_is_the_mean_of_finite_differences(loss: Loss) -> None:
    outputs = loss.outputs(_CLASSES[loss.name])
    points = np.random.default_rng(0).standard_normal((7, outputs))
    step = 1e-6
    columns = [
        (loss.predictions(points + step * unit) - loss.predictions(points - step * unit)).mean(axis=0) / (2 * step)
        for unit in np.eye(outputs)
    ]
    np.testing.assert_allclose(loss.mean_jacobian(loss.predictions(points)), np.stack(columns, axis=1), atol=1e-8)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_no_outputs_curve_the_loss_more_than_the_largest_curvature(loss: Loss) -> None:
    outputs = loss.outputs(_CLASSES[loss.name])
    points = 3 * np.random.default_rng(0).standard_normal((2000, 1, outputs))
    largest = np.linalg.eigvalsh(loss.mean_jacobian(loss.predictions(points)))[:, -1].max()
    assert largest <= loss.largest_curvature + 1e-12
    # The bound is attained: two classes tied and all others far behind (softmax), z = 0 (logistic).
    tied = np.full((1, outputs), -50.0 if outputs > 1 else 0.0)
    tied[0, :2] = 0.0
    attained = np.linalg.eigvalsh(loss.mean_jacobian(loss.predictions(tied)))[-1]
    assert attained == pytest.approx(loss.largest_curvature, abs=1e-12)


def test_curvatures_at_zero_and_stability_limits_are_those_of_the_theory() -> None:
    assert SquaredError().initial_curvature(10) == pytest.approx(1)
    assert Logistic().initial_curvature(2) == pytest.approx(1 / 4)
    assert Softmax().initial_curvature(10) == pytest.approx(1 / 10)
    assert [loss.stability_limit for loss in (SquaredError(), Logistic(), Softmax())] == [2, 8, 4]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_the_first_step_from_zero_adds_prototypes(loss: Loss) -> None:
    """Theorem T1: at W = 0 the negative gradient is M."""
    generator = np.random.default_rng(0)
    classes = _CLASSES[loss.name]
    labels = np.arange(60) % classes
    inputs = generator.standard_normal((60, 3)) + generator.standard_normal((classes, 3))[labels]
    inputs -= inputs.mean(axis=0)
    frequencies = np.bincount(labels) / 60
    error = loss.predictions(np.zeros((60, loss.outputs(classes)))) - loss.targets(frequencies)[labels]
    means = np.stack([inputs[labels == k].mean(axis=0) for k in range(classes)])
    expected = loss.signal(frequencies[:, None] * means)
    np.testing.assert_allclose(-error.T @ inputs / 60, expected, atol=1e-12)


@pytest.mark.parametrize("step", [-0.1, 0.0, np.nan, np.inf, 2.01])
def test_unstable_step_sizes_are_refused(step: float) -> None:
    with pytest.raises(InputError, match=r"step_size: .* not stable for squared; .* at most 2"):
        SquaredError().check_step_size(step, 1.0)


@pytest.mark.parametrize(("loss", "limit"), [(SquaredError(), 2.0), (Logistic(), 8.0), (Softmax(), 4.0)])
def test_the_largest_stable_step_itself_is_accepted(loss: Loss, limit: float) -> None:
    loss.check_step_size(limit / 0.5, 0.5)
    with pytest.raises(InputError, match="not stable"):
        loss.check_step_size(limit / 0.5 * 1.001, 0.5)


def test_an_unknown_loss_and_too_many_classes_are_refused() -> None:
    with pytest.raises(InputError, match="loss: 'hinge' is unknown; give one of softmax, logistic, squared"):
        loss_named("hinge")
    with pytest.raises(InputError, match="logistic takes two classes and these data have 3"):
        Logistic().outputs(3)


def test_a_two_class_model_gives_one_row_to_the_losses_with_one_output() -> None:
    model = DataModel.power_law(3, 1.0, 1.0, 0.01)
    for loss in (Logistic(), SquaredError()):
        np.testing.assert_allclose(loss.signal(model.prototypes), model.prototypes[1:])
    assert Softmax().signal(model.prototypes).shape == (2, 3)
