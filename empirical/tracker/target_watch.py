"""A target beside a training: how well a linear probe of the deciding layer predicts it, at every probed step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from empirical.data.transfer_target import TransferTarget
from empirical.networks.row_rule import Rows
from empirical.probes.gain_curve import GainCurve, Verdict
from empirical.probes.target_features import features_of
from empirical.probes.target_probe import TargetScores, target_gains, target_scores
from theory import InputError
from theory.validation import FloatArray, IntArray, finite_array

#: Measurements to which a parabola is fitted, and how far beyond the last one its peak is believed.
_FITTED, _REACH = 6, 16.0


class TargetWatch:
    """Scores of a target's labels along a training, and the gains of its steps over the latest one.

    Each label is scored by a probe that was not fitted to it; gains are smoothed over log steps, with bands that hold
    for all steps at once, and the smallest expected squared error leads (``target_gains``, as in ``choose``). The
    network is read as it stands.

    Args:
        target: inputs as the network takes them, with classes or numbers: a pair, or a ``TransferTarget``.
        layer: that is probed.
        pooled_features: largest number of its features.
        rows: what becomes a row of its activations, as in ``capture``.

    Raises:
        InputError: no inputs with labels, or such as cannot be taken.
    """

    def __init__(self, target: object, layer: str, pooled_features: int, rows: Rows) -> None:
        self._target = _given(target)
        self._layer, self._pooled_features, self._rows = layer, pooled_features, rows
        self._steps: list[int] = []
        self._scores: list[list[float]] = []
        self._shares: list[list[float]] = []

    @property
    def digest(self) -> str:
        """Of inputs and labels."""
        return self._target.digest

    @property
    def steps(self) -> IntArray:
        """(T,) of the measurements."""
        return np.array(self._steps, dtype=np.int64)

    @property
    def means(self) -> FloatArray:
        """(T,) accuracy, or explained variance of numbers."""
        return np.array([float(np.mean(row)) for row in self._scores])

    @property
    def measure(self) -> str:
        """The name of what is gained."""
        return "explained variance" if self._target.labels is None else "accuracy"

    @property
    def curve(self) -> GainCurve | None:
        """Gains over the latest step; None before the second measurement."""
        if len(self._steps) < 2:
            return None
        return target_gains(self.steps, np.array(self._scores), np.array(self._shares))

    @property
    def recommendation(self) -> int | None:
        """The step to transfer: an earlier one that is better for sure, otherwise the latest."""
        curve = self.curve
        return (self._steps[-1] if self._steps else None) if curve is None else int(curve.steps[curve.chosen])

    @property
    def leading(self) -> int | None:
        """The step of the smallest expected squared error, for sure or not."""
        curve = self.curve
        return (self._steps[-1] if self._steps else None) if curve is None else int(curve.steps[curve.leading])

    @property
    def peak(self) -> float | None:
        """The step at which the probe would be best at this pace; None where its rise does not slow down.

        The peak of the parabola in the logarithm of the step through the latest measurements, no further beyond the
        last one than a factor of 16.
        """
        if len(self._steps) < _FITTED or self.leading != self._steps[-1]:
            return None
        doublings = np.log2(np.maximum(self.steps[-_FITTED:], 0.5))
        bend, slope, _ = np.polyfit(doublings - doublings[-1], self.means[-_FITTED:], 2)
        if not (bend < 0 < slope):
            return None
        ahead = -slope / (2 * bend)
        return float(self._steps[-1] * 2**ahead) if ahead <= np.log2(_REACH) else None

    @property
    def reason(self) -> str:
        """What the target says, in one line."""
        curve = self.curve
        if curve is None:
            return "the target has been probed once" if self._steps else "the target has not been probed"
        last, best, measure = int(curve.steps[-1]), int(curve.steps[curve.leading]), f"the target's {self.measure}"
        gain, low, high = (values[curve.leading] for values in (curve.mean, curve.lower, curve.upper))
        band = f"{gain:+.3f} ({low:+.3f} to {high:+.3f})"
        match curve.verdict:
            case Verdict.TAKE:
                return f"{measure} is {band} higher at step {best:,} than at {last:,}"
            case Verdict.LAST:
                return f"{measure} is nowhere {curve.tolerance:g} above that of step {last:,}{self._pace}"
        if best == last:
            highest = int(np.argmax(curve.upper))
            most = f"step {int(curve.steps[highest]):,} may gain up to {curve.upper[highest]:+.3f}"
            lead = f"step {last:,}, the latest, leads; {most}"
        else:
            lead = f"step {best:,} leads, with a gain of {band}"
        return (
            f"cannot tell with {curve.samples:,} labels of the target: {lead}; "
            f"about {curve.more_samples:,} more would tell{self._pace}"
        )

    @property
    def _pace(self) -> str:
        peak = self.peak
        return "" if peak is None else f"; at this pace it peaks near step {peak:,.0f}"

    def measured(self, network: nn.Module) -> TargetScores:
        """Scores of the labels at the network as it is; InputError where the layer cannot be read."""
        features = features_of(network, self._layer, self._target.inputs, self._pooled_features, self._rows)
        return target_scores(features.double().numpy(), self._values, self._target.labels)

    def update(self, step: int, measured: TargetScores) -> None:
        """Take the scores of a step after the last one."""
        self._steps.append(step)
        self._scores.append(measured.scores.tolist())
        self._shares.append(measured.shares.tolist())

    def state_dict(self) -> dict[str, Any]:
        """All measurements, as values that JSON stores exactly."""
        rows = {"scores": self._scores, "shares": self._shares}
        own = {name: [list(row) for row in measured] for name, measured in rows.items()}
        return {"target": self.digest, "steps": list(self._steps), **own}

    def load_state_dict(self, state: Mapping[str, Any] | None) -> None:
        """Replace the measurements by those of a stored watch.

        Raises:
            InputError: none, of another target, or damaged; the watch is left as it was then.
        """
        try:
            known = state if state is not None else {}
            digest, steps = known["target"], [int(one) for one in known["steps"]]
            scores, shares = (self._stored(name, known[name]) for name in ("scores", "shares"))
        except (KeyError, TypeError, ValueError):
            raise InputError("state: has no measurements of a target; give what state_dict returned") from None
        if digest != self.digest:
            raise InputError("state: was measured on another target; give that of the first run")
        if {scores.shape, shares.shape} != {(len(steps), self._target.count)} or sorted(set(steps)) != steps:
            raise InputError("state: measurements of the target are damaged; give what state_dict returned")
        self._steps, self._scores, self._shares = steps, scores.tolist(), shares.tolist()

    def _stored(self, name: str, rows: Any) -> FloatArray:
        return finite_array(name, rows, 2) if rows else np.empty((0, self._target.count))

    @property
    def _values(self) -> FloatArray:
        values = self._target.values
        if values is None:
            raise InputError("target: has no labels; give a pair (inputs, labels)")
        return values


def _given(target: object) -> TransferTarget:
    """The target that a tracker is given; InputError for something else, or without labels."""
    if isinstance(target, tuple) and len(target) == 2:
        target = TransferTarget.from_arrays(*target)
    if not isinstance(target, TransferTarget):
        raise InputError("target: is not accepted; give a pair (inputs, labels) or a TransferTarget")
    if target.values is None:
        raise InputError("target: has no labels; give a pair (inputs, labels)")
    return target
