"""The same program on the CPU and on a CUDA GPU; the tests of the latter are skipped where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from simulation import (
    BatchesWithReplacement,
    FreshSamples,
    FullBatch,
    JoinedSources,
    MiniBatches,
    Population,
    initial_weights,
    sample,
    train,
)
from simulation.devices import checked_device, seeded_generator
from simulation.training.batches import BatchSource
from simulation.training.optimisers import Adam, GradientDescent, Optimiser
from tests.devices import DEVICES, NEEDS_CUDA
from theory import DataModel, Loss, Moments, Softmax
from theory.curves.losses import LOSSES

MODEL = DataModel.power_law(10, 1.0, 1.5, 0.03)
THREE_CLASSES = DataModel.power_law_classes(10, 0.7, 1.5, 3, 0.2, seed=0)
STEPS = np.array([0, 1, 50])


def _source(kind: str, inputs: torch.Tensor, labels: torch.Tensor) -> BatchSource:
    match kind:
        case "full":
            return FullBatch(inputs, labels)
        case "joined":
            return JoinedSources([FullBatch(inputs[:150], labels[:150]), FullBatch(inputs[150:], labels[150:])])
        case "mini-batches":
            return MiniBatches(inputs, labels, 20, 2, 0)
        case _:
            return BatchesWithReplacement(inputs, labels, 20, 2, 0)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", ["full", "joined", "mini-batches", "with replacement"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("loss", "model"), [(loss, MODEL) for loss in LOSSES] + [(Softmax(), THREE_CLASSES)])
@pytest.mark.parametrize("optimiser", [GradientDescent(0.5, 0.01), Adam()], ids=["descent", "Adam"])
def test_networks_train_alike_on_each_device_and_in_each_precision(
    device: str, kind: str, dtype: torch.dtype, loss: Loss, model: DataModel, optimiser: Optimiser
) -> None:
    """Against float64 on the CPU, on data and batches that are the same everywhere."""
    inputs, labels = sample(model, 300, 0, torch.float64)
    start = initial_weights(4, loss.outputs(model.classes), 10, 0.1, 0)
    expected = train(_source(kind, inputs, labels), model, loss, start, STEPS, 0.1, optimiser, torch.float64)
    there = _source(kind, inputs.to(device, dtype), labels.to(device))
    assert there.group_frequencies.device.type == device
    found = train(there, model, loss, start, STEPS, 0.1, optimiser, dtype)
    # 50 steps of rounding in weights of order 1; Adam divides by roots of gradients near zero, which loses digits.
    tolerance = 1e-3 if dtype is torch.float32 else 1e-8
    np.testing.assert_allclose(found.weights, expected.weights, atol=tolerance)
    np.testing.assert_allclose(found.losses, expected.losses, atol=tolerance)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("population", [MODEL, Population(MODEL, 10.0, 0.2, -0.5, 0.1)], ids=["Gaussian", "departing"])
def test_draws_on_a_device_have_the_moments_of_the_population(device: str, population: DataModel | Population) -> None:
    """And are the same for the same seed."""
    count = 100_000
    inputs, labels = sample(population, count, 0, torch.float64, device)
    again, _ = sample(population, count, 0, torch.float64, device)
    assert torch.equal(inputs, again)
    assert inputs.device.type == labels.device.type == device
    expected = population if isinstance(population, DataModel) else population.data_model()
    found = Moments.from_samples(expected.to_eigenbasis(inputs.cpu().numpy()), labels.cpu().numpy(), 2)
    whitened = found.covariance / np.sqrt(np.outer(expected.eigenvalues, expected.eigenvalues))
    # Six standard errors of sqrt(2 / n), twice as large for the heavy tails.
    assert np.abs(whitened - np.eye(10)).max() < 6 * 2 * np.sqrt(2 / count)
    assert np.all(np.abs(found.class_means - expected.means) < 6 * np.sqrt(expected.eigenvalues / (count / 3)))


@pytest.mark.parametrize("device", DEVICES)
def test_networks_train_on_samples_drawn_where_they_are(device: str) -> None:
    """The mean loss of 64 networks is that of others on samples drawn on the CPU, within six standard errors."""
    start = np.tile(initial_weights(1, 2, 10, 0.1, 0), (64, 1, 1))
    there, here = (
        train(FreshSamples(MODEL, 50, 64, seed, device=place), MODEL, Softmax(), start, STEPS, 0.5).losses[:, -1]
        for seed, place in ((0, device), (1, "cpu"))
    )
    error = np.sqrt((there.var(ddof=1) + here.var(ddof=1)) / 64)
    assert abs(there.mean() - here.mean()) < 6 * error
    assert error < 0.01


@NEEDS_CUDA
def test_sources_on_different_devices_do_not_join() -> None:
    data = sample(MODEL, 20, 0)
    with pytest.raises(ValueError, match="one number type on one device"):
        JoinedSources([FullBatch(*data), FullBatch(*(one.cuda() for one in data))])


def test_cuda_is_found_where_torch_sees_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPUs are simulated, so that the test needs none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name in ("cuda", "cuda:0", "cuda:1"):
        assert checked_device(name) == checked_device(torch.device(name)) == torch.device(name)
    assert checked_device("cpu:0") == torch.device("cpu")


def test_generators_of_one_seed_are_apart_and_alike() -> None:
    one, other = (seeded_generator(2**63 - 1, torch.device("cpu")) for _ in range(2))
    assert torch.equal(torch.randn(5, generator=one), torch.randn(5, generator=other))
