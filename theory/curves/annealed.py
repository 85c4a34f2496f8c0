"""The first level of theory: one output, averaged over W(0) before the ratio is taken (annealed).

R(s) = sum_i l_i^2 E w_i(s)^2 / sum_i l_i E w_i(s)^2. The boundaries in closed form are evaluated from the
expressions that `theory.symbols.symbolic` derives; the curve and its turning point come from
`theory.curves.annealed_path`, and the tests compare them with the symbols.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import sympy as sp

from theory.curves.annealed_path import AnnealedPath
from theory.curves.losses import Loss, loss_argument
from theory.curves.regimes import RESOLUTION as SMALLEST_MOVE
from theory.curves.regimes import Absence, Boundary, Regime, Valley, lowest_valley, regime_of
from theory.data.data_model import DataModel
from theory.symbols.symbolic import (
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
    non_negative,
    open_unit,
    positive,
    positive_eigenvalues,
    times_from_zero,
)

#: Of the variance of the output, of which squares are taken.
_LARGEST_EXPONENT = 150


@dataclass(frozen=True)
class Units:
    """Units of the sums A_j and B_j that the formulas are evaluated with.

    Attributes:
        level: of the eigenvalues; times have its inverse.
        weight: of W(0) and of what is learnt.
    """

    level: float
    weight: float


class AnnealedBoundaries(ABC):
    """The boundaries of a one-output network as functions of its sums A_j and B_j."""

    @property
    @abstractmethod
    def _sums(self) -> Mapping[sp.Symbol, float]:
        """The curvature and the sums A_j and B_j that the formulas need, in ``_units``."""

    @property
    def _units(self) -> Units:
        return Units(1.0, 1.0)

    def _scaled(self, init_scale: float) -> float:
        """sigma0 in ``_units``."""
        return positive("init_scale", positive("init_scale", init_scale) / self._units.weight)

    @property
    def initial_level(self) -> float:
        """R0 of theorem T2: explained variance of a random output."""
        return self._units.level * self._value("initial_level")

    @property
    def signal_level(self) -> float:
        """R2 of theorem T2: explained variance of an output equal to the prototype."""
        return self._units.level * self._value("signal_level")

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
        given = {INITIAL_SCALE: self._scaled(init_scale), FRACTION: open_unit("fraction", fraction)}
        return self._value("fraction_point", given) / self._units.level

    def turning_point_formula(self, init_scale: float) -> float | None:
        """s* of theorem T5 to leading order in sigma0; None where it does not hold.

        It does not where the model is not aligned or flat, nor where sigma0 is so large that the expansion has the loss
        turn above its initial level.
        """
        signal_level, spread = self._value("signal_level"), self._value("spread")
        if not self.is_aligned or spread <= 1e-14 * signal_level**2:
            return None
        time = self._value("turning_point", {INITIAL_SCALE: self._scaled(init_scale)})
        # At s* the expansion is R = R2 - 3/2 c Var s*.
        taken = 1.5 * self._sums[CURVATURE] * spread * time
        return time / self._units.level if taken <= signal_level - self._value("initial_level") else None

    def _value(self, name: str, given: Mapping[sp.Symbol, float] | None = None) -> float:
        """A formula of ``theory.symbols.symbolic`` at this network's sums and at ``given``."""
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
            raise InputError(f"signal: give {eigenvalues.size} numbers, one per eigenvalue, not all 0")
        keep_arrays(self, eigenvalues=eigenvalues, signal=signal)

    @classmethod
    def from_model(cls, model: DataModel, loss: Loss) -> OneOutput:
        """The network that ``loss`` trains on the two classes of ``model``.

        Raises:
            InputError: the loss has more than one output there (K > 2, or softmax).
        """
        loss_argument(loss)
        outputs = loss.outputs(model.classes)
        if outputs != 1:
            raise InputError(
                f"loss: {loss.name} with {model.classes} classes has {outputs} outputs and the annealed formulas "
                "hold for one; use the linearised or the mean-field curve"
            )
        return cls(model.eigenvalues, loss.signal(model.prototypes)[0], loss.initial_curvature(model.classes))

    def rise_border_formula(self, resolution: float) -> float | None:
        """Initial scale sigma0 from which on the loss rises before it falls, for a small resolution (theorem T7).

        None where the model is not aligned or flat.

        Args:
            resolution: the smallest rise that counts, in units of L / tr Sigma, positive.
        """
        if not self.is_aligned or self._value("first_rise") <= 1e-14 * self._value("initial_level") ** 2:
            return None
        return self._units.weight * self._value("rise_border", {RESOLUTION: positive("resolution", resolution)})

    def return_time_formula(self) -> float | None:
        """Time of the return to R0 for small sigma0, to second order in R2 - R0; None where not aligned or flat.

        It is meant for weak alignment: the relative error is of order (R2 - R0)^2.
        """
        if not self.is_aligned or self._value("spread") <= 1e-14 * self._value("signal_level") ** 2:
            return None
        return self._value("return_time") / self._units.level

    def modes(self, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What is left of W(0), exp(-c l s), and what is learnt, delta phi_s(l), each (T, d)."""
        exponents = -times_from_zero("times", times)[:, None] * (self.curvature * self.eigenvalues)
        learnt = self.signal * -np.expm1(exponents) / (self.curvature * self.eigenvalues)
        return np.exp(exponents), learnt

    def path(self, init_scale: float) -> AnnealedPath:
        """The curve at one initial scale, with bounds on its rounding error."""
        return AnnealedPath(self.eigenvalues, self.signal, self.curvature, positive("init_scale", init_scale))

    def explained_variance(self, init_scale: float, times: FloatArray) -> FloatArray:
        """(T,) annealed R(s) at ``times`` (T,), s >= 0."""
        return self.path(init_scale).explained_variance(times_from_zero("times", times))

    def relative_loss(self, init_scale: float, times: FloatArray) -> FloatArray:
        """(T,) annealed loss 1 - R(s) / tr Sigma."""
        return np.asarray(1 - self.explained_variance(init_scale, times) / self.eigenvalues.sum(), dtype=np.float64)

    def second_moments(self, init_scale: float, times: FloatArray) -> FloatArray:
        """(T, d) E w^2 over W(0) at ``times`` (T,), s >= 0."""
        scale = positive("init_scale", init_scale)
        if 2 * np.log10(scale) + np.log10(self.eigenvalues.sum()) > _LARGEST_EXPONENT:
            raise InputError(
                f"init_scale: {scale:g} is not accepted; give one for which sigma0^2 tr Sigma, the variance of the "
                f"output, is at most 1e{_LARGEST_EXPONENT}"
            )
        decay, learnt = self.modes(times_from_zero("times", times))
        return np.asarray((scale * decay) ** 2 + learnt**2, dtype=np.float64)

    def regime(self, init_scale: float, resolution: float = SMALLEST_MOVE) -> Regime:
        """The course of the whole curve, from its start to s = infinity.

        Args:
            init_scale: sigma0, positive.
            resolution: smallest move that counts, in units of L / tr Sigma; 0 for all beyond the rounding error.
        """
        extrema = self.path(init_scale).extrema()
        return regime_of(extrema.losses, extrema.resolution(non_negative("resolution", resolution)))

    def turning_point(self, init_scale: float, resolution: float = 0.0) -> Boundary:
        """Time at which the annealed curve is lowest, having fallen there, and from which it rises again.

        It is found from the sign of the derivative, where that exceeds its rounding error. The fall from
        the highest earlier value and the rise to the highest later one exceed the rounding error of the curve.

        Args:
            init_scale: sigma0, positive.
            resolution: smallest fall and rise that count beyond that, in units of L / tr Sigma.

        Returns:
            The time, or the reason why there is none.
        """
        extrema = self.path(init_scale).extrema()
        valley = lowest_valley(extrema.losses, extrema.resolution(non_negative("resolution", resolution)))
        return Boundary(None, valley) if isinstance(valley, Absence) else Boundary(float(extrema.times[valley.lowest]))

    def return_time(self, init_scale: float, resolution: float = 0.0) -> Boundary:
        """Time after the turning point at which the loss is first back at its initial level.

        Arguments as in ``turning_point``; without one there is no return, for the same reason.
        """
        path = self.path(init_scale)
        extrema = path.extrema()
        smallest = extrema.resolution(non_negative("resolution", resolution))
        valley = lowest_valley(extrema.losses, smallest)
        if not isinstance(valley, Valley):
            return Boundary(None, valley)
        if extrema.losses[valley.lowest] >= -smallest[valley.lowest]:
            return Boundary(None, Absence.ABOVE_START)
        back = np.flatnonzero(extrema.losses[valley.lowest :] > extrema.errors[valley.lowest :])
        if back.size == 0:
            return Boundary(None, Absence.NO_RETURN)
        # Between two extrema the curve is monotone.
        first, last = extrema.times[valley.lowest + back[0] - 1 : valley.lowest + back[0] + 1]
        return Boundary(path.crossing(float(first), float(last)))

    @cached_property
    def _units(self) -> Units:
        """lambda_1, and what the largest signal would learn in a mode of lambda_1: no power of these overflows."""
        level = float(self.eigenvalues.max())
        return Units(level, float(np.abs(self.signal).max()) / level)

    @cached_property
    def _sums(self) -> dict[sp.Symbol, float]:
        """The curvature and the sums A_j and B_j."""
        spectrum = (self.eigenvalues / self.eigenvalues.max()) ** np.arange(len(SPECTRUM_SUMS))[:, None]
        squares = np.square(self.signal / np.abs(self.signal).max())
        sums = zip((*SPECTRUM_SUMS, *SIGNAL_SUMS), (*spectrum.sum(axis=1), *(spectrum @ squares)), strict=True)
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
