"""Decoders trained by gradient descent on frozen activations: the published way to measure reconstruction.

Schneider & Prabhushankar (AAAI 2024, arXiv 2312.06887) train a linear decoder for 20 epochs with Adam (3e-4, weight
decay 1e-5, batch 128). It need not have converged; the exact decoder of ``reconstruction_probe`` shows how far it is
from the optimum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from theory import InputError
from theory.progress import Progress, silent
from theory.validation import at_least, non_negative, positive

#: Batches of activations (n, p) with the inputs (n, D) or (n, ...) that gave them.
Pairs = Iterable[tuple[Tensor, Tensor]]

#: The batches of an epoch, given its number from 0. They may come from memory or be recomputed.
Epochs = Callable[[int], Pairs]


@dataclass(frozen=True)
class DecoderTraining:
    """The training of a decoder, as published by default.

    Attributes:
        epochs: passes over the activations, at least 1.
        learning_rate: of Adam, positive.
        weight_decay: L2 penalty in Adam's gradient, at least 0.
    """

    epochs: int = 20
    learning_rate: float = 3e-4
    weight_decay: float = 1e-5

    def __post_init__(self) -> None:
        at_least("epochs", self.epochs, 1)
        positive("learning_rate", self.learning_rate)
        non_negative("weight_decay", self.weight_decay)


#: Samples per step in the published training.
PUBLISHED_BATCH = 128


def linear_decoder(features: int, coordinates: int, seed: int) -> nn.Linear:
    """A linear layer from p to D with bias, at PyTorch's initial distribution.

    Args:
        features: p, at least 1.
        coordinates: D, at least 1.
        seed: of the initial weights, which depend on nothing else.
    """
    sizes = at_least("features", features, 1), at_least("coordinates", coordinates, 1)
    with _drawn_from(seed):
        return nn.Linear(*sizes)


def convolutional_decoder(features: int, channels: int, side: int, seed: int) -> nn.Sequential:
    """From p to flattened images: 64 maps of side/8, doubled in size three times.

    Transposed convolutions: p -> 64 maps of side/8 (the whole activation at once), then 4 x 4 kernels of stride 2 to
    32, 16 and ``channels`` maps; ReLU between them, none at the end. The output is in the order of flattened images.

    Args:
        features: number of features p.
        channels: of the images.
        side: of the square images in pixels, a multiple of 8.
        seed: of the initial weights.

    Raises:
        InputError: sizes out of range.
    """
    at_least("features", features, 1)
    at_least("channels", channels, 1)
    if at_least("side", side, 8) % 8:
        raise InputError(f"side: {side} is not accepted; give a multiple of 8")
    with _drawn_from(seed):
        return nn.Sequential(
            nn.Unflatten(1, (features, 1, 1)),
            nn.ConvTranspose2d(features, 64, side // 8),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, channels, 4, stride=2, padding=1),
            nn.Flatten(),
        )


def shuffled_epochs(activations: Tensor, inputs: Tensor, size: int, seed: int) -> Epochs:
    """Batches of cached activations (n, p) with inputs (n, ...), in a new order each epoch.

    The order depends on ``seed`` and the number of the epoch alone.

    Args:
        activations: (n, p).
        inputs: (n, ...).
        size: rows per batch, at least 1.
        seed: at least 0.

    Raises:
        InputError: different numbers of rows, none, or a size below 1.
    """
    count = activations.shape[0]
    if inputs.shape[0] != count or count == 0:
        raise InputError(f"inputs: {inputs.shape[0]} rows, but {count} of activations; give as many, at least one")
    rows_per_step, key = at_least("size", size, 1), at_least("seed", seed, 0)

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.from_numpy(np.random.default_rng([key, epoch]).permutation(count))
        for start in range(0, count, rows_per_step):
            rows = order[start : start + rows_per_step]
            yield activations[rows.to(activations.device)], inputs[rows.to(inputs.device)]

    return batches


def train_decoder(
    decoder: nn.Module, epochs: Epochs, training: DecoderTraining, progress: Progress = silent
) -> tuple[float, ...]:
    """Train ``decoder`` in place to reconstruct inputs from activations, by their mean squared error.

    Args:
        decoder: maps (n, p) to (n, D); batches are moved to its device. Nothing else is trained: activations take
            no gradient.
        epochs: the batches of each epoch.
        training: number of epochs, learning rate and weight decay.
        progress: shows how many epochs are done.

    Returns:
        Mean squared error per input coordinate over each epoch, measured while it was trained.

    Raises:
        InputError: no batch, shapes that do not fit, or a loss that is not finite.
    """
    # Fused: one pass over the weights per step instead of several, the same but for rounding.
    optimiser = torch.optim.Adam(
        decoder.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay, fused=True
    )
    decoder.train()
    losses: list[float] = []
    for epoch in progress(range(training.epochs)):
        mean = _Mean()
        for activations, inputs in _on_device_of(decoder, epochs(epoch)):
            loss = nn.functional.mse_loss(_reconstructed(decoder, activations, inputs), inputs)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            mean.add(loss.detach(), inputs.numel())
        losses.append(mean.value(f"epoch {epoch}"))
    return tuple(losses)


def held_out_error(decoder: nn.Module, pairs: Pairs) -> float:
    """Mean squared error per input coordinate on samples that the decoder was not trained on.

    Args:
        decoder: in evaluation mode afterwards.
        pairs: batches of activations and inputs.

    Raises:
        InputError: no batch, shapes that do not fit, or an error that is not finite.
    """
    decoder.eval()
    mean = _Mean()
    with torch.no_grad():
        for activations, inputs in _on_device_of(decoder, pairs):
            error = nn.functional.mse_loss(_reconstructed(decoder, activations, inputs), inputs)
            mean.add(error, inputs.numel())
    return mean.value("held-out samples")


class _Mean:
    """A mean over batches of different sizes, in float64."""

    def __init__(self) -> None:
        self._total, self._entries = 0.0, 0

    def add(self, mean: Tensor, entries: int) -> None:
        """A batch of ``entries`` coordinates with this mean."""
        self._total += float(mean) * entries
        self._entries += entries

    def value(self, where: str) -> float:
        """Over all batches."""
        if self._entries == 0:
            raise InputError("pairs: none was given; give at least one batch")
        mean = self._total / self._entries
        if not math.isfinite(mean):
            raise InputError(f"pairs: the error is {mean} ({where}); give finite numbers or a smaller learning_rate")
        return mean


def _on_device_of(decoder: nn.Module, pairs: Pairs) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs in the decoder's precision, with flat inputs."""
    first = next(decoder.parameters())
    for activations, inputs in pairs:
        if activations.shape[0] != inputs.shape[0] or activations.ndim != 2:
            shapes = f"{tuple(activations.shape)} and {tuple(inputs.shape)}"
            raise InputError(f"pairs: shapes {shapes} do not fit; give activations (n, p) and inputs (n, ...)")
        yield (
            activations.detach().to(first.device, first.dtype),
            inputs.detach().flatten(1).to(first.device, first.dtype),
        )


def _reconstructed(decoder: nn.Module, activations: Tensor, inputs: Tensor) -> Tensor:
    try:
        found: Tensor = decoder(activations)
    except RuntimeError as fault:
        reason = str(fault).splitlines()[0]
        raise InputError(f"decoder: refuses activations of shape {tuple(activations.shape)} ({reason})") from None
    if found.shape != inputs.shape:
        raise InputError(f"decoder: gives shape {tuple(found.shape)}; give one that returns {tuple(inputs.shape)}")
    return found


@contextmanager
def _drawn_from(seed: int) -> Iterator[None]:
    """Initial weights from ``seed``, which leaves torch's own generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(at_least("seed", seed, 0))
        yield
