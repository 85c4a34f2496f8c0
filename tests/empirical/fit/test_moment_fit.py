from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from empirical.fit.moment_fit import MomentFit, fit_moments
from tests.empirical.gaussian_parts import draw, parts_of, power_law_pair
from theory import DataModel, InputError
from theory.validation import IntArray

SHARDS = 10


def _fit(model: DataModel, fitting: int, held_out: int, generator: np.random.Generator) -> MomentFit:
    halves = [parts_of(*draw(model, count, generator), model.classes, SHARDS) for count in (fitting, held_out)]
    return fit_moments(halves[0], halves[1])


def test_known_parameters_are_inside_the_intervals() -> None:
    model = power_law_pair(80, 1.0, 1.5)
    found = _fit(model, 8000, 8000, np.random.default_rng(0))
    assert found.alpha is not None
    assert found.beta is not None
    assert found.spectrum_law is not None
    assert 1.0 in found.alpha
    assert 1.5 in found.beta
    assert (found.spectrum_law.first, found.spectrum_law.last) == (2, 80)  # one spike, and the bulk beyond
    values = model.eigenvalues
    rank = values.sum() ** 2 / np.sum(values**2)
    separation = 2 * np.square(model.prototypes).sum() / values.sum()
    # Four standard errors.
    assert found.effective_rank.value == pytest.approx(rank, abs=4 * found.effective_rank.standard_error)
    assert found.class_separation.value == pytest.approx(separation, abs=4 * found.class_separation.standard_error)
    # The first eigenvalue's error is sqrt(1 / 8,000); that of the slope adds to it.
    assert found.spectrum_law.amplitude == pytest.approx(1.0, rel=0.05)


def test_rotating_and_scaling_the_inputs_changes_nothing() -> None:
    generator = np.random.default_rng(1)
    model = power_law_pair(30, 0.8, 1.0)
    rotation = 7 * ortho_group.rvs(30, random_state=2)
    samples = [draw(model, 3000, generator) for _ in range(2)]
    plain = fit_moments(*(parts_of(inputs, labels, 2, SHARDS) for inputs, labels in samples))
    moved = fit_moments(*(parts_of(inputs @ rotation + 3, labels, 2, SHARDS) for inputs, labels in samples))
    for name in ("alpha", "beta", "effective_rank", "alignment", "class_separation"):
        own, other = getattr(plain, name), getattr(moved, name)
        # Rounding of the eigenvectors; the scoring of beta stops at 1e-10.
        assert other.value == pytest.approx(own.value, rel=1e-7)
        assert other.standard_error == pytest.approx(own.standard_error, rel=1e-4)


def test_labels_without_meaning_have_no_separation() -> None:
    generator = np.random.default_rng(3)
    ranks = np.arange(1, 31, dtype=np.float64)
    halves = [
        parts_of(generator.standard_normal((3000, 30)) / ranks, generator.integers(0, 3, 3000), 3, SHARDS)
        for _ in range(2)
    ]
    assert 0.0 in fit_moments(*halves).class_separation


def test_parts_that_do_not_fit_are_refused() -> None:
    generator = np.random.default_rng(4)
    model = power_law_pair(10, 1.0, 1.0)
    shards = parts_of(*draw(model, 400, generator), 2, 10)
    with pytest.raises(InputError, match="parts: holds 11; give 10"):
        fit_moments(shards, parts_of(*draw(model, 400, generator), 2, 11))
    with pytest.raises(InputError, match="shards: holds 9 parts"):
        fit_moments(shards[:9], shards)


@pytest.mark.slow
@pytest.mark.parametrize(("alpha", "beta"), [(0.7, 1.2), (1.0, 2.0), (1.5, 0.5)])
def test_intervals_cover_the_parameters_of_known_models(alpha: float, beta: float) -> None:
    """Coverage of the 95 % intervals over 200 data sets, rule for the range included."""
    model = power_law_pair(100, alpha, beta)
    covered = []
    for seed in range(200):
        found = _fit(model, 5000, 5000, np.random.default_rng(seed))
        assert found.alpha is not None
        assert found.beta is not None
        covered.append((alpha in found.alpha, beta in found.beta))
    shares = np.mean(covered, axis=0)
    print(f"coverage of alpha {shares[0]:.3f}, of beta {shares[1]:.3f}")
    assert np.all((shares >= 0.9) & (shares <= 0.99)), shares


def test_every_quantity_takes_both_halves_as_its_definition_says() -> None:
    """Halves with other covariances and class means, and every quantity again with NumPy alone."""
    generator = np.random.default_rng(5)
    labels = np.arange(600) % 3
    scales = (np.array([3.0, 2.0, 1.5, 1.0, 0.7, 0.5]), np.array([2.0, 2.5, 1.0, 1.2, 0.5, 0.9]))
    centres = [generator.standard_normal((3, 6)) for _ in range(2)]
    halves = [
        generator.standard_normal((600, 6)) * scale + (centre + 2 * np.eye(3, 6))[labels]
        for scale, centre in zip(scales, centres, strict=True)
    ]
    found = fit_moments(*(parts_of(inputs, labels, 3, SHARDS) for inputs in halves))

    def rank(rows: IntArray) -> float:
        own, other = (np.cov(inputs[rows].T, bias=True) for inputs in halves)
        return float(np.trace(own) * np.trace(other) / np.sum(own * other))

    everything = np.arange(600)
    assert found.effective_rank.value == pytest.approx(rank(everything), rel=1e-12)
    without = np.array([rank(np.setdiff1d(everything, part)) for part in np.array_split(everything, SHARDS)])
    error = np.sqrt((SHARDS - 1) / SHARDS * np.square(without - without.mean()).sum())
    assert found.effective_rank.standard_error == pytest.approx(error, rel=1e-9)

    means = [
        np.stack([inputs[labels == label].mean(axis=0) for label in range(3)]) - inputs.mean(axis=0)
        for inputs in halves
    ]
    totals = [inputs.var(axis=0).sum() for inputs in halves]
    between = np.sum(means[0] * means[1]) / 3  # classes of equal size
    assert found.class_separation.value == pytest.approx(2 * between / sum(totals), rel=1e-12)
    # The two leading directions of the fitting half are the spikes; variances with n - 1.
    _, vectors = np.linalg.eigh(np.cov(halves[0].T))
    variances = [np.diag(vectors.T @ np.cov(inputs.T) @ vectors)[::-1] for inputs in halves]
    leading = np.sqrt(variances[0] * variances[1])[:2]
    np.testing.assert_allclose(found.spikes.eigenvalues, leading, rtol=1e-12)
    assert found.spikes.variance_share.value == pytest.approx(leading.sum() / variances[1].sum(), rel=1e-12)
    along = [mean @ vectors[:, ::-1] for mean in means]
    in_spikes = np.sum(along[0][:, :2] * along[1][:, :2]) / 3
    assert found.spikes.between_share.value == pytest.approx(in_spikes / between, rel=1e-9)
    for gram, kept in ((found.gram, slice(None)), (found.bulk_gram, slice(2, None))):
        product = along[0][:, kept] @ along[1][:, kept].T / 9  # prototypes are frequencies times means
        np.testing.assert_allclose(gram, (product + product.T) / 2, atol=1e-12)
