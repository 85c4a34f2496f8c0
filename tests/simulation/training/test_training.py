from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from simulation import FreshSamples, FullBatch, MiniBatches, Status, initial_weights, sample, train
from theory import (
    DataModel,
    InputError,
    Logistic,
    Loss,
    Softmax,
    SquaredError,
    gradient_descent_curve,
    logarithmic_steps,
    mean_field_curve,
    relative_loss,
)
from theory.curves.losses import LOSSES
from theory.validation import FloatArray


@pytest.fixture(scope="module")
def model() -> DataModel:
    return DataModel.power_law(12, 1.0, 1.5, 0.03)


@pytest.fixture(scope="module")
def data(model: DataModel) -> tuple[torch.Tensor, torch.Tensor]:
    return sample(model, 400, 0, torch.float64)


def _autograd_weights(
    loss: Loss, inputs: torch.Tensor, labels: torch.Tensor, start: FloatArray, steps: int, step_size: float
) -> FloatArray:
    """The same network as torch.nn.Linear, trained by torch's losses, autograd and SGD."""
    layer = nn.Linear(start.shape[1], start.shape[0], bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(start))
    optimiser = torch.optim.SGD(layer.parameters(), lr=step_size)
    share = labels.double().mean()
    for _ in range(steps):
        optimiser.zero_grad()
        outputs = layer(inputs)
        match loss:
            case Softmax():
                value = nn.functional.cross_entropy(outputs, labels)
            case Logistic():
                value = nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], labels.double())
            case _:
                value = 0.5 * ((outputs[:, 0] - labels.double() + share) ** 2).mean()
        value.backward()
        optimiser.step()
    return layer.weight.detach().numpy()


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_replicas_trained_together_equal_torch_networks_trained_alone(
    loss: Loss, model: DataModel, data: tuple[torch.Tensor, torch.Tensor]
) -> None:
    start = initial_weights(3, loss.outputs(2), 12, 0.1, 0)
    result = train(FullBatch(*data), model, loss, start, np.array([0, 1, 50]), 0.5, dtype=torch.float64)
    assert result.status is Status.COMPLETED
    for index in range(3):
        expected = _autograd_weights(loss, *data, start[index], 50, 0.5)
        np.testing.assert_allclose(result.weights[index], expected, atol=1e-12)
        np.testing.assert_allclose(
            result.curve.losses[index, -1], relative_loss(expected, model.eigenvalues), atol=1e-12
        )


def test_grouped_mini_batches_train_each_replica_on_its_own_group(
    model: DataModel, data: tuple[torch.Tensor, torch.Tensor]
) -> None:
    start = initial_weights(4, 2, 12, 0.1, 0)
    steps = np.array([0, 30])
    together = train(MiniBatches(*data, 50, 2, 7), model, Softmax(), start, steps, 0.5, dtype=torch.float64)
    for replica in range(4):
        layer = start[replica].copy()
        source = MiniBatches(*data, 50, 2, 7)
        for step in range(30):
            (batch,) = source.batches(step)
            inputs, labels = batch.inputs[replica % 2].numpy(), batch.labels[replica % 2].numpy()
            error = Softmax().predictions(inputs @ layer.T) - np.eye(2)[labels]
            layer -= 0.5 * error.T @ inputs / 50
        np.testing.assert_allclose(together.weights[replica], layer, atol=1e-12)


def test_softmax_training_conserves_the_mean_row_exactly(
    model: DataModel, data: tuple[torch.Tensor, torch.Tensor]
) -> None:
    start = initial_weights(2, 2, 12, 0.1, 0)
    result = train(MiniBatches(*data, 40, 2, 0), model, Softmax(), start, np.array([0, 500]), 1.0, dtype=torch.float64)
    np.testing.assert_allclose(result.weights.mean(axis=1), start.mean(axis=1), atol=1e-13)
    assert np.abs(result.weights - start).max() > 0.1


def test_full_batch_squared_error_is_the_closed_form_of_the_samples_own_moments(
    data: tuple[torch.Tensor, torch.Tensor],
) -> None:
    from theory import Moments

    inputs, labels = data
    moments = Moments.from_samples(inputs.numpy(), labels.numpy(), 2)
    own = DataModel.from_moments(moments)
    centred = inputs - torch.from_numpy(moments.mean)
    start = initial_weights(3, 1, 12, 0.1, 0)
    steps = logarithmic_steps(400)
    trained = train(FullBatch(centred, labels), own, SquaredError(), start, steps, 0.5, dtype=torch.float64)
    derived = gradient_descent_curve(own, SquaredError(), own.to_eigenbasis(start), steps, 0.5)
    np.testing.assert_allclose(trained.curve.losses, derived.losses, atol=1e-9)


@pytest.mark.parametrize("loss", [Softmax(), Logistic()], ids=lambda loss: loss.name)
def test_training_on_fresh_gaussian_samples_follows_the_mean_field(loss: Loss, model: DataModel) -> None:
    start = initial_weights(16, loss.outputs(2), 12, 0.05, 0)
    steps, step_size = logarithmic_steps(400, per_decade=6), 0.5
    trained = train(FreshSamples(model, 500, 16, 0), model, loss, start, steps, step_size)
    derived = mean_field_curve(model, loss, start, steps, step_size)
    difference = trained.curve.losses - derived.losses
    error = difference.std(axis=0, ddof=1) / 4
    # Batches of 500 add a bias of second order in their noise, below 0.004 here.
    assert np.all(np.abs(difference.mean(axis=0)) <= 4 * error + 0.004)
    assert error.max() < 0.01


def test_single_precision_is_enough(model: DataModel, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    start = initial_weights(2, 2, 12, 1e-3, 0)
    steps = np.array([0, 10, 1000])
    inputs, labels = data
    double = train(FullBatch(inputs, labels), model, Softmax(), start, steps, 1.0, dtype=torch.float64)
    single = train(FullBatch(inputs.float(), labels), model, Softmax(), start, steps, 1.0)
    # The conserved mean row, 1e-3 here, walks by the rounding of 1,000 additions of up to 0.3: 1e-4 of L / tr Sigma.
    np.testing.assert_allclose(single.curve.losses, double.curve.losses, atol=2e-4)


def test_a_diverging_run_says_so_and_keeps_what_was_finite() -> None:
    """The model's spectrum promises stability; the inputs do not keep the promise."""
    model = DataModel.power_law(3, 1.0, 1.0, 0.01)
    inputs = 100 * torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    source = FullBatch(inputs, torch.arange(20) % 2)
    start = initial_weights(1, 1, 3, 0.1, 0)
    result = train(source, model, SquaredError(), start, np.arange(60), 1.0)
    assert result.status is Status.DIVERGED
    assert 0 < result.steps.size < 60
    assert np.isfinite(result.curve.losses).all()
    assert np.isfinite(result.weights).all()


def test_a_draw_of_initial_weights_does_not_depend_on_how_many_are_drawn() -> None:
    few, many = initial_weights(2, 3, 4, 0.5, 9), initial_weights(5, 3, 4, 0.5, 9)
    np.testing.assert_array_equal(few, many[:2])
    wide = initial_weights(200, 3, 40, 0.5, 1)
    assert wide.std() == pytest.approx(0.5, rel=5 / np.sqrt(2 * wide.size))


@pytest.mark.parametrize(
    ("start", "step_size", "match"),
    [
        pytest.param(np.zeros((1, 2, 5)), 0.1, "weights: has shape", id="wrong width"),
        pytest.param(np.zeros((1, 3, 12)), 0.1, "weights: has shape", id="wrong outputs"),
        pytest.param(np.full((1, 2, 12), np.inf), 0.1, "weights: holds 24 NaN or inf", id="infinity"),
        pytest.param(np.zeros((1, 2, 12)), 4.1, "step_size: 4.1 .* not stable for softmax", id="unstable"),
    ],
)
def test_bad_arguments_are_refused(
    model: DataModel, data: tuple[torch.Tensor, torch.Tensor], start: FloatArray, step_size: float, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        train(FullBatch(*data), model, Softmax(), start, np.array([0, 1]), step_size)


def test_recording_must_begin_with_the_initial_weights(
    model: DataModel, data: tuple[torch.Tensor, torch.Tensor]
) -> None:
    with pytest.raises(InputError, match="steps: begin at 5"):
        train(FullBatch(*data), model, Softmax(), np.zeros((1, 2, 12)), np.array([5]), 0.1)
    with pytest.raises(InputError, match=r"weights: exceed the range of torch\.float32"):
        train(FullBatch(*data), model, Softmax(), np.full((1, 2, 12), 1e39), np.array([0]), 0.1)


def test_the_weights_given_are_left_as_they_are(model: DataModel, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    start = initial_weights(1, 2, 12, 0.1, 0)
    kept = start.copy()
    train(FullBatch(*data), model, Softmax(), start, np.array([0, 3]), 0.5, dtype=torch.float64)
    np.testing.assert_array_equal(start, kept)


def test_replicas_that_do_not_fill_the_groups_are_refused(
    model: DataModel, data: tuple[torch.Tensor, torch.Tensor]
) -> None:
    with pytest.raises(InputError, match="give a multiple of the source's 2 groups"):
        train(MiniBatches(*data, 10, 2, 0), model, Softmax(), np.zeros((3, 2, 12)), np.array([0, 1]), 0.1)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=["single", "double"])
def test_layers_trained_from_zero_have_no_output_that_is_rounding(kind: torch.dtype) -> None:
    """The rows of a softmax layer sum to zero; their sum, as float32 leaves it, explained a third of the inputs."""
    three = DataModel.power_law_classes(8, 1.0, 1.5, 3, 0.5, 0)
    inputs, labels = sample(three, 300, 0, kind)
    zero = np.zeros((1, 3, 8))
    trained = train(FullBatch(inputs, labels), three, Softmax(), zero, np.array([0, 500]), 0.5, dtype=kind)
    two = relative_loss(trained.weights[0, :2], three.eigenvalues)
    # Single precision leaves 1e-7 sqrt(500) in the two rows too.
    assert trained.losses[0, 1] == pytest.approx(float(two), abs=1e-5)
    assert trained.losses[0, 0] == 1
