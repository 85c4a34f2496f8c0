"""Curves of one output and of K outputs for budgeted decoders, as sums over modes.

Evaluates the expressions that `theory.symbols.curve_terms` derives. One output is annealed, as in
`theory.curves.annealed`. With K outputs each learns its own prototype, with random coordinates, independent and
Gaussian with the variances delta_i^2: K binary classifications of the same inputs. All rows of W are
then Gaussian with the variances E w_i^2, and their mean loss over W(0) and the prototypes is that of a random sketch
whose profile changes with time. At time 0 it is `theory.random_sketch_level`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from theory.curves.annealed import OneOutput
from theory.symbols.curve_terms import (
    BUDGET,
    MOMENT,
    OUTPUTS,
    TOTAL,
    WIDTH,
    gaussian_rows_balance,
    gaussian_rows_formula,
    one_output_formula,
)
from theory.symbols.symbolic import EIGENVALUE
from theory.validation import FloatArray, InputError, at_least, non_negative

#: Newton's steps are taken until kappa moves by less than this share; each of the last ones doubles the digits.
_ACCURACY = 1e-13
_STEPS = 200


def budgeted_curve(network: OneOutput, init_scale: float, times: FloatArray, budget: float) -> FloatArray:
    """(T,) annealed L_mu / tr Sigma of one output (theorem T8).

    Args:
        network: spectrum, signal and curvature.
        init_scale: sigma0, positive.
        times: (T,) s >= 0.
        budget: mu >= 0, in units of the variance of the output; 0 is the exact decoder.

    Raises:
        InputError: a scale that is not positive, a negative budget, times that are not finite.
    """
    mu = non_negative("budget", budget)
    formula = one_output_formula()
    moments = network.second_moments(init_scale, times)
    given = {TOTAL: network.eigenvalues.sum(), BUDGET: mu}
    return _Modes(network.eigenvalues, moments, np.ones(moments.shape[0])).value(formula.loss, formula.terms, given)


def random_outputs_curve(
    network: OneOutput, outputs: int, init_scale: float, times: FloatArray, budget: float = 0.0
) -> FloatArray:
    """(T,) mean L_mu / tr Sigma of K outputs, over W(0) and random prototypes of ``network``'s profile (lemma L4).

    What is explained, 1 - L_mu / tr Sigma, is a few percent too large: against sampled networks at most 7 % at
    K = 2 and 4 % at K = 8, with a spectrum i^-alpha for alpha from 0.5 to 2, and less the more directions share it.

    Args:
        network: spectrum, profile delta of the signal and curvature.
        outputs: K, at least 1 and fewer than the directions.
        init_scale: sigma0, positive.
        times: (T,) s >= 0.
        budget: mu >= 0, in units of the variance of an output; 0 is the exact decoder.

    Raises:
        InputError: a value outside its range.
    """
    mu = non_negative("budget", budget)
    count = at_least("outputs", outputs, 1)
    if count >= network.eigenvalues.size:
        raise InputError(f"outputs: {count} is not accepted; give fewer than the {network.eigenvalues.size} directions")
    formula = gaussian_rows_formula()
    moments = network.second_moments(init_scale, times)
    given = {TOTAL: network.eigenvalues.sum(), OUTPUTS: count, BUDGET: mu}
    width = _width(network.eigenvalues, moments, given)
    return _Modes(network.eigenvalues, moments, width).value(formula.loss, formula.terms, given)


@dataclass(frozen=True, eq=False)
class _Modes:
    """The arguments of sums over modes: eigenvalues (d,), E w^2 (T, d) and kappa (T,)."""

    eigenvalues: FloatArray
    moments: FloatArray
    width: FloatArray

    def value(
        self, expression: sp.Expr, terms: Mapping[sp.Symbol, sp.Expr], given: Mapping[sp.Symbol, float]
    ) -> FloatArray:
        """(T,) an expression in the sums over the modes of ``terms``."""
        needed = expression.free_symbols
        sums = {symbol: self._sum(term) for symbol, term in terms.items() if symbol in needed}
        return np.asarray(_evaluate(expression, {**given, WIDTH: self.width, **sums}), dtype=np.float64)

    def _sum(self, term: sp.Expr) -> FloatArray:
        values = {EIGENVALUE: self.eigenvalues, MOMENT: self.moments, WIDTH: self.width[:, None]}
        return np.asarray(_evaluate(term, values).sum(axis=1), dtype=np.float64)


def _width(eigenvalues: FloatArray, moments: FloatArray, given: Mapping[sp.Symbol, float]) -> FloatArray:
    """(T,) kappa by Newton's method, which does not overshoot from above, as the excess is convex.

    Raises:
        ArithmeticError: no convergence.
    """
    balance = gaussian_rows_balance()
    # F <= sum D / kappa, so that the excess, at least K kappa - sum D - mu, is not negative here.
    width = np.asarray((moments @ eigenvalues + given[BUDGET]) / given[OUTPUTS], dtype=np.float64)
    for _ in range(_STEPS):
        modes = _Modes(eigenvalues, moments, width)
        slope = modes.value(balance.slope, balance.terms, given)
        move = modes.value(balance.excess, balance.terms, given) / slope
        width = width - move
        if np.all(np.abs(move) <= _ACCURACY * width):
            return width
    raise ArithmeticError("kappa was not found; the rows may be too ill-conditioned")


def _evaluate(expression: sp.Expr, values: Mapping[sp.Symbol, Any]) -> Any:
    symbols = sorted(expression.free_symbols, key=str)
    return _function(expression, tuple(symbols))(*(values[symbol] for symbol in symbols))


@lru_cache(maxsize=64)
def _function(expression: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> Any:
    return sp.lambdify(symbols, expression, "numpy")
