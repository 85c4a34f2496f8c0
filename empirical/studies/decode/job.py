"""The job of ``phases decode``: what a linear decoder makes of images at checkpoints of a tracked training."""

from __future__ import annotations

from pathlib import Path

import torch

from empirical.data.images import GivenImages, ImageData, Normalisation, given_images
from empirical.networks.network_training import TrainingRun
from empirical.probes.probe_tasks import at_least_32, transfer_tasks
from empirical.studies.decode.decoding import decoded_images, first_of_each_class
from empirical.studies.decode.plan import DecodePlan
from empirical.studies.decode.report import DecodeReport
from empirical.studies.report import run_folder
from empirical.studies.track.report import TrackReport
from empirical.studies.transfer.comparison import recommended_indices
from simulation.devices import checked_device
from simulation.runs.run_folder import RunFolder, software_versions
from simulation.runs.run_kinds import DECODE
from theory import InputError
from theory.progress import Progress, described, silent
from theory.validation import given_or_default, path_argument


def decode(
    tracked: str | Path,
    data: GivenImages = "cifar10",
    plan: DecodePlan | None = None,
    *,
    folder: str | Path | None = None,
    device: torch.device | str = "cpu",
    progress: Progress = silent,
) -> DecodeReport:
    """Decode test images from a layer of the first network of a tracked training, at a few of its checkpoints.

    Args:
        tracked: folder of ``track``, with the checkpoints that it keeps.
        data: the images of the training: their name or path, or what loads them (``given_images``).
        plan: checkpoints and images; ``DecodePlan()`` by default.
        folder: where the report is saved; None saves nothing.
        device: that computes: cpu, cuda, or cuda:1 and so on.
        progress: shows how many checkpoints are done.

    Raises:
        InputError: a folder that ``track`` did not write, without its checkpoints, or of other images; a step without
            a checkpoint; an unknown layer; a ``folder`` of another job.
    """
    chosen, place, computed_on = (
        given_or_default("plan", plan, DecodePlan),
        run_folder(folder, DECODE),
        checked_device(device),
    )
    report = TrackReport.read(tracked)
    images = at_least_32(given_images(data))
    own = transfer_tasks(images, report.plan.classes, None)[0]
    if own.name != report.data:
        raise InputError(f"tracked: is on {report.data}, the images are {own.name}; give those that it is on")
    run = _first_run(path_argument("tracked", tracked), report, own, computed_on)
    steps = _steps(chosen, report)
    layer = report.last_layer if chosen.layer is None else chosen.layer
    numbers = first_of_each_class(own.test.labels, chosen.images)
    decoded = tuple(
        decoded_images(run.network_at(step), step, layer, own, numbers, report.plan.probe, computed_on)
        for step in described(progress, "checkpoints")(steps)
    )
    found = DecodeReport(
        report.plan.training.network,
        report.plan.training.base_width,
        own.name,
        layer,
        report.plan.training.seed,
        numbers,
        tuple(own.class_names[label] for label in own.test.labels[numbers]),
        own.test.images.shape[1:],
        own.test.images[numbers],
        decoded,
        software_versions(computed_on),
        images.notes,
    )
    if place is not None:
        found.save(place)
    return found


def _first_run(folder: Path, report: TrackReport, data: ImageData, device: torch.device) -> TrainingRun:
    """The training of the first seed, with its checkpoints."""
    training = report.plan.training
    place = folder / f"seed-{training.seed}"
    if not (place / "checkpoints").is_dir():
        raise InputError(f"tracked: {place / 'checkpoints'} is missing; track again, and keep the checkpoints")
    return TrainingRun(
        training, data.train, data.classes, Normalisation.from_images(data.train), RunFolder(place), device
    )


def _steps(plan: DecodePlan, report: TrackReport) -> list[int]:
    """The steps that are asked for, or the first, the recommended and the last one."""
    known = report.plan.steps.tolist()
    missing = next((step for step in plan.steps if step not in known), None)
    if missing is not None:
        raise InputError(f"steps: {missing} has no checkpoint; give some of {', '.join(map(str, known))}")
    if plan.steps:
        return list(plan.steps)
    return sorted({known[0], known[int(recommended_indices(report)[0])], known[-1]})
