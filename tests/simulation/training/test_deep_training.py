"""Training of networks with hidden layers: against autograd, in groups and turns, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from simulation import FullBatch, MiniBatches, Status, sample_with_exact_moments, train
from simulation.training.batches import BatchSource
from simulation.training.deep_training import initial_layers, linear_measurement, train_layers
from theory import DataModel, InputError, Logistic, Loss, Softmax, SquaredError
from theory.curves.deep_linear import Layers, deep_linear_curves

MODEL = DataModel.power_law(10, 0.5, 2.0, 0.05)
STEPS = np.array([0, 1, 5, 20])


class Tanh:
    """An activation with a slope."""

    name = "tanh"

    def value(self, units: torch.Tensor) -> torch.Tensor:
        return torch.tanh(units)

    def back(self, gradient: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return gradient * (1 - value**2)


def _source() -> FullBatch:
    return FullBatch(*sample_with_exact_moments(MODEL, 40, seed=0))


def _autograd(layers: Layers, loss: Loss, activation: bool, steps: int, step_size: float) -> list[torch.Tensor]:
    """The layers of the first replica, by torch's own differentiation."""
    inputs, labels = sample_with_exact_moments(MODEL, 40, seed=0)
    own = [torch.tensor(layer[0], requires_grad=True) for layer in layers]
    for _ in range(steps):
        units = inputs
        for number, layer in enumerate(own):
            units = units @ layer.T
            if activation and number + 1 < len(own):
                units = torch.tanh(units)
        match loss:
            case Softmax():
                value = torch.nn.functional.cross_entropy(units, labels)
            case Logistic():
                value = torch.nn.functional.binary_cross_entropy_with_logits(units[:, 0], labels.double())
            case _:
                value = torch.mean((units[:, 0] - labels + 0.5) ** 2) / 2
        for layer, gradient in zip(own, torch.autograd.grad(value, own), strict=True):
            layer.data -= step_size * gradient
    return own


@pytest.mark.parametrize("loss", [Softmax(), Logistic(), SquaredError()], ids=lambda one: one.name)
@pytest.mark.parametrize("activation", [False, True], ids=["linear", "tanh"])
def test_the_layers_are_those_of_autograd(loss: Loss, activation: bool) -> None:
    layers = initial_layers(2, (10, 4, 3, loss.outputs(2)), (0.5, 0.4, 0.6), seed=0)
    function = Tanh() if activation else None
    found = train_layers(
        _source(), loss, layers, STEPS, 0.3, linear_measurement(MODEL, torch.float64), function, dtype=torch.float64
    )
    for layer, expected in zip(found.layers, _autograd(layers, loss, activation, 20, 0.3), strict=True):
        assert np.allclose(layer[0], expected.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_one_layer_is_what_single_layers_are_trained_to() -> None:
    layers = initial_layers(3, (10, 2), 0.1, seed=1)
    deep = train_layers(
        _source(), Softmax(), layers, STEPS, 0.3, linear_measurement(MODEL, torch.float64), dtype=torch.float64
    )
    single = train(_source(), replace(MODEL, basis=None), Softmax(), layers[0], STEPS, 0.3, dtype=torch.float64)
    assert np.allclose(deep.layer(1).losses, single.losses, atol=1e-10)
    assert np.allclose(deep.layer(1).weights, single.weights, atol=1e-10)


def test_the_mean_field_is_followed_on_samples_with_exact_moments() -> None:
    """Squared error sees the moments alone: the two agree to what blocks leave, 3e-4."""
    layers = initial_layers(2, (10, 4, 1), 0.3, seed=2)
    steps = np.array([0, 10, 50, 200])
    found = train_layers(
        _source(), SquaredError(), layers, steps, 0.2, linear_measurement(MODEL, torch.float64), dtype=torch.float64
    )
    derived = deep_linear_curves(MODEL, SquaredError(), layers, steps, 0.2)
    for number, curve in enumerate(derived):
        assert np.abs(found.losses[:, number] - curve.losses).max() < 1e-9


def test_groups_and_turns_change_nothing() -> None:
    """Each group of replicas trains on its own batches; with a small memory budget replicas take turns."""
    inputs, labels = sample_with_exact_moments(MODEL, 40, seed=0)

    def source(groups: int) -> BatchSource:
        return MiniBatches(inputs, labels, 10, groups, seed=3)

    layers = initial_layers(4, (10, 3, 2), 0.3, seed=0)
    measure = linear_measurement(MODEL, torch.float64)
    roomy = train_layers(source(2), Softmax(), layers, STEPS, 0.2, measure, dtype=torch.float64)
    turns = train_layers(source(2), Softmax(), layers, STEPS, 0.2, measure, dtype=torch.float64, memory_budget=2000)
    assert np.allclose(roomy.losses, turns.losses, atol=1e-12)
    # Replicas 0 and 2 are group 0 of both; group 1 sees other batches than group 0.
    same = train_layers(source(1), Softmax(), layers, STEPS, 0.2, measure, dtype=torch.float64)
    assert np.allclose(roomy.losses[[0, 2]], same.losses[[0, 2]], atol=1e-12)
    assert np.abs(roomy.losses[[1, 3]] - same.losses[[1, 3]]).max() > 1e-6


def test_a_replica_that_diverges_leaves_the_others() -> None:
    layers = initial_layers(2, (10, 3, 1), 0.1, seed=0)
    large = tuple(np.stack([layer[0], 30 * layer[1]]) for layer in layers)
    found = train_layers(
        _source(),
        SquaredError(),
        large,
        np.array([0, 5, 40]),
        0.3,
        linear_measurement(MODEL, torch.float64),
        dtype=torch.float64,
    )
    assert found.status is Status.DIVERGED
    assert found.layer(2).diverged.tolist() == [False, True]
    assert np.all(np.isfinite(found.losses[0]))
    assert all(np.all(np.isfinite(layer)) for layer in found.layers)


def test_layers_have_the_scales_asked_for_and_are_independent() -> None:
    """Deviations within five standard errors; draws do not depend on their number."""
    layers = initial_layers(50, (20, 10, 20), (0.5, 2.0), seed=0)
    for layer, scale in zip(layers, (0.5, 2.0), strict=True):
        assert layer.std() == pytest.approx(scale, rel=5 / np.sqrt(2 * layer.size))
    assert abs(np.corrcoef(layers[0].ravel(), layers[1].ravel())[0, 1]) < 5 / np.sqrt(layers[0].size)
    fewer = initial_layers(3, (20, 10, 20), (0.5, 2.0), seed=0)
    assert all(np.array_equal(one[:3], other) for one, other in zip(layers, fewer, strict=True))


def test_bad_input_is_refused() -> None:
    layers, measure = initial_layers(2, (10, 3, 2), 0.1, seed=0), linear_measurement(MODEL)
    with pytest.raises(InputError, match="widths: "):
        initial_layers(2, (10,), 0.1, seed=0)
    with pytest.raises(InputError, match="scales: has 3 entries; give one, or one for each of the 2 layers"):
        initial_layers(2, (10, 3, 2), (0.1, 0.1, 0.1), seed=0)
    with pytest.raises(InputError, match=r"dtype: torch\.float32 is not that of the source"):
        train_layers(_source(), Softmax(), layers, STEPS, 0.1, measure)
    kind = torch.float64
    for bad, match in (
        ({"steps": np.array([1, 2])}, "steps: begin at 1"),
        ({"step_size": -1.0}, "step_size: -1.0 is not accepted"),
        ({"layers": (layers[0], layers[1][:, :, :2])}, "layer 2: has shape"),
        ({"memory_budget": 10}, "memory_budget: 10 is not accepted; give at least"),
    ):
        given = {"layers": layers, "steps": STEPS, "step_size": 0.1, **bad}
        with pytest.raises(InputError, match=match):
            train_layers(_source(), Softmax(), measurement=measure, dtype=kind, **given)
    done = train_layers(_source(), Softmax(), layers, STEPS, 0.1, measure, dtype=kind)
    with pytest.raises(InputError, match="number: 3 is not accepted; give 1 to 2"):
        done.layer(3)
