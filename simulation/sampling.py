"""Samples of a data model: Gaussian classes with a common within-class covariance, in the eigenbasis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from theory import DataModel, InputError
from theory.validation import at_least, class_labels


@dataclass(frozen=True, eq=False)
class Batch:
    """Inputs and labels of one step: (n, d) and (n,), or (replica, n, d) and (replica, n) where
    each replica sees samples of its own.
    """

    inputs: torch.Tensor
    labels: torch.Tensor


class BatchSource(Protocol):
    """What a network trains on: the batch of each step, and the model dimensions."""

    def batch(self, step: int) -> Batch:
        """The batch of step 0, 1, 2, ...; asked for in order, once each."""

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
        directions, shares = model.class_shares
        if not model.is_realisable:
            raise InputError(
                f"model: its classes hold {shares[0]:.3g} times the variance that exists in a direction and no samples "
                f"have such moments; scale the signal by at most {1 / np.sqrt(shares[0]):.3g} (with_signal_scaled)"
            )
        self._directions = torch.from_numpy(directions).to(dtype)
        shrink = 1 - np.sqrt(np.maximum(1 - shares, 0.0))
        self._shrunk = torch.from_numpy((directions * shrink).T.copy()).to(dtype)
        self._deviations = torch.from_numpy(np.sqrt(model.eigenvalues)).to(dtype)
        self._means = torch.from_numpy(model.means).to(dtype)
        self._frequencies = torch.from_numpy(model.frequencies)
        self._generator = torch.Generator().manual_seed(seed)
        self._dtype = dtype

    def draw(self, count: int) -> Batch:
        """``count`` independent inputs (count, d) with labels (count,) drawn at their frequencies."""
        at_least("count", count, 1)
        labels = torch.multinomial(self._frequencies, count, replacement=True, generator=self._generator)
        normal = torch.randn(count, self._deviations.numel(), generator=self._generator, dtype=self._dtype)
        normal -= (normal @ self._directions) @ self._shrunk
        normal *= self._deviations
        normal += self._means[labels]
        return Batch(normal, labels)


def sample(model: DataModel, count: int, seed: int, dtype: torch.dtype = torch.float32) -> Batch:
    """``count`` inputs (count, d) in the model's eigenbasis, with labels (count,).

    Raises:
        InputError: the model's signal is too strong for its spectrum, or count < 1.
    """
    return GaussianSampler(model, seed, dtype).draw(count)


class FullBatch:
    """All of a data set at every step."""

    def __init__(self, inputs: torch.Tensor, labels: torch.Tensor) -> None:
        self._batch = _checked(inputs, labels)
        self._frequencies = _frequencies(self._batch.labels)

    def batch(self, step: int) -> Batch:
        """The whole data set."""
        del step
        return self._batch

    @property
    def dimension(self) -> int:
        """Number of input coordinates D."""
        return int(self._batch.inputs.shape[1])

    @property
    def frequencies(self) -> torch.Tensor:
        """(K,) class frequencies of the data set."""
        return self._frequencies


class MiniBatches:
    """Mini-batches of a data set without replacement, shuffled anew each epoch, the same for all
    replicas. A last incomplete batch of an epoch is left out.
    """

    def __init__(self, inputs: torch.Tensor, labels: torch.Tensor, size: int, seed: int) -> None:
        self._data = _checked(inputs, labels)
        count = int(labels.shape[0])
        if not 1 <= size <= count:
            raise InputError(f"batch_size: {size} is not accepted; give 1 to {count}, the number of inputs")
        self._size = size
        self._generator = torch.Generator().manual_seed(seed)
        self._order = torch.empty(0, dtype=torch.int64)
        self._frequencies = _frequencies(self._data.labels)

    def batch(self, step: int) -> Batch:
        """The next ``size`` inputs of the current epoch."""
        per_epoch = self._data.labels.shape[0] // self._size
        position = step % per_epoch
        if position == 0:
            self._order = torch.randperm(self._data.labels.shape[0], generator=self._generator)
        chosen = self._order[position * self._size : (position + 1) * self._size]
        return Batch(self._data.inputs[chosen], self._data.labels[chosen])

    @property
    def dimension(self) -> int:
        """Number of input coordinates D."""
        return int(self._data.inputs.shape[1])

    @property
    def frequencies(self) -> torch.Tensor:
        """(K,) class frequencies of the whole data set."""
        return self._frequencies


class FreshSamples:
    """New samples of a data model at every step, of its own for each replica: the population limit."""

    def __init__(
        self, model: DataModel, size: int, replicas: int, seed: int, dtype: torch.dtype = torch.float32
    ) -> None:
        self._sampler = GaussianSampler(model, seed, dtype)
        self._size = at_least("size", size, 1)
        self._replicas = at_least("replicas", replicas, 1)
        self._dimension = model.dimension
        self._frequencies = torch.from_numpy(model.frequencies)

    def batch(self, step: int) -> Batch:
        """(replica, size, d) inputs never seen before."""
        del step
        drawn = self._sampler.draw(self._replicas * self._size)
        return Batch(
            drawn.inputs.view(self._replicas, self._size, -1),
            drawn.labels.view(self._replicas, self._size),
        )

    @property
    def dimension(self) -> int:
        """Number of coordinates d of the eigenbasis."""
        return self._dimension

    @property
    def frequencies(self) -> torch.Tensor:
        """(K,) class frequencies of the model."""
        return self._frequencies


def _checked(inputs: torch.Tensor, labels: torch.Tensor) -> Batch:
    if inputs.ndim != 2 or not inputs.is_floating_point():
        raise InputError(f"inputs: has shape {tuple(inputs.shape)} and type {inputs.dtype}; give a float matrix (n, d)")
    if not bool(torch.isfinite(inputs).all()):
        raise InputError("inputs: holds NaN or infinite entries; give finite numbers")
    classes = int(labels.max()) + 1 if labels.numel() else 0
    class_labels("labels", labels.numpy(), inputs.shape[0], classes)
    if torch.unique(labels).numel() != classes or classes < 2:
        raise InputError(f"labels: some class among 0 to {classes - 1} is empty or there is one only; give 2 or more")
    return Batch(inputs, labels.to(torch.int64))


def _frequencies(labels: torch.Tensor) -> torch.Tensor:
    return torch.bincount(labels).to(torch.float64) / labels.numel()
