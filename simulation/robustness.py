"""Where the theory breaks: one setting, with one of the theory's assumptions relaxed by degrees.

Networks are trained on samples of a population that departs from the data model in one respect. The theory is derived
from the moments that the population has exactly, and from the very draws of W(0) that are trained, so that what
separates the two curves is the departure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulation.batches import BatchesWithReplacement, BatchSource, FullBatch
from simulation.measurement import MeasuredBoundaries, measured_boundaries
from simulation.optimisers import Adam, GradientDescent, Optimiser
from simulation.population import Population, with_frequencies
from simulation.sampling import sample
from simulation.training import Status, initial_weights, train
from theory import Curve, DataModel, InputError, Softmax, logarithmic_steps, mean_field_curve
from theory.validation import FloatArray, at_least, one_of

OPTIMISERS = ("gradient descent", "momentum 0.5", "momentum 0.9", "Adam")


@dataclass(frozen=True)
class Setting:
    """What is trained; the defaults are the setting in which the theory's assumptions hold.

    Attributes:
        dimension: d of the spectrum i^-0.8.
        classes: K, with random prototypes of the profile i^-1.5.
        samples: n.
        batch_size: samples a step, drawn with replacement; 0 takes all.
        step_share: eta c lambda_1, with c = 1/K the curvature of softmax at W = 0.
        init_scale: sigma0.
        tail_index: of the within-class noise; infinity is Gaussian.
        minority_share: share of each class at minus its mean.
        label_noise: share of labels replaced.
        imbalance: frequency of the first class over that of the last; geometric in between.
        optimiser: of OPTIMISERS.
        steps: last step.
        replicas: draws of W(0).
        seed: of the population, the sample, the batches and W(0).
    """

    dimension: int = 100
    classes: int = 3
    samples: int = 20_000
    batch_size: int = 0
    step_share: float = 0.03
    init_scale: float = 0.02
    tail_index: float = np.inf
    minority_share: float = 0.0
    label_noise: float = 0.0
    imbalance: float = 1.0
    optimiser: str = OPTIMISERS[0]
    steps: int = 1000
    replicas: int = 6
    seed: int = 0


@dataclass(frozen=True)
class Axis:
    """One assumption, relaxed by degrees.

    Attributes:
        field: of ``Setting``.
        title: what is varied, with its unit.
        assumption: what it takes from the theory.
        levels: values, the one in which the assumption holds best first.
    """

    field: str
    title: str
    assumption: str
    levels: tuple[Any, ...]


AXES = (
    Axis("tail_index", "tail index of the noise", "A4, Gaussian projections", (np.inf, 20.0, 10.0, 6.0, 4.0, 3.0, 2.5)),
    Axis("minority_share", "minority share", "A4, one Gaussian a class", (0.0, 0.02, 0.05, 0.1, 0.2, 0.3)),
    Axis("label_noise", "label noise", "A4, labels that follow the classes", (0.0, 0.05, 0.1, 0.2, 0.3)),
    Axis("batch_size", "batch size (0: all)", "no sampling noise", (0, 1024, 256, 64, 16)),
    Axis("step_share", "step size, eta c lambda_1", "A5, small steps", (0.03, 0.1, 0.3, 0.6, 1.0, 1.3)),
    Axis("samples", "samples n at d = 100", "many samples", (20_000, 5000, 2000, 1000, 500, 200, 100)),
    Axis("classes", "classes K", "none: the mean field holds for every K", (2, 3, 5, 10, 20)),
    Axis("imbalance", "largest over smallest class", "none: frequencies are in the model", (1.0, 3.0, 10.0, 30.0)),
    Axis("optimiser", "optimiser", "gradient descent", OPTIMISERS),
)


def settings(seed: int, replicas: int) -> list[tuple[Axis, Setting]]:
    """Every level of every axis.

    All have the same seed, so that what changes along an axis is the departure and not the sample; the first level of
    most axes is one and the same setting.
    """
    base = Setting(seed=at_least("seed", seed, 0), replicas=at_least("replicas", replicas, 2))
    return [(axis, replace(base, **{axis.field: level})) for axis in AXES for level in axis.levels]


def population_of(setting: Setting) -> Population:
    """The population that samples are drawn from."""
    model = DataModel.power_law_classes(setting.dimension, 0.8, 1.5, setting.classes, 0.4, seed=0)
    if setting.imbalance != 1:
        shares = np.geomspace(setting.imbalance, 1, setting.classes)
        model = with_frequencies(model, shares / shares.sum())
    return Population(
        model,
        tail_index=setting.tail_index,
        minority_share=setting.minority_share,
        label_noise=setting.label_noise,
    )


def optimiser_of(name: str) -> tuple[Optimiser, float]:
    """The optimiser and the factor by which its time runs faster than that of gradient descent.

    Heavy-ball momentum m moves as gradient descent with the step size eta / (1 - m) once its memory has filled. Adam
    has no such factor.

    Raises:
        InputError: a name that is not in OPTIMISERS.
    """
    match one_of("optimiser", name, OPTIMISERS):
        case "gradient descent":
            return GradientDescent(), 1.0
        case "Adam":
            return Adam(), 1.0
    momentum = float(name.removeprefix("momentum "))
    return GradientDescent(momentum), 1 / (1 - momentum)


def measure_robustness(setting: Setting) -> dict[str, Any]:
    """The task: train, derive, compare.

    Returns:
        status; times of both curves, their means and the standard error of the difference; the largest deviation of
        L / tr Sigma, raw and with the clock of the derived curve set by the turning point (what is left is the shape);
        turning points and the relative error of their ratio, NaN where there is none.
    """
    population = population_of(setting)
    model, loss = population.data_model(), Softmax()
    optimiser, speed = optimiser_of(setting.optimiser)
    curvature = loss.initial_curvature(setting.classes)
    step_size = setting.step_share / (curvature * float(model.eigenvalues[0])) / speed
    if isinstance(optimiser, Adam):
        # Each of its steps moves a weight by up to eta, whatever the gradient.
        step_size = 0.05 * setting.init_scale
    inputs, labels = sample(population, setting.samples, setting.seed)
    source: BatchSource = FullBatch(inputs, labels)
    if setting.batch_size:
        source = BatchesWithReplacement(inputs, labels, setting.batch_size, setting.replicas, setting.seed)
    weights = initial_weights(setting.replicas, setting.classes, setting.dimension, setting.init_scale, setting.seed)
    steps = logarithmic_steps(setting.steps)
    result = train(source, model, loss, weights, steps, step_size, optimiser)
    derived = mean_field_curve(model, loss, model.to_eigenbasis(weights), result.steps, step_size * speed)
    if result.status is not Status.COMPLETED:
        raise InputError(f"step_share: {setting.step_share:g} diverged")
    trained = Curve(derived.times, result.losses)
    return _comparison(derived, trained)


def _comparison(derived: Curve, trained: Curve) -> dict[str, Any]:
    difference = trained.losses - derived.losses
    error = difference.std(axis=0, ddof=1) / np.sqrt(trained.replicas)
    worst = int(np.argmax(np.abs(difference.mean(axis=0))))
    expected, found = measured_boundaries(derived), measured_boundaries(trained)
    turning_derived, turning_measured = (_time_or_nan(side) for side in (expected, found))
    ratio_error = found.relative_error_against(expected, "turning_point")
    factor = turning_measured / turning_derived
    # Time 0 has no logarithm, and both curves start at the same W(0).
    shape = np.nan if np.isnan(factor) else np.abs(_rescaled(derived, factor) - trained.mean)[1:].max()
    return {
        "times": derived.times,
        "derived": derived.mean,
        "trained": trained.mean,
        "error": error,
        "deviation": float(np.abs(difference.mean(axis=0))[worst]),
        "deviation_error": float(error[worst]),
        "shape_deviation": float(shape),
        "turning_derived": turning_derived,
        "turning_measured": turning_measured,
        "turning_error": float("nan") if ratio_error is None else float(ratio_error),
    }


def _time_or_nan(boundaries: MeasuredBoundaries) -> float:
    time = boundaries.time("turning_point")
    return float("nan") if time is None else time


def _rescaled(curve: Curve, factor: float) -> FloatArray:
    """(T,) the mean curve with its clock slowed by ``factor``, at its own times."""
    logs = np.log(curve.times[1:])
    moved = np.interp(logs - np.log(factor), logs, curve.mean[1:])
    return np.concatenate([curve.mean[:1], moved])
