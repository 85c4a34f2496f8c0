"""The quantities that probes of a checkpoint measure, each of a layer or of the whole network.

Code compares measures by value; their names are for tables and files alone, and are mapped back here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from theory import InputError
from theory.validation import positive


class MeasureKind(Enum):
    """The quantity measured; the value is the name in tables, to which some kinds add a task or a budget."""

    RECONSTRUCTION_LOSS = "reconstruction loss"
    BUDGETED_LOSS = "reconstruction loss at budget"
    RANK = "rank"
    FEATURES = "features"
    TRAINING_ACCURACY = "training accuracy"
    TEST_ACCURACY = "test accuracy"
    GRADIENT_SHARE = "gradient share"
    PROBE_ACCURACY = "probe accuracy"
    COLLAPSE_WITHIN_CLASS = "collapse: within class"
    COLLAPSE_VARIANCE_RATIO = "collapse: variance ratio"
    COLLAPSE_BETWEEN_RANK = "collapse: between rank"
    COLLAPSE_NORM_VARIATION = "collapse: norm variation"
    COLLAPSE_COSINE_MEAN = "collapse: cosine mean"
    COLLAPSE_COSINE_DEVIATION = "collapse: cosine deviation"
    COLLAPSE_ANGLE_DISTANCE = "collapse: angle distance"
    LINEAR_DECODER_LOSS = "reconstruction loss of a trained linear decoder"
    LINEAR_DECODER_ERROR = "squared error per pixel of a trained linear decoder"
    LINEAR_DECODER_TRAINING_ERROR = "squared error per pixel of a trained linear decoder, last epoch of training"
    CONVOLUTIONAL_DECODER_LOSS = "reconstruction loss of a trained convolutional decoder"
    CONVOLUTIONAL_DECODER_ERROR = "squared error per pixel of a trained convolutional decoder"
    CONVOLUTIONAL_DECODER_TRAINING_ERROR = (
        "squared error per pixel of a trained convolutional decoder, last epoch of training"
    )
    SOFTMAX_LOSS = "reconstruction loss of the softmax outputs"
    INFORMATION_VARIANCE_SHARE = "information: variance share of the directions"
    INFORMATION_BINNED_INPUT = "information: binned, about the input"
    INFORMATION_BINNED_LABEL = "information: binned, about the label"
    INFORMATION_NEIGHBOURS_INPUT = "information: neighbours, about the input"
    INFORMATION_NEIGHBOURS_LABEL = "information: neighbours, about the label"


#: Between a kind's name and the task or budget that follows it.
_BEFORE = {MeasureKind.PROBE_ACCURACY: ": ", MeasureKind.BUDGETED_LOSS: " "}

#: Names that files of earlier versions hold.
_EARLIER_NAMES = {kind.value.replace("per pixel", "a pixel"): kind for kind in MeasureKind if "per pixel" in kind.value}

_ACCURACIES = (MeasureKind.TRAINING_ACCURACY, MeasureKind.TEST_ACCURACY, MeasureKind.PROBE_ACCURACY)


@dataclass(frozen=True)
class Measure:
    """One quantity that is measured of a layer or network.

    Attributes:
        kind: what is measured.
        task: that a probe accuracy is of; None for the other kinds.
        budget: mu of a budgeted decoder, to the three digits that its name has; None for the other kinds.

    Raises:
        InputError: a task or budget that is missing, or of a kind that has none; a budget that is not positive.
    """

    kind: MeasureKind
    task: str | None = None
    budget: float | None = None

    def __post_init__(self) -> None:
        for name, value, needed in (
            ("task", self.task, MeasureKind.PROBE_ACCURACY),
            ("budget", self.budget, MeasureKind.BUDGETED_LOSS),
        ):
            if (value is not None) != (self.kind is needed):
                raise InputError(f"{name}: is {value!r} for {self.kind.value}; give one for {needed.value} alone")
        if self.budget is not None:
            rounded = float(f"{positive('budget', self.budget):.2e}")
            object.__setattr__(self, "budget", rounded)

    @property
    def name(self) -> str:
        """The name in tables and files."""
        if self.budget is not None:
            return f"{self.kind.value}{_BEFORE[self.kind]}{self.budget:.2e}"
        return self.kind.value if self.task is None else f"{self.kind.value}{_BEFORE[self.kind]}{self.task}"

    @property
    def is_accuracy(self) -> bool:
        """Whether its values are shares of right answers."""
        return self.kind in _ACCURACIES

    @classmethod
    def from_name(cls, name: str) -> Measure:
        """The measure of this name, from a file.

        Raises:
            InputError: no measure has it.
        """
        plain = {kind.value: kind for kind in MeasureKind if kind not in _BEFORE} | _EARLIER_NAMES
        if name in plain:
            return cls(plain[name])
        probe, budgeted = (kind.value + before for kind, before in _BEFORE.items())
        if name.startswith(probe):
            return cls.probe(name.removeprefix(probe))
        if name.startswith(budgeted):
            try:
                return cls.budgeted(float(name.removeprefix(budgeted)))
            except ValueError:
                pass
        raise InputError(f"measure: {name!r} is unknown; give one of empirical.MeasureKind")

    @classmethod
    def probe(cls, task: str) -> Measure:
        """Held-out accuracy of a linear probe of a task."""
        return cls(MeasureKind.PROBE_ACCURACY, task=task)

    @classmethod
    def budgeted(cls, budget: float) -> Measure:
        """Held-out loss of the budgeted decoder with this mu, in squared units of the activations."""
        return cls(MeasureKind.BUDGETED_LOSS, budget=budget)


#: Measures without a task or budget that others look for.
RECONSTRUCTION = Measure(MeasureKind.RECONSTRUCTION_LOSS)
TRAINING_ACCURACY = Measure(MeasureKind.TRAINING_ACCURACY)
TEST_ACCURACY = Measure(MeasureKind.TEST_ACCURACY)
GRADIENT_SHARE = Measure(MeasureKind.GRADIENT_SHARE)

#: Penalties mu of the budgeted decoders, in squared units of the activations: two per decade.
BUDGETS = tuple(float(budget) for budget in np.geomspace(1e-4, 1e3, 15))

#: Instead of a layer, for what is measured of the whole network.
WHOLE = "network"


@dataclass(frozen=True)
class Measurement:
    """One number of one layer at one checkpoint.

    Attributes:
        layer: its name, or WHOLE.
        measure: what was measured; losses are L / tr Sigma, accuracies and shares are between 0 and 1.
        value: the number.
        standard_error: over test samples, where one is known; NaN otherwise.
        note: a warning about the number; empty without one.
    """

    layer: str
    measure: Measure
    value: float
    standard_error: float = float("nan")
    note: str = ""
