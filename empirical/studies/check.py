"""The assumptions A1 to A8 evaluated on a data set, and the theorems that they leave standing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from empirical.data.class_checks import check_class_means, check_class_sizes
from empirical.data.datasets import DataSet
from empirical.moments.streaming import moments_of
from theory import DataModel, Loss
from theory.assumptions import Assessment, Verdict
from theory.curves.turning_law import SEPARATION, TurningLaw
from theory.data.stratified import stratified_sample
from theory.progress import Progress
from theory.theorems.catalogue import theorems
from theory.theorems.sampled_assumptions import SampledAssumptions
from theory.validation import positive

#: Samples on which intervals are measured; moments are those of all.
LARGEST_SAMPLE = 10_000


@dataclass(frozen=True)
class Check:
    """The outcome of a check.

    Attributes:
        data: name of the data set.
        assessments: A1 to A8.
        applicable: names of the theorems whose assumptions all hold and that give what they state.
        unresolved: names of those none of whose assumptions fails, each with the assumptions that are not resolved.
        missing: names of those with an assumption that fails, each with these assumptions.
        without_number: names of theorems whose assumptions hold and that give no number here, each with the reason.
        turning_step: the turning point of theorem T5, in steps; None where T5 is not among ``applicable``.
        unmet: by theorem, what else it asks of the layer and does not get, in words.
    """

    data: str
    assessments: tuple[Assessment, ...]
    applicable: tuple[str, ...]
    unresolved: dict[str, tuple[str, ...]]
    missing: dict[str, tuple[str, ...]]
    without_number: dict[str, str]
    turning_step: float | None
    unmet: dict[str, tuple[str, ...]]


def check(data: DataSet, loss: Loss, step_share: float, init_scale: float, seed: int, progress: Progress) -> Check:
    """Evaluate all assumptions on a data set.

    Args:
        data: labelled inputs.
        loss: the training loss.
        step_share: eta lambda_1, positive.
        init_scale: sigma0, positive.
        seed: of the sample, the parts of the jackknife and W(0) for A4.
        progress: wraps the iteration over batches.

    Raises:
        InputError: a class with fewer than two inputs, values that are not positive, a step size that is not stable.
    """
    positive("step_share", step_share)
    positive("init_scale", init_scale)
    loss.outputs(data.classes)
    check_class_sizes(data)
    check_class_means(data)
    moments = moments_of(data.inputs, data.labels, data.classes, progress)
    model = DataModel.from_moments(moments)
    chosen = stratified_sample(data.labels, LARGEST_SAMPLE, seed)
    samples = SampledAssumptions(
        model, model.to_eigenbasis(data.inputs[chosen] - moments.mean), data.labels[chosen], seed
    )
    step_size = step_share / float(model.eigenvalues[0])
    assessments = tuple(samples.assess(loss, step_size, init_scale))
    verdicts = {one.name: one.verdict for one in assessments}
    missing = _with_verdict(verdicts, Verdict.FAILS)
    unresolved = {
        name: open_ones
        for name, open_ones in _with_verdict(verdicts, Verdict.NOT_RESOLVED).items()
        if name not in missing
    }
    unmet = {theorem.name: conditions for theorem in theorems() if (conditions := theorem.scope(model, loss))}
    applicable = [theorem.name for theorem in theorems() if theorem.name not in missing | unresolved | unmet]
    reasons, turning = {}, None
    if "T5" in applicable:
        law = TurningLaw.of(model, loss)
        time = law.turning_point(init_scale)
        if time is None:
            applicable.remove("T5")
            reasons["T5"] = _why_no_turning_point(law, init_scale, step_size)
        else:
            turning = time / step_size
    return Check(data.name, assessments, tuple(applicable), unresolved, missing, reasons, turning, unmet)


def _with_verdict(verdicts: dict[str, Verdict], verdict: Verdict) -> dict[str, tuple[str, ...]]:
    """Theorems that use assumptions with this verdict, each with these."""
    named = {
        theorem.name: tuple(name for name in theorem.assumptions if verdicts[name] is verdict) for theorem in theorems()
    }
    return {name: used for name, used in named.items() if used}


def _why_no_turning_point(law: TurningLaw, init_scale: float, step_size: float) -> str:
    """Why T5 has no closed form where its assumptions hold."""
    if law.remainder <= 0:
        return "the weak outputs point at less variance than random ones, so that its sum is negative"
    if law.drift <= 0:
        return "nothing of what is learnt is forgotten to first order, so that the curve does not turn back"
    time = float(np.cbrt(2 * law.remainder * init_scale**2 / law.drift)) / step_size
    last = law.last_crossover * init_scale / step_size
    if time < SEPARATION * last:
        return (
            f"its series asks for a turning point at least {SEPARATION:g} times later than the weakest output outgrows "
            f"W(0); that is at step {last:.3g}, and it gives step {time:.3g}"
        )
    return (
        f"its series asks for a turning point before the first mode saturates, at step "
        f"{law.saturation / step_size:.3g}; it gives step {time:.3g}"
    )


def check_as_json(result: Check) -> dict[str, Any]:
    """The check as plain values; infinite and missing numbers are null."""
    return {
        "data": result.data,
        "assumptions": [_as_json(one) for one in result.assessments],
        "applicable": list(result.applicable),
        "unresolved": {name: list(used) for name, used in result.unresolved.items()},
        "missing": {name: list(broken) for name, broken in result.missing.items()},
        "without_number": result.without_number,
        "turning_step": result.turning_step,
        "unmet": {name: list(conditions) for name, conditions in result.unmet.items()},
    }


def _as_json(one: Assessment) -> dict[str, Any]:
    values = {name: value for name, value in asdict(one).items() if name != "side"}
    interval = None if one.interval is None else [_finite(end) for end in one.interval]
    return values | {
        "value": _finite(one.value),
        "interval": interval,
        "margin": _finite(one.margin),
        "holds": one.holds,
        "verdict": one.verdict.value,
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def check_lines(result: Check) -> list[str]:
    """The check as lines of text."""
    lines = [_line(one) for one in result.assessments]
    number = "" if result.turning_step is None else f" (T5: turning point at step {result.turning_step:.4g})"
    lines.append(f"theorems that apply: {', '.join(result.applicable) or 'none'}{number}")
    lines += [f"{name} gives no number here: {reason}" for name, reason in result.without_number.items()]
    lines += [f"{name} is not resolved: {', '.join(used)} not resolved" for name, used in result.unresolved.items()]
    lines += [f"{name} does not apply: {', '.join(broken)} fails" for name, broken in result.missing.items()]
    lines += [
        f"{name} does not apply: it needs {condition}"
        for name, conditions in result.unmet.items()
        for condition in conditions
    ]
    return lines


def _line(one: Assessment) -> str:
    # Where the samples give no number, they may still leave an interval.
    missing = np.isnan(one.value)
    value = "?" if missing else f"{one.value:.3g}"
    known = one.interval is not None and not np.isnan(one.interval).any()
    spread = f" [{one.interval[0]:.3g}, {one.interval[1]:.3g}]" if one.interval is not None and known else ""
    margin = "    -" if missing else f"{one.margin:+.2f}"
    return (
        f"{one.name}  {one.verdict.value.lower():<12} margin {margin}  {one.statement}: "
        f"{one.measure} = {value}{spread}, limit {one.limit:g}"
    )
