"""Theorem T4 in numbers: explained variance falls along what is learnt, for any number of outputs.

Let V = span(Sigma^(1/2) W^T) and Pi its projector, so that R = tr(Pi Sigma). Where the rows of W grow mode by
mode, dW/ds = W psi with rates psi(lambda), V moves by dV/ds = psi V and

    dR/ds = 2 [tr(Pi Sigma psi) - tr(Pi Sigma Pi psi)].

In an orthonormal basis v_1, ..., v_K of V that diagonalises Pi Sigma Pi the second trace is the sum over j of
(v_j Sigma v_j)(v_j psi v_j), so the difference is the sum of the covariances of lambda and psi under the shares
v_ji^2. By Chebyshev's sum inequality each is at most 0 where psi falls with lambda.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlog1py

from theory.validation import (
    FloatArray,
    InputError,
    at_least,
    finite_array,
    matrix_with_columns,
    positive,
    positive_eigenvalues,
)


def learnt_rows(rows: FloatArray, eigenvalues: FloatArray, time: float, curvature: float = 1.0) -> FloatArray:
    """The rows M phi_s(Sigma) that the linearised flow has learnt from W(0) = 0.

    Args:
        rows: (K, d) M in the eigenbasis.
        eigenvalues: (d,) positive.
        time: s > 0; infinity gives where the flow ends, M / (c l).
        curvature: c > 0.

    Returns:
        (K, d) weights.

    Raises:
        InputError: values out of range, or shapes that do not fit.
    """
    spectrum = positive_eigenvalues(eigenvalues)
    rates = positive("curvature", curvature) * spectrum
    known = matrix_with_columns("rows", rows, spectrum.size)
    last = time if time == float("inf") else positive("time", time)
    return np.asarray(known * -np.expm1(-rates * last) / rates, dtype=np.float64)


def learnt_growth(eigenvalues: FloatArray, start: float, stop: float, curvature: float = 1.0) -> FloatArray:
    """(d,) factors phi_stop(l) / phi_start(l) by which the flow multiplies what is learnt from W(0) = 0.

    phi_s(l) = (1 - exp(-c l s)) / (c l); the factors fall with l, from stop / start to 1.

    Args:
        eigenvalues: (d,) positive.
        start: time s > 0.
        stop: a time at least as late.
        curvature: c > 0.

    Raises:
        InputError: values out of range.
    """
    rates = positive("curvature", curvature) * positive_eigenvalues(eigenvalues)
    early, late = positive("start", start), positive("stop", stop)
    if late < early:
        raise InputError(f"stop: {stop:g} is not accepted; give at least start = {start:g}")
    return np.asarray(np.expm1(-rates * late) / np.expm1(-rates * early), dtype=np.float64)


def learnt_growth_in_steps(
    eigenvalues: FloatArray, start: int, stop: int, step_size: float, curvature: float = 1.0
) -> FloatArray:
    """(d,) factors by which gradient descent multiplies what is learnt from step ``start`` to ``stop``.

    They are (1 - (1 - eta c l)^stop) / (1 - (1 - eta c l)^start), and fall with l while eta c l <= 1 (A5).

    Args:
        eigenvalues: (d,) positive.
        start: step count, at least 1.
        stop: step count, at least ``start``.
        step_size: eta, such that eta c lambda_1 <= 1.
        curvature: c > 0.

    Raises:
        InputError: values out of range.
    """
    moved = positive("step_size", step_size) * positive("curvature", curvature) * positive_eigenvalues(eigenvalues)
    # Rounding can lift a product that is meant to be 1 by a last digit.
    if moved.max() > 1 + 1e-12:
        raise InputError(f"step_size: gives eta c lambda_1 = {moved.max():.3g}; give one for which it is at most 1")
    early = at_least("start", start, 1)
    late = at_least("stop", stop, early)
    decays = -np.minimum(moved, 1.0)
    # (1 - x)^n - 1 without cancellation; at x = 1 the logarithm is -infinity and the power 0.
    return np.asarray(np.expm1(xlog1py(late, decays)) / np.expm1(xlog1py(early, decays)), dtype=np.float64)


def growth_rates(eigenvalues: FloatArray, time: float, curvature: float = 1.0) -> FloatArray:
    """(d,) rates psi_s(l) = c l / (exp(c l s) - 1) at which modes learnt since W(0) = 0 grow; they fall with l.

    Args:
        eigenvalues: (d,) positive.
        time: s > 0.
        curvature: c > 0.

    Raises:
        InputError: values out of range.
    """
    rates = positive("curvature", curvature) * positive_eigenvalues(eigenvalues)
    # exp(-x) / (1 - exp(-x)) is 1 / (exp(x) - 1) and does not overflow.
    exponents = -positive("time", time) * rates
    return np.asarray(-rates * np.exp(exponents) / np.expm1(exponents), dtype=np.float64)


def explained_variance_speed(rows: FloatArray, eigenvalues: FloatArray, rates: FloatArray) -> float:
    """dR/ds = 2 [tr(Pi Sigma psi) - tr(Pi Sigma Pi psi)] of rows that grow mode by mode.

    Args:
        rows: (K, d) rows of W in the eigenbasis, linearly independent.
        eigenvalues: (d,) of Sigma.
        rates: (d,) psi, the rate at which each column of W grows.

    Returns:
        Its value, in units of eigenvalue times rate.

    Raises:
        InputError: shapes that do not fit, rows that are not independent.
    """
    spectrum = positive_eigenvalues(eigenvalues)
    basis = _orthonormal_basis(rows, spectrum)
    projector = basis @ basis.T
    # Sigma and psi are diagonal here, so that both traces are sums over the diagonal.
    lost = np.diag(projector) * spectrum - np.square(projector) @ spectrum
    return float(2 * lost @ _one_for_each(rates, spectrum))


def chebyshev_terms(rows: FloatArray, eigenvalues: FloatArray, rates: FloatArray) -> FloatArray:
    """The K covariances whose sum is half of ``explained_variance_speed``.

    Each is that of lambda and psi under the shares v_i^2 of a vector v of the orthonormal basis of
    V that diagonalises Pi Sigma Pi, in the order of ascending v Sigma v.

    Args:
        rows: (K, d) rows of W in the eigenbasis, linearly independent.
        eigenvalues: (d,) of Sigma.
        rates: (d,) psi.

    Returns:
        (K,) covariances; at most 0 where the rates fall with the eigenvalue, at least 0 where they rise.

    Raises:
        InputError: shapes that do not fit, rows that are not independent.
    """
    spectrum = positive_eigenvalues(eigenvalues)
    basis = _orthonormal_basis(rows, spectrum)
    speeds = _one_for_each(rates, spectrum)
    means, rotation = np.linalg.eigh((basis.T * spectrum) @ basis)
    shares = np.square(basis @ rotation)  # (d, K)
    deviations = (spectrum[:, None] - means) * (speeds[:, None] - speeds @ shares)
    return np.asarray(np.sum(shares * deviations, axis=0), dtype=np.float64)


def _one_for_each(rates: FloatArray, eigenvalues: FloatArray) -> FloatArray:
    known = finite_array("rates", rates, 1)
    if known.shape != eigenvalues.shape:
        raise InputError(f"rates: has shape {known.shape}; give {eigenvalues.shape}, one for each eigenvalue")
    return known


def _orthonormal_basis(rows: FloatArray, spectrum: FloatArray) -> FloatArray:
    """(d, K) orthonormal basis of span(Sigma^(1/2) W^T); InputError where the rows do not have rank K."""
    known = finite_array("rows", rows, 2)
    if known.shape[1] != spectrum.size or known.shape[0] > spectrum.size:
        raise InputError(f"rows: has shape {known.shape}; give at most {spectrum.size} rows of {spectrum.size} entries")
    scaled = known * np.sqrt(spectrum)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    basis, singular, _ = np.linalg.svd((scaled / np.where(lengths > 0, lengths, 1.0)).T, full_matrices=False)
    if singular[-1] <= spectrum.size * np.finfo(np.float64).eps * singular[0]:
        raise InputError("rows: are not linearly independent; give a basis of their span")
    return np.asarray(basis, dtype=np.float64)
