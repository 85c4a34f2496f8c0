"""The plan of the study: what is trained, and with how many labels targets are judged."""

from __future__ import annotations

from dataclasses import dataclass

from empirical.networks.network_training import TrainingPlan, checkpoint_steps
from theory.validation import IntArray, at_least

#: Networks and widths of their first part: a training takes one to two minutes on one core.
NETWORKS = (("vgg8", 16), ("resnet10", 8))

#: What is trained on: CIFAR-10's classes 0 to 4, and MNIST in three equal channels.
CIFAR_FIVE, DIGITS = "cifar10 0-4", "mnist"
SOURCES = (CIFAR_FIVE, DIGITS)


@dataclass(frozen=True)
class Tuning:
    """How a checkpoint is fine-tuned: stochastic gradient descent with momentum on all weights.

    Attributes:
        steps: number of them.
        batch_size: labelled images per step, drawn anew for each; all where there are fewer.
        step_size: eta.
        momentum: in [0, 1).
    """

    steps: int = 40
    batch_size: int = 64
    step_size: float = 0.05
    momentum: float = 0.9


#: Of all fine-tuning in the study. At a step size of .01 an untrained ResNet-10 fits half of its labels, at .05 three
#: quarters; chosen by that alone.
TUNING = Tuning()


@dataclass(frozen=True)
class StudyPlan:
    """The trainings and the number of labels.

    Attributes:
        seeds: trainings of each network on each source.
        steps: last step; checkpoints are at 0, 1, 2, 4, ...
        batch_size: images per step.
        step_size: eta, with a momentum of .9.
        labels_per_class: of a target's labels that a rule may use; of numbers, ten times as many in all.
        known: images of each data set from which labels are taken.
        fresh: images of each data set that gains are measured on afterwards.
        tuned: trainings of each network on each source, the first ones, whose checkpoints are also fine-tuned.
        seed: of the first training and of all draws.
        asked: trainings of each network on each source, the first ones, on whose targets more labels are taken as the
            answers ask for them.
    """

    seeds: int = 1
    steps: int = 2048
    batch_size: int = 64
    step_size: float = 0.005
    labels_per_class: int = 50
    known: int = 1000
    fresh: int = 4000
    tuned: int = 1
    seed: int = 0
    asked: int = 0

    def __post_init__(self) -> None:
        at_least("seeds", self.seeds, 1)
        at_least("labels_per_class", self.labels_per_class, 2)
        at_least("fresh", self.fresh, 100)
        at_least("tuned", self.tuned, 0)
        at_least("asked", self.asked, 0)
        self.training("vgg8", 16, 0)

    def training(self, network: str, width: int, number: int) -> TrainingPlan:
        """The plan of one training."""
        return TrainingPlan(network, width, self.steps, self.batch_size, self.step_size, seed=self.seed + number)

    @property
    def checkpoints(self) -> IntArray:
        """(T,) the steps of the checkpoints."""
        return checkpoint_steps(self.steps)
