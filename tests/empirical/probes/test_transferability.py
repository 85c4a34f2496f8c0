"""Published scores of transferability against naive transcriptions and known values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from torch import nn

from empirical.probes.transferability import class_separation, logme, rank_me, spectrum_exponent
from empirical.probes.weight_tails import mean_weight_exponent, tail_exponent


@pytest.mark.parametrize("columns", [4, 40], ids=["more samples", "more features"])
def test_logme_is_the_largest_evidence_of_the_marginal_gaussian(columns: int) -> None:
    """The column is N(0, I / noise + F F^T / weight), its log density maximised numerically."""
    draw = np.random.default_rng(0)
    features = draw.standard_normal((30, columns))
    values = features @ draw.standard_normal((columns, 2)) / 2 + draw.standard_normal((30, 2))

    def negative(logs: np.ndarray, column: np.ndarray) -> float:
        weight, noise = np.exp(logs)
        covariance = np.eye(30) / noise + features @ features.T / weight
        return -float(stats.multivariate_normal(np.zeros(30), covariance).logpdf(column)) / 30

    best = [-optimize.minimize(negative, [0.0, 0.0], args=(own,), method="Nelder-Mead").fun for own in values.T]
    assert logme(features, values) == pytest.approx(np.mean(best), abs=1e-4)
    # A class without a sample has no evidence.
    assert logme(features, np.c_[values, np.zeros(30)]) == logme(features, values)


def test_rank_me_counts_equal_directions() -> None:
    assert rank_me(np.tile(np.eye(7), (3, 1))) == pytest.approx(7, rel=1e-4)
    lone = np.zeros((20, 7))
    lone[:, 0] = 1
    assert rank_me(lone) == pytest.approx(1, rel=1e-3)


def test_the_exponent_of_a_power_law_is_found() -> None:
    draw = np.random.default_rng(0)
    rows, _ = np.linalg.qr(draw.standard_normal((400, 150)) - 0.0)
    rows -= rows.mean(axis=0)
    rows, _ = np.linalg.qr(rows)
    assert spectrum_exponent(rows * np.arange(1, 151) ** -0.7) == pytest.approx(1.4, rel=1e-6)


def test_class_separation_is_that_of_all_pairs() -> None:
    draw = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 8)
    rows = draw.standard_normal((24, 5)) + 2 * np.eye(5)[labels]
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    distance = 1 - unit @ unit.T
    own = np.mean([distance[np.ix_(labels == one, labels == one)].mean() for one in range(3)])
    assert class_separation(rows, labels) == pytest.approx(1 - own / distance.mean())
    assert class_separation(np.eye(5)[labels], labels) == pytest.approx(1)


def test_the_tail_of_a_pareto_sample_has_its_exponent() -> None:
    """Within four standard errors (alpha - 1) / sqrt(n) of the whole sample, as most of it is taken for tail."""
    sample = np.random.default_rng(0).pareto(2.0, 1500) + 1
    assert tail_exponent(sample) == pytest.approx(3.0, abs=4 * 2 / np.sqrt(500))


def test_weights_of_all_layers_are_averaged_and_small_layers_left_out() -> None:
    torch.manual_seed(0)
    wide, other = nn.Linear(40, 30), nn.Conv2d(8, 16, 3)
    both = mean_weight_exponent(nn.Sequential(wide, other, nn.Linear(16, 3)))
    single = [mean_weight_exponent(one) for one in (wide, other)]
    assert both == pytest.approx(np.mean([one for one in single if one is not None]))
    assert mean_weight_exponent(nn.Linear(16, 3)) is None
