"""Explains why claims of a verification fail: what each assumption costs, as for predictions on features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from empirical.studies.assumption_costs import CLASSES, COMMON, LINEARISED, Reason, prediction_reasons
from empirical.studies.verify.plan import VerifyPlan
from simulation import Claim, Comparison
from theory import InputError, Verdict
from theory.curves.class_mean_field import class_mean_field_curve
from theory.data.class_covariances import ClassConditionalModel
from theory.data.memory_limit import array_bytes, check_memory
from theory.progress import Progress, described
from theory.theorems.sampled_assumptions import SampledAssumptions
from theory.validation import FloatArray, IntArray

#: Arrays of the size of the inputs, and of the class covariances, that are held at once in float64.
_COPIES, _COVARIANCES = 3, 3


@dataclass(frozen=True, eq=False)
class Sample:
    """Inputs of one source, as they are trained on.

    Attributes:
        inputs: (n, D), centred.
        labels: (n,) their classes 0 .. classes - 1.
        classes: number of classes.
    """

    inputs: NDArray[np.float32]
    labels: IntArray
    classes: int


def failure_reasons(
    comparison: Comparison, sample: Sample, weights: FloatArray, plan: VerifyPlan, step_size: float, progress: Progress
) -> tuple[Reason, ...]:
    """The costs of A8, A4 and unequal covariances where a claim fails; none where there are too many inputs for it.

    The costs are stated at the step of the failed claim on a curve that is farthest beyond its tolerance, and where the
    mean field is farthest from training if only other claims fail.

    Args:
        comparison: with a claim that fails.
        sample: what was trained on.
        weights: (replica, outputs, D) the draws of W(0) of the comparison.
        plan: with the loss, and the seed of the inputs on which the gradient is followed.
        step_size: eta.
        progress: shows how far each part of the work is.
    """
    inputs, labels = sample.inputs, sample.labels
    try:
        covariances = array_bytes((_COVARIANCES * sample.classes, inputs.shape[1], inputs.shape[1]))
        check_memory("reasons", _COPIES * array_bytes(inputs.shape) + covariances, "give fewer inputs")
    except InputError:
        return ()
    conditional = ClassConditionalModel.from_samples(inputs, labels, sample.classes)
    model = conditional.model
    started = model.to_eigenbasis(weights)
    steps = np.rint(comparison.trained.times / step_size).astype(np.int64)
    samples = SampledAssumptions(model, model.to_eigenbasis(inputs), labels, plan.seed)
    derived = {
        LINEARISED: comparison.linearised,
        COMMON: comparison.derived,
        CLASSES: class_mean_field_curve(
            conditional,
            plan.loss,
            started,
            steps,
            step_size,
            progress=described(progress, "mean field, class covariances"),
        ),
    }
    defect = samples.defect(
        plan.loss, step_size, started, int(steps[-1]), described(progress, "gradient on the samples")
    )
    return prediction_reasons(derived, defect, comparison.trained, step_size, _column(comparison.claims, steps))


def _column(claims: tuple[Claim, ...], steps: IntArray) -> int | None:
    """Column of the worst step of the failed curve claim farthest beyond its tolerance; None without one."""
    failed = [claim for claim in claims if claim.kind.is_curve and claim.verdict is Verdict.FAILS]
    if not failed:
        return None
    worst = max(failed, key=lambda claim: claim.deviation / claim.tolerance)
    return int(np.flatnonzero(steps == worst.worst_step)[0])
