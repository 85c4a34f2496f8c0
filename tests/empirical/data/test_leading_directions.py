"""Inputs reduced to their leading principal directions, against the covariance that is never formed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from empirical import CheckPlan, DataSet, VerifyPlan, check, leading_directions, load, moments_of, verify
from empirical.data import leading_directions as module
from empirical.data.leading_directions import leading_coordinates
from theory import DataModel, InputError, Softmax


def power_law(samples: int, dimension: int, seed: int = 0) -> DataSet:
    """Three classes with a power-law spectrum, off the origin, in units of mean variance 1."""
    generator = np.random.default_rng(seed)
    labels = np.arange(samples) % 3
    rows = generator.standard_normal((samples, dimension)) * np.arange(1, dimension + 1) ** -0.7
    rows[:, :3] += 1.5 * np.eye(3)[labels]
    rotated = rows @ np.linalg.qr(generator.standard_normal((dimension, dimension)))[0]
    unit = np.sqrt(rotated.var(axis=0).mean())
    return DataSet("wide", (rotated / unit + 0.3).astype(np.float32), labels, 3)


@pytest.mark.parametrize(
    ("samples", "dimension", "tolerance"),
    [
        pytest.param(40, 300, 2e-5, id="products of samples"),
        # The error of the randomised decomposition falls with the thirteenth power of a ratio of singular values.
        pytest.param(300, 60, 1e-4, id="randomised"),
    ],
)
def test_spectrum_and_class_means_are_those_along_the_leading_directions(
    samples: int, dimension: int, tolerance: float
) -> None:
    data, kept = power_law(samples, dimension), 12
    full = DataModel.from_moments(moments_of(data.inputs, data.labels, 3))
    reduced = leading_directions(data, kept)
    found = DataModel.from_moments(moments_of(reduced.inputs, data.labels, 3))
    share = full.eigenvalues[:kept].sum() / full.eigenvalues.sum()
    assert reduced.notes == (f"12 leading directions of {dimension} features keep {share:.1%} of the variance",)
    # One factor, by which the mean variance of a coordinate stays.
    factor = full.total_variance / dimension * kept / full.eigenvalues[:kept].sum()
    np.testing.assert_allclose(found.eigenvalues, factor * full.eigenvalues[:kept], rtol=tolerance)
    np.testing.assert_allclose(
        np.abs(found.prototypes), np.sqrt(factor) * np.abs(full.prototypes[:, :kept]), atol=tolerance * 10
    )
    np.testing.assert_allclose(reduced.inputs.mean(axis=0), 0, atol=1e-6)
    off = np.cov(reduced.inputs.T) - np.diag(np.var(reduced.inputs, axis=0, ddof=1))
    assert np.abs(off).max() < 1e-3 * found.eigenvalues[0]


def test_all_directions_turn_the_inputs_and_nothing_else() -> None:
    data = power_law(30, 60)
    turned = leading_directions(data, 29)
    own = data.inputs - data.inputs.mean(axis=0)
    # Lengths in 60 and in 29 coordinates whose mean variance is the same.
    np.testing.assert_allclose(turned.inputs @ turned.inputs.T * 60 / 29, own @ own.T, rtol=1e-4, atol=1e-3)
    assert turned.notes[0].endswith("keep 100.0% of the variance")


def test_both_ways_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = power_law(60, 90).inputs
    exact, share = leading_coordinates(inputs, 8)
    monkeypatch.setattr(module, "LARGEST_PRODUCTS", 59)
    randomised, other = leading_coordinates(inputs, 8)
    assert other == pytest.approx(share, rel=1e-5)
    np.testing.assert_allclose(np.abs(randomised), np.abs(exact), atol=2e-3 * np.abs(exact).max())
    np.testing.assert_array_equal(leading_coordinates(inputs, 8)[0], randomised)  # the seed is fixed


def test_photographs_whose_covariance_no_memory_holds_are_checked(tmp_path: Path) -> None:
    """Forty images of 224 x 224 x 3, of which 169 GiB would be asked: exact on the products of forty."""
    generator = np.random.default_rng(0)
    labels = np.arange(40) % 2
    shades = generator.integers(60, 120, (40, 1, 1, 3)) + 60 * labels[:, None, None, None] * np.array([1, 0, 0])
    images = (shades + generator.integers(0, 8, (40, 224, 224, 3))).astype(np.uint8)
    np.savez(tmp_path / "photographs.npz", inputs=images, labels=labels)
    data = load(str(tmp_path / "photographs.npz"), directions=6)
    assert data.inputs.shape == (40, 6)
    np.testing.assert_allclose(data.inputs.var(axis=0).mean(), 1, rtol=1e-4)
    report = check(data, CheckPlan(step_share=0.1))
    assert report.notes[-1].startswith("6 leading directions of 150528 features keep 9")
    assert len(report.outcome.assessments) == 8


def test_networks_on_leading_directions_are_trained_as_derived() -> None:
    data = leading_directions(power_law(400, 500), 30)
    plan = VerifyPlan(loss=Softmax(), init_scales=(0.01,), steps=256, step_share=0.08, batch_size=None, replicas=4)
    report = verify(data, plan)
    assert report.holds
    assert any(claim.deviation > 1e-5 for finding in report.findings for claim in finding.comparison.claims)


@pytest.mark.parametrize("count", [0, 30, 1000])
def test_a_number_of_directions_that_samples_do_not_have_is_refused(count: int) -> None:
    refusal = f"directions: {count} is not accepted for 30 inputs of 60 features; give 1 to 29"
    with pytest.raises(InputError, match=refusal):
        leading_directions(power_law(30, 60), count)
    with pytest.raises(InputError, match="inputs: are all equal"):
        leading_directions(DataSet("same", np.ones((4, 8), np.float32), np.arange(4) % 2, 2), 2)
    with pytest.raises(InputError, match="inputs: are all equal"):
        leading_directions(DataSet("same", np.ones((9, 4), np.float32), np.arange(9) % 2, 2), 2)
