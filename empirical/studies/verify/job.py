"""The main job: moments -> data model -> derived curve and boundaries -> trained networks -> verdict.

The same pipeline runs on two sources: the inputs themselves, and as many samples drawn from the
Gaussian data model fitted to them, for which the theory's assumption A4 holds. Each source is
predicted from its own moments, and from the very draws of W(0) that are trained on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch

import simulation
import theory
from empirical.data.class_checks import check_class_means, check_class_sizes
from empirical.data.datasets import DataSet, GivenData, given_data
from empirical.fit.class_gaussians import class_gaussians
from empirical.fit.mixture_summary import MixtureSummary
from empirical.moments.streaming import moments_of
from empirical.studies.report import curve_part, run_folder
from empirical.studies.run_sizes import check_batches
from empirical.studies.training_precision import training_dtype
from empirical.studies.verify.finding import Finding, Source
from empirical.studies.verify.plan import VerifyPlan
from empirical.studies.verify.reasons import Sample, failure_reasons
from empirical.studies.verify.report import ModelSummary, VerifyReport
from simulation import FullBatch, MiniBatches, Status, compare, initial_weights, train
from simulation.runs.run_folder import array_digest, part_key, software_versions, source_digest
from simulation.runs.run_kinds import VERIFY
from simulation.training.batches import BatchSource
from simulation.training.sampling import GaussianSampler
from simulation.training.training import check_weights
from theory import (
    Curve,
    DataModel,
    InputError,
    MixtureModel,
    class_mean_field_curve,
    gradient_descent_curve,
    logarithmic_steps,
    mean_field_curve,
)
from theory.progress import Progress, described, silent
from theory.validation import FloatArray, IntArray, instance_of

#: Entries of the plan that change what is derived and not what is trained.
_DERIVED_BY = ("tolerances", "components")


def verify(
    data: GivenData,
    plan: VerifyPlan | None = None,
    *,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> VerifyReport:
    """Derive curve and boundaries of a data set and check them against trained single-layer networks.

    Args:
        data: labelled inputs, the name ``digits`` or ``cifar10``, the path of a file, or what loads them.
        plan: what to train and the tolerances; ``VerifyPlan.for_data(data)`` by default.
        folder: where report and finished parts are saved; a run started again there resumes. None saves nothing.
        progress: shows how far each part of the work is.

    Raises:
        InputError: a folder of another job, data that do not load, or a plan that does not fit them; before any
            training.
    """
    plan = VerifyPlan.for_data(data) if plan is None else instance_of("plan", plan, VerifyPlan)
    place = run_folder(folder, VERIFY)
    loaded = given_data(data)
    outputs = plan.loss.outputs(loaded.classes)
    check_class_sizes(loaded)
    check_class_means(loaded)
    if plan.batch_size is not None:
        check_batches(plan.batch_size, plan.replicas, loaded.labels.size)
    check_weights(plan.replicas * len(plan.init_scales), outputs, loaded.inputs.shape[1])
    own = moments_of(loaded.inputs, loaded.labels, loaded.classes, described(progress, f"moments of {loaded.name}"))
    model = DataModel.from_moments(own)
    step_size = plan.step_size_for(model)
    # The synthetic sample has the labels of the data, so that no class is missing in it.
    drawn = GaussianSampler(model, plan.seed).draw_for(torch.from_numpy(loaded.labels)).numpy()
    drawn_moments = moments_of(drawn, loaded.labels, loaded.classes, described(progress, "moments of synthetic data"))
    drawn_model = DataModel.from_moments(drawn_moments)
    plan.loss.check_step_size(step_size, float(drawn_model.eigenvalues[0]))

    gaussians, mixture = _gaussians(loaded, plan, progress)
    fingerprint = array_digest(loaded.inputs, loaded.labels)
    findings: list[Finding] = []
    for source, inputs, moments, fitted, classes in (
        (Source.INPUTS, loaded.inputs, own, model, gaussians),
        (Source.SYNTHETIC, drawn, drawn_moments, drawn_model, None),
    ):
        sample = Sample(inputs - moments.mean.astype(np.float32), loaded.labels, loaded.classes)
        run = _Run(source, sample, fitted, plan, step_size, classes)
        curve = curve_part(place, f"trained-{source.value}", run.key(fingerprint), partial(run.trained, progress))
        findings += run.findings(curve, progress)
    report = VerifyReport(
        loaded.name,
        loaded.labels.size,
        plan,
        step_size,
        ModelSummary.from_model(model),
        tuple(findings),
        software_versions(),
        loaded.notes,
        mixture,
    )
    if place is not None:
        report.save(place)
    return report


def _gaussians(
    data: DataSet, plan: VerifyPlan, progress: Progress
) -> tuple[MixtureModel | None, MixtureSummary | None]:
    """The Gaussians of each class, and the summary of several; None where all classes share one covariance."""
    if plan.components is None:
        return None, None
    return class_gaussians(data, plan.components, plan.seed, described(progress, f"Gaussians of {data.name}"))


@dataclass(frozen=True, eq=False)
class _Run:
    """All replicas of all initial scales on one source, which are trained together.

    Attributes:
        source: of the inputs.
        sample: the inputs.
        model: their data model.
        plan: what is trained.
        step_size: eta.
        gaussians: of each class, with covariances of their own; None for one covariance that all share.
    """

    source: Source
    sample: Sample
    model: DataModel
    plan: VerifyPlan
    step_size: float
    gaussians: MixtureModel | None

    @cached_property
    def weights(self) -> FloatArray:
        """(scale x replica, outputs, D) draws of W(0)."""
        plan, outputs = self.plan, self.plan.loss.outputs(self.model.classes)
        # One seed for each initial scale.
        seeds = np.random.SeedSequence(plan.seed).generate_state(len(plan.init_scales))
        return np.concatenate(
            [
                initial_weights(plan.replicas, outputs, self.sample.inputs.shape[1], scale, int(seed))
                for seed, scale in zip(seeds, plan.init_scales, strict=True)
            ]
        )

    @cached_property
    def started(self) -> FloatArray:
        """The same in the eigenbasis of the data model."""
        return self.model.to_eigenbasis(self.weights)

    @property
    def steps(self) -> IntArray:
        """(T,) the recorded steps."""
        return logarithmic_steps(self.plan.steps)

    def key(self, fingerprint: str) -> str:
        """The key of the trained curve, from all that determines it."""
        trained_by = {name: value for name, value in self.plan.content().items() if name not in _DERIVED_BY}
        code = source_digest(theory, simulation)
        own = {"source": self.source.value, "data": fingerprint, "step_size": self.step_size, "code": code}
        own["dtype"] = str(training_dtype(self.plan.init_scales))
        return part_key(trained_by | own | {"versions": software_versions()})

    def trained(self, progress: Progress) -> Curve:
        """The trained curve; InputError where training diverges."""
        plan, dtype = self.plan, training_dtype(self.plan.init_scales)
        inputs, labels = torch.from_numpy(self.sample.inputs).to(dtype), torch.from_numpy(self.sample.labels)
        batches: BatchSource
        if plan.batch_size is None:
            batches = FullBatch(inputs, labels)
        else:
            batches = MiniBatches(inputs, labels, plan.batch_size, plan.replicas, plan.seed)
        shown = described(progress, f"train on {self.source.value}")
        result = train(
            batches, self.model, plan.loss, self.weights, self.steps, self.step_size, dtype=dtype, progress=shown
        )
        if result.status is not Status.COMPLETED:
            raise InputError(
                f"step_size: training on {self.source.value} diverged after step {result.steps[-1]}; give a smaller one"
            )
        return result.curve

    def _derived(self, progress: Progress) -> Curve:
        """The mean field of all replicas of all initial scales."""
        loss, steps, mixture = self.plan.loss, self.steps, self.gaussians
        if mixture is None:
            return mean_field_curve(self.model, loss, self.started, steps, self.step_size, progress=progress)
        started = mixture.model.to_eigenbasis(self.weights)
        # Scale by scale: the products of all replicas with many large covariances would not fit the memory.
        curves = [
            class_mean_field_curve(mixture, loss, own, steps, self.step_size, progress=progress)
            for own in np.split(started, len(self.plan.init_scales))
        ]
        return Curve(curves[0].times, np.concatenate([curve.losses for curve in curves]))

    def findings(self, trained: Curve, progress: Progress) -> list[Finding]:
        """The comparison at each initial scale; where a claim fails, with the reasons."""
        plan, steps = self.plan, self.steps
        derived = self._derived(described(progress, f"mean field of {self.source.value}"))
        linearised = gradient_descent_curve(self.model, plan.loss, self.started, steps, self.step_size)
        found = []
        for index, scale in enumerate(plan.init_scales):
            own = slice(index * plan.replicas, (index + 1) * plan.replicas)
            curves = [curve.replica(own) for curve in (derived, linearised, trained)]
            compared = compare(curves[0], curves[1], curves[2], self.step_size, plan.tolerances)
            finding = Finding(self.source, scale, compared)
            if finding.fails:
                reasons = failure_reasons(compared, self.sample, self.weights[own], plan, self.step_size, progress)
                finding = replace(finding, reasons=reasons)
            found.append(finding)
        return found
