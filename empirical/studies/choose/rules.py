"""Rules in use for choosing a checkpoint, each a few lines with its source; all have one call shape.

A rule is given the checkpoints as they were seen, and returns the index of the one that it takes, or None where what it
needs was not measured. Of equal ones the later is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from empirical.probes.gain_curve import GainCurve
from empirical.studies.choose.measuring import Indicators, MeasuredCheckpoint
from empirical.tracker.stop_rule import StopRule
from theory.validation import FloatArray, IntArray

#: The step of the rule of a fixed step: what was best on the tracked trainings of this project.
FIXED_STEP = 512


@dataclass(frozen=True, eq=False)
class SeenCheckpoints:
    """T checkpoints as rules see them; None where something was not measured.

    Attributes:
        steps: (T,) ascending.
        losses: (T,) reconstruction losses L / tr Sigma.
        curve: gains of the cross-fitted probe.
        logme: (T,) see ``empirical.probes.transferability``, as are the next.
        collapse: (T,) NC1 of the target's classes.
        separation: (T,) of the target's classes.
        rank: (T,) RankMe of the target's inputs.
        spectrum: (T,) alpha of alpha-ReQ.
        weights: (T,) mean alpha of the weights.
        source_accuracy: (T,) held out, on the source's labels.
    """

    steps: IntArray
    losses: FloatArray
    curve: GainCurve | None = None
    logme: FloatArray | None = None
    collapse: FloatArray | None = None
    separation: FloatArray | None = None
    rank: FloatArray | None = None
    spectrum: FloatArray | None = None
    weights: FloatArray | None = None
    source_accuracy: FloatArray | None = None


def seen_checkpoints(
    measured: Sequence[MeasuredCheckpoint], curve: GainCurve | None, source_accuracy: FloatArray | None = None
) -> SeenCheckpoints:
    """Measured checkpoints as rules see them."""

    def each(name: str) -> FloatArray | None:
        found = [None if one.indicators is None else getattr(one.indicators, name) for one in measured]
        return None if None in found else np.array(found, dtype=np.float64)

    return SeenCheckpoints(
        np.array([one.step for one in measured], dtype=np.int64),
        np.array([one.loss for one in measured]),
        curve,
        **{field.name: each(field.name) for field in fields(Indicators)},
        source_accuracy=source_accuracy,
    )


@dataclass(frozen=True)
class ChoiceRule:
    """A rule.

    Attributes:
        name: in tables.
        source: who uses or published it.
        pick: the index of the checkpoint that it takes.
    """

    name: str
    source: str
    pick: Callable[[SeenCheckpoints], int | None]


def _last(seen: SeenCheckpoints) -> int:
    return seen.steps.size - 1


def _at_share(share: float) -> Callable[[SeenCheckpoints], int]:
    return lambda seen: _nearest(seen.steps, share * float(seen.steps[-1]))


def _nearest(steps: IntArray, step: float) -> int:
    """Index of the nearest step in logarithms."""
    return int(np.argmin(np.abs(np.log(np.maximum(steps, 0.5)) - np.log(step))))


def _within(tolerance: float) -> Callable[[SeenCheckpoints], int]:
    return lambda seen: int(np.flatnonzero(seen.losses <= seen.losses.min() + tolerance)[-1])


def _turning(seen: SeenCheckpoints) -> int:
    rule = StopRule(["layer"])
    for step, loss in zip(seen.steps.tolist(), seen.losses.tolist(), strict=True):
        rule.update(step, {"layer": [loss]})
    taken = rule.recommendation
    return int(np.flatnonzero(seen.steps == taken)[0])


def _largest(values: FloatArray | None) -> int | None:
    if values is None or not np.isfinite(values).all():
        return None
    return int(values.size - 1 - np.argmax(values[::-1]))


def _smallest(values: FloatArray | None) -> int | None:
    return None if values is None else _largest(-values)


def _weight_quality(seen: SeenCheckpoints) -> int | None:
    if seen.weights is None:
        return None
    # From above, alpha falls to 2 as training goes well; below it a layer counts as over-trained.
    return _smallest(np.where(seen.weights >= 2, seen.weights, 1e6 - seen.weights))


def _direct(seen: SeenCheckpoints) -> int | None:
    return None if seen.curve is None else _largest(seen.curve.raw)


#: All rules, in the order of tables.
RIVALS = (
    ChoiceRule("last", "common practice", _last),
    ChoiceRule("10 % of training", "common practice", _at_share(0.1)),
    ChoiceRule("50 % of training", "common practice", _at_share(0.5)),
    ChoiceRule(f"step {FIXED_STEP}", "this project's tracked trainings", lambda seen: _nearest(seen.steps, FIXED_STEP)),
    ChoiceRule("loss within .01", "this project", _within(0.01)),
    ChoiceRule("loss within .02", "this project", _within(0.02)),
    ChoiceRule("turning point", "this project (StopRule)", _turning),
    ChoiceRule("LogME", "You et al., ICML 2021", lambda seen: _largest(seen.logme)),
    ChoiceRule("NC1 of the target", "Papyan, Han & Donoho, PNAS 2020", lambda seen: _smallest(seen.collapse)),
    ChoiceRule("class separation", "Kornblith et al., NeurIPS 2021", lambda seen: _largest(seen.separation)),
    ChoiceRule("RankMe", "Garrido et al., ICML 2023", lambda seen: _largest(seen.rank)),
    ChoiceRule(
        "alpha-ReQ",
        "Agrawal et al., NeurIPS 2022",
        lambda seen: None if seen.spectrum is None else _smallest(np.abs(seen.spectrum - 1)),
    ),
    ChoiceRule("WeightWatcher alpha", "Martin, Peng & Mahoney, Nature Communications 2021", _weight_quality),
    ChoiceRule("best on the source", "common practice", lambda seen: _largest(seen.source_accuracy)),
    ChoiceRule("direct probe", "common practice", _direct),
)
