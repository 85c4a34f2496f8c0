"""The plan of a verification of transfer: what is trained, on which classes, and the tolerances."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from empirical.studies.training_precision import check_init_scale
from empirical.studies.verify.plan import LARGEST_SEED
from simulation.comparison.transfer import RESOLUTION
from theory import DataModel, InputError, Loss, Softmax
from theory.curves.losses import loss_argument
from theory.validation import at_least, positive, whole_numbers


@dataclass(frozen=True)
class VerifyTransferPlan:
    """What to train, and how closely trained transfer must agree with the derived one.

    Attributes:
        loss: the training loss.
        classes: of the data, those that are trained on; None for all.
        components: parts of each class in the mean field, cut by k-means; None fits Gaussians by likelihood, and
            that of held-out samples chooses their number.
        init_scale: standard deviation sigma0 of W(0), positive.
        step_size: eta, or None for ``step_share`` / lambda_1.
        step_share: eta lambda_1 where ``step_size`` is None.
        steps: last step; curves are recorded as ``logarithmic_steps`` has it.
        replicas: draws of W(0).
        seed: of W(0), of the fit of several Gaussians per class, and of clones.
        clones: samples drawn from the fitted Gaussians, as many inputs of each class as the data, on which the same
            layers are trained: by how much another sample would differ. None, or at least two.
        tolerance: largest accepted difference of R_T between the mean curves.
        step_tolerance: largest accepted relative difference of the best steps.
        resolution: smallest loss of R_T that counts in a verdict.

    Raises:
        InputError: values out of range.
    """

    loss: Loss = Softmax()  # noqa: RUF009 (frozen)
    classes: tuple[int, ...] | None = None
    components: int | None = None
    init_scale: float = 0.01
    step_size: float | None = None
    step_share: float = 0.5
    steps: int = 4096
    replicas: int = 6
    seed: int = 0
    clones: int = 0
    tolerance: float = 0.02
    step_tolerance: float = 0.3
    resolution: float = RESOLUTION

    def __post_init__(self) -> None:
        loss_argument(self.loss)
        for name in ("init_scale", "step_share", "tolerance", "step_tolerance", "resolution"):
            positive(name, getattr(self, name))
        check_init_scale(self.init_scale)
        if self.step_size is not None:
            positive("step_size", self.step_size)
        for name in ("steps", "replicas"):
            at_least(name, getattr(self, name), 1)
        if self.classes is not None:
            whole_numbers("classes", self.classes, 0)
        if self.components is not None:
            at_least("components", self.components, 1)
        if at_least("clones", self.clones, 0) == 1:
            raise InputError("clones: 1 is not accepted; give 0, or at least 2, which have a spread")
        if at_least("seed", self.seed, 0) >= LARGEST_SEED:
            raise InputError(f"seed: {self.seed} is not accepted; give an integer below 2^63")

    def step_size_for(self, model: DataModel) -> float:
        """The step size on ``model``; InputError if gradient descent is not stable with it."""
        largest = float(model.eigenvalues[0])
        chosen = self.step_size if self.step_size is not None else self.step_share / largest
        self.loss.check_step_size(chosen, largest)
        return chosen

    def content(self) -> dict[str, Any]:
        """The plan as plain values."""
        return asdict(self) | {
            "loss": self.loss.name,
            "classes": None if self.classes is None else list(self.classes),
        }
