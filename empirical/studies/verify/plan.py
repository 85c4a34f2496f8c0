"""The plan of a verification: what it trains, and the tolerances."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from empirical.data.datasets import GivenData
from empirical.studies.training_precision import check_init_scale
from simulation import Tolerances
from theory import DataModel, InputError, Loss, Softmax
from theory.curves.losses import loss_argument
from theory.validation import at_least, positive

#: Seeds from here on are beyond torch's generators.
LARGEST_SEED = 2**63

#: For inputs of which nothing is known.
WIDE_TOLERANCES = Tolerances(0.02, 0.03, 1024, 0.02, 64, 0.25)


@dataclass(frozen=True)
class VerifyPlan:
    """What to train, and how closely training must agree with the theory.

    The default step size puts the turning point of the digits at the smallest scale near step 10, where whole steps
    are about 20 per decade, and lets phase III come far enough within the steps.

    Attributes:
        loss: the training loss.
        init_scales: standard deviations sigma0 of W(0), at least 1e-13.
        step_size: eta, or None for ``step_share`` / lambda_1.
        step_share: eta lambda_1 where ``step_size`` is None.
        steps: last step; the curve is recorded as ``logarithmic_steps`` has it.
        batch_size: inputs per step, or None for all of them.
        replicas: draws of W(0) for each initial scale.
        seed: of W(0), of the batches and of the synthetic sample.
        tolerances: accepted differences.
        components: Gaussians of each class in the mean field of the inputs, with covariances of their own; None for a
            covariance that all classes share.

    Raises:
        InputError: values out of range, no initial scale, or one given twice.
    """

    loss: Loss = Softmax()  # noqa: RUF009 (frozen)
    init_scales: tuple[float, ...] = (0.001, 0.01, 0.1)
    step_size: float | None = None
    step_share: float = 0.08
    steps: int = 4096
    batch_size: int | None = None
    replicas: int = 6
    seed: int = 0
    tolerances: Tolerances = WIDE_TOLERANCES
    components: int | None = None

    def __post_init__(self) -> None:
        loss_argument(self.loss)
        if not self.init_scales:
            raise InputError("init_scale: is empty; give at least one positive number")
        for scale in self.init_scales:
            positive("init_scale", scale)
            check_init_scale(scale)
        if len(set(self.init_scales)) < len(self.init_scales):
            raise InputError("init_scale: a value is given twice; give each once")
        if self.step_size is not None:
            positive("step_size", self.step_size)
        positive("step_share", self.step_share)
        at_least("steps", self.steps, 1)
        at_least("replicas", self.replicas, 1)
        at_least("seed", self.seed, 0)
        if self.seed >= LARGEST_SEED:
            raise InputError(f"seed: {self.seed} is not accepted; give an integer below 2^63")
        for name in ("batch_size", "components"):
            if getattr(self, name) is not None:
                at_least(name, getattr(self, name), 1)

    @classmethod
    def for_data(cls, data: GivenData) -> VerifyPlan:
        """The plan for the names ``digits`` and ``cifar10``, and the default one for all other data."""
        named = {"digits": DIGITS_PLAN, "cifar10": CIFAR10_PLAN}
        return named.get(str(data), DEFAULT_PLAN) if isinstance(data, str | Path) else DEFAULT_PLAN

    def step_size_for(self, model: DataModel) -> float:
        """The step size on ``model``; InputError if gradient descent is not stable with it."""
        largest = float(model.eigenvalues[0])
        chosen = self.step_size if self.step_size is not None else self.step_share / largest
        self.loss.check_step_size(chosen, largest)
        return chosen

    def content(self) -> dict[str, Any]:
        """The plan as plain values."""
        return asdict(self) | {"loss": self.loss.name, "init_scales": list(self.init_scales)}


#: Any inputs: full batches and wide tolerances.
DEFAULT_PLAN = VerifyPlan()

#: Digits nearly share one within-class covariance and are trained on full batches: close agreement.
DIGITS_PLAN = replace(DEFAULT_PLAN, tolerances=Tolerances(0.01, 0.01, 4096, 0.01, 64, 0.15))

#: Pixels of natural images: classes differ in covariance (A4 holds roughly), and mini-batches add noise.
CIFAR10_PLAN = replace(DEFAULT_PLAN, init_scales=(0.0001, 0.001, 0.003, 0.01), step_size=0.002, batch_size=1024)
