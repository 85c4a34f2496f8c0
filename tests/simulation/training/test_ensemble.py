"""Ensembles: replicas that differ in step size, optimisers beyond gradient descent, memory, divergence."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

import simulation.training.batches
from simulation import (
    BatchesWithReplacement,
    FreshSamples,
    FullBatch,
    JoinedSources,
    MiniBatches,
    Population,
    Status,
    Trained,
    initial_weights,
    sample,
    train,
    with_frequencies,
)
from simulation.training.batches import BatchSource
from simulation.training.optimisers import Adam, GradientDescent, Optimiser
from theory import DataModel, InputError, Softmax, SquaredError
from theory.curves.losses import LOSSES
from theory.validation import FloatArray

STEPS = np.array([0, 1, 5, 50])


@pytest.fixture(scope="module")
def model() -> DataModel:
    return DataModel.power_law(10, 1.0, 1.5, 0.03)


@pytest.fixture(scope="module")
def data(model: DataModel) -> FullBatch:
    return FullBatch(*sample(model, 300, 0, torch.float64))


def trained(
    data: FullBatch, model: DataModel, weights: FloatArray, step_size: float | FloatArray, optimiser: Optimiser
) -> Trained:
    return train(data, model, Softmax(), weights, STEPS, step_size, optimiser, dtype=torch.float64)


@pytest.mark.parametrize(
    ("optimiser", "peer"),
    [
        (GradientDescent(), lambda p: torch.optim.SGD(p, lr=0.3)),
        (GradientDescent(momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.3, momentum=0.9)),
        (
            GradientDescent(momentum=0.5, weight_decay=0.02),
            lambda p: torch.optim.SGD(p, lr=0.3, momentum=0.5, weight_decay=0.02),
        ),
        (Adam(), lambda p: torch.optim.Adam(p, lr=0.3)),
        (Adam(0.8, 0.9, 1e-6), lambda p: torch.optim.Adam(p, lr=0.3, betas=(0.8, 0.9), eps=1e-6)),
    ],
    ids=["descent", "momentum", "momentum and decay", "Adam", "Adam, other decays"],
)
def test_optimisers_are_those_of_torch(
    data: FullBatch, model: DataModel, optimiser: Optimiser, peer: Callable[..., torch.optim.Optimizer]
) -> None:
    start = initial_weights(3, 2, 10, 0.1, 0)
    found = trained(data, model, start, 0.3, optimiser).weights
    (batch,) = data.batches(0)
    for weights, expected in zip(start, found, strict=True):
        layer = nn.Linear(10, 2, bias=False, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weights))
        rule = peer(layer.parameters())
        for _ in range(int(STEPS[-1])):
            rule.zero_grad()
            nn.functional.cross_entropy(layer(batch.inputs[0]), batch.labels[0]).backward()
            rule.step()
        # 50 steps of float64 rounding; Adam's root of tiny gradients at the start loses half the digits.
        np.testing.assert_allclose(layer.weight.detach().numpy(), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("optimiser", [GradientDescent(), GradientDescent(momentum=0.9), Adam()])
def test_replicas_with_their_own_step_sizes_equal_those_trained_alone(
    data: FullBatch, model: DataModel, optimiser: Optimiser
) -> None:
    start = initial_weights(4, 2, 10, 0.1, 0)
    sizes = np.array([0.1, 0.1, 0.5, 1.0])
    together = trained(data, model, start, sizes, optimiser)
    for replica, size in enumerate(sizes):
        alone = trained(data, model, start[[replica]], float(size), optimiser)
        np.testing.assert_allclose(together.losses[replica], alone.losses[0], rtol=1e-10)
    curve = together.curve_of([0, 1])
    np.testing.assert_allclose(curve.times, 0.1 * STEPS)
    with pytest.raises(InputError, match="replicas: have 3 step sizes"):
        _ = together.curve


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_networks_on_different_data_models_train_together_as_alone(model: DataModel, loss: Softmax) -> None:
    """Two models of equal shape, with other spectra, class frequencies and numbers of samples."""
    other = with_frequencies(DataModel.power_law(10, 0.5, 0.5, 0.01), np.array([0.3, 0.7]))
    models = [model, other]
    sources = [FullBatch(*sample(one, count, 0, torch.float64)) for one, count in zip(models, (300, 200), strict=True)]
    start = initial_weights(6, loss.outputs(2), 10, 0.1, 0)
    together = train(JoinedSources(sources), models, loss, start, STEPS, 0.3, dtype=torch.float64)
    for group, (one, source) in enumerate(zip(models, sources, strict=True)):
        alone = train(source, one, loss, start[group::2], STEPS, 0.3, dtype=torch.float64)
        np.testing.assert_allclose(together.losses[group::2], alone.losses, rtol=1e-11)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("units", [2, 5, 11])
def test_a_memory_budget_changes_no_result(
    data: FullBatch, model: DataModel, loss: Softmax, groups: int, units: int
) -> None:
    """One replica at a time, four of a group, and two groups of four replicas; eight are split unevenly throughout."""
    source = JoinedSources([data, FullBatch(*sample(model, 300, 1, torch.float64)), data][:groups])
    start = initial_weights(4 * groups + groups, loss.outputs(2), 10, 0.1, 0)
    rule = GradientDescent(momentum=0.5)  # which remembers something of each replica
    whole = train(source, model, loss, start, STEPS, 0.3, rule, torch.float64)
    budget = units * 2 * 300 * loss.outputs(2) * 8
    split = train(source, model, loss, start, STEPS, 0.3, rule, torch.float64, memory_budget=budget)
    # Matrix products of other shapes add up in another order.
    np.testing.assert_allclose(split.weights, whole.weights, rtol=1e-11, atol=1e-14)


def _peak_bytes(call: Callable[[], object], trace: Path) -> int:
    """Most memory that torch's tensors held at once, above what they held before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    profiler.export_chrome_trace(str(trace))
    events = [event for event in json.loads(trace.read_text())["traceEvents"] if event.get("name") == "[memory]"]
    changes = (event["args"]["Bytes"] for event in sorted(events, key=lambda event: float(event["ts"])))
    return max(accumulate(changes))


def _sources(model: DataModel) -> dict[str, BatchSource]:
    """Six groups of each kind, of which three are drawn at once where they are drawn."""
    inputs, labels = sample(model, 6000, 0)
    population = Population(model, 5.0, 0.1, -1.0, 0.2)
    full = FullBatch(inputs[:2000], labels[:2000])
    return {
        "full": full,
        "joined": JoinedSources([full] * 6),
        "mini-batches": MiniBatches(inputs, labels, 900, 6, 0),
        "with replacement": BatchesWithReplacement(inputs, labels, 2000, 6, 0),
        "fresh": FreshSamples(model, 2000, 6, 0),
        "departing": FreshSamples(population, 2000, 6, 0),
    }


@pytest.mark.parametrize("loss", [Softmax(), SquaredError()], ids=lambda loss: loss.name)
@pytest.mark.parametrize("classes", [2, 5])
def test_memory_stays_within_the_budget(
    loss: Softmax, classes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For sources of all kinds, from the least budget that is accepted up to one for all replicas at once."""
    monkeypatch.setattr(simulation.training.batches, "NUMBERS_AT_ONCE", 3 * 2000 * 40)
    model = DataModel.power_law_classes(40, 0.7, 1.5, classes, 0.2, seed=0)
    outputs = loss.outputs(classes)
    start = initial_weights(12, outputs, 40, 0.1, 0)
    peaks: dict[str, list[float]] = {}
    for name, source in _sources(model).items():
        unit = 2 * source.size * outputs * 4
        everything = source.working_bytes + source.groups * (1 + 12 // source.groups) * unit
        for budget in (source.working_bytes + 2 * unit, source.working_bytes + 5 * unit, everything):
            run = partial(train, source, model, loss, start, np.array([0, 2]), 0.1, memory_budget=budget)
            peak = _peak_bytes(run, tmp_path / "trace.json")
            # What has the size of the weights: they in both precisions, the gradient, terms of the loss.
            assert peak < budget + 20 * 4 * start.size
            peaks.setdefault(name, []).append(peak / budget)
        with pytest.raises(InputError, match=f"give at least {source.working_bytes + 2 * unit} bytes, for a batch"):
            train(source, model, loss, start, STEPS, 0.1, memory_budget=source.working_bytes + 2 * unit - 1)
    # And the budget is used, else it would bound nothing; two classes have one row of outputs where two are allowed.
    assert min(max(found) for found in peaks.values()) > 0.35


def test_a_replica_that_diverges_leaves_the_others_alone(data: FullBatch, model: DataModel) -> None:
    start = initial_weights(3, 1, 10, 0.1, 0)
    sizes = np.array([0.1, 1e308, 0.1])
    result = train(data, model, SquaredError(), start, STEPS, sizes, Adam(), dtype=torch.float64)
    assert result.status is Status.DIVERGED
    assert result.diverged.tolist() == [False, True, False]
    alone = train(data, model, SquaredError(), start[[0, 2]], STEPS, 0.1, Adam(), dtype=torch.float64)
    np.testing.assert_allclose(result.losses[[0, 2]], alone.losses, rtol=1e-12)
    assert np.isfinite(result.weights).all()
    everyone = train(data, model, SquaredError(), start, STEPS, 1e308, Adam(), dtype=torch.float64)
    assert everyone.status is Status.DIVERGED
    assert everyone.steps.size < STEPS.size


def test_momentum_raises_the_stability_limit_as_heavy_ball_descent_has_it(data: FullBatch, model: DataModel) -> None:
    """On a quadratic, eta lambda_1 <= 2 (1 + momentum): below it stays bounded, above it is refused, and rightly."""
    start = initial_weights(1, 1, 10, 0.1, 0)
    momentum = 0.5
    steps = np.array([0, 400])
    (batch,) = data.batches(0)
    inputs = batch.inputs[0].numpy()
    second = inputs.T @ inputs / len(inputs)
    limit = 2 * (1 + momentum) / np.linalg.eigvalsh(second)[-1]
    rule = GradientDescent(momentum)
    exact = DataModel(np.linalg.eigvalsh(second)[::-1].copy(), model.prototypes, model.frequencies)
    below = train(data, exact, SquaredError(), start, steps, 0.99 * limit, rule, dtype=torch.float64)
    assert np.abs(below.weights).max() < 100
    with pytest.raises(InputError, match="step_size"):
        train(data, exact, SquaredError(), start, steps, 1.01 * limit, rule, dtype=torch.float64)
    flatter = DataModel(exact.eigenvalues / 2, model.prototypes, model.frequencies)
    above = train(data, flatter, SquaredError(), start, steps, 1.01 * limit, rule, dtype=torch.float64)
    assert np.abs(above.weights).max() > 1e3


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: GradientDescent(momentum=1.0), "momentum: 1.0 is not accepted"),
        (lambda: GradientDescent(momentum=-0.1), "momentum"),
        (lambda: GradientDescent(weight_decay=-1), "weight_decay"),
        (lambda: Adam(first_decay=1.0), "first_decay: 1.0 is not accepted"),
        (lambda: Adam(second_decay=float("nan")), "second_decay"),
        (lambda: Adam(epsilon=0.0), "epsilon"),
    ],
)
def test_bad_optimisers_are_refused(make: Callable[[], Optimiser], match: str) -> None:
    with pytest.raises(InputError, match=match):
        make()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"step_size": np.array([0.1, 0.2])}, "step_size"),
        ({"step_size": np.array([0.1, 0.2, np.nan])}, "step_size"),
        ({"step_size": np.array([0.1, 0.2, 1e3])}, "step_size: 1000 gives"),
        ({"model": []}, "model: has 0 entries; give one for each of the source's 1 groups"),
        ({"memory_budget": 0}, "memory_budget"),
        ({"memory_budget": 2.0**28}, "memory_budget: 268435456.0 is not accepted"),
        ({"memory_budget": 1}, "memory_budget: 1 is not accepted; give at least 19200 bytes"),
        ({"optimiser": Adam(), "step_size": -1.0}, "step_size"),
        ({"step_size": "large"}, "step_size: 'large' is not accepted; give a positive number"),
        ({"dtype": torch.float32}, "dtype: torch.float32 is not that of the source's inputs, torch.float64"),
        ({"dtype": torch.float16}, "dtype: torch.float16 is not accepted"),
        ({"model": DataModel.power_law(9, 1.0, 1.5, 0.03)}, "model: has 9 coordinates; give a model with the"),
    ],
)
def test_bad_ensembles_are_refused(data: FullBatch, model: DataModel, change: dict[str, object], match: str) -> None:
    given: dict[str, object] = {"model": model, "step_size": 0.1, "dtype": torch.float64} | change
    with pytest.raises(InputError, match=match):
        train(data, loss=Softmax(), weights=initial_weights(3, 2, 10, 0.1, 0), steps=STEPS, **given)  # type: ignore[arg-type]
