"""Evaluates which assumptions a data set meets, and which theorems then apply."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from empirical.data.class_checks import check_class_means, check_class_sizes
from empirical.data.datasets import DataSet
from empirical.moments.streaming import moments_of
from empirical.studies.run_sizes import check_step_share
from simulation.runs.json_numbers import INFINITE, NUMBER, SIGNS, number_of, plain_numbers
from simulation.runs.json_reader import Flag, ListOf, MapOf, Maybe, Real, Record, Text, Word
from simulation.runs.text_table import wrapped
from theory import DataModel, Loss, Softmax
from theory.assumptions import Assessment, Side, Verdict
from theory.curves.boundaries import RESOLUTION
from theory.curves.losses import loss_argument
from theory.data.stratified import stratified_sample
from theory.progress import Progress, described
from theory.theorems.catalogue import THEOREMS
from theory.theorems.sampled_assumptions import SampledAssumptions
from theory.theorems.theorem import PredictedStep
from theory.validation import at_least, positive

#: Samples on which intervals are measured; moments are those of all.
LARGEST_SAMPLE = 10_000

#: The condition of theorems that use an assumption which a flat curve leaves without meaning.
_MOVING = f"a curve that moves by more than {RESOLUTION:g} of tr Sigma: there are no phases to speak of"

#: What the ends of an interval are called where they are infinite.
_ENDS = ("low", "high")

_NAMES = MapOf(ListOf(Text(), 0))

#: What ``Check.content`` holds; the first version had no sides, one number by name, and fewer entries.
CHECK_CONTENT = Record(
    {
        "data": Text(),
        "assumptions": ListOf(
            Record(
                {
                    "name": Text(),
                    "statement": Text(),
                    "measure": Text(),
                    "value": NUMBER,
                    "limit": Real(),
                },
                {
                    "side": Word(tuple(one.value for one in Side)),
                    "margin": NUMBER,
                    "interval": Maybe(ListOf(NUMBER, 2)),
                    "is_flat": Flag(),
                    INFINITE: SIGNS,
                },
            )
        ),
        "applicable": ListOf(Text(), 0),
        "missing": _NAMES,
    },
    {
        "unresolved": _NAMES,
        "without_number": MapOf(Text()),
        "predicted": MapOf(Record({"event": Text(), "step": Real(0)})),
        "turning_step": NUMBER,
        "unmet": _NAMES,
    },
)


@dataclass(frozen=True)
class CheckPlan:
    """The layer for which assumptions are evaluated.

    Attributes:
        loss: the training loss.
        step_share: eta lambda_1, positive, for A5.
        init_scale: sigma0, positive, for A7 and A8.
        seed: of the sample, the parts of the jackknife, and W(0) for A4.

    Raises:
        InputError: values out of range, or a step size that is not stable.
    """

    loss: Loss = Softmax()  # noqa: RUF009 (frozen)
    step_share: float = 0.08
    init_scale: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        loss_argument(self.loss)
        positive("step_share", self.step_share)
        positive("init_scale", self.init_scale)
        at_least("seed", self.seed, 0)
        check_step_share(self.step_share, self.loss)


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
        predicted: by theorem among ``applicable``, the step that it gives.
        unmet: by theorem, in words, the further conditions on the layer that are not met.
    """

    data: str
    assessments: tuple[Assessment, ...]
    applicable: tuple[str, ...]
    unresolved: dict[str, tuple[str, ...]]
    missing: dict[str, tuple[str, ...]]
    without_number: dict[str, str]
    predicted: dict[str, PredictedStep]
    unmet: dict[str, tuple[str, ...]]

    def lines(self) -> list[str]:
        """Two lines or more per assumption, then the theorems."""
        return [line for one in self.assessments for line in assessment_lines(one)] + self.theorem_lines()

    def theorem_lines(self) -> list[str]:
        """Which theorems apply and what they predict, and why others do not."""
        lines = wrapped(f"theorems that apply: {', '.join(self.applicable) or 'none'}")
        for name, one in self.predicted.items():
            lines += wrapped(f"{name}: {one.event} at step {one.step:.4g}")
        for name, reason in self.without_number.items():
            lines += wrapped(f"{name} gives no number here: {reason}")
        for name, used in self.unresolved.items():
            lines += wrapped(f"{name} is not resolved: {', '.join(used)} not resolved")
        for name, broken in self.missing.items():
            lines += wrapped(f"{name} does not apply: {', '.join(broken)} {'fail' if len(broken) > 1 else 'fails'}")
        for name, conditions in self.unmet.items():
            for condition in conditions:
                lines += wrapped(f"{name} does not apply: it needs {condition}")
        return lines

    def content(self) -> dict[str, Any]:
        """The check as plain values; numbers as ``simulation.runs.json_numbers`` has them."""
        return {
            "data": self.data,
            "assumptions": [_row(one) for one in self.assessments],
            "applicable": list(self.applicable),
            "unresolved": {name: list(used) for name, used in self.unresolved.items()},
            "missing": {name: list(broken) for name, broken in self.missing.items()},
            "without_number": self.without_number,
            "predicted": {name: {"event": one.event, "step": one.step} for name, one in self.predicted.items()},
            "unmet": {name: list(conditions) for name, conditions in self.unmet.items()},
        }

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> Self:
        """The check of plain values of the shape CHECK_CONTENT."""
        predicted = dict(content.get("predicted", {}))
        if content.get("turning_step") is not None:  # of the first version
            predicted["T5"] = {"event": "turning point", "step": content["turning_step"]}
        return cls(
            content["data"],
            tuple(_assessment(row) for row in content["assumptions"]),
            tuple(content["applicable"]),
            _tuples(content.get("unresolved", {})),
            _tuples(content["missing"]),
            dict(content.get("without_number", {})),
            {name: PredictedStep(**one) for name, one in predicted.items()},
            _tuples(content.get("unmet", {})),
        )


def evaluate(data: DataSet, plan: CheckPlan, progress: Progress) -> Check:
    """Evaluate all assumptions on a data set.

    Args:
        data: labelled inputs.
        plan: the layer.
        progress: shows how far each part of the work is.

    Raises:
        InputError: a class with fewer than two inputs, classes with the same mean, or a loss for another number of
            classes.
    """
    loss = plan.loss
    loss.outputs(data.classes)
    check_class_sizes(data)
    check_class_means(data)
    moments = moments_of(data.inputs, data.labels, data.classes, described(progress, f"moments of {data.name}"))
    model = DataModel.from_moments(moments)
    chosen = stratified_sample(data.labels, LARGEST_SAMPLE, plan.seed)
    samples = SampledAssumptions(
        model, model.to_eigenbasis(data.inputs[chosen] - moments.mean), data.labels[chosen], plan.seed
    )
    step_size = plan.step_share / float(model.eigenvalues[0])
    assessments = tuple(samples.assess(loss, step_size, plan.init_scale))
    verdicts = {one.name: one.verdict for one in assessments}
    missing = _with_verdict(verdicts, Verdict.FAILS)
    unresolved = {
        name: open_ones
        for name, open_ones in _with_verdict(verdicts, Verdict.NOT_RESOLVED).items()
        if name not in missing
    }
    flat = _with_verdict(verdicts, Verdict.NO_PHASES)
    unmet = {
        theorem.name: conditions + (_MOVING,) * (theorem.name in flat)
        for theorem in THEOREMS
        if (conditions := theorem.scope(model, loss)) or theorem.name in flat
    }
    applicable = [theorem.name for theorem in THEOREMS if theorem.name not in missing | unresolved | unmet]
    reasons, predicted = {}, {}
    for theorem in THEOREMS:
        if theorem.name in applicable and theorem.predict is not None:
            found = theorem.predict(model, loss, plan.init_scale, step_size)
            if found.step is None:
                applicable.remove(theorem.name)
                reasons[theorem.name] = found.reason
            else:
                predicted[theorem.name] = found
    return Check(data.name, assessments, tuple(applicable), unresolved, missing, reasons, predicted, unmet)


def _with_verdict(verdicts: dict[str, Verdict], verdict: Verdict) -> dict[str, tuple[str, ...]]:
    """Theorems that use assumptions with this verdict, each with these."""
    named = {
        theorem.name: tuple(name for name in theorem.assumptions if verdicts[name] is verdict) for theorem in THEOREMS
    }
    return {name: used for name, used in named.items() if used}


def assessment_lines(one: Assessment) -> list[str]:
    """An assumption with its verdict, then what was measured, its interval, the limit and the margin."""
    # Where the samples give no number, they may still leave an interval.
    missing = np.isnan(one.value)
    value = "?" if missing else f"{one.value:.3g}"
    known = one.interval is not None and not np.isnan(one.interval).any()
    spread = f" [{one.interval[0]:.3g}, {one.interval[1]:.3g}]" if one.interval is not None and known else ""
    margin = "" if missing else f" (margin {one.margin:+.2f})"
    start = f"{one.name}  {one.verdict.value.lower():<12}  "
    found = f"{one.measure} = {value}{spread}, {one.side.value} {one.limit:g}{margin}"
    return [*wrapped(start + one.statement, "", len(start)), *wrapped(found, "    ", 6)]


def _row(one: Assessment) -> dict[str, Any]:
    ends = {} if one.interval is None else dict(zip(_ENDS, one.interval, strict=True))
    numbers = plain_numbers({"value": one.value, "margin": one.margin} | ends)
    interval = [numbers.pop(end) for end in _ENDS] if ends else None
    own = asdict(one) | {"side": one.side.value, "interval": interval}
    return own | numbers | {"holds": one.holds, "verdict": one.verdict.value}


def _assessment(row: dict[str, Any]) -> Assessment:
    interval = row.get("interval")
    return Assessment(
        row["name"],
        row["statement"],
        row["measure"],
        number_of(row["value"], "value", row),
        row["limit"],
        _side(row),
        None if interval is None else (number_of(interval[0], "low", row), number_of(interval[1], "high", row)),
        row.get("is_flat", False),
    )


def _side(row: dict[str, Any]) -> Side:
    """The side of the limit; in results of the first version it follows from the sign of the margin."""
    if "side" in row:
        return Side(row["side"])
    value, margin = (number_of(row.get(name), name, row) for name in ("value", "margin"))
    return Side.AT_MOST if (value < row["limit"]) == (margin > 0) else Side.AT_LEAST


def _tuples(lists: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(entries) for name, entries in lists.items()}
