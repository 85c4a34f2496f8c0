"""The assumptions A1 to A8 evaluated on a data set, and the theorems that they leave standing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from empirical.datasets import DataSet
from empirical.stratified import check_class_counts, stratified_sample
from empirical.streaming import moments_of
from theory import DataModel, Loss
from theory.assumptions import Assessment, assess, common_gaussian_classes
from theory.catalogue import theorems
from theory.progress import Progress

#: Samples on which A4 is measured; more would not change its verdict.
LARGEST_SAMPLE = 10_000


@dataclass(frozen=True)
class Check:
    """The outcome of a check.

    Attributes:
        data: name of the data set.
        assessments: A1 to A8.
        applicable: names of the theorems whose assumptions all hold.
        missing: names of the others, each with its assumptions that do not hold.
    """

    data: str
    assessments: tuple[Assessment, ...]
    applicable: tuple[str, ...]
    missing: dict[str, tuple[str, ...]]


def check(data: DataSet, loss: Loss, step_share: float, init_scale: float, seed: int, progress: Progress) -> Check:
    """Evaluate all assumptions on a data set.

    Args:
        data: labelled inputs.
        loss: the training loss.
        step_share: eta lambda_1, positive.
        init_scale: sigma0, positive.
        seed: of the sample and the projections for A4.
        progress: wraps the iteration over batches.

    Raises:
        InputError: a class with fewer than two inputs, or values that are not positive.
    """
    loss.outputs(data.classes)
    check_class_counts(data.labels, data.classes, 2, "as the variance within each is measured")
    moments = moments_of(data.inputs, data.labels, data.classes, progress)
    model = DataModel.from_moments(moments)
    order = stratified_sample(data.labels, LARGEST_SAMPLE, seed)
    classes = common_gaussian_classes(data.inputs[order] - moments.mean, data.labels[order], seed)
    step_size = step_share / float(model.eigenvalues[0])
    assessments = tuple(sorted((*assess(model, loss, step_size, init_scale), classes), key=lambda one: one.name))
    failed = {one.name for one in assessments if not one.holds}
    missing = {theorem.name: tuple(name for name in theorem.assumptions if name in failed) for theorem in theorems()}
    return Check(
        data.name,
        assessments,
        tuple(name for name, broken in missing.items() if not broken),
        {name: broken for name, broken in missing.items() if broken},
    )


def check_as_json(result: Check) -> dict[str, Any]:
    """The check as plain values."""
    rows = [asdict(one) | {"margin": one.margin} for one in result.assessments]
    return {
        "data": result.data,
        "assumptions": rows,
        "applicable": list(result.applicable),
        "missing": {name: list(broken) for name, broken in result.missing.items()},
    }


def check_lines(result: Check) -> list[str]:
    """The check as lines of text."""
    lines = [
        f"{one.name}  {'holds' if one.holds else 'fails':<6} margin {one.margin:+.2f}  {one.statement}: "
        f"{one.measure} = {one.value:.3g}, limit {one.limit:g}"
        for one in result.assessments
    ]
    lines.append(f"theorems that apply: {', '.join(result.applicable) or 'none'}")
    lines += [f"{name} does not apply: {', '.join(broken)} fails" for name, broken in result.missing.items()]
    return lines
