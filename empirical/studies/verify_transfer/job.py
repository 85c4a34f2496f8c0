"""Transfer verified: derived curves, verdicts and best steps for targets, against trained layers and their probes.

A single layer is trained on the source's classes, several draws of W(0) at once. Linear probes of its outputs are
fitted to each target by least squares along training, with no theory in them; the derived curves come from moments
alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

import simulation
import theory
from empirical.data.class_checks import check_class_means, check_class_sizes
from empirical.data.datasets import DataSet, GivenData, unit_data
from empirical.data.target_tasks import TargetTask, chosen_classes, target_task
from empirical.fit.class_gaussians import class_gaussians
from empirical.moments.streaming import moments_of
from empirical.studies.report import curve_part, run_folder
from empirical.studies.training_precision import training_dtype
from empirical.studies.verify_transfer.finding import TransferFinding
from empirical.studies.verify_transfer.plan import VerifyTransferPlan
from empirical.studies.verify_transfer.report import TransferVerification
from simulation import FullBatch, SampleProbe, Status, initial_weights, train
from simulation.comparison.transfer import compare_transfer
from simulation.runs.run_folder import RunFolder, array_digest, part_key, software_versions, source_digest
from simulation.runs.run_kinds import VERIFY_TRANSFER
from simulation.training.exact_class_moments import sample_with_exact_class_moments
from simulation.training.training import check_weights
from theory import (
    Curve,
    DataModel,
    InputError,
    MixtureModel,
    Target,
    class_mean_field_path,
    gradient_descent_curve,
    logarithmic_steps,
    transfer_verdict,
)
from theory.curves.mean_field import curves_of_path
from theory.progress import Progress, described, silent
from theory.validation import FloatArray, given_or_default, quoted


def verify_transfer(
    data: GivenData,
    targets: Sequence[str | TargetTask],
    plan: VerifyTransferPlan | None = None,
    *,
    file: str | Path | None = None,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> TransferVerification:
    """Derive what a layer trained on a data set shows of targets, and check it against trained layers.

    Inputs that are loaded are scaled to unit variance on average; a ``DataSet`` is taken as it is.

    Args:
        data: labelled inputs, the name ``digits`` or ``cifar10``, the path of a file, or what loads them.
        targets: what linear probes are to predict: names such as ``digits:5-9``, as ``target_task`` reads them, or
            tasks in the coordinates of the inputs.
        plan: what to train, on which classes, and the tolerances; the default plan if left out.
        file: in which a target is an array of numbers; ``data`` where that is a path.
        folder: where report and finished parts are saved; a run started again there resumes. None saves nothing.
        progress: shows how far each part of the work is.

    Raises:
        InputError: no target, an unknown one or one of other coordinates, a folder of another job, data that do not
            load, or a plan that does not fit them; before any training.
    """
    chosen = given_or_default("plan", plan, VerifyTransferPlan)
    if isinstance(targets, str | TargetTask):
        raise InputError(f"targets: {quoted(targets)} is one target; give a list of them")
    if len(targets) == 0:
        raise InputError("targets: is empty; give at least one")
    place = run_folder(folder, VERIFY_TRANSFER)
    whole = unit_data(data)
    path = file if file is not None else data if isinstance(data, str | Path) else None
    tasks = [one if isinstance(one, TargetTask) else _named_task(one, whole, path) for one in targets]
    repeated = next(
        (one.name for number, one in enumerate(tasks) if one.name in [t.name for t in tasks[:number]]), None
    )
    if repeated is not None:
        raise InputError(f"targets: {repeated} is given twice; give each target once")
    source = whole if chosen.classes is None else chosen_classes(whole, chosen.classes)
    check_class_sizes(source)
    check_class_means(source)
    outputs, dimension = chosen.loss.outputs(source.classes), int(source.inputs.shape[1])
    check_weights(chosen.replicas, outputs, dimension)
    moments = moments_of(source.inputs, source.labels, source.classes, described(progress, f"moments of {source.name}"))
    model = DataModel.from_moments(moments)
    step_size = chosen.step_size_for(model)
    decoded = [Target.from_samples(model, task.inputs, task.values) for task in tasks]

    centred = source.inputs - moments.mean.astype(np.float32)
    weights = initial_weights(chosen.replicas, outputs, dimension, chosen.init_scale, chosen.seed)
    key = _key(source, tasks, chosen, step_size)
    trained = curve_part(
        place, "trained", key, partial(_trained, source, centred, tasks, chosen, model, weights, step_size, progress)
    )
    gaussians, summary = class_gaussians(
        source, chosen.components, chosen.seed, described(progress, f"Gaussians of {source.name}")
    )
    derived = _derived(gaussians, tasks, chosen, weights, step_size, described(progress, "mean field"))
    saturation = 1 / (chosen.loss.initial_curvature(model.classes) * float(model.eigenvalues[0]))
    clones = _clones(place, source, moments.mean, tasks, gaussians, chosen, model, weights, step_size, progress)
    steps, started = logarithmic_steps(chosen.steps), model.to_eigenbasis(weights)
    findings = []
    for number, (task, target, curve) in enumerate(zip(tasks, decoded, derived, strict=True)):
        measured = trained.replica(slice(number * chosen.replicas, (number + 1) * chosen.replicas))
        findings.append(
            TransferFinding(
                task.name,
                transfer_verdict(
                    model, target, chosen.loss, chosen.init_scale, chosen.resolution, step_size * chosen.steps
                ),
                compare_transfer(curve, measured, saturation, chosen.resolution),
                gradient_descent_curve(model, chosen.loss, started, steps, step_size, target),
                clones[number] if clones else None,
            )
        )
    report = TransferVerification(
        source.name,
        int(source.labels.size),
        chosen,
        step_size,
        saturation,
        summary,
        tuple(findings),
        software_versions(),
        whole.notes,
    )
    if place is not None:
        report.save(place)
    return report


def _named_task(name: str, whole: DataSet, path: str | Path | None) -> TargetTask:
    if not isinstance(name, str):
        raise InputError(f"targets: {quoted(name)} is not accepted; give names or a TargetTask")
    return target_task(name, whole, None if path is None else str(path))


def _key(source: DataSet, tasks: Sequence[TargetTask], plan: VerifyTransferPlan, step_size: float) -> str:
    """The key of the trained curves, from all that determines them."""
    trained_by = ("loss", "init_scale", "steps", "replicas", "seed")
    own = {name: value for name, value in plan.content().items() if name in trained_by}
    arrays = [array for task in tasks for array in (task.inputs, task.values)]
    data = {
        "data": array_digest(source.inputs, source.labels, *arrays),
        "step_size": step_size,
        "dtype": str(training_dtype([plan.init_scale])),
    }
    return part_key(own | data | {"code": source_digest(theory, simulation), "versions": software_versions()})


def _trained(
    source: DataSet,
    centred: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    tasks: Sequence[TargetTask],
    plan: VerifyTransferPlan,
    model: DataModel,
    weights: FloatArray,
    step_size: float,
    progress: Progress,
) -> Curve:
    """What probes of trained layers miss, (target x replica, T); InputError where training diverges."""
    dtype = training_dtype([plan.init_scale])
    batch = FullBatch(torch.from_numpy(centred).to(dtype), torch.from_numpy(source.labels))
    probes = [SampleProbe(task.inputs, task.values) for task in tasks]
    shown = described(progress, f"train on {source.name}")
    steps = logarithmic_steps(plan.steps)
    trained = train(batch, model, plan.loss, weights, steps, step_size, dtype=dtype, progress=shown, probes=probes)
    if trained.status is not Status.COMPLETED:
        raise InputError(f"step_size: training diverged after step {trained.steps[-1]}; give a smaller one")
    curves = trained.transfer_curves()
    return Curve(curves[0].times, np.concatenate([curve.losses for curve in curves]))


def _clones(
    place: RunFolder | None,
    source: DataSet,
    centre: FloatArray,
    tasks: Sequence[TargetTask],
    gaussians: MixtureModel,
    plan: VerifyTransferPlan,
    model: DataModel,
    weights: FloatArray,
    step_size: float,
    progress: Progress,
) -> list[Curve]:
    """For each target the mean curves (clone, T) of the same layers trained on clones of the source; [] without."""
    found: list[Curve] = []
    for number, seed in enumerate(np.random.SeedSequence(plan.seed).generate_state(plan.clones)):
        drawn = sample_with_exact_class_moments(gaussians, source.labels, int(seed))
        centred = gaussians.model.from_eigenbasis(drawn).astype(np.float32)
        clone = replace(source, name=f"clone {number + 1} of {source.name}", inputs=centred + centre.astype(np.float32))
        key = _key(clone, tasks, plan, step_size)
        train_on = partial(_trained, clone, centred, tasks, plan, model, weights, step_size, progress)
        found.append(curve_part(place, f"clone-{number}", key, train_on))
    by_target = [curve.losses.reshape(len(tasks), plan.replicas, -1).mean(axis=1) for curve in found]
    return [Curve(found[0].times, np.stack(own)) for own in zip(*by_target, strict=True)]


def _derived(
    gaussians: MixtureModel,
    tasks: Sequence[TargetTask],
    plan: VerifyTransferPlan,
    weights: FloatArray,
    step_size: float,
    progress: Progress,
) -> list[Curve]:
    """The mean field's curve for each target, from the same draws of W(0)."""
    own, steps = gaussians.model, logarithmic_steps(plan.steps)
    started = own.to_eigenbasis(weights)
    path = class_mean_field_path(gaussians, plan.loss, started, steps, step_size, progress=progress)
    decoded = [Target.from_samples(own, task.inputs, task.values) for task in tasks]
    return curves_of_path(own, plan.loss, started, path, steps, step_size, list(decoded))
