"""Whether the recommended checkpoint transfers better than the last one, task by task, and by how much.

The recommendation is that of the stop rule on the exact reconstruction loss of the last layer, which knows nothing of
the tasks. Seeds are paired: what one seed's network gains by stopping early is one observation.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import numpy as np
from scipy import stats

from empirical.probes.probe_tasks import CLASS
from empirical.probes.standard import PROBE_ACCURACY, RECONSTRUCTION
from empirical.studies.track import Tracked
from empirical.tracker.phase_reading import Estimate, mean_over_seeds
from empirical.tracker.stop_rule import StopRule
from theory import InputError
from theory.validation import FloatArray, IntArray

#: Coverage of the intervals that decide.
COVERAGE = 0.95


class Effect(Enum):
    """What stopping at the recommended checkpoint does to a task, compared with the last checkpoint."""

    HELPS = "helps"
    HURTS = "hurts"
    UNDECIDED = "no difference seen"


@dataclass(frozen=True)
class TransferRow:
    """One task of one tracked training; accuracies are of linear probes of the last layer on held-out images.

    Attributes:
        network: its name.
        data: what it was trained on.
        layer: that is probed, and whose reconstruction loss decides.
        task: the task's name.
        alignment: share of the task's linear signal that the source's predictors see.
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
        effect: what the interval says.
    """

    network: str
    data: str
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


def recommended_indices(tracked: Tracked) -> IntArray:
    """(seed,) index of the checkpoint that the stop rule recommends, from the losses of the last layer."""
    layer = tracked.plan.probe.layers[-1]
    steps = tracked.plan.steps.tolist()
    found = []
    for losses in tracked.values(layer, RECONSTRUCTION):
        rule = StopRule([layer])
        for step, loss in zip(steps, losses, strict=True):
            rule.update(step, {layer: [float(loss)]})
        found.append(steps.index(rule.recommendation))
    return np.array(found)


def transfer_rows(tracked: Tracked, alignments: dict[str, float]) -> list[TransferRow]:
    """A row for every task of transfer.

    Args:
        tracked: measurements of all seeds.
        alignments: of the task trained on with each task, by name.

    Raises:
        InputError: no task of transfer was probed, or one without its alignment.
    """
    layer = tracked.plan.probe.layers[-1]
    probed = [one.removeprefix(PROBE_ACCURACY) for one in tracked.measures(layer) if one.startswith(PROBE_ACCURACY)]
    tasks = [task for task in probed if task != CLASS]
    if not tasks:
        raise InputError(f"folder: {tracked.data} was tracked without a task of transfer; give one with such tasks")
    missing = [task for task in tasks if task not in alignments]
    if missing:
        raise InputError(f"folder: the alignment of {missing[0]!r} is missing; track again in that folder")
    chosen = recommended_indices(tracked)
    return [_row(tracked, layer, task, alignments[task], chosen) for task in tasks]


def _row(tracked: Tracked, layer: str, task: str, alignment: float, chosen: IntArray) -> TransferRow:
    accuracy = tracked.values(layer, PROBE_ACCURACY + task)
    steps = tracked.plan.steps
    best = int(np.argmax(accuracy.mean(axis=0)))
    recommended = accuracy[np.arange(chosen.size), chosen]
    gains = recommended - accuracy[:, -1]
    gain = mean_over_seeds(gains)
    half_width = _half_width(gains)
    return TransferRow(
        network=tracked.plan.training.network,
        data=tracked.data,
        layer=layer,
        task=task,
        alignment=alignment,
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
    )


def _half_width(values: FloatArray) -> float:
    """Of the interval about the mean of (seed,) values."""
    if values.size < 2:
        return float("nan")
    quantile = float(stats.t.ppf((1 + COVERAGE) / 2, values.size - 1))
    return quantile * float(values.std(ddof=1)) / float(np.sqrt(values.size))


def _effect(gain: float, half_width: float) -> Effect:
    if gain > half_width:
        return Effect.HELPS
    return Effect.HURTS if gain < -half_width else Effect.UNDECIDED


def transfer_as_json(rows: list[TransferRow]) -> list[dict[str, Any]]:
    """The rows as plain data."""
    return [asdict(row) | {"effect": row.effect.value} for row in rows]


def transfer_lines(rows: list[TransferRow]) -> list[str]:
    """The table as aligned lines of text, in the order of the alignment, and what it says in words."""
    header = ("network", "trained on", "task", "alignment", "recommended", "best", "last", "gain", "effect")
    ordered = sorted(rows, key=lambda row: row.alignment)
    table = [header] + [
        (
            row.network,
            row.data,
            row.task,
            f"{row.alignment:.2f}",
            f"{_accuracy(row.recommended)} at {_range(row.recommended_steps)}",
            f"{_accuracy(row.best)} at {row.best_step:,}",
            f"{_accuracy(row.last)} at {row.last_step:,}",
            f"{row.gain.value:+.3f}" + ("" if np.isnan(row.half_width) else f" +- {row.half_width:.3f}"),
            row.effect.value,
        )
        for row in ordered
    ]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return [*lines, *(_sentence(row) for row in ordered)]


def _sentence(row: TransferRow) -> str:
    where = f"{row.network} trained on {row.data}, {row.task}"
    if row.effect is Effect.HELPS:
        return f"{where}: stopping helps"
    if row.effect is Effect.HURTS:
        return f"{where}: stopping does not help, training on does"
    if len(row.recommended_steps) == 1:
        return f"{where}: one seed does not tell stopping from training on; give several"
    return f"{where}: {len(row.recommended_steps)} seeds do not tell stopping from training on"


def _accuracy(estimate: Estimate) -> str:
    return f"{estimate.value:.3f}" if np.isnan(estimate.error) else f"{estimate.value:.3f} +- {estimate.error:.3f}"


def _range(steps: tuple[int, ...]) -> str:
    low, high = min(steps), max(steps)
    return f"{low:,}" if low == high else f"{low:,}-{high:,}"
