"""The data model of a fit's few parameters: measured spikes, and power laws for the bulk beyond them."""

from __future__ import annotations

import numpy as np

from empirical.fit.model_fit import FittedModel
from theory import DataModel, InputError
from theory.validation import FloatArray, at_least


def parametric_model(fitted: FittedModel, seed: int = 0) -> DataModel:
    """A data model with the fitted spikes and exponents and, apart from these, only the measured totals.

    The rule: as many directions as the fitting samples have. The leading S, with the prototypes' coordinates along
    them, are those of all samples. Beyond, lambda_i = A i^-alpha, with A such that the variance of the bulk is that
    of the held-out samples, and random prototypes of the profile i^-beta, made orthonormal (by the symmetric rule of
    Loewdin 1950, which moves them least) and combined so that their Gram matrix is the one measured in the bulk,
    that of the two halves' products without its negative part. Exponents hold beyond their ranges.

    Args:
        fitted: a fit with both exponents.
        seed: of the prototypes in the bulk.

    Raises:
        InputError: a fit without a power law of spectrum or signal, too few directions beyond the spikes for the
            prototypes, or classes without a measured difference there.
    """
    spikes, dimension = fitted.spikes.count, fitted.spectrum.rank
    if fitted.spectrum_law is None:
        raise InputError(
            f"fitted: {dimension} directions leave {dimension - spikes} beyond the {spikes} that class means may span, "
            "too few for a power law of the spectrum; use its full_model"
        )
    if fitted.signal_law is None:
        raise InputError("fitted: no power law of the signal is seen beyond the spikes; use its full_model")
    root = _root(fitted.bulk_gram)
    if dimension - spikes < root.shape[1]:
        raise InputError(
            f"fitted: {dimension - spikes} directions beyond {spikes} spikes are too few for {root.shape[1]} "
            "independent prototypes; use its full_model"
        )
    measured = fitted.full_model
    ranks = np.arange(spikes + 1, dimension + 1, dtype=np.float64)
    bulk = ranks**-fitted.spectrum_law.exponent
    bulk *= fitted.spectrum.held_out[spikes:].sum() / bulk.sum()
    profile = (ranks / ranks[0]) ** (-fitted.signal_law.exponent / 2)
    generator = np.random.default_rng(at_least("seed", seed, 0))
    rows = root @ _orthonormal(generator.standard_normal((root.shape[1], ranks.size)) * profile)
    rows -= measured.frequencies[:, None] * rows.sum(axis=0)
    eigenvalues = np.concatenate([measured.eigenvalues[:spikes], bulk])
    prototypes = np.concatenate([measured.prototypes[:, :spikes], rows], axis=1)
    # The law may begin above the last spike.
    order = np.argsort(-eigenvalues, kind="stable")
    return DataModel(eigenvalues[order], prototypes[:, order], measured.frequencies)


def _root(gram: FloatArray) -> FloatArray:
    """(K, q) matrix G with G G^T the positive part of ``gram`` (K, K) in the space of rows that sum to zero."""
    classes = gram.shape[0]
    centring = np.eye(classes) - 1 / classes
    values, vectors = np.linalg.eigh(centring @ gram @ centring)
    kept = values > 1e-10 * max(float(values[-1]), np.finfo(np.float64).tiny)
    if not kept.any():
        raise InputError("fitted: its classes do not differ measurably in the bulk; use its full_model")
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]), dtype=np.float64)


def _orthonormal(rows: FloatArray) -> FloatArray:
    """(q, d) orthonormal rows nearest to linearly independent ``rows`` of about equal length."""
    left, _, right = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(left @ right, dtype=np.float64)
