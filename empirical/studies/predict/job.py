"""The job of ``phases predict``."""

from __future__ import annotations

from pathlib import Path

import torch

from empirical.data.images import GivenImages, given_images
from empirical.networks.layer_features import network_with_weights, training_features
from empirical.networks.networks import layer_names
from empirical.probes.probe_tasks import at_least_32
from empirical.studies.predict.deriving import predict_features
from empirical.studies.predict.plan import PredictPlan
from empirical.studies.predict.report import PredictReport
from empirical.studies.report import run_folder
from empirical.studies.run_sizes import check_batches, check_features
from simulation.devices import checked_device
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import PREDICT
from simulation.training.training import check_weights
from theory.progress import Progress, silent
from theory.validation import given_or_default, path_argument


def predict(
    data: GivenImages = "cifar10",
    plan: PredictPlan | None = None,
    *,
    folder: str | Path | None = None,
    device: torch.device | str = "cpu",
    progress: Progress = silent,
) -> PredictReport:
    """Derive and train single-layer classifiers on the activations of a network's layers.

    Args:
        data: images, the name or path of some, or what loads them (``given_images``).
        plan: which layers, and how classifiers are trained; ``PredictPlan()`` by default.
        folder: where trained curves and the report are saved; a run started again there resumes. None saves nothing.
        device: on which the network runs: cpu, cuda, or cuda:1 and so on.
        progress: shows how far each part of the work is.

    Raises:
        InputError: a folder of another job, images that do not load, a plan that does not fit them or the memory, a
            checkpoint that is not one of the network, or training that diverges.
    """
    chosen = given_or_default("plan", plan, PredictPlan)
    own, computed_on = run_folder(folder, PREDICT), checked_device(device)
    images = at_least_32(given_images(data))
    training = chosen.training
    files = (None, *(path_argument("checkpoints", file) for file in chosen.checkpoints))
    networks = [network_with_weights(images, chosen.network, chosen.base_width, one, training.seed) for one in files]
    check_batches(training.batch_size, training.replicas, images.train.labels.size)
    for network in networks:
        counts = check_features(network, chosen.layers or layer_names(network), images, chosen.pooled_features)
        check_weights(training.replicas, images.classes, max(counts.values()))
    predictions = []
    for file, network in zip(files, networks, strict=True):
        name = None if file is None else file.stem
        found = training_features(network, images, chosen.layers, chosen.pooled_features, computed_on)
        predictions += [
            predict_features(one, training, checkpoint=name, folder=own, progress=progress) for one in found.values()
        ]
    report = PredictReport(chosen, tuple(predictions), software_versions(computed_on), images.notes)
    if own is not None:
        report.save(own)
    return report
