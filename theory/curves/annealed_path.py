"""The annealed curve of one output with a bound on its rounding error, at every scale that floats can hold.

In units of lambda_1 and of the size of W(0) and of what is learnt, with x = c l s, the modes are

    E w^2 = n + t,    n = (sigma0 e^-x)^2  left of W(0),    t = (delta (1 - e^-x) / (c l))^2  learnt,

and R = <l> under the weights l (n + t). As <l - R> = 0, any multiple of the weights may be taken from their
derivatives: s R' / 2 is minus the covariance of l with either of

    l [n (1 + x) + t chi(x)],    chi(x) = 1 - x / (e^x - 1),        l x [n - t / (e^x - 1)].

Both terms of the first have one sign, so that it stays accurate for s -> 0, where R differs from R2 by less
than the rounding error of R; the second does for s -> oo. The sign of R' is trusted where its error bound allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammainc

from theory.validation import FloatArray, InputError, positive

_EPSILON = float(np.finfo(np.float64).eps)

#: Entries of the arrays (times, modes) that are held at a time.
_CHUNK = 2**20

#: Spacing of the grid in log time: sums of powers of s at first, exponentials later.
_EARLY, _LATE = 0.25, 0.05

#: Largest ratio of times: the first rise is over at up to 1e-19 of s1.
_WIDEST = 1e280

#: Below this two terms of the series of chi(x) have all digits: the next one is x^3 / 360 of it.
_SERIES = 1e-5

#: After this many e-foldings of the slowest mode what is left is below rounding.
_FOLDINGS = 40.0


@dataclass(frozen=True, eq=False)
class Extrema:
    """The annealed curve at its start, at its extrema and at its end.

    Attributes:
        times: (E,) 0, the times of the extrema, and infinity.
        losses: (E,) (R0 - R) / tr Sigma: the loss above its initial value.
        errors: (E,) bounds on their rounding errors.
    """

    times: FloatArray
    losses: FloatArray
    errors: FloatArray

    def resolution(self, smallest: float) -> FloatArray:
        """(E,) moves that count: larger than ``smallest`` and than the rounding errors at both of their ends."""
        return np.asarray(smallest + 2 * self.errors + np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class AnnealedPath:
    """The curve R(s) of one network at one initial scale.

    Attributes:
        eigenvalues: (d,) positive, in any order.
        signal: (d,) the row delta, not all zeros.
        curvature: c at W = 0, positive.
        init_scale: sigma0, positive.

    Raises:
        InputError: a scale or an eigenvalue whose ratio to the others floats cannot hold.
    """

    eigenvalues: FloatArray
    signal: FloatArray
    curvature: float
    init_scale: float

    def __post_init__(self) -> None:
        positive("init_scale", self.init_scale)
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            ratios = np.array([self._initial, self._levels.min(), 1 / self._levels.min(), *self._solution])
            # Times are held as they are and in units of 1 / (c lambda_1).
            times = np.array([self._phase_one, self._phase_one / self._rate, 1 / self._rate])
        if (
            not np.all(np.isfinite(ratios))
            or ratios[:2].min() < np.finfo(np.float64).tiny
            or not np.all((times > 1 / _WIDEST) & (times < _WIDEST))
        ):
            raise InputError(
                f"init_scale: {self.init_scale:g}, the signal and the eigenvalues differ by more than floats can hold; "
                f"give scales within a factor of {_WIDEST:g}"
            )

    @cached_property
    def _levels(self) -> FloatArray:
        """(d,) l / lambda_1."""
        return np.asarray(self.eigenvalues / self.eigenvalues.max(), dtype=np.float64)

    @cached_property
    def _solution(self) -> FloatArray:
        """(d,) delta / l of the end, in units of max |delta| / lambda_1."""
        return np.asarray(self.signal / np.abs(self.signal).max() / self._levels, dtype=np.float64)

    @cached_property
    def _initial(self) -> float:
        """sigma0 in units of max |delta| / (c lambda_1)."""
        # In logarithms, as no order of the products is safe.
        strengths = (self.init_scale, self.curvature, self.eigenvalues.max(), 1 / np.abs(self.signal).max())
        return float(np.exp(np.sum(np.log(strengths))))

    @cached_property
    def _rate(self) -> float:
        """Of a mode of lambda_1: c lambda_1."""
        return float(self.curvature * self.eigenvalues.max())

    @cached_property
    def _phase_one(self) -> float:
        """s1 of theorem T2 in units of 1 / (c lambda_1)."""
        learnt = self._solution * self._levels
        return float(self._initial * np.sqrt(self._levels.sum() / (self._levels @ learnt**2)))

    @cached_property
    def initial_level(self) -> float:
        """R0 in units of lambda_1."""
        return float(self._levels @ self._levels / self._levels.sum())

    @cached_property
    def _gaps(self) -> FloatArray:
        """(d,) l - R0 in units of lambda_1; R is measured from R0, so that nearly flat spectra keep their digits."""
        # The difference of close numbers is exact, the quotient by lambda_1 is not.
        largest = self.eigenvalues.max()
        return np.asarray((self.eigenvalues - self.initial_level * largest) / largest, dtype=np.float64)

    def risen(self, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        """R(s) - R0 in units of lambda_1 at times (T,), and bounds on its rounding error, each (T,)."""
        return self._in_chunks(self._risen, times)

    def slope(self, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Slope s R'(s) / 2 in units of lambda_1 at times (T,) above 0, and bounds on its rounding error, each (T,)."""
        return self._in_chunks(self._slope, times)

    def explained_variance(self, times: FloatArray) -> FloatArray:
        """(T,) R(s)."""
        return np.asarray((self.initial_level + self.risen(times)[0]) * self.eigenvalues.max(), dtype=np.float64)

    def extrema(self) -> Extrema:
        """The extrema of R(s) whose derivative changes its sign beyond its rounding error."""
        grid = self.grid()
        slopes, errors = self.slope(grid)
        signs = np.sign(slopes) * (np.abs(slopes) > errors)
        certain = np.flatnonzero(signs)
        turns = np.flatnonzero(np.diff(signs[certain]))
        found = [self._root(self.slope, grid[certain[turn]], grid[certain[turn + 1]]) for turn in turns]
        times = np.array([0.0, *found, np.inf])
        risen, errors = self.risen(times)
        total = self._levels.sum()
        return Extrema(times, np.asarray(-risen / total), np.asarray(errors / total))

    def crossing(self, first: float, last: float) -> float:
        """Time between two at which R is back at R0; R - R0 has opposite signs at these. The last may be infinite."""
        return self._root(self.risen, first, min(last, float(self.grid()[-1])))

    def grid(self) -> FloatArray:
        """Log-spaced times from before the first rise to the end of the slowest mode."""
        solution, levels, initial = self._solution, self._levels, self._initial
        # The first rise is over within the square of s1.
        phase_one = self._phase_one
        start = 1e-3 * min(1.0, phase_one) * max(min(1.0, phase_one), _EPSILON)
        excess = max(
            0.0, np.log(initial) + 0.5 * np.log(levels.sum()) - np.log(np.linalg.norm(np.sqrt(levels) * solution))
        )
        end = (_FOLDINGS + excess) / levels.min()
        middle = _LATE
        # Where W(0) outlives all else by exp(excess), modes take over from each other within 1 / excess of log time.
        spacing = min(_LATE, 0.2 / (1 + excess))
        early = np.geomspace(start, middle, 2 + int(np.log(middle / start) / _EARLY))
        late = np.geomspace(middle, end, 2 + int(np.log(end / middle) / spacing))
        return np.asarray(np.concatenate([early, late[1:]]) / self._rate, dtype=np.float64)

    def _in_chunks(
        self, function: Callable[[FloatArray], tuple[FloatArray, FloatArray]], times: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        rows = max(1, _CHUNK // self._levels.size)
        parts = [function(times[first : first + rows]) for first in range(0, times.size, rows)]
        values, errors = (np.concatenate(part) for part in zip(*parts, strict=True))
        return values, errors

    def _root(
        self, function: Callable[[FloatArray], tuple[FloatArray, FloatArray]], first: float, last: float
    ) -> float:
        """Where the values of ``function`` change their sign, in log time."""
        # Values of about one, as the products that the method forms of them must not underflow.
        unit = float(np.abs(function(np.array([first, last]))[0]).max())
        ends = np.log(first), np.log(last)
        return float(np.exp(brentq(lambda log: function(np.exp([log]))[0][0] / unit, *ends, xtol=1e-13)))

    def _parts(self, times: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """x, n and t, each (T, d), the last two in units of their largest at each time."""
        exponents = (self._rate * times)[:, None] * self._levels
        with np.errstate(under="ignore", invalid="ignore"):
            # A mode at infinite time times the smallest level stays infinite: nothing is left of it.
            left = self._initial * np.exp(-exponents)
            learnt = np.abs(self._solution) * -np.expm1(-exponents)
            largest = np.maximum(left.max(axis=1), learnt.max(axis=1))[:, None]
            return exponents, np.square(left / largest), np.square(learnt / largest)

    def _risen(self, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        exponents, left, learnt = self._parts(times)
        return self._mean_gap(exponents, left, learnt)

    def _mean_gap(self, exponents: FloatArray, left: FloatArray, learnt: FloatArray) -> tuple[FloatArray, FloatArray]:
        with np.errstate(under="ignore"):
            weights = self._levels * (left + learnt)
            total = weights.sum(axis=1)
            errors = self._rounding(exponents, left) * (weights @ np.abs(self._gaps)) / total
            return np.asarray((weights @ self._gaps) / total), np.asarray(errors)

    def _rounding(self, exponents: FloatArray, left: FloatArray) -> FloatArray:
        """(T,) bound on the relative rounding error of a sum over modes of positive terms."""
        # Ten roundings per term, one per addition, and those of x, which the exponential multiplies by x.
        felt = np.where(left > 0, exponents, 0.0).max(axis=1)
        return np.asarray(_EPSILON * (10 + self._levels.size + 2 * felt))

    def _slope(self, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        exponents, left, learnt = self._parts(times)
        risen, uncertain = self._mean_gap(exponents, left, learnt)
        gaps = self._gaps - risen[:, None]
        relative = self._rounding(exponents, left)
        with np.errstate(under="ignore"):
            grown = -np.expm1(-exponents)
            early = left * (1 + exponents) + learnt * _still_to_grow(exponents)
            late_left, late_learnt = exponents * left, learnt * exponents * np.exp(-exponents) / grown
            total = (self._levels * (left + learnt)).sum(axis=1)
            values, errors = [], []
            for term, size in ((early, early), (late_left - late_learnt, late_left + late_learnt)):
                values.append(-((self._levels * term) * gaps).sum(axis=1) / total)
                sized = self._levels * size
                bound = (
                    relative * (sized * np.abs(gaps)).sum(axis=1)
                    + np.abs((self._levels * term).sum(axis=1)) * uncertain
                )
                errors.append(bound / total)
        better = errors[0] <= errors[1]
        return np.where(better, values[0], values[1]), np.where(better, errors[0], errors[1])


def _still_to_grow(exponents: FloatArray) -> FloatArray:
    """chi(x) = 1 - x / (e^x - 1) to all digits, for x > 0."""
    # e^x chi(x) (1 - e^-x) = e^x - 1 - x, whose digits the incomplete gamma function keeps until x^2 underflows.
    safe = np.maximum(exponents, _SERIES)
    with np.errstate(under="ignore"):
        series = exponents / 2 * (1 - exponents / 6)
    return np.asarray(np.where(exponents < _SERIES, series, gammainc(2, safe) / -np.expm1(-safe)), dtype=np.float64)
