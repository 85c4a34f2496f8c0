"""The main job: moments -> data model -> derived curve and boundaries -> trained networks -> verdict.

The same pipeline runs on two sources: the inputs themselves, and as many samples drawn from the
Gaussian data model fitted to them, for which the theory's assumption A4 holds. Each source is
predicted from its own moments, and from the very draws of W(0) that are trained on it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

import simulation
import theory
from empirical.data.class_checks import check_class_means, check_class_sizes
from empirical.data.datasets import DataSet
from empirical.moments.streaming import moments_of
from empirical.studies.run_sizes import check_batches
from simulation import (
    Comparison,
    FullBatch,
    MiniBatches,
    Status,
    Tolerances,
    Verdict,
    compare,
    initial_weights,
    train,
)
from simulation.comparison.comparison import BOUNDARY_TITLES
from simulation.comparison.statistics import EqualityTest, equality_test
from simulation.runs.run_folder import RunFolder, array_digest, part_key, software_versions, source_digest
from simulation.training.batches import BatchSource
from simulation.training.sampling import GaussianSampler
from simulation.training.training import check_weights
from theory import (
    Curve,
    DataModel,
    InputError,
    Loss,
    Softmax,
    gradient_descent_curve,
    logarithmic_steps,
    mean_field_curve,
)
from theory.progress import Progress, described
from theory.validation import FloatArray, at_least, positive

#: Seeds from here on are beyond torch's generators.
LARGEST_SEED = 2**63

#: The two sources of a verification: the data set's own inputs, and samples of the fitted model.
INPUTS, SYNTHETIC = "inputs", "synthetic"


@dataclass(frozen=True)
class Plan:
    """What to train and how closely the theory must be met.

    Attributes:
        loss: the training loss.
        init_scales: standard deviations sigma0 of W(0), positive.
        step_size: eta, or None for ``step_share`` / lambda_1.
        step_share: eta lambda_1 where ``step_size`` is None.
        steps: last step; the curve is recorded as ``logarithmic_steps`` has it.
        batch_size: inputs a step, or None for all of them.
        replicas: draws of W(0) for each initial scale.
        seed: of W(0), of the batches and of the synthetic sample.
        tolerances: accepted differences.
    """

    loss: Loss
    init_scales: tuple[float, ...]
    step_size: float | None
    step_share: float
    steps: int
    batch_size: int | None
    replicas: int
    seed: int
    tolerances: Tolerances

    def __post_init__(self) -> None:
        if not self.init_scales:
            raise InputError("init_scale: is empty; give at least one positive number")
        for scale in self.init_scales:
            positive("init_scale", scale)
        if len(set(self.init_scales)) < len(self.init_scales):
            raise InputError("init_scale: a value is given twice; give each once")
        if self.step_size is not None:
            positive("step_size", self.step_size)
        positive("step_share", self.step_share)
        at_least("steps", self.steps, 1)
        at_least("replicas", self.replicas, 1)
        at_least("seed", self.seed, 0)
        if self.seed >= LARGEST_SEED:
            raise InputError(f"seed: {self.seed} is not accepted; give an integer below 2^63")
        if self.batch_size is not None:
            at_least("batch_size", self.batch_size, 1)

    def step_size_for(self, model: DataModel) -> float:
        """The step size on ``model``; InputError if gradient descent is not stable with it."""
        largest = float(model.eigenvalues[0])
        chosen = self.step_size if self.step_size is not None else self.step_share / largest
        self.loss.check_step_size(chosen, largest)
        return chosen


#: Digits nearly share one within-class covariance and are trained on full batches: close agreement.
#: The step size puts the turning point at the smallest scale near step 10, where whole steps are
#: about 20 a decade, and lets phase III come far enough within the steps.
DIGITS_PLAN = Plan(
    loss=Softmax(),
    init_scales=(0.001, 0.01, 0.1),
    step_size=None,
    step_share=0.08,
    steps=4096,
    batch_size=None,
    replicas=6,
    seed=0,
    tolerances=Tolerances(0.01, 0.01, 4096, 0.01, 64, 0.15),
)

#: Pixels of natural images: classes differ in covariance (A4 holds roughly), and mini-batches add noise.
CIFAR10_PLAN = Plan(
    loss=Softmax(),
    init_scales=(0.0001, 0.001, 0.003, 0.01),
    step_size=0.002,
    step_share=0.08,
    steps=4096,
    batch_size=1024,
    replicas=6,
    seed=0,
    tolerances=Tolerances(0.02, 0.03, 1024, 0.02, 64, 0.25),
)

#: Any other inputs: nothing is known of them, so full batches and the wider tolerances.
DEFAULT_PLAN = replace(DIGITS_PLAN, tolerances=CIFAR10_PLAN.tolerances)


def plan_for(data: str) -> Plan:
    """The plan for ``digits``, ``cifar10`` or, for any other name, the default one."""
    return {"digits": DIGITS_PLAN, "cifar10": CIFAR10_PLAN}.get(data, DEFAULT_PLAN)


@dataclass(frozen=True, eq=False)
class Finding:
    """The comparison on one source, INPUTS or SYNTHETIC, at one initial scale."""

    source: str
    init_scale: float
    comparison: Comparison


@dataclass(frozen=True, eq=False)
class Verification:
    """Everything that a verification found.

    Attributes:
        data: name of the data set.
        plan: what was asked for.
        step_size: eta, as used.
        model: the data model of the inputs.
        count: number of inputs.
        findings: one for each source and initial scale.
    """

    data: str
    plan: Plan
    step_size: float
    model: DataModel
    count: int
    findings: tuple[Finding, ...]

    @property
    def nothing_fails(self) -> bool:
        """Whether no claim fails; one that is not resolved is not a failure."""
        return all(
            claim.verdict is not Verdict.FAILS for finding in self.findings for claim in finding.comparison.claims
        )


def boundary_equality(result: Verification, level: float = 0.05) -> EqualityTest | None:
    """Test derived = measured for all boundaries of a verification at once.

    A claim asks whether they agree within its tolerance; this asks whether they differ at all, beyond what the
    draws of W(0) explain, with the stated chance of naming any that does not. None where nothing can be tested.

    Args:
        result: the verification; boundaries without a standard error are not tested.
        level: family-wise error rate.
    """
    claims = [
        claim
        for finding in result.findings
        for claim in finding.comparison.claims
        if claim.name in BOUNDARY_TITLES and 0 < claim.standard_error < np.inf
    ]
    if not claims:
        return None
    return equality_test(
        [claim.derived_value for claim in claims],
        [claim.measured_value for claim in claims],
        [claim.standard_error for claim in claims],
        result.plan.replicas,
        level,
    )


def verify(data: DataSet, plan: Plan, folder: RunFolder, progress: Progress) -> Verification:
    """Run the main job on a data set.

    Args:
        data: labelled inputs.
        plan: what to train and the tolerances.
        folder: where finished parts are kept; a run started again there goes on.
        progress: shows how far each part of the work is.

    Raises:
        InputError: a plan that does not fit the data, before any training.
    """
    outputs = plan.loss.outputs(data.classes)
    check_class_sizes(data)
    check_class_means(data)
    if plan.batch_size is not None:
        check_batches(plan.batch_size, plan.replicas, data.labels.size)
    check_weights(plan.replicas * len(plan.init_scales), outputs, data.inputs.shape[1])
    own = moments_of(data.inputs, data.labels, data.classes, described(progress, f"moments of {data.name}"))
    model = DataModel.from_moments(own)
    step_size = plan.step_size_for(model)
    labels = torch.from_numpy(data.labels)
    # The synthetic sample has the labels of the data, so that no class is missing in it.
    drawn = GaussianSampler(model, plan.seed).draw_for(labels)
    drawn_moments = moments_of(
        drawn.numpy(), data.labels, data.classes, described(progress, "moments of synthetic data")
    )
    drawn_model = DataModel.from_moments(drawn_moments)
    plan.loss.check_step_size(step_size, float(drawn_model.eigenvalues[0]))

    fingerprint = array_digest(data.inputs, data.labels)
    findings = []
    for source, inputs, moments, fitted in (
        (INPUTS, torch.from_numpy(data.inputs), own, model),
        (SYNTHETIC, drawn, drawn_moments, drawn_model),
    ):
        centred = inputs - torch.from_numpy(moments.mean.astype(np.float32))
        findings += _compare_source(source, centred, labels, fitted, plan, step_size, folder, fingerprint, progress)
    return Verification(data.name, plan, step_size, model, data.labels.size, tuple(findings))


def _compare_source(
    source: str,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    model: DataModel,
    plan: Plan,
    step_size: float,
    folder: RunFolder,
    fingerprint: str,
    progress: Progress,
) -> list[Finding]:
    """Train all replicas of all initial scales together on one source and compare each scale."""
    steps = logarithmic_steps(plan.steps)
    weights = np.concatenate(
        [
            initial_weights(plan.replicas, plan.loss.outputs(model.classes), int(inputs.shape[1]), scale, seed)
            for seed, scale in zip(_seeds(plan), plan.init_scales, strict=True)
        ]
    )

    def trained() -> Curve:
        batches: BatchSource
        if plan.batch_size is None:
            batches = FullBatch(inputs, labels)
        else:
            batches = MiniBatches(inputs, labels, plan.batch_size, plan.replicas, plan.seed)
        result = train(
            batches,
            model,
            plan.loss,
            weights,
            steps,
            step_size,
            progress=described(progress, f"train on {source}"),
        )
        if result.status is not Status.COMPLETED:
            raise InputError(
                f"step_size: training on {source} diverged after step {result.steps[-1]}; give a smaller one"
            )
        return result.curve

    started = model.to_eigenbasis(weights)
    trained_by = {name: value for name, value in plan_as_json(plan).items() if name != "tolerances"}
    code = source_digest(theory, simulation)
    key = part_key(
        trained_by
        | {"source": source, "data": fingerprint, "step_size": step_size, "code": code}
        | {"versions": software_versions()}
    )
    curve = folder.curve_part(f"trained-{source}", key, trained)
    derived = mean_field_curve(
        model, plan.loss, started, steps, step_size, progress=described(progress, f"mean field of {source}")
    )
    linearised = gradient_descent_curve(model, plan.loss, started, steps, step_size)
    rows = [slice(index * plan.replicas, (index + 1) * plan.replicas) for index in range(len(plan.init_scales))]
    return [
        Finding(
            source,
            scale,
            compare(derived.replica(own), linearised.replica(own), curve.replica(own), step_size, plan.tolerances),
        )
        for scale, own in zip(plan.init_scales, rows, strict=True)
    ]


def _seeds(plan: Plan) -> list[int]:
    """One seed for W(0) of each initial scale."""
    return [int(word) for word in np.random.SeedSequence(plan.seed).generate_state(len(plan.init_scales))]


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain values."""
    return asdict(plan) | {"loss": plan.loss.name, "init_scales": list(plan.init_scales)}


def result_as_json(result: Verification) -> dict[str, Any]:
    """Configuration, versions, data model and claims as plain values."""
    model, equality = result.model, boundary_equality(result)
    return {
        "data": result.data,
        "inputs": result.count,
        "configuration": plan_as_json(result.plan) | {"step_size": result.step_size},
        "versions": software_versions(),
        "model": {
            "dimension": model.dimension,
            "classes": model.classes,
            "total_variance": model.total_variance,
            "largest_eigenvalue": float(model.eigenvalues[0]),
            "smallest_eigenvalue": float(model.eigenvalues[-1]),
        },
        "nothing_fails": result.nothing_fails,
        "boundaries_tested": 0 if equality is None else int(equality.rejected.size),
        "boundaries_that_differ": 0 if equality is None else int(equality.rejected.sum()),
        "claims": [
            {"source": finding.source, "init_scale": finding.init_scale}
            | asdict(claim)
            | {"verdict": claim.verdict.value}
            for finding in result.findings
            for claim in finding.comparison.claims
        ],
        "draws": [
            {"source": finding.source, "init_scale": finding.init_scale}
            | _spread_over_draws(finding.comparison.trained)
            for finding in result.findings
        ],
    }


def _spread_over_draws(trained: Curve) -> dict[str, float]:
    """Mean and standard deviation over W(0) of the first, the lowest mean and the last loss."""
    lowest = int(np.argmin(trained.mean))
    columns = {"initial": 0, "lowest": lowest, "final": trained.times.size - 1}
    means = {f"{name}_loss_mean": float(trained.mean[column]) for name, column in columns.items()}
    return means | {f"{name}_loss_spread": float(trained.spread[column]) for name, column in columns.items()}


def curve_columns(result: Verification) -> dict[str, Any]:
    """All curves as columns of one long table: source, init_scale, curve, replica, step, time, loss."""
    columns: dict[str, list[FloatArray | list[Any]]] = {
        name: [] for name in ("source", "init_scale", "curve", "replica", "step", "time", "loss")
    }
    for finding in result.findings:
        for kind in ("trained", "derived", "linearised"):
            curve: Curve = getattr(finding.comparison, kind)
            replicas, times = curve.losses.shape
            size = replicas * times
            columns["source"].append([finding.source] * size)
            columns["init_scale"].append(np.full(size, finding.init_scale))
            columns["curve"].append([kind] * size)
            columns["replica"].append(np.repeat(np.arange(replicas), times))
            columns["step"].append(np.tile(np.rint(curve.times / result.step_size).astype(np.int64), replicas))
            columns["time"].append(np.tile(curve.times, replicas))
            columns["loss"].append(curve.losses.reshape(-1))
    return {name: np.concatenate(parts) for name, parts in columns.items()}
