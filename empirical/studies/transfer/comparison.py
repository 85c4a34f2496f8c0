"""Measures what a tracked training gains on each task by stopping at the recommended checkpoint, not the last one.

The recommendation is that of the stop rule on the exact reconstruction loss of the last layer, which does not depend on
the tasks. Seeds are paired: what one seed's network gains by stopping early is one observation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy import stats

from empirical.probes.measures import RECONSTRUCTION, Measure
from empirical.probes.probe_tasks import CLASS
from empirical.studies.track.report import TrackReport
from empirical.tracker.phase_reading import Estimate, mean_over_seeds
from empirical.tracker.stop_rule import StopRule
from theory import InputError
from theory.validation import FloatArray, IntArray

#: Coverage of the intervals that decide.
COVERAGE = 0.95


class Effect(Enum):
    """The effect on a task of stopping at the recommended checkpoint, compared with the last checkpoint."""

    HELPS = "helps"
    HURTS = "hurts"
    UNDECIDED = "no difference seen"


@dataclass(frozen=True)
class TransferRow:
    """One task of one tracked training; accuracies are of linear probes of the last layer on held-out images.

    Attributes:
        training: its number among those compared, from 0 on.
        network: its name.
        data: what it was trained on.
        classes: of the data that it was trained on; None for all.
        layer: that is probed, and whose reconstruction loss decides.
        task: the task's name.
        alignment: share of the task's linear signal within the source's predictors.
        recommended_steps: for each seed the recommended checkpoint's step.
        best_step: the single step of the best mean accuracy, chosen on the images that it is scored on. A rule that
            takes another step for each seed may do better.
        last_step: of the training.
        first: accuracy at step 0.
        recommended: accuracy at the recommended steps.
        best: accuracy at the best step.
        last: accuracy at the last step.
        gain: recommended less last, seed by seed.
        regret: best less recommended, seed by seed.
        half_width: of the interval of COVERAGE about the gain, by Student's distribution; NaN for one seed.
        effect: by the interval.
        base_width: of the network's first part; None for the family's default.
    """

    training: int
    network: str
    data: str
    classes: tuple[int, ...] | None
    layer: str
    task: str
    alignment: float
    recommended_steps: tuple[int, ...]
    best_step: int
    last_step: int
    first: Estimate
    recommended: Estimate
    best: Estimate
    last: Estimate
    gain: Estimate
    regret: Estimate
    half_width: float
    effect: Effect
    base_width: int | None = None


@dataclass(frozen=True, eq=False)
class TaskCurve:
    """Held-out accuracies of a linear probe of one task over a training.

    Attributes:
        steps: (T,) the checkpoints' steps.
        accuracy: (seed, T).
    """

    steps: IntArray
    accuracy: FloatArray


def task_curves(tracked: TrackReport, rows: Sequence[TransferRow]) -> list[TaskCurve]:
    """The curve of the task of each row of one training."""
    return [TaskCurve(tracked.plan.steps, tracked.values(row.layer, Measure.probe(row.task))) for row in rows]


def recommended_indices(tracked: TrackReport) -> IntArray:
    """(seed,) index of the checkpoint that the stop rule recommends, from the losses of the last layer."""
    layer = tracked.last_layer
    steps = tracked.plan.steps.tolist()
    found = []
    for losses in tracked.values(layer, RECONSTRUCTION):
        rule = StopRule([layer])
        for step, loss in zip(steps, losses, strict=True):
            rule.update(step, {layer: [float(loss)]})
        found.append(steps.index(rule.recommendation))
    return np.array(found)


def transfer_rows(tracked: TrackReport, training: int = 0) -> list[TransferRow]:
    """A row for every task of transfer.

    Args:
        tracked: measurements of all seeds.
        training: its number among those compared.

    Raises:
        InputError: no task of transfer was probed, or one without its alignment.
    """
    tasks = [task for task in tracked.tasks(tracked.last_layer) if task != CLASS]
    if not tasks:
        raise InputError(f"folder: {tracked.data} was tracked without a task of transfer; give one with such tasks")
    missing = [task for task in tasks if task not in tracked.alignment]
    if missing:
        raise InputError(f"folder: the alignment of {missing[0]!r} is missing; track again in that folder")
    chosen = recommended_indices(tracked)
    return [_row(tracked, training, task, chosen) for task in tasks]


def _row(tracked: TrackReport, training: int, task: str, chosen: IntArray) -> TransferRow:
    layer = tracked.last_layer
    accuracy = tracked.values(layer, Measure.probe(task))
    steps = tracked.plan.steps
    best = int(np.argmax(accuracy.mean(axis=0)))
    recommended = accuracy[np.arange(chosen.size), chosen]
    gains = recommended - accuracy[:, -1]
    gain = mean_over_seeds(gains)
    half_width = _half_width(gains)
    return TransferRow(
        training=training,
        network=tracked.plan.training.network,
        data=tracked.data,
        classes=tracked.plan.classes,
        layer=layer,
        task=task,
        alignment=tracked.alignment[task],
        recommended_steps=tuple(int(steps[index]) for index in chosen),
        best_step=int(steps[best]),
        last_step=int(steps[-1]),
        first=mean_over_seeds(accuracy[:, 0]),
        recommended=mean_over_seeds(recommended),
        best=mean_over_seeds(accuracy[:, best]),
        last=mean_over_seeds(accuracy[:, -1]),
        gain=gain,
        regret=mean_over_seeds(accuracy[:, best] - recommended),
        half_width=half_width,
        effect=_effect(gain.value, half_width),
        base_width=tracked.plan.training.base_width,
    )


def _half_width(values: FloatArray) -> float:
    """Half width of the interval about the mean of (seed,) values."""
    if values.size < 2:
        return float("nan")
    quantile = float(stats.t.ppf((1 + COVERAGE) / 2, values.size - 1))
    return quantile * float(values.std(ddof=1)) / float(np.sqrt(values.size))


def adjusted_half_width(row: TransferRow, comparisons: int) -> float:
    """Half width of the interval about a row's gain that holds for that many comparisons at once (Bonferroni).

    Args:
        row: of at least two seeds; NaN otherwise.
        comparisons: number of rows that are judged together.
    """
    freedom = len(row.recommended_steps) - 1
    if freedom < 1:
        return float("nan")
    single, joint = (stats.t.ppf(1 - (1 - COVERAGE) / (2 * count), freedom) for count in (1, comparisons))
    return row.half_width * float(joint / single)


def _effect(gain: float, half_width: float) -> Effect:
    if gain > half_width:
        return Effect.HELPS
    return Effect.HURTS if gain < -half_width else Effect.UNDECIDED
