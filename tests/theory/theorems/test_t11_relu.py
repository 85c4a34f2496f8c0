"""Theorem T11: its symbols against the numbers, and where its approximation fails."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.stats import multivariate_normal

from theory import Logistic
from theory.curves.mean_field import gaussian_nodes
from theory.curves.rectified import rectified_moments
from theory.theorems.t11_relu import CORRELATION, LEVELS, BothActive, Corner, Gate, corner, gate, pair_moments


@pytest.mark.parametrize("seed", range(5))
def test_the_numbers_are_those_of_the_symbols(seed: int) -> None:
    """P by the bivariate normal distribution, the rest by the formulas, at random levels."""
    generator = np.random.default_rng(seed)
    levels, correlation = generator.normal(size=2), float(generator.uniform(-0.8, 0.8))
    matrix = np.array([[1, correlation], [correlation, 1]])
    both = multivariate_normal([0, 0], matrix).cdf(levels)
    values = dict(zip((*LEVELS, CORRELATION), (*levels, correlation), strict=True))
    found = rectified_moments(levels, matrix)
    numbers = [
        float(
            one.replace(Gate, gate).replace(Corner, corner).replace(BothActive, lambda *_: sp.Float(both)).subs(values)
        )
        for one in pair_moments()
    ]
    density = np.exp(-(levels[0] ** 2) / 2) / np.sqrt(2 * np.pi)
    expected = [
        found.both_active[0, 1],
        found.while_active[0, 1],
        density * found.at_threshold[0, 1],
        found.second_moment[0, 1],
    ]
    np.testing.assert_allclose(numbers, expected, atol=1e-8)


def _mean_prediction(units: int) -> tuple[float, float]:
    """Mean sigmoid of a sum of equal, independent units with total variance 4: as Gaussian, and on samples."""
    moments = rectified_moments(np.zeros(units), np.eye(units))
    weight = 2 / np.sqrt(units * moments.covariance[0, 0])
    mean = float(weight * moments.mean.sum())
    nodes = gaussian_nodes(1, 1024)
    gaussian = float(Logistic().predictions(mean - weight * units * 0.4 + 2 * nodes).mean())
    draws = np.maximum(np.random.default_rng(0).normal(size=(100_000, units)), 0)
    return gaussian, float(Logistic().predictions(weight * draws.sum(axis=1) - weight * units * 0.4).mean())


def test_outputs_of_many_units_are_gaussian_and_those_of_one_are_not() -> None:
    """The approximation that T11 names: right for 60 units, wrong by several per cent for a single one."""
    gaussian, sampled = _mean_prediction(60)
    assert gaussian == pytest.approx(sampled, abs=0.01)
    gaussian, sampled = _mean_prediction(1)
    assert abs(gaussian - sampled) > 0.02
