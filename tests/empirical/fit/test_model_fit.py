from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import empirical.fit.model_fit
from empirical import DataSet, load
from empirical.fit.exponent_dependence import ALL_RANKS, LEAST_SQUARES, SPIKES
from empirical.fit.jackknife import Interval
from empirical.fit.minority import RESAMPLES
from empirical.fit.model_fit import FittedModel, fit_data_model, split_for_fit
from empirical.fit.parametric_model import parametric_model
from simulation.training.population import Population
from simulation.training.sampling import sample
from tests.empirical.gaussian_parts import power_law_pair
from theory import InputError, merge_all


def test_halves_shards_and_held_out_parts_hold_all_classes_alike() -> None:
    """100 classes of 10: by chance 6 classes of 100 would have two inputs or fewer in a half."""
    labels = np.random.default_rng(0).permutation(np.arange(1000) % 100)
    inputs = np.random.default_rng(1).standard_normal((1000, 20)).astype(np.float32)
    shards, (_, held_out) = split_for_fit(DataSet("few", inputs, labels, 100))
    assert np.array_equal(np.bincount(held_out), np.full(100, 5))
    assert all(shard.class_counts.max() <= 1 and abs(shard.count - 50) <= 1 for shard in shards)


def test_a_hundred_classes_of_ten_are_fitted_and_a_class_of_one_is_named() -> None:
    generator = np.random.default_rng(0)
    labels = generator.permutation(np.arange(1000) % 100)
    scale = np.arange(1, 121) ** -0.5
    centres = generator.standard_normal((100, 120)) * scale
    inputs = (centres[labels] + generator.standard_normal((1000, 120)) * scale).astype(np.float32)
    found = fit_data_model(*split_for_fit(DataSet("few", inputs, labels, 100)))
    separation = np.square(centres - centres.mean(axis=0)).sum() / 100
    # Of the variance: half, to four standard errors.
    share = separation / (separation + np.square(scale).sum())
    assert found.class_separation.value == pytest.approx(share, abs=4 * found.class_separation.standard_error)
    # Gaussian classes of five: their own deviations would bound what they standardise and hide all tails.
    assert 0.0 in found.tail_index.inverse
    assert found.minority_share.value == 0
    assert any("a class has 5 held-out samples" in warning for warning in found.warnings)
    labels[labels == 17] = 18
    labels[0] = 17
    with pytest.raises(InputError, match="class 17 has 1 sample; give at least 6 of each class"):
        split_for_fit(DataSet("one", inputs, labels, 100))


def test_halves_hold_every_input_once() -> None:
    data = load("digits")
    shards, (inputs, labels) = split_for_fit(data, shards=12, seed=3)
    assert len(shards) == 12
    fitting = merge_all(shards)
    assert fitting.count + labels.size == data.labels.size
    total = fitting.mean * fitting.count + inputs.sum(axis=0)
    np.testing.assert_allclose(total, data.inputs.sum(axis=0, dtype=np.float64), rtol=1e-6)  # float32 inputs
    counts = fitting.class_counts + np.bincount(labels, minlength=10)
    np.testing.assert_array_equal(counts, np.bincount(data.labels))


def test_the_fit_of_the_digits(digits_fit: FittedModel) -> None:
    """Facts of these data: aligned, falling spectrum and signal, the head flatter than the law, a cut-off tail."""
    assert digits_fit.alpha is not None
    assert digits_fit.beta is not None
    assert digits_fit.spectrum_law is not None
    # Nine spikes hold most of the variance, nearly all of that between classes; the head is flatter than the bulk.
    assert digits_fit.spikes.count == 9
    assert digits_fit.spectrum_law.first == 10
    assert 0.6 < digits_fit.spikes.variance_share.value < 0.8
    assert digits_fit.spikes.between_share.low > 0.9
    assert 1.5 < digits_fit.alpha.value < 2.5
    assert digits_fit.beta.value > digits_fit.alpha.value
    exponents = {one.ranks: one.exponent for one in digits_fit.alpha_variants if one.estimator == LEAST_SQUARES}
    assert exponents[SPIKES] < exponents[ALL_RANKS] < digits_fit.alpha.value
    assert digits_fit.alignment.low > 1
    assert 0 < digits_fit.class_separation.value < 1
    assert digits_fit.rivals[0].name == "broken power law"
    assert any("broken power law" in warning for warning in digits_fit.warnings)
    assert digits_fit.full_model.dimension == 61  # pixels that vary in all 1,797 images


def test_heavy_tails_of_a_population_are_found() -> None:
    """Heavy tails are found by their index."""
    model = power_law_pair(40, 1.0, 1.0).with_signal_scaled(1.2)
    heavy, labels = sample(Population(model, tail_index=4.0), 12_000, seed=0)
    data = DataSet("heavy", heavy.numpy(), labels.numpy(), 2)
    found = fit_data_model(*split_for_fit(data))
    assert found.tail_index.low < 4.5
    assert found.tail_index.high < 8


def test_few_samples_are_shrunk_and_warned_of() -> None:
    model = power_law_pair(100, 0.5, 0.5)
    inputs, labels = sample(model, 400, seed=1)
    found = fit_data_model(*split_for_fit(DataSet("few", inputs.numpy(), labels.numpy(), 2)))
    assert "400 samples for 100 directions" in found.warnings[0]
    assert 0 < found.shrinkage < 1
    # The shrunk covariance has the same trace, and a smallest eigenvalue that is not too small.
    smallest = np.linalg.eigvalsh(found.moments.covariance)[0]
    assert found.full_model.eigenvalues[-1] > smallest
    np.testing.assert_allclose(found.full_model.total_variance, found.moments.total_variance, rtol=1e-12)


def test_bad_data_are_refused() -> None:
    data = load("digits")
    shards, held_out = split_for_fit(data)
    with pytest.raises(InputError, match="shards"):
        split_for_fit(data, shards=9)
    with pytest.raises(InputError, match="shards: holds 3 parts"):
        fit_data_model(shards[:3], held_out)
    with pytest.raises(InputError, match="held_out inputs: has shape"):
        fit_data_model(shards, (held_out[0][:, :5], held_out[1]))
    with pytest.raises(InputError, match="held_out: holds 10 samples"):
        fit_data_model(shards, (held_out[0][:10], held_out[1][:10]))


def test_the_parametric_model_keeps_spikes_exponents_and_totals(digits_fit: FittedModel) -> None:
    assert digits_fit.alpha is not None
    model, full = parametric_model(digits_fit), digits_fit.full_model
    np.testing.assert_array_equal(model.eigenvalues[:9], full.eigenvalues[:9])
    np.testing.assert_array_equal(model.prototypes[:, :9], full.prototypes[:, :9])
    ranks = np.arange(10, model.dimension + 1)
    slopes = np.diff(np.log(model.eigenvalues[9:])) / np.diff(np.log(ranks))
    np.testing.assert_allclose(slopes, -digits_fit.alpha.value, rtol=1e-9)  # float error of logarithms
    np.testing.assert_allclose(model.eigenvalues[9:].sum(), digits_fit.spectrum.held_out[9:].sum(), rtol=1e-12)
    # The measured matrix of the bulk is positive here, but for its null row.
    values, vectors = np.linalg.eigh(digits_fit.bulk_gram)
    positive = (vectors * np.maximum(values, 0)) @ vectors.T
    rows = model.prototypes[:, 9:]
    np.testing.assert_allclose(rows @ rows.T, positive, atol=2e-2 * values[-1])


def test_profiles_of_parametric_models_follow_beta_on_average(digits_fit: FittedModel) -> None:
    """Over seeds; making the rows orthonormal flattens the head of a steep profile, so that the tail is tested."""
    assert digits_fit.beta is not None
    profiles = np.mean(
        [np.square(parametric_model(digits_fit, seed).prototypes).sum(axis=0) for seed in range(300)], axis=0
    )
    ranks = np.arange(1, profiles.size + 1)
    slope = np.polyfit(np.log(ranks[35:]), np.log(profiles[35:]), 1)[0]
    assert -slope == pytest.approx(digits_fit.beta.value, abs=0.15)


def test_fits_without_laws_have_no_parametric_model(digits_fit: FittedModel) -> None:
    with pytest.raises(InputError, match="no power law of the signal"):
        parametric_model(replace(digits_fit, signal_law=None))
    with pytest.raises(InputError, match="61 directions leave 52 beyond the 9"):
        parametric_model(replace(digits_fit, spectrum_law=None))


def _three_classes(dimension: int) -> DataSet:
    generator = np.random.default_rng(0)
    labels = np.arange(400) % 3
    inputs = generator.standard_normal((400, dimension)) * np.arange(1, dimension + 1) ** -0.5
    return DataSet("three", (inputs + np.eye(3, dimension)[labels]).astype(np.float32), labels, 3)


def _no_interval(positions: Any, seed: int) -> Interval:
    """Stands in for the bootstrap, which takes most of the time of a fit."""
    return Interval(0.0, 0.0, 0.0, 0.0)


def test_classes_are_measured_on_held_out_samples_along_prototypes_of_the_fitting_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shards, (inputs, labels) = split_for_fit(_three_classes(4))
    seen: dict[str, list[Any]] = {name: [] for name in ("minorities", "minority_interval", "tail_index")}
    monkeypatch.setattr(empirical.fit.model_fit, "minority_interval", _no_interval)
    for name, calls in seen.items():
        own = getattr(empirical.fit.model_fit, name)

        def watched(*given: Any, own: Any = own, calls: list[Any] = calls) -> Any:
            calls.append(given)
            return own(*given)

        monkeypatch.setattr(empirical.fit.model_fit, name, watched)
    first, _, same = (fit_data_model(shards, (inputs, labels), seed) for seed in (0, 1, 0))
    assert (first.alignment, first.tail_index, first.minorities) == (same.alignment, same.tail_index, same.minorities)
    fitting = merge_all(shards)
    for label in range(3):
        prototype = fitting.class_means[label] - fitting.mean
        along = (inputs[labels == label] - fitting.mean) @ prototype / (prototype @ prototype)
        np.testing.assert_allclose(seen["minorities"][0][0][label], along, rtol=1e-9, atol=1e-12)
        # Along the prototype itself, and along those of resamples of the shards, which the seed decides.
        first, other, same = (positions[label] for positions, _ in seen["minority_interval"])
        np.testing.assert_array_equal(first, same)
        np.testing.assert_allclose(first[0], along, rtol=1e-9, atol=1e-12)
        assert len(first) == RESAMPLES + 1
        assert all(np.abs(row - along).max() > 1e-6 for row in first[1:])
        assert not np.allclose(first[1:], other[1:])
    assert [seed for _, seed in seen["minority_interval"]] == [0, 1, 0]
    first, other, same = (projections for projections, *_ in seen["tail_index"])
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)


def test_rivals_are_compared_on_the_held_out_half(monkeypatch: pytest.MonkeyPatch) -> None:
    """Held-out inputs a tenth larger vary 1.21 times as much in every direction, whatever the fitting half does."""
    monkeypatch.setattr(empirical.fit.model_fit, "minority_interval", _no_interval)
    shards, (inputs, labels) = split_for_fit(_three_classes(9))
    amplitudes = [
        dict(one.parameters)["amplitude"]
        for scale in (1.0, 1.1)
        for one in fit_data_model(shards, (scale * inputs, labels)).rivals
        if one.name == "power law"
    ]
    assert amplitudes[1] == pytest.approx(1.21 * amplitudes[0], rel=1e-4)  # the optimiser's tolerance
