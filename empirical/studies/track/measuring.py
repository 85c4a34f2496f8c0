"""Networks trained from several seeds, each of their checkpoints measured once.

The folder of a run holds, for every seed, the checkpoints and a table per checkpoint. What this run has already
finished is not repeated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from empirical.data.images import ImageData, Normalisation
from empirical.networks.network_training import TrainingRun
from empirical.probes.measures import Measure, Measurement
from empirical.probes.on_request import requested_probe
from empirical.probes.probe_tasks import ProbeTask
from empirical.probes.standard import ProbePlan, measure_checkpoint
from empirical.studies.track.plan import TrackPlan
from empirical.studies.track.trainings import Rows
from simulation.runs.run_folder import RunFolder, array_digest, part_key
from theory import InputError
from theory.progress import Progress, silent


def measured_trainings(
    plan: TrackPlan,
    data: ImageData,
    tasks: Sequence[ProbeTask],
    folder: RunFolder,
    device: torch.device,
    progress: Progress = silent,
) -> Rows:
    """Train, measure every checkpoint, and collect the measurements.

    Args:
        plan: what is trained and measured.
        data: training and test images.
        tasks: for the linear classifiers.
        folder: of the run: seed-N/checkpoints and seed-N/measures.
        device: that trains and measures.
        progress: shows how many checkpoints of all seeds are done.

    Returns:
        For every seed, for every checkpoint, its measurements.

    Raises:
        InputError: a folder of another run, training that diverges, an unknown layer, NaN (named with layer and step).
        OSError: the disk is full.
    """
    normalisation = Normalisation.from_images(data.train)
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
    return tuple(tuple(found[seed * per_seed : (seed + 1) * per_seed]) for seed in range(plan.seeds))


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
    """One group of measurements of one checkpoint: read from the disk, or made now."""
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
    run.folder.write_json(name, {"step": step, "measurements": [_stored(row) for row in rows]})
    return tuple(rows)


def _stored(row: Measurement) -> dict[str, Any]:
    return asdict(row) | {"measure": row.measure.name}


def _read_measurements(path: Path) -> tuple[Measurement, ...] | None:
    """The measurements in a file; None where there is none or it cannot be read as one."""
    if not path.is_file():
        return None
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["measurements"]
        return tuple(_read_measurement(row) for row in rows)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _read_measurement(row: dict[str, Any]) -> Measurement:
    values = {name: _number(value) for name, value in row.items()}
    return Measurement(**(values | {"measure": Measure.from_name(row["measure"])}))


def _number(value: Any) -> Any:
    """A number for JSON, which has no NaN: null replaces it."""
    return float("nan") if value is None else value
