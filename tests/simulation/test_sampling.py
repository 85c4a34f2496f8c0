from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy import stats

from simulation import (
    BatchesWithReplacement,
    FreshSamples,
    FullBatch,
    JoinedSources,
    MiniBatches,
    initial_weights,
    sample,
    sample_with_exact_moments,
    train,
)
from tests.strategies import data_models, seeds, two_class_models
from theory import DataModel, InputError, Moments, SquaredError


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


def _numbered(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs that hold their own number, with alternating labels."""
    return torch.arange(count, dtype=torch.float64)[:, None], torch.arange(count) % 2


def test_batches_with_replacement_are_independent_draws_of_the_data_set() -> None:
    """Counts of 20 inputs in 400 batches of 50 for two groups are those of 40,000 throws of a fair die."""
    source = BatchesWithReplacement(*_numbered(20), size=50, groups=2, seed=0)
    batches = [source.batch(step) for step in range(400)]
    for batch in batches:
        for inputs, labels in zip(batch.inputs, batch.labels, strict=True):
            assert torch.equal(labels, inputs[:, 0].long() % 2)
    drawn = torch.stack([torch.stack(batch.inputs)[..., 0] for batch in batches])  # (step, group, n)
    counts = torch.bincount(drawn.long().flatten(), minlength=20)
    assert stats.chisquare(counts.numpy()).pvalue > 0.01
    # With replacement a batch mean has the variance of the data over its size, to 5 standard errors of sqrt(2 / 800);
    # without it, a batch of 50 would leave no variance at all.
    variance = (20**2 - 1) / 12
    assert drawn.mean(dim=-1).var().item() == pytest.approx(variance / 50, rel=5 * np.sqrt(2 / 800))
    means = drawn.mean(dim=-1).numpy()
    assert abs(np.corrcoef(means.T)[0, 1]) < 5 / np.sqrt(400)


def test_batches_with_replacement_are_the_same_for_the_same_seed_only() -> None:
    one, same, other = (BatchesWithReplacement(*_numbered(50), 10, 1, seed).batch(0).inputs[0] for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def _gaussian_source(seed: int, count: int, of_class_one: int) -> FullBatch:
    inputs = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return FullBatch(inputs, (torch.arange(count) < of_class_one).long())


def test_joined_sources_stand_side_by_side() -> None:
    """Sources of other sizes and frequencies, of two, one and three groups."""
    inputs, labels = _numbered(40)

    def sources() -> list[FullBatch | MiniBatches | FreshSamples]:
        uneven = FullBatch(inputs[:5], torch.tensor([0, 1, 1, 1, 1]))
        return [MiniBatches(inputs, labels, 4, 2, 0), uneven, FreshSamples(_ONE_DIRECTION, 6, 3, 1, torch.float64)]

    joined, alone = JoinedSources(sources()), sources()
    assert joined.groups == 6
    assert joined.dimension == 1
    assert joined.source_of_group == (0, 0, 1, 2, 2, 2)
    assert joined.group_frequencies.tolist() == [[0.5, 0.5]] * 2 + [[0.2, 0.8]] + [[0.5, 0.5]] * 3
    for step in range(15):
        batch, parts = joined.batch(step), [source.batch(step) for source in alone]
        for found, expected in (
            (batch.inputs, [one for part in parts for one in part.inputs]),
            (batch.labels, [one for part in parts for one in part.labels]),
        ):
            assert len(found) == 6
            assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_a_single_source_has_the_same_frequencies_in_each_group() -> None:
    inputs, labels = _numbered(40)
    source = MiniBatches(inputs, labels, 4, 3, 0)
    assert torch.equal(source.group_frequencies, source.frequencies.repeat(3, 1))


def test_frequencies_in_which_joined_sources_differ_are_not_offered_as_one() -> None:
    inputs, _ = _numbered(4)
    even, uneven = (FullBatch(inputs, torch.tensor(labels)) for labels in ([0, 1, 0, 1], [0, 1, 1, 1]))
    assert torch.equal(JoinedSources([even, even]).frequencies, even.frequencies)
    with pytest.raises(InputError, match="frequencies: the sources differ in them; use group_frequencies"):
        _ = JoinedSources([even, uneven]).frequencies


def test_networks_on_joined_sources_train_as_each_would_alone() -> None:
    """Targets of squared error are centred by the class frequencies, of which each source has its own."""
    model = DataModel.two_classes(np.array([1.0, 1.0, 1.0]), np.array([0.1, 0.1, 0.1]))
    steps, start = np.array([0, 40]), initial_weights(4, 1, 3, 0.1, 0)
    sources = [_gaussian_source(0, 20, 10), _gaussian_source(1, 30, 6)]
    joined = JoinedSources(sources)
    together = train(joined, model, SquaredError(), start, steps, 0.3, dtype=torch.float64).weights
    for group, place in enumerate(joined.source_of_group):
        own = slice(group, None, joined.groups)
        alone = train(sources[place], model, SquaredError(), start[own], steps, 0.3, dtype=torch.float64).weights
        # The same sums, in matrix products of the same shape.
        np.testing.assert_allclose(together[own], alone, atol=1e-14)
    assert not np.allclose(together[0::2], together[1::2])


def test_sources_that_do_not_fit_each_other_are_refused() -> None:
    with pytest.raises(InputError, match="sources: is empty"):
        JoinedSources([])
    narrow = FullBatch(*_numbered(4))
    three_classes = FullBatch(torch.zeros(3, 1), torch.arange(3))
    for other in (_gaussian_source(0, 4, 2), three_classes):
        with pytest.raises(InputError, match=r"sources: one has . coordinates and . classes, another 1 and 2"):
            JoinedSources([narrow, other])


def test_fresh_samples_differ_between_replicas_and_steps() -> None:
    source = FreshSamples(DataModel.power_law(4, 1.0, 1.0, 0.01), size=5, replicas=2, seed=0)
    one, two = source.batch(0).inputs
    assert one.shape == (5, 4)
    assert not torch.equal(one, two)
    assert not torch.equal(one, source.batch(1).inputs[0])


_LABELS = torch.tensor([0, 1])
_ONE_DIRECTION = DataModel.two_classes(np.array([1.0]), np.array([0.2]))


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


@pytest.mark.parametrize(("size", "groups", "match"), [(0, 1, "batch_size: 0"), (2, 0, "groups: 0")])
def test_draws_with_replacement_need_a_size_and_a_group(size: int, groups: int, match: str) -> None:
    with pytest.raises(InputError, match=match):
        BatchesWithReplacement(torch.zeros(4, 1), torch.tensor([0, 1, 0, 1]), size, groups, 0)
    BatchesWithReplacement(torch.zeros(4, 1), torch.tensor([0, 1, 0, 1]), 100, 7, 0)  # more than there are is fine


@pytest.mark.parametrize(("size", "groups"), [(0, 1), (5, 1), (3, 2)])
def test_batches_that_do_not_fit_are_refused(size: int, groups: int) -> None:
    with pytest.raises(InputError, match="batch_size"):
        MiniBatches(torch.zeros(4, 1), torch.tensor([0, 1, 0, 1]), size, groups, 0)
