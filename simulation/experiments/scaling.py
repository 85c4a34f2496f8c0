"""Scaling laws measured on trained networks: how boundaries move with sigma0 and eta, how fast phase III forgets.

One-output networks on squared error, trained by full-batch gradient descent on samples with exactly the moments of
their model, so that W(0) is all that is left to chance. They start in pairs W(0), -W(0), which removes the term linear
in W(0) from the mean curve (theorem T5). Each parameter value has its own pairs.

An exponent is a limit, sigma0 to 0 or d to infinity; values of finite size have another slope. So each measured slope
is reported with two derived numbers: the exponent, and the slope of the derived curve at the measured values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp
import torch
from scipy import stats

from simulation.comparison.measurement import MeasuredBoundaries, measured_boundaries
from simulation.comparison.statistics import Slope, slope_with_interval
from simulation.experiments.scaling_law import PowerLaw, Quantity, ScalingLaw
from simulation.training.antithetic import antithetic_weights, pair_means
from simulation.training.batches import FullBatch
from simulation.training.sampling import sample_with_exact_moments
from simulation.training.training import Trained, train
from theory import (
    Boundaries,
    Curve,
    InputError,
    OneOutput,
    SquaredError,
    boundaries_of,
    logarithmic_steps,
)
from theory.symbols.complexity import ALPHA, BETA, STEP_SIZE, explained_variance_order, in_steps
from theory.symbols.symbolic import INITIAL_SCALE, TIME, boundary_formulas
from theory.validation import FloatArray, at_least, finite_array, positive, quoted

#: Confidence of a single interval, and of all intervals of a sweep together.
LEVEL = 0.95

#: A slope in phase III differs from that of the flow by this much at eta lambda_1 = 1/2 and on a mean over pairs whose
#: spread is nil; the others have intervals wider than what the theory leaves out.
FORGETTING_TOLERANCE = 0.01

#: Steps up to the end of phase I. Gradient descent with so few is not quite the flow, by the same factor at every
#: sigma0: the slope of its derived curve is that of the flow to 3e-5.
_STEPS_IN_PHASE_ONE = 4

#: Dense enough that a turning point fitted to the curve does not depend on where its points lie.
_POINTS_A_DECADE = 100

#: How far beyond the turning point training goes, in units of it: the fit of a minimum looks a factor of 3 ahead.
_BEYOND = 5.0


def initial_scale_laws(law: PowerLaw, scaled: FloatArray, pairs: int, seed: int, tests: int) -> list[ScalingLaw]:
    """End of phase I (exponent 1) and turning point (exponent 2/3) against sigma0, in time.

    Each sigma0 has its own step size, in proportion to the end of phase I: all take as many steps up to there.

    Args:
        law: the model, with a turning point at every scale.
        scaled: (m,) initialisation scales in the units of the phase diagram, lambda_1 s1, below 1, where phase I ends
            before any mode saturates; at least two different.
        pairs: pairs of draws of W(0) at each scale, at least 2.
        seed: of W(0) and of the sample.
        tests: number of intervals that shall hold together (Bonferroni).

    Raises:
        InputError: values out of range, or a law without a turning point.
    """
    _check_ensemble(pairs, seed, tests)
    network = law.network()
    units = _small("scaled", _different("scaled", scaled)) / network.eigenvalues[0]
    init_scales = units / network.phase_one_end(1.0)
    step_sizes = units / _STEPS_IN_PHASE_ONE
    lasts = _BEYOND * np.array([_turning(network, float(scale)) for scale in init_scales]) / step_sizes
    curves = _trained(law, init_scales, step_sizes, lasts, pairs, seed)
    found = _found(curves, network, init_scales, np.ones(init_scales.size), pairs, seed)
    formulas = boundary_formulas()
    first, second = (_exponent(order, INITIAL_SCALE) for order in (formulas.phase_one_end, formulas.turning_point))
    return [
        _law(Quantity.PHASE_ONE_END, "fraction_point", law, init_scales, found, first, tests),
        _law(Quantity.TURNING_TIME, "turning_point", law, init_scales, found, second, tests),
    ]


def step_size_law(
    law: PowerLaw, scaled: float, turning_steps: FloatArray, pairs: int, seed: int, tests: int
) -> ScalingLaw:
    """Turning point in steps against eta (exponent -1).

    Args:
        law: the model, with a turning point.
        scaled: the initialisation scale, lambda_1 s1, below 1.
        turning_steps: (m,) steps at which the derived turning point shall lie, at least two different; they fix the
            step sizes.
        pairs: pairs of draws of W(0) at each step size, at least 2.
        seed: of W(0) and of the sample.
        tests: number of intervals that shall hold together (Bonferroni).

    Raises:
        InputError: values out of range, or a law without a turning point.
    """
    _check_ensemble(pairs, seed, tests)
    network = law.network()
    (unit,) = _small("scaled", np.array([positive("scaled", scaled)]))
    init_scale = float(unit / network.eigenvalues[0] / network.phase_one_end(1.0))
    wanted = _different("turning_steps", turning_steps)
    step_sizes = _turning(network, init_scale) / wanted
    if step_sizes.max() * network.eigenvalues[0] > 1:
        raise InputError(f"turning_steps: {wanted.min():g} takes eta lambda_1 above 1; give more steps")
    init_scales = np.full(step_sizes.shape, init_scale)
    curves = _trained(law, init_scales, step_sizes, _BEYOND * wanted, pairs, seed)
    found = _found(curves, network, init_scales, step_sizes, pairs, seed)
    exponent = _exponent(in_steps(boundary_formulas().turning_point), STEP_SIZE)
    return _law(Quantity.TURNING_STEP, "turning_point", law, step_sizes, found, exponent, tests)


def forgetting_law(law: PowerLaw, window: tuple[float, float], pairs: int, seed: int) -> ScalingLaw:
    """Explained variance against time deep in phase III (theorem T6), at eta lambda_1 = 1/2.

    The slope is fitted to each pair; its interval is over pairs. W(0) has almost no effect in this window, so that the
    interval is nearly zero and does not measure the distance of a finite spectrum from the exponent: ``derived`` does.

    Args:
        law: the model, of a wide spectrum.
        window: first and last time of the fit, in units of 1 / lambda_1; well inside 1 to lambda_1 / lambda_d.
        pairs: pairs of draws of W(0), at least 2.
        seed: of W(0) and of the sample.

    Raises:
        InputError: values out of range, or a window outside phase III or without two steps.
    """
    _check_ensemble(pairs, seed, tests=1)
    network = law.network()
    first, last = _window(window, float(network.eigenvalues[0] / network.eigenvalues[-1]))
    step_size = 0.5 / float(network.eigenvalues[0])
    init_scale = 1e-6 / float(network.eigenvalues[0] * network.phase_one_end(1.0))
    steps = last / (network.eigenvalues[0] * step_size)
    (curve,) = _trained(law, np.array([init_scale]), np.array([step_size]), np.array([steps]), pairs, seed)
    inside = curve.times * network.eigenvalues[0] >= first
    if np.count_nonzero(inside) < 2:
        raise InputError(f"window: {quoted(window)} holds fewer than two steps of 1/2; give a wider one")
    times, explained = curve.times[inside], 1 - curve.losses[:, inside]
    slopes = np.polyfit(np.log(times), np.log(explained).T, 1)[0]
    spread = explained.std(axis=0, ddof=1) / np.sqrt(pairs)
    return ScalingLaw(
        Quantity.EXPLAINED_VARIANCE,
        law,
        times,
        explained.mean(axis=0),
        spread / explained.mean(axis=0),
        forgetting_exponent(law),
        _slope(times, network.explained_variance(init_scale, times)),
        _mean_slope(slopes, LEVEL),
        _mean_slope(slopes, LEVEL),
        FORGETTING_TOLERANCE,
    )


def forgetting_exponent(law: PowerLaw) -> float:
    """The exponent of R(s) in phase III for an endless spectrum, of the order that theorem T6 derives."""
    values = {ALPHA: sp.nsimplify(law.alpha, rational=True), BETA: sp.nsimplify(law.beta, rational=True)}
    return _exponent(explained_variance_order().subs(values), TIME)


def _exponent(order: sp.Expr, variable: sp.Symbol) -> float:
    """The power of ``variable`` that an order grows as: the limit of its logarithmic slope.

    A logarithmic factor next to the power is ignored.
    """
    return float(sp.limit(sp.simplify(variable * sp.diff(sp.log(order), variable)), variable, sp.oo))


def _check_ensemble(pairs: int, seed: int, tests: int) -> None:
    at_least("pairs", pairs, 2)
    at_least("seed", seed, 0)
    at_least("tests", tests, 1)


def _different(name: str, value: FloatArray) -> FloatArray:
    """``value`` as (m,) positive numbers, not all the same; InputError otherwise."""
    numbers = finite_array(name, value, 1)
    positive(name, float(numbers.min()))
    if np.ptp(numbers) == 0:
        raise InputError(f"{name}: {numbers.tolist()} has no slope; give at least two different numbers")
    return numbers


def _small(name: str, scaled: FloatArray) -> FloatArray:
    """``scaled`` (m,) if all are below 1; InputError otherwise."""
    if scaled.max() >= 1:
        raise InputError(f"{name}: {scaled.max():g} is not accepted; give numbers below 1")
    return scaled


def _window(window: tuple[float, float], end: float) -> tuple[float, float]:
    """First and last time in phase III, which lasts from 1 to ``end``; InputError otherwise."""
    bounds = finite_array("window", window, 1)
    if bounds.size != 2 or not 1 <= bounds[0] < bounds[1] <= end:
        raise InputError(
            f"window: {quoted(window)} is not accepted; give two increasing times from 1 to "
            f"lambda_1 / lambda_d = {end:.4g}"
        )
    return float(bounds[0]), float(bounds[1])


def _slope(values: FloatArray, quantity: FloatArray) -> float:
    """Least squares of log quantity on log values."""
    return float(np.polyfit(np.log(values), np.log(quantity), 1)[0])


def _mean_slope(slopes: FloatArray, level: float) -> Slope:
    """The mean of independent slopes with its interval, by Student's t."""
    half_width = slopes.std(ddof=1) / np.sqrt(slopes.size) * stats.t.isf((1 - level) / 2, slopes.size - 1)
    return Slope(float(slopes.mean()), float(slopes.mean() - half_width), float(slopes.mean() + half_width), level)


def _joint_level(tests: int) -> float:
    """The level of each of ``tests`` intervals at which all hold with the probability LEVEL (Bonferroni)."""
    return 1 - (1 - LEVEL) / at_least("tests", tests, 1)


def _turning(network: OneOutput, init_scale: float) -> float:
    """The derived turning point; InputError where there is none."""
    found = network.turning_point(init_scale)
    if found.time is None:
        raise InputError(
            f"law: has no turning point at sigma0 = {init_scale:.3g}, as {found.reason}; "
            "give an aligned signal (a larger beta) and a small initialisation"
        )
    return found.time


def _resolution(network: OneOutput, init_scale: float) -> float:
    """Half of the derived rise of L / tr Sigma up to the end of training, which is small for small sigma0."""
    turning = _turning(network, init_scale)
    highest, last = network.explained_variance(init_scale, np.array([turning, _BEYOND * turning]))
    return float(0.5 * (highest - last) / network.eigenvalues.sum())


def _trained(
    law: PowerLaw, init_scales: FloatArray, step_sizes: FloatArray, lasts: FloatArray, pairs: int, seed: int
) -> list[Curve]:
    """A curve of pair means for each scale and step size, each up to its own last step."""
    model = law.model()
    source = FullBatch(*sample_with_exact_moments(model, 2 * (model.dimension + 4), seed))
    seeds = np.random.SeedSequence(seed).generate_state(init_scales.size)
    curves = []
    for scale, size, last, own in zip(init_scales, step_sizes, lasts, seeds, strict=True):
        result: Trained = train(
            source,
            model,
            SquaredError(),
            antithetic_weights(2 * pairs, 1, model.dimension, float(scale), int(own)),
            logarithmic_steps(int(np.ceil(last)), _POINTS_A_DECADE),
            float(size),
            dtype=torch.float64,
        )
        curves.append(pair_means(result.curve))
    return curves


@dataclass(frozen=True, eq=False)
class _Found:
    """Boundaries of an ensemble and, read off in the same way at the same steps, of the derived curve."""

    measured: MeasuredBoundaries
    derived: Boundaries
    pairs: int

    @classmethod
    def on(cls, curve: Curve, network: OneOutput, init_scale: float, unit: float, pairs: int, seed: int) -> _Found:
        """On a curve of pair means, in times divided by ``unit``."""
        clock, resolution = curve.times / unit, _resolution(network, init_scale)
        return cls(
            measured_boundaries(Curve(clock, curve.losses), resolution=resolution, seed=seed),
            boundaries_of(clock, network.relative_loss(init_scale, curve.times), resolution=resolution),
            pairs,
        )


def _found(
    curves: list[Curve], network: OneOutput, init_scales: FloatArray, units: FloatArray, pairs: int, seed: int
) -> list[_Found]:
    """The boundaries of each curve, in times divided by its unit."""
    triples = zip(curves, init_scales.tolist(), units.tolist(), strict=True)
    return [_Found.on(curve, network, scale, unit, pairs, seed) for curve, scale, unit in triples]


def _law(
    quantity: Quantity,
    name: str,
    law: PowerLaw,
    values: FloatArray,
    found: list[_Found],
    exponent: float,
    tests: int,
) -> ScalingLaw:
    measured = [one.measured for one in found]
    pairs = found[0].pairs
    slope, joint = (slope_with_interval(values, measured, name, pairs, level) for level in (LEVEL, _joint_level(tests)))
    return ScalingLaw(
        quantity,
        law,
        values,
        np.array([one.time(name) for one in measured], dtype=np.float64),
        np.array([one.relative_error(name) for one in measured], dtype=np.float64),
        exponent,
        _slope(values, np.array([getattr(one.derived, name) for one in found], dtype=np.float64)),
        slope,
        joint,
        0.0,
    )
