"""The early law of hidden layers (theorem T10) on a data model: curve, phase I, phase II at a width, turning point.

While the gradient by the product of two layers is M = U S V^T, its value at W = 0, the rows of the first layer stay
independent and Gaussian with covariance sigma1^2 C(s), C = I + sum_k (gamma_k - 1) v_k v_k^T. What h of them explain is
the deterministic equivalent tr Sigma T (T + kappa)^-1 with T = Sigma^(1/2) C Sigma^(1/2) and tr T (T + kappa)^-1 = h
(Derezinski, Liang & Mahoney 2020, arXiv 2006.10653). All formulas come from ``theory.symbols.depth_terms``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp

from theory.curves.losses import Loss
from theory.curves.signal_outputs import SignalOutputs
from theory.data.data_model import DataModel
from theory.symbols.depth_terms import (
    DEPTH,
    FIRST_SCALE,
    GROWING,
    RATIO,
    STRENGTH,
    chain,
    early_law,
    phase_one_time,
    two_layer_turning_point,
)
from theory.symbols.symbolic import CURVATURE, FRACTION, SIGNAL_SUMS, SPECTRUM_SUMS, TIME
from theory.validation import (
    FloatArray,
    InputError,
    at_least,
    finite_array,
    keep_arrays,
    non_negative,
    open_unit,
    positive,
    positive_eigenvalues,
    times_from_zero,
)

#: Halvings of log kappa: from a range of at most 1e60 to rounding.
_HALVINGS = 64


@lru_cache(maxsize=8)
def _compiled(arguments: tuple[sp.Symbol, ...], expression: sp.Expr) -> Callable[..., FloatArray]:
    return sp.lambdify(arguments, expression, "numpy")  # type: ignore[no-any-return]


@dataclass(frozen=True)
class AlignmentAtWidth:
    """What decides whether h hidden units begin with a phase II: the first mean above the second.

    Attributes:
        signal: mean eigenvalue under weights l q / (l + kappa)^2, q the diagonal of M^T M.
        random: mean eigenvalue under weights l / (l + kappa)^2.
    """

    signal: float
    random: float

    @property
    def holds(self) -> bool:
        """Whether the loss of the hidden layer falls from its start."""
        return self.signal > self.random


@dataclass(frozen=True, eq=False)
class EarlyDepth:
    """Two linear layers while the gradient by their product is M.

    Attributes:
        eigenvalues: (d,) of Sigma.
        signal: (outputs, d) M, what the product learns at W = 0.
        curvature: c of the loss at W = 0.
    """

    eigenvalues: FloatArray
    signal: FloatArray
    curvature: float

    def __post_init__(self) -> None:
        spectrum = positive_eigenvalues(self.eigenvalues)
        signal = finite_array("signal", self.signal, 2)
        if signal.shape[1] != spectrum.size:
            raise InputError(f"signal: has shape {signal.shape}; give {spectrum.size} columns, one for each eigenvalue")
        if not signal.any():
            raise InputError("signal: is all zero; give classes with different means")
        positive("curvature", self.curvature)
        keep_arrays(self, eigenvalues=spectrum, signal=signal)

    @classmethod
    def from_model(cls, model: DataModel, loss: Loss) -> EarlyDepth:
        """The network that ``loss`` trains on ``model``; outputs without a signal are left out."""
        outputs = SignalOutputs.from_model(model, loss)
        if not outputs.learns.any():
            raise InputError("model: its prototypes are all zero; give classes with different means")
        return cls(model.eigenvalues, outputs.signal[outputs.learns], loss.initial_curvature(model.classes))

    def growth(self, times: FloatArray, ratio: float = 1.0) -> FloatArray:
        """(T, r) gamma_k at ``times`` (T,), s >= 0, of each singular direction of M.

        Beyond the range of floats, about S s = 350, it is not needed: the law ends long before.

        Args:
            times: (T,) s, from 0 on.
            ratio: sigma2 / sigma1, at least 0.

        Raises:
            InputError: times or a ratio that are negative or not finite.
        """
        moments = times_from_zero("times", times)[:, None]
        gamma = _compiled((TIME, STRENGTH, RATIO), early_law().growth)
        return np.asarray(gamma(moments, self._directions[0], non_negative("ratio", ratio)), dtype=np.float64)

    def explained(self, times: FloatArray, width: int, ratio: float = 1.0) -> FloatArray:
        """(T,) mean of R of the hidden layer over draws, as the deterministic equivalent has it.

        Args:
            times: (T,) s, from 0 on.
            width: h hidden units, fewer than d.
            ratio: sigma2 / sigma1, at least 0.

        Raises:
            InputError: a width that is not below d, times or a ratio that are negative or not finite.
        """
        rows = self._checked_width(width)
        _, directions = self._directions
        scaled = directions * np.sqrt(self.eigenvalues)  # v_k Sigma^(1/2)
        gains = self.growth(times, ratio) - 1
        covariance = np.einsum("tk,ki,kj->tij", gains, scaled, scaled, optimize=True) + np.diag(self.eigenvalues)
        values, vectors = np.linalg.eigh(covariance)
        values = np.maximum(values, 1e-16 * values[:, -1:])
        kappa = sketch_resolution(values, rows)
        variances = np.einsum("tij,i,tij->tj", vectors, self.eigenvalues, vectors, optimize=True)
        return np.asarray(np.sum(variances * values / (values + kappa[:, None]), axis=1), dtype=np.float64)

    def alignment_at(self, width: int) -> AlignmentAtWidth:
        """The two mean eigenvalues whose order says whether h hidden units begin with a phase II.

        Raises:
            InputError: a width that is not below d.
        """
        kappa = float(sketch_resolution(self.eigenvalues[None], self._checked_width(width))[0])
        weights = self.eigenvalues / (self.eigenvalues + kappa) ** 2
        signal = np.sum(self.signal**2, axis=0) * weights
        return AlignmentAtWidth(
            float(np.average(self.eigenvalues, weights=signal)), float(np.average(self.eigenvalues, weights=weights))
        )

    def phase_one_end(self, fraction: float = 0.5, ratio: float = 1.0) -> float:
        """When one hidden unit below one output has won a fraction of R2 - R0; it does not depend on sigma0.

        Args:
            fraction: strictly between 0 and 1.
            ratio: sigma2 / sigma1, at least 0.

        Returns:
            A time s = eta * steps.

        Raises:
            InputError: several outputs, or numbers out of their range.
        """
        formula = _compiled((FRACTION, RATIO, *self._names), phase_one_time())
        shares = open_unit("fraction", fraction), non_negative("ratio", ratio)
        return float(formula(*shares, *self._sums())) / self._strength

    def turning_amplitude(self, first_scale: float, depth: int) -> float | None:
        """a* of a chain of ``depth`` layers of one unit below one output; None where it does not turn.

        Args:
            first_scale: sigma1, of the first layer.
            depth: L, at least 1.

        Raises:
            InputError: several outputs, or numbers out of their range.
        """
        formula = _compiled((FIRST_SCALE, DEPTH, CURVATURE, *self._names), chain().turning_power)
        layers = at_least("depth", depth, 1)
        unit = self._weight(layers)
        power = float(formula(positive("first_scale", first_scale) / unit, layers, self.curvature, *self._sums()))
        return unit * float(power ** (1 / (layers + 2))) if np.isfinite(power) and power > 0 else None

    def two_layer_turning_point(self, first_scale: float, growing: float) -> float | None:
        """s* of two layers of one unit below one output, to leading order in sigma0; None where it does not turn.

        Args:
            first_scale: sigma1, of the entries of the first layer.
            growing: q = |a0 + b0| / 2, the part of W(0) that grows.

        Returns:
            A time s = eta * steps; None too where q has passed a* at the start.

        Raises:
            InputError: several outputs, or numbers that are not positive.
        """
        amplitude = self.turning_amplitude(first_scale, 2)
        if amplitude is None or amplitude <= positive("growing", growing):
            return None
        formula = _compiled((FIRST_SCALE, GROWING, CURVATURE, *self._names), two_layer_turning_point())
        unit = self._weight(2)
        return float(formula(first_scale / unit, growing / unit, self.curvature, *self._sums())) / self._strength

    @property
    def _names(self) -> tuple[sp.Symbol, ...]:
        return (*SPECTRUM_SUMS[1:3], *SIGNAL_SUMS[:4])

    @property
    def _level(self) -> float:
        """lambda_1, in which the sums measure eigenvalues: no power of these overflows."""
        return float(self.eigenvalues.max())

    @property
    def _strength(self) -> float:
        """The largest entry of M, in which they measure signals and the inverse of times."""
        return float(np.abs(self.signal).max())

    def _weight(self, depth: int) -> float:
        """In which they measure the weights of each of ``depth`` layers: the product learns M / lambda in a mode."""
        return float((self._strength / self._level) ** (1 / depth))

    def _sums(self) -> tuple[float, ...]:
        """A1, A2, B0 ... B3 of one output."""
        if self.signal.shape[0] != 1:
            raise InputError(f"signal: has {self.signal.shape[0]} outputs; give one, to which the formula applies")
        squares, spectrum = (self.signal[0] / self._strength) ** 2, self.eigenvalues / self._level
        spectral = [float(np.sum(spectrum**power)) for power in (1, 2)]
        return (*spectral, *(float(np.sum(spectrum**power * squares)) for power in range(4)))

    @property
    def _directions(self) -> tuple[FloatArray, FloatArray]:
        """(r,) singular values of M and (r, d) its right singular vectors."""
        _, strengths, directions = np.linalg.svd(self.signal, full_matrices=False)
        return strengths, directions

    def _checked_width(self, width: int) -> int:
        rows = at_least("width", width, 1)
        if rows >= self.eigenvalues.size:
            raise InputError(
                f"width: {rows} is not accepted; give fewer than the {self.eigenvalues.size} eigenvalues, as {rows} "
                "linear units explain everything at all times"
            )
        return rows


def sketch_resolution(values: FloatArray, rows: int) -> FloatArray:
    """(T,) kappa with sum_i t_i / (t_i + kappa) = h, by bisection of its logarithm.

    Args:
        values: (T, d) eigenvalues t of the rows' covariance, positive.
        rows: h, fewer than d.
    """
    # At kappa = sum t / h the sum is below h; at min t (d - h) / (2 d) it is above.
    high = np.log(values.sum(axis=1) / rows)
    low = np.log(values.min(axis=1) * (values.shape[1] - rows) / (2 * values.shape[1]))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = np.sum(values / (values + np.exp(middle)[:, None]), axis=1) > rows
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.asarray(np.exp((low + high) / 2), dtype=np.float64)
