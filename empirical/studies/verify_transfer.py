"""Transfer verified: derived curves, verdicts and best steps for targets, against trained layers and their probes.

A single layer is trained on the source's classes, several draws of W(0) at once. Linear probes of its outputs are
fitted to each target by least squares along training, with no theory in them; the derived curves come from moments
alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from empirical.data.class_checks import check_class_means, check_class_sizes
from empirical.data.datasets import DataSet
from empirical.data.target_tasks import TargetTask
from empirical.moments.streaming import moments_of
from simulation import FullBatch, SampleProbe, Status, initial_weights, train
from simulation.comparison.transfer import RESOLUTION, TransferComparison, TransferReading, compare_transfer
from simulation.runs.run_folder import software_versions
from simulation.runs.text_table import text_table
from simulation.training.training import check_weights
from theory import (
    ClassConditionalModel,
    Curve,
    DataModel,
    InputError,
    Loss,
    MixtureModel,
    Softmax,
    Stopping,
    Target,
    TransferVerdict,
    class_mean_field_path,
    gradient_descent_curve,
    logarithmic_steps,
    transfer_verdict,
)
from theory.curves.mean_field import curves_of_path
from theory.progress import Progress, described, silent
from theory.validation import at_least, positive

#: Verdicts in a table.
_SHORT = {
    Stopping.BEFORE_TRAINING: "do not train",
    Stopping.TURNING_POINT: "turning point",
    Stopping.LATER: "later",
    Stopping.GO_ON: "go on",
}


@dataclass(frozen=True)
class VerifyTransferPlan:
    """What to train, and how closely trained transfer must agree with the derived one.

    Attributes:
        loss: the training loss.
        init_scale: standard deviation sigma0 of W(0), positive.
        step_size: eta, or None for ``step_share`` / lambda_1.
        step_share: eta lambda_1 where ``step_size`` is None.
        steps: last step; curves are recorded as ``logarithmic_steps`` has it.
        replicas: draws of W(0).
        seed: of W(0).
        tolerance: largest accepted difference of R_T between the mean curves.
        step_tolerance: largest accepted relative difference of the best steps.
        resolution: smallest loss of R_T that counts in a verdict.

    Raises:
        InputError: values out of range.
    """

    loss: Loss = Softmax()  # noqa: RUF009 (frozen)
    init_scale: float = 0.01
    step_size: float | None = None
    step_share: float = 0.5
    steps: int = 4096
    replicas: int = 6
    seed: int = 0
    tolerance: float = 0.02
    step_tolerance: float = 0.3
    resolution: float = RESOLUTION

    def __post_init__(self) -> None:
        for name in ("init_scale", "step_share", "tolerance", "step_tolerance", "resolution"):
            positive(name, getattr(self, name))
        if self.step_size is not None:
            positive("step_size", self.step_size)
        for name in ("steps", "replicas"):
            at_least(name, getattr(self, name), 1)
        at_least("seed", self.seed, 0)

    def step_size_for(self, model: DataModel) -> float:
        """The step size on ``model``; InputError if gradient descent is not stable with it."""
        largest = float(model.eigenvalues[0])
        chosen = self.step_size if self.step_size is not None else self.step_share / largest
        self.loss.check_step_size(chosen, largest)
        return chosen


@dataclass(frozen=True, eq=False)
class TransferFinding:
    """The result for one target.

    Attributes:
        target: its name.
        verdict: of theorem T9, from the linearised flow at small sigma0, up to the last step.
        comparison: the mean field's curve and the trained one.
        linearised: linearised curve of the same draws of W(0).
    """

    target: str
    verdict: TransferVerdict
    comparison: TransferComparison
    linearised: Curve

    @property
    def verdict_agrees(self) -> bool:
        """Whether theorem T9 gives the advice that the trained curve does."""
        return self.verdict.stopping.agrees_with(self.comparison.found.stopping)

    def curve_holds(self, plan: VerifyTransferPlan) -> bool:
        """Whether derived and trained R_T agree at all steps."""
        return self.comparison.deviation <= plan.tolerance

    def step_holds(self, plan: VerifyTransferPlan) -> bool:
        """Whether the best steps agree, or training to the derived one costs less than the resolution."""
        within = abs(self.comparison.time_ratio - 1) <= plan.step_tolerance
        return within or self.comparison.regret <= plan.resolution


@dataclass(frozen=True, eq=False)
class TransferVerification:
    """Everything that a verification of transfer found.

    Attributes:
        source: name of what was trained on.
        plan: of the trainings.
        step_size: eta, as used.
        findings: one for each target.
    """

    source: str
    plan: VerifyTransferPlan
    step_size: float
    findings: tuple[TransferFinding, ...]

    @property
    def holds(self) -> bool:
        """Whether curves, best steps and the verdicts of theorem T9 agree with training for every target."""
        return all(
            one.curve_holds(self.plan) and one.step_holds(self.plan) and one.verdict_agrees for one in self.findings
        )

    def lines(self) -> list[str]:
        """The table, and how many targets agree."""
        header = ("target", "trained", "best step", "T9", "mean field", "best step", "apart", "regret")
        rows = [self._row(one) for one in self.findings]
        count = len(self.findings)
        right = sum(one.verdict_agrees for one in self.findings)
        near = sum(one.curve_holds(self.plan) for one in self.findings)
        return [
            *text_table(header, rows),
            f"theorem T9 gives the advice of training for {right} of {count} targets, the mean field for "
            f"{sum(one.comparison.agrees for one in self.findings)}",
            f"the mean field is within {self.plan.tolerance:g} of trained R_T at every step for {near} of {count}",
        ]

    def content(self) -> dict[str, Any]:
        """Configuration, versions, verdicts and readings as plain values."""
        return {
            "source": self.source,
            "configuration": asdict(self.plan) | {"loss": self.plan.loss.name, "step_size": self.step_size},
            "versions": software_versions(),
            "holds": self.holds,
            "targets": [
                {
                    "target": one.target,
                    "verdict": asdict(one.verdict) | {"stopping": one.verdict.stopping.value},
                    "derived": self._reading(one.comparison.expected),
                    "trained": self._reading(one.comparison.found),
                    "deviation": one.comparison.deviation,
                    "deviation_step": self._step(one.comparison.deviation_time),
                    "regret": one.comparison.regret,
                    "verdict_agrees": one.verdict_agrees,
                    "curve_holds": one.curve_holds(self.plan),
                    "step_holds": one.step_holds(self.plan),
                }
                for one in self.findings
            ],
        }

    def _row(self, finding: TransferFinding) -> tuple[str, ...]:
        compared = finding.comparison
        return (
            finding.target,
            _SHORT[compared.found.stopping],
            f"{self._step(compared.found.time):,}",
            _SHORT[finding.verdict.stopping],
            _SHORT[compared.expected.stopping],
            f"{self._step(compared.expected.time):,}",
            f"{compared.deviation:.3f}",
            f"{compared.regret:.4f}",
        )

    def _reading(self, reading: TransferReading) -> dict[str, Any]:
        return asdict(reading) | {"stopping": reading.stopping.value, "step": self._step(reading.time)}

    def _step(self, time: float) -> int:
        return round(time / self.step_size)


def verify_transfer(
    source: DataSet,
    tasks: Sequence[TargetTask],
    plan: VerifyTransferPlan | None = None,
    *,
    mixture: MixtureModel | None = None,
    progress: Progress = silent,
) -> TransferVerification:
    """Derive what a layer trained on ``source`` shows of targets, and check it against trained layers.

    Args:
        source: labelled inputs to train on.
        tasks: what probes are to tell, in the coordinates of the source's inputs; ``empirical.data.target_tasks`` makes
            them from classes, numbers and names.
        plan: what to train and the tolerances; the default plan if left out.
        mixture: the Gaussians that the mean field takes the source's inputs to be; one per class, with a covariance of
            its own, if left out.
        progress: shows how far each part of the work is.

    Raises:
        InputError: no target, one of other coordinates, or a plan that does not fit the data; before any training.
    """
    chosen = plan if plan is not None else VerifyTransferPlan()
    if not tasks:
        raise InputError("tasks: is empty; give at least one target")
    check_class_sizes(source)
    check_class_means(source)
    outputs, dimension = chosen.loss.outputs(source.classes), int(source.inputs.shape[1])
    check_weights(chosen.replicas, outputs, dimension)
    moments = moments_of(source.inputs, source.labels, source.classes, described(progress, f"moments of {source.name}"))
    model = DataModel.from_moments(moments)
    step_size = chosen.step_size_for(model)
    targets = [Target.from_samples(model, task.inputs, task.values) for task in tasks]
    gaussians = mixture
    if gaussians is None:
        gaussians = ClassConditionalModel.from_samples(source.inputs, source.labels, source.classes)
    weights = initial_weights(chosen.replicas, outputs, dimension, chosen.init_scale, chosen.seed)
    steps = logarithmic_steps(chosen.steps)
    trained = train(
        FullBatch(torch.from_numpy(source.inputs - moments.mean.astype(np.float32)), torch.from_numpy(source.labels)),
        model,
        chosen.loss,
        weights,
        steps,
        step_size,
        progress=described(progress, f"train on {source.name}"),
        probes=[SampleProbe(task.inputs, task.values) for task in tasks],
    )
    if trained.status is not Status.COMPLETED:
        raise InputError(f"step_size: training diverged after step {trained.steps[-1]}; give a smaller one")
    own = gaussians.model
    started = own.to_eigenbasis(weights)
    path = class_mean_field_path(
        gaussians, chosen.loss, started, steps, step_size, progress=described(progress, f"mean field of {source.name}")
    )
    decoded = [Target.from_samples(own, task.inputs, task.values) for task in tasks]
    derived = curves_of_path(own, chosen.loss, started, path, steps, step_size, decoded)
    saturation = 1 / (chosen.loss.initial_curvature(model.classes) * float(model.eigenvalues[0]))
    last = step_size * chosen.steps
    findings = [
        TransferFinding(
            task.name,
            transfer_verdict(model, target, chosen.loss, chosen.init_scale, chosen.resolution, last),
            compare_transfer(curve, measured, saturation, chosen.resolution),
            gradient_descent_curve(model, chosen.loss, model.to_eigenbasis(weights), steps, step_size, target),
        )
        for task, target, curve, measured in zip(tasks, targets, derived, trained.transfer_curves(), strict=True)
    ]
    return TransferVerification(source.name, chosen, step_size, tuple(findings))
