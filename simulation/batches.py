"""What networks train on: the batch of every step, from data sets that are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from theory import InputError
from theory.validation import at_least, class_labels


@dataclass(frozen=True, eq=False)
class Batch:
    """The samples of one step, for one or more groups of replicas.

    Replica r sees group r mod (number of groups). One group means that all replicas share samples.

    Attributes:
        inputs: (n, D) of each group.
        labels: (n,) of each group.
    """

    inputs: tuple[torch.Tensor, ...]
    labels: tuple[torch.Tensor, ...]


class BatchSource(Protocol):
    """What a network trains on: the batch of each step, and the model dimensions."""

    def batch(self, step: int) -> Batch:
        """The batch of step 0, 1, 2, ...; asked for in order, once each."""

    @property
    def groups(self) -> int:
        """Number of groups of replicas; it divides the number of replicas."""

    @property
    def dimension(self) -> int:
        """Number of input coordinates D."""

    @property
    def frequencies(self) -> torch.Tensor:
        """(K,) class frequencies, float64, on the device of the batches; InputError where groups differ."""

    @property
    def group_frequencies(self) -> torch.Tensor:
        """(groups, K) class frequencies of each group."""


class SingleSource:
    """The shape of a source all of whose groups see one data set or one population.

    Attributes:
        dimension: number of input coordinates D.
        groups: number of groups of replicas.
        frequencies: (K,) class frequencies, float64, on the device of the batches.
    """

    def __init__(self, dimension: int, groups: int, frequencies: torch.Tensor) -> None:
        self.dimension = dimension
        self.groups = groups
        self.frequencies = frequencies

    @property
    def group_frequencies(self) -> torch.Tensor:
        """(groups, K) the same for each group."""
        return self.frequencies.expand(self.groups, -1)


class FullBatch(SingleSource):
    """All of a data set at every step, for all replicas.

    Raises:
        InputError: bad inputs or labels.
    """

    def __init__(self, inputs: torch.Tensor, labels: torch.Tensor) -> None:
        known = _checked(inputs, labels)
        self._batch = Batch((inputs,), (known,))
        super().__init__(int(inputs.shape[1]), 1, _frequencies(known))

    def batch(self, step: int) -> Batch:
        """The whole data set."""
        del step
        return self._batch


class MiniBatches(SingleSource):
    """Mini-batches of a data set without replacement, shuffled anew each epoch.

    Each group of replicas goes through the blocks of an epoch in an order of its own: at any step
    the groups see different samples, so that their sampling noise averages out. The last
    incomplete block of an epoch is left out.

    Raises:
        InputError: bad inputs or labels, or fewer blocks in an epoch than groups.
    """

    def __init__(self, inputs: torch.Tensor, labels: torch.Tensor, size: int, groups: int, seed: int) -> None:
        self._inputs, self._labels = inputs, _checked(inputs, labels)
        count = int(labels.shape[0])
        at_least("groups", groups, 1)
        if not 1 <= size <= count // groups:
            raise InputError(
                f"batch_size: {size} is not accepted; give 1 to {count // groups}, "
                f"so that {groups} groups of replicas can see different ones of {count} inputs"
            )
        self._size = size
        self._blocks = count // size
        self._generator = torch.Generator().manual_seed(seed)
        self._shuffled_inputs = torch.empty_like(inputs)
        self._shuffled_labels = self._labels
        super().__init__(int(inputs.shape[1]), groups, _frequencies(self._labels))

    def batch(self, step: int) -> Batch:
        """Block (step + an offset of the group) of the current epoch, for each group."""
        position = step % self._blocks
        if position == 0:
            order = torch.randperm(len(self._labels), generator=self._generator).to(self._inputs.device)
            torch.index_select(self._inputs, 0, order, out=self._shuffled_inputs)
            self._shuffled_labels = self._labels[order]
        blocks = [(position + group * self._blocks // self.groups) % self._blocks for group in range(self.groups)]
        rows = [slice(block * self._size, (block + 1) * self._size) for block in blocks]
        return Batch(
            tuple(self._shuffled_inputs[chosen] for chosen in rows),
            tuple(self._shuffled_labels[chosen] for chosen in rows),
        )


class BatchesWithReplacement(SingleSource):
    """Mini-batches of a data set with replacement: independent draws at each step, for each group.

    Raises:
        InputError: bad inputs or labels, or a size or number of groups below 1.
    """

    def __init__(self, inputs: torch.Tensor, labels: torch.Tensor, size: int, groups: int, seed: int) -> None:
        self._inputs, self._labels = inputs, _checked(inputs, labels)
        self._size = at_least("batch_size", size, 1)
        self._generator = torch.Generator().manual_seed(seed)
        super().__init__(int(inputs.shape[1]), at_least("groups", groups, 1), _frequencies(self._labels))

    def batch(self, step: int) -> Batch:
        """``size`` inputs for each group, each of them any of the data set with the same chance."""
        del step
        drawn = torch.randint(len(self._labels), (self.groups, self._size), generator=self._generator)
        chosen = drawn.to(self._inputs.device)
        return Batch(
            tuple(self._inputs.index_select(0, rows) for rows in chosen),
            tuple(self._labels[rows] for rows in chosen),
        )


class JoinedSources:
    """The groups of several sources side by side, so that networks on different data train together.

    Replica r is in group r mod ``groups``, where ``groups`` is the sum over the sources. Sources may differ in the
    number of samples and in the class frequencies.

    Attributes:
        groups: number of groups of all sources together.
        dimension: number of input coordinates D, that of every source.
        source_of_group: for each group, the place of its source in ``sources``.
        group_frequencies: (groups, K) class frequencies of each group.

    Raises:
        InputError: no source, or sources that differ in dimension or number of classes.
    """

    def __init__(self, sources: Sequence[BatchSource]) -> None:
        if not sources:
            raise InputError("sources: is empty; give at least one")
        for source in sources:
            shape, first = ((one.dimension, one.group_frequencies.shape[1]) for one in (source, sources[0]))
            if shape != first:
                raise InputError(
                    f"sources: one has {shape[0]} coordinates and {shape[1]} classes, another {first[0]} and "
                    f"{first[1]}; give sources of equal shape"
                )
        self._sources = tuple(sources)
        self.groups = sum(source.groups for source in sources)
        self.dimension = sources[0].dimension
        self.source_of_group = tuple(place for place, source in enumerate(sources) for _ in range(source.groups))
        self.group_frequencies = torch.cat([source.group_frequencies for source in sources])

    @property
    def frequencies(self) -> torch.Tensor:
        """(K,) class frequencies common to the sources; InputError where they differ."""
        if not torch.equal(self.group_frequencies, self.group_frequencies[:1].expand(self.groups, -1)):
            raise InputError("frequencies: the sources differ in them; use group_frequencies")
        return self.group_frequencies[0]

    def batch(self, step: int) -> Batch:
        """The batches of the sources, group after group."""
        parts = [source.batch(step) for source in self._sources]
        return Batch(
            tuple(inputs for part in parts for inputs in part.inputs),
            tuple(labels for part in parts for labels in part.labels),
        )


def _checked(inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The labels as int64 beside the inputs; InputError where inputs or labels are not fit for training."""
    if inputs.ndim != 2 or not inputs.is_floating_point():
        raise InputError(f"inputs: has shape {tuple(inputs.shape)} and type {inputs.dtype}; give a float matrix (n, D)")
    if not bool(torch.isfinite(inputs).all()):
        raise InputError("inputs: holds NaN or infinite entries; give finite numbers")
    classes = int(labels.max()) + 1 if labels.numel() else 0
    class_labels("labels", labels.cpu().numpy(), inputs.shape[0], classes)
    if classes < 2 or torch.unique(labels).numel() != classes:
        raise InputError(f"labels: some class among 0 to {classes - 1} is empty or there is one only; give 2 or more")
    return labels.to(inputs.device, torch.int64)


def _frequencies(labels: torch.Tensor) -> torch.Tensor:
    return torch.bincount(labels).to(torch.float64) / labels.numel()
