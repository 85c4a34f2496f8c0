"""Theorem T9 in numbers: what one output explains of a target, averaged over W(0) before the ratio is taken (annealed).

The covariance of the output with the target is the form |T^T w|^2, its variance the form w Sigma w with the covariance
of the probe's inputs. Averaged over W(0) each is sigma0^2 times a noise, which decays, plus what is learnt:

    sigma0^2 sum_i e_i^2 (A A^T)_ii + |A^T (delta phi)|^2,    e_i = exp(-c l_i s),  phi_i = (1 - e_i) / (c l_i).

Levels, slope and turning point to leading order in sigma0 are evaluated from ``theory.symbols.transfer_terms``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import sympy as sp
from scipy.optimize import brentq

from theory.curves.annealed import OneOutput
from theory.curves.transfer_verdict import Stopping
from theory.data.target import Target
from theory.symbols.symbolic import CURVATURE, INITIAL_SCALE
from theory.symbols.transfer_terms import COVARIANCE, VARIANCE, transfer_formulas
from theory.validation import FloatArray, InputError, non_negative, positive, times_from_zero, times_to_infinity

#: A peak that moves with sigma0 by more than this power is of the kind of the turning point (2/3; 1/2 where the slope
#: of the learnt path vanishes), by less of the kind that does not move (0).
_MOVES = 1 / 3

#: Differences of R_T below this are rounding, and the spacing of the grid in log time.
_ROUNDING, _SPACING = 1e-12, 0.05

#: After this many e-foldings of the slowest mode what is left of W(0) is below rounding.
_FOLDINGS = 40.0


@dataclass(frozen=True)
class Peak:
    """Where R_T is highest.

    Attributes:
        stopping: the verdict that this is.
        time: s of the peak: 0 at initialisation, infinity at the end.
        share: R_T there.
        exponent: power of sigma0 with which the time moves; NaN at both ends.
    """

    stopping: Stopping
    time: float
    share: float
    exponent: float


@dataclass(frozen=True, eq=False)
class AnnealedTransfer:
    """What the output of ``network`` explains of ``target``.

    Raises:
        InputError: the two differ in the number of directions.
    """

    network: OneOutput
    target: Target

    def __post_init__(self) -> None:
        if self.target.dimension != self.network.eigenvalues.size:
            raise InputError(
                f"target: has {self.target.dimension} directions; give the network's {self.network.eigenvalues.size}"
            )

    @property
    def start(self) -> float:
        """R_T(0) of a random output."""
        return self._value("start")

    @property
    def signal_level(self) -> float:
        """R_T2, at the end of phase II."""
        return self._value("signal_level")

    @property
    def limit(self) -> float:
        """R_T where training ends, at w = delta / (c lambda)."""
        return float(self.shares(1.0, np.array([np.inf]))[0])

    @property
    def initial_slope(self) -> float:
        """dR_T/ds of what is learnt at the beginning of phase III: c R_T2 (<l> under l delta^2 - <l> under delta t)."""
        return self._value("slope") * self._rate / self.network.curvature

    def turning_point_formula(self, init_scale: float) -> float | None:
        """s_T*, to leading order in sigma0; None where phase II gains nothing or R_T does not fall after it."""
        scale = positive("init_scale", init_scale) / self._unit
        if self._value("signal_level") <= self._value("start") or self._value("slope") >= 0:
            return None
        return self._value("turning_point", scale) / float(self.network.eigenvalues.max())

    def shares(self, init_scale: float, times: FloatArray) -> FloatArray:
        """(T,) R_T at times (T,) from 0 on, infinity included, for sigma0 = ``init_scale``; 0 is what is learnt."""
        covariance, variance = self._forms(times_to_infinity("times", times), non_negative("init_scale", init_scale))
        return np.asarray(covariance[0] / variance[0], dtype=np.float64)

    def slopes(self, init_scale: float, times: FloatArray) -> FloatArray:
        """(T,) dR_T / d log s at finite times (T,) above 0."""
        grid = times_from_zero("times", times)
        (up, up_moved), (low, low_moved) = self._forms(grid, non_negative("init_scale", init_scale))
        return np.asarray(up_moved / low - up * low_moved / low**2, dtype=np.float64)

    def peak(self, init_scale: float, resolution: float = 0.0) -> Peak:
        """The highest R_T of the whole curve, from its start to its end, and the verdict that this is.

        Args:
            init_scale: sigma0, positive.
            resolution: smallest loss of R_T that counts; the end is preferred to the start, and both to a peak between.
        """
        scale = positive("init_scale", init_scale)
        smallest = max(non_negative("resolution", resolution), _ROUNDING)
        times = self._grid(scale)
        shares = self.shares(scale, np.concatenate([[0.0], times, [np.inf]]))
        place = int(np.argmax(shares))
        if shares[-1] >= shares[place] - smallest:
            return Peak(Stopping.GO_ON, float("inf"), float(shares[-1]), float("nan"))
        if shares[0] >= shares[place] - smallest:
            return Peak(Stopping.BEFORE_TRAINING, 0.0, float(shares[0]), float("nan"))
        # The time's own place in the grid is one less, as the start comes first.
        ends = np.log(times[[max(place - 2, 0), min(place, times.size - 1)]])
        time = self._stationary(scale, float(ends[0]), float(ends[1]))
        exponent = self._exponent(scale, time)
        stopping = Stopping.TURNING_POINT if exponent > _MOVES else Stopping.LATER
        return Peak(stopping, time, float(self.shares(scale, np.array([time]))[0]), exponent)

    def _stationary(self, scale: float, low: float, high: float) -> float:
        """Time at which the slope changes its sign, between two logarithms of times."""

        def slope(logarithm: float) -> float:
            return float(self.slopes(scale, np.exp([logarithm]))[0])

        if slope(low) <= 0 or slope(high) >= 0:
            return float(np.exp((low + high) / 2))
        return float(np.exp(brentq(slope, low, high, xtol=1e-12)))

    def _exponent(self, scale: float, time: float) -> float:
        """D log s / d log sigma0 of a stationary point: minus the ratio of the slope's derivatives."""
        step = 1e-4
        later, earlier = self.slopes(scale, time * np.exp([step, -step]))
        larger, smaller = (self.slopes(scale * float(np.exp(one)), np.array([time]))[0] for one in (step, -step))
        return float(-(larger - smaller) / (later - earlier)) if later != earlier else float("nan")

    def _grid(self, scale: float) -> FloatArray:
        """Log-spaced times from before phase I ends to the end of the slowest mode."""
        rates = self.network.curvature * self.network.eigenvalues
        phase_one = self.network.phase_one_end(scale)
        start = 1e-3 * min(phase_one, 1 / float(rates.max()))
        # W(0) that is larger than what is learnt outlives it by the logarithm of their ratio.
        excess = max(0.0, float(np.log(phase_one * rates.max())))
        end = (_FOLDINGS + excess) / float(rates.min())
        return np.geomspace(start, end, 2 + int(np.log(end / start) / min(_SPACING, 0.2 / (1 + excess))))

    def _forms(
        self, times: FloatArray, scale: float
    ) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
        """|T^T w|^2 and w Sigma w averaged over W(0), with their derivatives by log s.

        They are in units in which their ratio is R_T: ``_unit`` for weights, those of ``Target.unit_covariance`` and
        ``Target.unit_cross_covariance`` for the target.
        """
        levels, signal = self._levels, self._signal
        noise = (scale / self._unit) ** 2
        with np.errstate(invalid="ignore", under="ignore"):
            exponents = (self._rate * times)[:, None] * levels
            left = np.exp(-exponents)
            learnt = signal * -np.expm1(-exponents) / levels
            fading = np.where(left > 0, exponents * left, 0.0)
            learning = signal * fading / levels
        squares = np.square(left), -2 * fading * left
        crossed, covariance = self.target.unit_cross_covariance, self.target.unit_covariance
        of_target = np.square(crossed) if crossed.ndim == 1 else np.square(crossed).sum(axis=1)
        along, moved = (_rows_times(rows, crossed) for rows in (learnt, learning))
        up = noise * (squares[0] @ of_target) + np.square(along).sum(axis=1)
        up_moved = noise * (squares[1] @ of_target) + 2 * np.sum(along * moved, axis=1)
        own = covariance if covariance.ndim == 1 else np.diagonal(covariance)
        image = _rows_times(learnt, covariance)
        low = noise * (squares[0] @ own) + np.sum(learnt * image, axis=1)
        low_moved = noise * (squares[1] @ own) + 2 * np.sum(learning * image, axis=1)
        return (up, up_moved), (low, low_moved)

    @cached_property
    def _levels(self) -> FloatArray:
        """(d,) l / lambda_1."""
        return np.asarray(self.network.eigenvalues / self.network.eigenvalues.max(), dtype=np.float64)

    @cached_property
    def _signal(self) -> FloatArray:
        """(d,) delta over its largest size."""
        return np.asarray(self.network.signal / np.abs(self.network.signal).max(), dtype=np.float64)

    @cached_property
    def _rate(self) -> float:
        """C lambda_1."""
        return float(self.network.curvature * self.network.eigenvalues.max())

    @cached_property
    def _unit(self) -> float:
        """Of the weights: what the largest signal learns in a mode of lambda_1."""
        return float(np.abs(self.network.signal).max()) / self._rate

    @cached_property
    def _sums(self) -> dict[sp.Symbol, float]:
        """The sums of both forms, for signals, levels and weights in the units above."""
        signal, levels = self._signal, self._levels
        crossed, covariance = self.target.unit_cross_covariance, self.target.unit_covariance
        along, moved = (_rows_times(row[None], crossed)[0] for row in (signal, levels * signal))
        image = _rows_times(signal[None], covariance)[0]
        own = covariance if covariance.ndim == 1 else np.diagonal(covariance)
        return {
            COVARIANCE.noise: float(np.square(crossed).sum()),
            COVARIANCE.signal: float(along @ along),
            COVARIANCE.crossed: float(along @ moved),
            VARIANCE.noise: float(own.sum()),
            VARIANCE.signal: float(signal @ image),
            VARIANCE.crossed: float((levels * signal) @ image),
            CURVATURE: self.network.curvature,
        }

    def _value(self, name: str, scale: float = 1.0) -> float:
        """A formula of ``theory.symbols.transfer_terms`` at these sums."""
        function, symbols = _evaluators()[name]
        values = {**self._sums, INITIAL_SCALE: scale / self.network.curvature}
        return float(function(*(values[symbol] for symbol in symbols)))


def _rows_times(rows: FloatArray, matrix: FloatArray) -> FloatArray:
    """Rows (T, d) times a matrix (d, q), or times the diagonal (d,) of one."""
    return np.asarray(rows * matrix if matrix.ndim == 1 else rows @ matrix, dtype=np.float64)


@lru_cache(maxsize=1)
def _evaluators() -> dict[str, tuple[Callable[..., float], list[sp.Symbol]]]:
    """Numerical functions made from the symbolic formulas, with their arguments, by name."""
    formulas = transfer_formulas()
    expressions = {name: getattr(formulas, name) for name in ("start", "signal_level", "slope", "turning_point")}
    arguments = {name: sorted(expression.free_symbols, key=str) for name, expression in expressions.items()}
    return {name: (sp.lambdify(arguments[name], expressions[name], "numpy"), arguments[name]) for name in expressions}
