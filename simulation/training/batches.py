"""Sources of training batches from given data sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import torch

from simulation.devices import DTYPES, seeded_generator
from theory import InputError
from theory.validation import at_least, class_labels

#: Inputs that are drawn or gathered for a step are held this many numbers at once, or one group's where that is more.
#: Not an argument: which samples a seed gives depends on it.
NUMBERS_AT_ONCE = 2**22

_LABEL_TYPES = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@dataclass(frozen=True, eq=False)
class Batch:
    """The samples of one step for some groups of replicas that follow each other.

    Attributes:
        inputs: (groups, n, D).
        labels: (groups, n), int64.
    """

    inputs: torch.Tensor
    labels: torch.Tensor


class BatchSource(Protocol):
    """A source of training data: the batches of each step, their shape, and the class frequencies.

    Replica r is in group r mod (number of groups). One group means that all replicas share samples.
    """

    def batches(self, step: int) -> Iterator[Batch]:
        """The batches of step 0, 1, 2, ...; requested in order, once each.

        Together they cover the groups in their order. Each is drawn when it is requested, so that memory holds one.
        """

    @property
    def groups(self) -> int:
        """Number of groups of replicas; it divides the number of replicas."""

    @property
    def dimension(self) -> int:
        """Number of input coordinates D."""

    @property
    def size(self) -> int:
        """Largest number of samples of a group in a step."""

    @property
    def working_bytes(self) -> int:
        """Most memory that a batch and its making take, beyond the data that the source was given."""

    @property
    def dtype(self) -> torch.dtype:
        """Type of the inputs."""

    @property
    def frequencies(self) -> torch.Tensor:
        """(K,) class frequencies, float64, on the device of the batches; InputError where groups differ."""

    @property
    def group_frequencies(self) -> torch.Tensor:
        """(groups, K) class frequencies of each group."""


class SingleSource:
    """The shape of a source whose groups all draw from one data set or one population.

    Attributes:
        dimension: number of input coordinates D.
        groups: number of groups of replicas.
        size: number of samples of a group in a step.
        working_bytes: most memory that a batch and its making take, beyond the data that were given.
        dtype: of the inputs.
        frequencies: (K,) class frequencies, float64, on the device of the batches.
    """

    def __init__(
        self,
        dimension: int,
        groups: int,
        size: int,
        working_bytes: int,
        dtype: torch.dtype,
        frequencies: torch.Tensor,
    ) -> None:
        self.dimension = dimension
        self.groups = groups
        self.size = size
        self.working_bytes = working_bytes
        self.dtype = dtype
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
        self._batch = Batch(inputs.detach()[None], known[None])
        super().__init__(int(inputs.shape[1]), 1, len(known), 0, inputs.dtype, _frequencies(known))

    def batches(self, step: int) -> Iterator[Batch]:
        """The whole data set."""
        del step
        yield self._batch


class _Selection(SingleSource):
    """Rows of a data set, different rows for each group."""

    def __init__(self, inputs: torch.Tensor, labels: torch.Tensor, size: int, groups: int) -> None:
        """``labels`` have been checked."""
        self._inputs, self._labels = inputs.detach(), labels
        dimension = int(inputs.shape[1])
        together = groups_together(groups, size * dimension)
        self._turns = groups_in_turns(groups, together)
        # In addition to the inputs of the groups: numbers of rows of all groups, and labels.
        working = together * size * (dimension * inputs.element_size() + 8) + 8 * groups * size
        super().__init__(dimension, groups, size, working, inputs.dtype, _frequencies(labels))

    def _selected(self, rows: torch.Tensor) -> Iterator[Batch]:
        """The batches of the numbers of rows (groups, n), on the device of the inputs."""
        for turn in self._turns:
            own = rows[turn]
            yield Batch(self._inputs.index_select(0, own.flatten()).view(*own.shape, -1), self._labels[own])


class MiniBatches(_Selection):
    """Mini-batches of a data set without replacement, reshuffled each epoch.

    Each group of replicas goes through the blocks of an epoch in its own order: at any step
    the groups see different samples, so that their sampling noise averages out. The last
    incomplete block of an epoch is left out. The same seed gives the same batches on every device.

    Args:
        inputs: (n, D) float32 or float64.
        labels: (n,) integers 0 .. K - 1.
        size: samples per step and group.
        groups: number of groups of replicas.
        seed: of the shuffling.

    Raises:
        InputError: bad inputs, labels or seed, or fewer blocks in an epoch than groups.
    """

    def __init__(self, inputs: torch.Tensor, labels: torch.Tensor, size: int, groups: int, seed: int) -> None:
        known = _checked(inputs, labels)
        count = len(known)
        most = count // at_least("groups", groups, 1)
        if at_least("batch_size", size, 1) > most:
            raise InputError(
                f"batch_size: {size} is not accepted; give 1 to {most}, "
                f"so that {groups} groups of replicas can see different ones of {count} inputs"
            )
        self._generator = seeded_generator(seed, torch.device("cpu"))
        self._blocks = torch.empty(0, size, dtype=torch.int64)
        self._offsets = torch.arange(groups, device=inputs.device) * (count // size) // groups
        super().__init__(inputs, known, size, groups)
        self.working_bytes += 16 * count  # the order of an epoch and of the next

    def batches(self, step: int) -> Iterator[Batch]:
        """Block (step + an offset of the group) of the current epoch, for each group."""
        count = len(self._labels) // self.size
        position = step % count
        if position == 0:
            order = torch.randperm(len(self._labels), generator=self._generator).to(self._inputs.device)
            self._blocks = order[: count * self.size].view(count, self.size)
        yield from self._selected(self._blocks[(position + self._offsets) % count])


class BatchesWithReplacement(_Selection):
    """Mini-batches of a data set with replacement: independent draws at each step, for each group.

    The same seed gives the same batches on every device.

    Args:
        inputs: (n, D) float32 or float64.
        labels: (n,) integers 0 .. K - 1.
        size: samples per step and group.
        groups: number of groups of replicas.
        seed: of the draws.

    Raises:
        InputError: bad inputs, labels or seed, or a size or number of groups below 1.
    """

    def __init__(self, inputs: torch.Tensor, labels: torch.Tensor, size: int, groups: int, seed: int) -> None:
        known = _checked(inputs, labels)
        self._generator = seeded_generator(seed, torch.device("cpu"))
        super().__init__(inputs, known, at_least("batch_size", size, 1), at_least("groups", groups, 1))

    def batches(self, step: int) -> Iterator[Batch]:
        """``size`` inputs for each group, drawn uniformly from the data set."""
        del step
        drawn = torch.randint(len(self._labels), (self.groups, self.size), generator=self._generator)
        yield from self._selected(drawn.to(self._inputs.device))


class JoinedSources:
    """The groups of several sources side by side, so that networks on different data train together.

    Replica r is in group r mod ``groups``, where ``groups`` is the sum over the sources. Sources may differ in the
    number of samples and in the class frequencies. Full batches of equal size that follow each other are copied into
    one array, so that their groups go through one product.

    Attributes:
        groups: number of groups of all sources together.
        dimension: number of input coordinates D, that of every source.
        size: largest number of samples of a group in a step.
        working_bytes: most memory that a batch and its making take, beyond the data.
        dtype: of the inputs, that of every source.
        source_of_group: for each group, the place of its source in ``sources``.
        group_frequencies: (groups, K) class frequencies of each group.

    Raises:
        InputError: no source, or sources that differ in dimension, number of classes, number type or device.
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
            kind, first_kind = ((one.dtype, one.group_frequencies.device) for one in (source, sources[0]))
            if kind != first_kind:
                raise InputError(
                    f"sources: one has {kind[0]} on {kind[1]}, another {first_kind[0]} on {first_kind[1]}; give "
                    "sources of one number type on one device"
                )
        self._sources = _stacked(sources)
        self.groups = sum(source.groups for source in sources)
        self.dimension = sources[0].dimension
        self.size = max(source.size for source in sources)
        self.working_bytes = max(source.working_bytes for source in sources)
        self.dtype = sources[0].dtype
        self.source_of_group = tuple(place for place, source in enumerate(sources) for _ in range(source.groups))
        self.group_frequencies = torch.cat([source.group_frequencies for source in sources])

    @property
    def frequencies(self) -> torch.Tensor:
        """(K,) class frequencies common to the sources; InputError where they differ."""
        if not torch.equal(self.group_frequencies, self.group_frequencies[:1].expand(self.groups, -1)):
            raise InputError("frequencies: the sources differ in them; use group_frequencies")
        return self.group_frequencies[0]

    def batches(self, step: int) -> Iterator[Batch]:
        """The batches of the sources, one source after the other."""
        for source in self._sources:
            yield from source.batches(step)


class _Batches(Protocol):
    def batches(self, step: int) -> Iterator[Batch]: ...


@dataclass(frozen=True, eq=False)
class _FixedBatch:
    """One batch of several groups at every step."""

    batch: Batch

    def batches(self, step: int) -> Iterator[Batch]:
        del step
        yield self.batch


def _stacked(sources: Sequence[BatchSource]) -> tuple[_Batches, ...]:
    """The sources, with full batches of equal size that follow each other as one."""
    found: list[_Batches] = []
    for full_size, following in groupby(sources, lambda one: one.size if isinstance(one, FullBatch) else None):
        alike = list(following)
        if full_size is None or len(alike) == 1:
            found += alike
            continue
        batches = [batch for source in alike for batch in source.batches(0)]
        inputs = torch.cat([batch.inputs for batch in batches])
        found.append(_FixedBatch(Batch(inputs, torch.cat([batch.labels for batch in batches]))))
    return tuple(found)


def groups_together(groups: int, numbers: int) -> int:
    """How many groups of ``numbers`` input numbers each are drawn at once."""
    return min(groups, max(1, NUMBERS_AT_ONCE // numbers))


def groups_in_turns(groups: int, together: int) -> list[slice]:
    """The groups, up to ``together`` of them at a time."""
    return [slice(first, min(first + together, groups)) for first in range(0, groups, together)]


def _checked(inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The labels as int64 on the device of the inputs; InputError where inputs or labels are not fit for training."""
    for name, value in (("inputs", inputs), ("labels", labels)):
        if not isinstance(value, torch.Tensor):
            raise InputError(f"{name}: is a {type(value).__name__}; give a tensor of torch")
    if inputs.ndim != 2 or inputs.dtype not in DTYPES or inputs.shape[1] == 0:
        raise InputError(
            f"inputs: has shape {tuple(inputs.shape)} and type {inputs.dtype}; give a float matrix (n, D), float32 "
            "or float64"
        )
    if not bool(torch.isfinite(inputs).all()):
        raise InputError("inputs: holds NaN or infinite entries; give finite numbers")
    if labels.dtype not in _LABEL_TYPES:
        raise InputError(f"labels: has type {labels.dtype}; give integers from 0 on")
    classes = int(labels.max()) + 1 if labels.numel() else 0
    class_labels("labels", labels.cpu().numpy(), inputs.shape[0], classes)
    if classes < 2 or torch.unique(labels).numel() != classes:
        raise InputError(
            f"labels: some class among 0 to {classes - 1} is empty, or there is only one class; give 2 or more"
        )
    return labels.to(inputs.device, torch.int64)


def _frequencies(labels: torch.Tensor) -> torch.Tensor:
    return torch.bincount(labels).to(torch.float64) / labels.numel()
