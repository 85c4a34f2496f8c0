"""The plan of the study: which trainings, to which steps, and how each is measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from empirical.networks.network_training import TrainingPlan
from theory import InputError
from theory.validation import IntArray, at_least, one_of, positive

#: The network of both series, and the other one: its last stage has a layer more than the two that are derived.
SERIES, RESIDUAL = "vgg8", "resnet10"

#: How many times as long as all layers the last two are trained and derived: in VGG-8 they turn several times as late.
LONGER = 4


@dataclass(frozen=True)
class Setting:
    """One training.

    Attributes:
        training: of the network.
        scale: of the classifier's initial weights and biases, in units of what they are drawn with.
    """

    training: TrainingPlan
    scale: float

    @property
    def steps(self) -> IntArray:
        """(T,) where it is measured while all layers train; the last one ends the training."""
        return half_powers(self.training.steps)

    @property
    def longer_steps(self) -> IntArray:
        """(T',) where two layers or one are, which turn later; the first T are ``steps``."""
        return half_powers(LONGER * self.training.steps)


@dataclass(frozen=True)
class LastBlockPlan:
    """Two series of trainings of VGG-8 that share one, and the same one of ResNet-10.

    Attributes:
        step_sizes: eta of the first series.
        scales: of the classifier's initial weights in the second one.
        step_size: eta of the second series, one of ``step_sizes``.
        steps: last step at that step size; with another one training ends at the same eta times steps. Two layers are
            trained and derived LONGER times as long.
        batch_size: images per step; momentum is .9.
        widths: of the first part of VGG-8 and of ResNet-10.
        images: training images, at most, on which the loss is measured.
        parts: of each class, cut by k-means, in the curve that is derived from several Gaussians per class.
        networks: SERIES, and RESIDUAL where that is trained too.
        seed: of the weights and of the order of the images.

    Raises:
        InputError: a value out of its range, series that do not share a training, another network.
    """

    step_sizes: tuple[float, ...] = (0.0005, 0.002, 0.008, 0.032)
    scales: tuple[float, ...] = (0.1, 1.0, 10.0)
    step_size: float = 0.002
    steps: int = 2048
    batch_size: int = 128
    widths: tuple[int, int] = (8, 4)
    images: int = 5_000
    parts: int = 4
    networks: tuple[str, ...] = (SERIES, RESIDUAL)
    seed: int = 0

    def __post_init__(self) -> None:
        for name, values in (("step_sizes", self.step_sizes), ("scales", self.scales)):
            for value in values:
                positive(name, value)
        if self.step_size not in self.step_sizes or 1.0 not in self.scales:
            raise InputError(f"step_sizes: {self.step_sizes} lack {self.step_size:g}, or scales lack 1; give both")
        for name in self.networks:
            one_of("networks", name, (SERIES, RESIDUAL))
        if SERIES not in self.networks or len(set(self.networks)) < len(self.networks):
            raise InputError(f"networks: {', '.join(self.networks)} is not accepted; give {SERIES} once, or both")
        at_least("images", self.images, 100)
        at_least("parts", self.parts, 2)
        self.training(SERIES, self.step_size)

    def training(self, network: str, step_size: float) -> TrainingPlan:
        """The plan of a training with a step size."""
        last = max(1, round(self.steps * self.step_size / step_size))
        width = self.widths[0] if network == SERIES else self.widths[1]
        return TrainingPlan(network, width, last, self.batch_size, step_size, seed=self.seed)

    @property
    def shared(self) -> Setting:
        """The training of VGG-8 that both series have."""
        return Setting(self.training(SERIES, self.step_size), 1.0)

    @property
    def by_step_size(self) -> tuple[Setting, ...]:
        """The series of step sizes."""
        return tuple(Setting(self.training(SERIES, one), 1.0) for one in self.step_sizes)

    @property
    def by_scale(self) -> tuple[Setting, ...]:
        """The series of the classifier's scale."""
        return tuple(Setting(self.training(SERIES, self.step_size), one) for one in self.scales)

    @property
    def of_each_network(self) -> tuple[Setting, ...]:
        """The training that both series share, and the same of the other network."""
        return tuple(Setting(self.training(name, self.step_size), 1.0) for name in self.networks)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Every training once, series by series."""
        return tuple(dict.fromkeys((*self.by_step_size, *self.by_scale, *self.of_each_network)))


def half_powers(last: int) -> IntArray:
    """0, and powers of the square root of two, rounded to whole steps, up to ``last``."""
    powers = np.rint(2 ** (np.arange(2 * np.log2(at_least("last", last, 1)) + 2) / 2))
    return np.unique(np.concatenate([[0], powers[powers <= last]])).astype(np.int64)
