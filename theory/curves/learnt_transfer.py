"""How much of a target is explained along what is learnt: R_T of the linearised flow in the limit of small sigma0.

As sigma0 falls, a layer's outputs come to lie on the learnt path, whose rows M phi_s(Sigma) grow mode by mode, and R_T
runs along it from the end of phase II (s -> 0) to its limit (s -> infinity). Outputs that learn nothing, a softmax
layer's conserved row among them, hold W(0) at every sigma0, and add what ``theory.curves.idle_outputs`` says, with
D = exp(-2 h Sigma s) left of W(0) where they feel the curvature h.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from theory.curves.idle_outputs import idle_share
from theory.curves.initial_level import random_target_share
from theory.curves.linearised import check_target
from theory.curves.losses import Loss
from theory.curves.reconstruction import output_directions
from theory.curves.signal_outputs import SignalOutputs
from theory.curves.turning_law import TurningLaw
from theory.data.data_model import DataModel
from theory.data.target import Target
from theory.validation import FloatArray, at_least, times_to_infinity

#: Entries of the arrays (times, rows, modes) that are held at a time.
_CHUNK = 2**21


@dataclass(frozen=True, eq=False)
class LearntTransfer:
    """R_T along the learnt path of one layer.

    Attributes:
        target: what is decoded.
        rates: (d,) c lambda, at which a mode saturates.
        rows: (r, d) the rows of M that are learnt.
        idle: (m,) shares h / c of the curvature that outputs without a signal feel: 0 where training never moves them.
        law: the beginning of the path: how W(0) leaves it, and its slope.
        start: R_T at initialisation: the mean over W(0).
    """

    target: Target
    rates: FloatArray
    rows: FloatArray
    idle: FloatArray
    law: TurningLaw
    start: float

    @classmethod
    def from_model(cls, model: DataModel, loss: Loss, target: Target | None = None) -> LearntTransfer:
        """The path of the layer that ``loss`` trains on ``model``.

        Args:
            model: the data model.
            loss: the training loss.
            target: what is decoded from the outputs; the inputs (reconstruction) if left out.

        Raises:
            InputError: prototypes that are all zero, or a target of another dimension.
        """
        decoded, outputs = check_target(model, target), SignalOutputs.from_model(model, loss)
        curvature = loss.initial_curvature(model.classes)
        return cls(
            decoded,
            np.asarray(curvature * model.eigenvalues, dtype=np.float64),
            outputs.signal[outputs.learns],
            np.asarray(outputs.curvatures[~outputs.learns] / curvature, dtype=np.float64),
            TurningLaw.from_model(model, loss, decoded),
            random_target_share(decoded, loss.outputs(model.classes)),
        )

    @property
    def phase_two_end(self) -> float:
        """R_T as s -> 0: what rows of M explain, the level that phase II reaches for small sigma0."""
        return float(self.shares(np.zeros(1))[0])

    @property
    def limit(self) -> float:
        """R_T as s -> infinity, where the learnt rows are the best linear predictors of the source's classes."""
        return float(self.shares(np.array([np.inf]))[0])

    @property
    def initial_slope(self) -> float:
        """dR_T/ds as s -> 0; a target falls from the end of phase II on where it is negative."""
        return -self.law.drift / self.target.variance

    def shares(self, times: FloatArray) -> FloatArray:
        """(T,) R_T at times (T,) from 0 on; 0 and infinity give the limits."""
        rows = max(1, _CHUNK // self.rows.size)
        grid = times_to_infinity("times", times)
        return np.concatenate([self._shares(grid[first : first + rows]) for first in range(0, grid.size, rows)])

    def grid(self, per_decade: int = 24) -> FloatArray:
        """Log-spaced times, from before the first mode saturates to after the last one has."""
        density = at_least("per_decade", per_decade, 1)
        first, last = 1e-4 / self.rates.max(), 40 / self.rates.min()
        return np.geomspace(first, last, 2 + int(np.log10(last / first) * density))

    def slope(self, time: float) -> float:
        """D R_T / d log s at a time, by central differences."""
        step = 1e-4
        later, earlier = self.shares(time * np.exp([step, -step]))
        return float((later - earlier) / (2 * step))

    def turns(self) -> FloatArray:
        """Times, ascending, at which R_T turns from rising to falling or back, by root finding in log time.

        Turns of less than the rounding error of R_T, and pairs of turns within a step of ``grid``, are not seen.
        """
        times = self.grid()
        moves = np.diff(self.shares(times))
        signs = np.where(np.abs(moves) > 1e-12, np.sign(moves), 0.0)
        seen = np.flatnonzero(signs)
        found = []
        for before, after in pairwise(seen.tolist()):
            if signs[before] != signs[after]:
                # Between the middles of two intervals the slope has changed its sign.
                ends = np.log(np.sqrt(times[[before, after]] * times[[before + 1, after + 1]]))
                found.append(self._turn(float(ends[0]), float(ends[1])))
        return np.array(found)

    def _turn(self, low: float, high: float) -> float:
        slopes = [self.slope(float(np.exp(end))) for end in (low, high)]
        if slopes[0] * slopes[1] > 0:  # a turn at the end of the bracket itself
            return float(np.exp((low + high) / 2))
        return float(np.exp(brentq(lambda log: self.slope(float(np.exp(log))), low, high, xtol=1e-9)))

    def _shares(self, times: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", under="ignore"):
            exponents = times[:, None] * self.rates
            # phi_s / s, whose limits are 1 and, but for a factor, 1 / lambda.
            grown = np.where(exponents > 0, -np.expm1(-exponents) / np.where(exponents > 0, exponents, 1.0), 1.0)
            grown = np.where(np.isinf(times)[:, None], self.rates.min() / self.rates, grown)
            slowest = exponents.min(axis=1, keepdims=True)
            # At infinite time nothing is left but the slowest mode.
            apart = np.where(
                np.isinf(slowest), np.where(self.rates > self.rates.min(), np.inf, 0.0), exponents - slowest
            )
        directions, counts = output_directions(grown[:, None, :] * self.rows, self.target)
        kept = directions * counts[..., None]
        explained = self.target.explained_by(kept).sum(axis=-1) / self.target.variance
        for curvature in self.idle:
            left = np.exp(-2 * curvature * apart) if curvature > 0 else np.ones_like(apart)
            explained = explained + idle_share(self.target, kept, left)
        return np.asarray(explained, dtype=np.float64)
