"""The plan of a verification of a hidden layer: the network, its training, and the tolerances."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from empirical.studies.training_precision import check_init_scale
from empirical.studies.verify.plan import LARGEST_SEED
from simulation.training.activations import Activation, Identity, Rectified
from theory import DataModel, InputError, Loss, Softmax
from theory.curves.losses import loss_argument
from theory.validation import at_least, positive, quoted


class HiddenUnits(Enum):
    """The activation of the hidden units; the value is its name in a plan."""

    LINEAR = "linear"
    RELU = "relu"

    @property
    def activation(self) -> Activation:
        """The function that training applies."""
        return Identity() if self is HiddenUnits.LINEAR else Rectified()

    @property
    def tolerance(self) -> float:
        """Largest accepted distance of the mean curves: of the linear mean field, and of the Gaussian closure."""
        return 0.01 if self is HiddenUnits.LINEAR else 0.015


@dataclass(frozen=True)
class VerifyHiddenPlan:
    """What to train, z = W_L f(... f(W_1 x)), and how closely its layers must follow the derived curves.

    Attributes:
        widths: of the hidden layers, from the inputs on. Rectified networks have one.
        units: their activation.
        loss: the training loss.
        components: parts of each class in the mean field, cut by k-means; None fits Gaussians by likelihood, and
            that of held-out samples chooses their number.
        init_scale: standard deviation sigma0 of all weights at the start, positive.
        step_size: eta, or None for ``step_share`` / lambda_1.
        step_share: eta lambda_1 where ``step_size`` is None.
        steps: last step; curves are recorded as ``logarithmic_steps`` has it.
        replicas: draws of the initial weights.
        seed: of these draws, and of the fit of several Gaussians per class.
        tolerance: largest accepted distance of the mean curves, as a share of the inputs' variance; None takes that of
            the units.
        step_tolerance: largest accepted relative difference of the turning points.

    Raises:
        InputError: values out of range, or more than one rectified layer.
    """

    widths: tuple[int, ...] = (32,)
    units: HiddenUnits = HiddenUnits.LINEAR
    loss: Loss = Softmax()  # noqa: RUF009 (frozen)
    components: int | None = None
    init_scale: float = 0.01
    step_size: float | None = None
    step_share: float = 0.2
    steps: int = 4096
    replicas: int = 4
    seed: int = 0
    tolerance: float | None = None
    step_tolerance: float = 0.25

    def __post_init__(self) -> None:
        loss_argument(self.loss)
        if not self.widths:
            raise InputError("widths: is empty; give the width of at least one hidden layer")
        for width in self.widths:
            at_least("hidden_width", width, 1)
        if self.units is HiddenUnits.RELU and len(self.widths) > 1:
            raise InputError(
                f"widths: {len(self.widths)} rectified layers are not derived; give one, or take linear units"
            )
        for name in ("init_scale", "step_share", "step_tolerance"):
            positive(name, getattr(self, name))
        check_init_scale(self.init_scale)
        for name in ("step_size", "tolerance"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        for name in ("steps", "replicas"):
            at_least(name, getattr(self, name), 1)
        if self.components is not None:
            at_least("components", self.components, 1)
        if at_least("seed", self.seed, 0) >= LARGEST_SEED:
            raise InputError(f"seed: {self.seed} is not accepted; give an integer below 2^63")

    @property
    def accepted(self) -> float:
        """The accepted distance of the mean curves."""
        return self.tolerance if self.tolerance is not None else self.units.tolerance

    def step_size_for(self, model: DataModel) -> float:
        """The step size on ``model``; no limit on it is known in advance, as weights of other layers count."""
        return self.step_size if self.step_size is not None else self.step_share / float(model.eigenvalues[0])

    def content(self) -> dict[str, Any]:
        """The plan as plain values."""
        return asdict(self) | {"loss": self.loss.name, "units": self.units.value, "widths": list(self.widths)}


def hidden_units_named(name: str) -> HiddenUnits:
    """Return the activation called ``name``.

    Raises:
        InputError: another name.
    """
    known = [one.value for one in HiddenUnits]
    if name not in known:
        raise InputError(f"activation: {quoted(name)} is not accepted; give {' or '.join(known)}")
    return HiddenUnits(name)
