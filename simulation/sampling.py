"""Samples of a data model: Gaussian classes with a common within-class covariance, in the eigenbasis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from theory import DataModel, InputError
from theory.validation import FloatArray, at_least, class_labels


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
        """(K,) class frequencies, float64."""


class GaussianSampler:
    """Draws from the Gaussian classes of a data model, in O(d K) operations a sample.

    With U, s the between-class directions and shares of the model (``class_shares``), the
    within-class covariance is Sigma^(1/2) (I - U diag(s) U^T) Sigma^(1/2), so a sample is
    mu_k + Sigma^(1/2) (g - U diag(1 - sqrt(1 - s)) U^T g) with g standard normal.

    Raises:
        InputError: no within-class covariance exists (the signal is too strong for the spectrum).
    """

    def __init__(self, model: DataModel, seed: int, dtype: torch.dtype = torch.float32) -> None:
        directions, shrink = _within_class_shrinkage(model)
        self._directions = torch.from_numpy(directions).to(dtype)
        self._shrunk = torch.from_numpy((directions * shrink).T.copy()).to(dtype)
        self._deviations = torch.from_numpy(np.sqrt(model.eigenvalues)).to(dtype)
        self._means = torch.from_numpy(model.means).to(dtype)
        self._frequencies = torch.from_numpy(model.frequencies)
        self._generator = torch.Generator().manual_seed(seed)
        self._dtype = dtype

    def draw(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """``count`` independent inputs (count, d) with labels (count,) drawn at their frequencies."""
        at_least("count", count, 1)
        labels = torch.multinomial(self._frequencies, count, replacement=True, generator=self._generator)
        return self.draw_for(labels), labels

    def draw_for(self, labels: torch.Tensor) -> torch.Tensor:
        """An independent input for each of ``labels`` (n,): (n, d)."""
        normal = torch.randn(len(labels), self._deviations.numel(), generator=self._generator, dtype=self._dtype)
        normal -= (normal @ self._directions) @ self._shrunk
        normal *= self._deviations
        normal += self._means[labels]
        return normal


def sample(
    model: DataModel, count: int, seed: int, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor]:
    """``count`` inputs (count, d) in the model's eigenbasis, with labels (count,).

    Raises:
        InputError: the model's signal is too strong for its spectrum, or count < 1.
    """
    return GaussianSampler(model, seed, dtype).draw(count)


def sample_with_exact_moments(model: DataModel, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A sample whose own class means and total covariance are the model's, to rounding.

    Gaussian draws are centred in each class and whitened before they take the model's shape, so that
    finite samples stand for the population: what is left to chance is W(0) alone.

    Args:
        model: a realisable model whose frequencies are multiples of 1 / count.
        count: number of samples, more than the dimension plus the number of classes.
        seed: of the draws.

    Returns:
        inputs (count, d) in the eigenbasis, float64, and labels (count,).

    Raises:
        InputError: too few samples, frequencies that do not fit, or a signal too strong.
    """
    members = np.rint(model.frequencies * count).astype(np.int64)
    if count <= model.dimension + model.classes or np.abs(members - model.frequencies * count).max() > 1e-6:
        raise InputError(
            f"count: {count} is not accepted; give a multiple of what makes all classes whole, above "
            f"{model.dimension + model.classes}"
        )
    directions, shrink = _within_class_shrinkage(model)
    labels = np.repeat(np.arange(model.classes), members)
    noise = np.random.default_rng(seed).standard_normal((count, model.dimension))
    one_hot = (labels[:, None] == np.arange(model.classes)).astype(np.float64)
    noise -= one_hot @ ((one_hot.T @ noise) / members[:, None])
    white = np.linalg.solve(np.linalg.cholesky(noise.T @ noise / count), noise.T).T
    white -= ((white @ directions) * shrink) @ directions.T
    inputs = white * np.sqrt(model.eigenvalues) + model.means[labels]
    return torch.from_numpy(inputs), torch.from_numpy(labels)


def _within_class_shrinkage(model: DataModel) -> tuple[FloatArray, FloatArray]:
    """Directions U (d, q) and 1 - sqrt(1 - s) (q,), by which noise within classes is less than the total.

    Raises:
        InputError: no sample can have the model's moments.
    """
    directions, shares = model.class_shares
    if not model.is_realisable:
        raise InputError(
            f"model: its classes hold {shares[0]:.3g} times the variance that exists in a direction and no samples "
            f"have such moments; scale the signal by at most {1 / np.sqrt(shares[0]):.3g} (with_signal_scaled)"
        )
    return directions, 1 - np.sqrt(np.maximum(1 - shares, 0.0))


class FullBatch:
    """All of a data set at every step, for all replicas."""

    groups = 1

    def __init__(self, inputs: torch.Tensor, labels: torch.Tensor) -> None:
        known = _checked(inputs, labels)
        self._batch = Batch((inputs,), (known,))
        self.dimension = int(inputs.shape[1])
        self.frequencies = _frequencies(known)

    def batch(self, step: int) -> Batch:
        """The whole data set."""
        del step
        return self._batch


class MiniBatches:
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
        self.groups = at_least("groups", groups, 1)
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
        self.dimension = int(inputs.shape[1])
        self.frequencies = _frequencies(self._labels)

    def batch(self, step: int) -> Batch:
        """Block (step + an offset of the group) of the current epoch, for each group."""
        position = step % self._blocks
        if position == 0:
            order = torch.randperm(self._labels.shape[0], generator=self._generator)
            torch.index_select(self._inputs, 0, order, out=self._shuffled_inputs)
            self._shuffled_labels = self._labels[order]
        blocks = [(position + group * self._blocks // self.groups) % self._blocks for group in range(self.groups)]
        rows = [slice(block * self._size, (block + 1) * self._size) for block in blocks]
        return Batch(
            tuple(self._shuffled_inputs[chosen] for chosen in rows),
            tuple(self._shuffled_labels[chosen] for chosen in rows),
        )


class FreshSamples:
    """New samples of a data model at every step, of its own for each replica: the population limit."""

    def __init__(
        self, model: DataModel, size: int, replicas: int, seed: int, dtype: torch.dtype = torch.float32
    ) -> None:
        self._sampler = GaussianSampler(model, seed, dtype)
        self._size = at_least("size", size, 1)
        self.groups = at_least("replicas", replicas, 1)
        self.dimension = model.dimension
        self.frequencies = torch.from_numpy(model.frequencies)

    def batch(self, step: int) -> Batch:
        """``size`` inputs never seen before, for each replica."""
        del step
        inputs, labels = self._sampler.draw(self.groups * self._size)
        return Batch(torch.split(inputs, self._size), torch.split(labels, self._size))


def _checked(inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The labels as int64; InputError where inputs or labels are not fit for training."""
    if inputs.ndim != 2 or not inputs.is_floating_point():
        raise InputError(f"inputs: has shape {tuple(inputs.shape)} and type {inputs.dtype}; give a float matrix (n, D)")
    if not bool(torch.isfinite(inputs).all()):
        raise InputError("inputs: holds NaN or infinite entries; give finite numbers")
    classes = int(labels.max()) + 1 if labels.numel() else 0
    class_labels("labels", labels.numpy(), inputs.shape[0], classes)
    if classes < 2 or torch.unique(labels).numel() != classes:
        raise InputError(f"labels: some class among 0 to {classes - 1} is empty or there is one only; give 2 or more")
    return labels.to(torch.int64)


def _frequencies(labels: torch.Tensor) -> torch.Tensor:
    return torch.bincount(labels).to(torch.float64) / labels.numel()
