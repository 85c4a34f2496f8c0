"""The job of ``phases study simplified``: a training on the images beside two simpler ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from empirical.data import gaussian_clone as clones
from empirical.data.gaussian_clone import gaussian_clone
from empirical.data.images import GivenImages, ImageData, Normalisation, given_images
from empirical.networks.batch_norm import recalibrated
from empirical.probes.probe_tasks import at_least_32
from empirical.studies.last_block_study import training as trainings
from empirical.studies.last_block_study.training import (
    Trained,
    batches_of,
    block_loss,
    measured_along,
    untrained,
    whole_network,
)
from empirical.studies.report import working_folder
from empirical.studies.simplified_study import tangent as tangents
from empirical.studies.simplified_study.plan import SimplifiedPlan, Training
from empirical.studies.simplified_study.report import SimplifiedReport
from empirical.studies.simplified_study.runs import SimplifiedRun
from empirical.studies.simplified_study.tangent import TangentNetwork
from simulation.runs.run_folder import RunFolder, array_digest, part_key, software_versions, source_digest
from simulation.runs.run_kinds import SIMPLIFIED_STUDY
from theory import Curve
from theory.data.stratified import stratified_sample
from theory.progress import Progress, described, silent
from theory.validation import FloatArray, IntArray, given_or_default


def simplified_study(
    plan: SimplifiedPlan | None = None,
    *,
    data: GivenImages = "cifar10",
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> SimplifiedReport:
    """Train networks on images, on a Gaussian clone of them, and as networks linear in their weights.

    All three begin with the same weights and take images of the same numbers in the same order. All are measured on
    the images: the reconstruction loss from the last block, and the share of wrong classes of test images.

    Args:
        plan: the trainings; ``SimplifiedPlan()`` by default, a quarter of an hour on one core.
        data: images of 32 x 32 pixels, or what loads them (``given_images``).
        folder: where finished curves and the report are kept, and a stopped run resumes; None stores nothing.
        progress: shows which training is made.

    Raises:
        InputError: data that do not load or of another size, training that diverges, a ``folder`` of another job.
    """
    chosen = given_or_default("plan", plan, SimplifiedPlan)
    with working_folder(folder, SIMPLIFIED_STUDY) as place:
        images = at_least_32(given_images(data))
        pairs = [(network, training) for network in chosen.networks for training in Training]
        arrays = (images.train.images, images.train.labels, images.test.images, images.test.labels)
        code = source_digest(trainings, clones, tangents)
        made_by = {"data": array_digest(*arrays), "code": code, "versions": software_versions()}
        found: dict[str, dict[Training, FloatArray]] = {network: {} for network in chosen.networks}
        for network, training in described(progress, "trainings")(pairs):
            found[network][training] = _stored(chosen, images, network, training, place, made_by).losses
        runs = tuple(
            SimplifiedRun(
                chosen.setting(network),
                {training: both[0] for training, both in own.items()},
                {training: both[1] for training, both in own.items()},
            )
            for network, own in found.items()
        )
        report = SimplifiedReport(chosen, images.name, runs, software_versions(), images.notes)
        if folder is not None:
            report.save(place)
    return report


def _stored(
    plan: SimplifiedPlan,
    data: ImageData,
    network: str,
    training: Training,
    folder: RunFolder,
    made_by: dict[str, Any],
) -> Curve:
    """Losses and errors of a training as the two rows of a curve, read from the folder or made now."""
    own = {"images": plan.images, "training": training.name}
    key = part_key(asdict(plan.setting(network)) | own | made_by)
    return folder.curve_part(f"{network}-{training.name.lower()}", key, partial(_made, plan, data, network, training))


def _made(plan: SimplifiedPlan, data: ImageData, network: str, training: Training) -> Curve:
    setting, steps = plan.setting(network), plan.measured_steps
    trained = whole_network(untrained(setting, data), data)
    on_images = trained.inputs
    if training is Training.CLONE:
        trained = Trained(trained.body, trained.encoder, _clone_inputs(data, plan.seed))
    if training is Training.TANGENT:
        tangent = TangentNetwork(trained.body)
        trained = Trained(tangent, tangent.first(-2), on_images)
    loss = block_loss(trained.encoder, on_images, data, plan.images)
    error = _test_error(trained.body, on_images, data, plan.images)
    measured = measured_along(trained, data, setting.training, steps, lambda: np.array([loss(), error()]))
    return Curve(setting.training.step_size * steps.astype(np.float64), measured.T)


def _clone_inputs(data: ImageData, seed: int) -> Callable[[IntArray], Tensor]:
    clone = gaussian_clone(data.train, Normalisation.from_images(data.train), seed)
    return lambda chosen: clone[torch.from_numpy(chosen)]


def _test_error(
    network: nn.Module, inputs: Callable[[IntArray], Tensor], data: ImageData, images: int
) -> Callable[[], float]:
    """Measures the share of test images whose class is not predicted, always of the same ones.

    Statistics of batch normalisation are those of training images.
    """
    parts, held_out = (
        batches_of(stratified_sample(np.asarray(split.labels, dtype=np.int64), images))
        for split in (data.train, data.test)
    )
    normalisation = Normalisation.from_images(data.train)

    def measure() -> float:
        calibrated = recalibrated(network, (inputs(part) for part in parts))
        wrong = 0
        with torch.no_grad():
            for part in held_out:
                outputs = calibrated(torch.from_numpy(normalisation.apply(data.test.images[part])))
                wrong += int((outputs.argmax(dim=1).numpy() != data.test.labels[part]).sum())
        return wrong / sum(part.size for part in held_out)

    return measure
