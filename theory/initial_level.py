"""Theorem T2 for K outputs: the level at initialisation and the crossover of each output direction."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from theory.data_model import DataModel
from theory.losses import Loss
from theory.validation import FloatArray, InputError, at_least, finite_array, positive


def random_sketch_level(eigenvalues: FloatArray, outputs: int) -> float:
    """Explained variance of ``outputs`` random rows, R0 = sum l^2 / (l + kappa).

    kappa solves sum l / (l + kappa) = K: the deterministic equivalent of a random sketch
    (Derezinski, Liang & Mahoney 2020, "Precise expressions for random projections",
    arXiv 2006.10653). It is accurate where no few eigenvalues dominate; the spread over draws of
    W(0) is not in it.

    Raises:
        InputError: not 1 <= outputs < d.
    """
    spectrum = finite_array("eigenvalues", eigenvalues, 1)
    rows = at_least("outputs", outputs, 1)
    if rows >= spectrum.size:
        raise InputError(f"outputs: {rows} is not accepted; give fewer than the {spectrum.size} eigenvalues")

    def surplus(logarithm: float) -> float:
        return float(np.sum(spectrum / (spectrum + np.exp(logarithm))) - rows)

    # sum l / (l + kappa) falls from d at kappa = 0 to below K at kappa = tr Sigma / K.
    low = np.log(spectrum[-1] * (spectrum.size - rows) / (2 * spectrum.size * rows))
    high = np.log(spectrum.sum() / rows)
    kappa = np.exp(brentq(surplus, low, high, xtol=1e-14))
    return float(np.sum(spectrum**2 / (spectrum + kappa)))


def crossovers(model: DataModel, loss: Loss, init_scale: float) -> FloatArray:
    """Times sigma0 sqrt(tr Sigma / gamma_j) at which each learnt direction outgrows W(0), ascending.

    gamma_j are the nonzero eigenvalues of M Sigma M^T, by a relative tolerance of 1e-12; with one
    output this is s1 exactly.
    """
    signal = loss.signal(model.prototypes)
    strengths = np.linalg.eigvalsh((signal * model.eigenvalues) @ signal.T)
    kept = strengths[strengths > 1e-12 * strengths[-1]]
    return np.sort(positive("init_scale", init_scale) * np.sqrt(model.total_variance / kept))
