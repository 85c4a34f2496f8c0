"""Theorem T9 as a verdict: where on its path a layer serves a target best, before training, early, later or at the end.

As sigma0 falls, R_T starts at the level of random outputs, reaches the end of phase II, and then follows the learnt
path (``theory.curves.learnt_transfer``) to its limit. What is best depends on where that path is highest:

- at its beginning: R_T falls from the end of phase II on, its peak lies at s* = Theta(sigma0^(2/3)), and the practice
  of stopping at the turning point is right;
- at a time between: the peak does not move with sigma0;
- at its end: stopping loses;
- nowhere above the start: training on the source hurts the target from the first step on.

Slopes alone do not decide: a path that falls at first may rise above its beginning later. The slope of the beginning is
in closed form, and for one output so are conditions for all times; the rest is
numerical, by root finding on the path.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from theory.curves.learnt_transfer import LearntTransfer
from theory.curves.losses import Loss
from theory.data.data_model import DataModel
from theory.data.target import Target
from theory.validation import FloatArray, non_negative, positive

#: Differences of R_T below this are rounding.
_ROUNDING = 1e-9


class Stopping(Enum):
    """Where training on a source should stop for a target."""

    BEFORE_TRAINING = "do not train on the source"
    TURNING_POINT = "stop at the turning point"
    LATER = "stop later"
    GO_ON = "go on"

    @property
    def is_between(self) -> bool:
        """Whether the best time lies between start and end, early or late."""
        return self in (Stopping.TURNING_POINT, Stopping.LATER)

    def agrees_with(self, other: Stopping) -> bool:
        """Whether two verdicts give the same advice: before training, between, or at the end."""
        return self is other or (self.is_between and other.is_between)


@dataclass(frozen=True)
class TransferVerdict:
    """What theorem T9 says of a target, in the limit of small sigma0.

    Attributes:
        stopping: the verdict.
        time: s of the best outputs: 0 before training, the end of training to go on. At the turning point it depends
            on sigma0: that of the law for the ``init_scale`` that was given, None without one or outside of its range.
        start: R_T at initialisation.
        phase_two_end: R_T at the end of phase II, where the learnt path begins.
        best: R_T at its highest on the learnt path, or at the start.
        final: R_T where training ends.
        initial_slope: dR_T/ds of the learnt rows at the beginning of the path, in closed form.
        turns: times at which R_T turns on the learnt path, ascending.
        reasons: what decided, a sentence each.
    """

    stopping: Stopping
    time: float | None
    start: float
    phase_two_end: float
    best: float
    final: float
    initial_slope: float
    turns: tuple[float, ...]
    reasons: tuple[str, ...]


def transfer_verdict(
    model: DataModel,
    target: Target,
    loss: Loss,
    init_scale: float | None = None,
    resolution: float = 0.0,
    last: float = float("inf"),
) -> TransferVerdict:
    """Where the layer that ``loss`` trains on ``model`` serves ``target`` best.

    Args:
        model: the data model of the source.
        target: what a linear probe of the outputs is to tell.
        loss: the training loss; ``CentredOutputs(loss)`` for a probe of centred outputs.
        init_scale: sigma0, for the time of the turning point.
        resolution: smallest loss of R_T that counts, as a share of the target's variance: to go on is right where it
            costs no more, and the other verdicts likewise in the order turning point, before training, later.
        last: time s = eta n at which training ends.

    Raises:
        InputError: prototypes that are all zero, a target of another dimension, values out of range.
    """
    path = LearntTransfer.from_model(model, loss, target)
    smallest = max(non_negative("resolution", resolution), _ROUNDING)
    end = last if last == float("inf") else positive("last", last)
    turns = path.turns()
    turns = turns[turns < end]
    levels = path.shares(np.concatenate([[0.0], turns, [end]]))
    place = int(np.argmax(levels))
    best = max(path.start, float(levels[place]))
    time: float | None
    if levels[-1] >= best - smallest:
        stopping, time = Stopping.GO_ON, end
    elif levels[0] >= best - smallest:
        scale = None if init_scale is None else positive("init_scale", init_scale)
        stopping, time = Stopping.TURNING_POINT, None if scale is None else path.law.turning_point(scale)
    elif path.start >= best - smallest:
        stopping, time = Stopping.BEFORE_TRAINING, 0.0
    else:
        stopping, time = Stopping.LATER, float(turns[place - 1])
    slope = path.initial_slope
    return TransferVerdict(
        stopping,
        time,
        path.start,
        float(levels[0]),
        best,
        float(levels[-1]),
        slope,
        tuple(float(turn) for turn in turns),
        _reasons(path.start, levels, slope, stopping, time),
    )


def _reasons(start: float, levels: FloatArray, slope: float, stopping: Stopping, time: float | None) -> tuple[str, ...]:
    """What decided, in words."""
    moves = "falls" if slope < 0 else "rises"
    phase_two = "gains" if levels[0] > start else "loses"
    path = f"phase II {phase_two}: R_T goes from {start:.3f} to {levels[0]:.3f}"
    onward = f"from there it {moves} along what is learnt, to {levels[-1]:.3f} in the end"
    match stopping:
        case Stopping.GO_ON:
            decided = "nowhere is it higher than at the end"
        case Stopping.TURNING_POINT:
            decided = "nowhere after phase II is it as high again; the best time falls with sigma0 as its power 2/3"
        case Stopping.LATER:
            decided = f"it is highest at s = {time:.3g}, {levels.max():.3f}, which does not depend on sigma0"
        case Stopping.BEFORE_TRAINING:
            decided = "random outputs show more of the target than any that are trained"
    return path, onward, decided
