"""The first level of theory: one output, averaged over W(0) before the ratio is taken (annealed).

R(s) = sum_i l_i^2 E w_i(s)^2 / sum_i l_i E w_i(s)^2. The boundaries are evaluated from the
expressions that `theory.symbolic` derives; the curve is written with expm1, where the symbolic form
would cancel, and the tests hold it against the symbols.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import sympy as sp
from scipy.optimize import brentq

from theory.data_model import DataModel
from theory.losses import Loss
from theory.symbolic import (
    CURVATURE,
    FRACTION,
    INITIAL_SCALE,
    RESOLUTION,
    SIGNAL_SUMS,
    SPECTRUM_SUMS,
    boundary_formulas,
    first_rise,
)
from theory.validation import (
    FloatArray,
    InputError,
    finite_array,
    keep_arrays,
    open_unit,
    positive,
    positive_eigenvalues,
)


class AnnealedBoundaries(ABC):
    """The boundaries of a one-output network as functions of its sums A_j and B_j."""

    @property
    @abstractmethod
    def _sums(self) -> Mapping[sp.Symbol, float]:
        """The curvature and the sums A_j and B_j that the formulas need."""

    @property
    def initial_level(self) -> float:
        """R0 of theorem T2: explained variance of a random output."""
        return self._value("initial_level")

    @property
    def signal_level(self) -> float:
        """R2 of theorem T2: explained variance of an output equal to the prototype."""
        return self._value("signal_level")

    @property
    def alignment(self) -> float:
        """R2 / R0."""
        return self.signal_level / self.initial_level

    @property
    def is_aligned(self) -> bool:
        """Assumption A3, R2 > R0: prototypes lie in directions of higher variance than random ones."""
        return self.signal_level > self.initial_level

    def phase_one_end(self, init_scale: float) -> float:
        """s1 of theorem T2: time at which half of R2 - R0 is gained, proportional to sigma0."""
        return self.fraction_point(init_scale, 0.5)

    def fraction_point(self, init_scale: float, fraction: float) -> float:
        """Time s1 sqrt(tau / (1 - tau)) at which a fraction tau of R2 - R0 is gained.

        Raises:
            InputError: an initial scale that is not positive, a fraction outside (0, 1).
        """
        given = {INITIAL_SCALE: positive("init_scale", init_scale), FRACTION: open_unit("fraction", fraction)}
        return self._value("fraction_point", given)

    def turning_point_formula(self, init_scale: float) -> float | None:
        """s* of theorem T5 to leading order in sigma0; None where it does not hold.

        It does not where the model is not aligned or flat, nor where sigma0 is so large that the expansion has the loss
        turn above its initial level.
        """
        if not self.is_aligned or self._value("spread") <= 1e-14 * self.signal_level**2:
            return None
        time = self._value("turning_point", {INITIAL_SCALE: positive("init_scale", init_scale)})
        # At s* the expansion is R = R2 - 3/2 c Var s*.
        taken = 1.5 * self._sums[CURVATURE] * self._value("spread") * time
        return time if taken <= self._value("signal_level") - self._value("initial_level") else None

    def rise_border_formula(self, resolution: float) -> float | None:
        """Initial scale sigma0 from which on the loss rises before it falls, for a small resolution (theorem T7).

        None where the model is not aligned or flat.

        Args:
            resolution: the smallest rise that counts, in units of L / tr Sigma, positive.
        """
        if not self.is_aligned or self._value("first_rise") <= 1e-14 * self.initial_level**2:
            return None
        return self._value("rise_border", {RESOLUTION: positive("resolution", resolution)})

    def _value(self, name: str, given: Mapping[sp.Symbol, float] | None = None) -> float:
        """A formula of ``theory.symbolic`` at this network's sums and at ``given``."""
        function, symbols = _evaluators()[name]
        values = {**self._sums, **(given or {})}
        return float(function(*(values[symbol] for symbol in symbols)))


@dataclass(frozen=True, eq=False)
class OneOutput(AnnealedBoundaries):
    """A one-output network: eigenvalues (d,), signal row delta (d,), curvature c at W = 0."""

    eigenvalues: FloatArray
    signal: FloatArray
    curvature: float

    def __post_init__(self) -> None:
        eigenvalues = positive_eigenvalues(self.eigenvalues)
        signal = finite_array("signal", self.signal, 1)
        positive("curvature", self.curvature)
        if signal.shape != eigenvalues.shape or not signal.any():
            raise InputError(f"signal: give {eigenvalues.size} numbers that are not all 0, one for each eigenvalue")
        keep_arrays(self, eigenvalues=eigenvalues, signal=signal)

    @classmethod
    def from_model(cls, model: DataModel, loss: Loss) -> OneOutput:
        """The network that ``loss`` trains on the two classes of ``model``.

        Raises:
            InputError: the loss has more than one output there (K > 2, or softmax).
        """
        outputs = loss.outputs(model.classes)
        if outputs != 1:
            raise InputError(
                f"loss: {loss.name} with {model.classes} classes has {outputs} outputs and the annealed formulas "
                "hold for one; use the linearised or the mean-field curve"
            )
        return cls(model.eigenvalues, loss.signal(model.prototypes)[0], loss.initial_curvature(model.classes))

    def return_time_formula(self) -> float | None:
        """Time of the return to R0 for small sigma0, to second order in R2 - R0; None where not aligned or flat.

        It is meant for weak alignment: the relative error is of order (R2 - R0)^2.
        """
        if not self.is_aligned or self._value("spread") <= 1e-14 * self.signal_level**2:
            return None
        return self._value("return_time")

    def modes(self, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What is left of W(0), exp(-c l s), and what is learnt, delta phi_s(l), each (T, d)."""
        exponents = -times[:, None] * (self.curvature * self.eigenvalues)
        learnt = self.signal * -np.expm1(exponents) / (self.curvature * self.eigenvalues)
        return np.exp(exponents), learnt

    def explained_variance(self, init_scale: float, times: FloatArray) -> FloatArray:
        """(T,) annealed R(s) at ``times`` (T,), s >= 0."""
        weighted = self.second_moments(init_scale, times) * self.eigenvalues
        return np.asarray((weighted @ self.eigenvalues) / weighted.sum(axis=1), dtype=np.float64)

    def relative_loss(self, init_scale: float, times: FloatArray) -> FloatArray:
        """(T,) annealed loss 1 - R(s) / tr Sigma."""
        return np.asarray(1 - self.explained_variance(init_scale, times) / self.eigenvalues.sum(), dtype=np.float64)

    def second_moments(self, init_scale: float, times: FloatArray) -> FloatArray:
        """(T, d) E w^2 over W(0) at ``times`` (T,), s >= 0."""
        scale = positive("init_scale", init_scale)
        decay, learnt = self.modes(finite_array("times", times, 1))
        return np.asarray((scale * decay) ** 2 + learnt**2, dtype=np.float64)

    def turning_point(self, init_scale: float) -> float | None:
        """Time of the last local maximum of the annealed R(s), by root finding; None without one."""
        grid = self._time_grid(init_scale)
        rising = self._speed(init_scale, grid) > 0
        crests = np.flatnonzero(rising[:-1] & ~rising[1:])
        if crests.size == 0:
            return None
        bracket = np.log(grid[crests[-1] : crests[-1] + 2])
        return float(np.exp(brentq(lambda log: self._speed(init_scale, np.exp([log]))[0], *bracket, xtol=1e-12)))

    def _speed(self, init_scale: float, times: FloatArray) -> FloatArray:
        """(T,) dR/ds, up to a positive factor."""
        decay, learnt = self.modes(times)
        weighted = self.eigenvalues * ((init_scale * decay) ** 2 + learnt**2)
        lost = self.curvature * self.eigenvalues * decay * init_scale**2
        moved = self.eigenvalues * 2 * decay * (learnt * self.signal - lost)
        speed = (moved @ self.eigenvalues) * weighted.sum(axis=1) - (weighted @ self.eigenvalues) * moved.sum(axis=1)
        return np.asarray(speed, dtype=np.float64)

    def return_time(self, init_scale: float) -> float | None:
        """Time after the turning point at which R falls back to R0; None where it never does."""
        turning = self.turning_point(init_scale)
        if turning is None or self.explained_variance(init_scale, np.array([turning]))[0] <= self.initial_level:
            return None

        def excess(logarithm: float) -> float:
            return float(self.explained_variance(init_scale, np.exp([logarithm]))[0] - self.initial_level)

        last = float(np.log(self._time_grid(init_scale)[-1]))
        if excess(last) >= 0:
            return None
        return float(np.exp(brentq(excess, np.log(turning), last, xtol=1e-10)))

    def _time_grid(self, init_scale: float) -> FloatArray:
        """Log grid from well inside phase I to the saturation of the smallest eigenvalue."""
        rates = self.curvature * self.eigenvalues
        first = 1e-2 * min(self.phase_one_end(init_scale), 1 / rates[0])
        return np.geomspace(first, 40 / rates[-1], 600)

    @cached_property
    def _sums(self) -> dict[sp.Symbol, float]:
        """The curvature and the sums A_j and B_j."""
        spectrum = self.eigenvalues ** np.arange(len(SPECTRUM_SUMS))[:, None]
        sums = zip((*SPECTRUM_SUMS, *SIGNAL_SUMS), (*spectrum.sum(axis=1), *(spectrum @ self.signal**2)), strict=True)
        return {CURVATURE: self.curvature, **dict(sums)}


@lru_cache(maxsize=1)
def _evaluators() -> dict[str, tuple[Callable[..., float], list[sp.Symbol]]]:
    """Numerical functions made from the symbolic boundaries, with their arguments, by name."""
    formulas, rise = boundary_formulas(), first_rise()
    names = ("initial_level", "signal_level", "fraction_point", "spread", "turning_point", "return_time")
    expressions = {name: getattr(formulas, name) for name in names}
    expressions |= {"first_rise": rise.speed, "rise_border": rise.border}
    arguments = {name: sorted(expression.free_symbols, key=str) for name, expression in expressions.items()}
    return {name: (sp.lambdify(arguments[name], expressions[name], "numpy"), arguments[name]) for name in expressions}
