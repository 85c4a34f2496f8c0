from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy import stats

import simulation.training.batches
from simulation import (
    BatchesWithReplacement,
    FreshSamples,
    FullBatch,
    JoinedSources,
    MiniBatches,
    Population,
    initial_weights,
    sample,
    sample_with_exact_moments,
    train,
)
from simulation.training.batches import Batch, BatchSource
from simulation.training.sampling import GaussianSampler, sampler_of
from tests.strategies import data_models, seeds, two_class_models
from theory import DataModel, InputError, Moments, SquaredError


def only_batch(source: BatchSource, step: int = 0) -> Batch:
    """The batch of a step from a source with one batch for all groups."""
    (batch,) = source.batches(step)
    return batch


_MODEL = DataModel.power_law(4, 1.0, 1.0, 0.01)


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
        batch = only_batch(source, step)
        rows = [group[:, 0].tolist() for group in batch.inputs]
        assert len({value for group in rows for value in group}) == 30
        for group, values in enumerate(rows):
            seen[group] += values
            assert batch.labels[group].tolist() == [int(value) % 2 for value in values]
    for values in seen:
        assert len(set(values)) == 100
    first = seen[0][:10]
    assert only_batch(source, 10).inputs[0][:, 0].tolist() != first


def _numbered(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs that hold their own number, with alternating labels."""
    return torch.arange(count, dtype=torch.float64)[:, None], torch.arange(count) % 2


def test_batches_with_replacement_are_independent_draws_of_the_data_set() -> None:
    """Counts of 20 inputs in 400 batches of 50 for two groups are those of 40,000 throws of a fair die."""
    source = BatchesWithReplacement(*_numbered(20), size=50, groups=2, seed=0)
    batches = [only_batch(source, step) for step in range(400)]
    for batch in batches:
        for inputs, labels in zip(batch.inputs, batch.labels, strict=True):
            assert torch.equal(labels, inputs[:, 0].long() % 2)
    drawn = torch.stack([batch.inputs[..., 0] for batch in batches])  # (step, group, n)
    counts = torch.bincount(drawn.long().flatten(), minlength=20)
    assert stats.chisquare(counts.numpy()).pvalue > 0.01
    # With replacement a batch mean has the variance of the data over its size, to 5 standard errors of sqrt(2 / 800);
    # without it, a batch of 50 would leave no variance at all.
    variance = (20**2 - 1) / 12
    assert drawn.mean(dim=-1).var().item() == pytest.approx(variance / 50, rel=5 * np.sqrt(2 / 800))
    means = drawn.mean(dim=-1).numpy()
    assert abs(np.corrcoef(means.T)[0, 1]) < 5 / np.sqrt(400)


def test_batches_with_replacement_are_the_same_for_the_same_seed_only() -> None:
    one, same, other = (only_batch(BatchesWithReplacement(*_numbered(50), 10, 1, seed)).inputs for seed in (0, 0, 1))
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
        for found, source in zip(joined.batches(step), alone, strict=True):
            expected = only_batch(source, step)
            assert torch.equal(found.inputs, expected.inputs)
            assert torch.equal(found.labels, expected.labels)


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
    three_classes = FullBatch(torch.zeros(3, 1, dtype=torch.float64), torch.arange(3))
    for other in (_gaussian_source(0, 4, 2), three_classes):
        with pytest.raises(InputError, match=r"sources: one has . coordinates and . classes, another 1 and 2"):
            JoinedSources([narrow, other])
    single = FullBatch(torch.zeros(2, 1), torch.arange(2))
    with pytest.raises(InputError, match=r"one has torch.float32 on cpu, another torch.float64 on cpu; give"):
        JoinedSources([narrow, single])


def test_fresh_samples_differ_between_replicas_and_steps() -> None:
    source = FreshSamples(DataModel.power_law(4, 1.0, 1.0, 0.01), size=5, replicas=2, seed=0)
    one, two = only_batch(source, 0).inputs
    assert one.shape == (5, 4)
    assert not torch.equal(one, two)
    assert not torch.equal(one, only_batch(source, 1).inputs[0])


@pytest.mark.parametrize("population", [_MODEL, Population(_MODEL, 5.0, 0.1)], ids=["Gaussian", "departing"])
def test_fresh_samples_are_the_successive_draws_of_the_sampler(
    population: DataModel | Population, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of five replicas, as many at once as 50 numbers hold: two, two and one, and one alone."""
    monkeypatch.setattr(simulation.training.batches, "NUMBERS_AT_ONCE", 50)
    for size, together in ((5, (2, 2, 1)), (20, (1, 1, 1, 1, 1))):
        source, sampler = FreshSamples(population, size, 5, 3, torch.float64), sampler_of(population, 3, torch.float64)
        for step in range(3):
            for batch, count in zip(source.batches(step), together, strict=True):
                inputs, labels = sampler.draw(count * size)
                assert torch.equal(batch.inputs, inputs.view(count, size, 4))
                assert torch.equal(batch.labels, labels.view(count, size))


def test_rows_of_a_data_set_do_not_depend_on_how_many_groups_are_gathered_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gathered() -> list[torch.Tensor]:
        sources = [MiniBatches(*_numbered(40), 4, 5, 0), BatchesWithReplacement(*_numbered(40), 4, 5, 0)]
        return [torch.cat([batch.inputs for batch in source.batches(step)]) for source in sources for step in range(12)]

    whole = gathered()
    monkeypatch.setattr(simulation.training.batches, "NUMBERS_AT_ONCE", 8)
    assert len(list(MiniBatches(*_numbered(40), 4, 5, 0).batches(0))) == 3
    assert all(torch.equal(one, other) for one, other in zip(gathered(), whole, strict=True))


def test_full_batches_of_equal_size_are_joined_into_one() -> None:
    """The third differs in size, and what follows it is joined again."""
    sources = [_gaussian_source(seed, count, 5) for seed, count in enumerate((20, 20, 30, 20, 20, 20))]
    batches = list(JoinedSources(sources).batches(0))
    assert [len(batch.labels) for batch in batches] == [2, 1, 3]
    inputs = [group for batch in batches for group in batch.inputs]
    for source, found in zip(sources, inputs, strict=True):
        assert torch.equal(only_batch(source).inputs[0], found)


_LABELS = torch.tensor([0, 1])
_ONE_DIRECTION = DataModel.two_classes(np.array([1.0]), np.array([0.2]))


@pytest.mark.parametrize(
    ("inputs", "labels", "match"),
    [
        pytest.param(torch.zeros(2), _LABELS, "inputs: has shape", id="one axis"),
        pytest.param(torch.zeros(2, 1, dtype=torch.int64), _LABELS, "give a float matrix", id="integers"),
        pytest.param(torch.tensor([[0.0], [torch.nan]]), _LABELS, "inputs: holds NaN", id="NaN"),
        pytest.param(torch.zeros(2, 1), torch.tensor([0, 0]), "there is only one class", id="one class"),
        pytest.param(torch.zeros(2, 1), torch.tensor([0, 2]), "is empty", id="empty class"),
        pytest.param(torch.zeros(2, 1), torch.tensor([0]), "labels: has shape", id="too few labels"),
        pytest.param(torch.zeros(2, 1), torch.tensor([[0], [1]]), "labels: has shape", id="labels in a column"),
        pytest.param(torch.zeros(0, 1), torch.tensor([], dtype=torch.int64), "labels: some class", id="no samples"),
        pytest.param(torch.zeros(2, 0), _LABELS, "inputs: has shape", id="no coordinates"),
        pytest.param(torch.zeros(2, 1, dtype=torch.float16), _LABELS, "float32 or float64", id="half precision"),
        pytest.param(
            torch.zeros(2, 1), torch.tensor([0.0, torch.nan]), "labels: has type torch.float32", id="NaN label"
        ),
        pytest.param(torch.zeros(2, 1), _LABELS.bool(), "labels: has type torch.bool", id="true and false"),
        pytest.param(torch.zeros(2, 1), torch.tensor([-1, 1]), "labels: holds the label -1", id="negative label"),
        pytest.param(np.zeros((2, 1)), _LABELS, "inputs: is a ndarray; give a tensor", id="array"),
        pytest.param(torch.zeros(2, 1), [0, 1], "labels: is a list; give a tensor", id="list"),
    ],
)
def test_bad_data_are_refused(inputs: torch.Tensor, labels: torch.Tensor, match: str) -> None:
    with pytest.raises(InputError, match=match):
        FullBatch(inputs, labels)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((0, 1, 0), "batch_size: 0"),
        ((2, 0, 0), "groups: 0"),
        ((2.0, 1, 0), r"batch_size: 2\.0"),
        ((2, 1, -1), "seed: -1"),
        ((2, 1, 2**63), "seed: 9223372036854775808"),
        ((2, 1, 0.5), r"seed: 0\.5"),
    ],
)
@pytest.mark.parametrize("kind", [MiniBatches, BatchesWithReplacement])
def test_bad_batches_are_refused(kind: type, arguments: tuple[float, ...], match: str) -> None:
    with pytest.raises(InputError, match=match):
        kind(*_numbered(4), *arguments)


@pytest.mark.parametrize(("size", "groups"), [(5, 1), (3, 2), (1, 5)])
def test_batches_that_do_not_fit_are_refused(size: int, groups: int) -> None:
    with pytest.raises(InputError, match="batch_size"):
        MiniBatches(*_numbered(4), size, groups, 0)
    BatchesWithReplacement(*_numbered(4), 100, 7, 0)  # more than there are is fine


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"size": 0}, "size: 0"),
        ({"replicas": 0}, "replicas: 0"),
        ({"seed": -1}, "seed: -1"),
        ({"dtype": torch.int64}, "dtype: torch.int64 is not accepted"),
        ({"dtype": "float32"}, "dtype: 'float32' is not accepted"),
        ({"device": "gpu"}, "device: 'gpu' is unknown"),
        ({"device": None}, "device: None is unknown"),
        ({"device": "meta"}, "device: meta is not supported"),
        ({"device": "cuda:99"}, "device: cuda:99 does not exist"),
    ],
    ids=str,
)
def test_bad_fresh_samples_are_refused(change: dict[str, object], match: str) -> None:
    given: dict[str, object] = {"size": 2, "replicas": 1, "seed": 0} | change
    with pytest.raises(InputError, match=match):
        FreshSamples(_MODEL, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (torch.tensor([0, 2]), "labels: holds the label 2"),
        (torch.tensor([-1, 0]), "labels: holds the label -1"),
        (torch.tensor([0.0]), "labels: has type float32"),
        (torch.tensor([[0]]), "labels: has shape"),
    ],
)
def test_inputs_are_drawn_for_labels_of_the_model_only(labels: torch.Tensor, match: str) -> None:
    with pytest.raises(InputError, match=match):
        GaussianSampler(_MODEL, 0).draw_for(labels)


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (2.5, 0), (40, -1)])
def test_bad_samples_are_refused(count: int, seed: int) -> None:
    for draw in (sample, sample_with_exact_moments):
        with pytest.raises(InputError, match=r"count: (0|2\.5) is not|seed: -1 is not"):
            draw(_MODEL, count, seed)
