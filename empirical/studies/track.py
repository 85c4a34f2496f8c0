"""Phases of deep training: networks trained from several seeds, each of their checkpoints measured once.

The folder of a run holds, for every seed, the checkpoints and a table a checkpoint. Whatever is there already, of this
very run, is not done again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from empirical.data.images import ImageData, Normalisation
from empirical.networks.network_training import TrainingPlan, TrainingRun, checkpoint_steps
from empirical.probes.on_request import requested_probe
from empirical.probes.probe_tasks import ProbeTask
from empirical.probes.standard import RECONSTRUCTION, Measurement, ProbePlan, measure_checkpoint
from empirical.tracker.phase_reading import PhaseReading, read_phases
from simulation.runs.run_folder import RunFolder, array_digest, part_key
from theory import InputError
from theory.progress import Progress, silent
from theory.validation import FloatArray, IntArray, at_least

#: Networks of one run, at most.
LARGEST_SEEDS = 1_000

# Seeds of torch's generators are below it.
_SEEDS_END = 2**63


@dataclass(frozen=True)
class TrackPlan:
    """What is trained and how it is measured.

    Attributes:
        training: of every network, apart from the seed.
        probe: of every checkpoint.
        seeds: number of networks, of seeds 0, 1, ... counted from the training plan's.
        also: probes made on request, by name (``empirical.probes.on_request``).
        also_stride: these are made at every n-th checkpoint, counted back from the last.
    """

    training: TrainingPlan
    probe: ProbePlan
    seeds: int = 1
    also: tuple[str, ...] = ()
    also_stride: int = 1

    def __post_init__(self) -> None:
        if at_least("seeds", self.seeds, 1) > LARGEST_SEEDS:
            raise InputError(f"seeds: {self.seeds} is not accepted; give an integer from 1 to {LARGEST_SEEDS}")
        if self.training.seed + self.seeds > _SEEDS_END:
            raise InputError(f"seed: {self.training.seed} with {self.seeds} seeds goes beyond 2^63 - 1; give less")
        at_least("also_stride", self.also_stride, 1)
        for name in self.also:
            requested_probe(name)

    @property
    def steps(self) -> IntArray:
        """(T,) the checkpoints' steps."""
        return checkpoint_steps(self.training.steps)

    @property
    def also_steps(self) -> IntArray:
        """The steps at which probes are made on request."""
        return self.steps[:: -self.also_stride][::-1]


@dataclass(frozen=True, eq=False)
class Tracked:
    """Measurements of all checkpoints of all seeds.

    Attributes:
        plan: what was asked for.
        data: name of the data set.
        rows: for every seed, for every checkpoint, its measurements.
    """

    plan: TrackPlan
    data: str
    rows: tuple[tuple[tuple[Measurement, ...], ...], ...]

    def values(self, layer: str, measure: str) -> FloatArray:
        """(seed, T) values of one measure of one layer; NaN where a probe on request was not made.

        Raises:
            InputError: nothing of that name was measured.
        """
        if measure not in self.measures(layer):
            raise InputError(f"measure: {measure!r} of {layer!r} was not measured; give one of {self.measures(layer)}")
        found = [
            [next((row.value for row in rows if (row.layer, row.measure) == (layer, measure)), np.nan) for rows in seed]
            for seed in self.rows
        ]
        return np.asarray(found, dtype=np.float64)

    def measures(self, layer: str) -> list[str]:
        """What was measured of a layer; at the last checkpoint nothing is left out."""
        return [row.measure for row in self.rows[0][-1] if row.layer == layer]

    def phases(self, layer: str, measure: str = RECONSTRUCTION) -> PhaseReading:
        """The phases of one layer's curve."""
        return read_phases(self.plan.steps, self.values(layer, measure))


def track(
    plan: TrackPlan,
    data: ImageData,
    tasks: Sequence[ProbeTask],
    folder: RunFolder,
    device: torch.device,
    progress: Progress = silent,
) -> Tracked:
    """Train, measure every checkpoint, and collect the measurements.

    Args:
        plan: what is trained and measured.
        data: training and test images.
        tasks: for the linear classifiers.
        folder: of the run: seed-N/checkpoints and seed-N/measures.
        device: that trains and measures.
        progress: wraps the checkpoints of all seeds.

    Raises:
        InputError: a folder of another run, training that diverges, an unknown layer, NaN (named with layer and step).
        OSError: the disk is full.
    """
    normalisation = Normalisation.of(data.train)
    runs = [_run(plan, seed, data, normalisation, folder, device) for seed in range(plan.seeds)]
    pairs = [(run, int(step)) for run in runs for step in plan.steps]
    test = part_key(asdict(plan.probe) | {"data": array_digest(data.test.images, data.test.labels)})
    labelled = [array_digest(split.images, split.labels) for task in tasks for split in (task.train, task.test)]

    def standard(network: nn.Module) -> list[Measurement]:
        return measure_checkpoint(network, data, normalisation, tasks, plan.probe, device)

    found: list[tuple[Measurement, ...]] = []
    for run, step in progress(pairs):
        rows = _measured(run, step, "measures", {"probe": [test, *labelled]}, standard)
        for name in plan.also if step in plan.also_steps else ():
            probe = partial(_on_request, name, data, normalisation, plan.probe, device)
            rows += _measured(run, step, name.replace(" ", "-"), {"probe": [test, name]}, probe)
        found.append(rows)
    per_seed = len(plan.steps)
    by_seed = (tuple(found[seed * per_seed : (seed + 1) * per_seed]) for seed in range(plan.seeds))
    return Tracked(plan, data.name, tuple(by_seed))


def _run(
    plan: TrackPlan, seed: int, data: ImageData, normalisation: Normalisation, folder: RunFolder, device: torch.device
) -> TrainingRun:
    training = replace(plan.training, seed=plan.training.seed + seed)
    own = RunFolder(folder.path / f"seed-{training.seed}")
    own.remove_abandoned("measures")
    return TrainingRun(training, data.train, data.classes, normalisation, own, device)


def _on_request(
    name: str,
    data: ImageData,
    normalisation: Normalisation,
    plan: ProbePlan,
    device: torch.device,
    network: nn.Module,
) -> list[Measurement]:
    return requested_probe(name)(network, data, normalisation, plan, device, silent)


def _measured(
    run: TrainingRun,
    step: int,
    group: str,
    configuration: dict[str, Any],
    measure: Callable[[nn.Module], list[Measurement]],
) -> tuple[Measurement, ...]:
    """One group of measurements of one checkpoint: those on the disk, or made now."""
    key = part_key({"training": run.key, "step": step} | configuration)
    name = f"{group}/step-{step:08d}-{key}.json"
    known = _read_measurements(run.folder.path / name)
    if known is not None:
        return known
    run.train_to(step)
    try:
        rows = measure(run.network_at(step))
    except InputError as error:
        raise InputError(f"step {step} of seed {run.plan.seed}: {error}") from None
    run.folder.write_json(name, {"step": step, "measurements": [asdict(row) for row in rows]})
    return tuple(rows)


def _read_measurements(path: Path) -> tuple[Measurement, ...] | None:
    """The measurements in a file; None where there is none or it cannot be read as one."""
    if not path.is_file():
        return None
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["measurements"]
        return tuple(Measurement(**{name: _number(value) for name, value in row.items()}) for row in rows)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _number(value: Any) -> Any:
    """JSON has no NaN; null stands for it."""
    return float("nan") if value is None else value


def measurement_columns(tracked: Tracked) -> dict[str, Any]:
    """Columns of the table of all measurements: one row a seed, step, layer and measure."""
    first = tracked.plan.training.seed
    flat = [
        (first + seed, int(step), row)
        for seed, checkpoints in enumerate(tracked.rows)
        for step, rows in zip(tracked.plan.steps, checkpoints, strict=True)
        for row in rows
    ]
    return {
        "seed": [seed for seed, _, _ in flat],
        "step": [step for _, step, _ in flat],
    } | {
        name: [getattr(row, name) for _, _, row in flat]
        for name in ("layer", "measure", "value", "standard_error", "note")
    }
