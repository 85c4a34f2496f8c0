from __future__ import annotations

import numpy as np
import pytest
from hypothesis import find
from hypothesis import strategies as st
from scipy.integrate import quad

from theory import DataModel, explained_variance
from theory.assumptions import effective_rank
from theory.validation import FloatArray


def _mean_level(eigenvalues: FloatArray) -> float:
    """Mean over w ~ N(0, I) of R = sum l^2 w^2 / sum l w^2, from 1/B = integral of exp(-t B) over t > 0.

    E[w_i^2 exp(-t sum l w^2)] = (1 + 2 t l_i)^-1 prod_j (1 + 2 t l_j)^(-1/2); t = exp(x).
    """

    def integrand(x: float) -> float:
        factors = 1 + 2 * np.exp(x) * eigenvalues
        return float(np.exp(x - np.log(factors).sum() / 2) * np.sum(eigenvalues**2 / factors))

    return float(quad(integrand, -60, 60, points=[-np.log(eigenvalues.sum())], limit=400, epsabs=1e-12)[0])


def test_the_annealed_level_fails_where_one_eigenvalue_dominates() -> None:
    """T2 without A6: the mean of a ratio is not the ratio of means; a find in two dimensions."""

    def error(eigenvalues: FloatArray) -> float:
        return float(np.sum(eigenvalues**2) / np.sum(eigenvalues) / _mean_level(eigenvalues) - 1)

    small = find(st.integers(1, 20), lambda tenths: error(np.array([1.0, tenths / 20])) > 0.15)
    few, many = np.array([1.0, small / 20]), np.repeat([2.0, 1.0], 200)
    print(f"spectrum {few}: annealed R0 off by {error(few):.1%}; effective rank 360: {error(many):.2%}")
    # In two dimensions the mean over the angle of W(0) is exact on an even grid.
    angles = np.linspace(0, np.pi, 2000, endpoint=False)
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)[:, None]
    assert _mean_level(few) == pytest.approx(explained_variance(rows, few).mean(), rel=1e-9)
    assert not effective_rank(DataModel.two_classes(few, few)).holds
    assert effective_rank(DataModel.two_classes(many, many)).holds
    assert error(few) > 0.15
    assert abs(error(many)) < 0.001
