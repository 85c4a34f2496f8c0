"""The targets of the study, on two pools of images that each checkpoint sees once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from empirical.data.images import ImageData, ImageSplit, Normalisation
from empirical.probes.transfer_tasks import dominant_channels
from empirical.studies.choose_study.plan import CIFAR_FIVE, DIGITS
from empirical.studies.choose_study.training import StudyImages
from theory.data.stratified import stratified_sample
from theory.validation import FloatArray, IntArray

#: CIFAR-10's classes that are vehicles; the others are animals.
_VEHICLES = (0, 1, 8, 9)

CIFAR_POOL, DIGITS_POOL, TURNED_POOL = "cifar10", "mnist", "turned cifar10"


@dataclass(frozen=True, eq=False)
class Pool:
    """Images of a data set: some whose labels may be used, in random order, and fresh ones.

    Attributes:
        known: of the training split.
        fresh: of the test split.
    """

    known: ImageSplit
    fresh: ImageSplit


@dataclass(frozen=True, eq=False)
class StudyTarget:
    """A target on images of one pool.

    Attributes:
        name: in tables.
        pool: CIFAR_POOL, DIGITS_POOL or TURNED_POOL.
        labelled: numbers of the known images whose labels are used.
        fresh: numbers of the fresh images that gains are measured on.
        values: (n, q) and (m, q) of both: one-hot rows or numbers.
        labels: (n,) and (m,) classes of both; None for numbers.
    """

    name: str
    pool: str
    labelled: IntArray
    fresh: IntArray
    values: tuple[FloatArray, FloatArray]
    labels: tuple[IntArray, IntArray] | None


def pools_of(images: StudyImages, known: int, fresh: int, seed: int) -> dict[str, Pool]:
    """The pools of both data sets, and CIFAR-10's turned: ``known`` and ``fresh`` images with the classes of all."""
    draw = np.random.default_rng(seed)

    def some(split: ImageSplit, count: int) -> ImageSplit:
        chosen = draw.permutation(stratified_sample(split.labels, count, seed))
        return ImageSplit(split.images[chosen], split.labels[chosen])

    def pool(data: ImageData) -> Pool:
        return Pool(some(data.train, known), some(data.test, fresh))

    cifar, digits = pool(images.cifar), pool(images.digits)
    turned = Pool(_turned(cifar.known, draw), _turned(cifar.fresh, draw))
    return {CIFAR_POOL: cifar, DIGITS_POOL: digits, TURNED_POOL: turned}


def _turned(split: ImageSplit, draw: np.random.Generator) -> ImageSplit:
    """Each image turned by a quarter turn times its label, which is drawn (Gidaris, Singh & Komodakis 2018)."""
    turns = draw.integers(0, 4, split.labels.size)
    images = split.images.copy()
    for number in range(1, 4):
        images[turns == number] = np.rot90(images[turns == number], number, axes=(2, 3))
    return ImageSplit(images, turns)


def study_targets(source: str, pools: dict[str, Pool], each: int) -> list[StudyTarget]:
    """The targets of a source.

    Args:
        source: CIFAR_FIVE or DIGITS.
        pools: as from ``pools_of``.
        each: labels of each class.
    """
    cifar, digits, turned = pools[CIFAR_POOL], pools[DIGITS_POOL], pools[TURNED_POOL]
    normalisation = Normalisation.from_images(cifar.known)
    colours = [dominant_channels(one.images, normalisation) for one in (cifar.known, cifar.fresh)]
    coarse = [np.isin(one.labels, _VEHICLES).astype(np.int64) for one in (cifar.known, cifar.fresh)]
    shared = [
        _classes("dominant colour", CIFAR_POOL, colours, each),
        _classes("animal or vehicle", CIFAR_POOL, coarse, each),
        _brightness(cifar, 10 * each),
        _classes("rotation", TURNED_POOL, [one.labels for one in (turned.known, turned.fresh)], each),
    ]
    if source == CIFAR_FIVE:
        held_out = [np.where(one.labels >= 5, one.labels - 5, -1) for one in (cifar.known, cifar.fresh)]
        return [
            _classes("held-out classes", CIFAR_POOL, held_out, each),
            *shared,
            _classes(DIGITS, DIGITS_POOL, (digits.known.labels, digits.fresh.labels), each),
        ]
    return [_classes("cifar10", CIFAR_POOL, (cifar.known.labels, cifar.fresh.labels), each), *shared]


def _classes(name: str, pool: str, given: Sequence[IntArray], each: int) -> StudyTarget:
    """A target of classes, of known and fresh images; those with a negative label do not belong to it."""
    known, fresh = given
    count = int(known.max()) + 1
    labelled = np.sort(np.concatenate([np.flatnonzero(known == own)[:each] for own in range(count)]))
    kept = np.flatnonzero(fresh >= 0)
    labels = np.asarray(known[labelled], dtype=np.int64), np.asarray(fresh[kept], dtype=np.int64)
    return StudyTarget(name, pool, labelled, kept, (np.eye(count)[labels[0]], np.eye(count)[labels[1]]), labels)


def _brightness(pool: Pool, count: int) -> StudyTarget:
    """The mean gray value of an image, between 0 and 1."""
    known, fresh = (
        one.images.mean(axis=(1, 2, 3), dtype=np.float64)[:, None] / 255 for one in (pool.known, pool.fresh)
    )
    chosen = np.arange(min(count, known.shape[0]))
    return StudyTarget("brightness", CIFAR_POOL, chosen, np.arange(fresh.shape[0]), (known[chosen], fresh), None)
