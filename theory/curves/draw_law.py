"""The law of lemma L5 in numbers: where the mean over draws of W(0) turns, and where a single draw does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from theory.curves.annealed import OneOutput
from theory.symbols.draw_series import draw_series
from theory.symbols.symbolic import CURVATURE, INITIAL_SCALE, SIGNAL_SUMS, SPECTRUM_SUMS, boundary_formulas
from theory.validation import FloatArray, InputError, finite_array, matrix_with_columns, positive


@dataclass(frozen=True)
class DrawLaw:
    """R(s) = R2 + a sigma0/s - C (sigma0/s)^2 - v s of one output, with a of mean zero over draws of W(0).

    Attributes:
        remainder: C.
        drift: v = c Var, the speed at which saturation lowers R.
        linear_deviation: standard deviation of a.
        network: the network.
    """

    remainder: float
    drift: float
    linear_deviation: float
    network: OneOutput

    @classmethod
    def from_network(cls, network: OneOutput) -> DrawLaw:
        """The law of a one-output network."""
        draws = draw_series()
        levels, signal, (first, unit) = _in_units(network)
        powers = levels ** np.arange(len(SPECTRUM_SUMS))[:, None]
        squares = powers @ signal**2
        values = {**dict(zip(SPECTRUM_SUMS, powers.sum(axis=1), strict=True)), CURVATURE: 1.0}
        values |= dict(zip(SIGNAL_SUMS, squares, strict=True))
        remainder, variance, spread = (
            _evaluate(one, values) for one in (draws.remainder, draws.linear_variance, boundary_formulas().spread)
        )
        return cls(
            remainder=remainder * (first / unit) / unit,
            drift=network.curvature * max(spread, 0.0) * first * first,
            linear_deviation=float(np.sqrt(max(variance, 0.0))) * first / unit,
            network=network,
        )

    def mean_turning_point(self, init_scale: float) -> float | None:
        """s* of the mean over draws to leading order in sigma0.

        None where C or v is not positive, or where it would lie beyond 1 / (c lambda_1), the saturation of the first
        mode, up to which the law holds.
        """
        scale = positive("init_scale", init_scale)
        if self.remainder <= 0 or self.drift <= 0:
            return None
        time = float(np.cbrt(2 * self.remainder / self.drift) * np.cbrt(scale) ** 2)
        return time if time * self.network.curvature * float(self.network.eigenvalues.max()) <= 1 else None

    def linear_term(self, draws: FloatArray) -> FloatArray:
        """(replica,) a of draws g (replica, d) with W(0) = sigma0 g."""
        given = matrix_with_columns("draws", draws, self.network.eigenvalues.size)
        levels, signal, (first, unit) = _in_units(self.network)
        weights = levels * signal**2
        level = float(np.average(levels, weights=weights))
        linear = 2 * given @ (levels * (levels - level) * signal) / weights.sum()
        return np.asarray(linear * first / unit, dtype=np.float64)

    def draw_turning_points(self, draws: FloatArray, init_scale: float) -> FloatArray:
        """(replica,) s* of single draws g (replica, d), to leading order in sigma0 for sigma0 -> 0.

        sqrt(-a sigma0 / v) where a < 0; sigma0 u where a > 0, u the last maximum of R(g + u delta).

        Raises:
            InputError: draws that are not (replica, d), a scale that is not positive, or a network that never turns as
                its signal lies in directions of one eigenvalue.
        """
        scale = positive("init_scale", init_scale)
        if self.drift <= 0:
            raise InputError("network: its signal lies in directions of one eigenvalue; give one whose curve turns")
        draws = finite_array("draws", draws, 2)
        pull = self.linear_term(draws)
        half = np.sqrt(np.maximum(-pull, 0.0)) * np.sqrt(scale) / np.sqrt(self.drift)
        levels, signal, (_, unit) = _in_units(self.network)
        # R(g + u delta) = (n0 + 2 n1 u + n2 u^2) / (d0 + 2 d1 u + d2 u^2): its derivative's sign is that of a parabola.
        zeroth, first, second = (
            (value @ np.stack([levels**2, levels], axis=1)).T
            for value in (draws**2, draws * signal, np.broadcast_to(signal**2, draws.shape))
        )
        bend = second[0] * first[1] - first[0] * second[1]
        slope = second[0] * zeroth[1] - zeroth[0] * second[1]
        start = first[0] * zeroth[1] - zeroth[0] * first[1]
        # For a > 0 the bend is negative, and R falls beyond the larger root.
        root = np.sqrt(np.maximum(slope**2 - 4 * bend * start, 0.0))
        one = (slope + root) / np.where(bend < 0, -2 * bend, 1.0)
        return np.asarray(np.where(pull < 0, half, scale / unit * one), dtype=np.float64)


def _in_units(network: OneOutput) -> tuple[FloatArray, FloatArray, tuple[float, float]]:
    """(d,) l / lambda_1, (d,) delta over its largest size, and both units: powers of them could overflow."""
    first, unit = float(network.eigenvalues.max()), float(np.abs(network.signal).max())
    return network.eigenvalues / first, network.signal / unit, (first, unit)


@lru_cache(maxsize=8)
def _function(expression: sp.Expr) -> tuple[Any, tuple[sp.Symbol, ...]]:
    symbols = tuple(sorted(expression.free_symbols - {INITIAL_SCALE}, key=str))
    return sp.lambdify(symbols, expression, "numpy"), symbols


def _evaluate(expression: sp.Expr, values: dict[sp.Symbol, float]) -> float:
    function, symbols = _function(expression)
    return float(function(*(values[symbol] for symbol in symbols)))
