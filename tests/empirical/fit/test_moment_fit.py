from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from empirical.fit.moment_fit import MomentFit, fit_moments
from tests.empirical.gaussian_parts import draw, parts_of, power_law_pair
from theory import DataModel, InputError

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
