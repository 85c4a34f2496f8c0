"""Scaling laws measured on trained networks: how boundaries move with sigma0 and eta, and how fast phase III forgets.

One-output networks on squared error, trained by full-batch gradient descent on samples with exactly the moments of
their model, so that W(0) is all that is left to chance. They start in pairs W(0), -W(0), which removes the term linear
in W(0) from the mean curve (theorem T5). Every value of a parameter has pairs of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import stats

from simulation.antithetic import antithetic_weights, pair_means
from simulation.batches import FullBatch
from simulation.measurement import MeasuredBoundaries, measured_boundaries
from simulation.sampling import sample_with_exact_moments
from simulation.statistics import Slope, slope_with_interval
from simulation.training import Trained, train
from theory import Curve, DataModel, OneOutput, SquaredError, logarithmic_steps
from theory.validation import FloatArray, at_least, finite_array, positive


@dataclass(frozen=True)
class PowerLaw:
    """The model of a measurement: lambda_i = i^-alpha, delta_i^2 ~ i^-beta, the classes holding half the variance.

    Attributes:
        alpha: exponent of the spectrum, positive.
        beta: exponent of the squared signal.
        dimension: d.
    """

    alpha: float
    beta: float
    dimension: int

    def model(self) -> DataModel:
        """The data model."""
        model = DataModel.power_law(self.dimension, self.alpha, self.beta, 1.0)
        return model.with_signal_scaled(float(np.sqrt(0.5 / model.class_shares[1][0])))

    def network(self) -> OneOutput:
        """The network that squared error trains on it."""
        return OneOutput.from_model(self.model(), SquaredError())


@dataclass(frozen=True, eq=False)
class ScalingLaw:
    """A boundary measured at several values of a parameter.

    Attributes:
        quantity: what was measured, with its unit.
        parameter: what was varied.
        law: the model.
        values: (m,) of the parameter.
        measured: (m,) of the quantity.
        relative_errors: (m,) standard errors of these, from a bootstrap over pairs.
        predicted: the derived exponent over these values.
        slope: the measured one with its confidence interval at LEVEL.
        joint: the same at the level at which all laws of a sweep hold together.
        tolerance: how far from the joint interval the prediction may lie.
    """

    quantity: str
    parameter: str
    law: PowerLaw
    values: FloatArray
    measured: FloatArray
    relative_errors: FloatArray
    predicted: float
    slope: Slope
    joint: Slope
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the prediction lies in the joint interval, or as near to it as the tolerance."""
        return self.joint.low - self.tolerance <= self.predicted <= self.joint.high + self.tolerance


#: Confidence of a single interval, and of all intervals of a sweep together.
LEVEL = 0.95

#: A slope in phase III differs from that of the flow by this much at eta lambda_1 = 1/2 and on a mean over pairs whose
#: spread is nil; the others have intervals wider than what the theory leaves out.
FORGETTING_TOLERANCE = 0.01

#: Steps up to the end of phase I: fine enough that gradient descent is the flow.
_STEPS_IN_PHASE_ONE = 8

#: Dense enough that a turning point fitted to the curve does not depend on where its points lie.
_POINTS_A_DECADE = 100

#: How far beyond the turning point training goes, in units of it: the fit of a minimum looks a factor of 3 ahead.
_BEYOND = 5.0


def initial_scale_laws(law: PowerLaw, scaled: FloatArray, pairs: int, seed: int, tests: int) -> list[ScalingLaw]:
    """End of phase I (exponent 1) and turning point (exponent 2/3) against sigma0, in time.

    Each sigma0 has a step size of its own, in proportion to the end of phase I, so that all networks train together.

    Args:
        law: the model.
        scaled: (m,) initialisation scales in the units of the phase diagram, lambda_1 s1.
        pairs: pairs of draws of W(0) at each scale, at least 2.
        seed: of W(0) and of the sample.
        tests: number of intervals that shall hold together (Bonferroni).
    """
    network = law.network()
    positive("scaled", float(finite_array("scaled", scaled, 1).min()))
    units = np.asarray(scaled / network.eigenvalues[0], dtype=np.float64)
    init_scales = units / network.phase_one_end(1.0)
    step_sizes = units / _STEPS_IN_PHASE_ONE
    last = max(_BEYOND * _turning(network, scale) / size for scale, size in zip(init_scales, step_sizes, strict=True))
    curves = _trained(law, init_scales, step_sizes, int(np.ceil(last)), pairs, seed)
    found = [
        measured_boundaries(curve, resolution=_resolution(network, scale), seed=seed)
        for curve, scale in zip(curves, init_scales, strict=True)
    ]
    # What a finite sigma0 leaves of the difference from the exponent of the limit, by the derived curve.
    turning = [_turning(network, scale) for scale in init_scales]
    left_out = abs(float(np.polyfit(np.log(init_scales), np.log(turning), 1)[0]) - 2 / 3)
    return [
        _law("end of phase I (time)", "fraction_point", "sigma0", law, init_scales, found, pairs, 1.0, tests),
        replace(
            _law("turning point (time)", "turning_point", "sigma0", law, init_scales, found, pairs, 2 / 3, tests),
            tolerance=left_out,
        ),
    ]


def step_size_law(
    law: PowerLaw, scaled: float, turning_steps: FloatArray, pairs: int, seed: int, tests: int
) -> ScalingLaw:
    """Turning point in steps against eta (exponent -1).

    Args:
        law: the model.
        scaled: the initialisation scale, lambda_1 s1.
        turning_steps: (m,) steps at which the derived turning point shall lie; they fix the step sizes.
        pairs: pairs of draws of W(0) at each step size, at least 2.
        seed: of W(0) and of the sample.
        tests: number of intervals that shall hold together (Bonferroni).
    """
    network = law.network()
    init_scale = positive("scaled", scaled) / network.eigenvalues[0] / network.phase_one_end(1.0)
    wanted = finite_array("turning_steps", turning_steps, 1)
    step_sizes = _turning(network, init_scale) / wanted
    init_scales = np.full(step_sizes.shape, init_scale)
    curves = _trained(law, init_scales, step_sizes, int(np.ceil(_BEYOND * wanted.max())), pairs, seed)
    found = [
        measured_boundaries(
            Curve(curve.times / size, curve.losses), resolution=_resolution(network, init_scale), seed=seed
        )
        for curve, size in zip(curves, step_sizes, strict=True)
    ]
    return _law("turning point (steps)", "turning_point", "eta", law, step_sizes, found, pairs, -1.0, tests)


def forgetting_law(law: PowerLaw, window: tuple[float, float], pairs: int, seed: int) -> ScalingLaw:
    """Explained variance against time deep in phase III (theorem T6), at eta lambda_1 = 1/2.

    The slope is fitted to each pair; its interval is over pairs. W(0) hardly counts there, so that the interval is nil.
    The prediction is the slope of the derived curve over the same times, which a finite spectrum keeps from the
    exponent.

    Args:
        law: the model, of a wide spectrum.
        window: first and last time of the fit, in units of 1 / lambda_1; well inside 1 to lambda_1 / lambda_d.
        pairs: pairs of draws of W(0), at least 2.
        seed: of W(0) and of the sample.
    """
    network = law.network()
    step_size = 0.5 / float(network.eigenvalues[0])
    init_scale = 1e-6 / float(network.eigenvalues[0] * network.phase_one_end(1.0))
    last = int(np.ceil(window[1] / network.eigenvalues[0] / step_size))
    (curve,) = _trained(law, np.array([init_scale]), np.array([step_size]), last, pairs, seed)
    inside = curve.times * network.eigenvalues[0] >= window[0]
    times, explained = curve.times[inside], 1 - curve.losses[:, inside]
    slopes = np.polyfit(np.log(times), np.log(explained).T, 1)[0]
    derived = np.polyfit(np.log(times), np.log(network.explained_variance(init_scale, times)), 1)[0]
    spread = explained.std(axis=0, ddof=1) / np.sqrt(pairs)
    return ScalingLaw(
        "explained variance (share of the total)",
        "time",
        law,
        times,
        explained.mean(axis=0),
        spread / explained.mean(axis=0),
        float(derived),
        _mean_slope(slopes, LEVEL),
        _mean_slope(slopes, LEVEL),
        FORGETTING_TOLERANCE,
    )


def _mean_slope(slopes: FloatArray, level: float) -> Slope:
    """The mean of independent slopes with its interval, by Student's t."""
    half_width = slopes.std(ddof=1) / np.sqrt(slopes.size) * stats.t.isf((1 - level) / 2, slopes.size - 1)
    return Slope(float(slopes.mean()), float(slopes.mean() - half_width), float(slopes.mean() + half_width), level)


def _joint_level(tests: int) -> float:
    """The level of each of ``tests`` intervals at which all hold with the probability LEVEL (Bonferroni)."""
    return 1 - (1 - LEVEL) / at_least("tests", tests, 1)


def _turning(network: OneOutput, init_scale: float) -> float:
    found = network.turning_point(init_scale)
    assert found is not None, "the models of the scaling laws are aligned"
    return found


def _resolution(network: OneOutput, init_scale: float) -> float:
    """Half of the derived rise of L / tr Sigma up to the end of training, which is small for small sigma0."""
    turning = _turning(network, init_scale)
    highest, last = network.explained_variance(init_scale, np.array([turning, _BEYOND * turning]))
    return float(0.5 * (highest - last) / network.eigenvalues.sum())


def _trained(
    law: PowerLaw, init_scales: FloatArray, step_sizes: FloatArray, last: int, pairs: int, seed: int
) -> list[Curve]:
    """A curve of pair means for each scale and step size; all of them train together."""
    at_least("pairs", pairs, 2)
    model = law.model()
    count = 2 * (model.dimension + 4)
    inputs, labels = sample_with_exact_moments(model, count, seed)
    seeds = np.random.SeedSequence(seed).generate_state(init_scales.size)
    weights = np.concatenate(
        [
            antithetic_weights(2 * pairs, 1, model.dimension, float(scale), int(own))
            for scale, own in zip(init_scales, seeds, strict=True)
        ]
    )
    result: Trained = train(
        FullBatch(inputs, labels),
        model,
        SquaredError(),
        weights,
        logarithmic_steps(last, _POINTS_A_DECADE),
        np.repeat(step_sizes, 2 * pairs),
        dtype=torch.float64,
    )
    rows = [slice(2 * pairs * index, 2 * pairs * (index + 1)) for index in range(init_scales.size)]
    return [pair_means(result.curve_of(own)) for own in rows]


def _law(
    quantity: str,
    name: str,
    parameter: str,
    law: PowerLaw,
    values: FloatArray,
    found: list[MeasuredBoundaries],
    pairs: int,
    predicted: float,
    tests: int,
) -> ScalingLaw:
    measured = np.array([one.time(name) for one in found], dtype=np.float64)
    errors = np.array([one.relative_error(name) for one in found], dtype=np.float64)
    slope, joint = (slope_with_interval(values, found, name, pairs, level) for level in (LEVEL, _joint_level(tests)))
    return ScalingLaw(quantity, parameter, law, values, measured, errors, predicted, slope, joint, 0.0)
