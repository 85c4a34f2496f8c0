"""The tasks of linear probes on frozen activations: the classes themselves, and tasks of transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from empirical.data.images import ImageData, ImageSplit, Normalisation, only_classes, padded_to
from empirical.probes.transfer_tasks import dominant_channels
from theory import InputError
from theory.validation import quoted

CLASS = "class"
COLOUR = "colour dominance"
HELD_OUT = "held-out classes"


@dataclass(frozen=True, eq=False)
class ProbeTask:
    """A task that a linear classifier is to solve from frozen activations.

    Attributes:
        name: in tables.
        train: images that the classifier is fitted to.
        test: images that it is scored on.
        classes: number of classes.
    """

    name: str
    train: ImageSplit
    test: ImageSplit
    classes: int


def at_least_32(data: ImageData) -> ImageData:
    """The images, framed in black where they are smaller than the 32 x 32 pixels that the networks are made for."""
    return padded_to(data, max(32, *data.size))


def with_channels(data: ImageData, channels: int) -> ImageData:
    """Gray images with as many equal channels as a network reads; images of several channels are left as they are."""
    if data.channels != 1:
        return data
    train, test = (ImageSplit(one.images.repeat(channels, axis=1), one.labels) for one in (data.train, data.test))
    return replace(data, train=train, test=test)


def class_task(data: ImageData, name: str = CLASS) -> ProbeTask:
    """The task of classifying the images of a data set."""
    return ProbeTask(name, data.train, data.test, data.classes)


def colour_task(data: ImageData) -> ProbeTask:
    """The task of recognising which of red, green and blue, each normalised, has the largest mean in an image.

    The transfer task of the published figures (Schneider & Prabhushankar 2024).

    Raises:
        InputError: images without three channels.
    """
    normalisation = Normalisation.from_images(data.train)
    train, test = (
        ImageSplit(one.images, dominant_channels(one.images, normalisation)) for one in (data.train, data.test)
    )
    return ProbeTask(COLOUR, train, test, 3)


def transfer_tasks(
    whole: ImageData, classes: Sequence[int] | None, other: ImageData | None
) -> tuple[ImageData, list[ProbeTask]]:
    """The data to train on, and the tasks to probe.

    Args:
        whole: all classes.
        classes: those that are trained on, the others being held out for transfer; None trains on all.
        other: another data set to transfer to, gray images in as many equal channels as ``whole`` has; None for none.

    Returns:
        data: ``whole``, or its chosen classes.
        tasks: the classes; colour dominance, of colour images; held-out classes, if any; the other data set, if any.

    Raises:
        InputError: fewer than two classes held out, another data set whose images have another shape or whose name is
            that of a task, or a test split that is the training split, or of images without contrast.
    """
    data = whole if classes is None else only_classes(whole, classes)
    _check_splits(data)
    tasks = [class_task(data)]
    if whole.channels == 3:
        tasks.append(colour_task(whole))
    if classes is not None:
        left = [one for one in range(whole.classes) if one not in set(classes)]
        if len(left) < 2:
            raise InputError(f"classes: {len(left)} of {whole.classes} are left to transfer to; leave at least 2")
        tasks.append(class_task(only_classes(whole, left), HELD_OUT))
    if other is not None:
        other = with_channels(other, whole.channels)
        shapes = [np.shape(one.train.images)[1:] for one in (whole, other)]
        if shapes[0] != shapes[1]:
            raise InputError(f"transfer_data: images have shape {shapes[1]}; give {shapes[0]}, as the data")
        if other.name in (CLASS, COLOUR, HELD_OUT):
            raise InputError(
                f"transfer_data: the name {other.name!r} is that of another task; rename the file or folder"
            )
        tasks.append(class_task(other, other.name))
    return data, tasks


def _check_splits(data: ImageData) -> None:
    """Refuse, before any training, a test split that a decoder could not be scored on."""
    if np.array_equal(data.train.images, data.test.images):
        raise InputError(f"data: the test images of {data.name} are its training images; hold others out for the test")
    for which, split in (("training", data.train), ("test", data.test)):
        if np.array_equal(split.images, np.broadcast_to(split.images[0], split.images.shape)):
            raise InputError(f"data: all {which} images of {data.name} are the same; give images that differ")


def parse_classes(text: str | None) -> tuple[int, ...] | None:
    """``0,1,2`` as numbers of classes; None of None.

    Raises:
        InputError: something else than whole numbers from 0 on, with commas between.
    """
    if text is None:
        return None
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"classes: {quoted(text)} is not accepted; give numbers with commas between, as in 0,1,2"
        ) from None
    if min(found) < 0:
        raise InputError(f"classes: {min(found)} is not accepted; give numbers from 0 on")
    return found
