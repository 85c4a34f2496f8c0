"""Plans of a prediction: layers of a network, and how classifiers are trained on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from empirical.networks.networks import NETWORK_NAMES
from empirical.studies.run_sizes import check_step_share
from empirical.studies.training_precision import check_init_scale
from theory import InputError, Softmax
from theory.validation import at_least, one_of, path_argument, positive


@dataclass(frozen=True)
class FeaturePlan:
    """The training of single-layer softmax classifiers on features of unit mean variance.

    Attributes:
        init_scale: sigma0, at least 1e-13.
        step_share: eta times the largest eigenvalue of the features' covariance, within the limit of stability.
        steps: last step.
        batch_size: samples per step, without replacement.
        replicas: draws of W(0).
        seed: of W(0), the batches and the fit.

    Raises:
        InputError: values out of range.
    """

    init_scale: float = 0.01
    step_share: float = 0.08
    steps: int = 4096
    batch_size: int = 1024
    replicas: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        positive("init_scale", self.init_scale)
        check_init_scale(self.init_scale)
        positive("step_share", self.step_share)
        at_least("steps", self.steps, 1)
        at_least("batch_size", self.batch_size, 1)
        at_least("replicas", self.replicas, 1)
        at_least("seed", self.seed, 0)
        check_step_share(self.step_share, Softmax())


@dataclass(frozen=True)
class PredictPlan:
    """The layers of a network, and how classifiers are trained on each.

    Attributes:
        network: name of one of the package's networks.
        checkpoints: files of its weights, no two of one name; the untrained network comes before them.
        layers: names of its modules; none for every block.
        base_width: width of the network's first part; None for the default.
        pooled_features: features of a layer, at most.
        training: how classifiers are trained; its seed is that of the untrained network too.

    Raises:
        InputError: an unknown network, two checkpoints of one name, or values out of range.
    """

    network: str = "vgg8"
    checkpoints: tuple[str | Path, ...] = ()
    layers: tuple[str, ...] = ()
    base_width: int | None = None
    pooled_features: int = 1024
    training: FeaturePlan = field(default_factory=FeaturePlan)

    def __post_init__(self) -> None:
        one_of("network", self.network, NETWORK_NAMES)
        at_least("pooled_features", self.pooled_features, 1)
        if self.base_width is not None:
            at_least("base_width", self.base_width, 1)
        names = [path_argument("checkpoints", file).stem for file in self.checkpoints]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(
                f"checkpoint: {twice} is the name of two files; rename one, as results are identified by it"
            )
