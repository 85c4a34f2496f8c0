"""The job of ``phases study choose``: how much each rule of choice loses, over pairs of sources and targets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from empirical.data.images import GivenImages, given_images
from empirical.studies.choose_study.pairs import PairResult, pairs_of
from empirical.studies.choose_study.plan import StudyPlan
from empirical.studies.choose_study.report import ChooseStudyReport, read_pairs
from empirical.studies.choose_study.targets import Pool, pools_of
from empirical.studies.choose_study.training import StudyImages, StudyTraining, in_colour, study_trainings
from empirical.studies.report import working_folder
from simulation.runs.run_folder import RunFolder, part_key, software_versions
from simulation.runs.run_kinds import CHOOSE_STUDY
from theory import InputError
from theory.progress import Progress, described, silent


def choose_study(
    plan: StudyPlan | None = None,
    *,
    cifar: GivenImages = "cifar10",
    digits: GivenImages = "mnist",
    networks: Sequence[str] = ("vgg8", "resnet10"),
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> ChooseStudyReport:
    """Train small networks, let every rule choose checkpoints for several targets, and measure what each loses.

    Labels come from training images; what a checkpoint is worth is measured on test images, with the probe that is
    fitted to the same labels. No number of any rule is fitted to these trainings.

    Args:
        plan: trainings and labels; ``StudyPlan()`` by default, about ten minutes on one core.
        cifar: CIFAR-10, or what loads it (``given_images``).
        digits: MNIST, likewise.
        networks: which of the networks are trained.
        folder: where trainings, pairs and the report are kept, and a stopped run resumes; None stores nothing.
        progress: shows how many checkpoints are trained and read.

    Raises:
        InputError: data that do not load, an unknown network, a ``folder`` of another job.
    """
    chosen = plan if plan is not None else StudyPlan()
    with working_folder(folder, CHOOSE_STUDY) as place:
        images = StudyImages(given_images(cifar), in_colour(given_images(digits)))
        pools = pools_of(images, chosen.known, chosen.fresh, chosen.seed)
        found: list[PairResult] = []
        trainings = [one for one in study_trainings(chosen, images, place) if one.network in networks]
        if not trainings:
            raise InputError(f"networks: {', '.join(networks)} are none of the study's; give vgg8 or resnet10")
        for training in trainings:
            found += _stored_pairs(training, chosen, pools, place, progress)
        report = ChooseStudyReport(chosen, tuple(found), software_versions())
        if folder is not None:
            report.save(place)
    return report


def _stored_pairs(
    training: StudyTraining, plan: StudyPlan, pools: dict[str, Pool], place: RunFolder, progress: Progress
) -> list[PairResult]:
    """The pairs of one training: read from the folder, or trained and measured now."""
    key = part_key(asdict(plan) | {"seeds": 1, "training": training.run.key})
    name = f"pairs/{training.source.replace(' ', '-')}-{training.network}-{training.run.plan.seed}-{key}.json"
    if (place.path / name).is_file():
        return read_pairs(json.loads((place.path / name).read_text(encoding="utf-8"))["pairs"])
    training.run.train_to(plan.steps, described(progress, f"train {training.network} on {training.source}"))
    pairs = pairs_of(training, plan, pools, described(progress, f"probe {training.network} of {training.source}"))
    place.write_json(name, {"pairs": [one.stored() for one in pairs]})
    return pairs
