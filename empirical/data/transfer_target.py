"""The data of a target task: inputs as a network takes them, with classes, numbers or nothing to predict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from empirical.data.array_file import header_of
from empirical.data.array_formats import is_array_file, open_arrays
from empirical.data.images import ImageData, Normalisation, load_images, padded_to
from empirical.data.labels import Classes, plain_labels
from theory import InputError
from theory.data.stratified import stratified_sample
from theory.validation import FloatArray, IntArray, at_least, finite_array

_INPUTS, _LABELS, _TRAIN_IMAGES = "inputs", "labels", "train_images"

#: Fewest inputs: three quarters fit a decoder, and a quarter scores it.
LEAST_INPUTS = 40


@dataclass(frozen=True, eq=False)
class TransferTarget:
    """Inputs of a target task and what is to be predicted of them.

    Attributes:
        name: in tables.
        inputs: (n, ...) float32, n at least LEAST_INPUTS.
        labels: (n,) integers 0 .. K - 1; None where there are no classes.
        numbers: (n, q) to predict; None where there are none.
        notes: what a user should know about how they were read.
    """

    name: str
    inputs: Tensor
    labels: IntArray | None = None
    numbers: FloatArray | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.inputs.ndim < 2 or not self.inputs.is_floating_point() or self.inputs.shape[0] < LEAST_INPUTS:
            raise InputError(
                f"target: inputs have shape {tuple(self.inputs.shape)}, type {self.inputs.dtype}; give real numbers "
                f"(n, ...) for at least {LEAST_INPUTS} inputs"
            )
        if not bool(torch.isfinite(self.inputs).all()):
            raise InputError("target: inputs hold NaN or infinite numbers; give finite ones")
        if bool((self.inputs == self.inputs[0]).all()):
            raise InputError("target: all inputs are the same; give inputs that differ")
        for given in (self.labels, self.numbers):
            if given is not None and given.shape[0] != self.count:
                raise InputError(f"target: {given.shape[0]} labels for {self.count} inputs; give one for each input")

    @classmethod
    def from_arrays(cls, inputs: ArrayLike | Tensor, labels: Any = None, name: str = "target") -> TransferTarget:
        """A target from arrays.

        Args:
            inputs: (n, ...) as the network takes them.
            labels: (n,) integers or names of classes; (n,) or (n, q) real numbers to predict, which are not all whole;
                None for none.
            name: in tables.

        Raises:
            InputError: shapes that do not fit, one class only, NaN or infinity.
        """
        given = inputs.detach().cpu() if isinstance(inputs, Tensor) else torch.from_numpy(np.array(inputs))
        rows = given.float() if given.ndim >= 2 and not given.is_complex() else given
        if labels is None:
            return cls(name, rows)
        found = np.asarray(labels.detach().cpu() if isinstance(labels, Tensor) else labels)
        if found.dtype.kind == "f" and not (np.isfinite(found).all() and bool((found == np.round(found)).all())):
            numbers = finite_array("labels", found, min(max(found.ndim, 1), 2)).reshape(found.shape[0], -1)
            if bool((numbers == numbers[0]).all()):
                raise InputError("labels: are all the same; give numbers that differ")
            return cls(name, rows, None, numbers)
        plain = plain_labels("labels", found, int(rows.shape[0]))
        classes = Classes.from_labels("labels", plain)
        return cls(name, rows, classes.numbers("labels", plain), None, classes.notes)

    @classmethod
    def from_images(cls, data: ImageData) -> TransferTarget:
        """The training split, framed to at least 32 x 32 pixels, with each channel normalised by its own pixels."""
        framed = padded_to(data, max(32, *data.size)).train
        images = torch.from_numpy(Normalisation.from_images(framed).apply(framed.images))
        return cls(data.name, images, np.asarray(framed.labels, dtype=np.int64), None, data.notes)

    @property
    def count(self) -> int:
        """Number of inputs n."""
        return int(self.inputs.shape[0])

    @property
    def values(self) -> FloatArray | None:
        """(n, q) what a linear probe predicts: the numbers, or one-hot rows of the classes; None without either."""
        if self.labels is None:
            return self.numbers
        return np.asarray(np.eye(int(self.labels.max()) + 1)[self.labels], dtype=np.float64)

    def drawn(self, samples: int, seed: int) -> TransferTarget:
        """At most ``samples`` of the inputs, in random order, with the classes of all."""
        strata = np.zeros(self.count, np.int64) if self.labels is None else self.labels
        chosen = stratified_sample(strata, at_least("samples", samples, LEAST_INPUTS), seed)
        order = np.random.default_rng(seed).permutation(chosen)
        return self[order]

    def __getitem__(self, chosen: NDArray[np.int64]) -> TransferTarget:
        """Some of the inputs, with the classes of all."""
        labels = None if self.labels is None else self.labels[chosen]
        numbers = None if self.numbers is None else self.numbers[chosen]
        return TransferTarget(self.name, self.inputs[torch.from_numpy(chosen)], labels, numbers, self.notes)

    def labelled(self, each: int | None) -> IntArray:
        """The numbers of the inputs whose labels are used: the first ``each`` of every class; None for all.

        Of a target of numbers, they are the first ``each``.

        Raises:
            InputError: fewer than two of each class, or a class with fewer.
        """
        if self.labels is None or each is None:
            return np.arange(self.count if each is None else min(each, self.count))
        counts = np.bincount(self.labels)
        if counts.min() < at_least("labels_per_class", each, 2):
            fewest = int(np.argmin(counts))
            raise InputError(
                f"labels_per_class: class {fewest} has {counts[fewest]} labels among {self.count} inputs; give at most "
                "as many"
            )
        places = [np.flatnonzero(self.labels == own)[:each] for own in range(counts.size)]
        return np.sort(np.concatenate(places))


def load_target(
    name_or_path: str,
    data_root: Path | None = None,
    download: bool = False,
    inputs_key: str | None = None,
    labels_key: str | None = None,
) -> TransferTarget:
    """A target by name or path.

    Args:
        name_or_path: images as for ``load_images``, whose training split is taken; or a file of arrays ``inputs``
            (n, ...), as the network takes them, and ``labels``; without labels the inputs alone are taken.
        data_root: of named data sets.
        download: fetches them where they are absent.
        inputs_key: another name of the inputs.
        labels_key: another name of the labels.

    Raises:
        InputError: data that cannot be read, or of another shape.
    """
    path = Path(name_or_path).expanduser()
    if is_array_file(name_or_path) and path.is_file():
        file = open_arrays(path, labels_key or _LABELS)
        if _TRAIN_IMAGES not in file.names and not (inputs_key or "").count(","):
            header_of(file, inputs_key or _INPUTS, "--inputs-key")
            inputs = np.asarray(file.read(inputs_key or _INPUTS))
            has_labels = labels_key is not None or _LABELS in file.names
            if has_labels:
                header_of(file, labels_key or _LABELS, "--labels-key")
            labels = file.read(labels_key or _LABELS) if has_labels else None
            return TransferTarget.from_arrays(inputs, labels, path.stem)
    return TransferTarget.from_images(load_images(name_or_path, data_root, download, inputs_key, labels_key))
