"""The variance that random outputs explain: the level of the curve at initialisation and its spread over draws of W(0).

R of K rows with independent Gaussian entries is the derivative of log det W (Sigma + t Sigma^2) W^T
at t = 0. The determinant's mean and its covariance between two values of t are known for many
directions d and outputs K; differentiating them gives the mean and the variance of R. One output needs no
such limit: R is a ratio of two quadratic forms, and its moments are integrals over one variable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

from theory.curves.losses import Loss
from theory.curves.signal_outputs import SignalOutputs
from theory.data.data_model import DataModel
from theory.data.target import Target
from theory.validation import FloatArray, InputError, at_least, positive, positive_eigenvalues


@dataclass(frozen=True)
class RandomLevel:
    """Explained variance of random outputs over draws of W(0), in the units of tr Sigma.

    Attributes:
        mean: its mean.
        spread: its standard deviation.
    """

    mean: float
    spread: float


def random_sketch_level(eigenvalues: FloatArray, outputs: int) -> float:
    """Mean of R over W(0) for K = ``outputs`` rows, R0 = sum l^2 / (l + kappa).

    kappa solves sum l / (l + kappa) = K, and what the rows leave unexplained is K kappa: the
    deterministic equivalent of a random sketch (Derezinski, Liang & Mahoney 2020, "Precise
    expressions for random projections", arXiv 2006.10653). It is accurate to a few percent where few
    eigenvalues dominate, and better elsewhere.

    Raises:
        InputError: not 1 <= outputs < d, or eigenvalues that are not positive.
    """
    spectrum, kappa = sketch_threshold(eigenvalues, outputs)
    return float(np.sum(spectrum**2 / (spectrum + kappa)))


def random_sketch_spread(eigenvalues: FloatArray, outputs: int) -> float:
    """Standard deviation of R over W(0) for K = ``outputs`` rows, in the units of tr Sigma.

    With a_i(t) = l_i (1 + t l_i) and h_i(t) = a_i / (a_i + kappa(t)), where sum h_i = K at every t, the
    log determinants at t and u have the covariance -2 log(1 - F), F = sum h_i(t) h_i(u) / K (central limit
    theorem for log det of sample covariances, as in Bai & Silverstein 2004), hence at t = u = 0

        Var R = 2 [F_tu / (1 - F) + (F_t / (1 - F))^2].

    Raises:
        InputError: not 1 <= outputs < d, or eigenvalues that are not positive.
    """
    spectrum, kappa = sketch_threshold(eigenvalues, outputs)
    # In units of the largest eigenvalue: powers of it could overflow.
    unit = float(spectrum.max())
    spectrum, kappa = spectrum / unit, kappa / unit
    squares = (spectrum + kappa) ** 2
    # kappa moves with t so that sum h stays K.
    kappa_speed = np.sum(spectrum**2 * kappa / squares) / np.sum(spectrum / squares)
    share = spectrum / (spectrum + kappa)
    share_speed = (spectrum**2 * kappa - spectrum * kappa_speed) / squares
    overlap, crossed, moved = (
        float(np.sum(product)) / outputs for product in (share**2, share * share_speed, share_speed**2)
    )
    return unit * float(np.sqrt(2 * (moved / (1 - overlap) + (crossed / (1 - overlap)) ** 2)))


def random_output_level(eigenvalues: FloatArray) -> RandomLevel:
    """Exact mean and standard deviation of R over W(0) for one output.

    R = N / D with N = sum l^2 w^2 and D = sum l w^2, and 1/D^k is an integral of t^(k-1) exp(-t D):

        E R   = int p(t) g_1(t) dt,                p(t) = prod (1 + 2 l t)^(-1/2),
        E R^2 = int t p(t) [g_1^2 + 2 g_2] dt,     g_k(t) = sum (l^2 / (1 + 2 l t))^k

    (Sawa 1978, "The exact moments of the least squares estimator for the autoregressive model").

    Raises:
        InputError: fewer than 2 eigenvalues, or one that is not positive.
    """
    spectrum = np.sort(positive_eigenvalues(eigenvalues))[::-1]
    if spectrum.size < 2:
        raise InputError("eigenvalues: has one entry; give at least 2, as a single one is always explained")
    total = float(spectrum.sum())
    shares = spectrum / total

    def averages(time: float) -> tuple[float, float, float]:
        gains = shares**2 / (1 + 2 * shares * time)
        weight = np.exp(-0.5 * np.sum(np.log1p(2 * shares * time)))
        return float(weight), float(gains.sum()), float(np.square(gains).sum())

    def first(logarithm: float) -> float:
        weight, gain, _ = averages(float(np.expm1(logarithm)))
        return float(weight * gain * np.exp(logarithm))

    def second(logarithm: float) -> float:
        weight, gain, squared = averages(float(np.expm1(logarithm)))
        return float(np.expm1(logarithm) * weight * (gain**2 + 2 * squared) * np.exp(logarithm))

    # Both integrands fall at least as exp(-u) once t = exp(u) - 1 is beyond 1 / the second share.
    last = 40 - np.log(shares[1])
    mean, square = (quad(integrand, 0, last, limit=500, epsabs=1e-13, epsrel=1e-11)[0] for integrand in (first, second))
    return RandomLevel(total * mean, float(total * np.sqrt(max(square - mean**2, 0.0))))


def random_target_share(target: Target, outputs: int) -> float:
    """Mean over W(0) of R_T for K = ``outputs`` rows, sum |T_i|^2 / (l_i + kappa) / tr Var(y), kappa as above.

    In the eigenbasis of the covariance of the probe's inputs, l being its eigenvalues; ``random_sketch_level`` is its
    case T = Sigma. As many outputs as directions, or more, explain as much as the inputs themselves.

    Args:
        target: what is decoded.
        outputs: K, at least 1.
    """
    values = target.spectrum / target.scale
    squares = np.square(target.signal) if target.signal.ndim == 1 else np.square(target.signal).sum(axis=1)
    gained = np.ones_like(values)
    if at_least("outputs", outputs, 1) < values.size:
        gained = values / (values + sketch_threshold(values, outputs)[1])
    return float(squares @ gained / target.variance)


def sketch_threshold(eigenvalues: FloatArray, outputs: int) -> tuple[FloatArray, float]:
    """The spectrum, descending, and kappa with sum l / (l + kappa) = K.

    Raises:
        InputError: not 1 <= outputs < d, or eigenvalues that are not positive.
    """
    spectrum = np.sort(positive_eigenvalues(eigenvalues))[::-1]
    rows = at_least("outputs", outputs, 1)
    if rows >= spectrum.size:
        raise InputError(f"outputs: {rows} is not accepted; give fewer than the {spectrum.size} eigenvalues")

    def surplus(logarithm: float) -> float:
        return float(np.sum(spectrum / (spectrum + np.exp(logarithm))) - rows)

    # sum l / (l + kappa) falls from d at kappa = 0 to below K at kappa = tr Sigma / K.
    low = np.log(spectrum[-1] * (spectrum.size - rows) / (2 * spectrum.size * rows))
    high = np.log(spectrum.sum() / rows)
    return spectrum, float(np.exp(brentq(surplus, low, high, xtol=1e-14)))


def crossovers(model: DataModel, loss: Loss, init_scale: float) -> FloatArray:
    """Times sigma0 sqrt(tr Sigma / gamma_j) at which each learnt direction outgrows W(0), ascending.

    gamma_j are the nonzero eigenvalues of M Sigma M^T, whose number ``theory.curves.signal_outputs`` decides; with one
    output this is s1 exactly.

    Args:
        model: the data model.
        loss: the training loss.
        init_scale: sigma0, positive.

    Raises:
        InputError: a scale that is not positive, or prototypes that are all zero.
    """
    outputs = SignalOutputs.from_model(model, loss)
    if not outputs.learns.any():
        raise InputError("model: its prototypes are all zero; give classes with different means")
    # Strengths descend, the square roots of gamma_j.
    scaled = positive("init_scale", init_scale) * np.sqrt(model.total_variance)
    return np.asarray(scaled / outputs.strengths[outputs.learns], dtype=np.float64)
