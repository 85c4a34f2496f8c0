"""Hidden layers verified: their derived curves against those of trained networks with the same initial weights.

Linear networks of any depth have the mean field of theorem T10, one rectified layer the Gaussian closure of T11, both
on the Gaussians fitted to each class.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch

import simulation
import theory
from empirical.data.class_checks import check_class_means, check_class_sizes
from empirical.data.datasets import DataSet, GivenData, unit_data
from empirical.fit.class_gaussians import class_gaussians
from empirical.studies.report import curve_part, run_folder
from empirical.studies.verify_hidden.finding import LayerFinding
from empirical.studies.verify_hidden.plan import HiddenUnits, VerifyHiddenPlan
from empirical.studies.verify_hidden.report import HiddenVerification
from simulation import FullBatch, Status
from simulation.runs.run_folder import array_digest, part_key, software_versions, source_digest
from simulation.runs.run_kinds import VERIFY_HIDDEN
from simulation.training.deep_training import initial_layers, linear_measurement, train_layers
from simulation.training.hidden_units import sampled_measurement
from simulation.training.training import check_weights
from theory import ClassConditionalModel, Curve, InputError, MixtureModel, logarithmic_steps
from theory.curves.deep_linear import Layers, deep_linear_curves
from theory.curves.relu_layer import relu_curve
from theory.progress import Progress, described, silent
from theory.validation import FloatArray, given_or_default


def verify_hidden(
    data: GivenData,
    plan: VerifyHiddenPlan | None = None,
    *,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> HiddenVerification:
    """Derive how well the inputs can be reconstructed from hidden layers while they train, and check it by training.

    Inputs that are loaded are scaled to unit variance on average; a ``DataSet`` is taken as it is.

    Args:
        data: labelled inputs, the name ``digits`` or ``cifar10``, the path of a file, or what loads them.
        plan: the network, its training and the tolerances; the default plan if left out.
        folder: where report and finished parts are saved; a run started again there resumes. None saves nothing.
        progress: shows how far each part of the work is.

    Raises:
        InputError: a folder of another job, data that do not load, or a plan that does not fit them, before any
            training; a step size at which training diverges.
    """
    chosen = given_or_default("plan", plan, VerifyHiddenPlan)
    place = run_folder(folder, VERIFY_HIDDEN)
    source = unit_data(data)
    check_class_sizes(source)
    check_class_means(source)
    outputs, dimension = chosen.loss.outputs(source.classes), int(source.inputs.shape[1])
    widths = (dimension, *chosen.widths, outputs)
    check_weights(chosen.replicas, max(widths), max(widths))
    gaussians, summary = class_gaussians(
        source, chosen.components, chosen.seed, described(progress, f"Gaussians of {source.name}")
    )
    step_size = chosen.step_size_for(gaussians.model)
    layers = initial_layers(chosen.replicas, widths, chosen.init_scale, chosen.seed)
    trained = curve_part(
        place,
        "trained",
        _key(source, chosen, step_size),
        partial(_trained, source, chosen, layers, step_size, progress),
    )
    derived = _derived(gaussians, chosen, layers, step_size, described(progress, "mean field"))
    report = HiddenVerification(
        source.name,
        int(source.labels.size),
        chosen,
        step_size,
        summary,
        tuple(
            LayerFinding(name, curve, trained.replica(slice(number * chosen.replicas, (number + 1) * chosen.replicas)))
            for number, (name, curve) in enumerate(derived)
        ),
        software_versions(),
        source.notes,
    )
    if place is not None:
        report.save(place)
    return report


def _key(source: DataSet, plan: VerifyHiddenPlan, step_size: float) -> str:
    """The key of the trained curves, from all that determines them."""
    trained_by = ("widths", "units", "loss", "init_scale", "steps", "replicas", "seed")
    own = {name: value for name, value in plan.content().items() if name in trained_by}
    data = {"data": array_digest(source.inputs, source.labels), "step_size": step_size}
    return part_key(own | data | {"code": source_digest(theory, simulation), "versions": software_versions()})


def _trained(source: DataSet, plan: VerifyHiddenPlan, layers: Layers, step_size: float, progress: Progress) -> Curve:
    """Curves of the layers of trained networks, (layer x replica, T), in double precision.

    In single precision the escape of a linear network from small weights, exponential in time, is delayed by rounding.
    """
    inputs = source.inputs.astype(np.float64)
    centred = torch.from_numpy(inputs - inputs.mean(axis=0))
    steps = logarithmic_steps(plan.steps)
    if plan.units is HiddenUnits.LINEAR:
        model = ClassConditionalModel.from_samples(source.inputs, source.labels, source.classes).model
        measurement = linear_measurement(model, torch.float64)
    else:
        measurement = sampled_measurement(centred, plan.units.activation)
    trained = train_layers(
        FullBatch(centred, torch.from_numpy(source.labels)),
        plan.loss,
        layers,
        steps,
        step_size,
        measurement,
        plan.units.activation,
        dtype=torch.float64,
        progress=described(progress, f"train on {source.name}"),
    )
    if trained.status is not Status.COMPLETED:
        raise InputError(f"step_size: training diverged before step {plan.steps}; give a smaller one")
    times = np.asarray(step_size * trained.steps, dtype=np.float64)
    return Curve(times, np.concatenate(list(np.moveaxis(trained.losses, 1, 0))))


def _derived(
    gaussians: MixtureModel, plan: VerifyHiddenPlan, layers: Layers, step_size: float, progress: Progress
) -> list[tuple[str, Curve]]:
    """Names and derived curves of the layers for which there are some, from the inputs on."""
    steps, model = logarithmic_steps(plan.steps), gaussians.model
    own: list[FloatArray] = [model.to_eigenbasis(layers[0]), *layers[1:]]
    if plan.units is HiddenUnits.RELU:
        return [("hidden layer", relu_curve(gaussians, plan.loss, own, steps, step_size, progress=progress))]
    curves = deep_linear_curves(gaussians, plan.loss, own, steps, step_size, progress=progress)
    hidden = len(plan.widths)
    names = ["hidden layer"] if hidden == 1 else [f"hidden layer {number}" for number in range(1, hidden + 1)]
    return list(zip([*names, "output"], curves, strict=True))
