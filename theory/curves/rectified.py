"""Moments of rectified Gaussians f = max(u, 0), with u ~ N(m, G) the units of a hidden layer.

With s_i^2 = G_ii, a_i = m_i / s_i, phi and Phi the standard normal density and distribution, rho the correlations,
q^2 = 1 - rho^2 and t_ij = (a_i - rho_ij a_j) / q_ij:

    P(u_i > 0)            = Phi(a_i)
    E f_i                 = s_i (a_i Phi(a_i) + phi(a_i))
    P_ij                  = Phi(a_i) Phi(a_j) + int_0^rho density(a_i, a_j; r) dr
    E[f_j; u_i > 0]       = s_j (a_j P_ij + phi(a_j) Phi(t_ij) + rho phi(a_i) Phi(t_ji))
    E[f_j | u_i = 0]      = s_j q (t_ji Phi(t_ji) + phi(t_ji))
    E[f_i f_j]            = m_i E[f_j; u_i > 0] + s_i (rho s_j P_ij + phi(a_i) E[f_j | u_i = 0])

The last is Stein's lemma for u_i. These are the steps of theorem T11. The probability that two units are on together
is Plackett's integral; with r = sin(angle) its integrand is smooth up to rho = 1, and Gauss-Legendre nodes are few. The
Hermite series in rho is slow there: its terms fall as n^(-3/2), and units of one feature do come to correlate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from theory.validation import FloatArray, InputError, finite_array, real_array

#: Nodes of Plackett's integral: errors below 1e-9 for correlations within 0.9, 1e-5 within 0.99, 1e-3 anywhere.
_NODES = 10


@dataclass(frozen=True, eq=False)
class RectifiedMoments:
    """What a layer of rectified units has as moments, (...) standing for replicas and components.

    Attributes:
        active: (..., h) P(u_i > 0).
        density: (..., h) density of u_i at 0; 0 for a unit that does not vary.
        mean: (..., h) E f_i.
        covariance: (..., h, h) Cov(f_i, f_j).
        both_active: (..., h, h) P(u_i > 0, u_j > 0).
        while_active: (..., h, h) E[f_j; u_i > 0], the row for the unit that is on.
        at_threshold: (..., h, h) E[f_j | u_i = 0], the row for the unit that is at its threshold.
    """

    active: FloatArray
    density: FloatArray
    mean: FloatArray
    covariance: FloatArray
    both_active: FloatArray
    while_active: FloatArray
    at_threshold: FloatArray

    @property
    def second_moment(self) -> FloatArray:
        """(..., h, h) E[f_i f_j]."""
        return self.covariance + self.mean[..., :, None] * self.mean[..., None, :]


def rectified_moments(means: FloatArray, covariances: FloatArray) -> RectifiedMoments:
    """Moments of max(u, 0) for Gaussian units u.

    Args:
        means: (..., h).
        covariances: (..., h, h), symmetric and positive semi-definite; correlations beyond 1 are rounding.

    Raises:
        InputError: shapes that do not fit, NaN or infinity.
    """
    given, matrices = real_array("means", means), real_array("covariances", covariances)
    centres = finite_array("means", given, given.ndim)
    spread = finite_array("covariances", matrices, matrices.ndim)
    if centres.ndim == 0 or spread.shape != (*centres.shape, centres.shape[-1]):
        raise InputError(f"covariances: have shape {spread.shape} beside means {centres.shape}; give a matrix a mean")
    deviations = np.sqrt(np.maximum(np.diagonal(spread, axis1=-2, axis2=-1), 0.0))
    # A unit that does not vary has its threshold at its mean, or so many deviations away that others do not matter.
    varies = deviations > 0
    scale = np.where(varies, deviations, 1e-30 * np.maximum(np.abs(centres), 1.0))
    level = np.clip(centres / scale, -1e150, 1e150)
    correlation = np.clip(spread / scale[..., :, None] / scale[..., None, :], -1.0, 1.0)
    # Exactly: what rounding leaves of a unit's correlation with itself comes out as its root.
    correlation[..., np.arange(level.shape[-1]), np.arange(level.shape[-1])] = 1.0
    rest = np.sqrt(np.maximum(1 - correlation**2, 1e-30))  # q

    on, bell = ndtr(level), _bell(level)
    other_level = (level[..., None, :] - correlation * level[..., :, None]) / rest  # t_ji, the row for i
    other_on = ndtr(other_level)
    both = _both_active(level, on, correlation)
    threshold = scale[..., None, :] * rest * (other_level * other_on + _bell(other_level))
    own = level[..., None, :] * both + bell[..., None, :] * np.swapaxes(other_on, -1, -2)
    while_active = scale[..., None, :] * (own + correlation * bell[..., :, None] * other_on)
    mean = scale * (level * on + bell)
    second = centres[..., :, None] * while_active + spread * both + (scale * bell)[..., :, None] * threshold
    covariance = (second + np.swapaxes(second, -1, -2)) / 2 - mean[..., :, None] * mean[..., None, :]
    density = np.where(varies, bell / scale, 0.0)
    return RectifiedMoments(on, density, mean, covariance, both, while_active, threshold)


def _bell(points: FloatArray) -> FloatArray:
    """The standard normal density."""
    return np.asarray(np.exp(-0.5 * np.square(np.clip(points, -40, 40))) / np.sqrt(2 * np.pi), dtype=np.float64)


def _both_active(level: FloatArray, on: FloatArray, correlation: FloatArray) -> FloatArray:
    """(..., h, h) probability that two units are on, from levels and P(u > 0) (..., h), and correlations."""
    # Each pair once: this is half of the time that all moments take.
    row, column = np.triu_indices(level.shape[-1], 1)
    bounded = np.clip(level, -40, 40)
    one, other, angle = bounded[..., row], bounded[..., column], np.arcsin(correlation[..., row, column])
    product, squares = one * other, (np.square(one) + np.square(other)) / 2
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    total = np.zeros_like(angle)
    for node, weight in zip((1 + nodes) / 2, weights / 2, strict=True):
        sine = np.sin(node * angle)
        total += weight * np.exp((product * sine - squares) / (1 - sine**2))
    pairs = on[..., row] * on[..., column] + angle * total / (2 * np.pi)
    both = np.empty_like(correlation)
    both[..., row, column] = both[..., column, row] = pairs
    own = np.arange(level.shape[-1])
    both[..., own, own] = on
    return both
