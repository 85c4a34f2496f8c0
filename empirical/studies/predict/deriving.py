"""Tests predictions on features: single-layer classifiers on frozen activations, derived and trained.

For every set of features the curve is derived four times (from the symbols' linearised closed form, the mean field
with a common within-class covariance, the mean field with a covariance for each class, and the mean field of the
fitted parametric model) and trained once, on the same draws of W(0) where the model has the features' coordinates.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import torch
from numpy.typing import NDArray

import simulation
import theory
from empirical.data.class_checks import check_class_means, check_class_sizes
from empirical.data.datasets import DataSet
from empirical.fit.model_fit import FittedModel, fit_data_model, split_for_fit
from empirical.fit.parametric_model import parametric_model
from empirical.studies.assumption_costs import Derivation
from empirical.studies.boundary_prediction import Level, Source, Training, predict_boundaries
from empirical.studies.predict.plan import FeaturePlan
from empirical.studies.predict.prediction import FeaturePrediction, Features
from empirical.studies.report import curve_part
from empirical.studies.training_precision import training_dtype
from simulation import MiniBatches, Status, initial_weights, train
from simulation.runs.run_folder import RunFolder, array_digest, part_key, software_versions, source_digest
from theory import (
    Curve,
    DataModel,
    InputError,
    Softmax,
    Verdict,
    gradient_descent_curve,
    logarithmic_steps,
    mean_field_curve,
)
from theory.curves.class_mean_field import class_mean_field_curve
from theory.data.class_covariances import ClassConditionalModel
from theory.progress import Progress, described, silent
from theory.theorems.sampled_assumptions import SampledAssumptions
from theory.validation import FloatArray


def predict_features(
    data: DataSet,
    plan: FeaturePlan,
    *,
    checkpoint: str | None = None,
    folder: RunFolder | None = None,
    progress: Progress = silent,
) -> FeaturePrediction:
    """Derive and train on one set of features.

    Args:
        data: features, scaled to unit mean variance (``empirical.data.datasets.unit_variance``), with labels; its name
            is that of the layer.
        plan: how classifiers are trained.
        checkpoint: name of the file of the network's weights; None for an untrained network.
        folder: where the trained curve is stored; a run started again there resumes. None stores nothing.
        progress: shows how far each part of the work is.

    Raises:
        InputError: a plan that does not fit the data, or training that diverges.
    """
    loss = Softmax()
    check_class_sizes(data)
    check_class_means(data)
    mean = data.inputs.mean(axis=0, dtype=np.float64)
    centred = np.asarray(data.inputs - mean.astype(np.float32))
    conditional = ClassConditionalModel.from_samples(centred, data.labels, data.classes)
    model = conditional.model
    features = Features(data.name, checkpoint, centred.shape[1], model.dimension)
    step_size = plan.step_share / float(model.eigenvalues[0])
    steps = logarithmic_steps(plan.steps)
    weights = initial_weights(plan.replicas, data.classes, centred.shape[1], plan.init_scale, plan.seed)
    key = part_key(
        asdict(plan)
        | {"data": array_digest(data.inputs, data.labels), "code": source_digest(theory, simulation)}
        | {"versions": software_versions(), "dtype": str(training_dtype([plan.init_scale]))}
    )
    trained = curve_part(
        folder,
        "trained-features",
        key,
        lambda: _trained(data, centred, plan, model, weights, described(progress, f"train on {features.name}")),
    )
    started = model.to_eigenbasis(weights)
    derived = {
        Derivation.LINEARISED: gradient_descent_curve(model, loss, started, steps, step_size),
        Derivation.COMMON: mean_field_curve(
            model, loss, started, steps, step_size, progress=described(progress, "mean field")
        ),
        Derivation.CLASSES: class_mean_field_curve(
            conditional, loss, started, steps, step_size, progress=described(progress, "mean field, class covariances")
        ),
    }
    fitted = fit_data_model(*split_for_fit(data, seed=plan.seed), seed=plan.seed, progress=described(progress, "fit"))
    no_parametric = None
    try:
        derived[Derivation.PARAMETRIC] = _parametric_curve(fitted, plan, step_size, progress)
    except InputError as error:
        no_parametric = str(error)
    found = FeaturePrediction.from_curves(
        features, step_size, trained, derived, warnings=fitted.warnings, no_parametric=no_parametric
    )
    if found.verdict is not Verdict.FAILS:
        return found
    # For all draws: the gradient on the samples may differ much between them.
    samples = SampledAssumptions(model, model.to_eigenbasis(centred), data.labels, plan.seed)
    defect = samples.defect(loss, step_size, started, plan.steps, described(progress, "gradient on the samples"))
    return FeaturePrediction.from_curves(features, step_size, trained, derived, defect, fitted.warnings, no_parametric)


def _trained(
    data: DataSet,
    centred: NDArray[np.float32],
    plan: FeaturePlan,
    model: DataModel,
    weights: FloatArray,
    progress: Progress,
) -> Curve:
    """The curve of trained classifiers.

    Raises:
        InputError: batches that the data do not fill, or training that diverges.
    """
    dtype = training_dtype([plan.init_scale])
    inputs, labels = torch.from_numpy(centred).to(dtype), torch.from_numpy(data.labels)
    batches = MiniBatches(inputs, labels, plan.batch_size, plan.replicas, plan.seed)
    step_size = plan.step_share / float(model.eigenvalues[0])
    steps = logarithmic_steps(plan.steps)
    result = train(batches, model, Softmax(), weights, steps, step_size, dtype=dtype, progress=progress)
    if result.status is not Status.COMPLETED:
        raise InputError(f"step_share: training on {data.name} diverged; give less than {plan.step_share}")
    return result.curve


def _parametric_curve(fitted: FittedModel, plan: FeaturePlan, step_size: float, progress: Progress) -> Curve:
    """The mean field of the fitted parametric model; InputError where there is none."""
    training = Training(Softmax(), step_size, plan.init_scale, plan.steps, plan.replicas, plan.seed)
    model = parametric_model(fitted, plan.seed)
    shown = described(progress, "parametric model")
    predictions = predict_boundaries(Source.PARAMETRIC, model, training, shown)
    return next(one.curve for one in predictions if one.level is Level.MEAN_FIELD)
