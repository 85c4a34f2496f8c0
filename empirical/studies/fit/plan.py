"""Plans of a fit: data or a layer of a network, and the training whose boundaries are predicted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from empirical.networks.networks import NETWORK_NAMES
from empirical.studies.run_sizes import check_step_share
from theory import Softmax
from theory.validation import at_least, one_of, path_argument, positive


@dataclass(frozen=True)
class FitPlan:
    """The softmax layer whose boundaries are predicted, and the seed of the fit.

    Attributes:
        init_scale: sigma0 of the layer.
        step_share: eta times the largest eigenvalue, within the limit of stability.
        steps: last step of the predicted curves.
        seed: of an untrained network, the halves, the projections and W(0).

    Raises:
        InputError: values out of range.
    """

    init_scale: float = 0.01
    step_share: float = 0.08
    steps: int = 4096
    seed: int = 0

    def __post_init__(self) -> None:
        positive("init_scale", self.init_scale)
        positive("step_share", self.step_share)
        at_least("steps", self.steps, 1)
        at_least("seed", self.seed, 0)
        check_step_share(self.step_share, Softmax())


@dataclass(frozen=True)
class NetworkLayer:
    """A layer of one of the package's networks.

    Attributes:
        network: its name.
        checkpoint: file of its weights; None for an untrained network.
        layer: name of the module; None for the last block.
        base_width: width of the network's first part; None for the default.
        pooled_features: features of the layer, at most.

    Raises:
        InputError: an unknown network, or values out of range.
    """

    network: str = "vgg8"
    checkpoint: str | Path | None = None
    layer: str | None = None
    base_width: int | None = None
    pooled_features: int = 1024

    def __post_init__(self) -> None:
        one_of("network", self.network, NETWORK_NAMES)
        at_least("pooled_features", self.pooled_features, 1)
        if self.base_width is not None:
            at_least("base_width", self.base_width, 1)
        if self.checkpoint is not None:
            path_argument("checkpoint", self.checkpoint)


@dataclass(frozen=True)
class Fitted:
    """The data, or the layer of a network, of a fit.

    Attributes:
        data: name of the data; None in results of a layer of older versions.
        network: name of the network; None where the data themselves were fitted.
        layer: name of the module; None likewise.
        checkpoint: name of the file of weights, or of their state in older results; None for an untrained network.
    """

    data: str | None
    network: str | None = None
    layer: str | None = None
    checkpoint: str | None = None

    @property
    def title(self) -> str:
        """The name in tables and figures."""
        if self.network is None:
            return str(self.data)
        state = "untrained" if self.checkpoint is None else self.checkpoint
        place = self.network if self.data is None else f"{self.network} on {self.data}"
        return f"{place}, {self.layer}, {state}"
