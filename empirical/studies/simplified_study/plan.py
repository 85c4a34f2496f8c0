"""The plan of the study: which networks, how long, and how they are measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from empirical.networks.network_training import TrainingPlan
from empirical.studies.last_block_study.plan import LastBlockPlan, Setting, half_powers
from theory import InputError
from theory.validation import IntArray, at_least, one_of


class Training(Enum):
    """What is trained on what; the values are the names in tables."""

    IMAGES = "images"
    CLONE = "Gaussian clone"
    TANGENT = "linear in weights"


#: Those that are compared with the training on the images.
SIMPLIFIED = (Training.CLONE, Training.TANGENT)


@dataclass(frozen=True)
class SimplifiedPlan:
    """One training of each network and its two simplifications.

    Attributes:
        networks: VGG-8, ResNet-10 or both.
        widths: of the first part of VGG-8 and of ResNet-10.
        steps: last step.
        step_size: eta; momentum is .9.
        batch_size: images per step.
        images: training images for the loss and test images for the error, at most.
        seed: of the weights, of the order of the images and of the clone.

    Raises:
        InputError: a value out of its range, another network, or one given twice.
    """

    networks: tuple[str, ...] = LastBlockPlan.networks
    widths: tuple[int, int] = LastBlockPlan.widths
    steps: int = 1024
    step_size: float = LastBlockPlan.step_size
    batch_size: int = LastBlockPlan.batch_size
    images: int = LastBlockPlan.images
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.networks:
            one_of("networks", name, LastBlockPlan.networks)
        if not self.networks or len(set(self.networks)) < len(self.networks):
            raise InputError("networks: give each network once, and at least one")
        at_least("images", self.images, 100)
        for name in self.networks:
            self.setting(name)

    def setting(self, network: str) -> Setting:
        """The training of a network."""
        width = self.widths[LastBlockPlan.networks.index(network)]
        plan = TrainingPlan(network, width, self.steps, self.batch_size, self.step_size, seed=self.seed)
        return Setting(plan, 1.0)

    @property
    def measured_steps(self) -> IntArray:
        """(T,) where every training is measured."""
        return half_powers(self.steps)
