"""The job of ``phases track``: train a deep network and measure the phases of each of its layers."""

from __future__ import annotations

from pathlib import Path

import torch

from empirical.data.images import GivenImages, Normalisation, given_images
from empirical.networks.networks import build_network
from empirical.probes.probe_tasks import at_least_32, transfer_tasks
from empirical.probes.task_alignment import alignments
from empirical.studies.report import working_folder
from empirical.studies.run_sizes import check_features
from empirical.studies.track.measuring import measured_trainings
from empirical.studies.track.plan import TrackPlan
from empirical.studies.track.report import TrackReport
from empirical.studies.track.trainings import readings_of
from simulation.devices import checked_device
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import TRACK
from theory.progress import Progress, described, silent
from theory.validation import given_or_default


def track(
    data: GivenImages = "cifar10",
    plan: TrackPlan | None = None,
    *,
    transfer_data: GivenImages | None = None,
    folder: str | Path | None = None,
    device: torch.device | str = "cpu",
    progress: Progress = silent,
) -> TrackReport:
    """Train a deep network from several seeds and measure each of its layers at steps 0, 1, 2, 4, ...

    Args:
        data: images, the name or path of some, or what loads them (``given_images``).
        plan: what is trained and measured; ``TrackPlan()`` by default, half an hour on two cores.
        transfer_data: other images of the same shape, as a task of transfer.
        folder: where checkpoints, measurements and the report are kept, and a stopped run resumes; None stores nothing.
        device: that trains and measures: cpu, cuda, or cuda:1 and so on.
        progress: shows how many checkpoints are done.

    Raises:
        InputError: data that do not load, a plan that does not fit them or in memory, training that diverges, a folder
            of another job or of other settings.
        OSError: the disk is full.
    """
    chosen, computed_on = given_or_default("plan", plan, TrackPlan), checked_device(device)
    with working_folder(folder, TRACK) as place:
        whole = at_least_32(given_images(data))
        other = None if transfer_data is None else at_least_32(given_images(transfer_data))
        trained_on, tasks = transfer_tasks(whole, chosen.classes, other)
        training, probe = chosen.training, chosen.probe
        network = build_network(training.network, trained_on.classes, whole.channels, training.base_width)
        check_features(network, probe.layers, whole, probe.pooled_features)
        rows = measured_trainings(chosen, trained_on, tasks, place, computed_on, described(progress, "checkpoints"))
        report = TrackReport(
            chosen,
            trained_on.name,
            rows,
            readings_of(chosen, rows),
            alignments(tasks, Normalisation.from_images(trained_on.train)),
            software_versions(computed_on),
            (*whole.notes, *(other.notes if other is not None else ())),
        )
        if folder is not None:
            report.save(place)
    return report
