"""The data model that a fit's few numbers stand for: power laws of spectrum and signal, the classes' Gram matrix."""

from __future__ import annotations

import numpy as np

from empirical.model_fit import FittedModel
from theory import DataModel, InputError
from theory.validation import FloatArray, at_least


def parametric_model(fitted: FittedModel, seed: int = 0) -> DataModel:
    """A data model with the fitted exponents and, beside them, no more than the measured totals.

    The rule: as many directions as the fitting samples have; lambda_i = A i^-alpha over all of them, with A such
    that tr Sigma is that of the held-out samples; random prototypes of the profile i^-beta, made orthonormal (by the
    symmetric rule of Loewdin 1950, which moves them least) and combined so that M M^T is the measured one, that of
    the two halves' products without its negative part. Exponents hold beyond their ranges.

    Args:
        fitted: a fit with both exponents.
        seed: of the prototypes.

    Raises:
        InputError: a fit without a power law of spectrum or signal, or classes without a measured difference.
    """
    if fitted.spectrum_law is None or fitted.signal_law is None:
        missing = "spectrum" if fitted.spectrum_law is None else "signal"
        raise InputError(f"fitted: has no power law of the {missing}; use its full_model")
    frequencies = fitted.moments.frequencies
    dimension, classes = fitted.spectrum.rank, frequencies.size
    if dimension <= classes:
        raise InputError(f"fitted: has {dimension} directions for {classes} classes; use its full_model")
    ranks = np.arange(1, dimension + 1, dtype=np.float64)
    eigenvalues = ranks**-fitted.spectrum_law.exponent
    eigenvalues *= fitted.spectrum.held_out.sum() / eigenvalues.sum()
    root = _root(fitted.gram)
    profile = ranks ** (-fitted.signal_law.exponent / 2)
    generator = np.random.default_rng(at_least("seed", seed, 0))
    rows = _orthonormal(generator.standard_normal((root.shape[1], dimension)) * profile)
    prototypes = root @ rows
    prototypes -= frequencies[:, None] * prototypes.sum(axis=0)
    return DataModel(eigenvalues, prototypes, frequencies)


def _root(gram: FloatArray) -> FloatArray:
    """(K, q) matrix G with G G^T the positive part of ``gram`` (K, K) in the space of rows that sum to zero."""
    classes = gram.shape[0]
    centring = np.eye(classes) - 1 / classes
    values, vectors = np.linalg.eigh(centring @ gram @ centring)
    kept = values > 1e-10 * max(float(values[-1]), np.finfo(np.float64).tiny)
    if not kept.any():
        raise InputError("fitted: its classes do not differ measurably; there is no signal to model")
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]), dtype=np.float64)


def _orthonormal(rows: FloatArray) -> FloatArray:
    """(q, d) orthonormal rows nearest to linearly independent ``rows`` of about equal length."""
    left, _, right = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(left @ right, dtype=np.float64)
