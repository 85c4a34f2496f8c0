from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from simulation import FreshSamples, FullBatch, MiniBatches, sample, sample_with_exact_moments
from tests.strategies import data_models, seeds, two_class_models
from theory import DataModel, InputError, Moments


@given(data_models(largest_dimension=12), seeds)
@settings(max_examples=15)
def test_samples_have_the_moments_of_the_model(model: DataModel, seed: int) -> None:
    """Each entry of the whitened covariance and of the class means within six standard errors."""
    count = 40_000
    inputs, labels = sample(model, count, seed % 2**31, torch.float64)
    found = Moments.from_samples(inputs.numpy(), labels.numpy(), model.classes)
    whitened = found.covariance / np.sqrt(np.outer(model.eigenvalues, model.eigenvalues))
    # An entry of a whitened sample covariance has a standard error of at most sqrt(2 / n) for
    # Gaussians, and up to about twice that where classes far apart make the tails of a mixture.
    assert np.abs(whitened - np.eye(model.dimension)).max() < 6 * 2 * np.sqrt(2 / count)
    per_class = np.sqrt(model.eigenvalues / found.class_counts.min())
    assert np.all(np.abs(found.class_means - model.means) < 6 * per_class)
    assert np.abs(found.frequencies - model.frequencies).max() < 6 * np.sqrt(0.25 / count)


def test_within_class_covariance_is_common_to_the_classes() -> None:
    model = DataModel.two_classes(np.array([2.0, 1.0]), np.array([0.5, 0.2]))
    inputs, labels = sample(model, 200_000, 0, torch.float64)
    within = np.diag(model.eigenvalues) - (model.means.T * model.frequencies) @ model.means
    for label in (0, 1):
        members = inputs[labels == label].numpy()
        # Six standard errors of 2 sqrt(2 / 100,000).
        np.testing.assert_allclose(np.cov(members.T), within, atol=6 * 2 * np.sqrt(2 / 100_000))


@given(two_class_models(), seeds)
@settings(max_examples=15)
def test_a_sample_with_exact_moments_has_them_to_rounding(model: DataModel, seed: int) -> None:
    inputs, labels = sample_with_exact_moments(model, 200, seed)
    found = Moments.from_samples(inputs.numpy(), labels.numpy(), 2)
    whitened = found.covariance / np.sqrt(np.outer(model.eigenvalues, model.eigenvalues))
    np.testing.assert_allclose(whitened, np.eye(model.dimension), atol=1e-9)
    np.testing.assert_allclose(found.class_means, model.means, atol=1e-9 * np.sqrt(model.eigenvalues[0]))


@pytest.mark.parametrize("count", [5, 21])
def test_counts_that_cannot_have_exact_moments_are_refused(count: int) -> None:
    with pytest.raises(InputError, match=f"count: {count} is not accepted"):
        sample_with_exact_moments(DataModel.power_law(4, 1.0, 1.0, 0.01), count, 0)


def test_the_same_seed_gives_the_same_samples() -> None:
    model = DataModel.power_law(4, 1.0, 1.0, 0.01)
    one, other, third = (sample(model, 10, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(one, other)
    assert not torch.equal(one, third)


def test_a_signal_too_strong_for_the_spectrum_is_refused_with_the_remedy() -> None:
    model = DataModel.power_law(1000, 1.0, 2.0, 0.2)
    with pytest.raises(InputError, match=r"scale the signal by at most 0\.409"):
        sample(model, 10, 0)


def test_mini_batches_of_an_epoch_are_disjoint_and_groups_see_different_ones() -> None:
    inputs = torch.arange(103, dtype=torch.float32)[:, None]
    source = MiniBatches(inputs, torch.arange(103) % 2, size=10, groups=3, seed=0)
    seen: list[list[float]] = [[], [], []]
    for step in range(10):
        batch = source.batch(step)
        rows = [group[:, 0].tolist() for group in batch.inputs]
        assert len({value for group in rows for value in group}) == 30
        for group, values in enumerate(rows):
            seen[group] += values
            assert batch.labels[group].tolist() == [int(value) % 2 for value in values]
    for values in seen:
        assert len(set(values)) == 100
    first = seen[0][:10]
    assert source.batch(10).inputs[0][:, 0].tolist() != first


def test_fresh_samples_differ_between_replicas_and_steps() -> None:
    source = FreshSamples(DataModel.power_law(4, 1.0, 1.0, 0.01), size=5, replicas=2, seed=0)
    one, two = source.batch(0).inputs
    assert one.shape == (5, 4)
    assert not torch.equal(one, two)
    assert not torch.equal(one, source.batch(1).inputs[0])


_LABELS = torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("inputs", "labels", "match"),
    [
        pytest.param(torch.zeros(2), _LABELS, "inputs: has shape", id="one axis"),
        pytest.param(torch.zeros(2, 1, dtype=torch.int64), _LABELS, "give a float matrix", id="integers"),
        pytest.param(torch.tensor([[0.0], [torch.nan]]), _LABELS, "inputs: holds NaN", id="NaN"),
        pytest.param(torch.zeros(2, 1), torch.tensor([0, 0]), "there is one only", id="one class"),
        pytest.param(torch.zeros(2, 1), torch.tensor([0, 2]), "is empty", id="empty class"),
        pytest.param(torch.zeros(2, 1), torch.tensor([0]), "labels: has shape", id="too few labels"),
    ],
)
def test_bad_data_are_refused(inputs: torch.Tensor, labels: torch.Tensor, match: str) -> None:
    with pytest.raises(InputError, match=match):
        FullBatch(inputs, labels)


@pytest.mark.parametrize(("size", "groups"), [(0, 1), (5, 1), (3, 2)])
def test_batches_that_do_not_fit_are_refused(size: int, groups: int) -> None:
    with pytest.raises(InputError, match="batch_size"):
        MiniBatches(torch.zeros(4, 1), torch.tensor([0, 1, 0, 1]), size, groups, 0)
