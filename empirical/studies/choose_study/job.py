"""The job of ``phases study choose``: how much each rule of choice loses, over pairs of sources and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from empirical.data.images import GivenImages, given_images
from empirical.studies.choose_study.asking import AskedTarget, asked_targets
from empirical.studies.choose_study.fine_tuning import tuned_accuracies
from empirical.studies.choose_study.measuring import pairs_of
from empirical.studies.choose_study.pairs import PairResult
from empirical.studies.choose_study.plan import TUNING, StudyPlan
from empirical.studies.choose_study.report import ASKED, PAIRS, ChooseStudyReport, read_asked, read_pairs
from empirical.studies.choose_study.targets import Pool, pools_of
from empirical.studies.choose_study.training import StudyImages, StudyTraining, in_colour, study_trainings
from empirical.studies.report import working_folder
from simulation.runs.json_reader import ListOf, MapOf, Real, Record, read_json
from simulation.runs.run_folder import RunFolder, part_key, software_versions
from simulation.runs.run_kinds import CHOOSE_STUDY
from theory import InputError
from theory.progress import Progress, described, silent
from theory.validation import given_or_default

_TUNED = Record({"tuned": MapOf(ListOf(Real(), 1))})


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
    chosen = given_or_default("plan", plan, StudyPlan)
    with working_folder(folder, CHOOSE_STUDY) as place:
        images = StudyImages(given_images(cifar), in_colour(given_images(digits)))
        trainings = [one for one in study_trainings(chosen, images, place) if one.network in networks]
        if not trainings:
            raise InputError(f"networks: {', '.join(networks)} are none of the study's; give vgg8 or resnet10")
        found: list[PairResult] = []
        asked: list[AskedTarget] = []
        for training in trainings:
            pools = pools_of(images, chosen.known, chosen.fresh, training.draws)
            pairs = _stored_pairs(training, chosen, pools, place, progress)
            if training.number < chosen.tuned:
                accuracies = _stored_tuning(training, chosen, pools, place, progress)
                pairs = [replace(one, tuned=tuple(accuracies.get(one.target, ()))) for one in pairs]
            found += pairs
            if training.number < chosen.asked:
                asked += _stored_asking(training, chosen, pools, place, progress)
        report = ChooseStudyReport(chosen, tuple(found), software_versions(), tuple(asked))
        if folder is not None:
            report.save(place)
    return report


def _stored_pairs(
    training: StudyTraining, plan: StudyPlan, pools: dict[str, Pool], place: RunFolder, progress: Progress
) -> list[PairResult]:
    """The pairs of one training: read from the folder, or trained and measured now."""
    name = f"pairs/{_part(training, plan)}.json"
    stored = _finished(place.path / name, PAIRS)
    if stored is not None:
        return read_pairs(stored["pairs"])
    training.run.train_to(plan.steps, described(progress, f"train {_title(training)}"))
    pairs = pairs_of(training, plan, pools, described(progress, f"probe {_title(training)}"))
    place.write_json(name, {"pairs": [one.stored() for one in pairs]})
    return pairs


def _stored_tuning(
    training: StudyTraining, plan: StudyPlan, pools: dict[str, Pool], place: RunFolder, progress: Progress
) -> dict[str, list[float]]:
    """Accuracies after fine-tuning, by target: read from the folder, or measured now."""
    name = f"tuned/{_part(training, plan, asdict(TUNING))}.json"
    stored = _finished(place.path / name, _TUNED)
    if stored is not None:
        return dict(stored["tuned"])
    training.run.train_to(plan.steps, described(progress, f"train {_title(training)}"))
    found = tuned_accuracies(training, plan, pools, described(progress, f"fine-tune {_title(training)}"))
    place.write_json(name, {"tuned": found})
    return found


def _stored_asking(
    training: StudyTraining, plan: StudyPlan, pools: dict[str, Pool], place: RunFolder, progress: Progress
) -> list[AskedTarget]:
    """What asking for labels brings on the targets of one training: read from the folder, or measured now."""
    name = f"asked/{_part(training, plan)}.json"
    stored = _finished(place.path / name, ASKED)
    if stored is not None:
        return read_asked(stored["asked"])
    training.run.train_to(plan.steps, described(progress, f"train {_title(training)}"))
    found = asked_targets(training, plan, pools, described(progress, f"ask for labels of {_title(training)}"))
    place.write_json(name, {"asked": [asdict(one) for one in found]})
    return found


def _finished(path: Path, shape: Record) -> dict[str, Any] | None:
    """The content of a finished part; None where there is none, or one that is damaged or of another version."""
    try:
        return read_json(path, shape, "folder")
    except InputError:
        return None


def _title(training: StudyTraining) -> str:
    return f"{training.network} on {training.source}"


def _part(training: StudyTraining, plan: StudyPlan, tuning: dict[str, object] | None = None) -> str:
    """Name of a training's parts, with a key made from all that determines them."""
    same = asdict(plan) | {"seeds": 1, "tuned": 1, "training": training.run.key}
    del same["asked"]
    if tuning is not None:
        same["tuning"] = tuning
    return f"{training.source.replace(' ', '-')}-{training.network}-{training.run.plan.seed}-{part_key(same)}"
