"""The trainings of the study, each in a folder of its own and resumed after a stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from empirical.data.images import ImageData, ImageSplit, Normalisation, only_classes, padded_to
from empirical.networks.network_training import TrainingRun
from empirical.studies.choose_study.plan import CIFAR_FIVE, NETWORKS, SOURCES, StudyPlan
from simulation.runs.run_folder import RunFolder


@dataclass(frozen=True, eq=False)
class StudyImages:
    """The two data sets, both with three channels of 32 x 32 pixels.

    Attributes:
        cifar: CIFAR-10.
        digits: MNIST.
    """

    cifar: ImageData
    digits: ImageData

    def source(self, name: str) -> ImageData:
        """The images of a source."""
        return only_classes(self.cifar, range(5)) if name == CIFAR_FIVE else self.digits


def in_colour(data: ImageData) -> ImageData:
    """Gray images in three equal channels, framed to at least 32 x 32 pixels; colour images as they are."""
    framed = padded_to(data, max(32, *data.size))
    if framed.channels == 3:
        return framed
    train, test = (ImageSplit(np.repeat(one.images, 3, axis=1), one.labels) for one in (framed.train, framed.test))
    return replace(framed, train=train, test=test)


@dataclass(frozen=True, eq=False)
class StudyTraining:
    """One training of the study.

    Attributes:
        source: its name.
        network: its name.
        number: of the seed, counted from the plan's.
        draws: seed of its images and labels, another one for each training.
        run: the training itself.
    """

    source: str
    network: str
    number: int
    draws: int
    run: TrainingRun


def study_trainings(plan: StudyPlan, images: StudyImages, folder: RunFolder) -> Iterator[StudyTraining]:
    """All trainings, one seed after the other; none is trained yet."""
    for number in range(plan.seeds):
        for place, (network, width) in enumerate(NETWORKS):
            for source in SOURCES:
                data = images.source(source)
                normalisation = Normalisation.from_images(data.train)
                training = plan.training(network, width, number)
                own = RunFolder(folder.path / "trainings" / f"{source.replace(' ', '-')}-{network}-{training.seed}")
                run = TrainingRun(training, data.train, data.classes, normalisation, own, torch.device("cpu"))
                draws = plan.seed + len(SOURCES) * (len(NETWORKS) * number + place) + SOURCES.index(source)
                yield StudyTraining(source, network, number, draws, run)
