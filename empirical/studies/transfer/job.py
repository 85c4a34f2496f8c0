"""The job of ``phases transfer``: does the recommended checkpoint transfer better than the last one?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from empirical.studies.report import run_folder
from empirical.studies.track.report import TrackReport
from empirical.studies.transfer.alignment_relation import alignment_relations
from empirical.studies.transfer.comparison import task_curves, transfer_rows
from empirical.studies.transfer.report import TransferReport
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import TRANSFER
from theory import InputError
from theory.progress import Progress, described, silent


def transfer(
    trainings: Sequence[str | Path | TrackReport],
    *,
    folder: str | Path | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> TransferReport:
    """Compare, task by task, the checkpoint that the stop rule recommends with the last one.

    Args:
        trainings: what ``track`` returned, or the folders of it, each training once.
        folder: where the report is saved; None saves nothing.
        seed: of random pairings of gains and alignments, which are tried where there are too many to try all.
        progress: shows how many trainings are read.

    Raises:
        InputError: no training, a folder that ``track`` did not write or that is damaged, a training given twice or
            without a task of transfer; a ``folder`` of another job.
    """
    place = run_folder(folder, TRANSFER)
    if not trainings or isinstance(trainings, str):
        raise InputError(f"trainings: {trainings!r} is not accepted; give a list of at least one folder or report")
    tracked = _each_once(trainings, described(progress, "trainings"))
    rows, curves = [], []
    for number, one in enumerate(tracked):
        own = transfer_rows(one, number)
        rows += own
        curves += task_curves(one, own)
    report = TransferReport(tuple(rows), tuple(alignment_relations(rows, seed)), tuple(curves), software_versions())
    if place is not None:
        report.save(place)
    return report


def _each_once(trainings: Sequence[str | Path | TrackReport], progress: Progress) -> list[TrackReport]:
    """The trainings as reports; refused where two hold the same measurements."""
    first: dict[str, str] = {}
    found = []
    for number, given in enumerate(progress(trainings)):
        report = given if isinstance(given, TrackReport) else TrackReport.read(given)
        name = f"training {number + 1}" if isinstance(given, TrackReport) else str(given)
        digest = hashlib.blake2b(json.dumps(report.tables()).encode()).hexdigest()
        if digest in first:
            raise InputError(f"folder: {name} holds the same measurements as {first[digest]}; give each training once")
        first[digest] = name
        found.append(report)
    return found
