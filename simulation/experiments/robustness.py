"""Where the theory breaks: one setting, with one of the theory's assumptions relaxed step by step.

Networks are trained on samples of a population that departs from the data model in one respect. The theory is derived
from the moments that the population has exactly, and from the very draws of W(0) that are trained, so that what
separates the two curves is the departure. Each draw has its own sample and its own pair W(0), -W(0): the error over
draws is that of the sample, the batches and W(0) together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np
import torch

from simulation.comparison.departure import Departure, departure
from simulation.experiments.large_steps import Rise, phase_three_rises
from simulation.runs.run_folder import RunFolder
from simulation.runs.schedulers import Scheduler
from simulation.runs.sweep import run_sweep
from simulation.training.batches import BatchSource, FullBatch, JoinedSources
from simulation.training.optimisers import Adam, GradientDescent, Optimiser
from simulation.training.population import Population, with_frequencies
from simulation.training.sampling import FreshSamples, sample
from simulation.training.training import Status, initial_weights, train
from theory import Curve, DataModel, InputError, loss_named, mean_field_curve
from theory.curves.curve import logarithmic_steps
from theory.data.memory_limit import array_bytes, check_memory
from theory.progress import Progress, silent
from theory.validation import FloatArray, IntArray, at_least, one_of, positive, quoted

DESCENT, HALF_MOMENTUM, MOMENTUM = "gradient descent", "momentum 0.5", "momentum 0.9"
ADAM, ADAM_IN_EIGENBASIS = "Adam", "Adam in the eigenbasis"
OPTIMISERS = (DESCENT, HALF_MOMENTUM, MOMENTUM, ADAM, ADAM_IN_EIGENBASIS)
SPECTRA = ("power law", "spikes")

#: Momentum of those that are gradient descent; whether inputs are rotated for those that are Adam.
_MOMENTA = {DESCENT: 0.0, HALF_MOMENTUM: 0.5, MOMENTUM: 0.9}
_ADAM_ROTATED = {ADAM: True, ADAM_IN_EIGENBASIS: False}

#: Gradient flow is taken as descent in steps this many times smaller, which leaves a 32nd of a step's error.
_FLOW_STEPS = 32

#: Eta of Adam in units of sigma0: in generic coordinates it turns within some thirty steps, as gradient descent does,
#: and forgets within the steps of the defaults.
_ADAM_STEP = 0.05

# Arrays of the size of all samples of a level that are held at once, and their labels and outputs.
_SAMPLE_COPIES = 3

#: Samples per step up to which a level has more draws, and the largest factor of their number.
_FULL_BATCH, _FRESH_BATCH, _MORE_DRAWS = 8000, 1024, 8


@dataclass(frozen=True)
class Setting:
    """What is trained; the defaults are the setting in which the theory's assumptions hold.

    Attributes:
        spectrum: power law, i^-0.8 with random prototypes of the profile i^-1.5; or spikes, four of 1 to 0.7 above a
            bulk of 0.04, two classes with 95 % of the signal in the spikes, so that the turning point waits for the
            slow bulk, many steps even at eta c lambda_1 near 2.
        dimension: d, above 4.
        classes: K; 2 for spikes.
        loss: softmax, logistic or squared.
        samples: n of each draw, all used in every step.
        batch_size: samples per step, drawn at every step instead of the n; 0 uses the n.
        step_share: eta c lambda_1, with c the curvature of the loss at W = 0.
        init_scale: sigma0.
        tail_index: of the within-class noise; infinity is Gaussian.
        minority_share: share of each class at minus its mean.
        label_noise: share of labels replaced.
        imbalance: frequency of the first class over that of the last, at least 1; geometric in between.
        optimiser: of OPTIMISERS; compared at equal steps with gradient descent, whose step momentum has once its memory
            has filled; Adam's clock has no counterpart, so that its shape and regime say more than its times.
        steps: last step, at least 2.
        draws: independent samples, each with a pair W(0), -W(0); at least 2.
        seed: of the samples, the batches and W(0).

    Raises:
        InputError: a value out of its range.
    """

    spectrum: str = SPECTRA[0]
    dimension: int = 100
    classes: int = 3
    loss: str = "softmax"
    samples: int = 8000
    batch_size: int = 0
    step_share: float = 0.04
    init_scale: float = 0.02
    tail_index: float = np.inf
    minority_share: float = 0.0
    label_noise: float = 0.0
    imbalance: float = 1.0
    optimiser: str = OPTIMISERS[0]
    steps: int = 1000
    draws: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("spectrum", self.spectrum, SPECTRA)
        one_of("optimiser", self.optimiser, OPTIMISERS)
        smallest = {"dimension": 5, "classes": 2, "samples": 2, "batch_size": 0, "steps": 2, "draws": 2, "seed": 0}
        for name, least in smallest.items():
            at_least(name, getattr(self, name), least)
        for name in ("step_share", "init_scale"):
            positive(name, getattr(self, name))
        if positive("imbalance", self.imbalance) < 1:
            raise InputError(f"imbalance: {quoted(self.imbalance)} is not accepted; give a number of at least 1")
        if self.spectrum == "spikes" and self.classes != 2:
            raise InputError(f"classes: {self.classes} is not accepted for spikes; give 2")
        loss_named(self.loss).outputs(self.classes)
        population_of(self)  # refuses a tail index, minority share or label noise out of range


def population_of(setting: Setting) -> Population:
    """The population that samples are drawn from."""
    if setting.spectrum == "spikes":
        model = DataModel.spiked((1.0, 0.9, 0.8, 0.7), 0.04, setting.dimension, 0.05, 0.95)
    else:
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


class Relaxed(Enum):
    """What varies along an axis; the values are fields of ``Setting``."""

    TAIL_INDEX = "tail_index"
    MINORITY_SHARE = "minority_share"
    LABEL_NOISE = "label_noise"
    BATCH_SIZE = "batch_size"
    STEP_SHARE = "step_share"
    SAMPLES = "samples"
    CLASSES = "classes"
    IMBALANCE = "imbalance"
    OPTIMISER = "optimiser"


@dataclass(frozen=True)
class Axis:
    """One assumption, relaxed step by step.

    Attributes:
        relaxed: what varies.
        title: what is varied, with its unit.
        assumption: the assumption of the theory that it relaxes.
        levels: values; the assumption holds best at the first.
        base: the setting around the field.
    """

    relaxed: Relaxed
    title: str
    assumption: str
    levels: tuple[Any, ...]
    base: Setting = field(default_factory=Setting)

    @property
    def name(self) -> str:
        """The field of ``Setting`` that varies, as users and files call the axis."""
        return self.relaxed.value

    def setting(self, level: Any) -> Setting:
        """The setting at a level; InputError where its value is out of range."""
        return replace(self.base, **{self.name: level})

    def level_name(self, level: Any) -> str:
        """A level as text."""
        if isinstance(level, str):
            return level
        if level == np.inf:
            return "Gaussian"
        return "all" if self.relaxed is Relaxed.BATCH_SIZE and level == 0 else f"{level:g}"


_SLOW = Setting(spectrum="spikes", classes=2, loss="squared", init_scale=0.1)

AXES = (
    Axis(Relaxed.TAIL_INDEX, "tail index of the noise", "A4, Gaussian projections", (np.inf, 10.0, 6.0, 4.0, 3.0, 2.5)),
    Axis(Relaxed.MINORITY_SHARE, "minority share", "A4, one Gaussian per class", (0.0, 0.05, 0.1, 0.2, 0.3)),
    Axis(Relaxed.LABEL_NOISE, "label noise", "A4, labels that follow the classes", (0.0, 0.1, 0.2, 0.3)),
    Axis(Relaxed.BATCH_SIZE, "new samples per step", "the population limit of a step", (0, 1024, 256, 64, 16)),
    Axis(
        Relaxed.STEP_SHARE, "step size, eta c lambda_1", "A5, small steps", (0.1, 0.3, 0.6, 1.0, 1.3, 1.6, 1.9), _SLOW
    ),
    Axis(
        Relaxed.SAMPLES, "samples n at d = 100", "many samples per direction", (8000, 4000, 2000, 1000, 500, 200, 100)
    ),
    Axis(Relaxed.CLASSES, "classes K", "nothing (the mean field takes every K)", (2, 3, 5, 10, 20)),
    Axis(Relaxed.IMBALANCE, "largest over smallest class", "nothing (frequencies are in the model)", (1.0, 10.0, 30.0)),
    Axis(Relaxed.OPTIMISER, "optimiser", "plain gradient descent", OPTIMISERS),
)


def settings(draws: int, seed: int, names: Sequence[str] = ()) -> list[tuple[Axis, Setting]]:
    """Every level of every axis, or of those that are named.

    All have the same seed, so that what changes along an axis is the departure and not the sample; the first level of
    most axes is one and the same setting. Levels with few samples or small batches, which are noisy and cheap, have up
    to eight times the draws.

    Args:
        draws: of a level with a full batch, at least 2.
        seed: see ``Setting``.
        names: of axes; none for all of them.

    Raises:
        InputError: a number out of range, or an unknown name.
    """
    at_least("draws", draws, 2)
    for name in names:
        one_of("axis", name, [axis.name for axis in AXES])
    chosen = []
    for axis in AXES:
        if names and axis.name not in names:
            continue
        for level in axis.levels:
            setting = replace(axis.setting(level), seed=seed)
            more = _FRESH_BATCH // setting.batch_size if setting.batch_size else _FULL_BATCH // setting.samples
            chosen.append((axis, replace(setting, draws=draws * min(max(more, 1), _MORE_DRAWS))))
    held = max(array_bytes((one.draws, one.batch_size or one.samples, one.dimension), 4) for _, one in chosen)
    check_memory("draws", _SAMPLE_COPIES * held, "give fewer")
    return chosen


@dataclass(frozen=True)
class _Rule:
    """An optimiser, its step size for a given one of gradient descent, and whether inputs are rotated at random.

    Gradient descent moves alike in all orthonormal coordinates; Adam, which scales each by its own gradient, does not.
    """

    optimiser: Optimiser
    step_size: float
    rotated: bool


def _rule(setting: Setting, step_size: float) -> _Rule:
    if setting.optimiser in _ADAM_ROTATED:
        # Each of its steps moves a weight by up to eta, for any gradient.
        return _Rule(Adam(), _ADAM_STEP * setting.init_scale, _ADAM_ROTATED[setting.optimiser])
    # Heavy-ball momentum m moves as descent at eta / (1 - m) once its memory has filled.
    momentum = _MOMENTA[setting.optimiser]
    return _Rule(GradientDescent(momentum), step_size * (1 - momentum), False)


def measure_robustness(setting: Setting) -> dict[str, Any]:
    """The task: train, derive, compare.

    Returns:
        ``descent`` and ``flow``: the values of a ``Departure`` of training from the mean field of gradient descent
        with the same steps, and from the gradient flow.

    Raises:
        InputError: training diverged, or a step size that is not stable.
    """
    population, loss = population_of(setting), loss_named(setting.loss)
    model = population.data_model()
    step_size = setting.step_share / (loss.initial_curvature(setting.classes) * float(model.eigenvalues[0]))
    rule = _rule(setting, step_size)
    rotation = _rotation(setting.dimension, setting.seed) if rule.rotated else np.eye(setting.dimension)
    outputs = loss.outputs(setting.classes)
    half = initial_weights(setting.draws, outputs, setting.dimension, setting.init_scale, setting.seed)
    weights = np.concatenate([half, -half])
    source = _source(setting, population, rotation)
    basis = rotation if model.basis is None else rotation @ model.basis
    seen = replace(model, basis=basis)
    steps = logarithmic_steps(setting.steps)
    result = train(source, seen, loss, weights @ rotation.T, steps, rule.step_size, rule.optimiser)
    if result.status is not Status.COMPLETED:
        raise InputError(f"step_share: training diverged at {setting.step_share:g}; give a smaller one")
    trained = _draw_curve(result.steps, result.losses)
    start = model.to_eigenbasis(weights)
    compared = {}
    for name, finer in (("descent", 1), ("flow", _FLOW_STEPS)):
        derived = mean_field_curve(model, loss, start, finer * result.steps, step_size / finer)
        compared[name] = departure(_draw_curve(result.steps, derived.losses), trained).as_values()
    return compared


def _draw_curve(steps: IntArray, losses: FloatArray) -> Curve:
    """The mean of each draw's pair W(0), -W(0), over steps; the second halves of the pairs follow the first ones."""
    return Curve(steps.astype(np.float64), losses.reshape(2, -1, steps.size).mean(axis=0))


def _rotation(dimension: int, seed: int) -> FloatArray:
    """(dimension, dimension) random orthogonal matrix."""
    orthogonal, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((dimension, dimension)))
    return np.asarray(orthogonal, dtype=np.float64)


def _source(setting: Setting, population: Population, rotation: FloatArray) -> BatchSource:
    """A group for each draw, or, with new samples at every step, for each network."""
    if setting.batch_size:
        return FreshSamples(population, setting.batch_size, 2 * setting.draws, setting.seed)
    turned = torch.from_numpy(rotation.T).to(torch.float32)
    seeds = np.random.SeedSequence(setting.seed).generate_state(setting.draws).tolist()
    drawn = [sample(population, setting.samples, seed) for seed in seeds]
    return JoinedSources([FullBatch(inputs @ turned, labels) for inputs, labels in drawn])


@dataclass(frozen=True)
class Point:
    """A level of an axis and its result.

    Attributes:
        axis: what is varied.
        setting: what was trained.
        descent: departure of training from gradient descent as derived; None where it failed.
        flow: departure from the gradient flow; None likewise.
        failure: the error it ended with; None where it succeeded.
    """

    axis: Axis
    setting: Setting
    descent: Departure | None
    flow: Departure | None
    failure: str | None = None

    @property
    def level(self) -> Any:
        """The value of the axis."""
        return getattr(self.setting, self.axis.name)

    @property
    def level_name(self) -> str:
        """The value of the axis as text."""
        return self.axis.level_name(self.level)


@dataclass(frozen=True, eq=False)
class Robustness:
    """All axes, and where phase III fails at large steps.

    Attributes:
        points: level by level, the axes in the order of AXES.
        rises: of explained variance in phase III, by step size.
    """

    points: tuple[Point, ...]
    rises: tuple[Rise, ...]

    @property
    def failures(self) -> tuple[Point, ...]:
        """The levels that failed."""
        return tuple(point for point in self.points if point.failure is not None)

    def along(self, axis: Axis) -> tuple[Point, ...]:
        """The levels of an axis."""
        return tuple(point for point in self.points if point.axis is axis)


def run_robustness_sweep(
    chosen: Sequence[tuple[Axis, Setting]], folder: RunFolder, scheduler: Scheduler, progress: Progress = silent
) -> Robustness:
    """Measure every level that the folder has no result of; errors as of ``sweep.run_sweep``.

    Args:
        chosen: axes with their settings, as from ``settings``.
        folder: where results are stored.
        scheduler: where to run.
        progress: shows how many of the settings without a result are done.
    """
    distinct = list(dict.fromkeys(setting for _, setting in chosen))
    swept = run_sweep(distinct, measure_robustness, folder, scheduler, progress)
    results = dict(zip(distinct, swept.results, strict=True))
    failures = {distinct[index]: failure.message for index, failure in swept.failures}
    points = [Point(axis, setting, *_departures(results[setting]), failures.get(setting)) for axis, setting in chosen]
    return Robustness(tuple(points), tuple(phase_three_rises()))


def _departures(found: dict[str, Any] | None) -> tuple[Departure | None, Departure | None]:
    """From descent and from the flow, of a result of ``measure_robustness``."""
    if found is None:
        return None, None
    return Departure.from_values(found["descent"]), Departure.from_values(found["flow"])
