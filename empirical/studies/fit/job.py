"""The job of ``phases fit``: to data, or to a layer of a network."""

from __future__ import annotations

from pathlib import Path

import torch

from empirical.data.class_checks import check_class_means, check_class_sizes
from empirical.data.datasets import DataSet, GivenData, given_data
from empirical.data.images import GivenImages, given_images
from empirical.fit.mixture_fit import fit_mixture
from empirical.fit.mixture_summary import MixtureSummary
from empirical.fit.model_fit import fit_data_model, split_for_fit
from empirical.networks.layer_features import network_with_weights, training_features
from empirical.networks.networks import layer_names
from empirical.probes.probe_tasks import at_least_32
from empirical.studies.boundary_prediction import Training
from empirical.studies.check.outcome import CheckPlan, evaluate
from empirical.studies.fit.plan import FitPlan, Fitted, NetworkLayer
from empirical.studies.fit.predicting import predictions_from
from empirical.studies.fit.report import FitReport
from empirical.studies.fit.summary import FitSummary
from empirical.studies.report import run_folder
from empirical.studies.run_sizes import check_features
from simulation.devices import checked_device
from simulation.runs.run_folder import software_versions
from simulation.runs.run_kinds import FIT
from theory import Softmax
from theory.progress import Progress, described, silent
from theory.validation import given_or_default, path_argument

#: Draws of W(0) behind a predicted mean field.
_REPLICAS = 4


def fit_features(
    data: GivenData,
    plan: FitPlan | None = None,
    *,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> FitReport:
    """Fit the data model to inputs, evaluate A1 to A8 and predict the boundaries of a softmax layer trained on them.

    Args:
        data: labelled inputs, the name or path of some, or what loads them (``given_data``); six or more per class.
        plan: the layer and the seed; ``FitPlan()`` by default.
        folder: where the report is saved; None saves nothing.
        progress: shows how far each part of the work is.

    Raises:
        InputError: a folder of another job, or data that do not load or do not fit (``fit_data_model``).
    """
    chosen, place = given_or_default("plan", plan, FitPlan), run_folder(folder, FIT)
    features = given_data(data)
    report = _report(features, Fitted(features.name), chosen, software_versions(), features.notes, progress)
    if place is not None:
        report.save(place)
    return report


def fit_layer(
    data: GivenImages,
    layer: NetworkLayer | None = None,
    plan: FitPlan | None = None,
    *,
    folder: str | Path | None = None,
    device: torch.device | str = "cpu",
    progress: Progress = silent,
) -> FitReport:
    """Fit the activations of a network's layer, as ``fit_features`` does inputs.

    Args:
        data: images, the name or path of some, or what loads them (``given_images``).
        layer: which one; ``NetworkLayer()`` by default, the last block of an untrained VGG-8.
        plan: the softmax layer and the seed; ``FitPlan()`` by default.
        folder: where the report is saved; None saves nothing.
        device: on which the network runs: cpu, cuda, or cuda:1 and so on.
        progress: shows how far each part of the work is.

    Raises:
        InputError: a folder of another job, images that do not load, an unknown layer, a checkpoint that is not one of
            the network, or activations that do not fit (``fit_data_model``).
    """
    chosen, source = given_or_default("plan", plan, FitPlan), given_or_default("layer", layer, NetworkLayer)
    place, computed_on = run_folder(folder, FIT), checked_device(device)
    images = at_least_32(given_images(data))
    file = None if source.checkpoint is None else path_argument("checkpoint", source.checkpoint)
    network = network_with_weights(images, source.network, source.base_width, file, chosen.seed)
    name = source.layer if source.layer is not None else layer_names(network)[-1]
    check_features(network, (name,), images, source.pooled_features)
    features = training_features(network, images, (name,), source.pooled_features, computed_on)[name]
    fitted = Fitted(images.name, source.network, name, None if file is None else file.stem)
    report = _report(features, fitted, chosen, software_versions(computed_on), images.notes, progress)
    if place is not None:
        report.save(place)
    return report


def _report(
    features: DataSet,
    fitted: Fitted,
    plan: FitPlan,
    versions: dict[str, str],
    notes: tuple[str, ...],
    progress: Progress,
) -> FitReport:
    loss = Softmax()
    check_class_sizes(features)
    check_class_means(features)
    halves = split_for_fit(features, seed=plan.seed)
    found = fit_data_model(*halves, seed=plan.seed, progress=described(progress, "fit"))
    asked = CheckPlan(loss, plan.step_share, plan.init_scale, plan.seed)
    check = evaluate(features, asked, described(progress, "assumptions"))
    step_size = plan.step_share / float(found.full_model.eigenvalues[0])
    training = Training(loss, step_size, plan.init_scale, plan.steps, _REPLICAS, plan.seed)
    predictions = predictions_from(found, training, plan.seed, described(progress, "mean field"))
    mixture = MixtureSummary.from_fit(
        fit_mixture(
            features.inputs,
            features.labels,
            features.classes,
            seed=plan.seed,
            progress=described(progress, "Gaussians by class"),
        )
    )
    return FitReport(fitted, FitSummary.from_fit(found), check, training, predictions, versions, notes, mixture)
