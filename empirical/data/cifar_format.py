"""CIFAR-10 and CIFAR-100 in their official binary layouts.

A. Krizhevsky, Learning multiple layers of features from tiny images, 2009; https://www.cs.toronto.edu/~kriz/cifar.html.
A record is its label bytes, then the R, G and B planes of 32 x 32 pixels, row by row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from empirical.data.data_root import data_folder, missing_files
from empirical.data.downloads import RemoteFile, fetch_and_unpack
from empirical.data.reading import check_regular_file, one_line
from theory import InputError
from theory.validation import IntArray, one_of

_SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class CifarLayout:
    """The files of a CIFAR data set, and how the labels of their records are read.

    Attributes:
        name: of the data set in tables and figures.
        folder: the folder that the archive unpacks to.
        archive: the published archive.
        train: the files of the training split, in order.
        test: the files of the test split.
        records: records in each file, by the file's name.
        label_counts: values that each label byte of a record may take.
        class_names: of the classes, in the order of their numbers.
        label_byte: place of the class among a record's label bytes.
        coarse_names: of the superclasses; empty where there are none.
    """

    name: str
    folder: str
    archive: RemoteFile
    train: tuple[str, ...]
    test: tuple[str, ...]
    records: dict[str, int]
    label_counts: tuple[int, ...]
    class_names: tuple[str, ...]
    label_byte: int = 0
    coarse_names: tuple[str, ...] = ()

    def with_labels(self, which: str) -> CifarLayout:
        """The layout with the classes called ``fine``, which are its own, or ``coarse``, the superclasses.

        Raises:
            InputError: another name.
        """
        if one_of("labels_key", which, ("fine", "coarse")) == "fine":
            return self
        return replace(self, name=f"{self.name} coarse", class_names=self.coarse_names, label_byte=0)


_BATCHES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))

CIFAR10 = CifarLayout(
    name="CIFAR-10",
    folder="cifar-10-batches-bin",
    archive=RemoteFile(
        ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",), "c32a1d4ab5d03f1284b67883e8d87530"
    ),
    train=_BATCHES,
    test=("test_batch.bin",),
    records=dict.fromkeys((*_BATCHES, "test_batch.bin"), 10_000),
    label_counts=(10,),
    class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
)

CIFAR100 = CifarLayout(
    name="CIFAR-100",
    folder="cifar-100-binary",
    archive=RemoteFile(
        ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",), "03b5dce01913d631647c71ecec9e9cb8"
    ),
    train=("train.bin",),
    test=("test.bin",),
    records={"train.bin": 50_000, "test.bin": 10_000},
    # The superclass, then the class.
    label_counts=(20, 100),
    label_byte=1,
    class_names=tuple(
        """
        apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
        castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
        elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
        man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
        pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
        skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
        tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
        """.split()  # noqa: SIM905 - a list of 100 would fill 100 lines
    ),
    coarse_names=tuple(
        """
        aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
        household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes
        large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles small_mammals trees
        vehicles_1 vehicles_2
        """.split()  # noqa: SIM905
    ),
)


def cifar_folder(layout: CifarLayout, files: tuple[str, ...], data_root: str | Path | None, download: bool) -> Path:
    """The folder that holds ``files`` of a CIFAR data set; what is missing is fetched on request.

    Args:
        layout: CIFAR10 or CIFAR100.
        files: those of the layout that are wanted.
        data_root: folder that holds (or is) the layout's; None takes LEARNING_PHASES_DATA.
        download: fetch the official archive next to the layout's folder where a file is absent, and check it.

    Raises:
        InputError: no data root, no such folder, a file missing, or a download that fails.
    """
    folder = data_folder(data_root, layout.folder)
    missing = missing_files(folder, files)
    if missing and download:
        fetch_and_unpack(layout.archive, folder.parent, tuple(f"{layout.folder}/{name}" for name in layout.records))
    elif not folder.is_dir():
        raise InputError(f"data_root: {folder} does not exist; give the folder that holds it, or --download")
    elif missing:
        raise InputError(f"data_root: {folder / missing[0]} is missing; give a complete {layout.folder} folder")
    return folder


def read_cifar(layout: CifarLayout, files: tuple[str, ...], folder: Path) -> tuple[NDArray[np.uint8], IntArray]:
    """Images (n, 3, 32, 32) and labels (n,) of the files, in order.

    Args:
        layout: that of CIFAR-10 or CIFAR-100.
        files: names of files of the layout.
        folder: that holds them.

    Raises:
        InputError: a file that cannot be read, of another size than the official one, or with a label out of range;
            a whole split whose classes are unequal in number, which those of the official splits are not.
    """
    total = sum(layout.records[name] for name in files)
    images, labels = np.empty((total, *_SHAPE), dtype=np.uint8), np.empty(total, dtype=np.int64)
    start = 0
    for name in files:
        records = _records(folder / name, layout.records[name], layout.label_counts)
        part = slice(start, start + records.shape[0])
        images[part] = records[:, -_PIXELS:].reshape(-1, *_SHAPE)
        labels[part] = records[:, layout.label_byte]
        start = part.stop
    counts = np.bincount(labels, minlength=len(layout.class_names))
    if files in (layout.train, layout.test) and counts.min() != counts.max():
        # The files of CIFAR-10 have one size: nothing else shows that one has replaced another.
        raise InputError(
            f"data_root: {folder / files[0]} {'and the like hold' if len(files) > 1 else 'holds'} {counts.min()} to "
            f"{counts.max()} images per class, the official split the same number of each; training and test files are "
            "swapped or changed: fetch them again"
        )
    return images, labels


def _records(path: Path, count: int, label_counts: tuple[int, ...]) -> NDArray[np.uint8]:
    """(count, label bytes + 3,072) bytes."""
    length = len(label_counts) + _PIXELS
    check_regular_file("data_root", path, "the official file")
    size = path.stat().st_size
    if size != count * length:
        raise InputError(f"data_root: {path} has {size} bytes instead of {count * length}; fetch it again")
    try:
        records = np.fromfile(path, dtype=np.uint8).reshape(count, length)
    except OSError as error:
        raise InputError(f"data_root: {path} cannot be read ({one_line(error)})") from None
    for position, accepted in enumerate(label_counts):
        largest = int(records[:, position].max())
        if largest >= accepted:
            raise InputError(f"data_root: {path} holds the label {largest}; labels are 0 to {accepted - 1}")
    return records
