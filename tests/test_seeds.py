"""A seed decides every random draw: the same seed repeats it to the bit, another seed changes it.

What is drawn together (replicas, scales, networks of several seeds) is drawn independently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import empirical.studies.verify.job
import simulation.experiments.robustness
import simulation.experiments.scaling
from empirical.data.datasets import DataSet
from empirical.fit.minority import minority_interval
from empirical.fit.model_fit import split_for_fit
from empirical.networks.network_training import batch_indices
from empirical.networks.networks import build_network
from empirical.probes.trained_decoder import convolutional_decoder, linear_decoder, shuffled_epochs
from empirical.studies.verify.finding import Source
from empirical.studies.verify.job import verify
from empirical.studies.verify.plan import DIGITS_PLAN
from simulation import (
    BatchesWithReplacement,
    FreshSamples,
    MiniBatches,
    Population,
    initial_weights,
    measured_boundaries,
    sample,
    sample_with_exact_moments,
)
from simulation.experiments.robustness import Setting, measure_robustness
from simulation.experiments.scaling import initial_scale_laws
from simulation.experiments.scaling_law import PowerLaw
from simulation.training.antithetic import antithetic_weights
from theory import Curve, DataModel

MODEL = DataModel.power_law(4, 1.0, 1.0, 0.01)
ROWS = torch.arange(60, dtype=torch.float64)[:, None]


def _batch(source: Any) -> torch.Tensor:
    return torch.cat([batch.inputs.flatten() for step in range(3) for batch in source.batches(step)])


def _weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([one.detach().flatten() for one in network.parameters()])


def _scattered_curve() -> Curve:
    logs, shifts = np.linspace(0, 6, 61), np.random.default_rng(0).normal(0, 0.3, 8)
    return Curve(np.exp(logs), 0.5 - 0.2 * np.exp(-((logs - 3 - shifts[:, None]) ** 2) / 4))


def _data() -> DataSet:
    generator = np.random.default_rng(0)
    labels = np.arange(40) % 2
    inputs = generator.standard_normal((40, 3)) * [2.0, 1.0, 0.5] + labels[:, None]
    return DataSet("pair", inputs.astype(np.float32), labels, 2)


def _verified(seed: int, folder: Path) -> np.ndarray:
    """Curves derived from W(0) alone at two initial scales, (scale, replica, T), of inputs and synthetic samples."""
    plan = replace(DIGITS_PLAN, init_scales=(0.01, 0.02), steps=2, replicas=2, seed=seed)
    result = verify(_data(), plan, folder=folder / str(seed))
    return np.stack([finding.comparison.derived.losses for finding in result.findings])


def _two_humps() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(60) + 5 * (np.arange(60) % 4 == 0)


#: From a seed, whatever is drawn from it.
DRAWS: dict[str, Callable[[int], Any]] = {
    "initial weights": lambda seed: initial_weights(2, 1, 4, 1.0, seed),
    "antithetic weights": lambda seed: antithetic_weights(2, 1, 4, 1.0, seed),
    "samples": lambda seed: sample(MODEL, 5, seed)[0],
    "labels of samples": lambda seed: sample(MODEL, 50, seed)[1],
    "samples of a population": lambda seed: sample(Population(MODEL, 5.0, 0.2), 5, seed)[0],
    "samples with exact moments": lambda seed: sample_with_exact_moments(MODEL, 20, seed)[0],
    "mini-batches": lambda seed: _batch(MiniBatches(ROWS, torch.arange(60) % 2, 4, 2, seed)),
    "batches with replacement": lambda seed: _batch(BatchesWithReplacement(ROWS, torch.arange(60) % 2, 4, 2, seed)),
    "fresh samples": lambda seed: _batch(FreshSamples(MODEL, 3, 2, seed)),
    "bootstrap": lambda seed: measured_boundaries(_scattered_curve(), resamples=20, seed=seed).resampled,
    "random prototypes": lambda seed: DataModel.power_law_classes(6, 1.0, 1.5, 3, 0.5, seed).prototypes,
    "linear decoder": lambda seed: _weights(linear_decoder(3, 4, seed)),
    "convolutional decoder": lambda seed: _weights(convolutional_decoder(3, 1, 8, seed)),
    "order of an epoch": lambda seed: torch.cat([rows for rows, _ in shuffled_epochs(ROWS, ROWS, 7, seed)(0)]),
    "batches of a training": lambda seed: batch_indices(seed, 3, 50, 8),
    "halves of a fit": lambda seed: np.sort(split_for_fit(_data(), seed=seed)[1][0][:, 0]),
    "resamples of a minority": lambda seed: minority_interval([_two_humps()], seed).value,
    "weights of a network": lambda seed: _weights(build_network("vgg8", 3, base_width=2, seed=seed)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_repeats_a_draw_to_the_bit_and_another_seed_changes_it(name: str) -> None:
    first, same, *others = (np.asarray(DRAWS[name](seed)) for seed in (3, 3, 4, 5))
    np.testing.assert_array_equal(first, same)
    for one, other in combinations([first, *others], 2):
        assert not np.array_equal(one, other)


def test_a_verification_draws_each_scale_and_replica_anew(tmp_path: Path) -> None:
    """At time 0 a curve depends on the direction of W(0) alone: shared draws would start alike at every scale."""
    first, other = _verified(0, tmp_path), _verified(1, tmp_path)
    starts = first[:, :, 0]  # (source x scale, replica)
    inputs = starts[:2].ravel()
    assert np.unique(inputs.round(9)).size == inputs.size
    assert not np.isclose(first[:, :, 0], other[:, :, 0]).any()


def test_a_verification_draws_batches_and_synthetic_samples_by_its_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[np.ndarray] = []
    sources: dict[Source, list[np.ndarray]] = {one: [] for one in Source}

    def stop(source: Any, *_: Any, **__: Any) -> None:
        batches.append(next(iter(source.batches(0))).inputs.numpy())
        raise InterruptedError

    def watched(run: Any, curve: Any, progress: Any) -> list[Any]:
        sources[run.source].append(run.sample.inputs)
        return []

    def stopped(folder: Any, name: str, key: str, compute: Callable[[], Any]) -> None:
        with pytest.raises(InterruptedError):
            compute()

    job = empirical.studies.verify.job
    monkeypatch.setattr(job, "train", stop)
    monkeypatch.setattr(job, "curve_part", stopped)
    monkeypatch.setattr(job._Run, "findings", watched)
    for seed in (0, 1, 0):
        plan = replace(DIGITS_PLAN, init_scales=(0.01,), steps=2, replicas=2, batch_size=10, seed=seed)
        verify(_data(), plan)
    # Of the inputs, which no seed changes, batches alone depend on it; synthetic samples depend on it themselves.
    np.testing.assert_array_equal(sources[Source.INPUTS][0], sources[Source.INPUTS][1])
    for first, other, same in (batches[::2], sources[Source.SYNTHETIC]):
        np.testing.assert_array_equal(first, same)
        assert not np.allclose(first, other)


def test_each_draw_of_a_robustness_level_has_samples_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def stop(source: Any, *_: Any) -> None:
        seen.extend(group for batch in source.batches(0) for group in batch.inputs)
        raise InterruptedError

    monkeypatch.setattr(simulation.experiments.robustness, "train", stop)
    for seed in (0, 1):
        setting = Setting(dimension=6, samples=30, steps=2, draws=3, seed=seed)
        with pytest.raises(InterruptedError):
            measure_robustness(setting)
    assert len(seen) == 6
    assert not any(torch.equal(one, other) for one, other in combinations(seen, 2))


def test_each_seed_of_a_scaling_law_has_samples_and_initial_weights_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []

    def stop(source: Any, model: Any, loss: Any, weights: np.ndarray, *_: Any, **__: Any) -> None:
        (batch,) = source.batches(0)
        seen.extend([batch.inputs.numpy().ravel(), weights.ravel() / np.abs(weights).max()])
        raise InterruptedError

    monkeypatch.setattr(simulation.experiments.scaling, "train", stop)
    for seed in (0, 1, 0):
        with pytest.raises(InterruptedError):
            initial_scale_laws(PowerLaw(1.0, 2.0, 12), np.array([0.01, 0.02]), pairs=2, seed=seed, tests=1)
    for first, other, same in zip(seen[:2], seen[2:4], seen[4:], strict=True):
        np.testing.assert_array_equal(first, same)
        assert not np.array_equal(first, other)
