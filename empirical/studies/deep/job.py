"""The job of ``phases deep``: turning points of tracked trainings, derived from their untrained networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from empirical.data.images import GivenImages, given_images
from empirical.probes.probe_tasks import at_least_32, transfer_tasks
from empirical.studies.deep.last_layer import effective_step_size, last_layer_curve
from empirical.studies.deep.report import DeepReport
from empirical.studies.deep.row import DeepRow
from empirical.studies.report import run_folder
from empirical.studies.track.report import TrackReport
from empirical.tracker.phase_reading import Estimate
from simulation.devices import checked_device
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import DEEP
from theory import Curve, InputError, boundaries_of
from theory.progress import Progress, described, silent


def deep(
    trainings: Sequence[str | Path | TrackReport],
    data: GivenImages = "cifar10",
    *,
    folder: str | Path | None = None,
    device: torch.device | str = "cpu",
    progress: Progress = silent,
) -> DeepReport:
    """Derive the boundaries of tracked trainings from the last layer of their networks before training.

    Args:
        trainings: what ``track`` returned, or the folders of it.
        data: the images of all of them: their name or path, or what loads them (``given_images``).
        folder: where the report is saved; None saves nothing.
        device: that computes the features: cpu, cuda, or cuda:1 and so on.
        progress: shows how many networks are done.

    Raises:
        InputError: no training, a folder that ``track`` did not write or that is damaged, a training on other images;
            a ``folder`` of another job.
    """
    place, computed_on = run_folder(folder, DEEP), checked_device(device)
    if not trainings or isinstance(trainings, str):
        raise InputError(f"trainings: {trainings!r} is not accepted; give a list of at least one folder or report")
    tracked = [one if isinstance(one, TrackReport) else TrackReport.read(one) for one in trainings]
    images = at_least_32(given_images(data))
    chosen = [transfer_tasks(images, one.plan.classes, None)[0] for one in tracked]
    for one, own in zip(tracked, chosen, strict=True):
        if one.data != own.name:
            raise InputError(f"trainings: one is on {one.data}, the images are {own.name}; give those that it is on")
    pairs = [(number, seed) for number, one in enumerate(tracked) for seed in range(one.plan.seeds)]
    curves: list[list[Curve]] = [[] for _ in tracked]
    for number, seed in described(progress, "networks")(pairs):
        training = tracked[number].plan.training
        own_plan = replace(training, seed=training.seed + seed)
        curves[number].append(last_layer_curve(own_plan, chosen[number], computed_on))
    rows = tuple(_row(one, found) for one, found in zip(tracked, curves, strict=True))
    report = DeepReport(rows, software_versions(computed_on), images.notes)
    if place is not None:
        report.save(place)
    return report


def _row(tracked: TrackReport, curves: Sequence[Curve]) -> DeepRow:
    """One training: its boundaries as measured, and those of the mean of the derived curves of its seeds."""
    step_size = effective_step_size(tracked.plan.training)
    whole = Curve(curves[0].times, np.concatenate([one.losses for one in curves]))
    reading = tracked.readings[tracked.last_layer]
    return DeepRow(
        network=tracked.plan.training.network,
        data=tracked.data,
        layer=tracked.last_layer,
        step_size=step_size,
        derived_half_fall=_estimate(whole, "fraction_point", step_size),
        derived_turning_point=_estimate(whole, "turning_point", step_size),
        half_fall=reading.half_fall,
        turning_point=reading.turning_point,
    )


def _estimate(curve: Curve, name: str, step_size: float) -> Estimate:
    """Step of a boundary of the mean curve, with the standard error over seeds where each of them has it."""
    value, *own = (getattr(boundaries_of(curve.times, losses), name) for losses in (curve.mean, *curve.losses))
    known = [one / step_size for one in own if one is not None]
    error = np.std(known, ddof=1) / np.sqrt(len(known)) if len(known) == len(own) > 1 else np.nan
    return Estimate(np.nan if value is None else value / step_size, float(error))
