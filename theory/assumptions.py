"""Assumptions A1 to A8 as predicates: what each measures, its limit, whether it holds and by how much.

``Assessment`` is the outcome of one, on a data model or on a sample; claims share its ``Verdict``.

The limits are conventions: they say where the theorems have been observed to describe trained networks
to the accuracy that the README states, not where a proof ends. A margin is the value's distance from its
limit, positive where the assumption holds, as a share of the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from theory.curves.annealed import OneOutput
from theory.curves.draw_law import DrawLaw
from theory.curves.gradient_defect import DefectResponse
from theory.curves.initial_level import crossovers, random_sketch_level
from theory.curves.losses import Loss, loss_argument
from theory.curves.reconstruction import explained_variance
from theory.curves.regimes import RESOLUTION
from theory.data.data_model import DataModel
from theory.validation import FloatArray, InputError, IntArray, finite_array, positive


class Verdict(Enum):
    """The outcome for an assumption or a claim."""

    HOLDS = "holds"
    FAILS = "FAILS"
    NOT_RESOLVED = "not resolved"
    #: For a claim or a limit on a curve that does not move by its resolution: met, but not evidence.
    NO_PHASES = "no phases to speak of"


class Side(Enum):
    """The side of its limit on which an assumption holds."""

    AT_MOST = "at most"
    AT_LEAST = "at least"
    ABOVE = "above"

    def admits(self, value: float, limit: float) -> bool:
        """Whether ``value`` is on this side of ``limit``; NaN is on none."""
        match self:
            case Side.AT_MOST:
                return value <= limit
            case Side.AT_LEAST:
                return value >= limit
            case Side.ABOVE:
                return value > limit


@dataclass(frozen=True)
class Assessment:
    """One assumption, evaluated on a data model or on a sample.

    Attributes:
        name: A1 to A8.
        statement: the assumption in words.
        measure: the quantity that ``value`` measures.
        value: the measured number; NaN where there is none.
        limit: where the assumption ends, not zero.
        side: on which side of the limit it holds.
        interval: lower and upper end at 95 % from a sample: infinite ends where it leaves the value
            open, NaN where the sample gives none. None for a data model, whose numbers are exact.
        is_flat: whether the value is a deviation on a curve that does not move by its resolution, of which an
            absolute limit says nothing.

    Raises:
        InputError: a lower end above the upper one.
    """

    name: str
    statement: str
    measure: str
    value: float
    limit: float
    side: Side
    interval: tuple[float, float] | None = None
    is_flat: bool = False

    def __post_init__(self) -> None:
        if self.interval is not None and self.interval[0] > self.interval[1]:
            raise InputError(f"interval: {self.interval} is not accepted; give the lower end first")

    @property
    def verdict(self) -> Verdict:
        """HOLDS or FAILS where value and interval are on one side of the limit, NOT_RESOLVED where it divides them.

        An exact value that does not exist (NaN) fails; a sample without an interval is not resolved. NO_PHASES,
        instead of HOLDS and NOT_RESOLVED, on a flat curve.
        """
        own = self._own_verdict
        return Verdict.NO_PHASES if self.is_flat and own is not Verdict.FAILS else own

    @property
    def _own_verdict(self) -> Verdict:
        ends = (self.value,) if self.interval is None else self.interval
        if self.interval is not None and np.isnan(ends).any():
            return Verdict.NOT_RESOLVED
        inside = {self.side.admits(end, self.limit) for end in ends}
        if len(inside) > 1:
            return Verdict.NOT_RESOLVED
        return Verdict.HOLDS if inside.pop() else Verdict.FAILS

    @property
    def holds(self) -> bool:
        """Whether the verdict is HOLDS."""
        return self.verdict is Verdict.HOLDS

    @property
    def margin(self) -> float:
        """Distance of the value from the limit as a share of it, positive on the side where the assumption holds."""
        distance = abs(self.value - self.limit) / abs(self.limit)
        return distance if self.side.admits(self.value, self.limit) else -distance


@dataclass(frozen=True)
class PowerLawFit:
    """A line through log values against log rank.

    Attributes:
        exponent: minus its slope.
        determination: share of the variance of the logarithms that it explains, R^2.
    """

    exponent: float
    determination: float


def rank_ranges(count: int, per_decade: int = 8) -> IntArray:
    """(count,) number of the log-spaced range that each rank 1 .. count is in, from 0 on."""
    bins = np.floor(per_decade * np.log10(np.arange(1, count + 1)) + 1e-9).astype(np.int64)
    return np.asarray(np.unique(bins, return_inverse=True)[1], dtype=np.int64)


def fit_power_law(values: FloatArray, per_decade: int = 8) -> PowerLawFit | None:
    """Fit ``values`` (d,) ~ rank^-exponent by least squares on means over log-spaced ranges of ranks.

    Equal weight for each range keeps the many last ranks from dominating. None with fewer than four
    ranges or values that are not positive.
    """
    numbers = finite_array("values", values, 1)
    ranks = np.arange(1, numbers.size + 1)
    members = rank_ranges(numbers.size, per_decade)
    counts = np.bincount(members)
    means = np.bincount(members, weights=numbers) / counts
    if counts.size < 4 or means.min() <= 0:
        return None
    x, y = np.bincount(members, weights=np.log(ranks)) / counts, np.log(means)
    slope, offset = np.polyfit(x, y, 1)
    spread = np.var(y)
    determination = 1 - np.var(y - slope * x - offset) / spread if spread > 0 else 1.0
    return PowerLawFit(float(-slope), float(determination))


def _power_law(name: str, statement: str, values: FloatArray) -> Assessment:
    fit = fit_power_law(values)
    value = float("nan") if fit is None else fit.determination
    exponent = "no fit" if fit is None else f"exponent {fit.exponent:.2f}"
    return Assessment(name, f"{statement} ({exponent})", "R^2 of the log-log fit", value, 0.95, Side.AT_LEAST)


def power_law_spectrum(model: DataModel) -> Assessment:
    """A1: lambda_i ~ i^-alpha."""
    return _power_law("A1", "power-law spectrum", model.eigenvalues)


def power_law_signal(model: DataModel) -> Assessment:
    """A2: the squared prototype coordinates, summed over classes, ~ i^-beta."""
    return _power_law("A2", "power-law signal", np.square(model.prototypes).sum(axis=0))


def alignment(model: DataModel, loss: Loss) -> Assessment:
    """A3: the prototypes explain more variance, R2, than as many random rows, R0."""
    signal = loss.signal(model.prototypes)
    rank = int(np.linalg.matrix_rank(signal))
    if rank == 0 or rank >= model.dimension:
        return Assessment("A3", "alignment R2 > R0", "R2 / R0", float("nan"), 1.0, Side.ABOVE)
    ratio = float(explained_variance(signal, model.eigenvalues)) / random_sketch_level(model.eigenvalues, rank)
    return Assessment("A3", "alignment R2 > R0", "R2 / R0", ratio, 1.0, Side.ABOVE)


def gaussian_gradient(response: DefectResponse) -> Assessment:
    """A4: along the path of the mean field, the gradient on samples is that of Gaussian classes with one covariance.

    Measured by the effect of the difference of the two gradients on the curve (``theory.curves.gradient_defect``): the
    projections that count are those on W(s), at the times s at which training uses them.

    Args:
        response: of the mean field to the defect of the samples. The verdict on a curve that moves by no more than
            ``RESOLUTION`` is NO_PHASES, unless the deviation is beyond the limit.
    """
    place = int(np.argmax(np.abs(response.deviation)))
    extent = float(np.ptp(response.derived))
    is_flat = extent <= RESOLUTION
    if is_flat:
        compared = f"the curve moves by {extent:.2g} to step {response.steps[-1]}"
    else:
        compared = f"{response.largest / extent:.0%} of the curve's range"
    measure = f"deviation of L / tr Sigma that the gradient defect causes (step {response.steps[place]}, {compared})"
    statement = "common within-class covariance, Gaussian projections, along training"
    return Assessment("A4", statement, measure, response.largest, 0.02, Side.AT_MOST, response.interval, is_flat)


def small_steps(model: DataModel, loss: Loss, step_size: float) -> Assessment:
    """A5: eta lambda_1 c <= 1.

    Args:
        model: the data model.
        loss: the training loss.
        step_size: eta, positive.
    """
    value = positive("step_size", step_size) * float(model.eigenvalues[0]) * loss.initial_curvature(model.classes)
    return Assessment("A5", "step size within eta lambda_1 c <= 1", "eta lambda_1 c", value, 1.0, Side.AT_MOST)


def effective_rank(model: DataModel) -> Assessment:
    """A6: (tr Sigma)^2 / tr Sigma^2 large."""
    value = float(model.eigenvalues.sum() ** 2 / np.sum(model.eigenvalues**2))
    return Assessment("A6", "large effective rank", "(tr Sigma)^2 / tr Sigma^2", value, 10.0, Side.AT_LEAST)


def mean_law(model: DataModel, loss: Loss, init_scale: float) -> Assessment:
    """Whether one draw of W(0) turns where the mean over draws does; complements A6.

    The value is C sigma0/s* over the deviation of a: the second-order term at s* against the linear one, whose sign
    differs from draw to draw. It falls with sigma0 as sigma0^(1/3).

    Args:
        model: two classes.
        loss: a loss of one output.
        init_scale: sigma0, positive.

    Raises:
        InputError: a scale that is not positive, or a model of several outputs.
    """
    law = DrawLaw.from_network(OneOutput.from_model(model, loss))
    time = law.mean_turning_point(init_scale)
    if time is None:
        value = float("nan")
    else:
        taken = law.remainder * init_scale / time
        value = taken / law.linear_deviation if law.linear_deviation > 0 else float("inf")
    measure = "second-order over linear effect of W(0) at s*"
    return Assessment("A6 draws", "one draw turns where the mean does", measure, value, 1.0, Side.AT_LEAST)


def small_initialisation(model: DataModel, loss: Loss, init_scale: float) -> Assessment:
    """A7: the strongest signal outgrows W(0) well before the first mode saturates, s1 lambda_1 c << 1.

    Args:
        model: the data model.
        loss: the training loss.
        init_scale: sigma0, positive.
    """
    first = float(crossovers(model, loss, init_scale)[0])
    value = first * float(model.eigenvalues[0]) * loss.initial_curvature(model.classes)
    return Assessment("A7", "small initialisation", "lambda_1 c times the first crossover", value, 0.3, Side.AT_MOST)


def small_outputs(model: DataModel, loss: Loss, init_scale: float) -> Assessment:
    """A8: outputs of order one, at the start and once the first mode saturates.

    The size is the root mean square of W(0) x together with that of M phi_s x at s = 1/(lambda_1 c).

    Args:
        model: the data model.
        loss: the training loss.
        init_scale: sigma0, positive.
    """
    curvature = loss.initial_curvature(model.classes)
    rates = curvature * model.eigenvalues
    learnt = loss.signal(model.prototypes) * -np.expm1(-rates / rates[0]) / rates
    initial = positive("init_scale", init_scale) ** 2 * model.total_variance
    grown = float(np.mean(np.square(learnt) @ model.eigenvalues))
    value = float(np.sqrt(initial + grown))
    return Assessment("A8", "outputs of order one until the turning point", "rms output", value, 2.0, Side.AT_MOST)


def assess(model: DataModel, loss: Loss, step_size: float, init_scale: float) -> tuple[Assessment, ...]:
    """Evaluate all assumptions that a data model decides: A1 to A3 and A5 to A8, in order.

    Args:
        model: the data model.
        loss: the training loss.
        step_size: eta, positive.
        init_scale: sigma0, positive.

    Raises:
        InputError: a step size or scale that is not positive.
    """
    loss_argument(loss)
    return (
        power_law_spectrum(model),
        power_law_signal(model),
        alignment(model, loss),
        small_steps(model, loss, step_size),
        effective_rank(model),
        small_initialisation(model, loss, init_scale),
        small_outputs(model, loss, init_scale),
    )
