"""The data of a target task: inputs as a network takes them, with classes, numbers or nothing to predict."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from empirical.data.array_file import header_of, one_name
from empirical.data.array_formats import is_array_file, open_arrays
from empirical.data.finite import all_finite
from empirical.data.images import ImageData, Normalisation, load_images, padded_to
from empirical.data.labels import Classes, plain_labels
from empirical.data.network_inputs import (
    IDENTITIES,
    Inputs,
    arrays_digest,
    check_plain,
    samples_in,
    some_of,
    tensors_in,
)
from empirical.data.reconstructed import reconstructed
from theory import InputError
from theory.data.stratified import stratified_sample
from theory.validation import FloatArray, IntArray, at_least, finite_array, path_text, quoted

_INPUTS, _IDS, _LABELS, _TRAIN_IMAGES = "inputs", "input_ids", "labels", "train_images"

#: Fewest inputs: three quarters fit a decoder, and a quarter scores it.
LEAST_INPUTS = 40


@dataclass(frozen=True, eq=False)
class TransferTarget:
    """Inputs of a target task and what is to be predicted of them.

    Attributes:
        name: in tables.
        inputs: (n, ...) float32, or int32 and int64 of the identities of tokens; or several such by name. n is at least
            LEAST_INPUTS.
        labels: (n,) integers 0 .. K - 1; None where there are no classes.
        numbers: (n, q) to predict; None where there are none.
        notes: what a user should know about how they were read.
        reconstruct: the name of the inputs' entry that is reconstructed; None where only one can be.
    """

    name: str
    inputs: Inputs
    labels: IntArray | None = None
    numbers: FloatArray | None = None
    notes: tuple[str, ...] = ()
    reconstruct: str | None = None

    def __post_init__(self) -> None:
        tensors = tensors_in(self.inputs)
        if not tensors or any(one.ndim < 1 or one.shape[0] != tensors[0].shape[0] for one in tensors):
            raise InputError("target: inputs have entries of several lengths or none; give tensors (n, ...) of one n")
        for one in tensors:
            least = 2 if isinstance(self.inputs, Tensor) else 1
            if one.ndim < least or one.is_complex() or one.shape[0] < LEAST_INPUTS:
                raise InputError(
                    f"target: inputs have shape {tuple(one.shape)}, type {one.dtype}; give real numbers or identities "
                    f"of tokens (n, ...) for at least {LEAST_INPUTS} inputs"
                )
            if one.is_floating_point() and not all_finite(one):
                raise InputError("target: inputs hold NaN or infinite numbers; give finite ones")
        if all(bool((one == one[0]).all()) for one in tensors):
            raise InputError("target: all inputs are the same; give inputs that differ")
        for given in (self.labels, self.numbers):
            if given is not None and given.shape[0] != self.count:
                raise InputError(f"target: {given.shape[0]} labels for {self.count} inputs; give one for each input")

    @classmethod
    def from_arrays(
        cls,
        inputs: ArrayLike | Tensor | Mapping[str, Any],
        labels: Any = None,
        name: str = "target",
        reconstruct: str | None = None,
    ) -> TransferTarget:
        """A target from arrays.

        Args:
            inputs: (n, ...) as the network takes them, or a dictionary of them, as Hugging Face's tokenizers give it:
                int32 and int64 are identities of tokens, all other numbers real ones.
            labels: (n,) integers or names of classes; (n,) or (n, q) real numbers to predict, which are not all whole;
                None for none.
            name: in tables.
            reconstruct: the name of the entry that is reconstructed, where several of the inputs could be.

        Raises:
            InputError: shapes that do not fit, one class only, NaN or infinity.
        """
        rows = _entries(inputs) if isinstance(inputs, Mapping) else _tensor(inputs)
        if labels is None:
            return cls(name, rows, reconstruct=reconstruct)
        found = np.asarray(labels.detach().cpu() if isinstance(labels, Tensor) else labels)
        if found.dtype.kind == "f" and not (np.isfinite(found).all() and bool((found == np.round(found)).all())):
            numbers = finite_array("labels", found, min(max(found.ndim, 1), 2)).reshape(found.shape[0], -1)
            if bool((numbers == numbers[0]).all()):
                raise InputError("labels: are all the same; give numbers that differ")
            return cls(name, rows, None, numbers, reconstruct=reconstruct)
        plain = plain_labels("labels", found, cls(name, rows).count)
        classes = Classes.from_labels("labels", plain)
        return cls(name, rows, classes.numbers("labels", plain), None, classes.notes, reconstruct)

    @classmethod
    def from_images(cls, data: ImageData) -> TransferTarget:
        """The training split, framed to at least 32 x 32 pixels, with each channel normalised by its own pixels."""
        framed = padded_to(data, max(32, *data.size)).train
        images = torch.from_numpy(Normalisation.from_images(framed).apply(framed.images))
        return cls(data.name, images, np.asarray(framed.labels, dtype=np.int64), None, data.notes)

    @property
    def count(self) -> int:
        """Number of inputs n."""
        return samples_in(self.inputs)

    @property
    def reconstructed(self) -> Tensor:
        """(n, D) the numbers that are reconstructed of the inputs; see ``empirical.data.reconstructed``.

        Raises:
            InputError: several entries of the inputs may be meant.
        """
        return reconstructed(self.inputs, self.reconstruct)

    @property
    def digest(self) -> str:
        """Of inputs and labels."""
        return arrays_digest(self.inputs, *(() if self.values is None else (self.values,)))

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
        inputs = some_of(self.inputs, torch.from_numpy(chosen))
        return TransferTarget(self.name, inputs, labels, numbers, self.notes, self.reconstruct)

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
    name_or_path: str | Path,
    data_root: str | Path | None = None,
    download: bool = False,
    inputs_key: str | None = None,
    labels_key: str | None = None,
) -> TransferTarget:
    """A target by name or path.

    Args:
        name_or_path: images as for ``load_images``, whose training split is taken; or a file of arrays ``inputs``
            (n, ...), as the network takes them, or ``input_ids``, ``attention_mask`` and others that it takes by name,
            and ``labels``; without labels the inputs alone are taken.
        data_root: of named data sets.
        download: fetches them where they are absent.
        inputs_key: another name of the inputs.
        labels_key: another name of the labels.

    Raises:
        InputError: data that cannot be read, or of another shape.
    """
    name = path_text("data", name_or_path, "a name or a path")
    path = Path(os.path.expanduser(name))
    if is_array_file(name) and path.is_file():
        file = open_arrays(path, labels_key or _LABELS)
        if _TRAIN_IMAGES not in file.names and not (inputs_key or "").count(","):
            has_labels = labels_key is not None or _LABELS in file.names
            inputs: Any
            if inputs_key is None and _INPUTS not in file.names and _IDS in file.names:
                beside = labels_key or _LABELS
                inputs = {one: np.asarray(file.read(one)) for one in sorted(file.names) if one != beside}
            else:
                header_of(file, inputs_key or _INPUTS, one_name("--inputs-key"))
                inputs = np.asarray(file.read(inputs_key or _INPUTS))
            if has_labels:
                header_of(file, labels_key or _LABELS, one_name("--labels-key"))
            labels = file.read(labels_key or _LABELS) if has_labels else None
            return TransferTarget.from_arrays(inputs, labels, path.stem)
    return TransferTarget.from_images(load_images(name, data_root, download, inputs_key, labels_key))


def _tensor(given: Any) -> Tensor:
    """On the CPU; identities of tokens as they are, other numbers as float32."""
    return _numbers(_plain(given))


def _numbers(one: Tensor) -> Tensor:
    return one if one.dtype in IDENTITIES or one.is_complex() else one.float()


def _plain(given: Any) -> Tensor:
    """A whole tensor on the CPU, of the type that was given."""
    check_plain("target", given, "give a whole array or tensor of numbers (n, ...)")
    return given.detach().cpu() if isinstance(given, Tensor) else _from_array(np.array(given))


def _entries(given: Mapping[Any, Any]) -> dict[str, Any]:
    unnamed = next((name for name in given if not isinstance(name, str)), None)
    if unnamed is not None:
        raise InputError(f"target: inputs hold an entry called {quoted(unnamed)}; give names")
    return {name: _entry(one) for name, one in given.items()}


def _entry(given: Any) -> Any:
    """An entry of a dictionary: arrays as tensors, masks of flags as they are, all else untouched."""
    if not isinstance(given, Tensor | np.ndarray | list | tuple):
        return given
    one = _plain(given)
    return one if one.dtype is torch.bool else _numbers(one)


def _from_array(array: NDArray[Any]) -> Tensor:
    """A tensor of an array's numbers, in the byte order of this machine."""
    if array.dtype.kind not in "fiubc":
        raise InputError(f"target: inputs are of type {array.dtype}; give numbers")
    try:
        return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
    except TypeError:
        raise InputError(f"target: inputs are of type {array.dtype}, which torch lacks; give float32") from None
