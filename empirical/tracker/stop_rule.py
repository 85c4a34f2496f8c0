"""Decides from a few noisy measurements when a training has passed the turning point of its reconstruction loss.

The rule knows nothing of networks: it is given, at some steps, the losses of the layers on groups of held-out samples
that are the same at every step. Groups of one size make the standard error of a difference between two steps that of
the delete-a-group jackknife, and what a group adds to all steps alike cancels in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from empirical.tracker.phase_reading import smallest_moves, turning_time
from theory import InputError
from theory.curves.regimes import RESOLUTION, Absence, lowest_descent
from theory.validation import FloatArray, at_least, finite_array, positive, quoted

#: A change of at most this many standard errors counts as none.
_STANDARD_ERRORS = 2.0


@dataclass(frozen=True)
class Turning:
    """The turning point of one layer's curve, as far as it is measured.

    Attributes:
        lowest_step: the measured step of the smallest loss among those that the curve has fallen to
            (``theory.curves.regimes``), or of the smallest one while no fall counts.
        lowest_loss: that loss, L / tr Sigma.
        highest_step: the measured step of the highest loss before the smallest one.
        fall: from the highest loss before to the smallest one.
        fallen: whether the fall counts: it exceeds the resolution and two standard errors.
        rise: from the smallest loss to the last one.
        risen: number of last measurements in a row whose rise counts.
        turned: whether the loss has fallen and then risen as often in a row as the rule asks for.
        step: of the turning point, at the vertex of a parabola in log steps; NaN unless ``turned``.
        error: standard deviation of a turning point of which only this is known: it lies between the nearest steps on
            both sides whose losses are above the smallest one by more than two standard errors, uniform in log steps.
            NaN unless ``turned``.
    """

    lowest_step: int
    lowest_loss: float
    highest_step: int
    fall: float
    fallen: bool
    rise: float
    risen: int
    turned: bool
    step: float
    error: float


class StopRule:
    """Decides whether a training has turned, at which step, and which checkpoint to transfer to another task.

    The last layer decides; the others are reported. All that the rule says is a function of what it was given, so
    that processes that are given the same say the same, and so does a rule that was stored and loaded.

    Args:
        layers: names, from input to output.
        resolution: smallest change of the loss that counts, in units of L / tr Sigma.
        confirmations: measurements in a row, after the smallest one, whose rise has to count.

    Raises:
        InputError: no layer, one given twice, a number out of range.
    """

    def __init__(self, layers: Sequence[str], resolution: float = RESOLUTION, confirmations: int = 2) -> None:
        if isinstance(layers, str) or not layers or len(set(layers)) < len(layers):
            raise InputError(f"layers: {quoted(layers)} is not accepted; give a list of at least one name, each once")
        self.layers = tuple(layers)
        self.resolution = positive("resolution", resolution)
        self.confirmations = at_least("confirmations", confirmations, 1)
        self._steps: list[int] = []
        self._losses: dict[str, list[list[float]]] = {layer: [] for layer in self.layers}

    @property
    def deciding_layer(self) -> str:
        """The layer whose loss decides: the last one."""
        return self.layers[-1]

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps measured so far."""
        return tuple(self._steps)

    def curve(self, layer: str) -> FloatArray:
        """(T,) losses of a layer at the steps measured so far, the means over the groups."""
        return np.asarray(self._groups(layer).mean(axis=1), dtype=np.float64)

    def update(self, step: int, losses: Mapping[str, ArrayLike]) -> None:
        """Add a measurement.

        Args:
            step: number of updates of the weights so far; larger than at the measurement before.
            losses: for each layer the (G,) losses of G groups of held-out samples of one size, in units of
                L / tr Sigma; the same groups at every step. A single group gives no standard errors, and then the
                resolution alone decides what counts.

        Raises:
            InputError: a step that does not come later, other layers, another number of groups, NaN or infinity (the
                layer and the step are named); nothing is added then.
        """
        known = at_least("step", step, self._steps[-1] + 1 if self._steps else 0)
        if set(losses) != set(self.layers):
            raise InputError(f"losses: are of {', '.join(losses) or 'no layer'}; give {', '.join(self.layers)}")
        rows = {layer: finite_array(f"losses of {layer} at step {known:,}", losses[layer], 1) for layer in self.layers}
        for layer, row in rows.items():
            before = len(self._losses[layer][0]) if self._steps else row.size
            if row.size != before:
                raise InputError(f"losses of {layer} at step {known:,}: are {row.size}; give {before} as before")
        self._steps.append(known)
        for layer, row in rows.items():
            self._losses[layer].append(row.tolist())

    def reading(self, layer: str) -> Turning:
        """The state of a layer's curve; InputError before the first measurement or for an unknown layer."""
        groups = self._groups(layer)
        losses = groups.mean(axis=1)
        smallest = smallest_moves(groups.T, self.resolution)
        found = lowest_descent(losses, smallest)
        fallen = not isinstance(found, Absence)
        start, lowest = (0, int(np.argmin(losses))) if isinstance(found, Absence) else (found.start, found.lowest)
        above = losses - losses[lowest]
        beyond_noise = above > _STANDARD_ERRORS * _standard_errors(groups - groups[lowest])
        after = above[lowest + 1 :] > smallest[lowest, lowest + 1 :]
        turned = fallen and _longest_run(after) >= self.confirmations
        step = error = float("nan")
        if turned:
            times = np.log(np.maximum(self._steps, 0.5))  # step 0 counts as one half
            near = slice(lowest - 1, lowest + 2)
            step = float(np.exp(turning_time(times[near], losses[near])))
            left = int(np.flatnonzero(beyond_noise[:lowest])[-1])
            right = lowest + 1 + int(np.flatnonzero(beyond_noise[lowest + 1 :])[0])
            error = step * float(times[right] - times[left]) / np.sqrt(12)
        return Turning(
            lowest_step=self._steps[lowest],
            lowest_loss=float(losses[lowest]),
            highest_step=self._steps[start],
            fall=float(above[start]),
            fallen=fallen,
            rise=float(above[-1]),
            risen=int(np.argmin(np.append(after[::-1], False))),
            turned=turned,
            step=step,
            error=float(error),
        )

    @property
    def turned(self) -> bool:
        """Whether the deciding layer has passed a turning point."""
        return bool(self._steps) and self.reading(self.deciding_layer).turned

    @property
    def recommendation(self) -> int | None:
        """The measured step whose checkpoint to transfer.

        That of the smallest loss once the deciding layer has turned, the latest one before, None without any.
        """
        if not self._steps:
            return None
        reading = self.reading(self.deciding_layer)
        return reading.lowest_step if reading.turned else self._steps[-1]

    @property
    def reason(self) -> str:
        """Why, in one line."""
        if not self._steps:
            return "no turning point seen: nothing has been measured yet"
        layer, last = self.deciding_layer, self._steps[-1]
        reading = self.reading(layer)
        if reading.turned:
            return (
                f"reconstruction loss of {layer} turned at step {reading.step:,.0f} +- {_two_digits(reading.error)}: "
                f"it fell by {reading.fall:.3f} to {reading.lowest_loss:.3f} of the inputs' variance at step "
                f"{reading.lowest_step:,} and was {reading.rise:.3f} higher at step {last:,}"
            )
        return f"no turning point seen by step {last:,}: reconstruction loss of {layer} {self._so_far(reading)}"

    def _so_far(self, reading: Turning) -> str:
        first = self._steps[0]
        if len(self._steps) == 1:
            return f"is {reading.lowest_loss:.3f} of the inputs' variance, measured once"
        if not reading.fallen:
            return (
                f"has not fallen since step {first:,} by more than its resolution ({self.resolution:g}) and noise; "
                f"it is {reading.rise:.3f} above its smallest value, of step {reading.lowest_step:,}"
            )
        fallen = f"has fallen by {reading.fall:.3f} since step {reading.highest_step:,}"
        if reading.lowest_step == self._steps[-1]:
            return f"{fallen} and is at its smallest"
        risen = f"and risen by {reading.rise:.3f} since step {reading.lowest_step:,}"
        if reading.risen:
            missing = self.confirmations - reading.risen
            return f"{fallen} {risen}, which {missing} more measurement{'s' * (missing > 1)} must confirm"
        return f"{fallen} {risen}, no more than its resolution ({self.resolution:g}) and noise"

    def state_dict(self) -> dict[str, Any]:
        """All measurements, as plain lists, numbers and strings that JSON stores exactly."""
        losses = {layer: [list(row) for row in rows] for layer, rows in self._losses.items()}
        return {"steps": list(self._steps), "losses": losses}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace the measurements by those of a stored rule.

        Raises:
            InputError: a state of other layers, or one that is damaged; the rule is left as it was then.
        """
        try:
            steps, losses = list(state["steps"]), dict(state["losses"])
            rows = [{layer: values[index] for layer, values in losses.items()} for index in range(len(steps))]
            complete = all(len(values) == len(steps) for values in losses.values())
        except (KeyError, TypeError, ValueError, IndexError):
            raise InputError("state: is no state of a stop rule; give what state_dict returned") from None
        if set(losses) != set(self.layers) or not complete:
            raise InputError(f"state: is of layers {', '.join(losses)}; give one of {', '.join(self.layers)}, whole")
        loaded = StopRule(self.layers)
        for step, row in zip(steps, rows, strict=True):
            loaded.update(step, row)
        self._steps, self._losses = loaded._steps, loaded._losses

    def _groups(self, layer: str) -> FloatArray:
        """(T, G) losses of a layer."""
        if layer not in self._losses:
            raise InputError(f"layer: {quoted(layer)} is unknown; give one of {', '.join(self.layers)}")
        if not self._steps:
            raise InputError("losses: none was given; give at least one measurement")
        return np.array(self._losses[layer])


def _standard_errors(differences: FloatArray) -> FloatArray:
    """(T,) standard errors of the means of (T, G) groups; zeros for a single group, which says nothing about noise."""
    groups = differences.shape[1]
    if groups == 1:
        return np.zeros(differences.shape[0])
    return np.asarray(differences.std(axis=1, ddof=1) / np.sqrt(groups), dtype=np.float64)


def _longest_run(flags: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    """Length of the longest run of true entries."""
    ends = np.flatnonzero(~np.concatenate([[False], flags, [False]]))
    return int(np.diff(ends).max()) - 1


def _two_digits(value: float) -> str:
    """A positive number, rounded to two significant digits, without a power of ten."""
    return f"{float(f'{value:.2g}'):,.10g}"
